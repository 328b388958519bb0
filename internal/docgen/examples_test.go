package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"waybill/config"
	"waybill/internal/sandbox"
	"waybill/internal/schema"
	"waybill/runner/compile"
)

// scaffold is what the examples of the language refer to. An example replaces
// the block of the same type and name.
var scaffold = map[string]string{
	"sql/orders.sql":          "SELECT * FROM orders WHERE day = CAST(? AS date)",
	"sql/by_region.sql":       "SELECT * FROM ${source.orders}",
	"policies/inbox-only.json": "{}",
	"env.hcl":                 `variable "env" { default = "dev" }`,
	"id.hcl":                  `variable "acme_external_id" { default = "acme-7f3c" }`,
	"lake.hcl":                `connection "aws" "lake" { region = "us-east-1" }`,
	"acme.hcl":                `connection "aws" "acme" { region = "eu-west-1" }`,
	"pipeline.hcl": `pipeline "example" {
  SOURCE
  SINK
  sink "s3" "uses_all" {
    input      = TRANSFORM
    connection = connection.lake
    bucket     = "other-inbox"
    key        = "all/${run.date}.parquet"
    format "parquet" {}
  }
  sink "s3" "uses_acme" {
    input      = INPUT
    connection = connection.acme
    bucket     = "acme-again"
    key        = "all/${run.date}.parquet"
    format "parquet" {}
  }
}`,
}

const (
	defaultSource    = "source \"file\" \"orders\" {\n  path = \"data/orders.csv\"\n  format \"csv\" {}\n}"
	defaultTransform = "transform \"sql\" \"by_region\" {\n  query = \"SELECT region FROM ${source.orders}\"\n}"
	defaultSink      = "sink \"file\" \"local\" {\n  input = transform.by_region\n  path  = \"out/${run.date}.csv\"\n  format \"csv\" {}\n}"
)

// project is the scaffold with one example in it.
func project(kind, example string) map[string][]byte {
	source, transform, sink := defaultSource, defaultTransform, defaultSink
	files := map[string]string{}
	for name, text := range scaffold {
		files[name] = text
	}
	switch kind {
	case "source":
		source = example
		sink = strings.ReplaceAll(sink, "transform.by_region", firstAddress(example))
		transform = ""
	case "transform":
		transform = example
	case "sink":
		sink = example
	case "pipeline":
		files["example.hcl"] = example
	case "connection":
		files["acme.hcl"] = example
	case "variable":
		files["env.hcl"] = example
	default:
		files["example.hcl"] = example
	}
	input := "transform.by_region"
	if transform == "" {
		input = firstAddress(source)
	}
	files["pipeline.hcl"] = strings.NewReplacer("SOURCE", source+"\n"+transform, "SINK", sink, "TRANSFORM", input, "INPUT", input).Replace(files["pipeline.hcl"])
	out := map[string][]byte{}
	for name, text := range files {
		out[name] = []byte(text)
	}
	return out
}

// firstAddress is the address of an example's block: source.orders.
func firstAddress(example string) string {
	f, _ := hclwrite.ParseConfig([]byte(example), "example", hcl.InitialPos)
	b := f.Body().Blocks()[0]
	return b.Type() + "." + b.Labels()[1]
}

// within puts the example of a nested block into its parent's.
func within(t *testing.T, parent string, child *schema.Block) string {
	t.Helper()
	text, err := format(child.Example)
	if err != nil {
		t.Fatalf("%s: %v", child.Type, err)
	}
	f, diags := hclwrite.ParseConfig([]byte(parent), "parent", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	inner, diags := hclwrite.ParseConfig([]byte(text), "child", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	body := f.Body().Blocks()[0].Body()
	for _, b := range body.Blocks() {
		if b.Type() == child.Type {
			body.RemoveBlock(b)
		}
	}
	for _, b := range inner.Body().Blocks() {
		body.AppendNewline()
		body.AppendBlock(b)
	}
	return string(f.Bytes())
}

// each calls try with the example of every block: of nested ones inside of
// their parents'.
func each(t *testing.T, path string, b *schema.Block, whole func(*testing.T, string) string, try func(t *testing.T, path, text string)) {
	if b.Example == "" {
		return
	}
	try(t, path, whole(t, ""))
	inside := func(child *schema.Block) func(*testing.T, string) string {
		return func(t *testing.T, _ string) string { return within(t, whole(t, ""), child) }
	}
	for _, v := range b.Variants {
		v.Type = b.Type
		try(t, path+" variant", within(t, parentOf(t, whole), &v))
	}
	for _, n := range b.Blocks {
		if n.Block.Type == "condition" || len(n.Block.Variants) > 0 {
			variants(t, path, n.Block, whole, try)
			continue
		}
		try(t, path+" › "+n.Block.Type, inside(n.Block)(t, ""))
	}
}

func parentOf(t *testing.T, whole func(*testing.T, string) string) string { return whole(t, "") }

// variants tries a block with each of its kinds.
func variants(t *testing.T, path string, b *schema.Block, whole func(*testing.T, string) string, try func(t *testing.T, path, text string)) {
	for _, v := range b.Variants {
		kind := v.Type
		v.Type = b.Type
		try(t, path+" › "+b.Type+" "+kind, within(t, whole(t, ""), &v))
	}
}
