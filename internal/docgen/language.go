package main

import (
	"fmt"
	"strings"

	"waybill/internal/identity"
	"waybill/internal/reference"
	"waybill/internal/schema"
	"waybill/runner/compile"
	"waybill/runner/transform"
	sinksall "waybill/sinks/all"
	sourcesall "waybill/sources/all"
)

// registries are the kinds of components, as the program has them.
func registries() compile.Registries {
	ids := identity.NewProvider()
	return compile.Registries{Waiters: sourcesall.Waiters(ids), Sources: sourcesall.Registry(ids), Transforms: transform.All(), Checks: transform.Checks(), Conditions: transform.Conditions(), Sinks: sinksall.Registry(ids)}
}

const languageIntro = `# The language

A project is a directory. Every ` + "`*.hcl`" + ` and ` + "`*.hcl.json`" + ` file below it is read as one configuration, in any
order. Left out are names that begin with a dot, ` + "`*.test.hcl`" + `, which holds [tests](tests.md), and ` + "`*.sandbox.hcl`" + `, which declares
[the local sandbox](sandbox.md). The syntax is [HCL](https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md).

An unknown block or attribute is an error. Names hold letters, digits, ` + "`_` and `-`" + ` and begin with a letter or ` + "`_`" + `.
Top-level names are unique in the project; sources, transforms, checks and sinks each have their own names in a pipeline.

A configuration file has up to 1 MiB, another file that is read up to 4 MiB, and all of them together up to 64 MiB. Brackets, blocks and operators
nest up to 500 levels deep, ` + "`for_each`" + ` repeats a block up to 10,000 times, a value has up to 200,000 elements and 8 MiB of text, and all
expressions together take some seconds of work at most: validating files of strangers is safe.

| type | written as |
|---|---|
| string | ` + "`\"text\"`, with `${…}` for an expression inside" + ` |
| duration | ` + "`\"90s\"`, `\"1h30m\"`, `\"7d\"`" + ` |
| size | ` + "`\"512MiB\"`, `\"2GB\"`" + `: binary units KiB to TiB, decimal ones kB to TB |
| SQL text | a string in which ` + "`${source.name}`" + ` and ` + "`${transform.name}`" + ` stand for tables |
| path of an SQL template | a file of the project; ` + "`${…}`" + ` in it works as in a string, ` + "`$${`" + ` is a plain ` + "`${`" + ` |
| reference | an address without quotes: ` + "`source.orders`, `transform.by_region`" + ` |
| connection | an address without quotes: ` + "`connection.lake`" + ` |

`

const valuesIntro = `## Values

| name | where | what |
|---|---|---|
| ` + "`var.name`" + ` | everywhere but in variable blocks' own attributes | a [variable](#variable) |
| ` + "`local.name`" + ` | everywhere but in variable blocks | a [local](#locals) |
| ` + "`connection.name`" + ` | attributes that want a connection | a [connection](#connection-aws) |
| ` + "`source.name`, `transform.name`" + ` | queries of transforms and checks, ` + "`input`" + ` | a relation of the same pipeline |
| ` + "`each.key`, `each.value`" + ` | blocks with ` + "`for_each`" + ` and what is in them | the instance, [below](#for_each-and-dynamic) |
| ` + "`pipeline.name`" + ` | ` + "`after` and `moved`" + ` | a pipeline of the project |
| ` + "`run.…`" + ` | pipelines but their schedules, and connections | the run, below |

### for_each and dynamic

A pipeline or a step with ` + "`for_each`" + ` stands for as many as the map or set of strings has elements. Their addresses end with the
key: ` + "`waybill run 'daily[\"acme\"]'`, `input = transform.part[\"eu\"]`, or `transform.part[each.key]`" + ` where that is the same key. A query may
go through them all: ` + "`join(\" UNION ALL \", [for r in transform.part : \"SELECT * FROM ${r}\"])`" + `. Keys are told apart without regard to case.
The value must be known before a run and may not be sensitive; a list is made a set by ` + "`toset(…)`" + `.

Any block inside a top-level block can be repeated by a ` + "`dynamic`" + ` block, as in Terraform:

` + "```hcl\ndynamic \"schedule\" {\n  for_each = [\"0 9 ? * MON-FRI *\", \"0 12 ? * SAT *\"]\n  content {\n    cron = schedule.value\n  }\n}\n```" + `

### Before a run

A value that is known only when a pipeline runs counts as unknown before, but its name and type are checked.

### run

Time comes from the slot, never from the clock: a retry writes the same keys as the first try.

| name | type | what |
|---|---|---|
`

func languagePage() (string, error) {
	language, err := reference.Describe(registries())
	if err != nil {
		return "", err
	}
	p := &page{}
	for _, f := range language.Functions {
		p.functions = append(p.functions, f.Name)
	}
	p.WriteString(generated + languageIntro)
	blocks := compile.Reference(registries())
	p.contents(blocks)
	for _, b := range blocks {
		if err := p.block(2, heading(b), b.Block, ""); err != nil {
			return "", err
		}
	}
	p.WriteString(valuesIntro)
	for _, v := range language.Run {
		p.line("| `%s` | %s | %s |", v.Address, v.Type, v.Doc)
	}
	p.line("\nA sink writes one file, so `file.number` and `file.partition` are refused in its key or path.\n")
	p.functionTables(language.Functions)
	return p.String(), nil
}

func heading(b compile.Described) string {
	if b.Kind == "" {
		return b.Type
	}
	return fmt.Sprintf("%s %q", b.Type, b.Kind)
}

// contents links to the headings of the blocks.
func (p *page) contents(blocks []compile.Described) {
	var links []string
	for _, b := range blocks {
		links = append(links, fmt.Sprintf("[`%s`](#%s)", heading(b), anchor(heading(b))))
	}
	p.line("Blocks: %s. Then [values](#values) and [functions](#functions).\n", strings.Join(links, ", "))
}

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(strings.ReplaceAll(heading, `"`, "")), " ", "-")
}

func (p *page) functionTables(functions []reference.Function) {
	p.line("## Functions\n")
	p.line("They bear the names, and mean what, Terraform users expect. Those that change from call to call, such as `timestamp()` and `uuid()`, do not exist.")
	group := ""
	for _, f := range functions {
		if f.Group != group {
			group = f.Group
			p.line("\n### %s\n\n| function | result |\n|---|---|", group)
		}
		p.line("| `%s` | %s |", f.Signature, cell(f.Doc))
	}
}

// languageBlocks are all blocks with the paths under which they are missed.
func languageBlocks() map[string]*schema.Block {
	out := map[string]*schema.Block{}
	for _, b := range compile.Reference(registries()) {
		out[heading(b)] = b.Block
	}
	return out
}
