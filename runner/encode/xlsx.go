package encode

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"

	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/problem"
)

// What a sheet can hold. Source: "Excel specifications and limits" of Microsoft.
const (
	maxSheetRows    = 1_048_576 // the header's too
	maxSheetColumns = 16_384
	maxCellText     = 32_767 // UTF-16 units
)

// HeaderStyle is how the header of a sheet looks.
type HeaderStyle struct {
	Bold  bool   `json:"bold,omitempty" wb:"bold"`
	Fill  string `json:"fill,omitempty" wb:"fill"`   // "#RRGGBB"; empty: none
	Color string `json:"color,omitempty" wb:"color"` // of the text, likewise
}

// MaxRows is how many rows a file of this format can have; 0: any number.
func (f Format) MaxRows() int64 {
	switch {
	case f.Kind != XLSX:
		return 0
	case f.Header:
		return maxSheetRows - 1
	}
	return maxSheetRows
}

// writeXLSX writes rows as a workbook of one sheet. The bytes depend on the rows
// alone: excelize puts fixed times into what it writes.
func writeXLSX(ctx context.Context, out io.Writer, f Format, w Work) (rows int64, err error) {
	if err := f.checkSheet(w); err != nil {
		return 0, err
	}
	book := excelize.NewFile(excelize.Options{TmpDir: filepath.Dir(w.Copied)})
	defer func() { err = errors.Join(err, book.Close()) }()
	// By itself excelize would make the whole file in memory.
	book.SetZipWriter(func(io.Writer) excelize.ZipWriter { return datedZip{zip.NewWriter(out)} })
	if err := book.SetSheetName("Sheet1", f.Sheet); err != nil {
		return 0, err
	}
	s := &sheet{f: f, book: book, relation: w.Relation, columns: w.Schema}
	if err := s.begin(w.Rows); err != nil {
		return 0, err
	}
	err = w.Read(ctx, func(row []any) error {
		rows++
		return s.add(row)
	})
	if err != nil {
		return rows, err
	}
	if err := s.out.Flush(); err != nil {
		return rows, err
	}
	return rows, book.Write(io.Discard)
}

// datedZip gives the parts of a workbook a time that exists, and always the same.
type datedZip struct{ *zip.Writer }

// Create adds a part.
func (z datedZip) Create(name string) (io.Writer, error) {
	return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: archiveTime})
}

// checkSheet refuses what no sheet can hold, and names of columns that are none.
func (f Format) checkSheet(w Work) error {
	switch {
	case w.Rows > f.MaxRows():
		p := problem.New("sheet-too-large", fmt.Sprintf("%s has %d rows, and a sheet has room for %d", w.Relation, w.Rows, f.MaxRows()), nil)
		p.Remedy = []string{fmt.Sprintf("Set max_file_rows = %d in the sink, and use ${file.number} in its key: the rows then come in several files.", 1_000_000), "Or deliver another format."}
		return p
	case len(w.Schema) > maxSheetColumns:
		p := problem.New("sheet-too-large", fmt.Sprintf("%s has %d columns, and a sheet has room for %d", w.Relation, len(w.Schema), maxSheetColumns), nil)
		p.Remedy = []string{"Choose fewer columns in a transform, or deliver another format."}
		return p
	}
	names := make([]string, len(w.Schema))
	for i, c := range w.Schema {
		names[i] = c.Name
	}
	for _, name := range sortedKeys(f.ColumnWidths) {
		if w.Schema.Index(name) < 0 {
			return problem.New("column-not-found", fmt.Sprintf("column_widths: %s has no column %q.%s", w.Relation, name, diag.Suggest(name, names)), nil)
		}
	}
	return nil
}

// A sheet is being written, row by row.
type sheet struct {
	f        Format
	book     *excelize.File
	relation string
	columns  dataset.Schema
	out      *excelize.StreamWriter
	cells    []cellFunc
	next     int // number of the next row, from 1
	row      []any
}

// begin writes all that comes before the first row.
func (s *sheet) begin(rows int64) (err error) {
	if s.out, err = s.book.NewStreamWriter(s.f.Sheet); err != nil {
		return err
	}
	types, err := trees(s.columns)
	if err != nil {
		return err
	}
	styles, err := newStyles(s.book, s.f, types)
	if err != nil {
		return err
	}
	for i, t := range types {
		s.cells = append(s.cells, styles.cells(i, t))
	}
	s.next, s.row = 1, make([]any, len(s.columns))
	for i, c := range s.columns {
		if width, ok := widthOf(s.f.ColumnWidths, c.Name); ok {
			if err := s.out.SetColWidth(i+1, i+1, width); err != nil {
				return err
			}
		}
	}
	if !s.f.Header || len(s.columns) == 0 {
		return nil
	}
	if s.f.FreezeHeader {
		if err := s.out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
			return err
		}
	}
	if s.f.Autofilter {
		last, err := excelize.CoordinatesToCellName(len(s.columns), int(rows)+1)
		if err != nil {
			return err
		}
		if err := s.book.AutoFilter(s.f.Sheet, "A1:"+last, nil); err != nil {
			return err
		}
	}
	return s.header(styles.header)
}

func (s *sheet) header(style int) error {
	for i, c := range s.columns {
		if why := textFault(c.Name); why != "" {
			return s.unsupported(fmt.Sprintf("the name of column %q", c.Name), why)
		}
		s.row[i] = excelize.Cell{StyleID: style, Value: c.Name}
	}
	return s.write()
}

// add writes a row.
func (s *sheet) add(values []any) error {
	for i, v := range values {
		if s.row[i] = nil; v == nil {
			continue
		}
		var why string
		if s.row[i], why = s.cells[i](v); why != "" {
			return s.unsupported(fmt.Sprintf("a value of column %q", s.columns[i].Name), why)
		}
	}
	return s.write()
}

func (s *sheet) write() error {
	first, err := excelize.CoordinatesToCellName(1, s.next)
	if err != nil {
		return err
	}
	s.next++
	return s.out.SetRow(first, s.row)
}

func (s *sheet) unsupported(what, why string) error {
	return problem.New("value-unsupported", fmt.Sprintf("%s: %s %s.", s.relation, what, why), nil)
}

// textFault tells why a text cannot stand in a cell; empty if it can. excelize
// would cut it, or put something else in place of a character.
func textFault(text string) string {
	if len(text) > maxCellText && len(utf16.Encode([]rune(text))) > maxCellText {
		return "is longer than the 32767 characters that a cell has room for"
	}
	if strings.ContainsFunc(text, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	}) {
		return "has a control character that a spreadsheet cannot hold"
	}
	return ""
}

func widthOf(widths map[string]float64, column string) (float64, bool) {
	for name, w := range widths {
		if strings.EqualFold(name, column) {
			return w, true
		}
	}
	return 0, false
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
