// Package tests runs the tests of a project: the `*.test.hcl` files, in which a
// pipeline is given data in place of its sources, and what it makes of them is
// compared with what is expected. A test works in a compute job as a run does,
// without a network, a store or a delivery.
package tests

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/schema"
	"waybill/runner/compile"
)

// testConfig is a `test` block without its given, expect and expect_failure
// blocks.
type testConfig struct {
	Pipeline  hcl.Traversal `wb:"pipeline"`
	Variables cty.Value     `wb:"variables"`
	Run       runConfig     `wb:"run"`
}

type runConfig struct {
	ScheduledAt   string `wb:"scheduled_at"`
	IntervalStart string `wb:"interval_start"`
	ID            string `wb:"id"`
	Attempt       int64  `wb:"attempt"`
	Trigger       string `wb:"trigger"`
}

var runBlock = &schema.Block{
	Type:    "run",
	Doc:     "What `run` is worth in the test. Without the block everything has its default, so that a test says the same on every day.",
	Example: "run {\n  scheduled_at = \"2026-01-31T09:00:00Z\"\n}",
	Attrs: []schema.Attr{
		{Name: "scheduled_at", Type: schema.String, Default: "2026-01-01T12:00:00Z", Example: `"2026-01-31T09:00:00Z"`, Doc: "The slot: a time with an offset, or without one in the time zone of the pipeline's schedule."},
		{Name: "interval_start", Type: schema.String, Example: `"2026-01-30T09:00:00Z"`, Doc: "The slot before. Default: by the pipeline's schedule, or scheduled_at itself."},
		{Name: "id", Type: schema.String, Default: "01TEST", Example: `"01J0000000"`, Doc: "The run's id."},
		{Name: "attempt", Type: schema.Int, Default: "1", Example: "2", Doc: "How often the run was taken up."},
		{Name: "trigger", Type: schema.String, Default: "schedule", OneOf: []string{"schedule", "manual"}, Example: `"manual"`, Doc: "What made the run."},
	},
}

// testBlock describes the `test` block; its given, expect and expect_failure
// blocks are read by the tables below.
var testBlock = &schema.Block{
	Type: "test", Labels: []schema.Label{{Name: "name", Doc: "A sentence that says what is tested, unique in its file."}},
	Doc: "One run of a pipeline over given data, and what must come of it. The real transforms, checks, conditions, formats and key templates work; " +
		"sources and sinks are not called. A step that fails unexpectedly fails the test.",
	Attrs: []schema.Attr{
		{Name: "pipeline", Type: schema.Address, Required: true, Example: "pipeline.daily_orders", Doc: `The pipeline: pipeline.name, or pipeline.name["key"] for one of a for_each.`},
		{Name: "variables", Type: schema.Any, Example: `{ env = "prod" }`, Doc: "Values of variables in this test, by name. They are stronger than the command line's. The environment is not read."},
	},
	Blocks: []schema.Nested{{Block: runBlock}},
}

// givenConfig is a `given` block.
type givenConfig struct {
	Rows      cty.Value         `wb:"rows"`
	File      string            `wb:"file"`
	Columns   map[string]string `wb:"columns"`
	Delimiter string            `wb:"delimiter"`
	Null      string            `wb:"null"`
}

var givenBlock = &schema.Block{
	Type: "given", Labels: []schema.Label{{Name: "address", Doc: "The source that is replaced: \"source.name\". Every source that the pipeline uses needs a given block."}},
	Doc:     "Data in place of a source: rows written here, or a file of the project. The source's contract is kept to, as in a run.",
	Example: "given \"source.orders\" {\n  rows = [\n    { id = 1, region = \"EU\", total = 10.50 },\n    { id = 2, region = \"US\", total = null },\n  ]\n}",
	Attrs: []schema.Attr{
		{Name: "rows", Type: schema.Any, Example: "[{ id = 1, total = 10.50 }]", Doc: "A list of rows, each a map from columns to values; a column that a row leaves out is NULL in it. Types come from columns, else from the source's contract, else from the values: " +
			"whole numbers are bigint, numbers with a fraction an exact decimal, texts varchar. Dates and times are texts, and need a declared type."},
		{Name: "file", Type: schema.String, Example: `"fixtures/orders.csv"`, Doc: "A file of the project in place of rows: .csv, .tsv, .parquet, .ndjson or .jsonl. CSV has a header."},
		{Name: "columns", Type: schema.OrderedMap, Example: `{ id = "bigint", day = "date" }`, Doc: "The columns of the data, with Athena's type names. It may differ from the source's contract, to test that a broken one is found."},
		{Name: "delimiter", Type: schema.String, Example: `";"`, Doc: "Of a CSV file: the character between values. Default: a comma, and a tab in .tsv files."},
		{Name: "null", Type: schema.String, Example: `"NULL"`, Doc: "Of a CSV file: the unquoted text that stands for NULL. Default: nothing at all."},
	},
}

// expectConfig is an `expect` block of any family.
type expectConfig struct {
	Rows    cty.Value         `wb:"rows"`
	Ordered bool              `wb:"ordered"`
	Columns map[string]string `wb:"columns"`
	Keys    []string          `wb:"keys"`
	Place   string            `wb:"place"`
	File    string            `wb:"file"`
	Text    string            `wb:"text"`
	Holds   bool              `wb:"holds"`
}

var rowsAttrs = []schema.Attr{
	{Name: "rows", Type: schema.Any, Example: `[{ name = "EU", total = 10.50 }]`, Doc: "All rows, in any order, or their number alone. Every row names the same columns; others are not compared. null is NULL, and \"\" is not. " +
		"Decimals and times are compared exactly, floating-point numbers up to the ninth digit."},
	{Name: "ordered", Type: schema.Bool, Default: "false", Example: "true", Doc: "Whether the order of the rows counts."},
	{Name: "columns", Type: schema.OrderedMap, Example: `{ name = "varchar", total = "decimal(38,2)" }`, Doc: "All columns with their types, in this order."},
}

var expectLabels = []schema.Label{{Name: "address", Doc: "The step that is looked at."}}

// expectBlocks describe `expect` by the family of the address.
var expectBlocks = map[string]*schema.Block{
	compile.Transform: {
		Type: "expect", Labels: expectLabels, Doc: "What a transform returns.",
		Example: "expect \"transform.by_region\" {\n  rows = [\n    { region = \"EU\", total = 10.50 },\n    { region = \"US\", total = null },\n  ]\n}",
		Attrs:   rowsAttrs,
	},
	compile.Sink: {
		Type: "expect", Labels: expectLabels, Doc: "What a sink would deliver. Its files are written and verified as in a run, and go nowhere. A sink that delivers nothing has the keys [].",
		Example: "expect \"sink.acme\" {\n  keys = [\"reports/2026-01-31/by_region.parquet\"]\n  rows = 2\n}",
		Attrs: append([]schema.Attr{
			{Name: "keys", Type: schema.Strings, Example: `["reports/2026-01-31/by_region.parquet"]`, Doc: "The names of all files, in any order: keys of an S3 sink, paths of a file sink."},
			{Name: "place", Type: schema.String, Example: `"s3://acme-inbox"`, Doc: "Where the files go: the bucket of an S3 sink."},
			{Name: "file", Type: schema.String, Example: `"fixtures/report.csv"`, Doc: "A file of the project with the bytes that the only file must have, before compression. Not for Parquet, whose bytes say more than its rows."},
			{Name: "text", Type: schema.String, Example: "\"region,total\\nEU,10.50\\n\"", Doc: "The same as a text."},
		}, rowsAttrs...),
	},
	compile.Condition: {
		Type: "expect", Labels: expectLabels, Doc: "What a condition says. In a test there is no earlier run, so changed holds and unchanged does not. One that does not hold fails no test, but nothing is delivered.",
		Example: "expect \"condition.new\" {\n  holds = true\n}",
		Attrs:   []schema.Attr{{Name: "holds", Type: schema.Bool, Required: true, Example: "false", Doc: "Whether it must hold."}},
	},
}

// failureConfig is an `expect_failure` block.
type failureConfig struct {
	Message string `wb:"message"`
}

var failureBlock = &schema.Block{
	Type: "expect_failure", Labels: []schema.Label{{Name: "address", Doc: "The step that must fail: a source whose contract is broken, a transform, a check, a condition, a sink."}},
	Doc: "That a step fails. The test passes only if this step fails and no other does. A check that only warns counts as failing when it has violations; " +
		"the run then goes on, and delivers.",
	Example: "expect_failure \"check.some\" {}",
	Attrs:   []schema.Attr{{Name: "message", Type: schema.String, Example: `"at least 1 rows"`, Doc: "A part of the failure's message, its code or its explanation."}},
}

// families are those of expect, in the order of the documentation.
var families = []string{compile.Transform, compile.Sink, compile.Condition}

// failing are the families of expect_failure.
var failing = []string{compile.Source, compile.Transform, compile.Check, compile.Condition, compile.Sink}

// Reference describes every block of a test file, in the order in which the
// documentation tells them.
func Reference() []compile.Described {
	test := *testBlock
	test.Example = `test "totals are per region" {
  pipeline  = pipeline.daily_orders
  variables = { env = "dev" }

  run {
    scheduled_at = "2026-01-31T09:00:00Z"
  }

  given "source.orders" {
    rows = [{ region = "EU", total = 10 }, { region = "EU", total = 5 }]
  }

  expect "transform.by_region" {
    rows = [{ region = "EU", total = 15 }]
  }
}`
	out := []compile.Described{{Block: &test}, {Kind: "source.name", Block: givenBlock}}
	for _, family := range families {
		out = append(out, compile.Described{Kind: family + ".name", Block: expectBlocks[family]})
	}
	return slices.Concat(out, []compile.Described{{Kind: "check.name", Block: failureBlock}})
}
