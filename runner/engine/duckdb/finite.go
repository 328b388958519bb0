package duckdb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/sqltype"
)

// notFinite marks the error that a NaN or an Infinity raises on its way to
// NDJSON; the column's position follows. DuckDB would write a bare NaN, which
// is no JSON.
const notFinite = "waybill: not finite: "

// finiteOnly selects the column at position i so that a number JSON cannot
// express ends the statement. Columns without floating point are selected as
// they are.
func finiteOnly(c dataset.Column, i int) string {
	name := Ident(c.Name)
	t, err := sqltype.ParseAthena(c.Type)
	if err != nil {
		return name
	}
	bad := hasNotFinite(t, name, 0)
	if bad == "" {
		return name
	}
	return fmt.Sprintf("CASE WHEN %s THEN error(%s) ELSE %s END AS %s", bad, Literal(notFinite+strconv.Itoa(i)), name, name)
}

// notFiniteProblem recognises the error that finiteOnly raises.
func notFiniteProblem(err error, relation string, schema dataset.Schema) error {
	e, ok := parseEngineError(err)
	if !ok {
		return nil
	}
	rest, ok := strings.CutPrefix(e.Message, notFinite)
	i, numErr := strconv.Atoi(rest)
	if !ok || numErr != nil || i < 0 || i >= len(schema) {
		return nil
	}
	return problem.New("value-unsupported", fmt.Sprintf("%s: column %q holds NaN or Infinity, which JSON cannot express.", relation, schema[i].Name), nil)
}

// hasNotFinite writes the condition that a value holds NaN or Infinity
// anywhere. It is empty if the type has no room for them. depth keeps the
// names of nested lambda parameters apart.
func hasNotFinite(t sqltype.Tree, expr string, depth int) string {
	switch t.Name {
	case "FLOAT", "DOUBLE":
		return "coalesce(NOT isfinite(" + expr + "), false)"
	case "LIST":
		return anyNotFinite(t.Fields[0].Type, expr, depth)
	case "MAP":
		return anyOf(anyNotFinite(t.Fields[0].Type, "map_keys("+expr+")", depth), anyNotFinite(t.Fields[1].Type, "map_values("+expr+")", depth))
	case "STRUCT":
		conditions := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			conditions[i] = hasNotFinite(f.Type, "struct_extract("+expr+", "+Literal(f.Name)+")", depth)
		}
		return anyOf(conditions...)
	}
	return ""
}

func anyNotFinite(element sqltype.Tree, list string, depth int) string {
	param := fmt.Sprintf("e%d", depth)
	inner := hasNotFinite(element, param, depth+1)
	if inner == "" {
		return ""
	}
	return fmt.Sprintf("coalesce(list_aggregate(list_transform(%s, lambda %s: %s), 'bool_or'), false)", list, param, inner)
}

func anyOf(conditions ...string) string {
	conditions = slices.DeleteFunc(conditions, func(c string) bool { return c == "" })
	if len(conditions) == 0 {
		return ""
	}
	return "(" + strings.Join(conditions, " OR ") + ")"
}
