package athena

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/runner/engine/duckdb"
)

// A column is a column of a result.
type column struct {
	name string // as Athena labels it
	duck string // type in DuckDB
	typ  string // type in Athena: "decimal(12,2)"
}

// base is the type's name without its arguments.
func (c column) base() string {
	name, _, _ := strings.Cut(c.typ, "(")
	return strings.TrimSpace(name)
}

// precisions are those that Athena reports for types that have no argument.
var precisions = map[string]int32{"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "real": 17, "double": 17, "varchar": 2147483647,
	"varbinary": 1073741824, "timestamp": 3, "timestamp with time zone": 3, "time": 3}

// info is how Athena describes the column.
func (c column) info() types.ColumnInfo {
	name := c.base()
	out := types.ColumnInfo{Name: &c.name, Label: &c.name, Type: &name, CatalogName: aws.String("hive"), SchemaName: aws.String(""), TableName: aws.String(""),
		Nullable: types.ColumnNullableUnknown, CaseSensitive: name == "varchar" || name == "char", Precision: precisions[name]}
	switch name {
	case "real":
		*out.Type = "float"
	case "decimal":
		args := innerTypes(c.typ)
		if len(args) == 2 {
			p, _ := strconv.ParseInt(args[0], 10, 32)
			s, _ := strconv.ParseInt(args[1], 10, 32)
			out.Precision, out.Scale = int32(p), int32(s)
		}
	}
	return out
}

// innerTypes splits the arguments of a type: "map(varchar, array(bigint))" has
// "varchar" and "array(bigint)".
func innerTypes(typ string) []string {
	open := strings.IndexByte(typ, '(')
	if open < 0 || !strings.HasSuffix(typ, ")") {
		return nil
	}
	var out []string
	depth, begin := 0, open+1
	quoted := false
	for i := open + 1; i < len(typ); i++ {
		switch c := typ[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == ',' && depth == 0, i == len(typ)-1:
			out = append(out, strings.TrimSpace(typ[begin:i]))
			begin = i + 1
		}
	}
	return out
}

// rowField splits "name type" of a row, the name perhaps quoted.
func rowField(field string) (name, typ string) {
	if strings.HasPrefix(field, `"`) {
		end := quotedLength(field, '"')
		return unquote(field[:end]), strings.TrimSpace(field[end:])
	}
	name, typ, _ = strings.Cut(field, " ")
	return name, strings.TrimSpace(typ)
}

// textOf is an SQL expression that renders another one, of an Athena type, as
// Athena writes it into a CSV result. NULL stays NULL.
func textOf(expr, typ string, depth int) string {
	base, _, _ := strings.Cut(typ, "(")
	switch base {
	case "varchar", "char":
		return expr
	case "timestamp":
		return "strftime(" + expr + ", '%Y-%m-%d %H:%M:%S.%g')"
	case "timestamp with time zone":
		return "strftime(" + expr + ", '%Y-%m-%d %H:%M:%S.%g UTC')"
	case "time":
		return "strftime(DATE '1970-01-01' + " + expr + ", '%H:%M:%S.%g')"
	case "varbinary":
		return "trim(system.main.regexp_replace(lower(hex(" + expr + ")), '(..)', '\\1 ', 'g'))"
	case "array", "map", "row":
		return nestedText(expr, base, innerTypes(typ), depth)
	}
	return "CAST(" + expr + " AS VARCHAR)"
}

// nestedText renders [1, 2] and {k=v}, unescaped and with null for NULL, as
// Athena does.
func nestedText(expr, base string, inner []string, depth int) string {
	elem := fmt.Sprintf("e%d", depth)
	orNull := func(text string) string { return "coalesce(" + text + ", 'null')" }
	join := func(list, element string) string {
		return "array_to_string(list_transform(" + list + ", lambda " + elem + ": " + element + "), ', ')"
	}
	var body string
	switch {
	case base == "array" && len(inner) == 1:
		body = "'[' || " + join(expr, orNull(textOf(elem, inner[0], depth+1))) + " || ']'"
	case base == "map" && len(inner) == 2:
		body = "'{' || " + join("map_entries("+expr+")", textOf(elem+".key", inner[0], depth+1)+" || '=' || "+orNull(textOf(elem+".value", inner[1], depth+1))) + " || '}'"
	case base == "row":
		parts := make([]string, len(inner))
		for i, f := range inner {
			name, typ := rowField(f)
			parts[i] = duckdb.Literal(name+"=") + " || " + orNull(textOf("("+expr+")."+duckdb.Ident(name), typ, depth+1))
		}
		body = "'{' || " + strings.Join(parts, " || ', ' || ") + " || '}'"
	default:
		return "CAST(" + expr + " AS VARCHAR)"
	}
	return "CASE WHEN " + expr + " IS NOT NULL THEN " + body + " END"
}

// notInParquet names the types that UNLOAD can't write, as Hive has no place
// for them. Nested ones count.
func notInParquet(typ string) (string, bool) {
	base, _, _ := strings.Cut(typ, "(")
	switch base {
	case "time":
		return "time(3)", true
	case "timestamp with time zone":
		return "timestamp(3) with time zone", true
	case "json", "uuid":
		return base, true
	case "array", "map":
		for _, t := range innerTypes(typ) {
			if name, bad := notInParquet(t); bad {
				return name, true
			}
		}
	case "row":
		for _, f := range innerTypes(typ) {
			_, t := rowField(f)
			if name, bad := notInParquet(t); bad {
				return name, true
			}
		}
	}
	return "", false
}
