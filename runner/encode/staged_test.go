package encode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
	"pgregory.net/rapid"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// every has a column of every type that staged formats are given.
var every = dataset.Schema{
	{Name: "b", Type: "boolean"}, {Name: "t", Type: "tinyint"}, {Name: "s", Type: "smallint"}, {Name: "i", Type: "integer"}, {Name: "l", Type: "bigint"},
	{Name: "r", Type: "real"}, {Name: "d", Type: "double"}, {Name: "n", Type: "decimal(38,3)"}, {Name: "v", Type: "varchar"}, {Name: "x", Type: "varbinary"},
	{Name: "da", Type: "date"}, {Name: "ti", Type: "time"}, {Name: "ts", Type: "timestamp"}, {Name: "tz", Type: "timestamp with time zone"},
	{Name: "j", Type: "json"}, {Name: "u", Type: "uuid"}, {Name: "a", Type: "array(bigint)"}, {Name: "m", Type: "map(varchar, bigint)"},
	{Name: "mi", Type: "map(integer, varchar)"}, {Name: "st", Type: "row(x integer, y array(varchar))"},
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02T15:04:05.999999", text)
	if err != nil {
		panic(err)
	}
	return t
}

// everyRow are rows of every, as Rows describes them: usual values, the least
// and the greatest, and nothing.
func everyRows() [][]any {
	huge, _ := new(big.Int).SetString("-99999999999999999999999999999999999999", 10)
	return [][]any{
		{true, int64(1), int64(2), int64(3), int64(4), float32(0.1), 0.1, big.NewInt(1125), "é\"\n", []byte("bin\x00"), at("2020-01-31T00:00:00"), at("0001-01-01T10:11:12.123456"),
			at("2020-01-31T10:11:12.123456"), at("2020-01-31T08:11:12"), `{"a":1}`, "00000000-0000-0000-0000-00000000000a", []any{int64(1), nil},
			[]Entry{{"k", int64(1)}, {"a", nil}}, []Entry{{int64(2), "two"}, {int64(1), nil}}, map[string]any{"x": int64(5), "y": []any{"s", nil}}},
		{false, int64(-128), int64(-32768), int64(-1 << 31), int64(-1 << 63), float32(-1e38), -1e308, huge, "", []byte{}, at("0001-01-01T00:00:00"), at("0001-01-01T00:00:00"),
			at("0001-01-01T00:00:00"), at("9999-12-31T23:59:59.999999"), `null`, "ffffffff-ffff-ffff-ffff-ffffffffffff", []any{}, []Entry{}, []Entry{}, map[string]any{"x": nil, "y": nil}},
		make([]any, len(every)),
	}
}

// rowsOf hands over these rows, and makes sure that nobody keeps one.
func rowsOf(rows [][]any) Rows {
	return func(ctx context.Context, each func([]any) error) error {
		for _, r := range rows {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			row := append([]any(nil), r...)
			if err := each(row); err != nil {
				return err
			}
			clear(row)
		}
		return nil
	}
}

// finishRows makes an artifact of rows. Nothing but the artifact is left.
func finishRows(t testing.TB, f Format, columns dataset.Schema, rows [][]any) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	if err := os.WriteFile(src, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, finishErr := f.Finish(t.Context(), Work{Copied: src, Finished: dst, Relation: "transform.t", Schema: columns, Rows: int64(len(rows)), Read: rowsOf(rows)})
	data, err := os.ReadFile(dst)
	left, dirErr := os.ReadDir(dir)
	if dirErr != nil || finishErr == nil && (err != nil || len(left) != 1) || finishErr != nil && len(left) > 0 {
		t.Fatalf("%v, %v: %d files are left", finishErr, err, len(left))
	}
	return data, finishErr
}

func TestStagedFormatsAreDeterministic(t *testing.T) {
	for _, f := range stagedFormats() {
		columns, rows := every, everyRows()
		if f.Kind == XLSX {
			columns, rows = sheetColumns, sheetRows()
		}
		one, err := finishRows(t, f, columns, rows)
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		two, err := finishRows(t, f, columns, rows)
		if err != nil || !bytes.Equal(one, two) {
			t.Errorf("%s %s: the same rows give other bytes, %v", f.Kind, f.Compression, err)
		}
	}
}

func stagedFormats() []Format {
	var out []Format
	for _, kind := range []string{XLSX, Arrow, Avro} {
		for _, c := range compressions[kind] {
			f := Default(kind)
			f.Compression = c
			out = append(out, f)
		}
	}
	return append(out, Format{Kind: Arrow, Container: ArrowStream, Compression: Zstd})
}

// What ends the reading of rows ends the artifact.
func TestStagedFormatsFail(t *testing.T) {
	for _, f := range stagedFormats() {
		dir := t.TempDir()
		src := filepath.Join(dir, "src")
		for name, tt := range map[string]struct {
			read Rows
			rows int64
		}{
			"an error": {func(context.Context, func([]any) error) error { return errors.New("cut off") }, 0},
			"fewer":    {rowsOf([][]any{{int64(1)}}), 2},
			"half done": {func(_ context.Context, each func([]any) error) error {
				return errors.Join(each([]any{int64(1)}), errors.New("cut off"))
			}, 1},
		} {
			if err := os.WriteFile(src, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := f.Finish(t.Context(), Work{Copied: src, Finished: filepath.Join(dir, "dst"), Schema: columns("bigint"), Rows: tt.rows, Read: tt.read})
			if err == nil {
				t.Errorf("%s %s: %s is no error", f.Kind, f.Compression, name)
			}
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left, %v", f.Kind, left, err)
		}
	}
}

func TestArrowOfEveryType(t *testing.T) {
	const schema = "b bool, t int8, s int16, i int32, l int64, r float32, d float64, n decimal(38, 3), v utf8, x binary, da date32, ti time64[us], ts timestamp[us], tz timestamp[us, tz=UTC], " +
		"j utf8, u extension<arrow.uuid>, a list<item: int64, nullable>, m map<utf8, int64, items_nullable>, mi map<int32, utf8, items_nullable>, st struct<x: int32, y: list<item: utf8, nullable>>"
	for _, f := range stagedFormats() {
		if f.Kind != Arrow {
			continue
		}
		data, err := finishRows(t, f, every, everyRows())
		if err != nil {
			t.Fatal(err)
		}
		got, rows := readArrow(t, f, data)
		if got != schema {
			t.Errorf("%s: the schema is\n%s, want\n%s", f.Container, got, schema)
		}
		want := []string{
			`true 1 2 3 4 0.1 0.1 1.125 é"` + "\n" + ` YmluAA== 2020-01-31 10:11:12.123456 2020-01-31T10:11:12.123456Z 2020-01-31T08:11:12Z {"a":1} 00000000-0000-0000-0000-00000000000a [1,null] [{"key":"k","value":1},{"key":"a","value":null}] [{"key":2,"value":"two"},{"key":1,"value":null}] {"x":5,"y":["s",null]}`,
			`false -128 -32768 -2147483648 -9223372036854775808 -1e+38 -1e+308 -99999999999999999999999999999999999.999   0001-01-01 00:00:00.000000 0001-01-01T00:00:00Z 9999-12-31T23:59:59.999999Z null ffffffff-ffff-ffff-ffff-ffffffffffff [] [] [] {"x":null,"y":null}`,
			strings.TrimSpace(strings.Repeat("(null) ", len(every))),
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s %s:\n%s", f.Container, f.Compression, diff)
		}
	}
}

// readArrow reads Arrow IPC as texts: its columns, and its rows.
func readArrow(t *testing.T, f Format, data []byte) (schema string, rows []string) {
	t.Helper()
	var columns []string
	add := func(batch arrow.RecordBatch) {
		columns = nil
		for _, field := range batch.Schema().Fields() {
			columns = append(columns, field.Name+" "+field.Type.String())
		}
		for row := range int(batch.NumRows()) {
			values := make([]string, batch.NumCols())
			for i := range values {
				values[i] = batch.Column(i).ValueStr(row)
			}
			rows = append(rows, strings.Join(values, " "))
		}
	}
	if f.Container == ArrowStream {
		r, err := ipc.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		for r.Next() {
			add(r.RecordBatch())
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
		return strings.Join(columns, ", "), rows
	}
	r, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.NumRecords() {
		batch, err := r.RecordBatch(i)
		if err != nil {
			t.Fatal(err)
		}
		add(batch)
	}
	return strings.Join(columns, ", "), rows
}

func TestAvroOfEveryType(t *testing.T) {
	for _, f := range stagedFormats() {
		if f.Kind != Avro {
			continue
		}
		data, err := finishRows(t, f, every, everyRows())
		if err != nil {
			t.Fatal(err)
		}
		got := avroRows(t, data)
		if len(got) != 3 {
			t.Fatalf("%d rows", len(got))
		}
		want := map[string]string{
			"b": "true", "t": "1", "s": "2", "i": "3", "l": "4", "r": "0.1", "d": "0.1", "n": "9/8", "v": "é\"\n", "x": "[98 105 110 0]", "da": "2020-01-31 00:00:00 +0000 UTC",
			"ti": "10h11m12.123456s", "ts": "2020-01-31 10:11:12.123456 +0000 UTC", "tz": "2020-01-31 08:11:12 +0000 UTC", "j": `{"a":1}`, "u": "00000000-0000-0000-0000-00000000000a",
			"a": "[1 <nil>]", "m": "map[a:<nil> k:1]", "mi": "[map[key:2 value:two] map[key:1 value:<nil>]]", "st": "map[x:5 y:[s <nil>]]",
		}
		for name, text := range want {
			if v := fmt.Sprint(got[0][name]); v != text {
				t.Errorf("%s: %s is %s, want %s", f.Compression, name, v, text)
			}
			if got[2][name] != nil {
				t.Errorf("%s is %v, want null", name, got[2][name])
			}
		}
		least := map[string]string{"t": "-128", "s": "-32768", "i": "-2147483648", "l": "-9223372036854775808", "n": "-99999999999999999999999999999999999999/1000", "v": "", "x": "[]",
			"da": "0001-01-01 00:00:00 +0000 UTC", "tz": "9999-12-31 23:59:59.999999 +0000 UTC", "a": "[]", "m": "map[]", "mi": "[]", "st": "map[x:<nil> y:<nil>]"}
		for name, text := range least {
			if v := fmt.Sprint(got[1][name]); v != text {
				t.Errorf("%s: the least %s is %s, want %s", f.Compression, name, v, text)
			}
		}
	}
}

// avroRows reads an Avro file by a library that did not encode its rows.
func avroRows(t testing.TB, data []byte) []map[string]any {
	t.Helper()
	r, err := ocf.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []map[string]any
	for {
		var row map[string]any
		if err := r.Decode(&row); err != nil {
			if errors.Is(err, io.EOF) {
				return out
			}
			t.Fatal(err)
		}
		out = append(out, row)
	}
}

func TestAvroNames(t *testing.T) {
	for name, columns := range map[string]dataset.Schema{
		"é":   {{Name: "é", Type: "bigint"}},
		"1st": {{Name: "a", Type: "row(\"1st\" bigint)"}},
		"a b": {{Name: "a", Type: "map(varchar, array(row(\"a b\" bigint)))"}},
	} {
		_, err := finishRows(t, Default(Avro), columns, nil)
		if p := problem.As(err); p == nil || p.Code != "column-unsuitable" || !strings.Contains(p.Summary, fmt.Sprintf("%q cannot be a name in Avro", name)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// Records of one path have names of their own.
	same := dataset.Schema{{Name: "a_b", Type: "row(x bigint)"}, {Name: "a", Type: "row(b row(x bigint))"}}
	if _, err := finishRows(t, Default(Avro), same, [][]any{{nil, map[string]any{"b": map[string]any{"x": int64(1)}}}}); err != nil {
		t.Error(err)
	}
}

// The numbers of a decimal come out of their bytes as they went in.
func TestAvroDecimals(t *testing.T) {
	schema := avro.MustParse(`{"type": "bytes", "logicalType": "decimal", "precision": 60, "scale": 0}`)
	rapid.Check(t, func(t *rapid.T) {
		n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
		if rapid.Bool().Draw(t, "negative") {
			n.Neg(n)
		}
		data := twosComplement(n)
		if len(data) > 1 && (data[0] == 0 && data[1] < 0x80 || data[0] == 0xff && data[1] >= 0x80) {
			t.Errorf("%v has a byte too many: %x", n, data)
		}
		var got any
		if rest, err := schema.Decode(appendBytes(nil, data), &got); err != nil || len(rest) > 0 {
			t.Fatal(err)
		}
		if r, ok := got.(*big.Rat); !ok || !r.IsInt() || r.Num().Cmp(n) != 0 {
			t.Fatalf("%v came out as %v", n, got)
		}
	})
}

// Many rows come in several batches and blocks.
func TestManyStagedRows(t *testing.T) {
	const n = batchRows + 10
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = []any{int64(i), "some text of a usual length"}
	}
	for _, f := range []Format{Default(Arrow), Default(Avro)} {
		data, err := finishRows(t, f, columns("bigint", "varchar"), rows)
		if err != nil {
			t.Fatal(err)
		}
		if f.Kind == Arrow {
			if _, got := readArrow(t, f, data); len(got) != n || got[n-1] != fmt.Sprintf("%d some text of a usual length", n-1) {
				t.Errorf("%d rows came out as %d", n, len(got))
			}
			continue
		}
		if got := avroRows(t, data); len(got) != n || got[n-1]["c0"] != int64(n-1) {
			t.Errorf("%d rows came out as %d", n, len(got))
		}
	}
}
