package duckdb

import (
	"fmt"
	"strings"

	"waybill/internal/dataset"
	"waybill/runner/encode"
)

// adapted selects columns as the format needs their values.
func adapted(f encode.Format, schema dataset.Schema) []string {
	if f.IsStaged() {
		return staging(f, schema)
	}
	out := make([]string, len(schema))
	for i, c := range schema {
		switch {
		case f.Kind == encode.NDJSON || f.Kind == encode.JSON:
			out[i] = finiteOnly(c, i)
		case f.EscapeFormulas && isText(c.Type):
			out[i] = withoutFormula(c)
		default:
			out[i] = Ident(c.Name)
		}
	}
	return out
}

func isText(athenaType string) bool {
	kind, _, _ := strings.Cut(athenaType, "(")
	return kind == "varchar" || kind == "char" || kind == "string"
}

// withoutFormula puts an apostrophe in front of what spreadsheets take for the
// beginning of a formula. The characters are those that OWASP lists for "CSV
// injection".
func withoutFormula(c dataset.Column) string {
	name := Ident(c.Name)
	return fmt.Sprintf("CASE WHEN left(%s, 1) IN ('=', '+', '-', '@', chr(9), chr(13)) THEN '''' || %s ELSE %s END AS %s", name, name, name, name)
}
