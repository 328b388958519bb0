package diag

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/secret"
)

var scope = &hcl.EvalContext{Variables: map[string]cty.Value{
	"var": cty.ObjectVal(map[string]cty.Value{
		"env":   cty.StringVal("staging"),
		"long":  cty.StringVal(strings.Repeat("ü", 61)),
		"edge":  cty.StringVal(strings.Repeat("ü", 60)),
		"bad":   cty.StringVal("a\x1b[31m\n\u202e\"b"),
		"days":  cty.NumberIntVal(3),
		"half":  cty.NumberFloatVal(0.5),
		"on":    cty.True,
		"none":  cty.NullVal(cty.String),
		"list":  cty.ListVal([]cty.Value{cty.StringVal("a"), cty.StringVal("b")}),
		"tuple": cty.TupleVal([]cty.Value{cty.StringVal("a")}),
		"set":   cty.SetValEmpty(cty.String),
		"sites": cty.MapVal(map[string]cty.Value{"eu": cty.ObjectVal(map[string]cty.Value{"bucket": cty.StringVal("acme-eu")})}),
		"token": cty.StringVal("canary").Mark(secret.Mark{}),
		"creds": cty.ObjectVal(map[string]cty.Value{"user": cty.StringVal("canary"), "id": cty.StringVal("x")}).Mark(secret.Mark{}),
		"part":  cty.ObjectVal(map[string]cty.Value{"user": cty.StringVal("canary").Mark(secret.Mark{}), "id": cty.StringVal("x")}),
		"later": cty.UnknownVal(cty.String).Mark(secret.Mark{}),
	}),
	"run":    cty.ObjectVal(map[string]cty.Value{"date": cty.UnknownVal(cty.String)}),
	"source": cty.ObjectVal(map[string]cty.Value{"orders": cty.StringVal(`"source.orders"`)}),
}}

func about(t *testing.T, text string) *hcl.Diagnostic {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return About(Error("invalid-value", expr.Range(), "wrong", ""), expr, scope.NewChild())
}

func TestValues(t *testing.T) {
	for text, want := range map[string][]string{
		`"${var.env}_"`:                      {`var.env is "staging"`},
		`"${var.env}${var.days}${var.env}"`:  {`var.days is 3`, `var.env is "staging"`},
		`var.half > 1 && var.on`:             {`var.half is 0.5`, `var.on is true`},
		`"x/${run.date}"`:                    {`run.date is known only in a run`},
		`var.none`:                           {`var.none is null`},
		`var.long`:                           {`var.long is "` + strings.Repeat("ü", 60) + `"…`},
		`var.edge`:                           {`var.edge is "` + strings.Repeat("ü", 60) + `"`},
		`var.bad`:                            {`var.bad is "a\x1b[31m\n\u202e\"b"`},
		`concat(var.list, var.tuple)`:        {`var.list is a list of 2 elements`, `var.tuple is a list of 1 element`},
		`var.set`:                            {`var.set is a set of 0 elements`},
		`var.sites`:                          {`var.sites is a map of 1 element`},
		`var.sites["eu"]`:                    {`var.sites["eu"] is an object of 1 attribute`},
		`var.sites["eu"].bucket`:             {`var.sites["eu"].bucket is "acme-eu"`},
		`var.list[1]`:                        {`var.list[1] is "b"`},
		`[for s in var.list : upper(s)]`:     {`var.list is a list of 2 elements`},
		`"${var.token}${var.later}"`:         {`var.later is (sensitive)`, `var.token is (sensitive)`},
		`"${var.creds.id}${var.part.id}"`:    {`var.creds.id is (sensitive)`, `var.part.id is "x"`},
		`[var.creds, var.part, var]`:         {`var is (sensitive)`, `var.creds is (sensitive)`, `var.part is (sensitive)`},
		`"FROM ${source.orders}"`:            nil,
		`"${var.nope}${nope}${var.list[7]}"`: nil,
		`"plain"`:                            nil,
	} {
		var got []string
		for _, v := range Values(about(t, text)) {
			got = append(got, v.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
		if strings.Contains(fmt.Sprint(got), "canary") {
			t.Errorf("%s shows a secret", text)
		}
	}
	if got := Values(about(t, `[var.days, var.edge, var.env, var.half, var.none, var.on, var.list]`)); len(got) != mostValues || got[5].Name != "var.none" {
		t.Errorf("%d values are told: %v", len(got), got)
	}
	if Values(Error("invalid-value", hcl.Range{}, "", "")) != nil {
		t.Error("a diagnostic about no expression has values")
	}
}

// What a thing is that stands for itself is not told.
func TestValuesOfThings(t *testing.T) {
	type thing struct{ Secret string }
	d := about(t, `x.y`)
	d.EvalContext = &hcl.EvalContext{Variables: map[string]cty.Value{"x": cty.ObjectVal(map[string]cty.Value{
		"y": cty.CapsuleVal(cty.Capsule("thing", reflect.TypeFor[thing]()), &thing{"canary"}),
	})}}
	if got := Values(d); got != nil {
		t.Errorf("got %v", got)
	}
}
