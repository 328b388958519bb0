package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/schema"
)

// context holds var and the functions, which is what locals and validations
// may use.
func (p *Project) context(vars Vars) *hcl.EvalContext {
	values := map[string]cty.Value{}
	for name, v := range p.values {
		values[name] = v.value
	}
	ctx := Context(p.Tree, vars, budget.New(p.size))
	ctx.Variables["var"] = cty.ObjectVal(values)
	return ctx
}

// Scope evaluates the locals and returns what every expression of the project
// may refer to: var, local and the functions.
func (p *Project) Scope(vars Vars) (*schema.Scope, hcl.Diagnostics) {
	ctx := p.context(vars)
	l := &localResolver{project: p, ctx: ctx, done: map[string]cty.Value{}}
	for _, name := range slices.Sorted(maps.Keys(p.locals)) {
		l.resolve(name, nil)
	}
	ctx.Variables["local"] = cty.ObjectVal(l.done)
	return &schema.Scope{Eval: ctx, ReadFile: p.Tree.ReadFile, Cache: &schema.Cache{}}, l.diags
}

// localResolver evaluates locals in the order of their references.
type localResolver struct {
	project *Project
	ctx     *hcl.EvalContext
	done    map[string]cty.Value
	diags   hcl.Diagnostics
}

func (l *localResolver) resolve(name string, path []string) {
	if _, ok := l.done[name]; ok {
		return
	}
	attr, ok := l.project.locals[name]
	if !ok {
		return // reported where it is used
	}
	if i := slices.Index(path, name); i >= 0 {
		l.done[name] = cty.DynamicVal
		l.diags = append(l.diags, diag.Error("cycle", attr.NameRange, "locals depend on each other in a circle",
			"local."+strings.Join(append(path[i:], name), " → local.")))
		return
	}
	for _, t := range attr.Expr.Variables() {
		if t.RootName() == "local" && len(t) == 1 {
			l.diags = append(l.diags, diag.Error("unknown-reference", t.SourceRange(), "local cannot be used as a whole here",
				"Which locals there are already would depend on their order. Name each: local.name."))
			l.done[name] = cty.DynamicVal
			return
		}
		if a, ok := localName(t); ok {
			l.resolve(a, append(slices.Clone(path), name))
		}
	}
	if _, ok := l.done[name]; ok { // a cycle ended here
		return
	}
	ctx := l.ctx.NewChild()
	ctx.Variables = map[string]cty.Value{"local": l.known(attr.Expr)}
	v, diags := schema.Eval(attr.Expr, ctx)
	if diags.HasErrors() {
		v = cty.DynamicVal
	}
	l.diags = append(l.diags, diags...)
	l.done[name] = v
}

// known is `local` for an expression: what it uses or, if it names one that
// there is not, all there are, for suggestions.
func (l *localResolver) known(expr hcl.Expression) cty.Value {
	used, missing := map[string]cty.Value{}, false
	for _, t := range expr.Variables() {
		if name, ok := localName(t); ok {
			v, there := l.done[name]
			used[name], missing = v, missing || !there
		}
	}
	if missing {
		used = maps.Clone(l.done)
		for other := range l.project.locals {
			if _, ok := used[other]; !ok {
				used[other] = cty.DynamicVal
			}
		}
	}
	return cty.ObjectVal(used)
}

func localName(t hcl.Traversal) (string, bool) {
	if len(t) < 2 || t.RootName() != "local" {
		return "", false
	}
	name := schema.StepName(t[1])
	return name, name != ""
}

// describe names a value for messages.
func describe(v cty.Value) string {
	if v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		return fmt.Sprintf("%q", v.AsString())
	}
	return v.Type().FriendlyName()
}
