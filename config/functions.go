package config

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	yaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/schema"
)

// pure are the functions that depend on nothing but their arguments: the cty
// standard library under Terraform's names. Functions that change from call to
// call (timestamp, uuid, …) do not exist: a retry must compute the same. See
// schema.Eval for what is said of them.
func pure() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": stdlib.LogFunc,
		"max": stdlib.MaxFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "signum": stdlib.SignumFunc,

		"chomp": stdlib.ChompFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc, "indent": stdlib.IndentFunc,
		"join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"replace": replaceFunc, "split": stdlib.SplitFunc, "strlen": stdlib.StrlenFunc, "strrev": stdlib.ReverseFunc,
		"substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc,
		"trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc,
		"startswith":  textTest("startswith", strings.HasPrefix),
		"endswith":    textTest("endswith", strings.HasSuffix),
		"strcontains": textTest("strcontains", strings.Contains),

		"chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
		"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
		"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "index": indexFunc, "keys": stdlib.KeysFunc,
		"length": lengthFunc, "lookup": stdlib.LookupFunc, "merge": stdlib.MergeFunc, "range": stdlib.RangeFunc,
		"reverse": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc,
		"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc,
		"values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc, "one": oneFunc,
		"matchkeys": matchkeysFunc, "sum": sumFunc, "transpose": transposeFunc,
		"alltrue": boolFold("alltrue", true), "anytrue": boolFold("anytrue", false),

		"csvdecode": stdlib.CSVDecodeFunc, "jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
		"yamlencode": yaml.YAMLEncodeFunc, "yamldecode": yaml.YAMLDecodeFunc,
		"basename": textFunc("basename", func(s string) (string, error) { return path.Base(s), nil }),
		"dirname":  textFunc("dirname", func(s string) (string, error) { return path.Dir(s), nil }),

		"formatdate": stdlib.FormatDateFunc, "timeadd": stdlib.TimeAddFunc, "timecmp": timecmpFunc, "date_add": dateAddFunc, "in_zone": inZoneFunc,

		"try": tryfunc.TryFunc, "can": tryfunc.CanFunc,
		"tobool": stdlib.MakeToFunc(cty.Bool), "tonumber": stdlib.MakeToFunc(cty.Number), "tostring": stdlib.MakeToFunc(cty.String),
		"tolist": uniformly(stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType))), "toset": uniformly(stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType))),
		"tomap":     stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"sensitive": sensitiveFunc, "nonsensitive": nonsensitiveFunc, "issensitive": issensitiveFunc,
	}
}

// Context is what files beside the configuration, such as tests, are evaluated
// in: all functions of a project whose files are read from tree. What is
// evaluated is charged to the meter.
func Context(tree *Tree, vars Vars, meter *budget.Meter) *hcl.EvalContext {
	name, known := meter.Value()
	return &hcl.EvalContext{Variables: map[string]cty.Value{name: known}, Functions: functions(tree, vars, meter)}
}

// functions are all functions of a project: the pure ones, those that read its
// files, env and secret. Their work is charged to the meter.
func functions(tree *Tree, vars Vars, meter *budget.Meter) map[string]function.Function {
	fns := pure()
	fns["env"] = envFunc(vars)
	fns["secret"] = secretFunc(vars)
	fns["fileexists"] = function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			_, err := tree.ReadFile(args[0].AsString())
			return cty.BoolVal(err == nil), nil
		},
	})
	for _, more := range []map[string]function.Function{fileFunctions(tree), encodingFunctions(), sumFunctions(), netFunctions()} {
		maps.Copy(fns, more)
	}
	fns["templatefile"] = templateFileFunc(tree, fns)
	maps.Copy(fns, meter.Functions())
	return bounded(fns, meter)
}

func textFunc(name string, f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Description: name,
		Params:      []function.Parameter{{Name: "text", Type: cty.String}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

func textTest(name string, f func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Description: name,
		Params:      []function.Parameter{{Name: "text", Type: cty.String}, {Name: "part", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

func boolFold(name string, all bool) function.Function {
	return function.New(&function.Spec{
		Description: name,
		Params:      []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			for it := args[0].ElementIterator(); it.Next(); {
				_, v := it.Element()
				if !v.IsKnown() {
					return cty.UnknownVal(cty.Bool), nil
				}
				if !v.IsNull() && v.True() != all {
					return cty.BoolVal(!all), nil
				}
				if v.IsNull() && all {
					return cty.False, nil
				}
			}
			return cty.BoolVal(all), nil
		},
	})
}

// lengthFunc counts characters of a text too, as Terraform's does.
var lengthFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true, AllowMarked: true}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark()
		switch {
		case v.Type() == cty.DynamicPseudoType:
			return cty.UnknownVal(cty.Number).WithMarks(marks), nil
		case v.Type() == cty.String:
			n, err := stdlib.Strlen(v)
			return n.WithMarks(marks), err
		case v.Type().IsTupleType():
			return cty.NumberIntVal(int64(v.Type().Length())).WithMarks(marks), nil
		case v.Type().IsObjectType():
			return cty.NumberIntVal(int64(len(v.Type().AttributeTypes()))).WithMarks(marks), nil
		case v.Type().IsCollectionType():
			return v.Length().WithMarks(marks), nil
		}
		return cty.UnknownVal(cty.Number), function.NewArgErrorf(0, "a %s has no length: want a text, list, set or map", v.Type().FriendlyName())
	},
})

// replaceFunc takes a pattern between slashes as a regular expression.
var replaceFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "text", Type: cty.String}, {Name: "substring", Type: cty.String}, {Name: "replacement", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if sub := args[1].AsString(); len(sub) > 1 && sub[0] == '/' && sub[len(sub)-1] == '/' {
			return stdlib.RegexReplace(args[0], cty.StringVal(sub[1:len(sub)-1]), args[2])
		}
		return stdlib.Replace(args[0], args[1], args[2])
	},
})

// indexFunc finds a value's place in a list, as Terraform's does; the standard
// library's function of that name is the index operator.
var indexFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType, AllowNull: true}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if ty := args[0].Type(); !ty.IsListType() && !ty.IsTupleType() {
			return cty.UnknownVal(cty.Number), function.NewArgErrorf(0, "want a list or tuple")
		}
		for it := args[0].ElementIterator(); it.Next(); {
			i, e := it.Element()
			eq, err := stdlib.Equal(e, args[1])
			if err != nil || !eq.IsKnown() {
				return cty.UnknownVal(cty.Number), err
			}
			if eq.True() {
				return i, nil
			}
		}
		return cty.UnknownVal(cty.Number), function.NewArgErrorf(1, "the list has no such element")
	},
})

// uniformly makes a conversion quick for tuples whose elements are of one type:
// to find their common type, the library compares each with each.
func uniformly(to function.Function) function.Function {
	asList := func(args []cty.Value) []cty.Value {
		v, marks := args[0].Unmark()
		if !v.IsKnown() || v.IsNull() || !v.Type().IsTupleType() || v.LengthInt() == 0 {
			return args
		}
		types := v.Type().TupleElementTypes()
		if slices.ContainsFunc(types, func(ty cty.Type) bool { return ty.HasDynamicTypes() || !ty.Equals(types[0]) }) {
			return args
		}
		return []cty.Value{cty.ListVal(v.AsValueSlice()).WithMarks(marks)}
	}
	return function.New(&function.Spec{
		Description: to.Description(), Params: to.Params(),
		Type: func(args []cty.Value) (cty.Type, error) { return to.ReturnTypeForValues(asList(args)) },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return to.Call(asList(args)) },
	})
}

var oneFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v := args[0]
		if ty := v.Type(); !ty.IsListType() && !ty.IsSetType() && !ty.IsTupleType() {
			return cty.DynamicVal, function.NewArgErrorf(0, "want a list, set or tuple")
		}
		switch v.LengthInt() {
		case 0:
			return cty.NullVal(cty.DynamicPseudoType), nil
		case 1:
			it := v.ElementIterator()
			it.Next()
			_, e := it.Element()
			return e, nil
		}
		return cty.DynamicVal, function.NewArgErrorf(0, "want zero or one element, not %d", v.LengthInt())
	},
})

// envFunc reads the environment. Before a run an unset variable is unknown, so
// that files can be validated where it does not exist.
func envFunc(vars Vars) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "name", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			if name == "" {
				return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "want the name of an environment variable")
			}
			if text, ok := vars.lookupEnv(name); ok {
				return cty.StringVal(text), nil
			}
			if vars.RunTime {
				return cty.UnknownVal(cty.String), unsetError(name)
			}
			return vars.unread(), nil
		},
	})
}

// unread is what only a run may know.
func (v Vars) unread() cty.Value {
	if v.Sample != "" {
		return cty.StringVal(v.Sample)
	}
	return cty.UnknownVal(cty.String)
}

// unsetError names an environment variable that a run needs and has not got.
type unsetError string

func (e unsetError) Error() string {
	return fmt.Sprintf("the environment variable %s is not set", string(e))
}

// DiagCode gives the failure a code of its own. See schema.Eval.
func (unsetError) DiagCode() diag.Code { return "unset-variable" }

func templateFileFunc(tree *Tree, fns map[string]function.Function) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			src, err := tree.ReadFile(name)
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "cannot read %q: %s", name, err)
			}
			if ty := args[1].Type(); !ty.IsObjectType() && !ty.IsMapType() {
				return cty.UnknownVal(cty.String), function.NewArgErrorf(1, "want a map of the names that the template uses, not %s", describe(args[1]))
			}
			if d := budget.TemplateText(src, name, hcl.InitialPos); d != nil {
				return cty.UnknownVal(cty.String), budget.Exceeded(fmt.Sprintf("the template %q is nested too deeply", name))
			}
			expr, diags := hclsyntax.ParseTemplate(src, name, hcl.InitialPos)
			if diags.HasErrors() {
				return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "%s", diags.Error())
			}
			budget.Template(expr)
			without := map[string]function.Function{}
			for n, f := range fns {
				if n != "templatefile" { // a template cannot include itself without end
					without[n] = f
				}
			}
			names := map[string]cty.Value{} // not nil, which HCL tells otherwise: no variables are allowed
			maps.Copy(names, args[1].AsValueMap())
			v, diags := schema.Eval(expr, &hcl.EvalContext{Variables: names, Functions: without})
			if diags.HasErrors() {
				if err := diag.ErrorOf(diags[0]); err != nil { // it keeps its code
					return cty.UnknownVal(cty.String), err
				}
				return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "%s", diags.Error())
			}
			// A template that is one interpolation has the type of what it names.
			text, err := convert.Convert(v, cty.String)
			if err != nil || text.IsNull() {
				return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "the template %q gives no text but %s", name, describe(v))
			}
			return text, nil
		},
	})
}
