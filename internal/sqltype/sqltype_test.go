package sqltype

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestToAthena(t *testing.T) {
	for duck, want := range map[string]string{
		"BIGINT": "bigint", "HUGEINT": "decimal(38,0)", "UBIGINT": "decimal(20,0)", "FLOAT": "real", "BLOB": "varbinary",
		"DECIMAL(18,3)": "decimal(18,3)", "DECIMAL(18,3)[][]": "array(array(decimal(18,3)))", "INTEGER[3]": "array(integer)",
		"TIMESTAMP WITH TIME ZONE": "timestamp with time zone", "TIMESTAMP_NS": "timestamp", "TIME": "time", `"NULL"`: "varchar",
		"MAP(VARCHAR, STRUCT(a INTEGER, \"B \"\"c\" TIMESTAMP WITH TIME ZONE[]))": "map(varchar, row(a integer, \"B \"\"c\" array(timestamp with time zone)))",
		"ENUM('a', 'it''s, (b')": "varchar", "STRUCT(\"1x\" JSON)": `row("1x" json)`,
	} {
		if got, ok := ToAthena(duck); !ok || got != want {
			t.Errorf("ToAthena(%s) = %s, %t; want %s", duck, got, ok, want)
		}
	}
	for _, duck := range []string{"INTERVAL", "BIT", "BIGNUM", "UNION(a INTEGER)", "STRUCT(INTEGER, VARCHAR)", "TIME WITH TIME ZONE", "INTERVAL[]", "MAP(BIT, INTEGER)", "", "DECIMAL(39,0)", "ENUM(", "INTEGER[", "INTEGER x",
		strings.Repeat("STRUCT(a ", 100000)} {
		if got, ok := ToAthena(duck); ok {
			t.Errorf("ToAthena(%.40s) = %s", duck, got)
		}
	}
}

func TestToDuck(t *testing.T) {
	for athena, want := range map[string]string{
		"varchar(20)": "VARCHAR", "char(3)": "VARCHAR", "string": "VARCHAR", "int": "INTEGER", "binary": "BLOB", "decimal": "DECIMAL(38,0)", "decimal( 10 , 2 )": "DECIMAL(10,2)",
		"timestamp(3)": "TIMESTAMP", "timestamp(6) with time zone": "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP WITH TIME ZONE",
		"array(row(x integer, y map(varchar, double)))": `STRUCT("x" INTEGER, "y" MAP(VARCHAR, DOUBLE))[]`,
		`row("select" varchar(3), "a b" decimal(5,1))`:  `STRUCT("select" VARCHAR, "a b" DECIMAL(5,1))`,
	} {
		if got, err := ToDuck(athena); err != nil || got != want {
			t.Errorf("ToDuck(%s) = %s, %v; want %s", athena, got, err, want)
		}
	}
	for _, athena := range []string{"", "geometry", "array", "array(integer", "map(integer)", "row(integer)", "decimal(0,0)", "decimal(5,6)", "integer)", "varchar; DROP", `row("a`, "hyperloglog",
		strings.Repeat("array(", 100000)} {
		if got, err := ToDuck(athena); err == nil {
			t.Errorf("ToDuck(%.40s) = %s", athena, got)
		}
	}
}

// TestTypesThereAndBack holds for every type that Athena has: DuckDB's twin
// leads back to it.
func TestTypesThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		athena := athenaTypes(3).Draw(t, "type")
		duck, err := ToDuck(athena)
		if err != nil {
			t.Fatal(err)
		}
		if back, ok := ToAthena(duck); !ok || back != athena {
			t.Fatalf("%s is %s, which is %s", athena, duck, back)
		}
	})
}

func athenaTypes(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		kinds := []string{"boolean", "tinyint", "smallint", "integer", "bigint", "real", "double", "varchar", "varbinary", "date", "time", "timestamp", "timestamp with time zone", "json", "uuid", "decimal"}
		if depth > 0 {
			kinds = append(kinds, "array", "map", "row")
		}
		inner := func(label string) string { return athenaTypes(depth-1).Draw(t, label) }
		switch kind := rapid.SampledFrom(kinds).Draw(t, "kind"); kind {
		case "decimal":
			p := rapid.IntRange(1, 38).Draw(t, "precision")
			return fmt.Sprintf("decimal(%d,%d)", p, rapid.IntRange(0, p).Draw(t, "scale"))
		case "array":
			return "array(" + inner("element") + ")"
		case "map":
			return "map(" + inner("key") + ", " + inner("value") + ")"
		case "row":
			fields := make([]string, rapid.IntRange(1, 3).Draw(t, "fields"))
			for i := range fields {
				fields[i] = plainOrQuoted(rapid.StringN(1, 8, -1).Draw(t, "name")) + " " + inner("field")
			}
			return "row(" + strings.Join(fields, ", ") + ")"
		default:
			return kind
		}
	})
}
