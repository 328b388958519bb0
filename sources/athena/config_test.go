package athena

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
	"waybill/internal/identity"
	"waybill/internal/schema"
	"waybill/sources"
)

// decode reads attributes as a source block would, with a connection and a
// date that is known only at run time.
func decode(t *testing.T, attributes string) (Config, func() (sources.Source, error), hcl.Diagnostics) {
	t.Helper()
	file, diags := hclsyntax.ParseConfig([]byte(attributes), "pipeline.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	conn := cty.CapsuleVal(identity.CapsuleType, &identity.Config{Name: "lake", Region: "us-east-1"})
	scope := &schema.Scope{
		Eval: &hcl.EvalContext{Variables: map[string]cty.Value{
			"connection": cty.ObjectVal(map[string]cty.Value{"lake": conn}),
			"run":        cty.ObjectVal(map[string]cty.Value{"date": cty.UnknownVal(cty.String)}),
		}},
		ReadFile: func(path string) ([]byte, error) {
			if path == "sql/orders.sql" {
				return []byte("SELECT *\nFROM orders\nWHERE day = ?"), nil
			}
			return nil, errors.New("there is no such file")
		},
	}
	bound, diags := Kind(identity.NewProvider()).Decode(file.Body, nil, scope, nil)
	return bound.Config.(Config), func() (sources.Source, error) { return bound.Build(sources.Env{}) }, diags
}

func TestConfigDefaults(t *testing.T) {
	c, build, diags := decode(t, "connection = connection.lake\nquery = \"SELECT 1\"")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if c.Catalog != "AwsDataCatalog" || c.Workgroup != "primary" || c.Fetch != methodAuto || c.Connection.Name != "lake" {
		t.Errorf("got %+v", c)
	}
	if _, err := build(); err != nil {
		t.Error(err)
	}
}

func TestQueryFileIsRead(t *testing.T) {
	_, build, diags := decode(t, "connection = connection.lake\nquery_file = \"sql/orders.sql\"\nparameters = [\"2026-11-22\"]")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	s, err := build()
	if err != nil {
		t.Fatal(err)
	}
	if got := s.(*Source); got.stmt.placeholders != 1 || got.params[0] != "'2026-11-22'" {
		t.Errorf("got %+v and %v", got.stmt, got.params)
	}
}

func TestConfigIsChecked(t *testing.T) {
	long := `"SELECT '` + strings.Repeat("x", maxQueryBytes) + `'"`
	for _, tt := range []struct {
		attributes string
		code       diag.Code // empty: it is fine
		text       string
	}{
		{attributes: `query = "SELECT 1"`},
		{attributes: `query = "SELECT ?"` + "\n" + `parameters = [run.date]`},
		{attributes: `query = "SELECT '${run.date}'"`},
		{attributes: `query = "SELECT 1"` + "\n" + `reuse_results = "7d"`},
		{attributes: ``, code: "missing-attribute", text: "exactly one"},
		{attributes: `query = "SELECT 1"` + "\n" + `query_file = "sql/orders.sql"`, code: "missing-attribute", text: "exactly one"},
		{attributes: `query = "SELECT ?, '?'"`, code: "invalid-value", text: "1 question mark outside of quotes and comments, and there are 0 parameters"},
		{attributes: `query = "SELECT 1"` + "\n" + `parameters = [1, 2]`, code: "invalid-value", text: "0 question marks"},
		{attributes: `query = "SELECT ?"` + "\n" + `parameters = [[1]]`, code: "invalid-value", text: "Parameter 1"},
		{attributes: `query = "DROP TABLE orders"`, code: "athena-syntax", text: "cannot run DROP"},
		{attributes: `query = "SELECT 'x"`, code: "athena-syntax", text: "line 1, column 8"},
		{attributes: `query = ` + long, code: "athena-query-too-long", text: "262144"},
		{attributes: `query = "SELECT 1"` + "\n" + `workgroup = "a b"`, code: "invalid-value", text: "workgroup"},
		{attributes: `query = "SELECT 1"` + "\n" + `output_location = "lake-results/x"`, code: "invalid-value", text: "s3://bucket/prefix/"},
		{attributes: `query = "SELECT 1"` + "\n" + `expected_bucket_owner = "12"`, code: "invalid-value", text: "12 digits"},
		{attributes: `query = "SELECT 1"` + "\n" + `reuse_results = "8d"`, code: "invalid-value", text: "minutes"},
		{attributes: `query = "SELECT 1"` + "\n" + `reuse_results = "90s"`, code: "invalid-value", text: "minutes"},
		{attributes: `query = "SELECT 1"` + "\n" + `reuse_results = "1h"` + "\n" + `fetch = "unload"`, code: "invalid-value", text: "never reused"},
		{attributes: `query = "SELECT 1"` + "\n" + `fetch = "unloads"`, code: "invalid-value", text: `Did you mean "unload"?`},
	} {
		_, _, diags := decode(t, "connection = connection.lake\n"+tt.attributes)
		name := tt.attributes[:min(60, len(tt.attributes))]
		switch {
		case tt.code == "" && diags.HasErrors():
			t.Errorf("%s: %v", name, diags)
		case tt.code != "" && len(diags) != 1:
			t.Errorf("%s: got %d diagnostics, want one: %v", name, len(diags), diags)
		case tt.code != "" && (diag.CodeOf(diags[0]) != tt.code || !strings.Contains(fmt.Sprint(diags[0].Summary, diags[0].Detail), tt.text)):
			t.Errorf("%s: got %s: %s %s", name, diag.CodeOf(diags[0]), diags[0].Summary, diags[0].Detail)
		}
	}
}

func TestLocations(t *testing.T) {
	folder, err := parseFolder("s3://lake-results/a/b")
	if err != nil || folder.String() != "s3://lake-results/a/b/" {
		t.Fatalf("got %s, %v", folder, err)
	}
	for place, want := range map[string]bool{
		"s3://lake-results/a/b/c": true, "s3://lake-results/a/b/c/d": true,
		"s3://lake-results/a/b/": false, "s3://lake-results/a/bc": false, "s3://lake-results2/a/b/c": false,
	} {
		l, err := parseLocation(place)
		if err != nil {
			t.Fatal(err)
		}
		if got := folder.contains(l); got != want {
			t.Errorf("%s in %s: got %t", place, folder, got)
		}
	}
	for _, bad := range []string{"", "lake/x", "s3://", "s3:///x", "s3://A/x", "https://x/y", "s3://a_b/x"} {
		if l, err := parseLocation(bad); err == nil {
			t.Errorf("%q is read as %s", bad, l)
		}
	}
}
