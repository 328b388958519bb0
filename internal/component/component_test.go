package component_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"waybill/internal/component"
	"waybill/internal/diag"
	"waybill/internal/schema"
)

type config struct {
	Size int64 `wb:"size"`
}

type shared struct {
	Note string `wb:"note"`
}

var errOdd = errors.New("odd")

func kind(checked *int) component.Kind[string, string] {
	block := &schema.Block{Attrs: []schema.Attr{{Name: "size", Type: schema.Int, Default: "3"}}}
	check := func(c config, v *schema.Values) hcl.Diagnostics {
		*checked++
		if v.Known("size") && c.Size > 10 {
			return hcl.Diagnostics{v.Error("size", "invalid-value", "too large", "")}
		}
		return nil
	}
	return component.New("box", block, check, func(c config, env string) (string, error) {
		if c.Size%2 == 1 {
			return "", errOdd
		}
		return env, nil
	})
}

func body(t *testing.T, text string) hcl.Body {
	t.Helper()
	f, diags := hclsyntax.ParseConfig([]byte(text), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return f.Body
}

func TestDecode(t *testing.T) {
	common := &schema.Block{Type: "sink", Attrs: []schema.Attr{{Name: "note", Type: schema.String}}}
	scope := &schema.Scope{Eval: &hcl.EvalContext{}}
	var checked int
	k := kind(&checked)
	var s shared
	b, diags := k.Decode(body(t, "size = 4\nnote = \"n\""), common, scope, &s)
	if diags.HasErrors() || b.Config.(config).Size != 4 || s.Note != "n" || !b.Values.Set("note") {
		t.Fatalf("%+v, %+v, %v", b.Config, s, diags)
	}
	if got, err := b.Build("env"); got != "env" || err != nil {
		t.Errorf("built %q, %v", got, err)
	}
	b, diags = k.Decode(body(t, ""), nil, scope, nil)
	if diags.HasErrors() || b.Config.(config).Size != 3 {
		t.Errorf("%+v, %v", b.Config, diags)
	}
	if _, err := b.Build("env"); !errors.Is(err, errOdd) {
		t.Errorf("error %v", err)
	}
	if _, diags = k.Decode(body(t, "size = 11"), nil, scope, nil); len(diags) != 1 || diag.CodeOf(diags[0]) != "invalid-value" {
		t.Errorf("the check's finding is lost: %v", diags)
	}
	before := checked
	if _, diags = k.Decode(body(t, "size = \"x\""), nil, scope, nil); !diags.HasErrors() || checked != before {
		t.Errorf("a configuration that cannot be read was checked: %v", diags)
	}
	if _, diags = k.Decode(body(t, "note = \"n\""), nil, scope, nil); !diags.HasErrors() {
		t.Error("what is shared was read without being asked for")
	}
}

func TestRegistry(t *testing.T) {
	var checked int
	z, a := kind(&checked), kind(&checked).WithTarget("path")
	z.Name, a.Name = "z", "a"
	r := component.Registry[string, string]{z, a}
	if got := r.Names(); !slices.Equal(got, []string{"a", "z"}) {
		t.Errorf("names = %v", got)
	}
	if k, ok := r.Get("a"); !ok || k.Name != "a" || k.Target != "path" {
		t.Errorf("a = %+v, %v", k, ok)
	}
	if _, ok := r.Get("b"); ok {
		t.Error("there is a b")
	}
}
