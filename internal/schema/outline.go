package schema

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Outline is what the attribute will be, as far as that can be told without a
// run and a file: what mentions one of the names in late ("run", "file"), or is
// not known, stands as it is written. src is the text of the expression's file.
func (e Expr) Outline(src []byte, late ...string) string {
	if e.IsZero() {
		return ""
	}
	return outlineOf(e.expr, src, e.scope.Eval, late)
}

// Outline is that of an attribute which is a text, as Expr.Outline has it.
func (v *Values) Outline(path string, files map[string][]byte, late ...string) string {
	p, ok := v.at[path]
	if !ok || p.source == nil {
		return ""
	}
	return outlineOf(p.source, files[p.source.Range().Filename], p.ctx, late)
}

func outlineOf(e hcl.Expression, src []byte, ctx *hcl.EvalContext, late []string) string {
	expr, native := e.(hclsyntax.Expression)
	if !native { // JSON: without a context its texts come as they are written, and are templates
		raw, diags := e.Value(nil)
		text, ok := asText(raw)
		if diags.HasErrors() || !ok {
			return ""
		}
		src = []byte(text)
		if expr, diags = hclsyntax.ParseTemplate(src, e.Range().Filename, hcl.InitialPos); diags.HasErrors() {
			return text
		}
	}
	parts := []hclsyntax.Expression{expr}
	switch t := expr.(type) {
	case *hclsyntax.TemplateExpr:
		parts = t.Parts
	case *hclsyntax.TemplateWrapExpr:
		parts = []hclsyntax.Expression{t.Wrapped}
	}
	var b strings.Builder
	for _, part := range parts {
		b.WriteString(outline(part, src, ctx, late))
	}
	return b.String()
}

func outline(part hclsyntax.Expression, src []byte, ctx *hcl.EvalContext, late []string) string {
	waits := slices.ContainsFunc(part.Variables(), func(t hcl.Traversal) bool { return slices.Contains(late, t.RootName()) })
	if !waits {
		if text, ok := renderedPart(part, ctx); ok {
			return text
		}
	}
	rng := part.Range()
	if !rng.CanSliceBytes(src) {
		return "…"
	}
	written := string(rng.SliceBytes(src))
	if strings.HasPrefix(written, "%{") { // a directive brings its own brackets
		return written
	}
	return "${" + written + "}"
}
