package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"waybill/internal/secret"
	"waybill/internal/sqltype"
)

// A value is one cell in a form in which equal cells are equal, wherever they
// come from: the engine, as a text of a known type, or a test file.
type value struct {
	kind  kind
	key   string  // equal values of a kind have equal keys
	float float64 // of kind float
	shown string  // for people
}

type kind int

const (
	null kind = iota
	text
	number
	float
	boolean
	moment // dates, times and timestamps
	nested // lists, maps and rows
	other  // a value that its column's type has no place for
)

// nearly is how far two floating-point numbers may be apart, as a part of the
// larger one: sums depend on the order of their addends, and no more than that.
const nearly = 1e-9

// equal reports whether two cells are the same.
func (v value) equal(w value) bool {
	if v.kind != w.kind {
		return false
	}
	if v.kind == float && !math.IsInf(v.float, 0) && !math.IsInf(w.float, 0) {
		if v.key == w.key { // NaN too
			return true
		}
		return math.Abs(v.float-w.float) <= nearly*max(math.Abs(v.float), math.Abs(w.float))
	}
	return v.key == w.key
}

// isNested reports whether a type's values are read as JSON.
func isNested(t sqltype.Tree) bool { return t.Name == "LIST" || t.Name == "MAP" || t.Name == "STRUCT" }

// textSQL is the expression that gives a column's value as came wants it.
func textSQL(column string, t sqltype.Tree) string {
	switch {
	case t.Name == "BLOB":
		return "hex(" + column + ")"
	case isNested(t):
		return "CAST(to_json(" + column + ") AS VARCHAR)"
	}
	return "CAST(" + column + " AS VARCHAR)"
}

// came reads a cell that the engine gave as a text; nil is NULL.
func came(t sqltype.Tree, s *string) value {
	switch {
	case s == nil:
		return value{kind: null, shown: "NULL"}
	case isNested(t):
		dec := json.NewDecoder(strings.NewReader(*s))
		dec.UseNumber()
		var tree any
		if dec.Decode(&tree) != nil {
			return value{kind: other, key: *s, shown: *s}
		}
		return value{kind: nested, key: canonical(t, tree), shown: *s}
	}
	return leaf(t, *s)
}

// leaf reads the text of a value that is not nested.
func leaf(t sqltype.Tree, s string) value {
	switch t.Name {
	case "BOOLEAN":
		return value{kind: boolean, key: s, shown: s}
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DECIMAL":
		if n, err := cty.ParseNumberVal(s); err == nil {
			return value{kind: number, key: digits(n), shown: s}
		}
	case "FLOAT", "DOUBLE":
		return floatValue(t, s)
	case "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE":
		if m, ok := parseMoment(t.Name, s); ok {
			return value{kind: moment, key: m, shown: s}
		}
		return value{kind: moment, key: s, shown: s}
	case "JSON":
		return value{kind: text, key: compactJSON(s), shown: s}
	case "UUID", "BLOB":
		return value{kind: text, key: strings.ToLower(s), shown: s}
	}
	return value{kind: text, key: s, shown: shownText(s)}
}

func floatValue(t sqltype.Tree, s string) value {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return value{kind: text, key: s, shown: shownText(s)}
	}
	if t.Name == "FLOAT" {
		f = float64(float32(f))
	}
	return value{kind: float, key: strconv.FormatFloat(f, 'g', -1, 64), float: f, shown: s}
}

// wanted reads a cell of a test file for a column of a type. A value that the
// type has no place for is one that equals none.
func wanted(t sqltype.Tree, v cty.Value) value {
	v, marks := v.UnmarkDeep()
	out := wantedPlain(t, v)
	if _, hidden := marks[secret.Mark{}]; hidden {
		out.shown = secret.Placeholder
	}
	return out
}

func wantedPlain(t sqltype.Tree, v cty.Value) value {
	switch {
	case v.IsNull():
		return came(t, nil)
	case isNested(t):
		tree, err := plainTree(v)
		if err != nil {
			return value{kind: other, shown: v.Type().FriendlyName()}
		}
		shown, _ := json.Marshal(tree)
		return value{kind: nested, key: canonical(t, tree), shown: string(shown)}
	case t.Name == "JSON" && v.Type() != cty.String:
		data, err := ctyjson.Marshal(v, v.Type())
		if err != nil {
			return value{kind: other, shown: v.Type().FriendlyName()}
		}
		return value{kind: text, key: compactJSON(string(data)), shown: string(data)}
	}
	switch v.Type() {
	case cty.Number:
		if t.Name == "FLOAT" || t.Name == "DOUBLE" {
			return floatValue(t, digits(v))
		}
		return value{kind: number, key: digits(v), shown: digits(v)}
	case cty.Bool:
		s := strconv.FormatBool(v.True())
		return value{kind: boolean, key: s, shown: s}
	case cty.String:
		return wantedText(t, v.AsString())
	}
	return value{kind: other, shown: v.Type().FriendlyName()}
}

// wantedText reads a text, which also stands for what HCL has no words for.
func wantedText(t sqltype.Tree, s string) value {
	switch t.Name {
	case "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE":
		if m, ok := parseMoment(t.Name, s); ok {
			return value{kind: moment, key: m, shown: s}
		}
	case "UUID", "BLOB", "JSON", "VARCHAR":
		return leaf(t, s)
	case "FLOAT", "DOUBLE":
		if slices.Contains([]string{"NaN", "Infinity", "-Infinity"}, s) {
			return floatValue(t, s)
		}
	}
	return value{kind: text, key: s, shown: shownText(s)}
}

// digits writes a number in full, without an exponent.
func digits(v cty.Value) string { return v.AsBigFloat().Text('f', -1) }

// momentLayouts are how users and the engine write times. The engine's come
// with a space, and a fraction only where there is one.
var momentLayouts = map[string][]string{
	"DATE":                     {time.DateOnly},
	"TIME":                     {"15:04:05.999999999", "15:04"},
	"TIMESTAMP":                {"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly},
	"TIMESTAMP WITH TIME ZONE": {"2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04Z07:00"},
}

// parseMoment gives the canonical text of a time of a type.
func parseMoment(typeName, s string) (string, bool) {
	for _, layout := range momentLayouts[typeName] {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Format(time.RFC3339Nano), true
		}
	}
	return "", false
}

func compactJSON(s string) string {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var tree any
	if dec.Decode(&tree) != nil {
		return s
	}
	out, err := json.Marshal(tree) // sorts keys
	if err != nil {
		return s
	}
	return string(out)
}

// plainTree makes of a list or map what decoding its JSON would give.
func plainTree(v cty.Value) (any, error) {
	data, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var tree any
	return tree, dec.Decode(&tree)
}

// canonical writes a nested value so that equal ones are equal texts.
func canonical(t sqltype.Tree, tree any) string {
	switch tree := tree.(type) {
	case nil:
		return "N"
	case []any:
		if t.Name != "LIST" {
			return fmt.Sprintf("?%v", tree)
		}
		parts := make([]string, len(tree))
		for i, e := range tree {
			parts[i] = canonical(t.Fields[0].Type, e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		return canonicalObject(t, tree)
	case json.Number:
		return canonicalLeaf(t, tree.String(), cty.Number)
	case bool:
		return canonicalLeaf(t, strconv.FormatBool(tree), cty.Bool)
	}
	return canonicalLeaf(t, fmt.Sprint(tree), cty.String)
}

func canonicalObject(t sqltype.Tree, tree map[string]any) string {
	var parts []string
	for name, e := range tree {
		inner := sqltype.Tree{Name: "VARCHAR"}
		if t.Name == "MAP" {
			inner = t.Fields[1].Type
		}
		if i := slices.IndexFunc(t.Fields, func(f sqltype.Field) bool { return strings.EqualFold(f.Name, name) }); t.Name == "STRUCT" && i >= 0 {
			inner, name = t.Fields[i].Type, t.Fields[i].Name
		}
		parts = append(parts, strconv.Quote(name)+":"+canonical(inner, e))
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, ",") + "}"
}

// canonicalLeaf tells 1 from "1" where the column's type does. Floating-point
// numbers are rounded, since texts know no tolerance.
func canonicalLeaf(t sqltype.Tree, s string, from cty.Type) string {
	v := leaf(t, s)
	switch {
	case v.kind == float:
		return strconv.FormatFloat(v.float, 'g', 9, 64)
	case v.kind == number && from == cty.Number, v.kind == moment, v.kind == boolean && from == cty.Bool:
		return v.key
	case from != cty.String:
		return s + "?"
	}
	return strconv.Quote(v.key)
}

var looksOtherwise = regexp.MustCompile(`^(|NULL|null|true|false|[-+]?[0-9.]+([eE][-+]?[0-9]+)?|\s.*|.*\s)$`)

// shownText quotes a text that could be taken for something else.
func shownText(s string) string {
	if looksOtherwise.MatchString(s) {
		return "'" + s + "'"
	}
	return s
}

// isWhole reports whether a number has no fraction.
func isWhole(v cty.Value) bool { return v.AsBigFloat().IsInt() }

// int64Of returns a whole number that fits into 64 bits.
func int64Of(v cty.Value) (int64, bool) {
	n, acc := v.AsBigFloat().Int64()
	return n, acc == big.Exact
}
