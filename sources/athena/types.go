package athena

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// schemaOf reads the columns of a result. Precision and scale of a decimal and
// the length of a char are in the metadata; the elements of nested types are
// not: those columns are called plain array, map and row.
func schemaOf(columns []types.ColumnInfo) dataset.Schema {
	out := make(dataset.Schema, len(columns))
	for i, c := range columns {
		out[i] = dataset.Column{Name: aws.ToString(c.Name), Type: typeOf(c)}
	}
	return out
}

// typeOf spells a column's type as a dataset does. Athena calls a real "float"
// in its metadata.
func typeOf(c types.ColumnInfo) string {
	switch t := strings.ToLower(aws.ToString(c.Type)); t {
	case "decimal":
		return fmt.Sprintf("decimal(%d,%d)", c.Precision, c.Scale)
	case "char":
		return fmt.Sprintf("char(%d)", c.Precision)
	case "float":
		return "real"
	case "int":
		return "integer"
	case "string":
		return "varchar"
	default:
		return normalType(t)
	}
}

var (
	lengths    = regexp.MustCompile(`\b(varchar|timestamp|time)\(\d+\)`)
	decimals   = regexp.MustCompile(`\bdecimal\(\s*(\d+)\s*,\s*(\d+)\s*\)`)
	plainNames = regexp.MustCompile(`"([a-z_][a-z0-9_]*)"`)
	typeWords  = regexp.MustCompile(`"(?:[^"]|"")*"|[a-z_][a-z0-9_]*`)
)

// normalType spells a type that typeof() told as a dataset does: no lengths but
// that of char, no blanks in decimal, names of fields quoted only if they must.
func normalType(t string) string {
	t = lengths.ReplaceAllString(t, "$1")
	t = decimals.ReplaceAllString(t, "decimal($1,$2)")
	return plainNames.ReplaceAllStringFunc(t, func(name string) string {
		if bare := strings.Trim(name, `"`); !slices.Contains(foreign, bare) {
			return bare
		}
		return name // unquoted, the field would read as a type
	})
}

// nested reports whether the type has elements.
func nested(t string) bool {
	return strings.HasPrefix(t, "array") || strings.HasPrefix(t, "map") || strings.HasPrefix(t, "row")
}

// scalars are the types that a result file carries without loss.
var scalars = []string{"boolean", "tinyint", "smallint", "integer", "bigint", "real", "double", "decimal", "varchar", "char",
	"varbinary", "date", "time", "timestamp", "timestamp with time zone", "json", "uuid"}

// foreign are the words of types that UNLOAD to Parquet cannot write, alone or
// inside of a nested type. "zone" stands for both types with a time zone.
var foreign = []string{"time", "zone", "json", "uuid", "interval", "ipaddress", "unknown", "geometry", "hyperloglog", "qdigest", "tdigest"}

// inResults reports whether a result file can carry the type: CSV text of
// nested values is not escaped, so it cannot be read back.
func inResults(t string) bool {
	base, _, _ := strings.Cut(t, "(")
	return slices.Contains(scalars, base)
}

// inUnload reports whether UNLOAD to Parquet can write the type.
func inUnload(t string) bool {
	if !nested(t) {
		return inResults(t) && !isForeign(t)
	}
	return !isForeign(t)
}

func isForeign(t string) bool {
	return slices.ContainsFunc(typeWords.FindAllString(t, -1), func(w string) bool { return slices.Contains(foreign, w) })
}

// castFor is the SQL that turns a column of an unsupported type into one that
// can be carried.
func castFor(c dataset.Column) string {
	name := quoteName(c.Name)
	switch {
	case c.Type == "json":
		return fmt.Sprintf("json_format(%s) AS %s", name, name)
	case c.Type == "timestamp with time zone":
		return fmt.Sprintf("CAST(at_timezone(%s, 'UTC') AS timestamp) AS %s", name, name)
	case nested(c.Type):
		return fmt.Sprintf("json_format(CAST(%s AS json)) AS %s", name, name)
	default:
		return fmt.Sprintf("CAST(%s AS varchar) AS %s", name, name)
	}
}

// unsupported makes the problem about the columns that a method cannot carry,
// or nil when it carries them all.
func unsupported(method string, schema dataset.Schema, fits func(string) bool) error {
	var names, casts []string
	for _, c := range schema {
		if !fits(c.Type) {
			names = append(names, fmt.Sprintf("%s (%s)", c.Name, c.Type))
			casts = append(casts, castFor(c))
		}
	}
	if names == nil {
		return nil
	}
	how, cause, other := "UNLOAD to Parquet", "Athena's UNLOAD has no Parquet type for it, and waybill never changes a type silently.", methodResults
	if method == methodResults {
		how, other = "a result file", methodUnload
		cause = "Athena writes nested values into its result files without escaping them, so they cannot be read back, and has no exact text for other types."
	}
	p := problem.New("athena-type-unsupported", fmt.Sprintf("%s cannot carry %s", how, strings.Join(names, ", ")), nil)
	p.Cause = cause
	p.Remedy = []string{"Write in the query's select list what is shown below."}
	if fitsOther := fitsMethod(other); !slices.ContainsFunc(schema, func(c dataset.Column) bool { return !fitsOther(c.Type) }) {
		p.Remedy = append(p.Remedy, fmt.Sprintf("Or set fetch = %q.", other))
	}
	p.Snippet = strings.Join(casts, ",\n")
	return p
}

func fitsMethod(method string) func(string) bool {
	if method == methodUnload {
		return inUnload
	}
	return inResults
}

// unnamed is how Athena calls a column that the query gives no name.
var unnamed = regexp.MustCompile(`^_col\d+$`)

// checkNames refuses a result of which two columns have the same name.
func checkNames(schema dataset.Schema) error {
	for i, c := range schema {
		if schema.Index(c.Name) == i {
			continue
		}
		p := problem.New("athena-syntax", fmt.Sprintf("two columns of the result are called %q", c.Name), nil)
		p.Cause = "A column of a source is known by its name, in upper or lower case alike."
		p.Remedy = []string{"List the columns in the select list instead of *, and give one of the two another name with AS."}
		return p
	}
	return nil
}
