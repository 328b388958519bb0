package schema

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/dynblock"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/secret"
)

// Decode reads a block's body into the targets: pointers to structs whose
// fields carry `wb:"name"` tags. An attribute goes to every target that has a
// field of its name. Nested blocks go to a pointer-to-struct field, or to a
// slice of structs when they may repeat; a field tagged `wb:",label"` receives
// the nested block's label.
//
// Values that are not known yet leave the field at its zero value and are
// reported as such by Values.Known. Decoding goes on after an error, so that
// one pass reports all.
func Decode(body hcl.Body, b *Block, scope *Scope, targets ...any) (*Values, hcl.Diagnostics) {
	d := &decoder{scope: scope, values: &Values{at: map[string]*place{}}, cache: cmp.Or(scope.Cache, &Cache{})}
	body = Expand(body, scope)
	structs := make([]reflect.Value, len(targets))
	for i, t := range targets {
		structs[i] = reflect.ValueOf(t).Elem()
	}
	d.body(body, b, "", structs)
	return d.values, d.diags
}

// Expand makes a body whose dynamic blocks are the blocks they stand for. Decode
// does it by itself.
func Expand(body hcl.Body, scope *Scope) hcl.Body {
	if native, ok := body.(*hclsyntax.Body); ok && !hasDynamic(native) {
		return body
	}
	return dynblock.Expand(body, scope.Eval, dynblock.OptCheckForEach(checkDynamic))
}

// hasDynamic reports whether there is a dynamic block in a body, however deep.
func hasDynamic(body *hclsyntax.Body) bool {
	return slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == "dynamic" || hasDynamic(b.Body) })
}

// Defaults fills a struct with the defaults of a block that is not written.
func Defaults(b *Block, target any) hcl.Diagnostics {
	_, diags := Decode(hcl.EmptyBody(), b, &Scope{}, target)
	return diags
}

type decoder struct {
	scope  *Scope
	values *Values
	diags  hcl.Diagnostics
	cache  *Cache
}

func (d *decoder) report(code diag.Code, rng hcl.Range, summary, detail string) {
	d.diags = append(d.diags, diag.Error(code, rng, summary, detail))
}

func (d *decoder) body(body hcl.Body, b *Block, path string, targets []reflect.Value) {
	content, diags := body.Content(d.cache.bodySchema(b))
	d.diags = append(d.diags, Coded(diags, b)...)
	if path == "" {
		d.values.body = body.MissingItemRange()
	}
	for i := range b.Attrs {
		at := &b.Attrs[i]
		if attr, ok := content.Attributes[at.Name]; ok {
			d.attr(attr, at, path, targets)
		} else if at.Default != "" && !at.Late {
			d.defaultValue(at, path, targets)
		}
	}
	for _, n := range b.Blocks {
		d.nested(content.Blocks.OfType(n.Block.Type), n, b, body.MissingItemRange(), path, targets)
	}
}

func (d *decoder) nested(blocks hcl.Blocks, n Nested, parent *Block, missing hcl.Range, path string, targets []reflect.Value) {
	mislabelled := func(dg *hcl.Diagnostic) bool { // then it is there, but HCL keeps it back
		return diag.CodeOf(dg) == "wrong-labels" && strings.HasSuffix(dg.Summary, " for "+n.Block.Type)
	}
	if n.Required && len(blocks) == 0 && !slices.ContainsFunc(d.diags, mislabelled) {
		d.report("missing-block", missing, fmt.Sprintf("%s needs a %q block", parent.Type, n.Block.Type), "Write: "+exampleOf(n.Block))
	}
	if !n.Repeat && len(blocks) > 1 {
		d.report("duplicate-block", blocks[1].DefRange, fmt.Sprintf("a second %q block", n.Block.Type),
			fmt.Sprintf("The first is on line %d. Keep one of them.", blocks[0].DefRange.Start.Line))
		blocks = blocks[:1]
	}
	for i, block := range blocks {
		sub := joinPath(path, n.Block.Type)
		if n.Repeat {
			sub = fmt.Sprintf("%s[%d]", sub, i)
		}
		at := &place{rng: block.DefRange, known: true, set: true}
		if len(block.Labels) > 0 {
			at.label = block.Labels[0]
		}
		d.values.at[sub] = at
		if n.Block.Pending {
			d.values.pending = append(d.values.pending, Pending{Name: n.Block.Type, Range: block.DefRange})
		}
		spec := n.Block
		if len(spec.Variants) > 0 {
			if spec = d.chooseVariant(block, n.Block); spec == nil {
				continue
			}
			if spec.Pending {
				d.values.pending = append(d.values.pending, Pending{Name: fmt.Sprintf("%s %q", n.Block.Type, spec.Type), Range: block.DefRange})
			}
		}
		var into []reflect.Value
		for _, t := range targets {
			if f, ok := d.cache.field(t, n.Block.Type); ok {
				into = append(into, newElement(f))
			}
		}
		if len(into) == 0 {
			panic("schema: no target has a field for block " + n.Block.Type)
		}
		for _, s := range into {
			if len(block.Labels) > 0 {
				if f, ok := d.cache.field(s, ",label"); ok {
					f.SetString(block.Labels[0])
				}
			}
		}
		d.body(block.Body, spec, sub, into)
	}
}

func (d *decoder) chooseVariant(block *hcl.Block, b *Block) *Block {
	label := block.Labels[0]
	if v := b.variant(label); v != nil {
		return v
	}
	names := make([]string, len(b.Variants))
	for i := range b.Variants {
		names[i] = b.Variants[i].Type
	}
	d.report("unknown-kind", block.LabelRanges[0], fmt.Sprintf("no %s is called %q", b.Type, label),
		fmt.Sprintf("There are: %s.%s", strings.Join(names, ", "), diag.Suggest(label, names)))
	return nil
}

// newElement prepares a field for one nested block and returns the struct to
// fill: the slice's new last element, or what the pointer now points to.
func newElement(f reflect.Value) reflect.Value {
	switch f.Kind() {
	case reflect.Slice:
		f.Set(reflect.Append(f, reflect.Zero(f.Type().Elem())))
		return f.Index(f.Len() - 1)
	case reflect.Pointer:
		f.Set(reflect.New(f.Type().Elem()))
		return f.Elem()
	default:
		return f
	}
}

func (d *decoder) attr(attr *hcl.Attribute, at *Attr, path string, targets []reflect.Value) {
	name := joinPath(path, at.Name)
	p := &place{rng: attr.Expr.Range(), name: attr.NameRange, set: true, attr: at, source: attr.Expr, ctx: d.scope.Eval, judge: judgedOf(at, attr.Expr, d.scope.Eval)}
	d.values.at[name] = p
	switch {
	case at.Outer:
		p.known = true
		return
	case at.Type.kind == reference:
		ref, diags := parseRef(attr.Expr, at, d.scope)
		d.diags = append(d.diags, diags...)
		p.known = ref.Address != ""
		if root, name, ok := strings.Cut(ref.Address, "."); ok {
			d.values.uses = append(d.values.uses, Use{Root: root, Name: name, Range: ref.Range})
		}
		d.assign(targets, at, ref)
		return
	case at.Type.kind == named:
		name, diags := parsePipelineName(attr.Expr, at)
		d.diags = append(d.diags, diags...)
		p.known = name != ""
		d.assign(targets, at, name)
		return
	case at.Type.kind == traversal:
		named, diags := hcl.AbsTraversalForExpr(attr.Expr)
		if diags.HasErrors() {
			d.report("wrong-type", p.rng, at.Name+" wants an address", exampleHint(at))
			return
		}
		p.known = true
		d.assign(targets, at, named)
		return
	case at.Late:
		p.judge.ctx = d.scope.With(lateUnknown).Eval
		d.diags = append(d.diags, checkNames(attr.Expr, p.judge.ctx)...)
		d.values.addUses(attr.Expr, cty.DynamicVal, nil)
		p.late = Expr{expr: attr.Expr, scope: d.scope, attr: at}
		return
	}
	if at.Type.kind == whole {
		p.whole = attr.Expr
	}
	v, diags := d.evaluate(attr, at, p)
	if p.judge.expr == nil {
		p.judge.explainAll(diags) // HCL explains its own
	}
	d.diags = append(d.diags, diags...)
	if diags.HasErrors() {
		return
	}
	goValue, known, diags := at.convert(v, p.rng)
	d.diags = append(d.diags, p.judge.explainAll(diags)...)
	p.known = known && !diags.HasErrors()
	p.waits = !known && !diags.HasErrors()
	if at.Type.kind == ordered && p.known {
		p.pairs = orderOf(attr.Expr, d.scope.Eval, goValue)
	}
	p.empty = p.known && goValue == ""
	p.lasts, _ = goValue.(time.Duration)
	text, isText := goValue.(string)
	p.blank = p.known && isText && strings.TrimSpace(text) == ""
	if isText && v.HasMark(secret.Mark{}) {
		goValue = secret.HiddenText(text)
	}
	if p.known && goValue != nil {
		d.assign(targets, at, goValue)
	}
	if at.Pending && !diags.HasErrors() && (!p.known || goValue != nil && !at.isDefault(goValue)) {
		d.values.pending = append(d.values.pending, Pending{Name: at.Name, Range: attr.NameRange})
	}
}

// isDefault reports whether a value is what an absent attribute means.
func (at *Attr) isDefault(goValue any) bool {
	if at.Default == "" {
		return false
	}
	return at.defaultValue() == goValue
}

func (d *decoder) evaluate(attr *hcl.Attribute, at *Attr, p *place) (cty.Value, hcl.Diagnostics) {
	if at.NoLiteral {
		// With a context: JSON takes the text of an expression literally without.
		if v, diags := budget.Of(d.scope.Eval).Literal(attr.Expr); !diags.HasErrors() && !v.IsNull() {
			return cty.DynamicVal, hcl.Diagnostics{diag.Error("literal-secret", attr.Expr.Range(),
				fmt.Sprintf("%s stands in the file in plain text", at.Name),
				"Files are kept in git, and so would be the secret. Use secret(\"…\"), env(\"NAME\") or a sensitive variable instead, and replace the secret that was written here.")}
		}
	}
	expr, scope := attr.Expr, d.scope
	if at.Type.kind == filename {
		tmpl, diags := d.template(attr, p)
		if diags.HasErrors() {
			return cty.DynamicVal, diags
		}
		expr = tmpl
	}
	if ty := at.Type.cty; ty.IsCapsuleType() || ty.IsListType() && ty.ElementType().IsCapsuleType() {
		expr = jsonAddresses(expr)
	}
	if at.Type.kind == across {
		scope = scope.With(map[string]cty.Value{"pipeline": scope.Pipelines})
	}
	if at.Type.kind == template || at.Type.kind == filename {
		scope = scope.With(scope.Relations)
		p.expr, p.ctx = expr, scope.Eval
	}
	v, diags := Eval(expr, scope.Eval)
	d.values.addUses(expr, v, scope.Relations)
	return v, diags
}

// orderOf lists the entries of a map as they are written, or by their names
// where that cannot be told.
func orderOf(expr hcl.Expression, ctx *hcl.EvalContext, goValue any) []Pair {
	values, _ := goValue.(map[string]string)
	var out []Pair
	written, diags := hcl.ExprMap(expr)
	if !diags.HasErrors() {
		for _, w := range written {
			k, d := w.Key.Value(ctx)
			if d.HasErrors() || k.Type() != cty.String || !k.IsKnown() || k.IsNull() {
				break
			}
			out = append(out, Pair{k.AsString(), values[k.AsString()], w.Value.Range()})
		}
	}
	if len(out) == len(values) {
		return out
	}
	out = nil
	for _, k := range slices.Sorted(maps.Keys(values)) {
		out = append(out, Pair{k, values[k], expr.Range()})
	}
	return out
}

func (d *decoder) defaultValue(at *Attr, path string, targets []reflect.Value) {
	d.values.at[joinPath(path, at.Name)] = &absent
	d.assign(targets, at, d.cache.defaultOf(at))
}

// absent is the place of all attributes that have their defaults. Nobody changes
// it.
var absent = place{known: true}

// defaultValue is the Go value that an absent attribute means.
func (at *Attr) defaultValue() any {
	v, known, diags := at.convert(cty.StringVal(at.Default), hcl.Range{})
	if diags.HasErrors() || !known {
		panic(fmt.Sprintf("schema: the default %q of %s is not a %s", at.Default, at.Name, at.Type.Name))
	}
	return v
}

// convert turns a value into the attribute's Go value. A null is the same as
// an absent attribute: known, without a value.
func (at *Attr) convert(v cty.Value, rng hcl.Range) (goValue any, known bool, diags hcl.Diagnostics) {
	fail := func(code diag.Code, summary, detail string) (any, bool, hcl.Diagnostics) {
		return nil, false, hcl.Diagnostics{diag.Error(code, rng, summary, detail)}
	}
	if at.Type.kind == whole {
		return v, v.IsWhollyKnown(), nil
	}
	v, marks := v.UnmarkDeep()
	if _, secretMark := marks[secret.Mark{}]; secretMark && !at.Sensitive {
		return fail("sensitive-value", fmt.Sprintf("%s is made from a sensitive value", at.Name),
			"This attribute is shown in plans, logs and receipts, so it may not depend on a sensitive variable or sensitive().")
	}
	if v.IsNull() {
		if at.Required {
			return fail("missing-attribute", fmt.Sprintf("%s is null", at.Name), "This attribute is required. Give it a value.")
		}
		return nil, true, nil
	}
	conv, err := at.Type.convertTo(v)
	if err != nil {
		return fail("wrong-type", fmt.Sprintf("%s: want a %s, not %s", at.Name, at.Type.Name, v.Type().FriendlyName()), capitalise(convert.MismatchMessage(v.Type(), at.Type.cty))+".")
	}
	if !conv.IsWhollyKnown() {
		return nil, false, nil
	}
	goValue, err = at.Type.parse(conv)
	if err != nil {
		return fail("invalid-value", fmt.Sprintf("%s: %s", at.Name, err), exampleHint(at))
	}
	if s, ok := goValue.(string); ok && len(at.OneOf) > 0 && !slices.Contains(at.OneOf, s) {
		return fail("invalid-value", fmt.Sprintf("%s: %q is not one of its values", at.Name, s),
			fmt.Sprintf("It is one of: %s.%s", strings.Join(at.OneOf, ", "), diag.Suggest(s, at.OneOf)))
	}
	return goValue, true, nil
}

// assign stores a Go value in the field of every target that has one.
func (d *decoder) assign(targets []reflect.Value, at *Attr, v any) {
	found := false
	for _, t := range targets {
		f, ok := d.cache.field(t, at.Name)
		if !ok {
			continue
		}
		found = true
		setField(f, v)
	}
	if !found {
		panic("schema: no target has a field for attribute " + at.Name)
	}
}

func setField(f reflect.Value, v any) {
	if t, ok := v.(secret.Text); ok && f.Type() != reflect.TypeFor[secret.Text]() {
		v = t.Reveal()
	}
	if s, ok := v.(string); ok {
		switch f.Type() {
		case reflect.TypeFor[secret.String]():
			v = secret.New(s)
		case reflect.TypeFor[secret.Text]():
			v = secret.PlainText(s)
		}
	}
	rv := reflect.ValueOf(v)
	if f.Kind() == reflect.Pointer && rv.Kind() != reflect.Pointer {
		f.Set(reflect.New(f.Type().Elem()))
		f = f.Elem()
	}
	f.Set(rv.Convert(f.Type()))
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func exampleHint(at *Attr) string {
	if at.Example == "" {
		return ""
	}
	return fmt.Sprintf("For example: %s = %s", at.Name, at.Example)
}

func exampleOf(b *Block) string {
	if b.Example != "" {
		return b.Example
	}
	return b.Type + " { … }"
}

func capitalise(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
