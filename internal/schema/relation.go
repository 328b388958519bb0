package schema

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/secret"
)

// relation is the mark of a text that stands for a step's rows. A query made
// from it carries it on, however the name was computed.
type relation struct{ address string }

// Relation is what a step's address is worth in a query: a quoted identifier.
func Relation(address string) cty.Value {
	return cty.StringVal(`"` + strings.ReplaceAll(address, `"`, `""`) + `"`).Mark(relation{address})
}

// instancesOf returns the instances of a step with for_each, if u mentions one.
func instancesOf(relations map[string]cty.Value, u Use) (cty.Value, bool) {
	family, ok := relations[u.Root]
	if !ok || !family.Type().HasAttribute(u.Name) {
		return cty.NilVal, false
	}
	v := family.GetAttr(u.Name)
	return v, v.Type().IsMapType()
}

// usedInstances lists the instances that went into a value: those whose marks
// it has. All of them, if it is not known yet.
func usedInstances(u Use, instances, value cty.Value) []Use {
	var all, used []Use
	_, marks := value.UnmarkDeep()
	for it := instances.ElementIterator(); it.Next(); {
		_, e := it.Element()
		_, own := e.Unmark()
		for m := range own {
			_, name, _ := strings.Cut(m.(relation).address, ".")
			one := Use{Root: u.Root, Name: name, Range: u.Range}
			all = append(all, one)
			if _, ok := marks[m]; ok {
				used = append(used, one)
			}
		}
	}
	if len(used) == 0 && !value.IsWhollyKnown() {
		return all
	}
	return used
}

// parseRef reads `transform.x` and `transform.x["key"]`, or in JSON the same as
// a text with or without "${…}".
func parseRef(expr hcl.Expression, at *Attr, scope *Scope) (RefValue, hcl.Diagnostics) {
	ref := RefValue{Range: expr.Range()}
	wrong := hcl.Diagnostics{diag.Error("wrong-type", expr.Range(), at.Name+" wants a reference", fmt.Sprintf("Write the address of a source or transform: %s = transform.name", at.Name))}
	expr = jsonReference(expr)
	if t, diags := hcl.AbsTraversalForExpr(expr); !diags.HasErrors() {
		if d := checkInput(t, ref.Range, scope); d != nil {
			return ref, hcl.Diagnostics{d}
		}
		if len(t) < 2 || len(t) > 3 || len(t) == 3 && StepName(t[2]) == "" {
			return ref, wrong
		}
		if _, isAttr := t[len(t)-1].(hcl.TraverseAttr); isAttr && len(t) == 3 {
			return ref, wrong
		}
	}
	v, diags := Eval(expr, scope.With(scope.Relations).Eval)
	if diags.HasErrors() {
		return ref, diags
	}
	if v.Type().IsMapType() {
		return ref, hcl.Diagnostics{diag.Error("wrong-type", ref.Range, at.Name+" names all instances of a step with for_each", "Choose one by its key: "+at.Name+` = transform.name["key"], or [each.key].`)}
	}
	_, marks := v.UnmarkDeep()
	for m := range marks {
		if r, ok := m.(relation); ok && v.Type() == cty.String {
			if ref.Address != "" {
				return RefValue{Range: ref.Range}, wrong // a text made of several
			}
			ref.Address = r.address
		}
	}
	if plain, _ := v.Unmark(); ref.Address == "" || !plain.RawEquals(unmarked(Relation(ref.Address))) {
		return RefValue{Range: ref.Range}, wrong
	}
	return ref, nil
}

func unmarked(v cty.Value) cty.Value {
	v, _ = v.Unmark()
	return v
}

// jsonReference takes an address out of the text that JSON has for it.
func jsonReference(expr hcl.Expression) hcl.Expression {
	if _, native := hcl.UnwrapExpression(expr).(hclsyntax.Expression); native {
		return expr
	}
	// Without a context JSON gives the text as it stands.
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() {
		return expr
	}
	text := strings.TrimSuffix(strings.TrimPrefix(v.AsString(), "${"), "}")
	parsed, diags := budget.ParseExpression([]byte(text), expr.Range().Filename, expr.Range().Start)
	if diags.HasErrors() {
		return expr
	}
	return parsed
}

// jsonAddresses is jsonReference for the address of a thing, or a list of them.
func jsonAddresses(expr hcl.Expression) hcl.Expression {
	_, native := hcl.UnwrapExpression(expr).(hclsyntax.Expression)
	items, diags := hcl.ExprList(expr)
	if native || diags.HasErrors() {
		return jsonReference(expr)
	}
	list := &hclsyntax.TupleConsExpr{SrcRange: expr.Range(), OpenRange: expr.StartRange()}
	for _, item := range items {
		native, ok := jsonReference(item).(hclsyntax.Expression)
		if !ok {
			return expr
		}
		list.Exprs = append(list.Exprs, native)
	}
	return list
}

// checkInput reports a plain address that does not exist.
func checkInput(t hcl.Traversal, rng hcl.Range, scope *Scope) *hcl.Diagnostic {
	family, ok := scope.Relations[t.RootName()]
	if len(t) < 2 || !ok && t.RootName() != "source" && t.RootName() != "transform" {
		return nil
	}
	attr, isAttr := t[1].(hcl.TraverseAttr)
	if !isAttr {
		return diag.Error("dynamic-reference", rng, t.RootName()+"[…] is not allowed", "The graph is read from names. Write "+t.RootName()+".name.")
	}
	if !ok || !family.Type().HasAttribute(attr.Name) {
		return unknownInput(t.RootName(), attr.Name, rng, scope)
	}
	return nil
}

func unknownInput(kind, name string, rng hcl.Range, scope *Scope) *hcl.Diagnostic {
	inputs, detail := scope.Inputs, ""
	if budget.Of(scope.Eval).Compare(len(inputs)) {
		detail = strings.TrimSpace(diag.Suggest(kind+"."+name, inputs))
	}
	if detail == "" && len(inputs) > 0 && len(inputs) <= mostListed {
		detail = "There are: " + strings.Join(inputs, ", ") + "."
	}
	return diag.Error("unknown-reference", rng, fmt.Sprintf("no %s is called %q", kind, name), detail)
}

// MaxInstances bounds how often for_each may repeat a block.
const MaxInstances = 10_000

// checkDynamic refuses what a dynamic block must not be repeated for.
func checkDynamic(v cty.Value, expr hcl.Expression, ctx *hcl.EvalContext) hcl.Diagnostics {
	if v.HasMark(secret.Mark{}) {
		return hcl.Diagnostics{diag.Error("sensitive-value", expr.Range(), "for_each is made from a sensitive value", "How many blocks there are, and their keys, are shown everywhere. Use a value that is not sensitive.")}
	}
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return nil // reported as such
	}
	n := 0
	for it := v.ElementIterator(); it.Next(); {
		n++
	}
	if n > MaxInstances {
		return hcl.Diagnostics{TooMany(n, expr.Range())}
	}
	if err := budget.Of(ctx).Blocks(n); err != nil {
		return hcl.Diagnostics{diag.Error(budget.Code, expr.Range(), err.Error(), "")}
	}
	return nil
}

// TooMany is the diagnostic of a for_each with more than MaxInstances elements.
func TooMany(n int, rng hcl.Range) *hcl.Diagnostic {
	return diag.Error(budget.Code, rng, fmt.Sprintf("for_each has %d elements", n), fmt.Sprintf("A block may be repeated up to %d times. Split the project, or select rows in SQL instead.", MaxInstances))
}
