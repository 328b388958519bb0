package tests

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner"
	"waybill/runner/compile"
	"waybill/runner/encode"
	"waybill/runner/engine"
	"waybill/runner/state"
	"waybill/runner/transform"
)

// A rehearsal is a run of a test's pipeline in one compute job, up to what it
// would deliver. Unlike a run it goes on after a failure wherever that is
// possible, so that a test sees all of it.
type rehearsal struct {
	test *Test
	job  engine.Job
	dir  string

	failed     map[string]*problem.Problem // steps that end the run
	violated   map[string]*problem.Problem // checks with violations, fatal or not
	conditions map[string]runner.ConditionAnswer
	schemas    map[string]dataset.Schema // relations that could be computed
	sinks      map[string]*delivery
	done       map[string]bool // steps that were gone through to their end
}

// delivery is what a sink would deliver.
type delivery struct {
	output  compile.Output
	keys    []string
	path    string // of the file; empty if there is none
	rows    int64
	nothing string // why there is no file
}

func newRehearsal(t *Test, job engine.Job, dir string) *rehearsal {
	return &rehearsal{test: t, job: job, dir: dir,
		failed: map[string]*problem.Problem{}, violated: map[string]*problem.Problem{}, conditions: map[string]runner.ConditionAnswer{},
		schemas: map[string]dataset.Schema{}, sinks: map[string]*delivery{}, done: map[string]bool{}}
}

// run goes through the steps in the order in which a run does. An error means
// that ctx ended.
func (r *rehearsal) run(ctx context.Context) error {
	work := map[string]func(context.Context, *compile.Step) error{
		compile.Source: r.source, compile.Transform: r.transform, compile.Check: r.check, compile.Condition: r.condition, compile.Sink: r.sink,
	}
	for _, families := range [][]string{{compile.Source, compile.Transform}, {compile.Check}, {compile.Condition}, {compile.Sink}} {
		for _, s := range r.test.Pipeline.Steps {
			if !slices.Contains(families, s.Family) || r.blocked(s) != "" {
				continue
			}
			if err := r.ready(s); err != nil {
				r.failed[s.Address] = runner.Locate(r.test.bound, s.Address, err)
				continue
			}
			err := work[s.Family](ctx, s)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			r.done[s.Address] = err == nil
			if err != nil {
				r.failed[s.Address] = runner.Locate(r.test.bound, s.Address, err)
			}
		}
	}
	return nil
}

// blocked tells why a step cannot be gone through; empty if it can.
func (r *rehearsal) blocked(s *compile.Step) string {
	for _, in := range s.Inputs {
		if r.schemas[in] == nil {
			return in + " could not be computed"
		}
	}
	if s.Family != compile.Sink {
		return ""
	}
	for _, other := range r.test.Pipeline.Steps {
		if r.failed[other.Address] != nil && other.Family != compile.Sink {
			return other.Address + " failed"
		}
	}
	for _, other := range r.test.Pipeline.Steps {
		if c, ok := r.conditions[other.Address]; ok && !c.Met {
			return other.Address + " does not hold: " + c.Says
		}
	}
	return ""
}

// ready refuses steps whose statement depends on what the environment lacks.
// Sinks and sources are looked at closer: the test has no use for most of what
// they say.
func (r *rehearsal) ready(s *compile.Step) error {
	if s.Family == compile.Source || s.Family == compile.Sink || r.test.bound.Ready(s.Address) {
		return nil
	}
	return unread(problem.New("unset-variable", s.Address+" depends on an environment variable", nil))
}

// unread says what to do about an environment variable in a test.
func unread(err error) error {
	p := problem.As(err)
	if p == nil || p.Code != "unset-variable" {
		return err
	}
	out := *p
	out.Remedy = []string{"Tests read no environment: use a variable, and give it a value in the test's variables."}
	return &out
}

func (r *rehearsal) at(parts ...string) string {
	return filepath.Join(append([]string{r.dir}, parts...)...)
}

// source reads the given data as the source's own. Text is read whole here, so
// that a mistake in it is the source's and not that of whoever reads it.
func (r *rehearsal) source(ctx context.Context, s *compile.Step) error {
	ds, err := r.test.given[s.Address].write(r.at("given", s.Address))
	if err != nil {
		return problem.New("file-write-failed", "the test's data cannot be written", err)
	}
	if ds.Format == dataset.NDJSON && len(ds.Files) > 0 {
		if ds, err = r.binary(ctx, s, ds); err != nil {
			return err
		}
	}
	schema, err := runner.AttachSource(ctx, r.job, s, r.test.bound.Contract(s.Address), ds)
	if err != nil {
		return err
	}
	if ds.Format != dataset.Parquet && len(ds.Files) > 0 {
		if _, err := r.job.Freeze(ctx, s.Address, r.at("frozen", s.Address)); err != nil {
			return err
		}
	}
	r.schemas[s.Address] = schema
	return nil
}

// binary makes binary data of the hexadecimal digits that stand for it in rows:
// JSON has no words for it.
func (r *rehearsal) binary(ctx context.Context, s *compile.Step, ds dataset.Dataset) (dataset.Dataset, error) {
	asText := slices.Clone(ds.Schema)
	selects := make([]string, len(ds.Schema))
	found := false
	for i, c := range ds.Schema {
		selects[i] = ident(c.Name)
		if canonicalType(c.Type) == "varbinary" {
			found, asText[i].Type, selects[i] = true, "varchar", "unhex("+ident(c.Name)+") AS "+ident(c.Name)
		}
	}
	if !found {
		return ds, nil
	}
	const digits, bytes = "digits:", "bytes:"
	ds.Schema = asText
	if _, err := r.job.Attach(ctx, digits, ds); err != nil {
		return ds, err
	}
	if _, err := r.job.Define(ctx, bytes, "SELECT "+strings.Join(selects, ", ")+" FROM "+ident(digits), []string{digits}); err != nil {
		return ds, err
	}
	return r.job.Freeze(ctx, bytes, r.at("bytes", s.Address))
}

// transform computes all rows at once, so that all who read them see the same.
func (r *rehearsal) transform(ctx context.Context, s *compile.Step) error {
	query, err := r.test.bound.SQL(s.Address)
	if err != nil {
		return err
	}
	schema, err := r.job.Define(ctx, s.Address, query, s.Inputs)
	if err != nil {
		return err
	}
	if _, err := r.job.Freeze(ctx, s.Address, r.at("frozen", s.Address)); err != nil {
		return err
	}
	r.schemas[s.Address] = schema
	return nil
}

func (r *rehearsal) check(ctx context.Context, s *compile.Step) error {
	answer, err := runner.AskCheck(ctx, r.job, r.test.bound, s)
	if err != nil {
		return err
	}
	if answer.Violations == 0 {
		return nil
	}
	r.violated[s.Address] = runner.Locate(r.test.bound, s.Address, answer.Problem)
	if answer.Fatal {
		return answer.Problem
	}
	return nil
}

// condition asks a condition as the first run of a pipeline does: there is
// nothing to compare with.
func (r *rehearsal) condition(ctx context.Context, s *compile.Step) error {
	answer, err := runner.AskCondition(ctx, r.job, r.test.bound, s, func(context.Context) (state.Baseline, error) { return state.Baseline{}, nil })
	if err == nil {
		r.conditions[s.Address] = answer
	}
	return err
}

// sink writes and verifies the files that a sink would deliver.
func (r *rehearsal) sink(ctx context.Context, s *compile.Step) error {
	out, err := r.test.bound.Output(s.Address)
	if err != nil {
		return unread(err)
	}
	columns, _, err := r.job.Preview(ctx, out.Input, 0)
	if err != nil {
		return err
	}
	if names := r.test.bound.Exposed(s.Address, columns); len(names) > 0 {
		return compile.SensitiveColumns(s.Address, out.Input, names)
	}
	if out.Mode == "diff" { // with nothing before it, all rows are new
		first := "first:" + s.Address
		query := fmt.Sprintf(`SELECT *, 'added' AS %q FROM "%s"`, transform.ChangeColumn, strings.ReplaceAll(out.Input, `"`, `""`))
		if r.schemas[first], err = r.job.Define(ctx, first, query, []string{out.Input}); err != nil {
			return err
		}
		out.Input = first
	}
	dir := r.at("out", s.Address)
	if err := makeDir(dir); err != nil {
		return err
	}
	out.Format.PGP = nil // the key may come from the environment, which a test does not read
	done, err := r.job.ExportFiles(ctx, engine.ExportFiles{Relation: out.Input, Dir: dir, Format: out.Format, OrderBy: out.OrderBy,
		Layout: engine.Layout{MaxRows: out.MaxFileRows, MaxSize: out.MaxFileSize, PartitionBy: out.PartitionBy},
		Key: func(number int, partition string) (string, error) {
			return r.test.bound.FileName(s.Address, number, partition)
		}})
	if err != nil {
		return err
	}
	d := &delivery{output: out, rows: done.Rows()}
	r.sinks[s.Address] = d
	if d.rows == 0 {
		if err := runner.Empty(s, out); errors.Is(err, runner.ErrNothing) {
			d.nothing = out.Input + " has no rows"
			return nil
		} else if err != nil {
			return err
		}
	}
	for _, f := range done.Files {
		key, err := r.test.bound.FileName(s.Address, f.Number, f.Partition)
		if err != nil {
			return err
		}
		d.keys = append(d.keys, key)
	}
	if len(done.Files) == 1 {
		d.path = filepath.Join(dir, done.Files[0].Name)
	}
	for _, key := range []string{out.ManifestKey, out.SuccessKey} {
		if key != "" {
			d.keys = append(d.keys, key)
		}
	}
	return nil
}

// sorted gives a sink's rows in the order of its file, as a relation of their
// own: those that went into the file, whatever its format can say of them.
func (r *rehearsal) sorted(ctx context.Context, address string, d *delivery) (string, error) {
	if len(d.output.OrderBy) == 0 {
		return d.output.Input, nil
	}
	name := "sorted:" + address
	dir := r.at("sorted", address)
	if err := makeDir(dir); err != nil {
		return "", err
	}
	const file = "rows.parquet"
	out, err := r.job.Export(ctx, engine.Export{Relation: d.output.Input, Path: filepath.Join(dir, file), Format: encode.Default(encode.Parquet), OrderBy: d.output.OrderBy})
	if err != nil {
		return "", err
	}
	ds := dataset.Dataset{Dir: dir, Format: dataset.Parquet, Schema: out.Schema, Rows: out.Rows, Files: []dataset.File{{Name: file, Size: out.Size, Rows: out.Rows}}}
	if _, err := r.job.Attach(ctx, name, ds); err != nil {
		return "", err
	}
	return name, nil
}

// whyNot tells why a step has no result; empty if it has one.
func (r *rehearsal) whyNot(s *compile.Step) string {
	if p := r.failed[s.Address]; p != nil {
		return fmt.Sprintf("it failed: %s", strings.TrimSuffix(p.Summary, "."))
	}
	return r.blocked(s)
}
