package schema

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/secret"
)

// Written is an attribute that a user wrote, as a reviewer wants to read it.
type Written struct {
	Path string // "schedule[0].cron"; that of a labelled block stands for its label: "format"
	// Text is what it is worth, in the language's own words: `"0 9 * * *"`,
	// `[1, 2]`. What only a run or the environment knows stands as it is written.
	// A hidden one has none.
	Text   string
	Hidden bool // it is sensitive
	// Query reports that Text is that of a query, which may have many lines.
	Query bool
	Range hcl.Range // of the value; of a query_file its place in the .sql file

	value cty.Value // of a hidden one
	raw   string
}

// Same reports whether two attributes are worth the same. Hidden ones are
// compared, too: by what they are worth, if that is known, and else by how they
// are written.
func (w Written) Same(o Written) bool {
	if !w.Hidden || !o.Hidden {
		return w.Hidden == o.Hidden && w.Text == o.Text
	}
	if w.value != cty.NilVal && o.value != cty.NilVal {
		return w.value.RawEquals(o.value)
	}
	return w.raw == o.raw
}

// Written lists what the user wrote in the block and those within it, in the
// order of the text. late are the names that only a run knows, such as "run";
// what mentions them stands as it is written. files are the texts of the files.
func (v *Values) Written(files map[string][]byte, late ...string) []Written {
	var out []Written
	for path, p := range v.at {
		switch {
		case p.label != "":
			out = append(out, Written{Path: path, Text: hclText(cty.StringVal(p.label)), Range: p.rng})
		case p.set && p.attr != nil && !p.attr.Outer: // which decides how many blocks there are
			out = append(out, p.written(path, files, late))
		}
	}
	slices.SortFunc(out, func(a, b Written) int {
		return cmp.Or(cmp.Compare(a.Range.Filename, b.Range.Filename), cmp.Compare(a.Range.Start.Byte, b.Range.Start.Byte), strings.Compare(a.Path, b.Path))
	})
	return out
}

func (p place) written(path string, files map[string][]byte, late []string) Written {
	w := Written{Path: path, Range: p.rng, raw: sourceText(p.source, files)}
	if p.attr.Sensitive || p.attr.NoLiteral {
		w.Hidden = true
		if v, diags := p.source.Value(p.ctx); !diags.HasErrors() && v.IsWhollyKnown() {
			w.value, _ = v.UnmarkDeep()
		}
		return w
	}
	switch {
	case p.expr != nil: // of a query, or of the file that holds one
		w.Query, w.Range = true, p.expr.Range()
		w.Text = outlineOf(p.expr, files[w.Range.Filename], p.ctx, append(late, "source", "transform"))
	case p.attr.Late:
		w.Text = hclText(cty.StringVal(p.late.Outline(files[p.rng.Filename], late...)))
		w.Text = strings.ReplaceAll(w.Text, "$${", "${") // an outline is a template already
	case p.attr.Type.kind == plain || p.attr.Type.kind == ordered:
		w.Text = p.worth(late)
	}
	if w.Text == "" && !w.Query {
		w.Text = w.raw
	}
	return w
}

// worth is the value as text; empty if it is not known, or no text.
func (p place) worth(late []string) string {
	waits := slices.ContainsFunc(p.source.Variables(), func(t hcl.Traversal) bool { return slices.Contains(late, t.RootName()) })
	if waits || p.attr.Type.cty.IsCapsuleType() {
		return ""
	}
	v, diags := p.source.Value(p.ctx)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return ""
	}
	v, marks := v.UnmarkDeep()
	if _, hidden := marks[secret.Mark{}]; hidden {
		return ""
	}
	return hclText(v)
}

// hclText is a value in HCL, on one line.
func hclText(v cty.Value) string {
	t := v.Type()
	switch {
	case v.IsNull():
		return "null"
	case t.IsListType() || t.IsTupleType() || t.IsSetType():
		var items []string
		for _, e := range v.AsValueSlice() {
			items = append(items, hclText(e))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case t.IsMapType() || t.IsObjectType():
		var items []string
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			items = append(items, keyText(k.AsString())+" = "+hclText(e))
		}
		if len(items) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(items, ", ") + " }"
	case t.IsCapsuleType():
		return ""
	}
	return string(hclwrite.TokensForValue(v).Bytes())
}

func keyText(k string) string {
	if hclsyntax.ValidIdentifier(k) {
		return k
	}
	return hclText(cty.StringVal(k))
}

// sourceText is an expression as it is written, on one line.
func sourceText(e hcl.Expression, files map[string][]byte) string {
	rng := e.Range()
	src := files[rng.Filename]
	if !rng.CanSliceBytes(src) {
		return "…"
	}
	return strings.Join(strings.Fields(string(rng.SliceBytes(src))), " ")
}
