package budget

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// The hidden functions: each returns its first argument.
const (
	eachName = hidden + "each" // what a loop goes through, and bytes of source repeated for each element
	partName = hidden + "part" // what a text is made of, and bytes of text around it
	argName  = hidden + "arg"  // an argument of a function
)

// Instrument puts hidden calls around whatever multiplies: collections that
// loops go through, parts of texts, and arguments of functions. Expressions of
// the body must then be evaluated with the functions of a Meter.
func Instrument(body *hclsyntax.Body) {
	for _, a := range body.Attributes {
		instrument(a.Expr)
	}
	for _, b := range body.Blocks {
		if b.Type == "variable" { // a type constraint only looks like calls
			for name, a := range b.Body.Attributes {
				if name != "type" {
					instrument(a.Expr)
				}
			}
			for _, inner := range b.Body.Blocks {
				Instrument(inner.Body)
			}
			continue
		}
		Instrument(b.Body)
	}
}

// Template instruments a template or expression.
func Template(e hclsyntax.Expression) { instrument(e) }

func instrument(e hclsyntax.Expression) {
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			n.CollExpr = call(eachName, n.CollExpr, n.SrcRange.End.Byte-n.SrcRange.Start.Byte)
		case *hclsyntax.SplatExpr:
			n.Source = call(eachName, n.Source, 0)
		case *hclsyntax.TemplateJoinExpr:
			n.Tuple = call(partName, n.Tuple, 0)
		case *hclsyntax.TemplateExpr:
			parts(n)
		case *hclsyntax.FunctionCallExpr:
			if Hidden(n.Name) {
				return nil
			}
			for i, arg := range n.Args {
				if !literalText(arg) {
					n.Args[i] = call(argName, arg, -1)
				}
			}
		}
		return nil
	})
}

// parts charges the literal parts of a text with the first other one.
func parts(t *hclsyntax.TemplateExpr) {
	around := t.SrcRange.End.Byte - t.SrcRange.Start.Byte
	for i, part := range t.Parts {
		if !literalText(part) {
			t.Parts[i] = call(partName, part, around)
			around = 0
		}
	}
}

// literalText reports whether an expression is text as it stands. A number is
// none: it may have more digits than it is written with.
func literalText(e hclsyntax.Expression) bool {
	literal, ok := e.(*hclsyntax.LiteralValueExpr)
	return ok && literal.Val.Type() == cty.String
}

func call(name string, e hclsyntax.Expression, n int) hclsyntax.Expression {
	start, end := e.Range(), e.Range()
	start.End, end.Start = start.Start, end.End
	out := &hclsyntax.FunctionCallExpr{Name: name, Args: []hclsyntax.Expression{e}, NameRange: start, OpenParenRange: start, CloseParenRange: end}
	if n >= 0 {
		out.Args = append(out.Args, &hclsyntax.LiteralValueExpr{Val: cty.NumberIntVal(int64(n)), SrcRange: end})
	}
	return out
}

// Functions are those that instrumented expressions call.
func (m *Meter) Functions() map[string]function.Function {
	return map[string]function.Function{
		eachName: hiddenFunc(true, func(v cty.Value, n int64) error {
			if !v.CanIterateElements() {
				return nil // HCL says what is wrong with it
			}
			length := int64(0)
			for it := v.ElementIterator(); it.Next(); {
				length++
			}
			return m.Charge(times(length, perIteration+perLoopByte*n))
		}),
		partName: hiddenFunc(true, func(v cty.Value, n int64) error {
			s, err := measure(v)
			if err != nil {
				return err
			}
			return m.Charge(s.cost() + perTextByte*n)
		}),
		argName: hiddenFunc(false, func(v cty.Value, _ int64) error {
			s, err := measure(v)
			if err != nil {
				return err
			}
			return m.Charge(s.cost())
		}),
	}
}

func hiddenFunc(counted bool, charge func(v cty.Value, n int64) error) function.Function {
	params := []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true}}
	if counted {
		params = append(params, function.Parameter{Name: "n", Type: cty.Number})
	}
	return function.New(&function.Spec{
		Params: params,
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			n := int64(0)
			if counted {
				n, _ = args[1].AsBigFloat().Int64()
			}
			if v, _ := args[0].Unmark(); v.IsKnown() && !v.IsNull() {
				if err := charge(v, n); err != nil {
					return args[0], err
				}
			}
			return args[0], nil
		},
	})
}

// Literal evaluates an instrumented expression that may refer to nothing.
func (m *Meter) Literal(e hcl.Expression) (cty.Value, hcl.Diagnostics) {
	return e.Value(&hcl.EvalContext{Functions: m.Functions()})
}
