package transform

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/component"
	"waybill/internal/schema"
)

type selectConfig struct {
	Input   schema.RefValue   `wb:"input"`
	Columns []string          `wb:"columns"`
	Rename  map[string]string `wb:"rename"`
}

// selectKind is `transform "select"`: some columns, in an order, under names.
func selectKind() Kind {
	block := &schema.Block{
		Doc:     "Takes some columns of a relation, in the order given, and renames them where asked.",
		Example: "transform \"select\" \"public\" {\n  input   = transform.by_region\n  columns = [\"name\", \"total\"]\n  rename  = { name = \"region\" }\n}",
		Attrs: []schema.Attr{
			inputAttr("The relation whose columns are taken."),
			{Name: "columns", Type: schema.Strings, Required: true, Doc: "The columns that remain, in this order.", Example: `["name", "total"]`},
			{Name: "rename", Type: schema.StringMap, Doc: "New names by old ones, for columns that are to be called differently.", Example: `{ name = "region" }`},
		},
	}
	return component.New("select", block, checkSelect, func(c selectConfig, _ Env) (Definition, error) {
		items := make([]string, len(c.Columns))
		for i, name := range c.Columns {
			items[i] = quote(name)
			if to, ok := c.Rename[name]; ok {
				items[i] += " AS " + quote(to)
			}
		}
		return Definition{SQL: fmt.Sprintf("SELECT %s FROM %s", strings.Join(items, ", "), quote(c.Input.Address))}, nil
	})
}

// Carry tells which of the columns that remain are sensitive.
func (c selectConfig) Carry(sensitive map[string]bool) map[string]bool {
	out := map[string]bool{}
	for _, name := range c.Columns {
		to, renamed := c.Rename[name]
		if !renamed {
			to = name
		}
		if sensitive[strings.ToLower(name)] {
			out[strings.ToLower(to)] = true
		}
	}
	return out
}

func checkSelect(c selectConfig, v *schema.Values) hcl.Diagnostics {
	if !v.Known("columns") {
		return nil
	}
	if len(c.Columns) == 0 {
		return hcl.Diagnostics{v.Error("columns", "invalid-value", "columns is empty", "Name at least one column.")}
	}
	var diags hcl.Diagnostics
	final := map[string]bool{}
	for _, name := range c.Columns {
		to := name
		if r, ok := c.Rename[name]; ok {
			to = r
		}
		if strings.TrimSpace(to) == "" {
			attr := "columns"
			if to != name {
				attr = "rename"
			}
			diags = append(diags, v.Error(attr, "invalid-value", "a column would have no name", "Give each column a name."))
		}
		if key := strings.ToLower(to); final[key] {
			diags = append(diags, v.Error("columns", "invalid-value", fmt.Sprintf("two columns would be called %q", to), "Rename one of them, or take one away."))
		} else {
			final[key] = true
		}
	}
	for _, from := range slices.Sorted(maps.Keys(c.Rename)) {
		if !slices.Contains(c.Columns, from) {
			diags = append(diags, v.Error("rename", "invalid-value", fmt.Sprintf("rename names %q, which is not among the columns", from), "Rename columns by the names they have in columns."))
		}
	}
	return diags
}
