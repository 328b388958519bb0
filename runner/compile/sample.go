package compile

import (
	"time"

	"github.com/hashicorp/hcl/v2"
)

// sampleRun is an imagined run of a slot.
func sampleRun(slot time.Time) RunValues {
	return RunValues{ID: "01SAMPLE", Slot: slot, Attempt: 1, Trigger: "schedule"}
}

// Sample evaluates a pipeline's definition as far as it is known without a run,
// with the values of an imagined one. It is for looking, not for building.
func (p *Pipeline) Sample() (*Bound, hcl.Diagnostics) { return p.Rehearse(sampleRun(sampleSlots[0])) }

// SampleWith is Sample with a text in place of all that only the environment of
// a run tells: environment variables that are not set, and secrets. Connections
// stay unknown, and steps in which that text makes no sense are not Ready.
func (p *Pipeline) SampleWith(text string) *Bound {
	vars := p.generation.vars
	vars.Sample = text
	scope, _ := p.generation.project.Scope(vars)
	w := &workspace{g: p.generation, scope: scope, used: map[string]bool{}}
	r, _ := w.bindUsing(p, sampleRun(sampleSlots[0]), map[string]bool{}) // mistakes were found without the text
	return newBound(p, r)
}

// Rehearse is Bind for a run that touches nothing outside: what the environment
// does not tell stays unknown instead of being an error. See Bound.Ready.
func (p *Pipeline) Rehearse(run RunValues) (*Bound, hcl.Diagnostics) {
	w, diags := p.generation.rehearsal()
	if diags.HasErrors() {
		return nil, diags
	}
	r, diags := w.bindReading(p, run)
	if diags.HasErrors() {
		return nil, diags
	}
	return newBound(p, r), nil
}

// rehearsal is a workspace without the values of a run.
func (g *Generation) rehearsal() (*workspace, hcl.Diagnostics) {
	scope, diags := g.project.Scope(g.vars)
	return &workspace{g: g, scope: scope, used: map[string]bool{}}, diags
}

// A Sampler samples many pipelines of a generation. They share what does not
// depend on the pipeline, and the budget of one evaluation of the project. It is
// for one pass, and not safe for concurrent use.
type Sampler struct{ w *workspace }

// Sampler begins a pass over the pipelines.
func (g *Generation) Sampler() (*Sampler, hcl.Diagnostics) {
	w, diags := g.rehearsal()
	if diags.HasErrors() {
		return nil, diags
	}
	return &Sampler{w}, nil
}

// Sample is that of a pipeline of the generation, except that connections are
// as they are known without any run.
func (s *Sampler) Sample(p *Pipeline) (*Bound, hcl.Diagnostics) {
	r, diags := s.w.bindWith(p, sampleRun(sampleSlots[0]).object(p), s.w.g.connection)
	if diags.HasErrors() {
		return nil, diags
	}
	return newBound(p, r), nil
}
