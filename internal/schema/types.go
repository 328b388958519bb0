package schema

import (
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// A Type is the type of an attribute: how it is called in the documentation,
// what HCL values it accepts and which Go value comes of it.
type Type struct {
	Name string
	cty  cty.Type
	// parse turns a known, non-null, unmarked value of the cty type into a Go
	// value. Its error completes the sentence "bucket: …".
	parse func(cty.Value) (any, error)
	kind  kind
}

type kind int

const (
	plain     kind = iota // evaluated in the scope
	reference             // not evaluated: names a node of the graph
	template              // evaluated with Relations in scope
	ordered               // a map whose order in the text matters
	filename              // the path of a template file, relative to the project
	across                // evaluated with Pipelines in scope
	named                 // not evaluated: names a pipeline, which need not exist
	whole                 // handed over as it is: any type, with its marks
	traversal             // not evaluated: names something, by dots and indexes
)

// The types of the language, and the Go types of the fields they fill.
var (
	String     = Type{Name: "string", cty: cty.String, parse: func(v cty.Value) (any, error) { return v.AsString(), nil }}             // string or secret.String
	Bool       = Type{Name: "bool", cty: cty.Bool, parse: func(v cty.Value) (any, error) { return v.True(), nil }}                     // bool
	Int        = Type{Name: "whole number", cty: cty.Number, parse: parseInt}                                                          // int64
	Number     = Type{Name: "number", cty: cty.Number, parse: parseFloat}                                                              // float64
	Duration   = Type{Name: "duration", cty: cty.String, parse: func(v cty.Value) (any, error) { return ParseDuration(v.AsString()) }} // time.Duration
	Size       = Type{Name: "size", cty: cty.String, parse: func(v cty.Value) (any, error) { return ParseSize(v.AsString()) }}         // int64, bytes
	Strings    = Type{Name: "list of strings", cty: cty.List(cty.String), parse: parseStrings}                                         // []string
	StringMap  = Type{Name: "map of strings", cty: cty.Map(cty.String), parse: parseStringMap}                                         // map[string]string
	NumberMap  = Type{Name: "map of numbers", cty: cty.Map(cty.Number), parse: parseNumberMap}                                         // map[string]float64
	OrderedMap = Type{Name: "map of strings", cty: cty.Map(cty.String), parse: parseStringMap, kind: ordered}                          // map[string]string; see Values.Pairs
	List       = Type{Name: "list of values", cty: cty.DynamicPseudoType, parse: parseValues}                                          // []cty.Value

	// Ref names a source or transform of the same pipeline; the field is a
	// RefValue.
	Ref = Type{Name: "reference to a source or transform", kind: reference}
	// PipelineList names pipelines of the project; the field is a []string of
	// their names. A pipeline with for_each stands for all its instances.
	PipelineList = Type{Name: "list of references to pipelines", cty: cty.DynamicPseudoType, parse: parsePipelines, kind: across}
	// PipelineName names a pipeline that may be gone; the field is a string.
	PipelineName = Type{Name: "reference to a pipeline", kind: named}
	// Any is a value of any type; the field is a cty.Value, and keeps the marks of
	// what is sensitive in it.
	Any = Type{Name: "any value", cty: cty.DynamicPseudoType, kind: whole}
	// Address names something by a traversal, such as pipeline.x["key"], which is
	// not evaluated; the field is an hcl.Traversal.
	Address = Type{Name: "address", kind: traversal}
	// Query is SQL text in which relations may be named; the field is a string.
	Query = Type{Name: "SQL text", cty: cty.String, parse: func(v cty.Value) (any, error) { return v.AsString(), nil }, kind: template}
	// QueryFile is the path of a file that holds such text as a template; the
	// field is a string and receives the rendered text.
	QueryFile = Type{Name: "path of an SQL template", cty: cty.String, parse: func(v cty.Value) (any, error) { return v.AsString(), nil }, kind: filename}
)

// Capsule is a reference to a thing that evaluates to itself, such as a
// connection. The field has the pointer type that the capsule wraps.
func Capsule(name string, ty cty.Type) Type {
	return Type{Name: name, cty: ty, parse: func(v cty.Value) (any, error) { return v.EncapsulatedValue(), nil }}
}

// Notifiers is a list of capsules of one type; the field is a slice of the
// pointer type that they wrap.
func Notifiers(ty cty.Type) Type {
	return Type{Name: "list of references to notifiers", cty: cty.List(ty), parse: func(v cty.Value) (any, error) {
		out := reflect.MakeSlice(reflect.SliceOf(reflect.PointerTo(ty.EncapsulatedType())), 0, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			if e.IsNull() {
				return nil, fmt.Errorf("an element is null")
			}
			out = reflect.Append(out, reflect.ValueOf(e.EncapsulatedValue()))
		}
		return out.Interface(), nil
	}}
}

// A RefValue is a reference to a node of the graph, read but not resolved.
type RefValue struct {
	Address string // "source.orders"; empty if the attribute is absent
	Range   hcl.Range
}

func parseInt(v cty.Value) (any, error) {
	n, acc := v.AsBigFloat().Int64()
	if acc != big.Exact {
		return nil, fmt.Errorf("want a whole number, not %s", v.AsBigFloat().Text('g', 10))
	}
	return n, nil
}

func parseFloat(v cty.Value) (any, error) {
	f, _ := v.AsBigFloat().Float64()
	return f, nil
}

func parseStrings(v cty.Value) (any, error) {
	out := make([]string, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		if e.IsNull() {
			return nil, fmt.Errorf("an element is null")
		}
		out = append(out, e.AsString())
	}
	return out, nil
}

func parseStringMap(v cty.Value) (any, error) {
	out := make(map[string]string, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		if e.IsNull() {
			return nil, fmt.Errorf("the value of %q is null", k.AsString())
		}
		out[k.AsString()] = e.AsString()
	}
	return out, nil
}

func parseNumberMap(v cty.Value) (any, error) {
	out := make(map[string]float64, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		if e.IsNull() {
			return nil, fmt.Errorf("the value of %q is null", k.AsString())
		}
		out[k.AsString()], _ = e.AsBigFloat().Float64()
	}
	return out, nil
}

func parseValues(v cty.Value) (any, error) {
	if !v.CanIterateElements() || v.Type().IsMapType() || v.Type().IsObjectType() {
		return nil, fmt.Errorf("want a list such as [run.date], not %s", v.Type().FriendlyName())
	}
	out := make([]cty.Value, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		out = append(out, e)
	}
	return out, nil
}

// ParseDuration reads "90s", "1h30m" or "7d": Go's durations and, in front of
// them or alone, whole days of 24 hours. Negative ones are refused.
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf(`%q is not a duration: write a number with a unit, such as "90s", "1h30m" or "7d"`, s)
	var total time.Duration
	rest := s
	if days, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, bad
		}
		total, rest = time.Duration(n)*24*time.Hour, after
		if rest == "" {
			return total, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return 0, bad
	}
	if total += d; total < d { // overflow
		return 0, bad
	}
	return total, nil
}

// ParseSize reads "512MiB", "1GB" or "1048576": bytes, with binary (KiB, MiB,
// GiB, TiB) or decimal (kB, MB, GB, TB) units.
func ParseSize(s string) (int64, error) {
	bad := fmt.Errorf(`%q is not a size: write bytes or a number with a unit, such as "512MiB" or "2GB"`, s)
	i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if i < 0 {
		i = len(s)
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	if err != nil {
		return 0, bad
	}
	unit, ok := sizeUnits[strings.TrimSpace(s[i:])]
	if !ok || (n > 0 && n > (1<<62)/unit) {
		return 0, bad
	}
	return n * unit, nil
}

var sizeUnits = map[string]int64{
	"": 1, "B": 1,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
}

// convertTo converts a value to the type's cty type.
func (t Type) convertTo(v cty.Value) (cty.Value, error) {
	if t.cty == cty.DynamicPseudoType {
		return v, nil
	}
	return convert.Convert(v, t.cty)
}
