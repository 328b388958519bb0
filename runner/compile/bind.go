package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/identity"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/runner/encode"
	"waybill/runner/transform"
	"waybill/sinks"
	"waybill/sources"
)

// RunValues are what `run` is worth in one run.
type RunValues struct {
	ID            string
	Slot          time.Time // nominal
	IntervalStart time.Time // the slot before this one; zero: the same as Slot
	Attempt       int       // of the run as a whole, 1 for the first
	Trigger       string
}

func (r RunValues) object(p *Pipeline) cty.Value {
	start := r.IntervalStart
	if start.IsZero() {
		start = r.Slot
	}
	stamp := func(t time.Time) cty.Value { return cty.StringVal(t.In(p.Location).Format(time.RFC3339)) }
	return cty.ObjectVal(map[string]cty.Value{
		"id": cty.StringVal(r.ID), "pipeline": cty.StringVal(p.Name), "trigger": cty.StringVal(r.Trigger),
		"attempt":      cty.NumberIntVal(int64(r.Attempt)),
		"scheduled_at": stamp(r.Slot), "date": cty.StringVal(r.Slot.In(p.Location).Format(time.DateOnly)),
		"interval_start": stamp(start), "interval_end": stamp(r.Slot),
	})
}

// A Bound is a pipeline with the values of one run: its components can be
// built.
type Bound struct {
	Pipeline  *Pipeline
	own       *schema.Values // of the pipeline's block, without its steps
	steps     map[string]*read
	sensitive []string
}

// Bind evaluates a pipeline's definition for a run. What can only be known now
// (an unset env(), a name that becomes too long) is a problem with its place.
func (p *Pipeline) Bind(run RunValues) (*Bound, error) {
	g := p.generation
	vars := g.vars
	vars.RunTime = true
	scope, diags := g.project.Scope(vars)
	if diags.HasErrors() {
		return nil, asProblem(diags)
	}
	w := &workspace{g: g, scope: scope, used: map[string]bool{}}
	r, diags := w.bindReading(p, run)
	if diags.HasErrors() {
		return nil, asProblem(diags)
	}
	return newBound(p, r), nil
}

func (w *workspace) bindReading(p *Pipeline, run RunValues) (*reading, hcl.Diagnostics) {
	r, diags := w.bindUsing(p, run, p.uses)
	if missesName(diags) || !diags.HasErrors() && !maps.Equal(r.uses(), p.uses) { // they depend on the run
		return w.bindUsing(p, run, nil)
	}
	return r, diags
}

// bindUsing reads a pipeline with the connections that its steps use.
func (w *workspace) bindUsing(p *Pipeline, run RunValues, uses map[string]bool) (*reading, hcl.Diagnostics) {
	known := run.object(p)
	connections, diags := w.connections(w.scope.With(map[string]cty.Value{"run": known}), uses)
	if diags.HasErrors() {
		return nil, diags
	}
	return w.bindWith(p, known, connections)
}

// bindWith reads a pipeline with known values of `run` and `connection`.
func (w *workspace) bindWith(p *Pipeline, run, connections cty.Value) (*reading, hcl.Diagnostics) {
	w.scope.Pipelines = w.g.pipelineNames
	w.reading = p.Name
	outer := w.around(p.instance)
	return w.readPipeline(p.block, outer, outer.With(map[string]cty.Value{"run": run, "connection": connections, "notifier": w.g.notifier}))
}

// missesName reports whether something is named that is not there.
func missesName(diags hcl.Diagnostics) bool {
	return slices.ContainsFunc(diags, func(d *hcl.Diagnostic) bool { return diag.CodeOf(d) == "unknown-reference" })
}

// uses is the set of names that the steps mention. "connection." stands for
// one that is computed.
func (r *reading) uses() map[string]bool {
	out := map[string]bool{}
	for _, s := range r.steps {
		for _, u := range s.values.Uses() {
			out[u.Address()] = true
		}
	}
	return out
}

// Connection returns the connection of that name with the values of an imagined
// run, or nil if there is none.
func (g *Generation) Connection(name string) (*identity.Config, error) {
	vars := g.vars
	vars.RunTime = true
	scope, diags := g.project.Scope(vars)
	if diags.HasErrors() {
		return nil, asProblem(diags)
	}
	w := &workspace{g: g, scope: scope, used: map[string]bool{}}
	run := sampleRun(sampleSlots[0]).object(&Pipeline{Name: "none", Location: time.UTC})
	all, diags := w.connections(scope.With(map[string]cty.Value{"run": run}), map[string]bool{"connection." + name: true})
	if diags.HasErrors() {
		return nil, asProblem(diags)
	}
	if !all.Type().HasAttribute(name) {
		return nil, nil
	}
	return all.GetAttr(name).EncapsulatedValue().(*identity.Config), nil
}

// ConnectionNames lists the connections.
func (g *Generation) ConnectionNames() []string {
	var names []string
	for _, b := range g.project.Connections {
		names = append(names, b.Labels[1])
	}
	return names
}

func newBound(p *Pipeline, r *reading) *Bound {
	b := &Bound{Pipeline: p, own: r.values, steps: map[string]*read{}, sensitive: r.config.Sensitive}
	for _, s := range r.steps {
		b.steps[s.step.Address] = s
	}
	return b
}

// asProblem makes the first error a problem.
func asProblem(diags hcl.Diagnostics) error {
	for _, d := range diag.Sort(diags) {
		if d.Severity != hcl.DiagError {
			continue
		}
		p := problem.New(string(diag.CodeOf(d)), d.Summary, nil)
		p.Cause = d.Detail
		if known := problem.As(diag.ErrorOf(d)); known != nil { // it says more, and whether trying again helps
			same := *known
			p = &same
		}
		if d.Subject != nil {
			p.Where = fmt.Sprintf("%s:%d", d.Subject.Filename, d.Subject.Start.Line)
		}
		return p
	}
	return nil
}

// A Waiting is a wait of a pipeline.
type Waiting struct {
	sources.Waiter
	Poll      time.Duration
	OnTimeout string // "fail", "skip", "continue"
}

// Waiter builds the wait of that address.
func (b *Bound) Waiter(address string) (Waiting, error) {
	r := b.steps[address]
	w, err := r.waiter.Build(sources.Env{Root: b.Pipeline.generation.Root()})
	return Waiting{Waiter: w, Poll: r.wait.Poll, OnTimeout: r.wait.OnTimeout}, err
}

// Source builds the source of that address.
func (b *Bound) Source(address string) (sources.Source, error) {
	return b.steps[address].source.Build(sources.Env{Root: b.Pipeline.generation.Root()})
}

// SQL returns the statement of a transform.
func (b *Bound) SQL(address string) (string, error) {
	def, err := b.steps[address].transform.Build(transform.Env{})
	return def.SQL, err
}

// Check returns the check of that address, and whether a violation fails the
// run.
func (b *Bound) Check(address string) (check transform.Check, fatal bool, err error) {
	r := b.steps[address]
	check, err = r.check.Build(transform.Env{})
	return check, r.severity.Severity == "error", err
}

// Condition returns the condition of that address.
func (b *Bound) Condition(address string) (transform.Condition, error) {
	return b.steps[address].condition.Build(transform.Env{})
}

// SQLRange returns the place where the user wrote a part of a step's statement:
// length bytes from offset.
func (b *Bound) SQLRange(address string, offset, length int) hcl.Range {
	v := b.steps[address].values
	for _, attr := range []string{"query", "query_file"} {
		if v.Set(attr) {
			return v.TextRange(attr, offset, length)
		}
	}
	return b.steps[address].step.Range
}

// SQLRangeAt is SQLRange by line and column of the statement, from 1.
func (b *Bound) SQLRangeAt(address string, line, column int) hcl.Range {
	v := b.steps[address].values
	for _, attr := range []string{"query", "query_file"} {
		if v.Set(attr) {
			return v.TextRangeAt(attr, line, column)
		}
	}
	return b.steps[address].step.Range
}

// Contract returns the columns that a source promises, in the order written;
// nil if it promises none.
func (b *Bound) Contract(address string) dataset.Schema {
	var out dataset.Schema
	for _, pair := range b.steps[address].values.Pairs("columns") {
		out = append(out, dataset.Column{Name: pair.Key, Type: pair.Value})
	}
	return out
}

// Takes returns what a sink reads, the columns of it that its attributes name, by
// attribute, and the terms that it sorts by, which dataset.Schema.Order reads.
// The column that a diff adds is not among them.
func (b *Bound) Takes(sink string) (input string, columns map[string][]string, order []string) {
	common := b.steps[sink].common
	own := func(column string) bool {
		return common.Mode == "diff" && strings.EqualFold(column, transform.ChangeColumn)
	}
	columns = map[string][]string{"key_columns": common.KeyColumns, "partition_by": slices.DeleteFunc(slices.Clone(common.PartitionBy), own)}
	order = slices.DeleteFunc(slices.Clone(common.OrderBy), func(term string) bool {
		_, column, _ := dataset.Schema{}.Order(term)
		return own(column)
	})
	return common.Input.Address, columns, order
}

// SensitiveNames returns what sensitive_columns of the pipeline names, and where
// that stands.
func (b *Bound) SensitiveNames() ([]string, hcl.Range) {
	return b.sensitive, b.own.Range("sensitive_columns")
}

// Range is where an attribute of a step stands, or the step's body.
func (b *Bound) Range(address, attr string) hcl.Range { return b.steps[address].values.Range(attr) }

// Ready reports whether all values of a step are known, so that its statement
// is what a run would use.
func (b *Bound) Ready(address string) bool {
	r := b.steps[address]
	return r != nil && !r.broken && r.values.AllKnown()
}

// Step returns the step of that address, also one that runs leave out; nil if
// there is none.
func (b *Bound) Step(address string) *Step {
	if r := b.steps[address]; r != nil {
		return r.step
	}
	return nil
}

// Sink builds the sink of that address.
func (b *Bound) Sink(address string) (sinks.Sink, error) {
	return b.steps[address].sink.Build(sinks.Env{Root: b.Pipeline.generation.Root()})
}

// Output is what a sink wants made of its input.
type Output struct {
	Input   string // address
	Name    string // key or path of the first file, within the sink's place; see FileName
	Place   string // "s3://bucket"
	Format  encode.Format
	OrderBy []string
	IfEmpty string // "deliver", "skip", "fail"

	MaxFileRows, MaxFileSize int64 // 0: no limit
	PartitionBy              []string
	SuccessKey, ManifestKey  string // empty: none
	IfExists                 string // "replace", "fail", "skip"
	Mode                     string // "full", "diff"
	KeyColumns               []string
}

// Output returns what the sink of that address delivers.
func (b *Bound) Output(address string) (Output, error) {
	r := b.steps[address]
	c := r.common
	out := Output{Input: c.Input.Address, Place: r.place(), Format: c.Format, OrderBy: c.OrderBy, IfEmpty: c.IfEmpty,
		MaxFileRows: c.MaxFileRows, MaxFileSize: c.MaxFileSize, PartitionBy: c.PartitionBy, IfExists: c.IfExists, Mode: c.Mode, KeyColumns: c.KeyColumns}
	var err error
	if out.Name, err = b.FileName(address, 1, ""); err != nil {
		return Output{}, err
	}
	if out.SuccessKey, err = lateText(r.values.Late("success_key"), address, "", ""); err != nil {
		return Output{}, err
	}
	out.ManifestKey, err = lateText(r.values.Late("manifest_key"), address, "", "")
	return out, err
}

// placed is what a sink's configuration offers to tell where its files go.
type placed interface{ Place() string }

func (r *read) place() string {
	if p, ok := r.sink.Config.(placed); ok {
		return p.Place()
	}
	return r.step.Kind + ":"
}

// clean is the one spelling of a name that a sink tells apart from others.
func (r *read) clean(name string) string {
	if c, ok := r.sink.Config.(interface{ Clean(string) string }); ok {
		return c.Clean(name)
	}
	return name
}
