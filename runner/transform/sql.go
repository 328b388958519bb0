package transform

import (
	"strings"

	"waybill/internal/schema"
)

// quote writes a name as an SQL identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteAll writes names as a list of identifiers.
func quoteAll(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quote(n)
	}
	return strings.Join(out, ", ")
}

// literal writes a text as an SQL literal.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// inputAttr is how kinds that read one relation name it.
func inputAttr(doc string) schema.Attr {
	return schema.Attr{Name: "input", Type: schema.Ref, Required: true, Doc: doc, Example: "transform.by_region"}
}
