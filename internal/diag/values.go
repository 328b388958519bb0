package diag

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"waybill/internal/secret"
)

// About tells which expression a diagnostic judges, so that what its names are
// worth can be shown.
func About(d *hcl.Diagnostic, expr hcl.Expression, ctx *hcl.EvalContext) *hcl.Diagnostic {
	d.Expression, d.EvalContext = expr, ctx
	return d
}

// A Value is what a name of the judged expression is worth.
type Value struct {
	Name string // "var.env"
	Text string // `"staging"`, "3", "known only in a run"; never a secret
}

// String is a clause: `var.env is "staging"`.
func (v Value) String() string { return v.Name + " is " + v.Text }

const (
	mostValues  = 6  // names that are told of
	mostOfValue = 60 // characters of a value
)

// Values tells what the names of the expression are worth that the diagnostic
// judges: in order, each once, at most six.
func Values(d *hcl.Diagnostic) []Value {
	if d.Expression == nil || d.EvalContext == nil {
		return nil
	}
	var out []Value
	for _, t := range d.Expression.Variables() {
		if v, ok := valueOf(t, d.EvalContext); ok {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b Value) int { return strings.Compare(a.Name, b.Name) })
	out = slices.Compact(out)
	return out[:min(len(out), mostValues)]
}

// valueOf tells what a name is worth, unless there is nothing to tell: it does
// not exist, or it is a thing and not a value.
func valueOf(t hcl.Traversal, ctx *hcl.EvalContext) (Value, bool) {
	switch t.RootName() {
	case "source", "transform", "connection": // what they render as is nobody's business
		return Value{}, false
	}
	v, diags := t.TraverseAbs(ctx)
	if diags.HasErrors() || v.Type().IsCapsuleType() {
		return Value{}, false
	}
	return Value{Name: HarmlessLine(nameOf(t)), Text: HarmlessLine(show(v))}, true
}

// show writes a value: a primitive one as in HCL, of others only what they are.
// Whatever carries a mark is a secret.
func show(v cty.Value) string {
	if v.ContainsMarked() {
		return secret.Placeholder
	}
	ty := v.Type()
	switch {
	case !v.IsKnown():
		return "known only in a run"
	case v.IsNull():
		return "null"
	case ty == cty.String:
		return quote(v.AsString())
	case ty.IsPrimitiveType():
		text, err := convert.Convert(v, cty.String)
		if err != nil { // every number and bool has a text
			return ty.FriendlyName()
		}
		return short(text.AsString())
	}
	return elements(v)
}

// elements is "a list of 3 elements".
func elements(v cty.Value) string {
	kind, part := "a list", "element"
	switch ty := v.Type(); {
	case ty.IsObjectType():
		kind, part = "an object", "attribute"
	case ty.IsMapType():
		kind = "a map"
	case ty.IsSetType():
		kind = "a set"
	}
	n := 0
	if v.Type().IsObjectType() {
		n = len(v.Type().AttributeTypes())
	} else {
		n = v.LengthInt()
	}
	if n == 1 {
		return kind + " of 1 " + part
	}
	return fmt.Sprintf("%s of %d %ss", kind, n, part)
}

func quote(s string) string {
	if cut := short(s); cut != s {
		return strconv.Quote(strings.TrimSuffix(cut, "…")) + "…"
	}
	return strconv.Quote(s)
}

func short(s string) string {
	if r := []rune(s); len(r) > mostOfValue {
		return string(r[:mostOfValue]) + "…"
	}
	return s
}

// nameOf writes a traversal as the user did: var.sites["eu"].bucket.
func nameOf(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(step.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + step.Name)
		case hcl.TraverseIndex:
			b.WriteString("[" + show(step.Key) + "]")
		}
	}
	return b.String()
}
