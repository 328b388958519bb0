package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty/function"

	"waybill/config"
	"waybill/internal/budget"
	"waybill/internal/identity"
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

// functions are those that a project's expressions may call.
func functions() (map[string]function.Function, error) {
	project, diags := config.Load(config.StoredTree("/", map[string][]byte{"empty.hcl": nil}), config.Vars{})
	if diags.HasErrors() {
		return nil, diags
	}
	scope, diags := project.Scope(config.Vars{})
	if diags.HasErrors() {
		return nil, diags
	}
	fns := maps.Clone(scope.Eval.Functions)
	maps.DeleteFunc(fns, func(name string, _ function.Function) bool { return budget.Hidden(name) })
	return fns, nil
}

const languageIntro = `# The language

A project is a directory. Every ` + "`*.hcl`" + ` and ` + "`*.hcl.json`" + ` file below it is read as one configuration, in any
order. Left out are names that begin with a dot, ` + "`*.test.hcl`" + `, and ` + "`*.sandbox.hcl`" + `, which declares
[the local sandbox](sandbox.md). The syntax is [HCL](https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md).

An unknown block or attribute is an error. Names hold letters, digits, ` + "`_` and `-`" + ` and begin with a letter or ` + "`_`" + `.
Top-level names are unique in the project; sources, transforms, checks and sinks each have their own names in a pipeline.

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

// runMeanings say what the attributes of run are.
var runMeanings = map[string]string{
	"id":             "The run's id.",
	"pipeline":       "The pipeline's name.",
	"scheduled_at":   "The slot, in RFC 3339 with the offset of the schedule's time zone.",
	"date":           "The slot's day in the schedule's time zone: `2026-01-31`. Of several schedules the first one's zone counts; without one, the project's.",
	"interval_start": "The slot before this one, as a timestamp. Without one, the same as `interval_end`.",
	"interval_end":   "The slot, as a timestamp.",
	"attempt":        "1, and one more each time that the run is taken up again.",
	"trigger":        "What made the run: `schedule`, `after` or `manual`.",
}

func languagePage() (string, error) {
	fns, err := functions()
	if err != nil {
		return "", err
	}
	p := &page{functions: slices.Sorted(maps.Keys(fns))}
	p.WriteString(generated + languageIntro)
	blocks := compile.Reference(registries())
	p.contents(blocks)
	for _, b := range blocks {
		if err := p.block(2, heading(b), b.Block, ""); err != nil {
			return "", err
		}
	}
	p.WriteString(valuesIntro)
	types := compile.RunValueTypes()
	for _, name := range slices.Sorted(maps.Keys(types)) {
		p.line("| `run.%s` | %s | %s |", name, types[name].FriendlyName(), runMeanings[name])
	}
	p.line("\nA sink writes one file, so `file.number` and `file.partition` are refused in its key or path.\n")
	p.functionTables(fns)
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

func (p *page) functionTables(fns map[string]function.Function) {
	p.line("## Functions\n")
	p.line("They bear the names, and mean what, Terraform users expect. Those that change from call to call, such as `timestamp()` and `uuid()`, do not exist.")
	for _, group := range functionGroups {
		p.line("\n### %s\n\n| function | result |\n|---|---|", group.title)
		for _, f := range group.functions {
			p.line("| `%s` | %s |", signature(f.name, fns[f.name]), cell(f.meaning))
		}
	}
}

// signature writes a function with the names of its parameters.
func signature(name string, f function.Function) string {
	var params []string
	for _, a := range f.Params() {
		params = append(params, a.Name)
	}
	if v := f.VarParam(); v != nil {
		params = append(params, v.Name+"…")
	}
	return name + "(" + strings.Join(params, ", ") + ")"
}

// languageBlocks are all blocks with the paths under which they are missed.
func languageBlocks() map[string]*schema.Block {
	out := map[string]*schema.Block{}
	for _, b := range compile.Reference(registries()) {
		out[heading(b)] = b.Block
	}
	return out
}
