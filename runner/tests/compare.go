package tests

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/secret"
	"waybill/internal/sqltype"
	"waybill/runner/compile"
	"waybill/runner/engine"
)

// A Failure is one way in which a test's run was not as expected.
type Failure struct {
	Where   string `json:"where"`          // file:line of the expectation, or of the test
	Subject string `json:"subject"`        // address of the step
	Summary string `json:"summary"`        // one clause
	Text    string `json:"text,omitempty"` // lines that show it
}

func whereOf(rng hcl.Range) string { return fmt.Sprintf("%s:%d", rng.Filename, rng.Start.Line) }

// compare tells how what was rehearsed differs from what the test expects. An
// error means that the job failed.
func (r *rehearsal) compare(ctx context.Context) ([]Failure, error) {
	out := r.unexpected()
	for _, f := range r.test.failures {
		out = append(out, r.expectedFailure(f)...)
	}
	for _, e := range r.test.expects {
		found, err := r.expectation(ctx, e)
		if err != nil {
			return out, err
		}
		for i := range found {
			found[i].Where, found[i].Subject = whereOf(e.rng), e.address
		}
		out = append(out, found...)
	}
	for i, f := range out {
		out[i].Summary, out[i].Text = r.test.hide.text(f.Summary), r.test.hide.text(f.Text)
	}
	return out, nil
}

// unexpected lists the steps that failed though no expect_failure names them.
func (r *rehearsal) unexpected() []Failure {
	var out []Failure
	for _, s := range r.test.Pipeline.Steps {
		p := r.failed[s.Address]
		if p == nil || r.expectsFailure(s.Address) {
			continue
		}
		out = append(out, Failure{Where: r.test.Where(), Subject: s.Address, Summary: "failed", Text: problemText(p)})
	}
	return out
}

// problemText tells a problem in a few lines.
func problemText(p *problem.Problem) string {
	lines := []string{fmt.Sprintf("%s  [%s]", p.Summary, p.Code)}
	if p.Where != "" {
		lines = append(lines, "at "+p.Where)
	}
	if p.Err != nil && !strings.Contains(p.Summary, p.Err.Error()) {
		lines = append(lines, p.Err.Error())
	}
	if p.Cause != "" {
		lines = append(lines, p.Cause)
	}
	if len(p.Remedy) > 0 && p.Code != "check-failed" {
		lines = append(lines, "→ "+p.Remedy[0])
	}
	if p.Snippet != "" {
		lines = append(lines, "  "+strings.ReplaceAll(strings.TrimRight(p.Snippet, "\n"), "\n", "\n  "))
	}
	return strings.Join(lines, "\n")
}

// expectedFailure compares how a step failed with how it should have.
func (r *rehearsal) expectedFailure(f *expectedFailure) []Failure {
	s := r.test.Pipeline.Step(f.address)
	p := r.failed[f.address]
	if p == nil {
		p = r.violated[f.address]
	}
	out := Failure{Where: whereOf(f.rng), Subject: f.address}
	switch {
	case p == nil:
		out.Summary = "did not fail"
		if why := r.blocked(s); why != "" {
			out.Summary = "could not fail: " + why
		}
		return []Failure{out}
	case !strings.Contains(problemText(p), f.Message):
		out.Summary = fmt.Sprintf("failed, but not with %q", f.Message)
		out.Text = problemText(p)
		return []Failure{out}
	}
	return nil
}

// expectation compares a step's result with an `expect` block. Place and
// subject are left to the caller.
func (r *rehearsal) expectation(ctx context.Context, e *expectation) ([]Failure, error) {
	s := r.test.Pipeline.Step(e.address)
	switch e.family {
	case compile.Condition:
		return r.expectCondition(s, e), nil
	case compile.Sink:
		return r.expectSink(ctx, s, e)
	}
	if r.schemas[e.address] == nil {
		return r.missing(s), nil
	}
	return r.expectRows(ctx, e, e.address)
}

// missing tells why a step has no result, unless that is told already.
func (r *rehearsal) missing(s *compile.Step) []Failure {
	named := r.expectsFailure(s.Address)
	if r.failed[s.Address] != nil && !named {
		return nil
	}
	verb := "was not computed: "
	if s.Family == compile.Sink {
		verb = "delivers nothing: "
	}
	return []Failure{{Summary: verb + r.whyNot(s)}}
}

func (r *rehearsal) expectCondition(s *compile.Step, e *expectation) []Failure {
	answer, ok := r.conditions[e.address]
	switch {
	case !ok:
		return r.missing(s)
	case answer.Met == e.Holds:
		return nil
	case answer.Met:
		return []Failure{{Summary: "holds, and should not: " + answer.Says}}
	}
	return []Failure{{Summary: "does not hold: " + answer.Says}}
}

func (r *rehearsal) expectSink(ctx context.Context, s *compile.Step, e *expectation) ([]Failure, error) {
	d := r.sinks[e.address]
	wantsNothing := e.values.Set("keys") && len(e.Keys) == 0
	if d == nil && wantsNothing && r.failed[e.address] == nil {
		return nil, nil
	}
	if d == nil || r.failed[e.address] != nil {
		return r.missing(s), nil
	}
	var out []Failure
	if e.values.Set("keys") && !sameTexts(e.Keys, d.keys) {
		summary := "writes other files"
		if d.nothing != "" {
			summary = "delivers nothing: " + d.nothing
		}
		out = append(out, Failure{Summary: summary, Text: diffLists(e.Keys, d.keys)})
	}
	if e.values.Set("place") && e.Place != d.output.Place {
		out = append(out, Failure{Summary: "goes to another place", Text: diffLists([]string{e.Place}, []string{d.output.Place})})
	}
	if e.bytes != nil {
		found, err := r.expectBytes(ctx, e, d)
		if err != nil {
			return out, err
		}
		out = append(out, found...)
	}
	relation, err := r.sorted(ctx, e.address, d)
	if err != nil {
		return out, err
	}
	r.schemas[relation] = r.schemas[d.output.Input]
	more, err := r.expectRows(ctx, e, relation)
	return append(out, more...), err
}

func sameTexts(a, b []string) bool {
	x, y := slices.Clone(a), slices.Clone(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// expectBytes compares a sink's file byte by byte. A compressed one is written
// once more as it was before compression.
func (r *rehearsal) expectBytes(ctx context.Context, e *expectation, d *delivery) ([]Failure, error) {
	switch {
	case d.nothing != "":
		return []Failure{{Summary: "delivers nothing: " + d.nothing}}, nil
	case d.path == "":
		return []Failure{{Summary: "delivers several files, whose text cannot be compared with one"}}, nil
	}
	path := d.path
	if d.output.Format.Packed() {
		plain := d.output.Format.Plain()
		path = d.path + ".plain"
		if _, err := r.job.Export(ctx, engine.Export{Relation: d.output.Input, Path: path, Format: plain, OrderBy: d.output.OrderBy}); err != nil {
			return nil, err
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || bytes.Equal(got, e.bytes) {
		return nil, err
	}
	return []Failure{{Summary: "writes another text", Text: diffText(e.bytes, got)}}, nil
}

// expectRows compares the columns and rows of a relation.
func (r *rehearsal) expectRows(ctx context.Context, e *expectation, relation string) ([]Failure, error) {
	schema := r.schemas[relation]
	var out []Failure
	if len(e.columns) > 0 {
		out = append(out, expectColumns(e, schema)...)
	}
	switch {
	case e.count != nil:
		n, err := r.job.Count(ctx, relation)
		if err == nil && n != *e.count {
			out = append(out, Failure{Summary: fmt.Sprintf("has %s, not %s", rowCount(n), rowCount(*e.count))})
		}
		return out, err
	case e.rows == nil:
		return out, nil
	}
	looked, unknown := lookedAt(e, schema)
	if unknown != nil {
		return append(out, *unknown), nil
	}
	want, got, err := r.bothSides(ctx, e.rows, relation, looked)
	if err != nil {
		return out, err
	}
	return append(out, rowFailures(e.rows.columns, want, got, e.Ordered)...), nil
}

// lookedAt are the columns that wanted rows name.
func lookedAt(e *expectation, schema dataset.Schema) (dataset.Schema, *Failure) {
	if len(e.rows.rows) == 0 {
		return schema, nil
	}
	var out dataset.Schema
	for _, name := range e.rows.columns {
		i := schema.Index(name)
		if i < 0 {
			names := make([]string, len(schema))
			for i, c := range schema {
				names[i] = c.Name
			}
			return nil, &Failure{Summary: fmt.Sprintf("has no column %q.%s", name, diag.Suggest(name, names)), Text: "It has: " + schema.String()}
		}
		out = append(out, schema[i])
	}
	return out, nil
}

// bothSides are the wanted rows and those that came, in comparable form.
func (r *rehearsal) bothSides(ctx context.Context, w *wantedRows, relation string, columns dataset.Schema) (want, got [][]value, err error) {
	for _, row := range w.rows {
		line := make([]value, len(row))
		for i, cell := range row {
			t, err := sqltype.ParseAthena(columns[i].Type)
			if err != nil {
				return nil, nil, err
			}
			line[i] = r.test.hide.value(wanted(t, cell))
		}
		want = append(want, line)
	}
	if len(w.columns) == 0 {
		w.columns = nil
		for _, c := range columns {
			w.columns = append(w.columns, c.Name)
		}
	}
	got, err = r.read(ctx, relation, columns)
	return want, got, err
}

// rowFailures compares rows and shows how they differ.
func rowFailures(columns []string, want, got [][]value, ordered bool) []Failure {
	changes := diffRows(want, got)
	if len(changes) > 0 {
		return []Failure{{Summary: summaryOf(changes, len(want), len(got)), Text: diffTable(columns, maskPairs(changes))}}
	}
	if !ordered {
		return nil
	}
	if moved := diffOrder(want, got); len(moved) > 0 {
		return []Failure{{Summary: "has the rows in another order", Text: diffTable(columns, maskPairs(moved))}}
	}
	return nil
}

// maskPairs hides both sides of a cell of which one is a secret.
func maskPairs(changes []change) []change {
	for _, c := range changes {
		if c.want == nil || c.got == nil {
			continue
		}
		for i := range c.want {
			if c.want[i].shown == secret.Placeholder || c.got[i].shown == secret.Placeholder {
				c.want[i].shown, c.got[i].shown = secret.Placeholder, secret.Placeholder
			}
		}
	}
	return changes
}

// summaryOf is "differs in 2 rows: 1 missing, 1 changed (3 wanted, 2 came)".
func summaryOf(changes []change, want, got int) string {
	missing, unexpected, changed := 0, 0, 0
	for _, c := range changes {
		switch {
		case c.got == nil:
			missing++
		case c.want == nil:
			unexpected++
		default:
			changed++
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{changed, "changed"}, {missing, "missing"}, {unexpected, "unexpected"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return fmt.Sprintf("differs in %s: %s (%d wanted, %d came)", rowCount(int64(len(changes))), strings.Join(parts, ", "), want, got)
}

func rowCount(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// canonicalType gives types that hold the same one name: string is varchar.
func canonicalType(athena string) string {
	if duck, err := sqltype.ToDuck(athena); err == nil {
		if name, ok := sqltype.ToAthena(duck); ok {
			return name
		}
	}
	return athena
}

// expectColumns compares names, types and order of columns.
func expectColumns(e *expectation, schema dataset.Schema) []Failure {
	var want, got []string
	for _, p := range e.columns {
		want = append(want, p.Key+" "+canonicalType(p.Value))
	}
	for _, c := range schema {
		got = append(got, c.Name+" "+canonicalType(c.Type))
	}
	switch {
	case slices.EqualFunc(want, got, strings.EqualFold):
		return nil
	case sameTexts(want, got):
		return []Failure{{Summary: "has its columns in another order", Text: "wanted: " + strings.Join(want, ", ") + "\ncame:   " + strings.Join(got, ", ")}}
	}
	return []Failure{{Summary: "has other columns", Text: diffLists(want, got)}}
}
