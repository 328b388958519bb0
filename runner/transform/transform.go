// Package transform holds the kinds of transformation and of checks. Each is a
// function from its configuration to one SQL statement; the engine does the
// rest.
package transform

import (
	"github.com/hashicorp/hcl/v2"

	"waybill/internal/component"
	"waybill/internal/schema"
)

// A Definition is what a transformation computes.
type Definition struct {
	// SQL is one SELECT statement in DuckDB's dialect. Relations are named by
	// quoted addresses: "source.orders".
	SQL string
}

// Env is what a transformation may use of the world around it: nothing.
type Env struct{}

// Kind is a kind of transformation as the registry knows it.
type Kind = component.Kind[Definition, Env]

// Registry holds the kinds that the language knows.
type Registry = component.Registry[Definition, Env]

// All lists the kinds.
func All() Registry { return Registry{sqlKind(), selectKind(), maskKind()} }

type sqlConfig struct {
	Query     string `wb:"query"`
	QueryFile string `wb:"query_file"`
	Engine    string `wb:"engine"`
}

func sqlKind() Kind {
	block := &schema.Block{
		Doc:     "Computes a relation by one SELECT statement in DuckDB's SQL over sources and other transforms of the pipeline.",
		Example: "transform \"sql\" \"by_region\" {\n  query = \"SELECT region, sum(total) AS total FROM ${source.orders} GROUP BY 1\"\n}",
		Attrs: []schema.Attr{
			{Name: "query", Type: schema.Query, Doc: "The statement. ${source.x} and ${transform.x} stand where a table would.", Example: `"SELECT * FROM ${source.orders}"`},
			{Name: "query_file", Type: schema.QueryFile, Doc: "A file that holds the statement, as a template with the same references. Relative to the project. Exactly one of query and query_file is given.", Example: `"sql/by_region.sql"`},
			{Name: "engine", Type: schema.String, Default: "duckdb", OneOf: []string{"duckdb", "athena"}, Pending: true, Doc: "Who computes it: duckdb, here; or athena, as part of the source's own query.", Example: `"athena"`},
		},
	}
	check := func(_ sqlConfig, v *schema.Values) hcl.Diagnostics { return QueryGiven(v, `transform "sql"`) }
	build := func(c sqlConfig, _ Env) (Definition, error) { return Definition{SQL: c.Query + c.QueryFile}, nil }
	return component.New("sql", block, check, build)
}

// QueryGiven reports a block that has both or neither of query and query_file.
func QueryGiven(v *schema.Values, what string) hcl.Diagnostics {
	switch q, f := v.Set("query"), v.Set("query_file"); {
	case q && f:
		return hcl.Diagnostics{v.Error("query_file", "invalid-value", what+" has both query and query_file", "Keep one of them.")}
	case !q && !f:
		return hcl.Diagnostics{v.Error("query", "missing-attribute", what+" has no query", "Write query = \"SELECT …\", or query_file = \"file.sql\".")}
	}
	for _, path := range []string{"query", "query_file"} {
		if v.Blank(path) {
			return hcl.Diagnostics{v.Error(path, "invalid-value", what+" has an empty query", "Write one SELECT statement.")}
		}
	}
	return nil
}
