package budget

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"
)

func evaluate(t *testing.T, m *Meter, text string, instrumented bool) (cty.Value, hcl.Diagnostics) {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "test", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", text, diags)
	}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{
		"list": cty.TupleVal([]cty.Value{cty.NumberIntVal(1), cty.StringVal("b")}), "text": cty.StringVal("x").Mark("secret"),
		"unknown": cty.UnknownVal(cty.String), "anything": cty.DynamicVal, "map": cty.MapVal(map[string]cty.Value{"a": cty.True}),
	}, Functions: m.Functions()}
	if instrumented {
		Template(expr)
	}
	return expr.Value(ctx)
}

// An instrumented expression has the value and the errors of the plain one.
func TestInstrumentedMeansTheSame(t *testing.T) {
	m := New(0)
	for _, text := range []string{
		`[for x in list : x]`, `{ for k, v in map : k => v if v }`, `list[*]`, `map[*].a`, `"${text}-${list[1]}"`, `"a${unknown}b"`, `"${anything}"`,
		`"%{ for x in list }${x},%{ endfor }"`, `"%{ if map.a }yes%{ else }no%{ endif }"`, `[for x in anything : x]`, `"${null}x"`, `[for x in null : x]`,
		`[for x in 1 : x]`, `"${list}x"`, `unknown == "a" ? list : list`, `"plain"`,
	} {
		want, wantDiags := evaluate(t, m, text, false)
		got, gotDiags := evaluate(t, m, text, true)
		if !got.RawEquals(want) || gotDiags.HasErrors() != wantDiags.HasErrors() {
			t.Errorf("%s: %#v (%v), want %#v (%v)", text, got, gotDiags, want, wantDiags)
		}
	}
}

func TestCharge(t *testing.T) {
	m := New(10)
	if err := m.Charge(units / 2); err != nil {
		t.Fatal(err)
	}
	if err := m.Charge(units); err != spent {
		t.Errorf("more than there is: %v", err)
	}
	if err := m.Charge(1); err != later {
		t.Errorf("after a failure: %v", err)
	}
	if err := (*Meter)(nil).Charge(1 << 62); err != nil {
		t.Errorf("no meter refuses: %v", err)
	}
	if _, diags := evaluate(t, m, `[for x in list : x]`, true); !strings.Contains(diags.Error(), string(later)) {
		t.Errorf("a loop without a budget: %v", diags)
	}
}

// Whatever the checks of nesting let pass, the parser survives: that many
// levels take some megabytes of its stack.
func TestNesting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]string{"[", "(", "{", "-", "!", "a ? b : ", "1 + ", `"${`, "a[", "f(", "[[],", "{ a = ", "a.b + ", "\n"}).Draw(t, "unit")
		n := rapid.IntRange(1, 3000).Draw(t, "n")
		src := []byte("x = " + strings.Repeat(unit, n) + "1\n")
		if n > MaxNesting+1 && unit != "\n" && Config(src, "a.hcl") == nil {
			t.Errorf("%d times %q is let pass", n, unit)
		}
		if n < MaxNesting/4 && Config(src, "a.hcl") != nil {
			t.Errorf("%d times %q is refused", n, unit)
		}
	})
	wide := []byte("x = [" + strings.Repeat("[1 + 2, -3], ", 5000) + "]\n" + strings.Repeat("a {\n  b = c ? -1 : f(2)[3]\n}\n", 5000) + "q = <<X\n" + strings.Repeat("${a.b} ", 5000) + "\nX\n")
	if d := Config(wide, "a.hcl"); d != nil {
		t.Errorf("a long file is refused: %v", d)
	}
	if d := JSON([]byte(`{"a": [`+strings.Repeat(`{"b": "${c + 1}]]]"}, `, 5000)+`{}]}`), "a.hcl.json"); d != nil {
		t.Errorf("a long file of JSON is refused: %v", d)
	}
}

// Suggestions end before they take long, and never without a meter.
func TestCompare(t *testing.T) {
	m := New(0)
	if !m.Compare(maxComparisons) || m.Compare(1) || m.Compare(1) {
		t.Error("more is compared than may be")
	}
	if !(*Meter)(nil).Compare(1 << 40) {
		t.Error("no meter refuses")
	}
}
