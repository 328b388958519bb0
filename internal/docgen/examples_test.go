package main

import (
	_ "embed"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/reference"
	"waybill/internal/sandbox"
	"waybill/internal/schema"
	"waybill/runner/compile"
)

// An example is the text of one block. That of a nested block stands inside of
// its parents' examples.
type example struct{ path, text string }

// examples lists a block's example and those of all that it holds.
func examples(t *testing.T, path string, b *schema.Block) []example {
	t.Helper()
	own, err := reference.Format(b.Example)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	out := []example{{path, own}}
	for _, v := range b.Variants {
		text, err := reference.Format(v.Example)
		if err != nil {
			t.Fatalf("%s %q: %v", path, v.Type, err)
		}
		out = append(out, example{path + " " + v.Type, text})
	}
	for _, n := range b.Blocks {
		for _, inner := range examples(t, path+" › "+n.Block.Type, n.Block) {
			out = append(out, example{inner.path, within(t, own, inner.text)})
		}
	}
	return out
}

func parse(t *testing.T, text string) *hclwrite.File {
	t.Helper()
	f, diags := hclwrite.ParseConfig([]byte(text+"\n"), "example", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%v in\n%s", diags, text)
	}
	return f
}

// within puts a block into the first block of parent, in place of those of its
// type.
func within(t *testing.T, parent, child string) string {
	t.Helper()
	f, inner := parse(t, parent), parse(t, child).Body().Blocks()[0]
	body := f.Body().Blocks()[0].Body()
	for _, b := range body.Blocks() {
		if b.Type() == inner.Type() {
			body.RemoveBlock(b)
		}
	}
	body.AppendBlock(inner)
	return string(hclwrite.Format(f.Bytes()))
}

// publicKey is one that files can be encrypted for.
//
//go:embed testdata/acme.asc
var publicKey string

// files are those that examples name.
var files = map[string]string{
	"sql/orders.sql":    "SELECT * FROM orders WHERE day = CAST(? AS date)",
	"sql/by_region.sql": "SELECT * FROM ${source.orders}",
	"keys/acme.asc":     publicKey,
}

// stubs declare what an example refers to, by the first part of its address.
var stubs = map[string]string{
	"var":             "variable \"NAME\" { default = \"dev\" }\n",
	"connection":      "connection \"aws\" \"NAME\" { region = \"eu-west-1\" }\n",
	compile.Source:    "source \"file\" \"NAME\" {\n  path = \"NAME.csv\"\n  format \"csv\" {}\n}\n",
	compile.Transform: "transform \"sql\" \"NAME\" {\n  query = \"SELECT 1 AS one\"\n}\n",
	compile.Sink:      "sink \"file\" \"stub\" {\n  input = NAME\n  path  = \"out/stub.csv\"\n  format \"csv\" {}\n}\n",
}

func stub(root, name string) string { return strings.ReplaceAll(stubs[root], "NAME", name) }

// project is an example with all around it that it needs.
func project(t *testing.T, text string) map[string][]byte {
	t.Helper()
	block := parse(t, text).Body().Blocks()[0]
	isStep := slices.Contains([]string{compile.Wait, compile.Source, compile.Transform, compile.Check, compile.Condition, compile.Sink}, block.Type())
	var top, steps string
	for _, address := range references(t, text) {
		root, name, _ := strings.Cut(address, ".")
		switch root {
		case "var", "connection":
			if !strings.HasPrefix(block.Type(), root) || !slices.Contains(block.Labels(), name) { // "variable" begins with "var"
				top += stub(root, name)
			}
		case compile.Source, compile.Transform:
			steps += stub(root, name)
		}
	}
	if isStep {
		switch block.Type() {
		case compile.Source, compile.Transform:
			steps += stub(compile.Sink, block.Type()+"."+block.Labels()[1])
		case compile.Wait, compile.Check, compile.Condition:
			steps += stub(compile.Source, "stub") + stub(compile.Sink, "source.stub")
		}
		if strings.Contains(text, "sql/by_region.sql") {
			steps += stub(compile.Source, "orders")
		}
		text = "pipeline \"example\" {\n" + steps + text + "\n}\n"
	} else if block.Type() != "pipeline" {
		top += "pipeline \"regions\" {\n" + stub(compile.Source, "stub") + stub(compile.Sink, "source.stub") + "}\n"
	}
	out := map[string][]byte{"example.hcl": []byte(text), "stubs.hcl": []byte(top)}
	for name, text := range files {
		out[name] = []byte(text)
	}
	return out
}

// references are the addresses that an example mentions, each once.
func references(t *testing.T, text string) []string {
	t.Helper()
	f, diags := hclsyntax.ParseConfig([]byte(text), "example", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var out []string
	_ = hclsyntax.VisitAll(f.Body.(*hclsyntax.Body), func(n hclsyntax.Node) hcl.Diagnostics {
		if e, ok := n.(*hclsyntax.ScopeTraversalExpr); ok && len(e.Traversal) > 1 {
			if a, ok := e.Traversal[1].(hcl.TraverseAttr); ok && !slices.Contains(out, e.Traversal.RootName()+"."+a.Name) {
				out = append(out, e.Traversal.RootName()+"."+a.Name)
			}
		}
		return nil
	})
	return out
}

func TestExamplesOfTheLanguageCompile(t *testing.T) {
	noEnvironment := config.Vars{LookupEnv: func(string) (string, bool) { return "", false }}
	for path, b := range languageBlocks() {
		for _, e := range examples(t, path, b) {
			_, _, diags := compile.Compile(config.StoredTree("/project", project(t, e.text)), noEnvironment, registries())
			for _, d := range diags {
				// What only an example refers to, and a format beside another one's key.
				if code := diag.CodeOf(d); code != "unused" && code != "extension-mismatch" && code != "not-supported-yet" {
					t.Errorf("%s: %v in\n%s", e.path, d, e.text)
				}
			}
		}
	}
}

func TestExamplesOfTheSandboxLoad(t *testing.T) {
	for _, b := range sandbox.Schema() {
		for _, e := range examples(t, b.Type, b) {
			dir := t.TempDir()
			writeFile(t, dir, "data/orders.parquet", "")
			writeFile(t, dir, "scaffold.sandbox.hcl", "user \"scaffold\" {}\nbucket \"lake-results\" {}\n")
			writeFile(t, dir, "example.sandbox.hcl", e.text)
			if _, diags := sandbox.Load(dir); len(diags) > 0 {
				t.Errorf("%s: %v in\n%s", e.path, diags, e.text)
			}
		}
	}
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
