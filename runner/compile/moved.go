package compile

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/schema"
)

// A Move says that a pipeline has another name now, and keeps its history.
type Move struct {
	From, To string
	Range    hcl.Range

	toRange hcl.Range
}

type movedConfig struct {
	From string `wb:"from"`
	To   string `wb:"to"`
}

var movedBlock = &schema.Block{
	Type:    "moved",
	Doc:     "Says that a pipeline was renamed. Its history, the ledger of its deliveries, its watermark and its baselines go on under the new name.",
	Example: "moved {\n  from = pipeline.old_name\n  to   = pipeline.regions\n}",
	Attrs: []schema.Attr{
		{Name: "from", Type: schema.PipelineName, Required: true, Doc: "The old name. No pipeline may have it any more.", Example: "pipeline.old_name"},
		{Name: "to", Type: schema.PipelineName, Required: true, Doc: "The new name, of a pipeline of this project.", Example: `pipeline.regions["acme"]`},
	},
}

// Former returns the pipeline that a name stood for in an older generation,
// before the moves of this one; nil if there is none.
func (g *Generation) Former(older *Generation, name string) *Pipeline {
	if p := older.Pipeline(name); p != nil {
		return p
	}
	for _, m := range g.Moves {
		if m.To == name && older.Pipeline(m.From) != nil {
			return older.Pipeline(m.From)
		}
	}
	return nil
}

// moves reads the `moved` blocks. A name that moved on in another block is
// followed to where it is now.
func (w *workspace) moves() hcl.Diagnostics {
	var diags hcl.Diagnostics
	from, to := map[string]hcl.Range{}, map[string]hcl.Range{}
	for _, b := range w.g.project.Moves {
		var c movedConfig
		v, d := schema.Decode(b.Body, movedBlock, w.scope, &c)
		diags = append(diags, d...)
		if d.HasErrors() {
			continue
		}
		if d := w.checkMove(c, v, from, to); d != nil {
			diags = append(diags, d)
			continue
		}
		from[c.From], to[c.To] = v.Range("from"), v.Range("to")
		w.g.Moves = append(w.g.Moves, Move{From: c.From, To: c.To, Range: b.DefRange, toRange: v.Range("to")})
	}
	return append(diags, w.followMoves()...)
}

func (w *workspace) checkMove(c movedConfig, v *schema.Values, from, to map[string]hcl.Range) *hcl.Diagnostic {
	switch {
	case c.From == c.To:
		return v.Error("to", "invalid-move", "a pipeline moves to its own name", "Remove the block.")
	case w.g.Pipeline(c.From) != nil:
		return v.Error("from", "invalid-move", fmt.Sprintf("there still is a pipeline %s", quoted(c.From)), "A name whose history moves on must be free. Rename the pipeline, or remove the block.")
	case from[c.From] != hcl.Range{}:
		return v.Error("from", "invalid-move", fmt.Sprintf("pipeline %s moves to two names", quoted(c.From)), fmt.Sprintf("The other block is at %s line %d. Keep one of them.", from[c.From].Filename, from[c.From].Start.Line))
	case to[c.To] != hcl.Range{}:
		return v.Error("to", "invalid-move", fmt.Sprintf("two pipelines move to %s", quoted(c.To)), fmt.Sprintf("The other block is at %s line %d. One history can be kept.", to[c.To].Filename, to[c.To].Start.Line))
	}
	return nil
}

// followMoves checks that each move ends at a pipeline, and makes it lead
// there at once.
func (w *workspace) followMoves() hcl.Diagnostics {
	var diags hcl.Diagnostics
	next := map[string]string{}
	for _, m := range w.g.Moves {
		next[m.From] = m.To
	}
	for i, m := range w.g.Moves {
		end := m.To
		for steps := 0; next[end] != "" && steps <= len(next); steps++ {
			end = next[end]
		}
		if w.g.Pipeline(end) == nil {
			detail := "Write the name that the pipeline has now." + w.suggestPipeline(m.To)
			diags = append(diags, diag.Error("invalid-move", m.toRange, fmt.Sprintf("no pipeline is called %s", quoted(m.To)), strings.TrimSpace(detail)))
			continue
		}
		w.g.Moves[i].To = end
	}
	return diags
}
