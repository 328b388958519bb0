package athena

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"waybill/internal/dataset"
)

// Every type that a result file carries arrives under its exact name, and the
// file arrives byte for byte: how its texts become values is the engine's
// business, by the options and the schema that come with it.
func TestEveryTypeOfAResultFile(t *testing.T) {
	c := newCloud(t)
	c.columns = []column{
		{Name: "b", Type: "boolean"}, {Name: "i8", Type: "tinyint"}, {Name: "i16", Type: "smallint"}, {Name: "i32", Type: "integer"},
		{Name: "i64", Type: "bigint"}, {Name: "f32", Type: "float"}, {Name: "f64", Type: "double"},
		{Name: "d", Type: "decimal", Precision: 38, Scale: 18}, {Name: "s", Type: "varchar", Precision: 2147483647},
		{Name: "c", Type: "char", Precision: 4}, {Name: "bin", Type: "varbinary"}, {Name: "day", Type: "date"}, {Name: "t", Type: "time"},
		{Name: "ts", Type: "timestamp"}, {Name: "tz", Type: "timestamp with time zone"}, {Name: "j", Type: "json"}, {Name: "u", Type: "uuid"},
	}
	c.csv = `"b","i8","i16","i32","i64","f32","f64","d","s","c","bin","day","t","ts","tz","j","u"` + "\n" +
		`"true","-128","32767","1","9223372036854775807","3.4028235E38","NaN","99999999999999999999.999999999999999999","say ""hi"",` + "\n" + `","ab  ",` +
		`"31 32 33","2026-11-22","23:59:59.999","2026-11-22 09:00:00.000","2026-11-22 09:00:00.000 America/New_York","{""a"":1}","12151fd2-7586-11e9-8f9e-2a86e4085a59"` + "\n" +
		`,,,,,,,,"",,,,,,,,` + "\n"
	ds, err := c.source(t, nil).Extract(t.Context(), request(t))
	if err != nil {
		t.Fatal(err)
	}
	want := "b boolean, i8 tinyint, i16 smallint, i32 integer, i64 bigint, f32 real, f64 double, d decimal(38,18), s varchar, c char(4), " +
		"bin varbinary, day date, t time, ts timestamp, tz timestamp with time zone, j json, u uuid"
	if got := ds.Schema.String(); got != want {
		t.Errorf("schema:\ngot  %s\nwant %s", got, want)
	}
	if diff := cmp.Diff([]string{c.csv}, content(t, ds)); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	if ds.Format != dataset.CSV || !ds.CSV.QuotedEmpty || ds.Rows != -1 {
		t.Errorf("got %+v with %+v", ds, ds.CSV)
	}
}

// Managed results leave through our own writer, and come back as they were:
// NULL, the empty string, quotes and line breaks stay apart.
func TestWrittenRowsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 4).Draw(t, "width")
		cell := rapid.Ptr(rapid.StringOfN(rapid.RuneFrom([]rune("a\",\n\r ")), 0, 6, -1), true)
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, width, width), 0, 5).Draw(t, "rows")
		var out bytes.Buffer
		w := &resultWriter{w: bufio.NewWriter(&out)}
		for _, r := range rows {
			row := types.Row{}
			for _, c := range r {
				row.Data = append(row.Data, types.Datum{VarCharValue: c})
			}
			w.row(row)
		}
		if err := w.w.Flush(); err != nil || w.err != nil {
			t.Fatal(err, w.err)
		}
		got := parseRows(t, out.String())
		if len(rows) == 0 {
			rows = nil
		}
		if diff := cmp.Diff(rows, got); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", out.String(), diff)
		}
		if int64(out.Len()) != w.size || int64(len(rows)) != w.rows {
			t.Fatalf("counted %d bytes and %d rows", w.size, w.rows)
		}
	})
}

// parseRows reads Athena's dialect: what is not quoted is NULL.
func parseRows(t *rapid.T, text string) (rows [][]*string) {
	var row []*string
	for text != "" {
		var value *string
		if strings.HasPrefix(text, `"`) {
			var s strings.Builder
			for text = text[1:]; ; text = text[2:] {
				i := strings.IndexByte(text, '"')
				s.WriteString(text[:i])
				text = text[i:]
				if !strings.HasPrefix(text, `""`) {
					break
				}
				s.WriteByte('"')
			}
			text = text[1:]
			value = ptr(s.String())
		}
		row = append(row, value)
		switch text[0] {
		case ',':
		case '\n':
			rows, row = append(rows, row), nil
		default:
			t.Fatalf("unexpected %q", text)
		}
		text = text[1:]
	}
	return rows
}
