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

// stepBlock is a step's block before it is read, or one instance of it.
type stepBlock struct {
	family string
	instance
	*hcl.Block
}

// base is the name of the block, name that of the instance.
func (s *stepBlock) base() string    { return s.Labels[1] }
func (s *stepBlock) name() string    { return s.Labels[1] + s.suffix() }
func (s *stepBlock) address() string { return s.family + "." + s.name() }

var stepsSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: Wait, LabelNames: []string{"kind", "name"}},
	{Type: Source, LabelNames: []string{"kind", "name"}},
	{Type: Transform, LabelNames: []string{"kind", "name"}},
	{Type: Check, LabelNames: []string{"kind", "name"}},
	{Type: Condition, LabelNames: []string{"kind", "name"}},
	{Type: Sink, LabelNames: []string{"kind", "name"}},
}}

// read is one reading of a step: its components bound to a scope.
type read struct {
	step      *Step
	waiter    component.Bound[sources.Waiter, sources.Env]
	wait      waitConfig
	source    component.Bound[sources.Source, sources.Env]
	transform component.Bound[transform.Definition, transform.Env]
	check     component.Bound[transform.Check, transform.Env]
	condition component.Bound[transform.Condition, transform.Env]
	sink      component.Bound[sinks.Sink, sinks.Env]
	target    schema.Expr // names each file of a sink
	common    sinkConfig
	severity  checkConfig
	values    *schema.Values
	each      map[string]cty.Value // of the step
	broken    bool                 // it has errors
}

// reading is one reading of a whole pipeline in a scope.
type reading struct {
	config pipelineConfig
	values *schema.Values
	blocks []*stepBlock
	none   []string // addresses of blocks without an instance
	steps  []*read
}

// readPipeline decodes a pipeline's blocks in a scope. It is used with
// run-time values unknown to compile, and known to bind. Which steps there are
// depends on outer, the scope without such values.
func (w *workspace) readPipeline(block *hcl.Block, outer, scope *schema.Scope) (*reading, hcl.Diagnostics) {
	r := &reading{}
	blocks, rest, diags := stepBlocks(block.Body, outer)
	values, d := schema.Decode(rest, pipelineBlock, scope, &r.config)
	diags = append(diags, stepHints(d)...)
	r.values = values
	d = r.expand(blocks, outer)
	if diags = append(diags, d...); d.HasErrors() {
		return r, diags // what refers to the missing ones would be reported, too
	}
	scope = w.stepScope(scope, r)
	var found findings
	for _, b := range r.blocks {
		step, d := w.readStep(b, scope)
		found.add(d)
		if step != nil {
			step.broken = d.HasErrors()
			r.steps = append(r.steps, step)
			for _, u := range step.values.Uses() {
				w.used[u.Address()] = true
			}
		}
	}
	return r, append(diags, found.all...)
}

// stepBlocks takes the steps out of a pipeline's body, with those of dynamic
// blocks in their place.
func stepBlocks(body hcl.Body, scope *schema.Scope) (hcl.Blocks, hcl.Body, hcl.Diagnostics) {
	content, rest, diags := schema.Expand(body, scope).PartialContent(stepsSchema)
	diags = schema.Coded(diags, &schema.Block{})
	// Written blocks are taken as they stand: what is dynamic in them is
	// repeated in their own scope.
	written, _, _ := body.PartialContent(stepsSchema)
	for i, b := range content.Blocks {
		at := slices.IndexFunc(written.Blocks, func(o *hcl.Block) bool { return o.DefRange == b.DefRange })
		if at >= 0 {
			content.Blocks[i] = written.Blocks[at]
		}
	}
	return content.Blocks, rest, diags
}

// expand lists the instances of the steps' blocks. Names are unique without
// regard to case, as they are in SQL.
func (r *reading) expand(blocks hcl.Blocks, scope *schema.Scope) hcl.Diagnostics {
	var diags hcl.Diagnostics
	taken := map[string]hcl.Range{}
	for _, b := range blocks {
		if len(b.Labels) < 2 {
			continue // reported already
		}
		if d := claimStep(taken, b); d != nil {
			diags = append(diags, d)
			continue
		}
		list, d := instances(b.Body, scope)
		diags = append(diags, d...)
		for _, one := range list {
			r.blocks = append(r.blocks, &stepBlock{family: b.Type, instance: one, Block: b})
		}
		if len(list) == 0 {
			r.none = append(r.none, b.Type+"."+b.Labels[1])
		}
	}
	return diags
}

// stepHints names the steps too where an unknown block is reported.
func stepHints(diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		if diag.CodeOf(d) != "unknown-block" || strings.Contains(d.Detail, "Did you mean") {
			continue
		}
		if q := strings.Split(d.Detail, `"`); len(q) > 1 {
			d.Detail += diag.Suggest(q[1], []string{Wait, Source, Transform, Check, Condition, Sink})
		}
	}
	return diags
}

func claimStep(taken map[string]hcl.Range, b *hcl.Block) *hcl.Diagnostic {
	name := b.Labels[1]
	if d := config.CheckName(name, b.LabelRanges[1]); d != nil {
		return d
	}
	key := b.Type + "." + strings.ToLower(name)
	if prev, ok := taken[key]; ok {
		return diag.Error("duplicate-name", b.DefRange, fmt.Sprintf("a second %s is called %q", b.Type, name),
			fmt.Sprintf("The first is on line %d. Names are unique among the steps of a kind in a pipeline, without regard to case.", prev.Start.Line))
	}
	taken[key] = b.DefRange
	return nil
}

// stepScope adds what only steps may refer to: relations in queries, addresses
// in references.
func (w *workspace) stepScope(scope *schema.Scope, r *reading) *schema.Scope {
	out := *scope
	out.Relations = map[string]cty.Value{}
	out.Inputs = nil
	for _, family := range []string{Source, Transform} {
		values := map[string]cty.Value{}
		keyed := map[string]map[string]cty.Value{}
		for _, b := range r.blocks {
			if b.family != family {
				continue
			}
			out.Inputs = append(out.Inputs, b.address())
			if b.each == nil {
				values[b.base()] = schema.Relation(b.address())
				continue
			}
			if keyed[b.base()] == nil {
				keyed[b.base()] = map[string]cty.Value{}
			}
			keyed[b.base()][b.key] = schema.Relation(b.address())
		}
		for name, instances := range keyed {
			values[name] = cty.MapVal(instances)
		}
		for _, address := range r.none {
			if name, ok := strings.CutPrefix(address, family+"."); ok {
				values[name] = cty.MapValEmpty(cty.String)
			}
		}
		out.Relations[family] = cty.ObjectVal(values)
	}
	slices.Sort(out.Inputs)
	return &out
}

func (w *workspace) readStep(b *stepBlock, scope *schema.Scope) (*read, hcl.Diagnostics) {
	r := &read{step: &Step{Address: b.address(), Family: b.family, Kind: b.Labels[0], Name: b.name(), Range: b.DefRange,
		Where: fmt.Sprintf("%s:%d", b.DefRange.Filename, b.DefRange.Start.Line)}, each: b.each}
	if b.each != nil {
		scope = scope.With(b.each)
	}
	var diags hcl.Diagnostics
	regs := w.g.regs
	switch b.family {
	case Wait:
		if r.waiter, diags = decodeAs(regs.Waiters, b, waitCommon, scope, &r.wait); r.waiter.Values != nil {
			r.values, r.step.Timeout = r.waiter.Values, r.wait.Timeout
			diags = append(diags, checkWait(r)...)
		}
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
	r.common.Format.PGP = r.common.PGP
	if broken {
		return diags
	}
	diags = append(diags, checkPGP(r, w.now)...)
	return append(diags, checkSink(r, kind.Target, w.reading, scope)...)
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
	diags := checkTimeout(r.values)
	if c.Retry == nil {
		return diags
	}
	r.step.Retry = c.Retry.Or(r.step.Retry)
	return append(diags, checkRetry(*c.Retry, r.values)...)
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

// expanded is a pipeline's block with its instances.
type expanded struct {
	block     *hcl.Block
	instances []instance
}

// pipelines compiles every instance of every pipeline.
func (w *workspace) pipelines() hcl.Diagnostics {
	var diags hcl.Diagnostics
	var blocks []expanded
	for _, block := range w.g.project.Pipelines {
		list, d := instances(block.Body, w.scope)
		diags = append(diags, d...)
		blocks = append(blocks, expanded{block, list})
	}
	if diags.HasErrors() {
		return diags // others may name the instances that are missing
	}
	scope := *w.scope
	scope.Pipelines = pipelineNames(blocks)
	w.g.pipelineNames = scope.Pipelines
	w.scope = &scope
	for _, b := range blocks {
		var found findings
		unused := map[hcl.Range]int{}
		for _, one := range b.instances {
			p, d := w.pipeline(b.block, one)
			found.add(d)
			countUnused(d, unused)
			w.g.Pipelines = append(w.g.Pipelines, p)
		}
		diags = append(diags, unusedByAll(found.all, unused, len(b.instances))...)
	}
	slices.SortFunc(w.g.Pipelines, func(a, b *Pipeline) int { return strings.Compare(a.Name, b.Name) })
	return diags
}

// around is the scope that a pipeline's block is read in, without run-time
// values.
func (w *workspace) around(one instance) *schema.Scope {
	if one.each == nil {
		return w.scope
	}
	return w.scope.With(one.each)
}

// pipeline compiles one instance of a pipeline.
func (w *workspace) pipeline(block *hcl.Block, one instance) (*Pipeline, hcl.Diagnostics) {
	outer := w.around(one)
	scope := outer.With(map[string]cty.Value{"run": unknownRun["run"], "connection": w.g.connection, "notifier": w.g.notifier})
	w.reading = block.Labels[0] + one.suffix()
	r, diags := w.readPipeline(block, outer, scope)
	p := &Pipeline{
		instance: one,
		Name:     w.reading, Base: block.Labels[0], Description: r.config.Description, Owner: r.config.Owner, Tags: r.config.Tags,
		Enabled: r.config.Enabled, Timeout: r.config.Timeout, Range: block.DefRange, generation: w.g, block: block,
		Priority: r.config.Priority, After: r.config.After, afterRange: r.values.Range("after"),
	}
	p.Pending = append(p.Pending, r.values.Pending()...)
	for _, s := range r.steps {
		p.Pending = append(p.Pending, s.values.Pending()...)
	}
	diags = append(diags, pendingWarnings(p.Pending)...)
	diags = append(diags, checkTimes(r)...)
	for _, u := range r.values.Uses() {
		w.used[u.Address()] = true
	}
	d := w.schedules(p, r)
	diags = append(diags, d...)
	p.uses = r.uses()
	for _, s := range r.steps {
		if s.step.Family == Sink {
			diags = append(diags, checkSerial(s, p)...)
		}
	}
	d = p.order(r)
	diags = append(diags, d...)
	if !diags.HasErrors() {
		diags = append(diags, p.checkUse()...)
	}
	if !diags.HasErrors() {
		w.traffic[p] = w.trafficOf(p, r.steps)
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
		if s.step.Family != Wait {
			continue
		}
		for _, o := range r.steps { // nothing is extracted before what it waits for is there
			if o.step.Family == Source {
				graph.AddEdge(s.step.Address, o.step.Address)
			}
		}
	}
	sorted, err := graph.Sort()
	var cycle *dag.CycleError[string]
	if errors.As(err, &cycle) {
		first := byAddress[cycle.Path[0]]
		return hcl.Diagnostics{diag.Error("cycle", first.Range, fmt.Sprintf("the steps of pipeline %s depend on each other in a circle", quoted(p.Name)),
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
		if s.Family == Wait || s.Family == Sink || s.Family == Check || s.Family == Condition {
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
		return hcl.Diagnostics{diag.Error("no-sink", p.Range, fmt.Sprintf("pipeline %s delivers nothing", quoted(p.Name)), "Add a sink block that says where its data goes.")}
	}
	var diags hcl.Diagnostics
	someUsed := map[hcl.Range]bool{} // blocks of which an instance is used
	for _, s := range p.Steps {
		someUsed[s.Range] = someUsed[s.Range] || reached[s.Address]
	}
	for _, s := range p.Steps {
		if !reached[s.Address] {
			p.Unused = append(p.Unused, s.Address)
		}
		if used, told := someUsed[s.Range]; told && !used {
			delete(someUsed, s.Range) // once for all instances
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
