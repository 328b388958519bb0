package transform

import (
	"github.com/hashicorp/hcl/v2"

	"waybill/internal/component"
	"waybill/internal/schema"
)

// What a condition on results waits for.
const (
	Changed   = "changed"
	Unchanged = "unchanged"
	Present   = "present"
	Missing   = "missing"
)

// A Condition decides whether a run goes on to deliver. It asks either about
// the rows of a relation, or for the one value of a statement.
type Condition struct {
	Input string // address of the relation; empty for a statement
	When  string // Changed, Unchanged, Present or Missing
	SQL   string // one row with one boolean column: true means that it holds
}

// ConditionKind is a kind of condition as the registry knows it.
type ConditionKind = component.Kind[Condition, Env]

// ConditionRegistry holds the kinds of conditions that the language knows.
type ConditionRegistry = component.Registry[Condition, Env]

// Conditions lists the kinds.
func Conditions() ConditionRegistry { return ConditionRegistry{resultsKind(), sqlConditionKind()} }

type resultsConfig struct {
	Input schema.RefValue `wb:"input"`
	When  string          `wb:"when"`
}

func resultsKind() ConditionKind {
	block := &schema.Block{
		Doc: "Delivers only if a relation's rows have changed, or are there at all. Rows are compared as a whole, without regard to their order: " +
			"changed compares with the last run that delivered everything, unchanged with the last run that asked. The first run counts as changed.",
		Example: "condition \"results\" \"new\" {\n  input = transform.by_region\n  when  = \"changed\"\n}",
		Attrs: []schema.Attr{
			inputAttr("The relation whose rows decide."),
			{Name: "when", Type: schema.String, Required: true, OneOf: []string{Changed, Unchanged, Present, Missing}, Example: `"changed"`,
				Doc: "When to deliver: changed or unchanged rows, present (at least one row) or missing (none)."},
		},
	}
	return component.New("results", block, nil, func(c resultsConfig, _ Env) (Condition, error) {
		return Condition{Input: c.Input.Address, When: c.When}, nil
	})
}

func sqlConditionKind() ConditionKind {
	block := &schema.Block{
		Doc:     "Delivers only if a query says so: it returns one row with one boolean, and true means to deliver.",
		Example: "condition \"sql\" \"big\" {\n  query = \"SELECT sum(total) > 1000 FROM ${transform.by_region}\"\n}",
		Attrs: []schema.Attr{
			{Name: "query", Type: schema.Query, Doc: "One SELECT statement that returns one row with one boolean. NULL means not to deliver.", Example: `"SELECT sum(total) > 1000 FROM ${transform.by_region}"`},
			{Name: "query_file", Type: schema.QueryFile, Doc: "A file that holds the statement, as a template. Exactly one of query and query_file is given.", Example: `"sql/big.sql"`},
		},
	}
	check := func(_ sqlConfig, v *schema.Values) hcl.Diagnostics { return QueryGiven(v, `condition "sql"`) }
	return component.New("sql", block, check, func(c sqlConfig, _ Env) (Condition, error) {
		return Condition{SQL: c.Query + c.QueryFile}, nil
	})
}
