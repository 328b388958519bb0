package engine_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/twmb/avro/ocf"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

// What the rewriter quotes in "minimal" is what DuckDB quotes itself, so that
// another line ending changes nothing else.
func TestRewriterQuotesAsDuckDBDoes(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", `SELECT * FROM (VALUES ('a,b', 1.5), ('', NULL), (NULL, 2), ('#c', 3), ('d#', 4), (' e ', 5), ('"', 6), ('''', 7), ('f;g', 8), ('h|i', 9), ('x', 10), ('null', 11), (chr(9), 12), ('=1', 13), (chr(92), 14)) v(s, "n,#")`)
	for _, f := range []encode.Format{
		{}, {Delimiter: ";"}, {Delimiter: "|", Quote: "'", Escape: "'"}, {Null: "x"}, {Null: "null", Quote: "'", Escape: "'"}, {QuoteMode: encode.QuoteNonNull}, {Delimiter: "\t", Header: true},
	} {
		f.Kind = encode.CSV
		lf, crlf := filepath.Join(d.out, "lf.csv"), filepath.Join(d.out, "crlf.csv")
		export(t, j, "t", lf, f, "n,#")
		f.LineEnding = encode.CRLF
		export(t, j, "t", crlf, f, "n,#")
		if want, got := strings.ReplaceAll(read(t, lf), "\n", "\r\n"), read(t, crlf); got != want {
			t.Errorf("%+v: got\n%s, want\n%s", f, got, want)
		}
	}
}

// Every type goes through every way of writing CSV with the same text.
func TestEveryTypeRewritten(t *testing.T) {
	j, d := newJob(t)
	schema := define(t, j, "t", everyType)
	plain, numbered := filepath.Join(d.out, "plain.csv"), filepath.Join(d.out, "numbered.csv")
	export(t, j, "t", plain, encode.Default(encode.CSV), "i")
	f := encode.Default(encode.CSV)
	f.RowNumber, f.QuoteMode = "no", encode.QuoteNonNumeric
	export(t, j, "t", numbered, f, "i")
	names := make([]string, len(schema))
	for i, c := range schema {
		names[i] = c.Name
	}
	for name, path := range map[string]string{"plain": plain, "numbered": numbered} {
		ds := files(d.out, dataset.CSV, filepath.Base(path))
		ds.CSV = &dataset.CSVOptions{Header: true, QuotedEmpty: true}
		for _, c := range schema {
			ds.Schema = append(ds.Schema, dataset.Column{Name: c.Name, Type: "varchar"})
		}
		if name == "numbered" {
			ds.Schema = append(dataset.Schema{{Name: "no", Type: "bigint"}}, ds.Schema...)
		}
		if _, err := j.Attach(t.Context(), name, ds); err != nil {
			t.Fatal(err)
		}
		define(t, j, name+" rows", "SELECT "+strings.Join(names, ", ")+" FROM "+name, name)
	}
	if got, want := table(t, j, "numbered rows"), table(t, j, "plain rows"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := table(t, j, "numbered"); !strings.HasPrefix(got, "1|") {
		t.Errorf("the rows are not numbered:\n%s", got)
	}
}

func TestJSONOfEveryType(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", everyType)
	path := filepath.Join(d.out, "t.json")
	out := export(t, j, "t", path, encode.Default(encode.JSON), "i")
	checkSealed(t, path, out)
	var rows []map[string]any
	dec := json.NewDecoder(strings.NewReader(read(t, path)))
	dec.UseNumber()
	if err := dec.Decode(&rows); err != nil || len(rows) != 3 || out.Rows != 3 {
		t.Fatalf("%d rows of %d, %v", len(rows), out.Rows, err)
	}
	for column, want := range map[string]string{"b": "false", "l": "0", "n": "0.125", "v": `0é"'`, "da": "2020-01-31", "ts": "2020-01-31 10:11:12.123456", "a": "[0 <nil>]", "m": "map[k0:0]", "st": "map[Y z:[s] x:0]", "h": "3", "j": "map[a:0]"} {
		if got := fmt.Sprint(rows[0][column]); got != want {
			t.Errorf("%s is %s, want %s", column, got, want)
		}
	}
}

func TestFormulasAreEscapedInTextsOnly(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", `SELECT * FROM (VALUES (-1, '=1+1', ['=x']), (2, '+4', NULL), (3, '-5', NULL), (4, '@a', NULL), (5, chr(9) || 'x', NULL), (6, chr(13), NULL), (7, 'a=1', NULL), (8, '', NULL), (9, NULL, NULL)) v(id, s, l)`)
	f := encode.Default(encode.CSV)
	f.EscapeFormulas, f.Header = true, false
	const want = "-1,'=1+1,['=x']\n2,'+4,\n3,'-5,\n4,'@a,\n5,'\tx,\n6,\"'\r\",\n7,a=1,\n8,\"\",\n9,,\n"
	export(t, j, "t", filepath.Join(d.out, "t.csv"), f, "id")
	if got := read(t, filepath.Join(d.out, "t.csv")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// Sorted by what they were, and so in files that are cut.
	out, dir := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: f, OrderBy: []string{"id"}, Layout: engine.Layout{MaxRows: 100}})
	if got := read(t, filepath.Join(dir, out.Files[0].Name)); got != want {
		t.Errorf("cut: got %q, want %q", got, want)
	}
}

// Each file numbers its own rows.
func TestRowNumbersPerFile(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT range AS id FROM range(5)")
	f := encode.Default(encode.CSV)
	f.RowNumber = "no"
	out, dir := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: f, OrderBy: []string{"id desc"}, Layout: engine.Layout{MaxRows: 3}})
	var got []string
	for _, file := range out.Files {
		got = append(got, read(t, filepath.Join(dir, file.Name)))
	}
	if want := []string{"no,id\n1,4\n2,3\n3,2\n", "no,id\n1,1\n2,0\n"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	f.RowNumber = "ID"
	_, err := j.Export(t.Context(), engine.Export{Relation: "t", Path: filepath.Join(d.out, "x.csv"), Format: f})
	wantProblem(t, err, "column-unsuitable", `t has a column "ID" already`)
}

func TestValuesThatTextCannotExpress(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT 1 AS id, 'jane β' AS name")
	f := encode.Default(encode.CSV)
	f.Encoding = "windows-1252"
	_, err := j.Export(t.Context(), engine.Export{Relation: "t", Path: filepath.Join(d.out, "t.csv"), Format: f})
	wantProblem(t, err, "value-unsupported", `t: a value of column "name"`, "windows-1252")
	wantNoData(t, err)
	define(t, j, "u", "SELECT 'jane, x' AS name")
	f = encode.Default(encode.CSV)
	f.QuoteMode = encode.QuoteNone
	_, err = j.ExportFiles(t.Context(), engine.ExportFiles{Relation: "u", Dir: d.out, Format: f, Layout: engine.Layout{MaxRows: 1}})
	wantProblem(t, err, "value-unsupported", `u: a value of column "name"`, "delimiter")
	wantNoData(t, err)
	wantNoFiles(t, d.out)
}

// A file in an archive is named after the key of the archive, which only the
// parent knows.
func TestArchivesAreNamedByTheParent(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT range AS id, ['a', 'b'][1 + range % 2] AS p FROM range(6)")
	f := encode.Default(encode.CSV)
	f.Compression = encode.Zip
	e := engine.ExportFiles{Relation: "t", Format: f, OrderBy: []string{"id"}, Layout: engine.Layout{MaxRows: 2, PartitionBy: []string{"p"}},
		Key: func(number int, partition string) (string, error) {
			return fmt.Sprintf("x/%sreport-%d.csv.zip", partition, number), nil
		}}
	out, dir := exportFiles(t, j, d, e)
	var got []string
	for _, file := range out.Files {
		name, text := unzip(t, filepath.Join(dir, file.Name))
		got = append(got, file.Partition+" "+name+" "+strings.ReplaceAll(text, "\n", " "))
	}
	want := []string{"p=a/ report-1.csv id 0 2 ", "p=a/ report-2.csv id 4 ", "p=b/ report-1.csv id 1 3 ", "p=b/ report-2.csv id 5 "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	e.Layout = engine.Layout{}
	out, dir = exportFiles(t, j, d, e)
	if name, _ := unzip(t, filepath.Join(dir, out.Files[0].Name)); name != "report-1.csv" {
		t.Errorf("the whole is called %s", name)
	}
	e.Key = nil
	out, dir = exportFiles(t, j, d, e)
	if name, _ := unzip(t, filepath.Join(dir, out.Files[0].Name)); name != "part-0000001.csv" {
		t.Errorf("without a key the file is called %s", name)
	}
	e.Key = func(int, string) (string, error) { return "", problem.New("unset-variable", "no key", nil) }
	e.Dir = filepath.Join(d.out, "none")
	_, err := j.ExportFiles(t.Context(), e)
	wantProblem(t, err, "unset-variable", "no key")
	e.Key = func(int, string) (string, error) { return "", errors.New("no key") }
	_, err = j.ExportFiles(t.Context(), e)
	wantProblem(t, err, "internal", "no key")
	wantNoFiles(t, e.Dir)
	if n, err := j.Count(t.Context(), "t"); err != nil || n != 6 {
		t.Errorf("the job goes on with %d rows, %v", n, err)
	}
}

// unzip reads the one file of an archive.
func unzip(t *testing.T, path string) (name, text string) {
	t.Helper()
	data := read(t, path)
	z, err := zip.NewReader(bytes.NewReader([]byte(data)), int64(len(data)))
	if err != nil || len(z.File) != 1 {
		t.Fatalf("%v, %+v", err, z)
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return z.File[0].Name, string(all)
}

// stagedTypes is everyType with names that Avro allows.
const stagedTypes = "SELECT * EXCLUDE (st), {'x': i, 'y': ['s', NULL]} AS st, MAP {i: 'v'} AS mi, [{'j': j, 'u': u}] AS ju FROM (" + everyType + ")"

// Every type goes through the staged file with the value that it has: here it
// is read by other implementations than the one that wrote it.
func TestStagedFormatsOfEveryType(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", stagedTypes)
	for _, kind := range []string{encode.Arrow, encode.Avro} {
		path := filepath.Join(d.out, "t."+kind)
		out := export(t, j, "t", path, encode.Default(kind), "i desc")
		checkSealed(t, path, out)
		row := lastRow(t, kind, read(t, path))
		for column, want := range map[string]string{
			"b": "false", "t": "0", "s": "0", "i": "0", "l": "0", "r": "0.5", "d": "0.25", "v": `0é"'`, "j": `{"a":0}`, "u": "00000000-0000-0000-0000-00000000000a",
		} {
			if got := row[column]; got != want {
				t.Errorf("%s: %s is %q, want %q", kind, column, got, want)
			}
		}
		want := map[string]map[string]string{
			encode.Arrow: {"n": "0.125", "h": "3", "x": "YmluMA==", "da": "2020-01-31", "ti": "10:11:12.123456", "ts": "2020-01-31T10:11:12.123456Z", "tz": "2020-01-31T08:11:12Z", "a": "[0,null]",
				"m": `[{"key":"k0","value":0}]`, "st": `{"x":0,"y":["s",null]}`, "mi": `[{"key":0,"value":"v"}]`, "ju": `[{"j":"{\"a\":0}","u":"00000000-0000-0000-0000-00000000000a"}]`},
			encode.Avro: {"n": "1/8", "h": "3/1", "x": "[98 105 110 48]", "da": "2020-01-31 00:00:00 +0000 UTC", "ti": "10h11m12.123456s", "ts": "2020-01-31 10:11:12.123456 +0000 UTC", "tz": "2020-01-31 08:11:12 +0000 UTC",
				"a": "[0 <nil>]", "m": "map[k0:0]", "st": "map[x:0 y:[s <nil>]]", "mi": "[map[key:0 value:v]]", "ju": `[map[j:{"a":0} u:00000000-0000-0000-0000-00000000000a]]`},
		}[kind]
		for column, text := range want {
			if got := row[column]; got != text {
				t.Errorf("%s: %s is %q, want %q", kind, column, got, text)
			}
		}
	}
}

// lastRow reads the last of three rows, as texts by the columns' names.
func lastRow(t *testing.T, kind, data string) map[string]string {
	t.Helper()
	out := map[string]string{}
	if kind == encode.Avro {
		r, err := ocf.NewReader(strings.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range 3 {
			var row map[string]any
			if err := r.Decode(&row); err != nil {
				t.Fatal(err)
			}
			for name, v := range row {
				out[name] = fmt.Sprint(v)
			}
		}
		return out
	}
	r, err := ipc.NewFileReader(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	batch, err := r.RecordBatch(0)
	if err != nil || batch.NumRows() != 3 {
		t.Fatalf("%v, %v", batch, err)
	}
	for i, f := range batch.Schema().Fields() {
		out[f.Name] = batch.Column(i).ValueStr(2)
	}
	return out
}

// cells reads a workbook's sheet: the values of its cells, by row.
func cells(t *testing.T, data string) [][]string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sheet struct {
		Rows []struct {
			Cells []struct {
				Value string `xml:"v"`
				Text  string `xml:"is>t"`
			} `xml:"c"`
		} `xml:"sheetData>row"`
	}
	if err := xml.NewDecoder(f).Decode(&sheet); err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for _, r := range sheet.Rows {
		var row []string
		for _, c := range r.Cells {
			row = append(row, c.Value+c.Text)
		}
		out = append(out, row)
	}
	return out
}

func TestSheetOfEveryType(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", everyType)
	path := filepath.Join(d.out, "t.xlsx")
	out := export(t, j, "t", path, encode.Default(encode.XLSX), "i")
	checkSealed(t, path, out)
	got := cells(t, read(t, path))
	if len(got) != 4 {
		t.Fatalf("%d rows", len(got))
	}
	want := []string{"0", "0", "0", "0", "0", "0.5", "0.25", "0.125", `0é"'`, "bin0", "43861", "10:11:12.123456", "2020-01-31 10:11:12.123456", "43861.34111111111", `{"a":0}`,
		"00000000-0000-0000-0000-00000000000a", "[0, NULL]", "{k0=0}", "{'x': 0, 'Y z': [s]}", "3"}
	if !slices.Equal(got[1], want) {
		t.Errorf("got\n%q, want\n%q", got[1], want)
	}
}

// Rows beyond one step of reading come all, in order, and wide ones in smaller
// steps.
func TestStagedRowsInSteps(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT range AS id, repeat('x', CASE WHEN range < 100 THEN 20000 ELSE 1 END) || range AS file_row_number FROM range(20000)")
	path := filepath.Join(d.out, "t.xlsx")
	if out := export(t, j, "t", path, encode.Default(encode.XLSX), "id desc"); out.Rows != 20000 {
		t.Errorf("%d rows", out.Rows)
	}
	for i, row := range cells(t, read(t, path)) {
		if id := fmt.Sprint(20000 - i); i > 0 && (row[0] != id || !strings.HasSuffix(row[1], "x"+id)) {
			t.Fatalf("row %d is %.40q", i, row)
		}
	}
}

// A ceiling on the size never asks for more rows than a sheet has.
func TestSheetsAreCut(t *testing.T) {
	j, d := newJob(t)
	if testing.Short() {
		t.Skip("writes a million rows")
	}
	define(t, j, "t", "SELECT 1 AS a FROM range(1100000)")
	out, _ := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: encode.Default(encode.XLSX), Layout: engine.Layout{MaxSize: 1 << 30}})
	if got := shape(out); got != "1:1048575 2:51425" {
		t.Errorf("files are %s", got)
	}
	_, err := j.Export(t.Context(), engine.Export{Relation: "t", Path: filepath.Join(d.out, "t.xlsx"), Format: encode.Default(encode.XLSX)})
	wantProblem(t, err, "sheet-too-large", "1100000 rows", "1048575")
}

func TestNoRowsStaged(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT * FROM ("+stagedTypes+") WHERE false")
	for _, kind := range []string{encode.Arrow, encode.Avro, encode.XLSX} {
		path := filepath.Join(d.out, "t."+kind)
		if out := export(t, j, "t", path, encode.Default(kind)); out.Rows != 0 || out.Size == 0 {
			t.Errorf("%s: %+v", kind, out)
		}
		if kind == encode.XLSX && len(cells(t, read(t, path))) != 1 {
			t.Error("the sheet has more than a header")
		}
	}
}

func TestEncryptedFiles(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT range AS id FROM range(10)")
	key, err := os.ReadFile("../encode/testdata/pgp/acme.asc")
	if err != nil {
		t.Fatal(err)
	}
	f := encode.Default(encode.CSV)
	f.Compression, f.PGP = encode.Tgz, &encode.PGP{PublicKey: string(key), Armor: true}
	e := engine.ExportFiles{Relation: "t", Format: f, OrderBy: []string{"id"}, Layout: engine.Layout{MaxRows: 5}}
	out, dir := exportFiles(t, j, d, e)
	for _, file := range out.Files {
		if text := read(t, filepath.Join(dir, file.Name)); !strings.HasPrefix(text, "-----BEGIN PGP MESSAGE-----") || !strings.HasSuffix(file.Name, ".csv.tgz.asc") {
			t.Errorf("%s begins with %.40q", file.Name, text)
		}
	}
	parquet := encode.Default(encode.Parquet)
	parquet.PGP = f.PGP
	export(t, j, "t", filepath.Join(d.out, "t.parquet.asc"), parquet)
	f.PGP = &encode.PGP{PublicKey: "keys/acme.asc"}
	_, err = j.Export(t.Context(), engine.Export{Relation: "t", Path: filepath.Join(d.out, "x"), Format: f})
	wantProblem(t, err, "pgp-key-invalid", "neither ASCII armor nor base64")
}
