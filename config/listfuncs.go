package config

import (
	"maps"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"waybill/internal/secret"
)

// sumFunc adds the numbers of a list or set.
var sumFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Number)}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if args[0].LengthInt() == 0 {
			return cty.UnknownVal(cty.Number), function.NewArgErrorf(0, "an empty list has no sum")
		}
		total := cty.Zero
		for it := args[0].ElementIterator(); it.Next(); {
			_, n := it.Element()
			if n.IsNull() {
				return cty.UnknownVal(cty.Number), function.NewArgErrorf(0, "an element is null")
			}
			total = total.Add(n)
		}
		return total, nil
	},
})

// timecmpFunc compares instants: -1, 0 or 1.
var timecmpFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "a", Type: cty.String}, {Name: "b", Type: cty.String}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var at [2]time.Time
		for i, a := range args {
			t, err := time.Parse(time.RFC3339, a.AsString())
			if err != nil {
				return cty.UnknownVal(cty.Number), function.NewArgErrorf(i, "%q is not a timestamp such as 2026-01-31T09:00:00Z", a.AsString())
			}
			at[i] = t
		}
		return cty.NumberIntVal(int64(at[0].Compare(at[1]))), nil
	},
})

// matchkeysFunc takes the values whose keys, at the same place, are looked for.
var matchkeysFunc = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "values", Type: cty.List(cty.DynamicPseudoType)}, {Name: "keys", Type: cty.List(cty.DynamicPseudoType)}, {Name: "searchset", Type: cty.List(cty.DynamicPseudoType)},
	},
	Type: func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		values, keys := args[0].AsValueSlice(), args[1].AsValueSlice()
		if len(values) != len(keys) {
			return cty.UnknownVal(ty), function.NewArgErrorf(1, "there are %d keys for %d values", len(keys), len(values))
		}
		if !args[1].IsWhollyKnown() || !args[2].IsWhollyKnown() {
			return cty.UnknownVal(ty), nil
		}
		var out []cty.Value
		for i, k := range keys {
			for it := args[2].ElementIterator(); it.Next(); {
				_, wanted := it.Element()
				if eq, err := stdlib.Equal(k, wanted); err == nil && eq.IsKnown() && eq.True() {
					out = append(out, values[i])
					break
				}
			}
		}
		if len(out) == 0 {
			return cty.ListValEmpty(ty.ElementType()), nil
		}
		return cty.ListVal(out), nil
	},
})

// transposeFunc makes of a map of lists the map from their elements to the
// lists of keys that have them.
var transposeFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "map", Type: cty.Map(cty.List(cty.String))}},
	Type:   function.StaticReturnType(cty.Map(cty.List(cty.String))),
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(ty), nil
		}
		keys := map[string][]cty.Value{}
		for it := args[0].ElementIterator(); it.Next(); { // in order of the keys
			k, list := it.Element()
			if list.IsNull() {
				return cty.UnknownVal(ty), function.NewArgErrorf(0, "the list of %q is null", k.AsString())
			}
			for in := list.ElementIterator(); in.Next(); {
				_, e := in.Element()
				if e.IsNull() {
					return cty.UnknownVal(ty), function.NewArgErrorf(0, "the list of %q has a null", k.AsString())
				}
				keys[e.AsString()] = append(keys[e.AsString()], k)
			}
		}
		out := map[string]cty.Value{}
		for _, name := range slices.Sorted(maps.Keys(keys)) {
			out[name] = cty.ListVal(keys[name])
		}
		if len(out) == 0 {
			return cty.MapValEmpty(cty.List(cty.String)), nil
		}
		return cty.MapVal(out), nil
	},
})

// markParam takes any value as it is.
var markParam = function.Parameter{Name: "value", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowNull: true, AllowMarked: true, AllowDynamicType: true}

var sensitiveFunc = function.New(&function.Spec{
	Params: []function.Parameter{markParam},
	Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0].Mark(secret.Mark{}), nil },
})

// nonsensitiveFunc takes the mark of secrets away from a value, though not from
// what is within it, and no other mark.
var nonsensitiveFunc = function.New(&function.Spec{
	Params: []function.Parameter{markParam},
	Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark()
		delete(marks, secret.Mark{})
		return v.WithMarks(marks), nil
	},
})

// issensitiveFunc reports whether a value itself is a secret.
var issensitiveFunc = function.New(&function.Spec{
	Params: []function.Parameter{markParam},
	Type:   function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		return cty.BoolVal(args[0].HasMark(secret.Mark{})), nil
	},
})
