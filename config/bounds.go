package config

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"waybill/internal/budget"
)

// Bounds of what a project reads.
const (
	// MaxFile is the size of the largest file that is read as part of a
	// configuration, in bytes.
	MaxFile = 4 << 20
	// MaxFiles is the size of all of them together.
	MaxFiles = 64 << 20
)

// Bounds of arguments that say how much a function makes.
const (
	longestWidth   = 1000 // of a number in format, and of indent
	longestDigits  = 1000 // that parseint reads
	largestPattern = 10_000
)

// A price is what a call costs, in bytes that it makes or looks at. The
// arguments are known, of the right types and without marks.
type price func(args []cty.Value) (int64, error)

// prices are those of functions that can make much of little, or work long.
var prices = map[string]price{
	"format":       func(args []cty.Value) (int64, error) { return formatPrice(args) },
	"formatlist":   formatPrice,
	"indent":       indentPrice,
	"join":         joinPrice,
	"jsondecode":   func(args []cty.Value) (int64, error) { return jsonPrice(args[0].AsString()) },
	"csvdecode":    func(args []cty.Value) (int64, error) { return 20 * textLength(args[0]), nil },
	"matchkeys":    func(args []cty.Value) (int64, error) { return pairsPrice(args[1], args[2]), nil },
	"parseint":     parseintPrice,
	"range":        rangePrice,
	"regex":        func(args []cty.Value) (int64, error) { return patternPrice(args[0].AsString(), textLength(args[1])) },
	"regexall":     func(args []cty.Value) (int64, error) { return patternPrice(args[0].AsString(), textLength(args[1])) },
	"replace":      replacePrice,
	"setproduct":   productPrice,
	"tolist":       mixedPrice,
	"toset":        mixedPrice,
	"yamldecode":   func(args []cty.Value) (int64, error) { return yamlPrice(args[0].AsString()) },
	"base64gzip":   func(args []cty.Value) (int64, error) { return 50 * textLength(args[0]), nil },
	"templatefile": func([]cty.Value) (int64, error) { return 1000, nil },
}

// bounded returns functions whose calls are charged before they begin.
func bounded(fns map[string]function.Function, meter *budget.Meter) map[string]function.Function {
	for name, p := range prices {
		if f, ok := fns[name]; ok {
			fns[name] = charged(f, p, meter)
		}
	}
	return fns
}

func charged(f function.Function, p price, meter *budget.Meter) function.Function {
	return function.New(&function.Spec{
		Description: f.Description(), Params: f.Params(), VarParam: f.VarParam(),
		// The price is asked here: what a function returns can depend on its
		// arguments' values, so that most of the work is done to find its type.
		Type: func(args []cty.Value) (cty.Type, error) {
			plain := make([]cty.Value, len(args))
			for i, a := range args {
				a, _ = a.UnmarkDeep()
				if !a.IsWhollyKnown() || a.IsNull() {
					return f.ReturnTypeForValues(args)
				}
				plain[i] = a
			}
			cost, err := p(plain)
			if err == nil {
				err = meter.Charge(cost)
			}
			if err != nil {
				return cty.DynamicPseudoType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

func textLength(v cty.Value) int64 {
	if v.Type() != cty.String || v.IsNull() {
		return 0
	}
	return int64(len(v.AsString()))
}

var formatVerb = regexp.MustCompile(`%[^a-zA-Z%]*[a-zA-Z]`)

var digits = regexp.MustCompile(`[0-9]+`)

// formatPrice supposes that each verb shows the longest argument.
func formatPrice(args []cty.Value) (int64, error) {
	text := args[0].AsString()
	total, verbs := int64(len(text)), int64(0)
	for _, verb := range formatVerb.FindAllString(text, -1) {
		verbs++
		for _, d := range digits.FindAllString(verb, -1) {
			n, err := strconv.Atoi(d)
			if err != nil || n > longestWidth {
				return 0, function.NewArgErrorf(0, "the width %s is greater than %d", d, longestWidth)
			}
			total += int64(n)
		}
	}
	longest, calls := int64(0), int64(1)
	for _, a := range args[1:] {
		longest = max(longest, 40+allText(a))
		if ty := a.Type(); ty.IsListType() || ty.IsTupleType() || ty.IsSetType() {
			calls = max(calls, int64(a.LengthInt()))
		}
	}
	return calls * (total + verbs*longest), nil
}

// allText is the length of all texts in a value.
func allText(v cty.Value) int64 {
	n := textLength(v)
	if v.CanIterateElements() {
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			n += textLength(k) + allText(e)
		}
	}
	return n
}

func indentPrice(args []cty.Value) (int64, error) {
	n, _ := args[0].AsBigFloat().Int64()
	if n < 0 || n > longestWidth {
		return 0, function.NewArgErrorf(0, "want a number of spaces from 0 to %d", longestWidth)
	}
	return n * int64(1+strings.Count(args[1].AsString(), "\n")), nil
}

func joinPrice(args []cty.Value) (int64, error) {
	elements := int64(0)
	for _, list := range args[1:] {
		elements += int64(list.LengthInt())
	}
	return elements * textLength(args[0]), nil
}

// jsonPrice refuses brackets so deep that the decoder would not come back.
func jsonPrice(text string) (int64, error) {
	if budget.Depth([]byte(text)) > budget.MaxDepth {
		return 0, budget.Exceeded(fmt.Sprintf("the JSON is nested more than %d levels deep", budget.MaxDepth))
	}
	return 20 * int64(len(text)), nil
}

// pairsPrice is that of comparing each element with each.
func pairsPrice(a, b cty.Value) int64 {
	if !a.CanIterateElements() || !b.CanIterateElements() {
		return 0
	}
	return 500 * int64(a.LengthInt()) * int64(b.LengthInt())
}

var (
	yamlAlias = regexp.MustCompile(`(?m)(?:^|[\s,:?\[{-])\*[^\s,\[\]{}]`)
	yamlRow   = regexp.MustCompile(`(?:[-?:][ \t]+){50}`)
	yamlDeep  = regexp.MustCompile(`(?m)^ +`)
)

// longestFlow is the number of brackets in a YAML text, of which each may be in
// the one before it.
const longestFlow = 10_000

// yamlPrice refuses what would nest too deeply for the decoder to come back. It
// supposes that brackets and indentation nest, which takes the square of their
// number, and that aliases name what is made of aliases: of all sums of so many,
// the product is the greatest where each part is 3.
func yamlPrice(text string) (int64, error) {
	flow := int64(strings.Count(text, "[") + strings.Count(text, "{"))
	if flow > longestFlow || yamlRow.MatchString(text) {
		return 0, budget.Exceeded("the YAML is nested too deeply, or has too many brackets")
	}
	deepest := int64(0)
	for _, blank := range yamlDeep.FindAllString(text, -1) {
		deepest = max(deepest, int64(len(blank)))
	}
	cost := 100*int64(len(text)) + 10*flow*flow + 600*deepest*deepest
	for range (len(yamlAlias.FindAllStringIndex(text, 200)) + 2) / 3 {
		if cost *= 3; cost > 1<<40 {
			return 1 << 40, nil
		}
	}
	return cost, nil
}

func parseintPrice(args []cty.Value) (int64, error) {
	if n := textLength(args[0]); n > longestDigits {
		return 0, function.NewArgErrorf(0, "a number of %d characters is longer than %d", n, longestDigits)
	}
	return 0, nil
}

// rangePrice is that of the numbers made, of which there are 1024 at most.
func rangePrice(args []cty.Value) (int64, error) {
	start, end, step := 0.0, 0.0, 1.0
	for i, a := range args {
		f, _ := a.AsBigFloat().Float64()
		switch {
		case i == 0:
			end = f
		case i == 1:
			start, end = end, f
		case f != 0:
			step = f
		}
	}
	return 200 * int64(min(1024, math.Abs((end-start)/step))), nil
}

// mixedPrice is that of finding the common type of a tuple's elements.
func mixedPrice(args []cty.Value) (int64, error) {
	ty := args[0].Type()
	if !ty.IsTupleType() {
		return 0, nil
	}
	types := ty.TupleElementTypes()
	if !slices.ContainsFunc(types, func(other cty.Type) bool { return !other.Equals(types[0]) }) {
		return int64(len(types)), nil
	}
	return 20 * int64(len(types)) * int64(len(types)), nil
}

func productPrice(args []cty.Value) (int64, error) {
	product := int64(1)
	for _, a := range args {
		if !a.CanIterateElements() {
			return 0, nil // the function says so
		}
		product *= int64(a.LengthInt())
		if product > budget.MaxElements {
			return 0, budget.Exceeded(fmt.Sprintf("setproduct would make more than %d elements", budget.MaxElements))
		}
	}
	return 100 * product * int64(len(args)), nil
}

func replacePrice(args []cty.Value) (int64, error) {
	text, sub, with := args[0].AsString(), args[1].AsString(), args[2].AsString()
	most := int64(len(text)) + 1
	if len(sub) > 1 && sub[0] == '/' && sub[len(sub)-1] == '/' {
		work, err := patternPrice(sub[1:len(sub)-1], int64(len(text)))
		groups := int64(strings.Count(with, "$")) * int64(len(text))
		return work + fits(most*int64(len(with))+groups), err
	}
	return fits(int64(strings.Count(text, sub)) * int64(len(with))), nil
}

// fits makes what no value may be as long as more than all can pay.
func fits(length int64) int64 {
	if length > 16*budget.MaxText {
		return 1 << 40
	}
	return length
}

// patternPrice is what looking for a pattern in a text of that length costs:
// Go's expressions take time in proportion to both.
func patternPrice(pattern string, length int64) (int64, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, nil //nolint:nilerr // the function says so
	}
	steps := programSize(parsed)
	if steps > largestPattern {
		return 0, budget.Exceeded("the regular expression is too large: repetitions multiply")
	}
	return 100*steps + (length+1)*(steps/4+16*int64(1+parsed.MaxCap())), nil
}

// programSize is about how many steps a pattern has when its repetitions are
// written out.
func programSize(r *syntax.Regexp) int64 {
	size := int64(1 + len(r.Rune)/2)
	for _, sub := range r.Sub {
		size += programSize(sub)
	}
	if r.Op == syntax.OpRepeat {
		size *= int64(max(1, r.Min, r.Max))
	}
	return min(size, 1<<40)
}
