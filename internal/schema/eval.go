package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/secret"
)

// Eval evaluates an expression. Names that do not exist are reported with the
// nearest one that does; everything else HCL finds is reported with a code.
func Eval(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if diags := checkNames(expr, ctx); diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	meter := budget.Of(ctx)
	if err := meter.Expression(expr.Range()); err != nil {
		return cty.DynamicVal, hcl.Diagnostics{diag.Error(budget.Code, expr.Range(), err.Error(), "")}
	}
	v, diags := expr.Value(ctx)
	if _, name := expr.(*hclsyntax.ScopeTraversalExpr); !name && !diags.HasErrors() {
		if err := budget.Result(v); err != nil {
			return cty.DynamicVal, hcl.Diagnostics{diag.Error(budget.Code, expr.Range(), err.Error(), "")}
		}
	}
	for _, d := range diags {
		codeExprDiag(d)
		switch {
		case (diag.CodeOf(d) == "function-failed" || diag.CodeOf(d) == "unset-variable") && touchesSecret(expr, ctx):
			d.Summary, d.Detail = "a function failed", "Its own words are not shown, since the expression uses a sensitive value."
			d.Extra = diag.CodeOf(d) // without the error
		case (diag.CodeOf(d) == "invalid-expression" || diag.CodeOf(d) == "invalid-index") && touchesSecret(expr, ctx):
			d.Detail = "More is not shown, since the expression uses a sensitive value." // HCL quotes keys
		case diag.CodeOf(d) == budget.Code:
			return cty.DynamicVal, hcl.Diagnostics{d} // what follows comes of it
		case diag.CodeOf(d) == "unknown-function" && leftOut[calledName(d)] != "":
			d.Detail = fmt.Sprintf("%s is left out on purpose: %s", calledName(d), leftOut[calledName(d)])
		case diag.CodeOf(d) == "unknown-function" && !strings.Contains(d.Detail, "Did you mean"):
			d.Detail += diag.Suggest(calledName(d), functionNames(ctx))
		}
	}
	return v, diags
}

// calledName is the function that a diagnostic of HCL's says is unknown.
func calledName(d *hcl.Diagnostic) string {
	if q := strings.Split(d.Detail, `"`); len(q) > 1 {
		return q[1]
	}
	return ""
}

const changes = "it changes from call to call, and a retry must compute the same. "

// leftOut says of Terraform's functions that do not exist here why, and what to
// use instead.
var leftOut = map[string]string{
	"timestamp":       changes + "Use run.scheduled_at.",
	"plantimestamp":   changes + "Use run.scheduled_at.",
	"uuid":            changes + "Use run.id, or uuidv5 of a name.",
	"bcrypt":          changes + "Use sha256.",
	"rsadecrypt":      "a private key has no place in a project. Use secret(…).",
	"fileset":         "which files there are is not part of what a configuration reads. Name them, and test them by fileexists.",
	"abspath":         "a path would depend on the machine. Paths are relative to the project.",
	"pathexpand":      "a path would depend on the machine. Paths are relative to the project.",
	"templatestring":  "a template stands in the file or in one of its own. Use templatefile.",
	"type":            "it is for a console only.",
	"ephemeralasnull": "there are no ephemeral values here.",
}

// Literal evaluates an expression that may refer to nothing.
func Literal(expr hcl.Expression, meter *budget.Meter) (cty.Value, hcl.Diagnostics) {
	v, diags := meter.Literal(expr)
	for _, d := range diags {
		if codeExprDiag(d); diag.CodeOf(d) != budget.Code {
			d.Extra = diag.Code("invalid-expression")
		}
	}
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	if err := budget.Result(v); err != nil {
		return cty.DynamicVal, hcl.Diagnostics{diag.Error(budget.Code, expr.Range(), err.Error(), "")}
	}
	return v, diags
}

// touchesSecret reports whether an expression uses a sensitive value, or makes
// one. Functions quote their arguments when they fail.
func touchesSecret(expr hcl.Expression, ctx *hcl.EvalContext) bool {
	for _, t := range expr.Variables() {
		v, diags := t.TraverseAbs(ctx)
		if diags.HasErrors() {
			v, _ = lookup(ctx, t.RootName())
		}
		if v == cty.NilVal {
			continue
		}
		if _, marks := v.UnmarkDeep(); hasSecret(marks) {
			return true
		}
	}
	native, ok := expr.(hclsyntax.Expression)
	if !ok { // JSON: without a context its texts come as they are written
		raw, _ := expr.Value(nil)
		text := fmt.Sprintf("%#v", raw)
		return strings.Contains(text, "sensitive") || strings.Contains(text, "secret")
	}
	found := false
	_ = hclsyntax.VisitAll(native, func(n hclsyntax.Node) hcl.Diagnostics {
		call, ok := n.(*hclsyntax.FunctionCallExpr)
		found = found || ok && (call.Name == "sensitive" || call.Name == "secret")
		return nil
	})
	return found
}

func hasSecret(marks cty.ValueMarks) bool {
	_, ok := marks[secret.Mark{}]
	return ok
}

// elsewhere says where a name may be used that is not in scope here.
var elsewhere = map[string]string{
	"file":      "file.number and file.partition exist only where files are named: in a sink's key or path.",
	"source":    "A source's rows can be used in a query, or named by input = source.x. They are not a value here.",
	"transform": "A transform's rows can be used in a query, or named by input = transform.x. They are not a value here.",
	"run":       "run.* exists only inside a pipeline's sources, transforms and sinks, and in the connections they use.",
	"each":      "each.key and each.value exist only in a block that has for_each.",
	"sink":      "Nothing can refer to a sink.",
	"pipeline":  "A pipeline is not a value; only after and moved name it. Its name is known as run.pipeline.",
}

// checkNames tests each name that the expression uses, one attribute deep,
// against what is in scope.
func checkNames(expr hcl.Expression, ctx *hcl.EvalContext) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, t := range expr.Variables() {
		root, isRoot := t[0].(hcl.TraverseRoot)
		if !isRoot {
			continue
		}
		v, ok := lookup(ctx, root.Name)
		if !ok {
			diags = append(diags, unknownRoot(root, t, ctx))
			continue
		}
		if d := checkAttr(v, root.Name, t, ctx); d != nil {
			diags = append(diags, d)
		}
	}
	return diags
}

func unknownRoot(root hcl.TraverseRoot, t hcl.Traversal, ctx *hcl.EvalContext) *hcl.Diagnostic {
	if hint, ok := elsewhere[root.Name]; ok {
		return diag.Error("unknown-reference", t.SourceRange(), fmt.Sprintf("%s cannot be used here", root.Name), hint)
	}
	names := scopeNames(ctx)
	detail := fmt.Sprintf("Known here: %s.%s", strings.Join(names, ", "), diag.Suggest(root.Name, names))
	return diag.Error("unknown-reference", t.SourceRange(), fmt.Sprintf("nothing is called %q here", root.Name), detail)
}

// mostListed is how many names a diagnostic lists.
const mostListed = 12

func checkAttr(v cty.Value, rootName string, t hcl.Traversal, ctx *hcl.EvalContext) *hcl.Diagnostic {
	if len(t) < 2 || !v.Type().IsObjectType() {
		return nil
	}
	attr, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		if rootName == "source" || rootName == "transform" {
			return diag.Error("dynamic-reference", t.SourceRange(), fmt.Sprintf("%s[…] is not allowed", rootName),
				fmt.Sprintf("The graph is read from names, so a computed one cannot be followed. Write %s.name.", rootName))
		}
		return nil
	}
	if v.Type().HasAttribute(attr.Name) {
		return nil
	}
	types := v.Type().AttributeTypes()
	summary := fmt.Sprintf("there is no %s.%s", rootName, attr.Name)
	switch rootName {
	case "source", "transform", "connection", "pipeline", "notifier":
		summary = fmt.Sprintf("no %s is called %q", rootName, attr.Name)
	case "var":
		summary = fmt.Sprintf("no variable is called %q", attr.Name)
	}
	detail := ""
	if budget.Of(ctx).Compare(len(types)) {
		detail = diag.Suggest(attr.Name, slices.Collect(maps.Keys(types)))
	}
	if len(types) == 0 {
		detail = " None is declared."
	} else if len(types) <= mostListed {
		detail = fmt.Sprintf("%s There are: %s.", detail, strings.Join(slices.Sorted(maps.Keys(types)), ", "))
	}
	return diag.Error("unknown-reference", t.SourceRange(), summary, strings.TrimSpace(detail))
}

func lookup(ctx *hcl.EvalContext, name string) (cty.Value, bool) {
	for c := ctx; c != nil; c = c.Parent() {
		if v, ok := c.Variables[name]; ok {
			return v, true
		}
	}
	return cty.NilVal, false
}

func scopeNames(ctx *hcl.EvalContext) []string {
	seen := map[string]bool{}
	for c := ctx; c != nil; c = c.Parent() {
		for name := range c.Variables {
			seen[name] = !budget.Hidden(name)
		}
	}
	maps.DeleteFunc(seen, func(_ string, shown bool) bool { return !shown })
	return slices.Sorted(maps.Keys(seen))
}

func functionNames(ctx *hcl.EvalContext) []string {
	seen := map[string]bool{}
	for c := ctx; c != nil; c = c.Parent() {
		for name := range c.Functions {
			seen[name] = !budget.Hidden(name)
		}
	}
	maps.DeleteFunc(seen, func(_ string, shown bool) bool { return !shown })
	return slices.Sorted(maps.Keys(seen))
}

// lateUnknown is `file` before a file is named: typed, unknown.
var lateUnknown = map[string]cty.Value{"file": cty.ObjectVal(map[string]cty.Value{
	"number":    cty.UnknownVal(cty.String),
	"partition": cty.UnknownVal(cty.String),
})}

// An Expr is a Late attribute: evaluated once for each file.
type Expr struct {
	expr  hcl.Expression
	scope *Scope
	attr  *Attr
}

// IsZero reports whether the attribute is absent.
func (e Expr) IsZero() bool { return e.expr == nil }

// Range is where the expression stands.
func (e Expr) Range() hcl.Range { return e.expr.Range() }

// Eval evaluates the expression with file.number and file.partition. known is
// false while it depends on run-time values that are not there yet.
func (e Expr) Eval(number, partition string) (text string, known bool, diags hcl.Diagnostics) {
	scope := e.scope.With(map[string]cty.Value{"file": cty.ObjectVal(map[string]cty.Value{
		"number":    cty.StringVal(number),
		"partition": cty.StringVal(partition),
	})})
	v, diags := Eval(e.expr, scope.Eval)
	if diags.HasErrors() {
		return "", false, diags
	}
	goValue, known, diags := e.attr.convert(v, e.expr.Range())
	judgedOf(e.attr, e.expr, e.scope.Eval).explainAll(diags)
	if !known || goValue == nil || diags.HasErrors() {
		return "", false, diags
	}
	return goValue.(string), true, diags
}

// Explain tells a diagnostic that it is about the expression's value.
func (e Expr) Explain(d *hcl.Diagnostic) *hcl.Diagnostic {
	return judgedOf(e.attr, e.expr, e.scope.Eval).explain(d)
}

// In returns the expression with another scope, such as one whose run-time
// values are known.
func (e Expr) In(scope *Scope) Expr {
	e.scope = scope
	return e
}

// Uses reports whether the expression mentions root.name, such as file.number.
func (e Expr) Uses(root, name string) bool {
	for _, t := range e.expr.Variables() {
		if t.RootName() != root || len(t) < 2 {
			continue
		}
		if a, ok := t[1].(hcl.TraverseAttr); ok && a.Name == name {
			return true
		}
	}
	return false
}
