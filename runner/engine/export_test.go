package engine_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"waybill/internal/dataset"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

// everyType selects a column of every type that a relation can have.
const everyType = `SELECT i = 1 AS b, i::TINYINT AS t, i::SMALLINT AS s, i::INTEGER AS i, i::BIGINT AS l, (i + 0.5)::FLOAT AS r, (i + 0.25)::DOUBLE AS d,
	(i + 0.125)::DECIMAL(38,3) AS n, (i || 'é"''')  AS v, encode('bin' || i) AS x, DATE '2020-01-31' + i::INTEGER AS da, TIME '10:11:12.123456' AS ti,
	TIMESTAMP '2020-01-31 10:11:12.123456' AS ts, TIMESTAMPTZ '2020-01-31 10:11:12+02' AS tz, ('{"a":' || i || '}')::JSON AS j, '00000000-0000-0000-0000-00000000000a'::UUID AS u,
	[i, NULL] AS a, MAP {'k' || i: i} AS m, {'x': i, 'Y z': ['s']} AS st, sum(i) OVER () AS h FROM range(3) r(i)`

func TestParquetRoundTrip(t *testing.T) {
	j, d := newJob(t)
	schema := define(t, j, "t", everyType)
	before, err := j.Hash(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	for _, compression := range []string{encode.None, encode.Snappy, encode.Gzip, encode.Zstd} {
		t.Run(compression, func(t *testing.T) {
			f := encode.Default(encode.Parquet)
			f.Compression = compression
			name := compression + ".parquet"
			out := export(t, j, "t", filepath.Join(d.out, name), f)
			checkSealed(t, filepath.Join(d.out, name), out)
			got, err := j.Attach(t.Context(), "again", files(d.out, dataset.Parquet, name))
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != schema.String() {
				t.Errorf("schema became\n%s, was\n%s", got, schema)
			}
			if after, err := j.Hash(t.Context(), "again"); err != nil || after != before {
				t.Errorf("hash became %v, was %v; %v", after, before, err)
			}
		})
	}
}

func checkSealed(t *testing.T, path string, out engine.Exported) {
	t.Helper()
	data := read(t, path)
	sum := sha256.Sum256([]byte(data))
	if out.Size != int64(len(data)) || out.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("the file has %d bytes and digest %x, export says %d and %s", len(data), sum, out.Size, out.SHA256)
	}
}

func TestTextFormats(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", `SELECT * FROM (VALUES (1, '', NULL), (2, NULL, 'x'), (3, 'a"b,', '=1'), (4, E'é\nf', ' ')) v(id, a, "odd ""name"", é")`)
	csv := func(change func(*encode.Format)) encode.Format {
		f := encode.Default(encode.CSV)
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		format encode.Format
		want   string
	}{
		"minimal":   {encode.Default(encode.CSV), "id,a,\"odd \"\"name\"\", é\"\n1,\"\",\n2,,x\n3,\"a\"\"b,\",=1\n4,\"é\nf\", \n"},
		"all":       {csv(func(f *encode.Format) { f.QuoteMode = encode.QuoteAll }), "\"id\",\"a\",\"odd \"\"name\"\", é\"\n\"1\",\"\",\"\"\n\"2\",\"\",\"x\"\n\"3\",\"a\"\"b,\",\"=1\"\n\"4\",\"é\nf\",\" \"\n"},
		"non_null":  {csv(func(f *encode.Format) { f.QuoteMode = encode.QuoteNonNull }), "\"id\",\"a\",\"odd \"\"name\"\", é\"\n\"1\",\"\",\n\"2\",,\"x\"\n\"3\",\"a\"\"b,\",\"=1\"\n\"4\",\"é\nf\",\" \"\n"},
		"no header": {csv(func(f *encode.Format) { f.Header, f.Delimiter, f.Null = false, ";", "x" }), "1;;x\n2;x;\"x\"\n3;\"a\"\"b,\";=1\n4;\"é\nf\"; \n"},
		"numbered":  {csv(func(f *encode.Format) { f.RowNumber, f.LineEnding = "no", encode.CRLF }), "no,id,a,\"odd \"\"name\"\", é\"\r\n1,1,\"\",\r\n2,2,,x\r\n3,3,\"a\"\"b,\",=1\r\n4,4,\"é\nf\", \r\n"},
		"formulas":  {csv(func(f *encode.Format) { f.EscapeFormulas = true }), "id,a,\"odd \"\"name\"\", é\"\n1,\"\",\n2,,x\n3,\"a\"\"b,\",'=1\n4,\"é\nf\", \n"},
		"json":      {encode.Default(encode.JSON), `[` + "\n\t" + `{"id":1,"a":"","odd \"name\", é":null},` + "\n\t" + `{"id":2,"a":null,"odd \"name\", é":"x"},` + "\n\t" + `{"id":3,"a":"a\"b,","odd \"name\", é":"=1"},` + "\n\t" + `{"id":4,"a":"é\nf","odd \"name\", é":" "}` + "\n]\n"},
		"ndjson":    {encode.Default(encode.NDJSON), `{"id":1,"a":"","odd \"name\", é":null}` + "\n" + `{"id":2,"a":null,"odd \"name\", é":"x"}` + "\n" + `{"id":3,"a":"a\"b,","odd \"name\", é":"=1"}` + "\n" + `{"id":4,"a":"é\nf","odd \"name\", é":" "}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(d.out, name)
			out := export(t, j, "t", path, c.format, "id")
			checkSealed(t, path, out)
			if got := read(t, path); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestNullAndEmptyStayApartThroughCSV(t *testing.T) {
	j, d := newJob(t)
	for name, query := range map[string]string{
		"two columns": "SELECT * FROM (VALUES ('', NULL), (NULL, ''), (NULL, NULL), ('x', 'NULL')) v(a, b)",
		"one column":  "SELECT * FROM (VALUES (NULL), (''), ('x'), (NULL)) v(a)",
	} {
		for _, mode := range []string{encode.QuoteMinimal, encode.QuoteNonNull, encode.QuoteNonNumeric} {
			t.Run(name+" "+mode, func(t *testing.T) {
				schema := define(t, j, "t", query)
				f := encode.Default(encode.CSV)
				f.QuoteMode = mode
				export(t, j, "t", filepath.Join(d.out, "t.csv"), f)
				ds := files(d.out, dataset.CSV, "t.csv")
				ds.Schema, ds.CSV = schema, &dataset.CSVOptions{Header: true, QuotedEmpty: true}
				if _, err := j.Attach(t.Context(), "again", ds); err != nil {
					t.Fatal(err)
				}
				if got, want := table(t, j, "again"), table(t, j, "t"); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
}

func TestZeroRows(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT * FROM ("+everyType+") WHERE false")
	for kind, want := range map[string]string{encode.CSV: "b,t,s,i,l,r,d,n,v,x,da,ti,ts,tz,j,u,a,m,st,h\n", encode.NDJSON: "", encode.JSON: "[\n\t\n]\n"} {
		path := filepath.Join(d.out, kind)
		if out := export(t, j, "t", path, encode.Default(kind)); out.Rows != 0 || read(t, path) != want {
			t.Errorf("%s: %d rows, %q", kind, out.Rows, read(t, path))
		}
	}
	if out := export(t, j, "t", filepath.Join(d.out, "p.parquet"), encode.Default(encode.Parquet)); out.Rows != 0 {
		t.Errorf("%d rows", out.Rows)
	}
	if schema, err := j.Attach(t.Context(), "again", files(d.out, dataset.Parquet, "p.parquet")); err != nil || len(schema) != 20 {
		t.Errorf("%s, %v", schema, err)
	}
}

func TestMillionRowsCompressed(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT range AS id, CASE WHEN range % 3 > 0 THEN 'text ' || range END AS s FROM range(1000000)")
	var plain string
	for _, c := range []string{encode.None, encode.Gzip, encode.Zstd} {
		f := encode.Default(encode.CSV)
		f.Compression = c
		path := filepath.Join(d.out, "t.csv."+c)
		out := export(t, j, "t", path, f)
		checkSealed(t, path, out)
		if out.Rows != 1_000_000 {
			t.Errorf("%s: %d rows", c, out.Rows)
		}
		text := decompress(t, path, c)
		if c == encode.None {
			plain = text
		}
		if text != plain || strings.Count(text, "\n") != 1_000_001 {
			t.Errorf("%s: the text differs", c)
		}
	}
	out := export(t, j, "t", filepath.Join(d.out, "t.parquet"), encode.Default(encode.Parquet), "id desc")
	if out.Rows != 1_000_000 {
		t.Errorf("parquet: %d rows", out.Rows)
	}
	if _, err := j.Attach(t.Context(), "again", files(d.out, dataset.Parquet, "t.parquet")); err != nil {
		t.Fatal(err)
	}
	if _, rows, err := j.Preview(t.Context(), "again", 1); err != nil || *rows[0][0] != "999999" {
		t.Errorf("the first row is %v, %v", rows, err)
	}
}

func decompress(t *testing.T, path, compression string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	switch compression {
	case encode.Gzip:
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	case encode.Zstd:
		z, err := zstd.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestNDJSONRefusesWhatJSONLacks(t *testing.T) {
	j, d := newJob(t)
	for _, value := range []string{"'NaN'::DOUBLE", "'-Infinity'::FLOAT", "[1.5, 'inf'::DOUBLE]", "{'a': 1, 'b': [{'c': 'nan'::DOUBLE}]}", "MAP {'k': 'nan'::DOUBLE}"} {
		define(t, j, "t", "SELECT 1.5::DOUBLE AS fine, "+value+" AS \"bad one\"")
		for _, kind := range []string{encode.NDJSON, encode.JSON} {
			_, err := j.Export(t.Context(), engine.Export{Relation: "t", Path: filepath.Join(d.out, "t.ndjson"), Format: encode.Default(kind)})
			wantProblem(t, err, "value-unsupported", `"bad one"`)
		}
	}
	wantNoFiles(t, d.out)
	define(t, j, "t", "SELECT 1.5::DOUBLE AS a, NULL::DOUBLE AS b, [1.5, NULL] AS c, {'x': NULL::DOUBLE} AS d, MAP {'k': 2.5::DOUBLE} AS e, NULL::DOUBLE[] AS f")
	path := filepath.Join(d.out, "t.ndjson")
	export(t, j, "t", path, encode.Default(encode.NDJSON))
	if got, want := read(t, path), `{"a":1.5,"b":null,"c":[1.5,null],"d":{"x":null},"e":{"k":2.5},"f":null}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFreezeMakesRowsStandStill(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT range AS id, random() AS r FROM range(1000)")
	define(t, j, "u", "SELECT sum(r) AS s FROM t", "t")
	once, again := table(t, j, "u"), table(t, j, "u")
	if once == again {
		t.Fatal("random() does not vary, so that the test proves nothing")
	}
	dir := filepath.Join(d.out, "frozen")
	ds, err := j.Freeze(t.Context(), "t", dir)
	if err != nil {
		t.Fatal(err)
	}
	if ds.Rows != 1000 || ds.Dir != dir || len(ds.Files) != 1 || ds.Schema.String() != "id bigint, r double" {
		t.Errorf("dataset is %+v", ds)
	}
	if info, err := os.Stat(ds.Paths()[0]); err != nil || info.Size() != ds.Files[0].Size {
		t.Errorf("the file is not as told: %v", err)
	}
	first := table(t, j, "u")
	if second := table(t, j, "u"); first != second {
		t.Errorf("rows vary after freezing: %s, %s", first, second)
	}
	_, err = j.Freeze(t.Context(), "t", filepath.Dir(d.in))
	wantProblem(t, err, "internal", "may not write")
}

func TestOrderBy(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", `SELECT * FROM (VALUES (1, 'b'), (2, 'a'), (3, NULL), (4, 'b')) v(id, "Na desc")`)
	path := filepath.Join(d.out, "t.csv")
	export(t, j, "t", path, encode.Default(encode.CSV), "na desc desc", "ID DESC")
	if got, want := read(t, path), "id,Na desc\n4,b\n1,b\n2,a\n3,\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err := j.Export(t.Context(), engine.Export{Relation: "t", Path: path, Format: encode.Default(encode.CSV), OrderBy: []string{"idd"}})
	wantProblem(t, err, "column-not-found", `Did you mean "id"?`)
}

func TestExportReplaces(t *testing.T) {
	j, d := newJob(t)
	path := filepath.Join(d.out, "x.csv")
	for i := range 2 {
		define(t, j, "t", fmt.Sprintf("SELECT %d AS x", i))
		write(t, d.out, ".x.csv.copied", "left by a crash")
		export(t, j, "t", path, encode.Default(encode.CSV))
		if got, want := read(t, path), fmt.Sprintf("x\n%d\n", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	entries, err := os.ReadDir(d.out)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files are there, %v", len(entries), err)
	}
	_, err = j.Export(t.Context(), engine.Export{Relation: "t", Path: path, Format: encode.Format{Kind: "orc"}})
	wantProblem(t, err, "invalid-value", "orc")
}

func TestPatternsOfDates(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT DATE '2020-01-31' AS d, TIMESTAMP '2020-01-31 10:00:00' AS t, TIMESTAMPTZ '2020-01-31 10:00:00+02' AS z")
	for _, kind := range []string{encode.CSV, encode.NDJSON} {
		f := encode.Default(kind)
		f.DateFormat, f.TimestampFormat = "%d.%m.%Y", "%Y%m%dT%H%M%S"
		path := filepath.Join(d.out, kind)
		export(t, j, "t", path, f)
		for _, want := range []string{"31.01.2020", "20200131T100000", "20200131T080000"} {
			if got := read(t, path); !strings.Contains(got, want) {
				t.Errorf("%s: %s has no %s", kind, got, want)
			}
		}
	}
}
