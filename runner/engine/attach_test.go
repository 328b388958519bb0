package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/internal/dataset"
	"waybill/runner/encode"
)

func TestAttachCSV(t *testing.T) {
	athena := &dataset.CSVOptions{Header: true, QuotedEmpty: true}
	plain := &dataset.CSVOptions{Header: true}
	for _, c := range []struct {
		name, text   string
		options      *dataset.CSVOptions
		schema       dataset.Schema
		types, table string
	}{
		{"athena", "\"id\",\"name\",\"at\",\"b\"\n\"1\",\"\",\"2020-01-01 10:00:00.000 America/New_York\",\"68 69\"\n,,,\n\"3\",\"x\ny\",\"2020-01-01 10:00:00.000 UTC\",\"\"\n", athena,
			dataset.Schema{{Name: "id", Type: "bigint"}, {Name: "name", Type: "varchar"}, {Name: "at", Type: "timestamp with time zone"}, {Name: "b", Type: "varbinary"}},
			"id bigint, name varchar, at timestamp with time zone, b varbinary", "1||2020-01-01 15:00:00+00|hi\n∅|∅|∅|∅\n3|x\ny|2020-01-01 10:00:00+00|\n"},
		{"null rows of one column", "\"a\"\n\n\"x\"\n\n\"\"\n\n", athena, dataset.Schema{{Name: "a", Type: "varchar"}}, "a varchar", "∅\nx\n∅\n\n∅\n"},
		{"header without rows", "\"a\",\"b\"\n", athena, dataset.Schema{{Name: "a", Type: "varchar"}, {Name: "b", Type: "decimal(10,2)"}}, "a varchar, b decimal(10,2)", ""},
		{"quoted empty is null", "a,b\n1,\"\"\n", plain, dataset.Schema{{Name: "a", Type: "integer"}, {Name: "b", Type: "varchar"}}, "a integer, b varchar", "1|∅\n"},
		{"detected", "id,price,day,at,ok,name\n1,1.5,2020-01-31,2020-01-31 10:00:00,true,x\n2,2,2020-02-01,2020-01-31 11:00:00,false,\n", plain, nil,
			"id bigint, price decimal(18,1), day date, at timestamp, ok boolean, name varchar", "1|1.5|2020-01-31|2020-01-31 10:00:00|true|x\n2|2.0|2020-02-01|2020-01-31 11:00:00|false|∅\n"},
		{"leading zeros stay", "zip,n,z\n00123,1,0\n10115,2,0.5\n", plain, nil, "zip varchar, n bigint, z decimal(18,1)", "00123|1|0.0\n10115|2|0.5\n"},
		{"large and long numbers", "id,v\n123456789012345678901234567890,0.1000000000000000000001\n99999999999999999999,1.5\n", plain, nil, "id decimal(30,0), v decimal(23,22)",
			"123456789012345678901234567890|0.1000000000000000000001\n99999999999999999999|1.5000000000000000000000\n"},
		{"more digits than any number has", "id\n" + strings.Repeat("9", 39) + "\n", plain, nil, "id varchar", strings.Repeat("9", 39) + "\n"},
		{"flags, articles, versions", "sex,sku,hex,version,plus\nf,12E4,0x1F,1.10,+5\nf,13E4,0x20,1.9.1,+6\n", plain, nil, "sex varchar, sku varchar, hex varchar, version varchar, plus varchar",
			"f|12E4|0x1F|1.10|+5\nf|13E4|0x20|1.9.1|+6\n"},
		{"exponents", "x\n1.5e-3\n2.25\n", plain, nil, "x double", "0.0015\n2.25\n"},
		{"dates and times of other forms", "a,b,c\n13/02/2026,9:05,2026-01-31 24:00:00\n14/02/2026,10:05,2026-02-01 00:00:00\n", plain, nil, "a varchar, b varchar, c varchar",
			"13/02/2026|9:05|2026-01-31 24:00:00\n14/02/2026|10:05|2026-02-01 00:00:00\n"},
		{"NULLs decide nothing", "n,d\n1,\n,2026-01-31\n", plain, nil, "n bigint, d date", "1|∅\n∅|2026-01-31\n"},
		{"a late line decides the type", "a\n" + strings.Repeat("1\n", 30000) + "x\n", plain, nil, "a varchar", strings.Repeat("1\n", 100)},
		{"other characters", "a;b\n'x;''y';\\N\n", &dataset.CSVOptions{Delimiter: ";", Quote: "'", Escape: "'", Header: true, Null: `\N`}, nil, "a varchar, b varchar", "x;'y|∅\n"},
		{"no header", "1|x\n", &dataset.CSVOptions{Delimiter: "|"}, nil, "column0 bigint, column1 varchar", "1|x\n"},
		{"odd names", "\"a \"\"b\"\"\",select,é'x\n1,2,3\n", plain, nil, `a "b" bigint, select bigint, é'x bigint`, "1|2|3\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, d := newJob(t)
			write(t, d.in, "f.csv", c.text)
			ds := files(d.in, dataset.CSV, "f.csv")
			ds.CSV, ds.Schema = c.options, c.schema
			schema, err := j.Attach(t.Context(), "source.f", ds)
			if err != nil {
				t.Fatal(err)
			}
			if schema.String() != c.types {
				t.Errorf("types are %s, want %s", schema, c.types)
			}
			if got := table(t, j, "source.f"); got != c.table {
				t.Errorf("rows are %q, want %q", got, c.table)
			}
		})
	}
}

// Records may be as long as those of Athena are, 32 MB, wherever in a buffer
// they begin.
func TestAttachLongRecords(t *testing.T) {
	const almost = 32<<20 - 100
	j, d := newJob(t)
	write(t, d.in, "f.csv", "id,text\n1,x\n2,"+strings.Repeat("a", almost)+"\n3,y\n4,"+strings.Repeat("b", almost)+"\n5,\""+strings.Repeat("c\n", almost/2)+"\"\n")
	ds := files(d.in, dataset.CSV, "f.csv")
	ds.CSV, ds.Schema = &dataset.CSVOptions{Header: true}, dataset.Schema{{Name: "id", Type: "bigint"}, {Name: "text", Type: "varchar"}}
	if _, err := j.Attach(t.Context(), "source.f", ds); err != nil {
		t.Fatal(err)
	}
	define(t, j, "lengths", `SELECT id, length(text) AS n, left(text, 1) AS begins FROM "source.f" ORDER BY id`, "source.f")
	if got, want := table(t, j, "lengths"), "1|1|x\n2|33554332|a\n3|1|y\n4|33554332|b\n5|33554332|c\n"; got != want {
		t.Errorf("rows are %q, want %q", got, want)
	}
}

func TestAttachCSVSpeaksOfNoValues(t *testing.T) {
	j, d := newJob(t)
	two := dataset.Schema{{Name: "id", Type: "bigint"}, {Name: "email", Type: "integer"}}
	for _, c := range []struct{ name, text, says string }{
		{"type", "id,email\n1,2\n2,jane@example.org\n", "line 3 of a CSV file: could not convert a value of column email to INTEGER"},
		{"width", "id,email\n1,2\n3\n", "line 3 of a CSV file has 1 columns instead of 2"},
		{"quotes", "id,email\n1,\"jane\n", "of a CSV file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, d.in, "f.csv", c.text)
			ds := files(d.in, dataset.CSV, "f.csv")
			ds.CSV, ds.Schema = &dataset.CSVOptions{Header: true}, two
			if _, err := j.Attach(t.Context(), "f", ds); err != nil {
				t.Fatal(err) // nothing has been read yet
			}
			define(t, j, "g", "SELECT sum(id) AS s, max(email) AS m FROM f", "f")
			_, _, err := j.Preview(t.Context(), "g", 10)
			wantProblem(t, err, "file-malformed", c.says)
			wantNoData(t, err)
		})
	}
}

// A header that does not tell its columns apart is refused, not mended.
func TestAttachCSVHeader(t *testing.T) {
	j, d := newJob(t)
	for text, says := range map[string]string{
		"id,name,id\n1,x,2\n": `names two columns "id"`,
		"Id,id\n1,2\n":        `names two columns "id"`,
		"id,,x\n1,2,3\n":      "gives column 2 no name",
	} {
		write(t, d.in, "f.csv", text)
		ds := files(d.in, dataset.CSV, "f.csv")
		ds.CSV = &dataset.CSVOptions{Header: true}
		_, err := j.Attach(t.Context(), "f", ds)
		wantProblem(t, err, "file-malformed", says)
	}
}

func TestAttachEmpty(t *testing.T) {
	j, d := newJob(t)
	schema := dataset.Schema{{Name: "id", Type: "bigint"}, {Name: "tags", Type: "array(varchar)"}, {Name: "m", Type: "map(varchar, integer)"},
		{Name: "r", Type: `row(a integer, "B c" decimal(38,2))`}, {Name: "c", Type: "char(3)"}}
	got, err := j.Attach(t.Context(), "source.none", dataset.Dataset{Dir: d.in, Format: dataset.Parquet, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != schema.String() {
		t.Errorf("schema is %s, want %s", got, schema)
	}
	defined := define(t, j, "transform.t", `SELECT id, tags[1] AS t, r."B c" AS b FROM "source.none"`, "source.none")
	if want := "id bigint, t varchar, b decimal(38,2)"; defined.String() != want {
		t.Errorf("types are %s, want %s", defined, want)
	}
	if n, err := j.Count(t.Context(), "transform.t"); n != 0 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	_, err = j.Attach(t.Context(), "x", dataset.Dataset{Format: dataset.Parquet})
	wantProblem(t, err, "empty-schema")
	write(t, d.in, "empty.csv", "")
	ds := files(d.in, dataset.CSV, "empty.csv")
	ds.CSV = &dataset.CSVOptions{Header: true}
	_, err = j.Attach(t.Context(), "x", ds)
	wantProblem(t, err, "empty-schema")
}

func TestAttachParquet(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "r", "SELECT range::INTEGER AS id, 'x' AS name FROM range(3)")
	define(t, j, "s", "SELECT 7::INTEGER AS id, 'y' AS name")
	// Names that DuckDB would take for patterns or partitions.
	names := []string{"a*b.parquet", "day=1/p?.parquet", "[x]/c.parquet", `back\slash.parquet`, "it's.parquet"}
	for i, n := range names {
		path := filepath.Join(d.out, n)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		export(t, j, []string{"r", "s"}[min(i, 1)], path, encode.Default(encode.Parquet))
	}
	export(t, j, "r", filepath.Join(d.out, "aXb.parquet"), encode.Default(encode.Parquet))

	schema, err := j.Attach(t.Context(), "all", files(d.out, dataset.Parquet, names...))
	if err != nil {
		t.Fatal(err)
	}
	if want := "id integer, name varchar"; schema.String() != want {
		t.Errorf("schema is %s, want %s", schema, want)
	}
	if got, want := table(t, j, "all"), "0|x\n1|x\n2|x\n7|y\n7|y\n7|y\n7|y\n"; got != want {
		t.Errorf("rows are %q, want %q", got, want)
	}

	declared := files(d.out, dataset.Parquet, names[0])
	declared.Schema = dataset.Schema{{Name: "name", Type: "varchar"}, {Name: "id", Type: "bigint"}}
	if schema, err = j.Attach(t.Context(), "declared", declared); err != nil || schema.String() != "name varchar, id bigint" {
		t.Errorf("%s, %v", schema, err)
	}
	declared.Schema = dataset.Schema{{Name: "id", Type: "bigint"}, {Name: "nome", Type: "varchar"}}
	_, err = j.Attach(t.Context(), "declared", declared)
	wantProblem(t, err, "contract-broken", "id integer, name varchar", "nome")
	_, err = j.Count(t.Context(), "declared")
	wantProblem(t, err, "internal") // a failed Attach leaves no relation

	_, err = j.Attach(t.Context(), "gone", files(d.out, dataset.Parquet, "gone.parquet"))
	wantProblem(t, err, "transform-failed", "gone.parquet")
	write(t, d.in, "bad.parquet", "PAR1 this is no Parquet PAR1")
	if _, err = j.Attach(t.Context(), "bad", files(d.in, dataset.Parquet, "bad.parquet")); err == nil {
		t.Error("a broken file was attached")
	}
}

func TestAttachNDJSON(t *testing.T) {
	j, d := newJob(t)
	write(t, d.in, "a.ndjson", `{"id":1,"tags":["a"],"r":{"x":1}}`+"\n"+`{"id":2.5,"extra":"e"}`+"\n")
	write(t, d.in, "b.ndjson", `{"id":3,"late":true}`+"\n")
	schema, err := j.Attach(t.Context(), "n", files(d.in, dataset.NDJSON, "a.ndjson", "b.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "id double, tags array(varchar), r row(x bigint), extra varchar, late boolean"; schema.String() != want {
		t.Errorf("schema is %s, want %s", schema, want)
	}
	if got, want := table(t, j, "n"), "1.0|[a]|{'x': 1}|∅|∅\n2.5|∅|∅|e|∅\n3.0|∅|∅|∅|true\n"; got != want {
		t.Errorf("rows are %q, want %q", got, want)
	}
	ds := files(d.in, dataset.NDJSON, "a.ndjson")
	ds.Schema = dataset.Schema{{Name: "id", Type: "decimal(5,2)"}}
	if _, err := j.Attach(t.Context(), "m", ds); err != nil {
		t.Fatal(err)
	}
	if got, want := table(t, j, "m"), "1.00\n2.50\n"; got != want {
		t.Errorf("rows are %q, want %q", got, want)
	}
}

func TestFlights(t *testing.T) {
	data := os.Getenv("WAYBILL_DATA")
	if data == "" {
		t.Skip("WAYBILL_DATA is not set")
	}
	d := newDirs(t)
	d.ReadDirs = append(d.ReadDirs, data)
	j := start(t, d.Options)
	if _, err := j.Attach(t.Context(), "flights", files(data, dataset.Parquet, "flights-3m.parquet")); err != nil {
		t.Fatal(err)
	}
	airports := files(data, dataset.CSV, "airports.csv")
	airports.CSV = &dataset.CSVOptions{Header: true}
	if _, err := j.Attach(t.Context(), "airports", airports); err != nil {
		t.Fatal(err)
	}
	define(t, j, "late", "SELECT a.state, count(*) AS n, sum(f.delay) AS delay FROM flights f JOIN airports a ON a.iata = f.origin GROUP BY 1", "flights", "airports")
	out := export(t, j, "flights", filepath.Join(d.out, "f.parquet"), encode.Default(encode.Parquet))
	if out.Rows != 3_000_000 {
		t.Errorf("%d rows", out.Rows)
	}
	export(t, j, "late", filepath.Join(d.out, "late.csv"), encode.Default(encode.CSV), "state")
	before, err := j.Hash(t.Context(), "flights")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Attach(t.Context(), "again", files(d.out, dataset.Parquet, "f.parquet")); err != nil {
		t.Fatal(err)
	}
	if after, err := j.Hash(t.Context(), "again"); err != nil || after != before {
		t.Errorf("hash %v became %v, %v", before, after, err)
	}
}
