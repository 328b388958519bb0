package compile

import (
	"maps"

	"github.com/zclconf/go-cty/cty"

	"waybill/config"
	"waybill/internal/component"
	"waybill/internal/identity"
	"waybill/internal/schema"
)

// A Described is a block of the language with the word that chooses its kind:
// "athena" for `source "athena" "orders"`, empty for blocks without kinds.
type Described struct {
	Kind string
	*schema.Block
}

// Reference describes every block that may stand at the top of a file or in a
// pipeline, in the order in which the documentation tells them. What all kinds
// of a family share is merged into each of them, as it is for decoding.
func Reference(regs Registries) []Described {
	connection := *identity.Block()
	connection.Type = "connection"
	connection.Labels = []schema.Label{{Name: "kind", Doc: "aws."}, {Name: "name", Doc: "Unique in the project; used as connection.name."}}
	out := []Described{
		{Block: settingsBlock}, {Block: variableReference()}, {Block: localsReference()},
		{Kind: "aws", Block: &connection}, {Kind: "webhook", Block: webhookBlock}, {Block: pipelineReference()},
	}
	out = append(out, kindsOf(waitCommon, regs.Waiters)...)
	out = append(out, kindsOf(sourceCommon, regs.Sources)...)
	out = append(out, kindsOf(transformCommon, regs.Transforms)...)
	out = append(out, kindsOf(checkCommon, regs.Checks)...)
	out = append(out, kindsOf(conditionCommon, regs.Conditions)...)
	out = append(out, kindsOf(sinkCommon, regs.Sinks)...)
	return append(out, Described{Block: movedBlock})
}

// kindsOf describes the kinds of a family in the order of their names.
func kindsOf[T, E any](common *schema.Block, kinds component.Registry[T, E]) []Described {
	var out []Described
	for _, name := range kinds.Names() {
		kind, _ := kinds.Get(name)
		out = append(out, Described{Kind: name, Block: schema.Merge(common, kind.Schema)})
	}
	return out
}

// RunValueTypes are the attributes of `run` with their types.
func RunValueTypes() map[string]cty.Type { return maps.Clone(runNames) }

// variableReference describes what package config reads by hand, because a
// type constraint is no value.
func variableReference() *schema.Block {
	b := *config.VariableBlock
	b.Attrs = []schema.Attr{
		{Name: "type", Type: schema.Type{Name: "type constraint"}, Default: "any", Example: "list(string)",
			Doc: "The type of the value: string, number, bool, any, list(…), set(…), map(…), tuple([…]), object({…}) with optional(…) attributes. A value is converted to it, or refused."},
		{Name: "default", Type: schema.Type{Name: "any value"}, Example: `"dev"`,
			Doc: "The value if none is given. Without it a value is required. It may not refer to anything."},
		{Name: "description", Type: schema.String, Example: `"Where partners are served from"`, Doc: "What it is for."},
		{Name: "sensitive", Type: schema.Bool, Default: "false", Example: "true",
			Doc: "Whether the value, and whatever is made of it, is kept out of output, and refused by attributes that are shown."},
	}
	b.Blocks = []schema.Nested{{Repeat: true, Block: &schema.Block{
		Type: "validation", Doc: "A rule that the value must keep.",
		Example: "validation {\n  condition     = contains([\"dev\", \"prod\"], var.env)\n  error_message = \"env is dev or prod.\"\n}",
		Attrs: []schema.Attr{
			{Name: "condition", Type: schema.Bool, Required: true, Example: `contains(["dev", "prod"], var.env)`, Doc: "What must be true. It may use variables and functions."},
			{Name: "error_message", Type: schema.String, Required: true, Example: `"env is dev or prod."`, Doc: "What is said if it is not."},
		},
	}}}
	return &b
}

func localsReference() *schema.Block {
	return &schema.Block{
		Type:    "locals",
		Doc:     "Names for values. Each attribute is a name, used as local.name; it may refer to variables, other locals and functions. Any number of these blocks may stand in a project.",
		Example: "locals {\n  inbox = \"acme-${var.env}-inbox\"\n}",
	}
}

// pipelineReference adds an example, which needs steps of every family.
func pipelineReference() *schema.Block {
	b := *pipelineBlock
	b.Example = `pipeline "regions" {
  description = "Orders by region, for Acme"

  schedule {
    cron = "0 9 ? * MON-FRI *"
  }

  source "file" "orders" {
    path = "data/orders.csv"
    format "csv" {}
  }

  transform "sql" "by_region" {
    query = "SELECT region, sum(total) AS total FROM ${source.orders} GROUP BY ALL"
  }

  sink "file" "local" {
    input = transform.by_region
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}`
	return &b
}
