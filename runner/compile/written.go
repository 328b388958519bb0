package compile

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/identity"
	"waybill/internal/schema"
)

// A Part is one block of a configuration as a reviewer reads it.
type Part struct {
	Address string // "source.orders", "connection.lake", "waybill"; empty for a pipeline itself
	Kind    string // "athena"; empty for blocks without kinds
	Range   hcl.Range
	Written []schema.Written
}

// lateNames are the names that only a run, a file or an event gives a value, or
// that stand for something that has none.
var lateNames = []string{"run", "file", "event", "source", "transform", "connection", "notifier"}

// Parts lists what is written in a pipeline and its steps, in the order of the
// graph.
func (p *Pipeline) Parts() ([]Part, hcl.Diagnostics) {
	b, diags := p.Sample()
	if diags.HasErrors() {
		return nil, diags
	}
	files := p.generation.Files
	out := []Part{{Range: p.Range, Written: b.own.Written(files, lateNames...)}}
	for _, s := range p.Steps {
		if r := b.steps[s.Address]; r != nil {
			out = append(out, Part{Address: s.Address, Kind: s.Kind, Range: s.Range, Written: r.values.Written(files, lateNames...)})
		}
	}
	return out, nil
}

// Parts lists what is written outside of pipelines: the settings, connections
// and notifiers.
func (g *Generation) Parts() ([]Part, hcl.Diagnostics) {
	scope, diags := g.project.Scope(g.vars)
	if diags.HasErrors() {
		return nil, diags
	}
	var out []Part
	add := func(address, kind string, b *hcl.Block, block *schema.Block, scope *schema.Scope, into any) {
		v, d := schema.Decode(b.Body, block, scope, into)
		diags = append(diags, d...)
		out = append(out, Part{Address: address, Kind: kind, Range: b.DefRange, Written: v.Written(g.Files, lateNames...)})
	}
	if b := g.project.Settings; b != nil {
		add("waybill", "", b, settingsBlock, scope, &Settings{})
	}
	run := RunValues{ID: "01SAMPLE", Slot: sampleSlots[0], Attempt: 1, Trigger: "schedule"}.object(&Pipeline{Name: "none", Location: sampleSlots[0].Location()})
	for _, b := range g.project.Connections {
		add("connection."+b.Labels[1], b.Labels[0], b, identity.Block(), scope.With(map[string]cty.Value{"run": run}), &identity.Config{})
	}
	for _, b := range g.project.Notifiers {
		add("notifier."+b.Labels[1], b.Labels[0], b, webhookBlock, scope.With(unknownEvent), &Notifier{})
	}
	return out, diags
}

// Mentions reports whether a step of the pipeline mentions a name outside of it,
// such as "connection.lake".
func (p *Pipeline) Mentions(address string) bool { return p.uses[address] || p.uses["connection."] }
