package duckdb

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	driver "github.com/duckdb/duckdb-go/v2"
	"pgregory.net/rapid"

	"waybill/internal/problem"
)

func TestAthenaType(t *testing.T) {
	for duck, want := range map[string]string{
		"BIGINT": "bigint", "HUGEINT": "decimal(38,0)", "UBIGINT": "decimal(20,0)", "FLOAT": "real", "BLOB": "varbinary",
		"DECIMAL(18,3)": "decimal(18,3)", "DECIMAL(18,3)[][]": "array(array(decimal(18,3)))", "INTEGER[3]": "array(integer)",
		"TIMESTAMP WITH TIME ZONE": "timestamp with time zone", "TIMESTAMP_NS": "timestamp", "TIME": "time", `"NULL"`: "varchar",
		"MAP(VARCHAR, STRUCT(a INTEGER, \"B \"\"c\" TIMESTAMP WITH TIME ZONE[]))": "map(varchar, row(a integer, \"B \"\"c\" array(timestamp with time zone)))",
		"ENUM('a', 'it''s, (b')": "varchar", "STRUCT(\"1x\" JSON)": `row("1x" json)`,
	} {
		if got, ok := AthenaType(duck); !ok || got != want {
			t.Errorf("AthenaType(%s) = %s, %t; want %s", duck, got, ok, want)
		}
	}
	for _, duck := range []string{"INTERVAL", "BIT", "BIGNUM", "UNION(a INTEGER)", "STRUCT(INTEGER, VARCHAR)", "TIME WITH TIME ZONE", "INTERVAL[]", "MAP(BIT, INTEGER)", "", "DECIMAL(39,0)", "ENUM(", "INTEGER[", "INTEGER x",
		strings.Repeat("STRUCT(a ", 100000)} {
		if got, ok := AthenaType(duck); ok {
			t.Errorf("AthenaType(%.40s) = %s", duck, got)
		}
	}
}

func TestDuckType(t *testing.T) {
	for athena, want := range map[string]string{
		"varchar(20)": "VARCHAR", "char(3)": "VARCHAR", "string": "VARCHAR", "int": "INTEGER", "binary": "BLOB", "decimal": "DECIMAL(38,0)", "decimal( 10 , 2 )": "DECIMAL(10,2)",
		"timestamp(3)": "TIMESTAMP", "timestamp(6) with time zone": "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP WITH TIME ZONE",
		"array(row(x integer, y map(varchar, double)))": `STRUCT("x" INTEGER, "y" MAP(VARCHAR, DOUBLE))[]`,
		`row("select" varchar(3), "a b" decimal(5,1))`:  `STRUCT("select" VARCHAR, "a b" DECIMAL(5,1))`,
	} {
		if got, err := DuckType(athena); err != nil || got != want {
			t.Errorf("DuckType(%s) = %s, %v; want %s", athena, got, err, want)
		}
	}
	for _, athena := range []string{"", "geometry", "array", "array(integer", "map(integer)", "row(integer)", "decimal(0,0)", "decimal(5,6)", "integer)", "varchar; DROP", `row("a`, "hyperloglog",
		strings.Repeat("array(", 100000)} {
		if got, err := DuckType(athena); err == nil {
			t.Errorf("DuckType(%.40s) = %s", athena, got)
		}
	}
}

// TestTypesThereAndBack holds for every type that Athena has: DuckDB's twin
// leads back to it.
func TestTypesThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		athena := athenaTypes(3).Draw(t, "type")
		duck, err := DuckType(athena)
		if err != nil {
			t.Fatal(err)
		}
		if back, ok := AthenaType(duck); !ok || back != athena {
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

// TestValuesNeverSurvive feeds the wordings values that try to look like
// DuckDB's own words.
func TestValuesNeverSurvive(t *testing.T) {
	const canary = "s3cr3t"
	d := &Database{}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{"", "'", "\"", "' to INT32", "' to INT32 when casting from source column id\n", "\nColumn x is being converted as type DATE\n", "\n"}).Draw(t, "before") + canary +
			rapid.SampledFrom([]string{"", "'", "\n", "' to INT64", "\" to type"}).Draw(t, "after")
		message := rapid.SampledFrom([]string{
			"Could not convert string '%s' to INT32 when casting from source column email",
			"Could not convert string '%s' to INT32",
			"invalid date field format: \"%s\", expected format is (YYYY-MM-DD)",
			"Malformed JSON at byte 5 of input: unexpected character.  Input: \"%s\"",
			"Casting value \"%s\" to type DECIMAL(3,1) failed: value is out of range!",
			"Type VARCHAR with value %s can't be cast to the destination type INT8",
			"CSV Error on Line: 3\nOriginal Line: %s\nExpected Number of Columns: 2 Found: 1\nPossible fixes:\n",
			"CSV Error on Line: 3\nOriginal Line: %[1]s\nError when converting column \"a\". Could not convert string \"%[1]s\" to 'INTEGER'\n\nColumn a is being converted as type INTEGER\nThis type",
			"%s",
		}).Draw(t, "message")
		kind := rapid.SampledFrom([]string{"Conversion", "Invalid Input", "Out of Range", "Constraint", "Serialization", "Invalid"}).Draw(t, "kind")
		raw := &driver.Error{Msg: kind + " Error: " + strings.ReplaceAll(strings.ReplaceAll(message, "%[1]s", value), "%s", value)}
		err := d.explain(raw, "transform.t", "")
		p := problem.As(err)
		if p == nil {
			t.Fatalf("%v is no problem", err)
		}
		data, jsonErr := p.MarshalJSON()
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if strings.Contains(string(data), canary) {
			t.Fatalf("the problem holds the value: %s", data)
		}
	})
}

func TestExplainCodes(t *testing.T) {
	d := &Database{}
	for message, code := range map[string]string{
		`{"exception_type":"Out of Memory","exception_message":"failed to allocate data of size 16.0 MiB (178.2 MiB/190.7 MiB used)\n\nPossible"}`:            "out-of-memory",
		`{"exception_type":"Out of Memory","exception_message":"failed to offload data block\nThis limit was set by the 'max_temp_directory_size' setting."}`: "spill-full",
		`{"exception_type":"IO","exception_message":"Could not write all bytes to file \"/x\": wanted=1 wrote=0: No space left on device"}`:                   "disk-full",
		`{"exception_type":"INTERNAL","exception_message":"Attempted to dereference"}`:                                                                        "engine-crashed",
		`{"exception_type":"Binder","exception_message":"Referenced column","error_subtype":"COLUMN_NOT_FOUND","name":"x","candidates":"y","position":"7"}`:   "column-not-found",
		`Out of Memory Error: could not allocate block`: "out-of-memory",
	} {
		err := d.explain(fmt.Errorf("wrapped: %w", &driver.Error{Msg: message}), "t", "SELECT x")
		if p := problem.As(err); p == nil || p.Code != code {
			t.Errorf("%s: got %v, want %s", message, err, code)
		}
	}
	if err := d.explain(errors.New("other"), "t", ""); problem.As(err).Code != "internal" {
		t.Errorf("got %v", err)
	}
}
