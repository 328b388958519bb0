package encode

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// sheetColumns has a column of every type that comes to a sheet; others come as
// texts.
var sheetColumns = dataset.Schema{
	{Name: "flag", Type: "boolean"}, {Name: "n", Type: "bigint"}, {Name: "r", Type: "real"}, {Name: "d", Type: "double"}, {Name: "total", Type: "decimal(20,2)"},
	{Name: "name", Type: "varchar"}, {Name: "day", Type: "date"}, {Name: "clock", Type: "time"}, {Name: "at", Type: "timestamp"}, {Name: "instant", Type: "timestamp with time zone"},
}

func sheetRows() [][]any {
	return [][]any{
		{true, int64(999_999_999_999_999), float32(0.1), 0.1, big.NewInt(123450), " =1+1 <&> é\r\n_x0041_", at("2020-01-31T00:00:00"), at("0001-01-01T06:00:00"), at("2020-01-31T12:00:00"), at("2020-01-31T18:00:00.5")},
		{false, int64(-1_000_000_000_000_000), float32(-2), 1e300, big.NewInt(-5), "", at("1900-02-28T00:00:00"), at("0001-01-01T10:11:12.123456"), at("1899-12-31T10:00:00"), at("2020-01-31T18:00:00.123456")},
		make([]any, 10),
	}
}

// A workbook is read here without the library that wrote it.
type workbook struct {
	parts map[string]string
	Sheet struct {
		Views struct {
			Pane struct {
				YSplit string `xml:"ySplit,attr"`
				State  string `xml:"state,attr"`
			} `xml:"sheetView>pane"`
		} `xml:"sheetViews"`
		Columns []struct {
			Min   int     `xml:"min,attr"`
			Width float64 `xml:"width,attr"`
		} `xml:"cols>col"`
		Rows []struct {
			Cells []struct {
				At    string  `xml:"r,attr"`
				Type  string  `xml:"t,attr"`
				Style int     `xml:"s,attr"`
				Value string  `xml:"v"`
				Text  *string `xml:"is>t"`
			} `xml:"c"`
		} `xml:"sheetData>row"`
		Filter struct {
			Ref string `xml:"ref,attr"`
		} `xml:"autoFilter"`
	}
	Styles struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
			Font   int `xml:"fontId,attr"`
			Fill   int `xml:"fillId,attr"`
		} `xml:"cellXfs>xf"`
	}
}

func readWorkbook(t *testing.T, data []byte) *workbook {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	w := &workbook{parts: map[string]string{}}
	for _, f := range z.File {
		if !f.Modified.Equal(archiveTime) {
			t.Errorf("%s is of %v", f.Name, f.Modified)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		w.parts[f.Name] = string(text)
	}
	for part, into := range map[string]any{"xl/worksheets/sheet1.xml": &w.Sheet, "xl/styles.xml": &w.Styles} {
		if err := xml.Unmarshal([]byte(w.parts[part]), into); err != nil {
			t.Fatalf("%s: %v", part, err)
		}
	}
	return w
}

// rows are the cells as texts: type, value, and pattern if there is one.
func (w *workbook) rows() [][]string {
	patterns := map[int]string{}
	for _, f := range w.Styles.Formats {
		patterns[f.ID] = f.Code
	}
	var out [][]string
	for _, r := range w.Sheet.Rows {
		var row []string
		for _, c := range r.Cells {
			text := fmt.Sprintf("%s %s %s", c.At, c.Type, c.Value)
			if c.Text != nil {
				text = fmt.Sprintf("%s %q", c.At, *c.Text)
			}
			if p := patterns[w.Styles.Cells[c.Style].Format]; p != "" {
				text += " " + p
			}
			row = append(row, text)
		}
		out = append(out, row)
	}
	return out
}

func TestSheetOfEveryType(t *testing.T) {
	data, err := finishRows(t, Default(XLSX), sheetColumns, sheetRows())
	if err != nil {
		t.Fatal(err)
	}
	w := readWorkbook(t, data)
	want := [][]string{
		{`A1 "flag"`, `B1 "n"`, `C1 "r"`, `D1 "d"`, `E1 "total"`, `F1 "name"`, `G1 "day"`, `H1 "clock"`, `I1 "at"`, `J1 "instant"`},
		{`A2 b 1`, `B2  999999999999999 0`, `C2  0.1`, `D2  0.1`, `E2  1234.5 0.00`, `F2 " =1+1 <&> é\r\n_x005F_x0041_"`, `G2  43861 yyyy-mm-dd`, `H2  0.25 hh:mm:ss`, `I2  43861.5 yyyy-mm-dd hh:mm:ss`, `J2  43861.750005787035 yyyy-mm-dd hh:mm:ss.000`},
		{`A3 b 0`, `B3 "-1000000000000000"`, `C3  -2`, `D3  1` + strings.Repeat("0", 300), `E3  -0.05 0.00`, `F3 ""`, `G3 "1900-02-28"`, `H3 "10:11:12.123456"`, `I3 "1899-12-31 10:00:00"`, `J3 "2020-01-31 18:00:00.123456+00"`},
		nil,
	}
	if diff := cmp.Diff(want, w.rows()); diff != "" {
		t.Error(diff)
	}
	if p := w.Sheet.Views.Pane; p.YSplit != "1" || p.State != "frozen" {
		t.Errorf("the header is not frozen: %+v", p)
	}
	if w.Sheet.Filter.Ref != "" || len(w.Sheet.Columns) > 0 || !strings.Contains(w.parts["xl/workbook.xml"], `name="Sheet1"`) {
		t.Error("the sheet is not as it is by default")
	}
	if style := w.Styles.Cells[w.Sheet.Rows[0].Cells[0].Style]; !strings.Contains(w.parts["xl/styles.xml"], "<b") || style.Font == 0 {
		t.Error("the header is not bold")
	}
}

func TestSheetOptions(t *testing.T) {
	f := Default(XLSX)
	f.Sheet, f.Autofilter, f.ColumnWidths, f.HeaderStyle = "Größe & <co>", true, map[string]float64{"C1": 30.5}, &HeaderStyle{Fill: "#1F4E78", Color: "#ffffff"}
	data, err := finishRows(t, f, columns("varchar", "bigint"), [][]any{{"a", int64(1)}, {"b", int64(2)}})
	if err != nil {
		t.Fatal(err)
	}
	w := readWorkbook(t, data)
	if w.Sheet.Filter.Ref != "A1:B3" && w.Sheet.Filter.Ref != "$A$1:$B$3" {
		t.Errorf("the filter is of %q", w.Sheet.Filter.Ref)
	}
	if c := w.Sheet.Columns; len(c) != 1 || c[0].Min != 2 || c[0].Width != 30.5 {
		t.Errorf("widths are %+v", c)
	}
	for part, text := range map[string]string{"xl/workbook.xml": "Größe &amp; &lt;co&gt;", "xl/styles.xml": "1F4E78"} {
		if !strings.Contains(w.parts[part], text) {
			t.Errorf("%s has no %s:\n%s", part, text, w.parts[part])
		}
	}
	if !strings.Contains(strings.ToUpper(w.parts["xl/styles.xml"]), "FFFFFF") {
		t.Error("the header has no color")
	}

	f.Header = false
	if data, err = finishRows(t, f, columns("varchar"), nil); err == nil {
		t.Error("a width of a column that is not there was accepted")
	}
	f.ColumnWidths = nil
	if data, err = finishRows(t, f, columns("varchar"), [][]any{{"a"}}); err != nil {
		t.Fatal(err)
	}
	if w = readWorkbook(t, data); len(w.Sheet.Rows) != 1 || w.Sheet.Views.Pane.State != "" || w.Sheet.Filter.Ref != "" {
		t.Errorf("without a header there is %+v", w.Sheet)
	}
}

func TestSheetRefuses(t *testing.T) {
	one := columns("varchar")
	wide := make(dataset.Schema, maxSheetColumns+1)
	for i := range wide {
		wide[i] = dataset.Column{Name: fmt.Sprint("c", i), Type: "bigint"}
	}
	widths := Default(XLSX)
	widths.ColumnWidths = map[string]float64{"C00": 3}
	for says, tt := range map[string]struct {
		f       Format
		columns dataset.Schema
		row     []any
		code    string
	}{
		"a value of column \"c0\" is longer than the 32767":       {Default(XLSX), one, []any{strings.Repeat("😀", maxCellText/2+1)}, "value-unsupported"},
		"a value of column \"c0\" has a control character":        {Default(XLSX), one, []any{"a\x01"}, "value-unsupported"},
		"a value of column \"c0\" is NaN or Infinity":             {Default(XLSX), columns("double"), []any{math.NaN()}, "value-unsupported"},
		"is NaN or Infinity, which":                               {Default(XLSX), columns("real"), []any{float32(math.Inf(1))}, "value-unsupported"},
		"is a date before the year 1":                             {Default(XLSX), columns("date"), []any{at("0001-01-01T00:00:00").AddDate(-1, 0, 0)}, "value-unsupported"},
		"after the year 9999":                                     {Default(XLSX), columns("timestamp"), []any{at("9999-12-31T00:00:00").AddDate(1, 0, 0)}, "value-unsupported"},
		`the name of column "a\vb" has a control`:                 {Default(XLSX), dataset.Schema{{Name: "a\vb", Type: "bigint"}}, []any{int64(1)}, "value-unsupported"},
		"transform.t has 16385 columns":                           {Default(XLSX), wide, make([]any, len(wide)), "sheet-too-large"},
		`column_widths: transform.t has no column "C00". Did you`: {widths, one, []any{"a"}, "column-not-found"},
	} {
		_, err := finishRows(t, tt.f, tt.columns, [][]any{tt.row})
		if p := problem.As(err); p == nil || p.Code != tt.code || !strings.Contains(p.Summary, says) {
			t.Errorf("got %v, want %s", err, says)
		}
	}
	for rows, header := range map[int64]bool{maxSheetRows: true, maxSheetRows + 1: false} {
		f := Default(XLSX)
		f.Header = header
		_, err := f.Finish(t.Context(), Work{Copied: t.TempDir() + "/none", Finished: t.TempDir() + "/none", Relation: "transform.t", Schema: one, Rows: rows})
		if p := problem.As(err); p == nil || p.Code != "sheet-too-large" || !strings.Contains(p.Remedy[0], "max_file_rows = 1000000") {
			t.Errorf("%d rows: %v", rows, err)
		}
	}
	// A text of the greatest length goes in.
	if _, err := finishRows(t, Default(XLSX), one, [][]any{{strings.Repeat("é", maxCellText)}}); err != nil {
		t.Error(err)
	}
}

func TestDecimalTexts(t *testing.T) {
	for want, tt := range map[string]struct {
		n     int64
		scale int
	}{"0.00": {0, 2}, "-0.05": {-5, 2}, "12.34": {1234, 2}, "7": {7, 0}, "-100": {-100, 0}, "0.1": {1, 1}} {
		if got := decimalText(big.NewInt(tt.n), tt.scale); got != want {
			t.Errorf("%d with %d digits is %s, want %s", tt.n, tt.scale, got, want)
		}
	}
	// Fifteen digits are a number, and sixteen a text.
	if _, text := decimalCell(1, "-1234567890123.45").(string); text {
		t.Error("15 digits became a text")
	}
	if _, text := decimalCell(1, "12345678901234.56").(string); !text {
		t.Error("16 digits became a number")
	}
}

// Options of sheets that came another way than by a block.
func TestCheckSheet(t *testing.T) {
	for says, change := range map[string]func(*Format){
		"more than 31":          func(f *Format) { f.Sheet = strings.Repeat("é", 32) },
		"no sheet's name":       func(f *Format) { f.Sheet = "a?" },
		"'quoted":               func(f *Format) { f.Sheet = "'quoted" },
		"column_widths: \"a\"":  func(f *Format) { f.ColumnWidths = map[string]float64{"a": math.NaN()} },
		"header_style.color":    func(f *Format) { f.HeaderStyle = &HeaderStyle{Color: "FFFFFF"} },
		"compression: \"gzip\"": func(f *Format) { f.Compression = Gzip },
	} {
		f := Default(XLSX)
		change(&f)
		if p := problem.As(f.Check()); p == nil || p.Code != "invalid-value" || !strings.Contains(p.Summary, says) {
			t.Errorf("%s: got %v", says, p)
		}
	}
	for kind, code := range map[string]string{"pdf": "not-supported-yet", "png": "not-supported-yet", "arrow": ""} {
		if p := problem.As(Default(kind).Check()); p == nil && code != "" || p != nil && p.Code != code {
			t.Errorf("%s: %v", kind, p)
		}
	}
	if err := (Format{Kind: Arrow, Container: "feather"}).Check(); err == nil {
		t.Error("another container was accepted")
	}
}
