package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"waybill/config"
	"waybill/internal/diag"
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
	own, err := format(b.Example)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	out := []example{{path, own}}
	for _, v := range b.Variants {
		text, err := format(v.Example)
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

// scaffold holds what the examples of the language refer to.
var scaffold = map[string]string{
	"sql/orders.sql":    "SELECT * FROM orders WHERE day = CAST(? AS date)",
	"sql/by_region.sql": "SELECT * FROM ${source.orders}",
	"project.hcl": `
variable "env" { default = "dev" }
variable "acme_external_id" { default = "acme-7f3c" }
connection "aws" "lake" { region = "us-east-1" }
connection "aws" "acme" { region = "eu-west-1" }
`,
	"pipeline.hcl": `
pipeline "scaffold" {
  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }
  transform "sql" "by_region" {
    query = "SELECT * FROM ${source.orders}"
  }
  sink "file" "out" {
    input = transform.by_region
    path  = "scaffold.csv"
    format "csv" {}
  }
}
`,
}

// project is the scaffold with an example in place of the block of its name.
func project(t *testing.T, text string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{"example.hcl": []byte(text)}
	for name, text := range scaffold {
		files[name] = []byte(text)
	}
	block := parse(t, text).Body().Blocks()[0]
	top := parse(t, scaffold["project.hcl"])
	replace(top.Body(), block)
	files["project.hcl"] = top.Bytes()
	if !slices.Contains([]string{compile.Source, compile.Transform, compile.Sink}, block.Type()) {
		return files
	}
	delete(files, "example.hcl") // a step stands in a pipeline
	steps := parse(t, scaffold["pipeline.hcl"])
	body := steps.Body().Blocks()[0].Body()
	replace(body, block)
	body.AppendBlock(block)
	files["pipeline.hcl"] = hclwrite.Format(steps.Bytes())
	return files
}

// replace removes what has the type and name of a block.
func replace(body *hclwrite.Body, block *hclwrite.Block) {
	name := func(b *hclwrite.Block) string {
		if labels := b.Labels(); len(labels) > 0 {
			return labels[len(labels)-1]
		}
		return ""
	}
	for _, b := range body.Blocks() {
		if b.Type() == block.Type() && name(b) == name(block) {
			body.RemoveBlock(b)
		}
	}
}

func TestExamplesOfTheLanguageCompile(t *testing.T) {
	noEnvironment := config.Vars{LookupEnv: func(string) (string, bool) { return "", false }}
	for path, b := range languageBlocks() {
		for _, e := range examples(t, path, b) {
			_, _, diags := compile.Compile(config.StoredTree("/project", project(t, e.text)), noEnvironment, registries())
			for _, d := range diags {
				// What only an example refers to, and a format beside another one's key.
				if code := diag.CodeOf(d); code != "unused" && code != "extension-mismatch" {
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
