package compile_test

import (
	"strings"
	"testing"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/runner/compile"
)

const inJSON = `{
  "connection": {"aws": {"lake": {"region": "us-east-1"}}},
  "notifier": {"webhook": {"ops": {"url": "https://example.com/"}, "dev": {"url": "https://example.com/dev"}}},
  "pipeline": {"p": {
    "on_failure": ["NOTIFIER", "${notifier.dev}"],
    "source": {"athena": {"in": {"connection": "CONNECTION", "database": "d", "output_location": "s3://lake-results/", "query": "SELECT 1 AS a"}}},
    "sink": {"file": {"out": {"input": "source.in", "path": "out/${run.date}.csv", "format": {"csv": {}}}}}
  }}
}`

// In JSON an address is a text, with or without the signs of a template.
func TestAddressesInJSON(t *testing.T) {
	for _, tt := range []struct{ connection, notifier, wrong string }{
		{"connection.lake", "notifier.ops", ""},
		{"${connection.lake}", "${notifier.ops}", ""},
		{"connection.lak", "notifier.ops", "unknown-reference"},
		{"connection.lake", "notifier.opps", "unknown-reference"},
		{"lake", "notifier.ops", "unknown-reference"},
		{"a lake", "notifier.ops", "wrong-type"},
		{"connection.lake", "some one", "wrong-type"},
	} {
		text := strings.NewReplacer("CONNECTION", tt.connection, "NOTIFIER", tt.notifier).Replace(inJSON)
		tree := config.StoredTree(t.TempDir(), map[string][]byte{"main.hcl.json": []byte(text)})
		g, _, diags := compile.Compile(tree, config.Vars{LookupEnv: noEnv}, registries())
		switch {
		case tt.wrong == "" && g == nil:
			t.Errorf("%s, %s: %v", tt.connection, tt.notifier, diags)
		case tt.wrong != "" && (g != nil || !hasCode(diags, diag.Code(tt.wrong))):
			t.Errorf("%s, %s: want %s: %v", tt.connection, tt.notifier, tt.wrong, diags)
		}
	}
}

// Editors put a byte order mark before a text, which says nothing.
func TestByteOrderMark(t *testing.T) {
	for name, text := range map[string]string{"main.hcl": "\ufefflocals {\n  a = 1\n}\n", "main.hcl.json": "\ufeff" + `{"locals": {"a": 1}}`} {
		tree := config.StoredTree(t.TempDir(), map[string][]byte{name: []byte(text)})
		if g, _, diags := compile.Compile(tree, config.Vars{LookupEnv: noEnv}, registries()); g == nil {
			t.Errorf("%s: %v", name, diags)
		}
	}
}
