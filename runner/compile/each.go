package compile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/schema"
)

// forEachAttr is on pipelines and steps.
var forEachAttr = schema.Attr{Name: "for_each", Type: schema.Type{Name: "map, or set of strings"}, Outer: true, Example: "var.customers",
	Doc: "Repeats the block, once for each element: each.key and each.value tell which. The instances are addressed by their keys, as in name[\"key\"]. It must be known before a run, and may not be sensitive."}

// An instance is one repetition of a block with for_each, or the only one of a
// block without.
type instance struct {
	key  string
	each map[string]cty.Value // the variable `each`; nil without for_each
}

// suffix is what addresses end with: `["acme"]`, or nothing.
func (i instance) suffix() string {
	if i.each == nil {
		return ""
	}
	return schema.KeySuffix(i.key)
}

// longestKey bounds keys: they become part of names, labels and session names.
const longestKey = 128

var onlyForEach = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: forEachAttr.Name}}}

// instances evaluates a block's for_each. Without one there is one instance.
func instances(body hcl.Body, scope *schema.Scope) ([]instance, hcl.Diagnostics) {
	content, _, _ := body.PartialContent(onlyForEach) // what is wrong here is found again by decoding
	attr, ok := content.Attributes[forEachAttr.Name]
	if !ok {
		return []instance{{}}, nil
	}
	v, diags := schema.Eval(attr.Expr, scope.Eval)
	if diags.HasErrors() {
		return nil, diags
	}
	if d := checkForEach(v, attr.Expr.Range()); d != nil {
		return nil, append(diags, d)
	}
	if n := v.LengthInt(); n > schema.MaxInstances {
		return nil, append(diags, schema.TooMany(n, attr.Expr.Range()))
	} else if err := budget.Of(scope.Eval).Blocks(n); err != nil {
		return nil, append(diags, diag.Error(budget.Code, attr.Expr.Range(), err.Error(), ""))
	}
	var out []instance
	folded := map[string]string{}
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if v.Type().IsSetType() {
			key = value
		}
		text := key.AsString()
		if err := checkKey(text, folded); err != nil {
			return nil, append(diags, diag.Error("invalid-for-each", attr.Expr.Range(), fmt.Sprintf("for_each: the key %q %s", text, err), "Keys become part of names. Choose others, for example with a for expression: { for k, v in … : lower(k) => v }."))
		}
		out = append(out, instance{text, map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})}})
	}
	return out, diags
}

// checkForEach reports a value that cannot be gone through.
func checkForEach(v cty.Value, rng hcl.Range) *hcl.Diagnostic {
	fail := func(code diag.Code, summary, detail string) *hcl.Diagnostic {
		return diag.Error(code, rng, "for_each "+summary, detail)
	}
	if v.IsMarked() { // a set is marked as a whole; the values of a map may be sensitive
		return fail("sensitive-value", "is made from a sensitive value", "How many blocks there are, and their keys, are shown everywhere. Use a value that is not sensitive.")
	}
	ty := v.Type()
	switch {
	case v.IsNull():
		return fail("invalid-for-each", "is null", "Give it a map or a set of strings; an empty one makes no block.")
	case !v.IsKnown():
		return fail("invalid-for-each", "is not known before a run", "Which blocks there are must be known to validate them. Use variables and locals; an env() that is not set is not known.")
	case ty.IsMapType() || ty.IsObjectType() || ty.IsSetType() && v.LengthInt() == 0: // toset([]) has no type of elements
		return nil
	case ty.IsSetType() && ty.ElementType() == cty.String:
		if !v.IsWhollyKnown() {
			return fail("invalid-for-each", "has elements that are not known before a run", "Keys must be known to validate the blocks. Use a map whose keys are known, and put what is unknown into its values.")
		}
		return nil
	case ty.IsTupleType() || ty.IsListType() || ty.IsSetType():
		return fail("wrong-type", "is a "+ty.FriendlyName()+", whose elements have no keys", "Make it a set of strings with toset(…), or a map with { for x in … : x.name => x }.")
	}
	return fail("wrong-type", "is a "+ty.FriendlyName(), "Give it a map, or a set of strings.")
}

// checkKey reports a key that cannot be part of a name. Names are told apart
// without regard to case, as SQL does.
func checkKey(key string, folded map[string]string) error {
	switch fold := strings.ToLower(key); {
	case key == "":
		return fmt.Errorf("is empty")
	case len(key) > longestKey:
		return fmt.Errorf("is longer than %d bytes", longestKey)
	case strings.ContainsFunc(key, unicode.IsControl):
		return fmt.Errorf("contains a control character")
	case folded[fold] != "":
		return fmt.Errorf("differs from %q in case only", folded[fold])
	default:
		folded[fold] = key
		return nil
	}
}

func isUnused(d *hcl.Diagnostic) bool { return diag.CodeOf(d) == "unused" && d.Subject != nil }

// countUnused counts for each place how many instances don't use it.
func countUnused(diags hcl.Diagnostics, count map[hcl.Range]int) {
	for _, d := range diags {
		if isUnused(d) {
			count[*d.Subject]++
		}
	}
}

// unusedByAll drops what only some of a block's n instances don't use.
func unusedByAll(diags hcl.Diagnostics, count map[hcl.Range]int, n int) hcl.Diagnostics {
	return slices.DeleteFunc(diags, func(d *hcl.Diagnostic) bool { return isUnused(d) && count[*d.Subject] < n })
}

// findings gathers what the instances of blocks report. What several report
// with the same code about the same place is told once.
type findings struct {
	all  hcl.Diagnostics
	seen map[finding]bool
}

type finding struct {
	code diag.Code
	rng  hcl.Range
}

// add takes what one instance reports.
func (f *findings) add(diags hcl.Diagnostics) {
	var fresh []finding
	for _, d := range diags {
		if d.Subject != nil {
			key := finding{diag.CodeOf(d), *d.Subject}
			if f.seen[key] {
				continue
			}
			fresh = append(fresh, key)
		}
		f.all = append(f.all, d)
	}
	if f.seen == nil && len(fresh) > 0 {
		f.seen = map[finding]bool{}
	}
	for _, key := range fresh {
		f.seen[key] = true
	}
}
