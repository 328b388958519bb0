package tests

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"waybill/internal/secret"
	"waybill/internal/sqltype"
)

func tree(t *testing.T, athena string) sqltype.Tree {
	t.Helper()
	out, err := sqltype.ParseAthena(athena)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func num(s string) cty.Value { return cty.MustParseNumberVal(s) }

// What a test writes equals what the engine says, or does not.
func TestValuesAreCompared(t *testing.T) {
	text := cty.StringVal
	for _, tt := range []struct {
		ty   string
		want cty.Value
		got  string // of the engine; "NULL" is NULL
		same bool
	}{
		{"bigint", num("7"), "7", true},
		{"bigint", num("7.0"), "7", true},
		{"bigint", num("7"), "8", false},
		{"bigint", num("9007199254740993"), "9007199254740992", false},
		{"bigint", text("7"), "7", false},
		{"bigint", cty.True, "1", false},
		{"bigint", cty.NullVal(cty.DynamicPseudoType), "NULL", true},
		{"bigint", cty.NullVal(cty.Number), "0", false},
		{"bigint", num("0"), "NULL", false},
		{"decimal(12,2)", num("10"), "10.00", true},
		{"decimal(12,2)", num("10.005"), "10.01", false},
		{"decimal(12,2)", num("0.1"), "0.10", true},
		{"decimal(38,2)", num("123456789012345678901234567890123456.78"), "123456789012345678901234567890123456.78", true},
		{"decimal(38,2)", num("123456789012345678901234567890123456.78"), "123456789012345678901234567890123456.79", false},
		{"decimal(12,2)", num("-1.5"), "-1.50", true},
		{"double", num("0.3"), "0.30000000000000004", true},
		{"double", num("0.3"), "0.3001", false},
		{"double", num("1e300"), "1e+300", true},
		{"double", num("0"), "1e-20", false},
		{"double", text("NaN"), "nan", true},
		{"double", text("-Infinity"), "-inf", true},
		{"double", text("Infinity"), "-inf", false},
		{"double", text("0.3"), "0.3", false},
		{"real", num("0.1"), "0.1", true},
		{"varchar", text("a"), "a", true},
		{"varchar", text("a"), "A", false},
		{"varchar", text(""), "", true},
		{"varchar", text(""), "NULL", false},
		{"varchar", cty.NullVal(cty.String), "", false},
		{"varchar", text("10"), "10", true},
		{"varchar", num("10"), "10", false},
		{"boolean", cty.True, "true", true},
		{"boolean", cty.False, "true", false},
		{"boolean", text("true"), "true", false},
		{"date", text("2026-01-31"), "2026-01-31", true},
		{"date", text("31.01.2026"), "2026-01-31", false},
		{"timestamp", text("2026-01-31 09:00"), "2026-01-31 09:00:00", true},
		{"timestamp", text("2026-01-31T09:00:00"), "2026-01-31 09:00:00", true},
		{"timestamp", text("2026-01-31 09:00:00.000001"), "2026-01-31 09:00:00", false},
		{"timestamp", text("2026-01-31 09:00:00.25"), "2026-01-31 09:00:00.25", true},
		{"timestamp with time zone", text("2026-01-31T10:00:00+01:00"), "2026-01-31 09:00:00+00", true},
		{"timestamp with time zone", text("2026-01-31T10:00:00Z"), "2026-01-31 09:00:00+00", false},
		{"time", text("09:00"), "09:00:00", true},
		{"uuid", text("2D2D2D2D-0000-0000-0000-000000000000"), "2d2d2d2d-0000-0000-0000-000000000000", true},
		{"varbinary", text("cafe"), "CAFE", true},
		{"json", text(`{"b":1,"a":2}`), `{"a": 2, "b": 1}`, true},
		{"json", cty.ObjectVal(map[string]cty.Value{"a": num("2")}), `{"a": 2}`, true},
		{"array(bigint)", cty.TupleVal([]cty.Value{num("1"), num("2")}), "[1,2]", true},
		{"array(bigint)", cty.TupleVal([]cty.Value{num("2"), num("1")}), "[1,2]", false},
		{"array(bigint)", cty.EmptyTupleVal, "[]", true},
		{"array(bigint)", cty.EmptyTupleVal, "NULL", false},
		{"array(varchar)", cty.TupleVal([]cty.Value{text("a, b")}), `["a","b"]`, false},
		{"array(varchar)", cty.TupleVal([]cty.Value{num("1")}), `["1"]`, false},
		{"array(varchar)", cty.TupleVal([]cty.Value{cty.NullVal(cty.String)}), `[null]`, true},
		{"array(double)", cty.TupleVal([]cty.Value{num("0.3")}), "[0.30000000000000004]", true},
		{"row(a bigint, b date)", cty.ObjectVal(map[string]cty.Value{"b": text("2026-01-31"), "a": num("1")}), `{"a":1,"b":"2026-01-31"}`, true},
		{"row(a bigint, b date)", cty.ObjectVal(map[string]cty.Value{"a": num("1")}), `{"a":1,"b":null}`, false},
		{"map(varchar, bigint)", cty.MapVal(map[string]cty.Value{"x": num("1")}), `{"x":1}`, true},
		{"map(varchar, bigint)", text("x"), `{"x":1}`, false},
	} {
		ty := tree(t, tt.ty)
		var cell *string
		if tt.got != "NULL" {
			cell = &tt.got
		}
		if got := wanted(ty, tt.want).equal(came(ty, cell)); got != tt.same {
			t.Errorf("%s: %#v and %s: equal is %v, want %v", tt.ty, tt.want, tt.got, got, tt.same)
		}
	}
}

// What is shown tells apart what is different.
func TestValuesAreShown(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"EU", "EU"}, {"", "''"}, {"NULL", "'NULL'"}, {"10", "'10'"}, {"-1.5e3", "'-1.5e3'"}, {" a", "' a'"}, {"a ", "'a '"}, {"true", "'true'"}, {"a b", "a b"},
	} {
		if got := came(tree(t, "varchar"), &tt.text).shown; got != tt.want {
			t.Errorf("%q is shown as %s, want %s", tt.text, got, tt.want)
		}
	}
	if got := wanted(tree(t, "varchar"), cty.StringVal("s3cret").Mark(secret.Mark{})).shown; got != secret.Placeholder {
		t.Errorf("a sensitive value is shown as %s", got)
	}
}

func TestHider(t *testing.T) {
	h := newHider([]string{"s3cret", "s3cret-too", "no"})
	if got := h.text("a s3cret-too and s3cret, no"); got != "a (sensitive) and (sensitive), no" {
		t.Errorf("got %q", got)
	}
	for shown, hidden := range map[string]bool{"no": true, "none": false, "xs3cretx": true, "other": false} {
		if got := h.value(leaf(tree(t, "varchar"), shown)).shown == secret.Placeholder; got != hidden {
			t.Errorf("%q hidden: %v", shown, got)
		}
	}
}
