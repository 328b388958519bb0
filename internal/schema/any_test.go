package schema_test

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/internal/secret"
)

var anyBlock = &schema.Block{Type: "x", Attrs: []schema.Attr{
	{Name: "value", Type: schema.Any},
	{Name: "who", Type: schema.Address, Example: "pipeline.name"},
}}

type anyConfig struct {
	Value cty.Value     `wb:"value"`
	Who   hcl.Traversal `wb:"who"`
}

func decodeAny(t *testing.T, src string) (anyConfig, *schema.Values, hcl.Diagnostics) {
	t.Helper()
	file, diags := hclsyntax.ParseConfig([]byte(src), "x.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	scope := &schema.Scope{Eval: &hcl.EvalContext{Variables: map[string]cty.Value{
		"hidden": cty.StringVal("s").Mark(secret.Mark{}), "later": cty.UnknownVal(cty.String),
	}}}
	var c anyConfig
	values, diags := schema.Decode(file.Body, anyBlock, scope, &c)
	return c, values, diags
}

// Any hands a value over as it is, with the marks of what is sensitive.
func TestAny(t *testing.T) {
	c, values, diags := decodeAny(t, "value = [{ a = 1, b = hidden }]\n")
	if diags.HasErrors() || !values.Known("value") || values.Expr("value") == nil {
		t.Fatal(diags)
	}
	row := c.Value.Index(cty.NumberIntVal(0))
	if !row.GetAttr("b").HasMark(secret.Mark{}) || row.GetAttr("a").IsMarked() {
		t.Errorf("got %#v", c.Value)
	}
	if c, values, diags = decodeAny(t, "value = [later]\n"); diags.HasErrors() || values.Known("value") || c.Value != cty.NilVal {
		t.Errorf("what is not known is %#v, %v", c.Value, diags)
	}
	if _, values, _ = decodeAny(t, ""); values.Expr("value") != nil {
		t.Error("an absent attribute has an expression")
	}
	if _, _, diags = decodeAny(t, "value = hiden\n"); len(diags) != 1 || diag.CodeOf(diags[0]) != "unknown-reference" {
		t.Errorf("a misspelt name: %v", diags)
	}
}

func TestAddress(t *testing.T) {
	c, values, diags := decodeAny(t, "who = pipeline.orders[\"acme\"]\n")
	if diags.HasErrors() || !values.Known("who") || len(c.Who) != 3 || c.Who.RootName() != "pipeline" {
		t.Errorf("got %v, %v", c.Who, diags)
	}
	for _, text := range []string{`"pipeline.orders"`, "upper(pipeline.orders)", "pipeline[later]"} {
		if _, _, diags := decodeAny(t, "who = "+text+"\n"); len(diags) != 1 || diag.CodeOf(diags[0]) != "wrong-type" {
			t.Errorf("%s: %v", text, diags)
		}
	}
}
