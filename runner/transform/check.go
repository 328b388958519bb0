package transform

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/component"
	"waybill/internal/schema"
)

// A Check is a question about relations, put as one SELECT statement: each row
// that it returns is a violation.
type Check struct {
	SQL string
	// Says what the rows mean, as the end of a sentence: "rows have NULL in id".
	Says string
}

// CheckKind is a kind of check as the registry knows it.
type CheckKind = component.Kind[Check, Env]

// CheckRegistry holds the kinds of checks that the language knows.
type CheckRegistry = component.Registry[Check, Env]

// Checks lists the kinds.
func Checks() CheckRegistry {
	return CheckRegistry{rowCountKind(), notNullKind(), uniqueKind(), sqlCheckKind()}
}

type rowCountConfig struct {
	Input schema.RefValue `wb:"input"`
	Min   *int64          `wb:"min"`
	Max   *int64          `wb:"max"`
}

func rowCountKind() CheckKind {
	block := &schema.Block{
		Doc:     "Fails when a relation has too few or too many rows.",
		Example: "check \"row_count\" \"some\" {\n  input = transform.by_region\n  min   = 1\n}",
		Attrs: []schema.Attr{
			inputAttr("The relation whose rows are counted."),
			{Name: "min", Type: schema.Int, Doc: "The least number of rows.", Example: "1"},
			{Name: "max", Type: schema.Int, Doc: "The greatest number of rows.", Example: "100000"},
		},
	}
	check := func(c rowCountConfig, v *schema.Values) hcl.Diagnostics {
		switch {
		case !v.Set("min") && !v.Set("max"):
			return hcl.Diagnostics{v.Error("min", "missing-attribute", "the check has neither min nor max", "Set min, max or both.")}
		case c.Min != nil && c.Max != nil && *c.Min > *c.Max:
			return hcl.Diagnostics{v.Error("min", "invalid-value", fmt.Sprintf("min %d is greater than max %d", *c.Min, *c.Max), "No number of rows fits.")}
		}
		return nil
	}
	return component.New("row_count", block, check, func(c rowCountConfig, _ Env) (Check, error) {
		var bad, want []string
		if c.Min != nil {
			bad, want = append(bad, fmt.Sprintf("count(*) < %d", *c.Min)), append(want, fmt.Sprintf("at least %d", *c.Min))
		}
		if c.Max != nil {
			bad, want = append(bad, fmt.Sprintf("count(*) > %d", *c.Max)), append(want, fmt.Sprintf("at most %d", *c.Max))
		}
		return Check{
			SQL:  fmt.Sprintf("SELECT count(*) AS rows FROM %s HAVING %s", quote(c.Input.Address), strings.Join(bad, " OR ")),
			Says: fmt.Sprintf("%s must have %s rows", c.Input.Address, strings.Join(want, " and ")),
		}, nil
	})
}

type columnsConfig struct {
	Input   schema.RefValue `wb:"input"`
	Columns []string        `wb:"columns"`
}

func notNullKind() CheckKind {
	block := &schema.Block{
		Doc:     "Fails when a column has NULLs.",
		Example: "check \"not_null\" \"names\" {\n  input   = transform.by_region\n  columns = [\"name\"]\n}",
		Attrs: []schema.Attr{
			inputAttr("The relation whose rows are looked at."),
			{Name: "columns", Type: schema.Strings, Required: true, Doc: "The columns in which no row may have NULL.", Example: `["name"]`},
		},
	}
	return component.New("not_null", block, atLeastOne, func(c columnsConfig, _ Env) (Check, error) {
		bad := make([]string, len(c.Columns))
		for i, name := range c.Columns {
			bad[i] = quote(name) + " IS NULL"
		}
		return Check{
			SQL:  fmt.Sprintf("SELECT * FROM %s WHERE %s", quote(c.Input.Address), strings.Join(bad, " OR ")),
			Says: fmt.Sprintf("%s has NULL in %s", c.Input.Address, strings.Join(c.Columns, " or ")),
		}, nil
	})
}

func uniqueKind() CheckKind {
	block := &schema.Block{
		Doc:     "Fails when two rows have the same values in the columns together. NULLs count as the same.",
		Example: "check \"unique\" \"one\" {\n  input   = transform.by_region\n  columns = [\"name\"]\n}",
		Attrs: []schema.Attr{
			inputAttr("The relation whose rows are compared."),
			{Name: "columns", Type: schema.Strings, Required: true, Doc: "The columns that identify a row.", Example: `["name"]`},
		},
	}
	return component.New("unique", block, atLeastOne, func(c columnsConfig, _ Env) (Check, error) {
		list := quoteAll(c.Columns)
		return Check{
			SQL:  fmt.Sprintf("SELECT %s, count(*) AS copies FROM %s GROUP BY %[1]s HAVING count(*) > 1", list, quote(c.Input.Address)),
			Says: fmt.Sprintf("%s has several rows with the same %s", c.Input.Address, strings.Join(c.Columns, ", ")),
		}, nil
	})
}

func atLeastOne(c columnsConfig, v *schema.Values) hcl.Diagnostics {
	if v.Known("columns") && len(c.Columns) == 0 {
		return hcl.Diagnostics{v.Error("columns", "invalid-value", "columns is empty", "Name at least one column.")}
	}
	return nil
}

func sqlCheckKind() CheckKind {
	block := &schema.Block{
		Doc:     "Fails when a query returns any row.",
		Example: "check \"sql\" \"sane\" {\n  query = \"SELECT * FROM ${transform.by_region} WHERE total < 0\"\n}",
		Attrs: []schema.Attr{
			{Name: "query", Type: schema.Query, Doc: "One SELECT statement; each row it returns is a violation.", Example: `"SELECT * FROM ${transform.by_region} WHERE total < 0"`},
			{Name: "query_file", Type: schema.QueryFile, Doc: "A file that holds the statement, as a template. Exactly one of query and query_file is given.", Example: `"sql/sane.sql"`},
		},
	}
	check := func(_ sqlConfig, v *schema.Values) hcl.Diagnostics { return QueryGiven(v, `check "sql"`) }
	return component.New("sql", block, check, func(c sqlConfig, _ Env) (Check, error) {
		return Check{SQL: c.Query + c.QueryFile, Says: "its query returned rows"}, nil
	})
}
