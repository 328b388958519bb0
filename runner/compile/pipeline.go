package compile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/config"
	"waybill/internal/component"
	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/runner/dag"
	"waybill/runner/transform"
	"waybill/sinks"
	"waybill/sources"
)

// stepBlock is a step's block before it is read.
type stepBlock struct {
	family string
	*hcl.Block
}

func (s *stepBlock) name() string    { return s.Labels[1] }
func (s *stepBlock) address() string { return s.family + "." + s.Labels[1] }

var stepsSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: Source, LabelNames: []string{"kind", "name"}},
	{Type: Transform, LabelNames: []string{"kind", "name"}},
	{Type: Check, LabelNames: []string{"kind", "name"}},
	{Type: Condition, LabelNames: []string{"kind", "name"}},
	{Type: Sink, LabelNames: []string{"kind", "name"}},
}}

// read is one reading of a step: its components bound to a scope.
type read struct {
	step      *Step
	source    component.Bound[sources.Source, sources.Env]
	transform component.Bound[transform.Definition, transform.Env]
	check     component.Bound[transform.Check, transform.Env]
	condition component.Bound[transform.Condition, transform.Env]
	sink      component.Bound[sinks.Sink, sinks.Env]
	target    schema.Expr // names each file of a sink
	common    sinkConfig
	severity  checkConfig
	values    *schema.Values
}

// reading is one reading of a whole pipeline in a scope.
type reading struct {
	config pipelineConfig
	values *schema.Values
	blocks []*stepBlock
	steps  []*read
}

// readPipeline decodes a pipeline's blocks in a scope. It is used with
// run-time values unknown to compile, and known to bind.
func (w *workspace) readPipeline(block *hcl.Block, scope *schema.Scope) (*reading, hcl.Diagnostics) {
	content, rest, diags := block.Body.PartialContent(stepsSchema)
	for _, d := range diags {
		d.Extra = diag.Code("wrong-labels")
	}
	r := &reading{}
	values, d := schema.Decode(rest, pipelineBlock, scope, &r.config)
	diags = append(diags, stepHints(d)...)
	r.values = values
	taken := map[string]hcl.Range{}
	for _, b := range content.Blocks {
		s := &stepBlock{family: b.Type, Block: b}
		if len(b.Labels) < 2 {
			continue // reported above
		}
		if d := claimStep(taken, s); d != nil {
			diags = append(diags, d)
			continue
		}
		r.blocks = append(r.blocks, s)
	}
	scope = w.stepScope(scope, r.blocks)
	for _, b := range r.blocks {
		step, d := w.readStep(b, scope)
		diags = append(diags, d...)
		if step != nil {
			r.steps = append(r.steps, step)
			for _, u := range step.values.Uses() {
				w.used[u.Address()] = true
			}
		}
	}
	return r, diags
}

// stepHints names the steps too where an unknown block is reported.
func stepHints(diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		if diag.CodeOf(d) != "unknown-block" || strings.Contains(d.Detail, "Did you mean") {
			continue
		}
		if q := strings.Split(d.Detail, `"`); len(q) > 1 {
			d.Detail += diag.Suggest(q[1], []string{Source, Transform, Check, Condition, Sink})
		}
	}
	return diags
}

func claimStep(taken map[string]hcl.Range, s *stepBlock) *hcl.Diagnostic {
	if d := config.CheckName(s.name(), s.LabelRanges[1]); d != nil {
		return d
	}
	if prev, ok := taken[s.address()]; ok {
		return diag.Error("duplicate-name", s.DefRange, fmt.Sprintf("a second %s is called %q", s.family, s.name()),
			fmt.Sprintf("The first is on line %d. Names are unique among the steps of a kind in a pipeline.", prev.Start.Line))
	}
	taken[s.address()] = s.DefRange
	return nil
}

// stepScope adds what only steps may refer to: relations in queries, addresses
// in references.
func (w *workspace) stepScope(scope *schema.Scope, blocks []*stepBlock) *schema.Scope {
	out := *scope
	out.Relations = map[string]cty.Value{}
	out.Inputs = nil
	for _, family := range []string{Source, Transform} {
		values := map[string]cty.Value{}
		for _, name := range names(blocks, family) {
			address := family + "." + name
			values[name] = cty.StringVal(`"` + address + `"`)
			out.Inputs = append(out.Inputs, address)
		}
		out.Relations[family] = cty.ObjectVal(values)
	}
	return &out
}

func (w *workspace) readStep(b *stepBlock, scope *schema.Scope) (*read, hcl.Diagnostics) {
	r := &read{step: &Step{Address: b.address(), Family: b.family, Kind: b.Labels[0], Name: b.name(), Range: b.DefRange,
		Where: fmt.Sprintf("%s:%d", b.DefRange.Filename, b.DefRange.Start.Line)}}
	var diags hcl.Diagnostics
	regs := w.g.regs
	switch b.family {
	case Source:
		var common sourceConfig
		alone := *scope // a source reads from no other step
		alone.Relations = nil
		if r.source, diags = decodeAs(regs.Sources, b, sourceCommon, &alone, &common); r.source.Values != nil {
			r.values = r.source.Values
			diags = append(diags, w.applyRetry(r, common.stepConfig)...)
			diags = append(diags, checkContract(r.values)...)
		}
	case Transform:
		r.transform, diags = decodeAs(regs.Transforms, b, transformCommon, scope, &struct{}{})
		r.values = r.transform.Values
	case Check:
		r.check, diags = decodeAs(regs.Checks, b, checkCommon, scope, &r.severity)
		r.values = r.check.Values
	case Condition:
		r.condition, diags = decodeAs(regs.Conditions, b, conditionCommon, scope, &struct{}{})
		r.values = r.condition.Values
	case Sink:
		if r.sink, diags = decodeAs(regs.Sinks, b, sinkCommon, scope, &r.common); r.sink.Values != nil {
			r.values = r.sink.Values
			diags = append(diags, w.readSink(r, scope, diags.HasErrors())...)
		}
	}
	if r.values == nil {
		return nil, diags // there is no such kind
	}
	r.step.Inputs = inputs(r.values)
	return r, diags
}

// readSink adds what only sinks have: a name for each file.
func (w *workspace) readSink(r *read, scope *schema.Scope, broken bool) hcl.Diagnostics {
	kind, _ := w.g.regs.Sinks.Get(r.step.Kind)
	r.target = r.values.Late(kind.Target)
	diags := w.applyRetry(r, r.common.stepConfig)
	if broken {
		return diags
	}
	return append(diags, checkSink(r, kind.Target, scope)...)
}

// decodeAs reads a step's block as the kind that its first label names. Without
// such a kind the bound component has no values.
func decodeAs[T, E any](kinds component.Registry[T, E], b *stepBlock, common *schema.Block, scope *schema.Scope, into any) (component.Bound[T, E], hcl.Diagnostics) {
	kind, ok := kinds.Get(b.Labels[0])
	if !ok {
		return component.Bound[T, E]{}, hcl.Diagnostics{unknownKind(b.family, b.Block, kinds.Names())}
	}
	return kind.Decode(b.Body, common, scope, into)
}

// applyRetry gives a step its policy: what its block doesn't say comes from the
// project's, and then from the defaults.
func (w *workspace) applyRetry(r *read, c stepConfig) hcl.Diagnostics {
	r.step.Timeout = c.Timeout
	r.step.Retry = w.g.Settings.RetryPolicy()
	if c.Retry == nil {
		return nil
	}
	r.step.Retry = c.Retry.Or(r.step.Retry)
	return checkRetry(*c.Retry, r.values)
}

// inputs lists the steps that a step reads from, in order of mention.
func inputs(v *schema.Values) []string {
	var out []string
	for _, u := range v.Uses() {
		if (u.Root == Source || u.Root == Transform) && !slices.Contains(out, u.Address()) {
			out = append(out, u.Address())
		}
	}
	return out
}

// pipeline compiles one pipeline.
func (w *workspace) pipeline(block *hcl.Block, connections cty.Value) (*Pipeline, hcl.Diagnostics) {
	scope := w.scope.With(map[string]cty.Value{"run": unknownRun["run"], "connection": connections})
	r, diags := w.readPipeline(block, scope)
	p := &Pipeline{
		Name: block.Labels[0], Description: r.config.Description, Owner: r.config.Owner, Tags: r.config.Tags,
		Enabled: r.config.Enabled, Timeout: r.config.Timeout, Range: block.DefRange, generation: w.g, block: block,
	}
	d := w.schedules(p, r)
	diags = append(diags, d...)
	p.uses = r.uses()
	for _, s := range r.steps {
		switch s.step.Family {
		case Sink:
			w.sinks[p] = append(w.sinks[p], s)
		case Source:
			w.reads[p] = append(w.reads[p], s)
		}
	}
	d = p.order(r)
	diags = append(diags, d...)
	if !diags.HasErrors() {
		diags = append(diags, p.checkUse()...)
	}
	return p, diags
}

// order sorts the steps so that each comes after what it reads from.
func (p *Pipeline) order(r *reading) hcl.Diagnostics {
	byAddress := map[string]*Step{}
	graph := dag.New[string]()
	for _, s := range r.steps {
		byAddress[s.step.Address] = s.step
		graph.AddNode(s.step.Address)
	}
	for _, s := range r.steps {
		for _, in := range s.step.Inputs {
			if byAddress[in] != nil {
				graph.AddEdge(in, s.step.Address)
			}
		}
	}
	sorted, err := graph.Sort()
	var cycle *dag.CycleError[string]
	if errors.As(err, &cycle) {
		first := byAddress[cycle.Path[0]]
		return hcl.Diagnostics{diag.Error("cycle", first.Range, fmt.Sprintf("the steps of pipeline %q depend on each other in a circle", p.Name),
			strings.Join(append(slices.Clone(cycle.Path), cycle.Path[0]), " → ")+". One of them must not read from the one before it.")}
	}
	for _, address := range sorted {
		p.Steps = append(p.Steps, byAddress[address])
	}
	return nil
}

// checkUse reports pipelines without a sink, and steps that nothing needs.
func (p *Pipeline) checkUse() hcl.Diagnostics {
	reached := map[string]bool{}
	sinksFound := false
	for _, s := range slices.Backward(p.Steps) {
		if s.Family == Sink || s.Family == Check || s.Family == Condition {
			sinksFound = sinksFound || s.Family == Sink
			reached[s.Address] = true
		}
		if reached[s.Address] {
			for _, in := range s.Inputs {
				reached[in] = true
			}
		}
	}
	if !sinksFound {
		return hcl.Diagnostics{diag.Error("no-sink", p.Range, fmt.Sprintf("pipeline %q delivers nothing", p.Name), "Add a sink block that says where its data goes.")}
	}
	var diags hcl.Diagnostics
	for _, s := range p.Steps {
		if !reached[s.Address] {
			diags = append(diags, diag.Warning("unused", s.Range, s.Address+" is used by no sink, check or condition", "It would be computed for nothing, so it is left out of runs. Remove it, or use it."))
		}
	}
	p.Steps = slices.DeleteFunc(p.Steps, func(s *Step) bool { return !reached[s.Address] })
	return diags
}

// runNames are the attributes of `run`, with the type of each.
var runNames = map[string]cty.Type{
	"id": cty.String, "pipeline": cty.String, "scheduled_at": cty.String, "date": cty.String,
	"interval_start": cty.String, "interval_end": cty.String, "attempt": cty.Number, "trigger": cty.String,
}

// unknownRun is `run` before a run: typed, so that a misspelt name is found.
var unknownRun = map[string]cty.Value{"run": func() cty.Value {
	attrs := map[string]cty.Value{}
	for _, name := range slices.Sorted(maps.Keys(runNames)) {
		attrs[name] = cty.UnknownVal(runNames[name])
	}
	return cty.ObjectVal(attrs)
}()}
