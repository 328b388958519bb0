package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/schema"
)

// A Move says that a pipeline has another name now, and keeps its history.
type Move struct {
	From, To string
	Range    hcl.Range

	hop                string // the name after this move alone, before others led on
	fromRange, toRange hcl.Range
}

type movedConfig struct {
	From string `wb:"from"`
	To   string `wb:"to"`
}

var movedBlock = &schema.Block{
	Type:    "moved",
	Doc:     "Says that a pipeline was renamed. Its history, the ledger of its deliveries, its watermark and its baselines go on under the new name. With for_each before and after, all instances move, each to that of its key; where for_each came or went, name the instance.",
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
// followed to where it is now, and one of a pipeline with for_each is taken
// for all of its instances.
func (w *workspace) moves() hcl.Diagnostics {
	var diags hcl.Diagnostics
	var written []Move
	for _, b := range w.g.project.Moves {
		var c movedConfig
		v, d := schema.Decode(b.Body, movedBlock, w.scope, &c)
		diags = append(diags, d...)
		if d.HasErrors() {
			continue
		}
		m := Move{From: c.From, To: c.To, hop: c.To, Range: b.DefRange, fromRange: v.Range("from"), toRange: v.Range("to")}
		if m.From == m.To {
			diags = append(diags, v.Error("to", "invalid-move", "a pipeline moves to its own name", "Remove the block."))
			continue
		}
		written = append(written, m)
	}
	written, d := distinct(written)
	diags = append(diags, d...)
	next := map[string]string{}
	for _, m := range written {
		next[m.From] = m.To
	}
	var all []Move
	for _, m := range written {
		moves, d := w.follow(m, next)
		diags = append(diags, d...)
		all = append(all, moves...)
	}
	w.g.Moves, d = distinct(all)
	return append(diags, d...)
}

// distinct leaves out moves that take a name of another one.
func distinct(moves []Move) ([]Move, hcl.Diagnostics) {
	var out []Move
	var diags hcl.Diagnostics
	from, to := map[string]hcl.Range{}, map[string]hcl.Range{}
	for _, m := range moves {
		first, twice := from[m.From]
		other, taken := to[m.hop]
		switch {
		case twice:
			diags = append(diags, diag.Error("invalid-move", m.fromRange, fmt.Sprintf("pipeline %s moves to two names", quoted(m.From)), fmt.Sprintf("The other block is at %s line %d. Keep one of them.", first.Filename, first.Start.Line)))
		case taken:
			diags = append(diags, diag.Error("invalid-move", m.toRange, fmt.Sprintf("two pipelines move to %s", quoted(m.hop)), fmt.Sprintf("The other block is at %s line %d. One history can be kept.", other.Filename, other.Start.Line)))
		default:
			from[m.From], to[m.hop] = m.fromRange, m.toRange
			out = append(out, m)
		}
	}
	return out, diags
}

// follow makes a move lead to where its name is now, at once.
func (w *workspace) follow(m Move, next map[string]string) ([]Move, hcl.Diagnostics) {
	end := m.To
	for steps := 0; steps <= len(next); steps++ {
		base, key := splitKey(end)
		if to := next[end]; to != "" {
			end = to
		} else if to := next[base]; to != "" && key != "" && !strings.HasSuffix(to, "]") { // it moved with all others
			end = to + key
		}
	}
	if w.g.Pipeline(m.From) != nil {
		return nil, hcl.Diagnostics{stillThere(m)}
	}
	if w.g.Pipeline(end) != nil {
		m.To = end
		return []Move{m}, nil
	}
	var out []Move
	for _, p := range w.g.Pipelines {
		if p.Base != end || p.instance.each == nil {
			continue
		}
		one := m
		one.From, one.To, one.hop = m.From+p.instance.suffix(), p.Name, m.To+p.instance.suffix()
		if next[one.From] != "" { // a block of its own says where
			continue
		}
		if w.g.Pipeline(one.From) != nil {
			return nil, hcl.Diagnostics{stillThere(one)}
		}
		out = append(out, one)
	}
	declared := slices.ContainsFunc(w.g.project.Pipelines, func(b *hcl.Block) bool { return b.Labels[0] == end })
	if _, key := splitKey(m.From); !declared || key != "" { // it may have no instance now
		return nil, hcl.Diagnostics{w.noSuchEnd(m, end)}
	}
	return out, nil
}

func stillThere(m Move) *hcl.Diagnostic {
	return diag.Error("invalid-move", m.fromRange, fmt.Sprintf("there still is a pipeline %s", quoted(m.From)), "A name whose history moves on must be free. Rename the pipeline, or remove the block.")
}

// noSuchEnd says why a move leads nowhere.
func (w *workspace) noSuchEnd(m Move, end string) *hcl.Diagnostic {
	base, key := splitKey(end)
	of := slices.IndexFunc(w.g.Pipelines, func(p *Pipeline) bool { return p.Base == base })
	switch {
	case of < 0 || key != "" && w.g.Pipelines[of].instance.each != nil:
		detail := "Write the name that the pipeline has now." + w.suggestPipeline(m.To)
		return diag.Error("invalid-move", m.toRange, fmt.Sprintf("no pipeline is called %s", quoted(m.To)), strings.TrimSpace(detail))
	case key != "":
		return diag.Error("invalid-move", m.toRange, fmt.Sprintf("pipeline %s has no for_each, so it has no instances", quoted(base)), fmt.Sprintf("Write pipeline.%s.", base))
	}
	return diag.Error("invalid-move", m.toRange, fmt.Sprintf("pipeline %s has for_each, and one instance cannot move to all of them", quoted(base)),
		fmt.Sprintf("Name the instance that keeps the history, such as pipeline.%s.", w.g.Pipelines[of].Name))
}

// splitKey divides the name of an instance into that of its block and its key
// in brackets, which is empty for any other name.
func splitKey(name string) (base, key string) {
	if i := strings.IndexByte(name, '['); i >= 0 {
		return name[:i], name[i:]
	}
	return name, ""
}
