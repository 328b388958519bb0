package duckdb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner/engine"
)

// tableFunctions are the ones that a query may read from. All others are
// refused: they read files, run texts as SQL or tell about the engine.
var tableFunctions = []string{"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"}

// deniedFunctions are scalar functions that look at the job instead of at
// data, or act on it.
var deniedFunctions = []string{
	"currval", "current_connection_id", "current_query", "current_query_id", "current_setting", "current_transaction_id",
	"getenv", "getvariable", "nextval", "setseed", "sleep_ms", "write_log",
}

// tableRefs are the kinds of table references that hold no surprise. Tables
// and table functions are looked at closer.
var tableRefs = []string{"BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SUBQUERY", "TABLE_FUNCTION"}

// Vet implements engine.Job's Vet.
func (d *Database) Vet(ctx context.Context, query string, relations []string) error {
	return d.vet(ctx, query, relations)
}

// vet makes sure that a query is one SELECT statement which reads only the
// given relations and its own CTEs. DuckDB's own parser takes it apart, so
// that what is judged is what will run. The error is an *engine.SQLError where
// the place is known.
func (d *Database) vet(ctx context.Context, query string, relations []string) error {
	var text string
	if err := d.parse.QueryRowContext(ctx, query).Scan(&text); err != nil {
		return d.explain(err, "The query", "")
	}
	var tree struct {
		Error     bool   `json:"error"`
		Type      string `json:"error_type"`
		Message   string `json:"error_message"`
		Position  string `json:"position"`
		Statement []any  `json:"statements"`
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber() // places that are not known are 2^64-1
	if err := dec.Decode(&tree); err != nil {
		return fmt.Errorf("read the engine's parse tree: %w", err)
	}
	v := &vetter{query: query, relations: relations}
	switch {
	case tree.Error && tree.Type == "parser":
		return at(problem.New("transform-failed", "The query is not SQL: "+tree.Message+".", nil), query, tree.Position)
	case tree.Error:
		v.refuse(nil, "sql-refused", "The query is not a plain SELECT statement.")
	case len(tree.Statement) != 1:
		v.refuse(nil, "sql-refused", fmt.Sprintf("The query has %d statements; one SELECT is wanted.", len(tree.Statement)))
	default:
		v.walk(tree.Statement[0], nil)
	}
	return v.first()
}

// A vetter collects what is wrong with a parse tree.
type vetter struct {
	query     string
	relations []string
	found     []*engine.SQLError
}

// first returns the complaint that comes first in the text.
func (v *vetter) first() error {
	if len(v.found) == 0 {
		return nil
	}
	return slices.MinFunc(v.found, func(a, b *engine.SQLError) int { return a.At.Offset - b.At.Offset })
}

func (v *vetter) refuse(node map[string]any, code, summary string) *problem.Problem {
	p := problem.New(code, summary, nil)
	offset, _ := strconv.ParseInt(fmt.Sprint(node["query_location"]), 10, 32)
	v.found = append(v.found, &engine.SQLError{Problem: p, At: engine.PositionAt(v.query, int(offset))})
	return p
}

// walk visits a node and all below it. ctes are the names in scope.
func (v *vetter) walk(node any, ctes []string) {
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			v.walk(e, ctes)
		}
	case map[string]any:
		if m, ok := n["cte_map"].(map[string]any); ok {
			ctes = v.walkCTEs(m, ctes)
		}
		v.check(n, ctes)
		for key, e := range n {
			if key != "cte_map" {
				v.walk(e, ctes)
			}
		}
	}
}

// walkCTEs visits the CTEs of a SELECT, each seeing those before it and, if it
// is recursive, itself; it returns the names that the SELECT sees.
func (v *vetter) walkCTEs(m map[string]any, ctes []string) []string {
	ctes = slices.Clone(ctes)
	entries, _ := m["map"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		name, _ := entry["key"].(string)
		if isRecursive(entry) {
			ctes = append(ctes, name)
		}
		v.walk(entry["value"], ctes)
		ctes = append(ctes, name)
	}
	return ctes
}

func isRecursive(entry map[string]any) bool {
	node := entry
	for _, key := range []string{"value", "query", "node"} {
		node, _ = node[key].(map[string]any)
	}
	return node["type"] == "RECURSIVE_CTE_NODE"
}

func (v *vetter) check(n map[string]any, ctes []string) {
	class, _ := n["class"].(string)
	_, hasAlias := n["alias"]
	_, hasSample := n["sample"]
	switch {
	case class == "PARAMETER":
		v.refuse(n, "sql-refused", "The query has a parameter ($1, ? or $name), which nothing would fill.")
	case class == "FUNCTION" && slices.Contains(deniedFunctions, lower(n["function_name"])):
		v.refuse(n, "sql-refused", fmt.Sprintf("The function %s is not open to queries.", lower(n["function_name"])))
	case class == "" && hasAlias && hasSample: // only table references have both
		v.checkTableRef(n, ctes)
	}
}

func (v *vetter) checkTableRef(n map[string]any, ctes []string) {
	kind, _ := n["type"].(string)
	switch {
	case kind == "TABLE_FUNCTION":
		f, _ := n["function"].(map[string]any)
		if name := lower(f["function_name"]); !slices.Contains(tableFunctions, name) {
			p := v.refuse(n, "sql-refused", fmt.Sprintf("The table function %s is not open to queries.", name))
			p.Remedy = append(p.Remedy, "Table functions that are: "+strings.Join(tableFunctions, ", ")+".")
		}
	case kind == "BASE_TABLE":
		v.checkTable(n, ctes)
	case !slices.Contains(tableRefs, kind):
		v.refuse(n, "sql-refused", "The query looks into the engine's catalog (DESCRIBE, SHOW or SUMMARIZE).")
	}
}

func (v *vetter) checkTable(n map[string]any, ctes []string) {
	name, _ := n["table_name"].(string)
	prefix := lower(n["schema_name"])
	isName := func(candidate string) bool { return strings.EqualFold(candidate, name) }
	// recurring.x is the whole of the recursive CTE x.
	if prefix == "" && slices.ContainsFunc(v.relations, isName) || (prefix == "" || prefix == "recurring") && slices.ContainsFunc(ctes, isName) {
		return
	}
	full := name
	for _, key := range []string{"schema_name", "catalog_name"} {
		if q, _ := n[key].(string); q != "" {
			full = q + "." + full
		}
	}
	p := v.refuse(n, "bare-table", fmt.Sprintf("The query reads %s, which is no relation of this pipeline.", full))
	if ref := v.reference(full); ref != "" {
		p.Remedy, p.Snippet = []string{"Write " + ref + " instead of " + full + "."}, ref
	} else {
		p.Summary += diag.Suggest(full, v.relations)
	}
}

// reference finds the relation that a bare name surely means: its address, or
// the last part of it.
func (v *vetter) reference(name string) string {
	var found []string
	for _, r := range v.relations {
		if strings.EqualFold(r, name) || strings.EqualFold(r[strings.LastIndexByte(r, '.')+1:], name) {
			found = append(found, "${"+r+"}")
		}
	}
	return strings.Join(found, " or ")
}

func lower(v any) string {
	s, _ := v.(string)
	return strings.ToLower(s)
}

// at attaches a place to a problem. offset is a number of bytes as DuckDB
// prints it; an empty one leaves the problem as it is.
func at(p *problem.Problem, query, offset string) error {
	n, err := strconv.Atoi(offset)
	if err != nil || query == "" {
		return p
	}
	return &engine.SQLError{Problem: p, At: engine.PositionAt(query, n)}
}
