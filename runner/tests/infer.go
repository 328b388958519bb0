package tests

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"waybill/internal/sqltype"
)

// maxDigits is how many digits a decimal holds.
const maxDigits = 38

// infer finds the narrowest Athena type that holds all values as they are.
// Without any value but null it is empty.
func infer(values []cty.Value) (string, error) {
	found := slices.DeleteFunc(slices.Clone(values), func(v cty.Value) bool { return v.IsNull() })
	if len(found) == 0 {
		return "", nil
	}
	kindOf := func(v cty.Value) string {
		ty := v.Type()
		switch {
		case ty == cty.Bool:
			return "boolean"
		case ty == cty.String:
			return "varchar"
		case ty == cty.Number:
			return "number"
		case ty.IsObjectType() || ty.IsMapType():
			return "row"
		case v.CanIterateElements():
			return "array"
		}
		return ty.FriendlyName()
	}
	kind := kindOf(found[0])
	for _, v := range found {
		if other := kindOf(v); other != kind {
			return "", fmt.Errorf("it holds both a %s and a %s", kind, other)
		}
	}
	switch kind {
	case "number":
		return inferNumber(found)
	case "array":
		return inferArray(found)
	case "row":
		return inferRow(found)
	case "boolean", "varchar":
		return kind, nil
	}
	return "", fmt.Errorf("it holds a %s", kind)
}

func inferNumber(values []cty.Value) (string, error) {
	whole, fraction, small := 1, 0, true
	for _, v := range values {
		before, behind, _ := strings.Cut(strings.TrimPrefix(digits(v), "-"), ".")
		whole, fraction = max(whole, len(before)), max(fraction, len(behind))
		_, fits := int64Of(v)
		small = small && fits
	}
	switch {
	case small:
		return "bigint", nil
	case whole+fraction > maxDigits:
		return "", fmt.Errorf("its numbers need %d digits, and a decimal has %d", whole+fraction, maxDigits)
	case fraction == 0:
		return "decimal(38,0)", nil
	}
	return fmt.Sprintf("decimal(%d,%d)", max(18, whole+fraction), fraction), nil
}

func inferArray(values []cty.Value) (string, error) {
	var all []cty.Value
	for _, v := range values {
		all = append(all, v.AsValueSlice()...)
	}
	inner, err := infer(all)
	if err != nil {
		return "", err
	}
	return "array(" + orText(inner) + ")", nil
}

func inferRow(values []cty.Value) (string, error) {
	fields := map[string][]cty.Value{}
	for _, v := range values {
		for name, f := range v.AsValueMap() {
			fields[name] = append(fields[name], f)
		}
	}
	if len(fields) == 0 {
		return "", fmt.Errorf("it holds an empty map")
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		inner, err := infer(fields[name])
		if err != nil {
			return "", err
		}
		parts = append(parts, `"`+strings.ReplaceAll(name, `"`, `""`)+`" `+orText(inner))
	}
	return "row(" + strings.Join(parts, ", ") + ")", nil
}

// orText is the type of a column of which nothing is known.
func orText(athena string) string {
	if athena == "" {
		return "varchar"
	}
	return athena
}

// encoded makes a value what encoding/json writes for a column of a type.
// Numbers are written as texts, which the engine reads without losing digits. A
// value that the type cannot hold as it is, is refused.
func encoded(t sqltype.Tree, v cty.Value) (any, error) {
	if v.IsNull() {
		return nil, nil
	}
	ty := v.Type()
	switch t.Name {
	case "BOOLEAN":
		if ty == cty.Bool {
			return v.True(), nil
		}
		return nil, wants("true or false", v)
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT":
		return encodedInt(t.Name, v)
	case "DECIMAL":
		return encodedDecimal(t, v)
	case "FLOAT", "DOUBLE":
		if ty == cty.Number {
			return digits(v), nil
		}
		if ty == cty.String && slices.Contains([]string{"NaN", "Infinity", "-Infinity"}, v.AsString()) {
			return v.AsString(), nil
		}
		return nil, wants("a number", v)
	case "LIST", "MAP", "STRUCT":
		return encodedNested(t, v)
	case "JSON":
		return encodedJSON(v)
	}
	if ty != cty.String {
		return nil, wants("a text in quotes", v)
	}
	return encodedText(t, v.AsString())
}

func wants(what string, v cty.Value) error {
	article := "a"
	if name := v.Type().FriendlyName(); strings.ContainsAny(name[:1], "aeiou") {
		article = "an"
	}
	return fmt.Errorf("it wants %s, not %s %s", what, article, v.Type().FriendlyName())
}

func encodedInt(name string, v cty.Value) (any, error) {
	bits := map[string]int{"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}[name]
	if v.Type() != cty.Number || !isWhole(v) {
		return nil, wants("a whole number", v)
	}
	if _, err := strconv.ParseInt(digits(v), 10, bits); err != nil {
		return nil, fmt.Errorf("the number has more than %d bits", bits)
	}
	return digits(v), nil
}

func encodedDecimal(t sqltype.Tree, v cty.Value) (any, error) {
	if v.Type() != cty.Number {
		return nil, wants("a number", v)
	}
	before, behind, _ := strings.Cut(strings.TrimPrefix(digits(v), "-"), ".")
	if before == "0" {
		before = ""
	}
	if len(behind) > t.Args[1] || len(before) > t.Args[0]-t.Args[1] {
		return nil, fmt.Errorf("the number has more digits than decimal(%d,%d) holds", t.Args[0], t.Args[1])
	}
	return digits(v), nil
}

func encodedText(t sqltype.Tree, s string) (any, error) {
	switch t.Name {
	case "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE":
		if _, ok := parseMoment(t.Name, s); !ok {
			example := map[string]string{"DATE": "2026-01-31", "TIME": "09:00:00", "TIMESTAMP": "2026-01-31 09:00:00"}[t.Name]
			if example == "" {
				example = "2026-01-31T09:00:00Z"
			}
			return nil, fmt.Errorf("it wants a text such as %q", example)
		}
	case "BLOB":
		if _, err := hex.DecodeString(s); err != nil {
			return nil, fmt.Errorf("binary data is written as hexadecimal digits")
		}
	}
	return s, nil
}

// encodedJSON takes a text for JSON, and makes JSON of everything else.
func encodedJSON(v cty.Value) (any, error) {
	data, err := ctyjson.Marshal(v, v.Type())
	if v.Type() == cty.String {
		data = []byte(v.AsString())
	}
	if err != nil || !json.Valid(data) {
		return nil, fmt.Errorf("the text is not JSON")
	}
	return json.RawMessage(data), nil
}

func encodedNested(t sqltype.Tree, v cty.Value) (any, error) {
	object := v.Type().IsObjectType() || v.Type().IsMapType()
	if !v.CanIterateElements() || object == (t.Name == "LIST") {
		return nil, wants(map[string]string{"LIST": "a list", "MAP": "a map", "STRUCT": "a map"}[t.Name], v)
	}
	if t.Name == "LIST" {
		out := []any{}
		for _, e := range v.AsValueSlice() {
			inner, err := encoded(t.Fields[0].Type, e)
			if err != nil {
				return nil, err
			}
			out = append(out, inner)
		}
		return out, nil
	}
	out := map[string]any{}
	for name, e := range v.AsValueMap() {
		inner := t.Fields[len(t.Fields)-1].Type
		if t.Name == "STRUCT" {
			i := slices.IndexFunc(t.Fields, func(f sqltype.Field) bool { return strings.EqualFold(f.Name, name) })
			if i < 0 {
				return nil, fmt.Errorf("its type has no field %q", name)
			}
			inner = t.Fields[i].Type
		}
		value, err := encoded(inner, e)
		if err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}
