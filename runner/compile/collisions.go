package compile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
)

// traffic is what a pipeline reads and writes, as far as that is known without a
// run. It is taken from a pipeline's steps when they are read, so that those of
// thousands need not be kept.
type traffic struct {
	names [][]sampleName    // that its sinks write for each of sampleSlots
	reads map[string]string // addresses of sources, by the files that they read
	diags hcl.Diagnostics   // of the names
}

// A sampleName is the name of a file that a sink writes for a slot.
type sampleName struct {
	namedFile
	address string
	full    string // place and name
}

func (w *workspace) trafficOf(p *Pipeline, steps []*read) traffic {
	t := traffic{names: make([][]sampleName, len(sampleSlots)), reads: map[string]string{}}
	for i, slot := range sampleSlots {
		names, diags := w.sampleNames(p, steps, slot)
		if t.names[i] = names; i == 0 {
			t.diags = diags
		}
	}
	for _, s := range steps {
		if f, ok := s.source.Config.(interface{ Reads() string }); ok && t.reads[f.Reads()] == "" {
			t.reads[f.Reads()] = s.step.Address
		}
	}
	return t
}

// sampleNames evaluates the names that a pipeline's sinks write for a slot.
// Names that depend on values not known here are left out.
func (w *workspace) sampleNames(p *Pipeline, steps []*read, slot time.Time) ([]sampleName, hcl.Diagnostics) {
	run := sampleRun(slot).object(p)
	scope := w.around(p.instance).With(map[string]cty.Value{"run": run})
	var out []sampleName
	var diags hcl.Diagnostics
	for _, s := range steps {
		if s.step.Family != Sink {
			continue
		}
		kind, _ := w.g.regs.Sinks.Get(s.step.Kind)
		files, d := s.sampleFiles(kind.Target, scope.With(s.each))
		if diags = append(diags, d...); len(files) == 0 {
			continue
		}
		if !placeKnown(s) { // the bucket depends on the run, too
			r, d := w.bindReading(p, sampleRun(slot))
			if d.HasErrors() {
				return out, append(diags, d...)
			}
			s = r.steps[slices.IndexFunc(r.steps, func(o *read) bool { return o.step.Address == s.step.Address })]
		}
		if !placeKnown(s) {
			continue
		}
		for _, f := range files {
			out = append(out, sampleName{f, s.step.Address, s.place() + "/" + s.clean(f.name)})
		}
	}
	return out, diags
}

// placeKnown reports whether all of a sink's own texts are known, so that its
// place is.
func placeKnown(r *read) bool {
	for _, name := range []string{"bucket"} {
		if r.values.Set(name) && !r.values.Known(name) {
			return false
		}
	}
	return true
}

// A claim is a name that a sink can write.
type claim struct {
	pipeline string
	sampleName
}

func (c claim) sink() string { return c.pipeline + "\x00" + c.address }

// collisions refuses names that two files of one slot can have, of one sink or
// of two.
func (w *workspace) collisions() hcl.Diagnostics {
	var diags hcl.Diagnostics
	reported := map[string]bool{}
	w.files = w.g.project.Tree.Files()
	for i, slot := range sampleSlots {
		claimed := map[string]claim{}
		for _, p := range w.g.Pipelines {
			if i == 0 {
				diags = append(diags, w.traffic[p].diags...)
			}
			for _, n := range w.traffic[p].names[i] {
				if by := w.replaced(p, n.full); i == 0 && by != "" && !reported[n.rng.String()] {
					reported[n.rng.String()] = true
					diags = append(diags, diag.Error("path-reserved", n.rng, fmt.Sprintf("%s would replace what it is made from", n.address),
						fmt.Sprintf("%s is read by %s. Write to another path.", strings.TrimPrefix(n.full, "file:/"), by)))
				}
				this := claim{p.Name, n}
				prev, taken := claimed[n.full]
				if !taken {
					claimed[n.full] = this
				} else if pair := prev.sink() + "\x00" + this.sink(); !reported[pair] {
					reported[pair] = true
					diags = append(diags, collision(prev, this, slot))
				}
			}
		}
	}
	return diags
}

// collision tells of two files with one name.
func collision(prev, this claim, slot time.Time) *hcl.Diagnostic {
	at := slot.Format(time.RFC3339)
	switch {
	case prev.sink() != this.sink():
		return diag.Error("key-collision", this.rng, fmt.Sprintf("%s of pipeline %s and %s of pipeline %s write the same name", this.address, quoted(this.pipeline), prev.address, quoted(prev.pipeline)),
			fmt.Sprintf("For the slot %s both write %s, and one would replace the other. %s", at, this.full, otherPlace(prev.rng, this.rng)))
	case prev.attr != this.attr:
		return diag.Error("key-collision", this.rng, fmt.Sprintf("%s and %s of %s are the same name", this.attr, prev.attr, this.address),
			fmt.Sprintf("For the slot %s both are %s, and one would replace the other. Make the names differ.", at, this.full))
	}
	return diag.Error("key-collision", this.rng, fmt.Sprintf("two files of %s have the same name", this.address),
		fmt.Sprintf("%s is %s for the file %q and for the file %q. Use ${file.number} and ${file.partition} as they are.", this.attr, this.full, prev.told, this.told))
}
