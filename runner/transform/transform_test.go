package transform_test

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/component"
	"waybill/internal/schema"
	"waybill/internal/secret"
	"waybill/runner/transform"
)

// scope has the relations source.a and transform.b, and a sensitive salt.
func scope() *schema.Scope {
	relation := schema.Relation
	return &schema.Scope{
		Eval: &hcl.EvalContext{Variables: map[string]cty.Value{
			"var": cty.ObjectVal(map[string]cty.Value{"salt": cty.StringVal("it's salt").Mark(secret.Mark{})}),
		}},
		Relations: map[string]cty.Value{
			"source":    cty.ObjectVal(map[string]cty.Value{"a": relation("source.a")}),
			"transform": cty.ObjectVal(map[string]cty.Value{"b": relation("transform.b")}),
		},
		Inputs: []string{"source.a", "transform.b"},
	}
}

// built decodes a body as a kind and builds it.
func built[T any](t *testing.T, kinds component.Registry[T, transform.Env], kind, body string) T {
	t.Helper()
	k, ok := kinds.Get(kind)
	if !ok {
		t.Fatalf("there is no kind %s", kind)
	}
	file, diags := hclsyntax.ParseConfig([]byte(body), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	bound, diags := k.Decode(file.Body, nil, scope(), nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	out, err := bound.Build(transform.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTransforms(t *testing.T) {
	tests := []struct{ kind, body, want string }{
		{"sql", `query = "SELECT * FROM ${source.a} JOIN ${transform.b} USING (id)"`, `SELECT * FROM "source.a" JOIN "transform.b" USING (id)`},
		{"select", "input = source.a\ncolumns = [\"id\", \"select\"]\nrename = { select = \"Sel\\\"ect\" }", `SELECT "id", "select" AS "Sel""ect" FROM "source.a"`},
		{"mask", "input = transform.b\nredact = [\"a\"]", `SELECT * REPLACE (CASE WHEN false THEN "a" END AS "a") FROM "transform.b"`},
		{"mask", "input = source.a\nhash = [\"e\\\"x\"]\ndrop = [\"n\"]\nsalt = var.salt", `SELECT * EXCLUDE ("n") REPLACE (sha256('it''s salt' || CAST("e""x" AS VARCHAR)) AS "e""x") FROM "source.a"`},
	}
	for _, tt := range tests {
		if got := built(t, transform.All(), tt.kind, tt.body).SQL; got != tt.want {
			t.Errorf("%s %q:\n got %s\nwant %s", tt.kind, tt.body, got, tt.want)
		}
	}
}

func TestChecks(t *testing.T) {
	tests := []struct{ kind, body, want, says string }{
		{"row_count", "input = source.a\nmin = 0", `SELECT count(*) AS rows FROM "source.a" HAVING count(*) < 0`, "source.a must have at least 0 rows"},
		{"row_count", "input = source.a\nmin = 1\nmax = 2", `SELECT count(*) AS rows FROM "source.a" HAVING count(*) < 1 OR count(*) > 2`, "source.a must have at least 1 and at most 2 rows"},
		{"not_null", "input = source.a\ncolumns = [\"x\", \"y z\"]", `SELECT * FROM "source.a" WHERE "x" IS NULL OR "y z" IS NULL`, "source.a has NULL in x or y z"},
		{"unique", "input = transform.b\ncolumns = [\"x\"]", `SELECT "x", count(*) AS copies FROM "transform.b" GROUP BY "x" HAVING count(*) > 1`, "transform.b has several rows with the same x"},
		{"sql", `query = "SELECT 1 FROM ${source.a}"`, `SELECT 1 FROM "source.a"`, "its query returned rows"},
	}
	for _, tt := range tests {
		c := built(t, transform.Checks(), tt.kind, tt.body)
		if c.SQL != tt.want || c.Says != tt.says {
			t.Errorf("%s %q:\n got %s (%s)\nwant %s (%s)", tt.kind, tt.body, c.SQL, c.Says, tt.want, tt.says)
		}
	}
}

func TestConditions(t *testing.T) {
	if got, want := built(t, transform.Conditions(), "results", "input = source.a\nwhen = \"changed\""), (transform.Condition{Input: "source.a", When: "changed"}); got != want {
		t.Errorf("results = %+v, want %+v", got, want)
	}
	if got, want := built(t, transform.Conditions(), "sql", `query = "SELECT true FROM ${source.a}"`), (transform.Condition{SQL: `SELECT true FROM "source.a"`}); got != want {
		t.Errorf("sql = %+v, want %+v", got, want)
	}
}
