package tests

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/runner/compile"
)

// A Test is one test, checked against the project it tests.
type Test struct {
	Name     string
	File     string
	Line     int
	Pipeline *compile.Pipeline

	bound    *compile.Bound
	settings compile.Settings
	given    map[string]*given // by address
	expects  []*expectation
	failures []*expectedFailure
	hide     hider
}

// Where is the test's place: "orders.test.hcl:3".
func (t *Test) Where() string { return fmt.Sprintf("%s:%d", t.File, t.Line) }

// expectation is an `expect` block.
type expectation struct {
	expectConfig
	address string
	family  string
	values  *schema.Values
	rows    *wantedRows
	count   *int64 // of rows, where only that is given
	bytes   []byte // of the file; nil: not compared
	columns []schema.Pair
	rng     hcl.Range
}

// expectedFailure is an `expect_failure` block.
type expectedFailure struct {
	failureConfig
	address string
	rng     hcl.Range
}

var innerBlocks = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "given", LabelNames: []string{"address"}},
	{Type: "expect", LabelNames: []string{"address"}},
	{Type: "expect_failure", LabelNames: []string{"address"}},
}}

// test reads one test; nil if it has mistakes.
func (l *loader) test(b *hcl.Block) *Test {
	before := len(l.diags)
	content, rest, diags := b.Body.PartialContent(innerBlocks)
	for _, d := range diags {
		d.Extra = diag.Code("wrong-labels")
	}
	l.diags = append(l.diags, diags...)
	var c testConfig
	values, diags := schema.Decode(rest, testBlock, l.scope(nil), &c)
	if !values.Set("run") {
		diags = append(diags, schema.Defaults(runBlock, &c.Run)...)
	}
	l.diags = append(l.diags, innerHints(diags)...)
	if l.errorsSince(before) {
		return nil
	}
	vars := l.variables(c, values)
	if l.errorsSince(before) {
		return nil
	}
	project := l.project(vars)
	if project == nil {
		return nil
	}
	t := &Test{Name: b.Labels[0], File: b.DefRange.Filename, Line: b.DefRange.Start.Line, settings: project.generation.Settings, given: map[string]*given{}}
	if t.Pipeline = l.pipeline(project.generation, c.Pipeline); t.Pipeline == nil {
		return nil
	}
	l.bind(t, c.Run, values)
	if l.errorsSince(before) {
		return nil
	}
	secrets := slices.Clone(project.secrets)
	for _, v := range vars {
		secrets = append(secrets, secretTexts(v.Value)...)
	}
	r := &reader{loader: l, test: t, scope: project.scope, secrets: secrets}
	for _, inner := range content.Blocks {
		r.block(inner)
	}
	r.complete(b.DefRange)
	t.hide = newHider(r.secrets)
	if l.errorsSince(before) {
		return nil
	}
	return t
}

func (l *loader) errorsSince(n int) bool { return l.diags[n:].HasErrors() }

// innerHints names the blocks that are read apart where an unknown one is
// reported.
func innerHints(diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		if diag.CodeOf(d) != "unknown-block" || strings.Contains(d.Detail, "Did you mean") {
			continue
		}
		if q := strings.Split(d.Detail, `"`); len(q) > 1 {
			d.Detail += diag.Suggest(q[1], []string{"given", "expect", "expect_failure"})
		}
	}
	return diags
}

// variables takes the map of variables apart.
func (l *loader) variables(c testConfig, v *schema.Values) map[string]config.GivenValue {
	if !v.Set("variables") {
		return nil
	}
	rng := v.Range("variables")
	if c.Variables == cty.NilVal {
		l.report("invalid-value", rng, "variables is not known", "Tests read no environment: use a variable instead of env().")
		return nil
	}
	value, marks := c.Variables.Unmark()
	if value.IsNull() || !value.Type().IsObjectType() && !value.Type().IsMapType() {
		l.report("wrong-type", rng, "variables wants a map from names to values", `For example: variables = { env = "prod" }`)
		return nil
	}
	out := map[string]config.GivenValue{}
	for name, one := range value.AsValueMap() {
		out[name] = config.GivenValue{Value: one.WithMarks(marks), Range: rng}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// pipeline resolves `pipeline.name` or `pipeline.name["key"]`.
func (l *loader) pipeline(g *compile.Generation, t hcl.Traversal) *compile.Pipeline {
	name, ok := pipelineName(t)
	if !ok {
		l.report("wrong-type", t.SourceRange(), "pipeline wants the address of a pipeline", "Write pipeline = pipeline.name.")
		return nil
	}
	if p := g.Pipeline(name); p != nil {
		return p
	}
	names := make([]string, len(g.Pipelines))
	for i, p := range g.Pipelines {
		names[i] = p.Name
	}
	detail := "The project declares none."
	if len(names) > 0 {
		detail = fmt.Sprintf("There are: %s.%s", strings.Join(names, ", "), diag.Suggest(name, names))
	}
	l.report("unknown-reference", t.SourceRange(), fmt.Sprintf("no pipeline is called %s", strconv.Quote(name)), detail)
	return nil
}

// pipelineName is the name that a generation knows a pipeline by: one of a
// for_each has its key in brackets.
func pipelineName(t hcl.Traversal) (string, bool) {
	if len(t) < 2 || len(t) > 3 || t.RootName() != "pipeline" {
		return "", false
	}
	name := schema.StepName(t[1])
	if name == "" || len(t) == 2 {
		return name, name != ""
	}
	index, ok := t[2].(hcl.TraverseIndex)
	if !ok || !index.Key.IsKnown() || index.Key.IsNull() {
		return "", false
	}
	if index.Key.Type() == cty.Number {
		return fmt.Sprintf("%s[%s]", name, digits(index.Key)), true
	}
	return fmt.Sprintf("%s[%q]", name, index.Key.AsString()), true
}

// slotLayouts are times without an offset, in the pipeline's zone.
var slotLayouts = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

func parseSlot(s string, loc *time.Location) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	for _, layout := range slotLayouts {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil && t.Format(layout) == s {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// bind evaluates the test's pipeline for the test's slot.
func (l *loader) bind(t *Test, c runConfig, v *schema.Values) {
	loc := t.Pipeline.Location
	slot := func(attr, text string) time.Time {
		at, ok := parseSlot(text, loc)
		if !ok {
			l.diags = append(l.diags, v.Error("run."+attr, "invalid-value", fmt.Sprintf("%s: %q is no time in %s", attr, text, loc),
				"Write 2026-01-31T09:00:00Z, or 2026-01-31T09:00 in the time zone of the pipeline."))
		}
		return at
	}
	run := compile.RunValues{ID: c.ID, Slot: slot("scheduled_at", c.ScheduledAt), Attempt: int(c.Attempt), Trigger: c.Trigger}
	if c.IntervalStart != "" {
		run.IntervalStart = slot("interval_start", c.IntervalStart)
	} else if prev, ok := t.Pipeline.ScheduleSet().Prev(run.Slot); ok {
		run.IntervalStart = prev
	}
	bound, diags := t.Pipeline.Rehearse(run)
	l.diags = append(l.diags, diags...)
	t.bound = bound
}
