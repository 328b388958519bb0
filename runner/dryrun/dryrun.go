// Package dryrun carries a pipeline out up to the point where it would deliver:
// sources are asked for a part of their rows, SQL runs, checks and conditions
// are answered, files are encoded and verified, and then all of it is thrown
// away. It has no store: nothing that a real run decides by is changed.
package dryrun

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/state"
	"waybill/sources"
)

// Options say what is carried out.
type Options struct {
	Pipeline *compile.Pipeline
	Settings compile.Settings
	Run      compile.RunValues
	// Limit is how many rows of each source are used; 0: all.
	Limit int64
	// Rows is how many rows are shown of each relation that is shown, at most
	// 1000.
	Rows int
	// Only is the address of the one step that is wanted, with what it reads
	// from; empty: all.
	Only string
	// Dir is an existing directory for the run's files, which it leaves behind.
	Dir string

	StartJob      func(context.Context, engine.Options) (engine.Job, error)
	EngineCommand []string
	// Progress may be nil.
	Progress func(address string, p sources.Progress)
	// Done is called with each step that has come to its end; it may be nil.
	Done func(Step)
}

// A Step is what came of one step.
type Step struct {
	Address string `json:"address"`
	Kind    string `json:"kind"`
	Status  string `json:"status"` // "succeeded", "failed", "skipped"
	// Reason says why it was skipped, or what a check or a condition found.
	Reason  string           `json:"reason,omitempty"`
	Problem *problem.Problem `json:"problem,omitempty"`
	Rows    int64            `json:"rows"` // -1: not counted
	Cut     bool             `json:"cut,omitempty"`
	Columns dataset.Schema   `json:"columns,omitempty"`
	Hidden  []string         `json:"hidden,omitempty"` // columns whose values are not shown
	// Sample are the first rows of what a sink would deliver, or of the step that
	// was asked for; NULL is nil.
	Sample [][]*string   `json:"sample,omitempty"`
	Files  []File        `json:"files,omitempty"` // of a sink
	Took   time.Duration `json:"took"`
}

// A File is one that a sink would have delivered.
type File struct {
	Name string `json:"name"` // where it would go: "s3://acme-inbox/a.csv"
	Size int64  `json:"size"`
	Rows int64  `json:"rows"`
}

// Succeeded and so on are a step's states, as a run's steps have them.
const (
	Succeeded = string(state.Succeeded)
	Failed    = string(state.Failed)
	Skipped   = string(state.Skipped)
)

// Run carries a pipeline out. Failures of steps are in the steps; an error means
// that the run as a whole could not be carried out, or that ctx ended.
func Run(ctx context.Context, o Options) (_ []Step, err error) {
	bound, err := o.Pipeline.Bind(o.Run)
	if err != nil {
		return nil, err
	}
	e := o.Settings.Engine
	job, err := o.StartJob(ctx, engine.Options{Command: o.EngineCommand, Dir: o.Dir, MemoryLimit: e.MemoryLimit, Threads: int(e.Threads), MaxTempSize: e.MaxTempSize})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, job.Close()) }()
	d := &dryRun{Options: o, bound: bound, job: job, done: map[string]*Step{}}
	return d.run(ctx)
}

type dryRun struct {
	Options
	bound *compile.Bound
	job   engine.Job
	done  map[string]*Step
}

// run goes through the steps in the order of the graph, and looks at the sinks
// last: they come after all checks and conditions, as in a run.
func (d *dryRun) run(ctx context.Context) ([]Step, error) {
	var out []Step
	wanted := d.wanted()
	for _, sinks := range []bool{false, true} {
		for _, s := range d.Pipeline.Steps {
			if (s.Family == compile.Sink) != sinks || !wanted[s.Address] {
				continue
			}
			began := time.Now()
			step := &Step{Address: s.Address, Kind: s.Kind, Status: Succeeded, Rows: -1}
			d.done[s.Address] = step
			if why := d.blocked(s); why != "" {
				step.Status, step.Reason = Skipped, why
			} else if err := d.step(ctx, s, step); err != nil {
				if ctx.Err() != nil {
					return out, context.Cause(ctx)
				}
				step.Status, step.Problem = Failed, runner.Locate(d.bound, s.Address, err)
			}
			step.Took = time.Since(began)
			if out = append(out, *step); d.Done != nil {
				d.Done(*step)
			}
		}
	}
	return out, nil
}

// wanted are the steps to go through: all, or one and what it reads from.
func (d *dryRun) wanted() map[string]bool {
	out := map[string]bool{}
	var visit func(address string)
	visit = func(address string) {
		s := d.Pipeline.Step(address)
		if s == nil || out[address] {
			return
		}
		out[address] = true
		for _, in := range s.Inputs {
			visit(in)
		}
	}
	for _, s := range d.Pipeline.Steps {
		if d.Only == "" || d.Only == s.Address {
			visit(s.Address)
		}
	}
	return out
}

// blocked says why a step cannot be gone through; empty if it can. A sink is
// held back by whatever failed, and by conditions.
func (d *dryRun) blocked(s *compile.Step) string {
	for _, in := range s.Inputs {
		if p := d.done[in]; p.Status != Succeeded {
			return in + " " + p.Status
		}
	}
	if s.Family != compile.Sink {
		return ""
	}
	for _, other := range d.Pipeline.Steps {
		if p := d.done[other.Address]; p != nil && p.Status == Failed && other.Family != compile.Sink {
			return other.Address + " failed"
		}
	}
	for _, other := range d.Pipeline.Steps {
		if p := d.done[other.Address]; p != nil && other.Family == compile.Condition && p.Status == Skipped && !strings.HasPrefix(p.Reason, notAsked) {
			return other.Address + " is not met: " + p.Reason
		}
	}
	return ""
}

func (d *dryRun) step(ctx context.Context, s *compile.Step, step *Step) error {
	switch s.Family {
	case compile.Wait:
		step.Status, step.Reason = Skipped, "a dry run waits for nothing"
		return nil
	case compile.Source:
		return d.source(ctx, s, step)
	case compile.Transform:
		return d.transform(ctx, s, step)
	case compile.Check:
		return d.check(ctx, s, step)
	case compile.Condition:
		return d.condition(ctx, s, step)
	}
	return d.sink(ctx, s, step)
}

// dir makes a directory for a step's files.
func (d *dryRun) dir(parts ...string) (string, error) {
	dir := filepath.Join(append([]string{d.Dir}, parts...)...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", problem.New("file-write-failed", "there is no room for the files of a dry run", err)
	}
	return dir, nil
}

// source brings a source's rows, as many as are wanted. A source may bring
// more than it was asked for.
func (d *dryRun) source(ctx context.Context, s *compile.Step, step *Step) error {
	source, err := d.bound.Source(s.Address)
	if err != nil {
		return err
	}
	dir, err := d.dir("source", s.Address)
	if err != nil {
		return err
	}
	ds, err := source.Extract(ctx, sources.Request{Dir: dir, Attempt: "dry-run-" + strings.ToLower(rand.Text()), Limit: d.Limit,
		Save: func(context.Context, []byte) error { return nil },
		Progress: func(p sources.Progress) {
			if d.Progress != nil {
				d.Progress(s.Address, p)
			}
		}})
	if err != nil {
		return err
	}
	name := *s
	if d.Limit > 0 {
		name.Address = "all:" + s.Address
	}
	if step.Columns, err = runner.AttachSource(ctx, d.job, &name, d.bound.Contract(s.Address), ds); err != nil {
		return err
	}
	if d.Limit > 0 {
		query := fmt.Sprintf("SELECT * FROM %s LIMIT %d", ident(name.Address), d.Limit)
		if _, err := d.job.Define(ctx, s.Address, query, []string{name.Address}); err != nil {
			return err
		}
	}
	return d.settle(ctx, s, step)
}

// settle fixes a relation's rows, so that all who read them see the same, and
// counts them.
func (d *dryRun) settle(ctx context.Context, s *compile.Step, step *Step) error {
	dir, err := d.dir("frozen")
	if err != nil {
		return err
	}
	ds, err := d.job.Freeze(ctx, s.Address, filepath.Join(dir, s.Address))
	if err != nil {
		return err
	}
	step.Rows = ds.Rows
	step.Cut = d.Limit > 0 && s.Family == compile.Source && ds.Rows == d.Limit
	if d.Only == s.Address {
		return d.show(ctx, s.Address, s.Address, step)
	}
	return nil
}

// show takes the first rows of a relation, without the values of columns that
// are marked as sensitive.
func (d *dryRun) show(ctx context.Context, owner, relation string, step *Step) error {
	schema, rows, err := d.job.Preview(ctx, relation, d.Rows)
	if err != nil {
		return err
	}
	step.Columns, step.Sample = schema, rows
	step.Hidden = d.bound.Sensitive(owner, schema)
	runner.Hide(rows, schema, step.Hidden)
	return nil
}

func (d *dryRun) transform(ctx context.Context, s *compile.Step, step *Step) error {
	query, err := d.bound.SQL(s.Address)
	if err != nil {
		return err
	}
	if step.Columns, err = d.job.Define(ctx, s.Address, query, s.Inputs); err != nil {
		return err
	}
	return d.settle(ctx, s, step)
}

func (d *dryRun) check(ctx context.Context, s *compile.Step, step *Step) error {
	answer, err := runner.AskCheck(ctx, d.job, d.bound, s)
	switch {
	case err != nil:
		return err
	case answer.Violations == 0:
		step.Reason = "holds"
		return nil
	case answer.Fatal:
		return answer.Problem
	}
	step.Reason = answer.Problem.Summary
	return nil
}

// notAsked begins the reason of a condition that a dry run cannot answer.
const notAsked = "not asked"

// condition asks a condition. What compares with earlier runs is answered as in
// the first run, and not at all where rows were cut off.
func (d *dryRun) condition(ctx context.Context, s *compile.Step, step *Step) error {
	compares := false
	answer, err := runner.AskCondition(ctx, d.job, d.bound, s, func(context.Context) (state.Baseline, error) {
		compares = true
		return state.Baseline{}, nil
	})
	switch {
	case err != nil:
		return err
	case compares:
		step.Status, step.Reason = Skipped, notAsked+": it compares with earlier runs, and a dry run is none of them"
	case !answer.Met:
		step.Status, step.Reason = Skipped, answer.Says
	default:
		step.Reason = answer.Says
	}
	return nil
}

// sink encodes and verifies the files that would be delivered, and says how
// they would be called.
func (d *dryRun) sink(ctx context.Context, s *compile.Step, step *Step) error {
	out, err := d.bound.Output(s.Address)
	if err != nil {
		return err
	}
	if err := d.show(ctx, out.Input, d.ordered(ctx, s, out), step); err != nil {
		return err
	}
	if names := d.bound.Exposed(s.Address, step.Columns); len(names) > 0 {
		return compile.SensitiveColumns(s.Address, out.Input, names)
	}
	step.Rows = d.done[out.Input].Rows
	if out.Mode == "diff" {
		step.Reason = "a dry run has no earlier delivery to compare with: these are all rows"
	}
	dir, err := d.dir("sink", s.Address)
	if err != nil {
		return err
	}
	done, err := d.job.ExportFiles(ctx, engine.ExportFiles{Relation: out.Input, Dir: dir, Format: out.Format, OrderBy: out.OrderBy,
		Layout: engine.Layout{MaxRows: out.MaxFileRows, MaxSize: out.MaxFileSize, PartitionBy: out.PartitionBy},
		Key: func(number int, partition string) (string, error) {
			return d.bound.FileName(s.Address, number, partition)
		}})
	if err != nil {
		return err
	}
	if done.Rows() == 0 {
		if err := runner.Empty(s, out); errors.Is(err, runner.ErrNothing) {
			step.Reason = out.Input + " has no rows, so nothing would be delivered"
			return nil
		} else if err != nil {
			return err
		}
	}
	return d.files(s.Address, out, done, step)
}

// ordered is the relation whose first rows are those of the sink's first file.
// An order that cannot be had is the export's to report.
func (d *dryRun) ordered(ctx context.Context, s *compile.Step, out compile.Output) string {
	if len(out.OrderBy) == 0 {
		return out.Input
	}
	terms := make([]string, len(out.OrderBy))
	for i, o := range out.OrderBy {
		name, direction := o, ""
		if cut := len(o) - len(" desc"); cut > 0 && strings.EqualFold(o[cut:], " desc") {
			name, direction = strings.TrimSpace(o[:cut]), " DESC"
		}
		terms[i] = ident(name) + direction + " NULLS LAST"
	}
	relation := "first:" + s.Address
	query := fmt.Sprintf("SELECT * FROM %s ORDER BY %s LIMIT %d", ident(out.Input), strings.Join(terms, ", "), d.Rows)
	if _, err := d.job.Define(ctx, relation, query, []string{out.Input}); err != nil {
		return out.Input
	}
	return relation
}

func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (d *dryRun) files(address string, out compile.Output, done engine.Exports, step *Step) error {
	place := strings.TrimSuffix(out.Place, ":")
	if place == "file" {
		place = ""
	} else {
		place += "/"
	}
	for _, f := range done.Files {
		name, err := d.bound.FileName(address, f.Number, f.Partition)
		if err != nil {
			return err
		}
		step.Files = append(step.Files, File{Name: place + name, Size: f.Size, Rows: f.Rows})
	}
	for _, name := range slices.DeleteFunc([]string{out.ManifestKey, out.SuccessKey}, func(s string) bool { return s == "" }) {
		step.Files = append(step.Files, File{Name: place + name, Size: -1})
	}
	return nil
}
