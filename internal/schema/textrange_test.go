package schema_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
	"waybill/internal/schema"
)

// Wherever a word stands in the rendered text, TextRange finds it in the file.
func TestTextRange(t *testing.T) {
	tests := map[string]string{
		"a line":            "query = \"SELECT word FROM ${source.orders} o\"\n",
		"behind a relation": "query = \"SELECT 1 FROM ${source.orders} WHERE word\"\n",
		"a heredoc":         "query = <<SQL\nSELECT 1,\n  word\nFROM ${source.orders}\nSQL\n",
		"an indented one":   "query = <<-SQL\n    SELECT 1,\n           word\n    FROM ${source.orders} o\n    SQL\n",
		"its last lines":    "query = <<-SQL\n    SELECT 1\n    FROM ${source.orders} o\n    JOIN ${source.orders} p\n      ON word\n    SQL\n",
		"its first line":    "query = <<-SQL\n    SELECT word\n    FROM ${source.orders}\n    SQL\n",
		"wide characters":   "query = <<-SQL\n    SELECT '日本 é', word\n    FROM ${source.orders}\n    SQL\n",
		"no relation":       "query = \"SELECT word\"\n",
	}
	block := &schema.Block{Type: "t", Attrs: []schema.Attr{{Name: "query", Type: schema.Query, Doc: "d"}}}
	scope := &schema.Scope{
		Eval:      &hcl.EvalContext{},
		Relations: map[string]cty.Value{"source": cty.ObjectVal(map[string]cty.Value{"orders": schema.Relation("source.orders")})},
	}
	for name, src := range tests {
		t.Run(name, func(t *testing.T) {
			file, diags := hclsyntax.ParseConfig([]byte(src), "main.hcl", hcl.InitialPos)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			var c struct {
				Query string `wb:"query"`
			}
			values, diags := schema.Decode(file.Body, block, scope, &c)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			rng := values.TextRange("query", strings.Index(c.Query, "word"), 4)
			if got := string(rng.SliceBytes([]byte(src))); got != "word" {
				t.Errorf("bytes of %v hold %q", rng, got)
			}
			line := strings.Split(src, "\n")[rng.Start.Line-1]
			if got := line[diag.Offset(line, rng.Start.Column):diag.Offset(line, rng.End.Column)]; got != "word" {
				t.Errorf("line and column of %v hold %q", rng, got)
			}
		})
	}
}
