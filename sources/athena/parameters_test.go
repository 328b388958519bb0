package athena

import (
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"
)

func TestLiterals(t *testing.T) {
	got, err := literals([]cty.Value{
		cty.StringVal("2026-11-22"), cty.StringVal("it's; DROP TABLE t --"), cty.StringVal(""),
		cty.NumberIntVal(-7), cty.MustParseNumberVal("12345678901234567890.5"), cty.MustParseNumberVal("0.1"), cty.MustParseNumberVal("1e21"),
		cty.True, cty.False, cty.NullVal(cty.String),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"'2026-11-22'", "'it''s; DROP TABLE t --'", "''", "-7", "12345678901234567890.5", "0.1", "1000000000000000000000", "true", "false", "NULL"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLiteralsRefuse(t *testing.T) {
	for _, tt := range []struct {
		value cty.Value
		want  string
	}{
		{cty.StringVal(strings.Repeat("x", 1023)), "parameter 2 has 1025 characters"},
		{cty.ListVal([]cty.Value{cty.True}), "parameter 2 is a list of bool"},
		{cty.PositiveInfinity, "parameter 2 is infinite"},
	} {
		_, err := literals([]cty.Value{cty.True, tt.value})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
	if _, err := literals([]cty.Value{cty.StringVal(strings.Repeat("é", 1022))}); err != nil {
		t.Errorf("1,024 characters: %v", err)
	}
}

// A string's literal is one quoted lexeme, whatever the string holds.
func TestStringsCannotEscape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out, err := literal(cty.StringVal(rapid.String().Draw(t, "value")))
		if err != nil {
			t.Fatal(err)
		}
		lx := lexer{src: out}
		if tok, err := lx.next(); err != nil || tok.kind != quoted || lx.pos != len(out) {
			t.Fatalf("%q is not one literal: %v", out, err)
		}
	})
}
