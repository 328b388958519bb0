package compile

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
)

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
			names, d := w.sampleNames(p, slot)
			if i == 0 {
				diags = append(diags, d...)
			}
			for _, n := range names {
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
