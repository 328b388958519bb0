package tests

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"
)

func TestInfer(t *testing.T) {
	null := cty.NullVal(cty.DynamicPseudoType)
	text := cty.StringVal
	tuple := func(v ...cty.Value) cty.Value { return cty.TupleVal(v) }
	object := func(name string, v cty.Value) cty.Value { return cty.ObjectVal(map[string]cty.Value{name: v}) }
	for _, tt := range []struct {
		name   string
		values []cty.Value
		want   string // or, behind "!", a part of the error
	}{
		{"nothing", nil, ""},
		{"only null", []cty.Value{null, null}, ""},
		{"whole", []cty.Value{num("1"), null, num("-9223372036854775808")}, "bigint"},
		{"beyond 64 bits", []cty.Value{num("9223372036854775808")}, "decimal(38,0)"},
		{"a fraction", []cty.Value{num("1"), num("10.25")}, "decimal(18,2)"},
		{"many digits", []cty.Value{num("12345678901234567890.123")}, "decimal(23,3)"},
		{"digits of several", []cty.Value{num("12345678901234567890"), num("0.1234")}, "decimal(24,4)"},
		{"too many digits", []cty.Value{num("123456789012345678901234567890123456789")}, "!39 digits"},
		{"a text", []cty.Value{text("a"), null}, "varchar"},
		{"a boolean", []cty.Value{cty.True}, "boolean"},
		{"mixed", []cty.Value{text("a"), num("1")}, "!both a varchar and a number"},
		{"list", []cty.Value{tuple(num("1")), tuple(num("2.5"))}, "array(decimal(18,1))"},
		{"empty list", []cty.Value{tuple()}, "array(varchar)"},
		{"mixed list", []cty.Value{tuple(num("1"), text("a"))}, "!both"},
		{"map", []cty.Value{object("a", num("1")), object("B c", text("x"))}, `row("B c" varchar, "a" bigint)`},
		{"empty map", []cty.Value{cty.EmptyObjectVal}, "!empty map"},
	} {
		got, err := infer(tt.values)
		if part, fails := strings.CutPrefix(tt.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: got %q and error %v, want an error with %q", tt.name, got, err, part)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: got %q and error %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestEncodedRefusesWhatDoesNotFit(t *testing.T) {
	text := cty.StringVal
	for _, tt := range []struct {
		ty    string
		value cty.Value
		want  string // JSON, or a part of the error behind "!"
	}{
		{"bigint", num("7"), `"7"`},
		{"bigint", num("7.5"), "!whole number"},
		{"bigint", text("7"), "!not a string"},
		{"tinyint", num("128"), "!8 bits"},
		{"tinyint", num("-128"), `"-128"`},
		{"decimal(4,2)", num("12.34"), `"12.34"`},
		{"decimal(4,2)", num("0.34"), `"0.34"`},
		{"decimal(2,2)", num("0.34"), `"0.34"`},
		{"decimal(4,2)", num("123.4"), "!more digits"},
		{"decimal(4,2)", num("1.234"), "!more digits"},
		{"decimal(4,2)", cty.True, "!a number, not a bool"},
		{"double", num("1.5"), `"1.5"`},
		{"double", text("NaN"), `"NaN"`},
		{"double", text("1.5"), "!a number"},
		{"boolean", cty.False, "false"},
		{"boolean", text("false"), "!true or false"},
		{"varchar", text("a"), `"a"`},
		{"varchar", num("1"), "!a text in quotes"},
		{"date", text("2026-01-31"), `"2026-01-31"`},
		{"date", text("31.1."), `!"2026-01-31"`},
		{"timestamp with time zone", text("2026-01-31"), `!"2026-01-31T09:00:00Z"`},
		{"varbinary", text("CAfe"), `"CAfe"`},
		{"varbinary", text("x"), "!hexadecimal"},
		{"json", text("{"), "!not JSON"},
		{"json", text(`{"a": 1}`), `{"a":1}`},
		{"json", cty.TupleVal([]cty.Value{num("1")}), `[1]`},
		{"array(bigint)", cty.TupleVal([]cty.Value{num("1"), cty.NullVal(cty.Number)}), `["1",null]`},
		{"array(bigint)", cty.TupleVal([]cty.Value{text("a")}), "!whole number"},
		{"array(bigint)", num("1"), "!a list"},
		{"array(bigint)", cty.EmptyObjectVal, "!a list, not an object"},
		{"row(a bigint)", cty.ObjectVal(map[string]cty.Value{"A": num("1")}), `{"A":"1"}`},
		{"row(a bigint)", cty.ObjectVal(map[string]cty.Value{"b": num("1")}), `!no field "b"`},
		{"map(varchar, boolean)", cty.ObjectVal(map[string]cty.Value{"b": cty.True}), `{"b":true}`},
		{"map(varchar, boolean)", cty.EmptyTupleVal, "!a map"},
	} {
		out, err := encoded(tree(t, tt.ty), tt.value)
		if part, fails := strings.CutPrefix(tt.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s of %#v: got %v and error %v, want an error with %q", tt.ty, tt.value, out, err, part)
			}
			continue
		}
		data, jsonErr := json.Marshal(out)
		if err != nil || jsonErr != nil || string(data) != tt.want {
			t.Errorf("%s of %#v: got %s and error %v, want %s", tt.ty, tt.value, data, err, tt.want)
		}
	}
}

// A number always fits the type that was inferred for it.
func TestInferredTypesHoldTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`-?(0|[1-9][0-9]{0,14})(\.[0-9]{0,8}[1-9])?`), 1, 5).Draw(t, "numbers")
		var values []cty.Value
		for _, s := range texts {
			values = append(values, num(s))
		}
		athena, err := infer(values)
		if err != nil {
			t.Fatal(err)
		}
		ty := mustTree(athena)
		for i, v := range values {
			out, err := encoded(ty, v)
			if err != nil {
				t.Fatalf("%s does not fit %s: %v", texts[i], athena, err)
			}
			if s := out.(string); !wanted(ty, v).equal(came(ty, &s)) {
				t.Fatalf("%s became %s", texts[i], s)
			}
		}
	})
}
