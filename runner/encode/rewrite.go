package encode

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/transform"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// rewrites reports whether the format is CSV that DuckDB cannot write: then it
// writes plain CSV, and rewriteCSV makes the rest of it. An escape character
// that is not the quote DuckDB leaves alone in values without quotes, where
// other readers take it for what it is.
func (f Format) rewrites() bool {
	f = f.withDefaults()
	written := f.QuoteMode == QuoteMinimal || f.QuoteMode == QuoteNonNull
	return f.Kind == CSV && (!written || f.Escape != f.Quote || f.LineEnding != LF || f.Encoding != UTF8 || f.RowNumber != "")
}

// rewriteCSV turns the plain CSV that DuckDB wrote into the format's own. It
// holds one value at a time, and returns the number of rows. A value that the
// format cannot express is a problem of code "value-unsupported" that names
// relation and column.
func rewriteCSV(w io.Writer, r io.Reader, f Format, relation string, columns dataset.Schema) (rows int64, err error) {
	f = f.withDefaults()
	if f.RowNumber != "" && columns.Index(f.RowNumber) >= 0 {
		return 0, numberedAlready(relation, f.RowNumber)
	}
	c := newCSVWriter(w, f, relation, columns)
	in := newRecords(r)
	c.header = f.Header
	for {
		more, err := in.more()
		if err != nil || !more {
			return rows, joinFlush(err, c.out)
		}
		if err := c.record(in, rows+1); err != nil {
			return rows, err
		}
		if !c.header {
			rows++
		}
		c.header = false
	}
}

func joinFlush(err error, w *bufio.Writer) error {
	if err != nil {
		return err
	}
	return w.Flush()
}

func numberedAlready(relation, column string) error {
	p := problem.New("column-unsuitable", fmt.Sprintf("row_number: %s has a column %q already", relation, column), nil)
	p.Remedy = []string{"Give row_number another name."}
	return p
}

// A csvWriter writes values in any dialect of CSV and any encoding.
type csvWriter struct {
	f        Format
	relation string
	columns  dataset.Schema
	numeric  []bool
	needs    [256]bool // bytes that need quotes
	encoder  transform.Transformer
	out      *bufio.Writer
	header   bool   // the record at work holds names
	cell     []byte // reused
	encoded  []byte // reused
}

func newCSVWriter(w io.Writer, f Format, relation string, columns dataset.Schema) *csvWriter {
	set := charsets[f.Encoding]
	c := &csvWriter{f: f, relation: relation, columns: columns, encoder: set.encoder(), out: bufio.NewWriterSize(w, 1<<16)}
	for _, b := range []byte(f.Delimiter + f.Quote + f.Escape + "\r\n") {
		c.needs[b] = true
	}
	for _, col := range columns {
		c.numeric = append(c.numeric, isNumeric(col.Type))
	}
	if set.bom {
		_ = c.raw("\uFEFF") // the writer remembers its error
	}
	return c
}

// isNumeric reports whether an Athena type is of numbers.
func isNumeric(athena string) bool {
	kind, _, _ := strings.Cut(athena, "(")
	switch kind {
	case "tinyint", "smallint", "integer", "int", "bigint", "real", "float", "double", "decimal":
		return true
	}
	return false
}

// record copies one record. number is the row's.
func (c *csvWriter) record(in *records, number int64) error {
	if c.f.RowNumber != "" {
		if err := c.number(number); err != nil {
			return err
		}
	}
	for i := 0; ; i++ {
		if err := in.next(); err != nil {
			return err
		}
		if i >= len(c.columns) {
			return fmt.Errorf("rewriting CSV: a record has more than %d values", len(c.columns))
		}
		if err := c.value(i, in.text, in.null); err != nil {
			return err
		}
		if in.last {
			break
		}
		if err := c.raw(c.f.Delimiter); err != nil {
			return err
		}
	}
	if c.f.LineEnding == CRLF {
		return c.raw("\r\n")
	}
	return c.raw("\n")
}

// number writes the first column, and the delimiter behind it.
func (c *csvWriter) number(n int64) error {
	text, isNumber := strconv.FormatInt(n, 10), true
	if c.header {
		text, isNumber = c.f.RowNumber, false
	}
	if err := c.text([]byte(text), c.f.RowNumber, isNumber); err != nil {
		return err
	}
	return c.raw(c.f.Delimiter)
}

// value writes the value of a column.
func (c *csvWriter) value(i int, text []byte, null bool) error {
	if !null {
		return c.text(text, c.columns[i].Name, c.numeric[i] && !c.header)
	}
	if c.f.QuoteMode == QuoteAll {
		return c.raw(c.f.Quote + c.f.Null + c.f.Quote)
	}
	return c.raw(c.f.Null)
}

// text writes a value that is not NULL.
func (c *csvWriter) text(text []byte, column string, number bool) error {
	quote := string(text) == c.f.Null || slices.ContainsFunc(text, func(b byte) bool { return c.needs[b] })
	switch c.f.QuoteMode {
	case QuoteNone:
		if quote {
			return c.unsupported(column, c.whyQuotes(text))
		}
	case QuoteMinimal: // as DuckDB does: some readers take # for a comment
		quote = quote || slices.Contains(text, '#')
	case QuoteNonNumeric:
		quote = quote || !number
	default:
		quote = true
	}
	if quote {
		text = c.enclose(text)
	}
	if err := c.write(text); err != nil {
		return c.unsupported(column, "has a character that "+c.f.Encoding+" lacks")
	}
	return nil
}

// enclose puts a value in quotes.
func (c *csvWriter) enclose(text []byte) []byte {
	quote, escape := c.f.Quote[0], c.f.Escape[0]
	c.cell = append(c.cell[:0], quote)
	for _, b := range text {
		if b == quote || b == escape {
			c.cell = append(c.cell, escape)
		}
		c.cell = append(c.cell, b)
	}
	c.cell = append(c.cell, quote)
	return c.cell
}

// whyQuotes tells why a value cannot go without quotes.
func (c *csvWriter) whyQuotes(text []byte) string {
	if string(text) != c.f.Null {
		return `has the delimiter, the quote or escape character or a line end in it, and quote_mode = "none"`
	}
	if c.f.Null == "" {
		return `is the empty text, which stands for NULL with quote_mode = "none" unless null says something else`
	}
	return `is the text that stands for NULL, and quote_mode = "none"`
}

// unsupported is the problem of a value, which it does not show.
func (c *csvWriter) unsupported(column, why string) error {
	what := "a value of column"
	if c.header {
		what = "the name of column"
	}
	return problem.New("value-unsupported", fmt.Sprintf("%s: %s %q %s.", c.relation, what, column, why), nil)
}

func (c *csvWriter) raw(text string) error { return c.write([]byte(text)) }

// write encodes what is text in UTF-8. That a character cannot be is its only
// error: the writer keeps its own, which flushing returns.
func (c *csvWriter) write(text []byte) error {
	if c.encoder == transform.Nop {
		_, _ = c.out.Write(text)
		return nil
	}
	var err error
	if c.encoded, _, err = transform.Append(c.encoder, c.encoded[:0], text); err != nil {
		return err
	}
	_, _ = c.out.Write(c.encoded)
	return nil
}
