package athena

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A tree is DuckDB's syntax tree of a SELECT, in JSON.
type tree struct {
	tables    []tableRef
	functions []functionRef
	// labels are the names that the query gives its columns, from left to
	// right up to the first star, and from right to left back to the last.
	// An empty name means that the query gives none.
	before, after []string
	starred       bool
}

type tableRef struct {
	catalog, schema, name string
	at                    int // offset in the text that was parsed
}

type functionRef struct {
	name  string
	table bool // stands in FROM
	at    int
}

// parseTree reads the answer of json_serialize_sql.
func parseTree(answer string) (*tree, *engineError, error) {
	var a struct {
		Error    bool   `json:"error"`
		Type     string `json:"error_type"`
		Message  string `json:"error_message"`
		Position any    `json:"position"`
		List     []struct {
			Node map[string]any `json:"node"`
		} `json:"statements"`
	}
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		return nil, nil, fmt.Errorf("read the syntax tree: %w", err)
	}
	if a.Error || len(a.List) != 1 {
		return nil, &engineError{Type: "Parser", Message: a.Message, Position: fmt.Sprint(a.Position)}, nil
	}
	t := &tree{}
	t.walk(a.List[0].Node, nil)
	t.label(a.List[0].Node)
	return t, nil, nil
}

// walk collects tables and functions. ctes are the names that WITH has bound on
// the way down; they hide tables.
func (t *tree) walk(node any, ctes []string) {
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			t.walk(e, ctes)
		}
	case map[string]any:
		ctes = t.bind(n, ctes)
		t.visit(n, ctes)
		for name, child := range n {
			if name != "cte_map" {
				t.walk(child, ctes)
			}
		}
	}
}

// bind walks the queries of a WITH, each of which sees those before it (and a
// recursive one itself), and returns the names that are bound after it.
func (t *tree) bind(n map[string]any, ctes []string) []string {
	m, _ := n["cte_map"].(map[string]any)
	list, _ := m["map"].([]any)
	for _, e := range list {
		entry, _ := e.(map[string]any)
		name, _ := entry["key"].(string)
		ctes = append(ctes[:len(ctes):len(ctes)], strings.ToLower(name))
		t.walk(entry["value"], ctes)
	}
	return ctes
}

func (t *tree) visit(n map[string]any, ctes []string) {
	kind, _ := n["type"].(string)
	switch {
	case kind == "BASE_TABLE":
		ref := tableRef{stringOf(n, "catalog_name"), stringOf(n, "schema_name"), stringOf(n, "table_name"), offsetOf(n)}
		for _, c := range ctes {
			if ref.schema == "" && strings.EqualFold(c, ref.name) {
				return
			}
		}
		t.tables = append(t.tables, ref)
	case kind == "TABLE_FUNCTION":
		if f, ok := n["function"].(map[string]any); ok {
			t.functions = append(t.functions, functionRef{stringOf(f, "function_name"), true, offsetOf(f)})
		}
	case n["class"] == "FUNCTION" && n["is_operator"] != true:
		t.functions = append(t.functions, functionRef{stringOf(n, "function_name"), false, offsetOf(n)})
	}
}

// label reads the names in the outermost select list.
func (t *tree) label(n map[string]any) {
	for n["type"] == "SET_OPERATION_NODE" || n["type"] == "CTE_NODE" || n["type"] == "RECURSIVE_CTE_NODE" {
		left, ok := n["left"].(map[string]any)
		if !ok {
			left, ok = n["child"].(map[string]any)
		}
		if children, isList := n["children"].([]any); !ok && isList && len(children) > 0 {
			left, ok = children[0].(map[string]any)
		}
		if !ok {
			return
		}
		n = left
	}
	list, _ := n["select_list"].([]any)
	values := false
	if table, ok := n["from_table"].(map[string]any); ok {
		values = table["type"] == "EXPRESSION_LIST" && table["alias"] == "valueslist"
	}
	for _, e := range list {
		item, _ := e.(map[string]any)
		switch {
		case item["class"] == "STAR" && values:
			return // VALUES names nothing: all columns are unnamed
		case item["class"] == "STAR":
			t.starred, t.after = true, nil
		case t.starred:
			t.after = append(t.after, itemName(item))
		default:
			t.before = append(t.before, itemName(item))
		}
	}
}

func itemName(item map[string]any) string {
	if alias := stringOf(item, "alias"); alias != "" {
		return alias
	}
	names, _ := item["column_names"].([]any)
	if item["class"] != "COLUMN_REF" || len(names) == 0 {
		return ""
	}
	name, _ := names[len(names)-1].(string)
	return name
}

// names gives the columns of a result the names that Athena gives them: the
// query's, in lower case, or _col0, _col1, … by position. engine are the names
// that DuckDB gives. unnamed lists the positions without a name.
func (t *tree) names(engine []string) (names []string, unnamed []int) {
	names = make([]string, len(engine))
	for i, n := range engine {
		label := ""
		switch fromEnd := len(engine) - i; {
		case i < len(t.before):
			label = t.before[i]
		case t.starred && fromEnd <= len(t.after):
			label = t.after[len(t.after)-fromEnd]
		case t.starred:
			label = n
		}
		if label == "" {
			unnamed = append(unnamed, i)
			label = fmt.Sprintf("_col%d", i)
		}
		names[i] = strings.ToLower(label)
	}
	return names, unnamed
}

func stringOf(n map[string]any, name string) string {
	s, _ := n[name].(string)
	return s
}

func offsetOf(n map[string]any) int {
	f, ok := n["query_location"].(float64)
	if !ok || f > 1<<31 {
		return 0
	}
	return int(f)
}
