package budget

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Body is Instrument for a body read from JSON. HCL parses the texts of JSON
// whenever it evaluates them, so the expressions of the body do that themselves.
func Body(b hcl.Body) hcl.Body { return jsonBody{b} }

type jsonBody struct{ hcl.Body }

func (b jsonBody) Content(s *hcl.BodySchema) (*hcl.BodyContent, hcl.Diagnostics) {
	content, diags := b.Body.Content(s)
	return measured(content), diags
}

func (b jsonBody) PartialContent(s *hcl.BodySchema) (*hcl.BodyContent, hcl.Body, hcl.Diagnostics) {
	content, rest, diags := b.Body.PartialContent(s)
	return measured(content), jsonBody{rest}, diags
}

func (b jsonBody) JustAttributes() (hcl.Attributes, hcl.Diagnostics) {
	attrs, diags := b.Body.JustAttributes()
	return measuredAttributes(attrs), diags
}

// measured changes what HCL has just made.
func measured(content *hcl.BodyContent) *hcl.BodyContent {
	measuredAttributes(content.Attributes)
	for _, b := range content.Blocks {
		b.Body = jsonBody{b.Body}
	}
	return content
}

func measuredAttributes(attrs hcl.Attributes) hcl.Attributes {
	for _, a := range attrs {
		a.Expr = jsonExpr{a.Expr}
	}
	return attrs
}

// jsonExpr is a value in JSON: a text, which is a template, or what holds some.
type jsonExpr struct{ hcl.Expression }

// UnwrapExpression lets HCL look at the expression as it is written.
func (e jsonExpr) UnwrapExpression() hcl.Expression { return e.Expression }

// ExprList is for hcl.ExprList; it is nil if this is no list.
func (e jsonExpr) ExprList() []hcl.Expression {
	items, diags := hcl.ExprList(e.Expression)
	if diags.HasErrors() {
		return nil
	}
	out := make([]hcl.Expression, len(items))
	for i, item := range items {
		out[i] = jsonExpr{item}
	}
	return out
}

// ExprMap is for hcl.ExprMap; it is nil if this is no object.
func (e jsonExpr) ExprMap() []hcl.KeyValuePair {
	pairs, diags := hcl.ExprMap(e.Expression)
	if diags.HasErrors() {
		return nil
	}
	out := make([]hcl.KeyValuePair, len(pairs))
	for i, p := range pairs {
		out[i] = hcl.KeyValuePair{Key: jsonExpr{p.Key}, Value: jsonExpr{p.Value}}
	}
	return out
}

// Value evaluates the expression as HCL does, but charges it.
func (e jsonExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if ctx == nil { // then texts are as they are written
		return e.Expression.Value(nil)
	}
	if items := e.ExprList(); items != nil {
		return tuple(items, ctx)
	}
	if pairs := e.ExprMap(); pairs != nil {
		return e.object(pairs, ctx)
	}
	raw, diags := e.Expression.Value(nil)
	if diags.HasErrors() || raw.Type() != cty.String || raw.IsNull() {
		return raw, diags
	}
	return e.template([]byte(raw.AsString()), ctx)
}

func (e jsonExpr) template(text []byte, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	start := e.Range().Start // of the quote
	start.Column++
	start.Byte++
	if d := TemplateText(text, e.Range().Filename, start); d != nil {
		return cty.DynamicVal, hcl.Diagnostics{d}
	}
	template, diags := hclsyntax.ParseTemplate(text, e.Range().Filename, start)
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	instrument(template)
	return template.Value(ctx)
}

func tuple(items []hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	values := make([]cty.Value, len(items))
	for i, item := range items {
		v, d := item.Value(ctx)
		values[i], diags = v, append(diags, d...)
	}
	return cty.TupleVal(values), diags
}

// object has keys that are templates, too.
func (e jsonExpr) object(pairs []hcl.KeyValuePair, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	attrs, known := map[string]cty.Value{}, true
	for _, p := range pairs {
		k, d := p.Key.Value(ctx)
		diags = append(diags, d...)
		v, d := p.Value.Value(ctx)
		diags = append(diags, d...)
		fault := func(summary, detail string) {
			diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: p.Key.Range().Ptr(), Expression: e, EvalContext: ctx})
		}
		k, marks := k.Unmark()
		name, err := convert.Convert(k, cty.String)
		switch {
		case err != nil:
			fault("Invalid object key expression", fmt.Sprintf("Cannot use this expression as an object key: %s.", err))
		case len(marks) > 0:
			fault("Invalid object key expression", "Cannot use a sensitive value as an object key.")
		case name.IsNull():
			fault("Invalid object key expression", "Cannot use null value as an object key.")
		case !name.IsKnown():
			known = false
		case attrs[name.AsString()] != cty.NilVal:
			fault("Duplicate object attribute", fmt.Sprintf("An attribute named %q is defined already.", name.AsString()))
		default:
			attrs[name.AsString()] = v
		}
	}
	if !known {
		return cty.DynamicVal, diags
	}
	return cty.ObjectVal(attrs), diags
}
