package encode

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"waybill/internal/sqltype"
)

// A spreadsheet calculates with doubles and shows 15 digits of them: a longer
// number is written as text, or it would become another one.
const maxDigits = 15

// A cellFunc makes a cell of a value that is not NULL. If it cannot, it says
// why.
type cellFunc func(v any) (cell any, why string)

// styles are the numbers that a workbook gave the looks of cells.
type styles struct {
	header, date, second, milli, clock, clockMilli, whole int

	decimal []int // by column
}

func newStyles(book *excelize.File, f Format, types []sqltype.Tree) (s styles, err error) {
	add := func(into *int, style excelize.Style) {
		if err == nil {
			*into, err = book.NewStyle(&style)
		}
	}
	number := func(into *int, pattern string) { add(into, excelize.Style{CustomNumFmt: &pattern}) }
	add(&s.header, f.HeaderStyle.excel())
	number(&s.date, "yyyy-mm-dd")
	number(&s.second, "yyyy-mm-dd hh:mm:ss")
	number(&s.milli, "yyyy-mm-dd hh:mm:ss.000")
	number(&s.clock, "hh:mm:ss")
	number(&s.clockMilli, "hh:mm:ss.000")
	number(&s.whole, "0") // without it 12 digits are shown as 1.23457E+11
	s.decimal = make([]int, len(types))
	for i, t := range types {
		if t.Name == "DECIMAL" {
			number(&s.decimal[i], strings.TrimSuffix("0."+strings.Repeat("0", t.Args[1]), "."))
		}
	}
	return s, err
}

// excel is the style in excelize's words. Without a block headers are bold.
func (h *HeaderStyle) excel() excelize.Style {
	if h == nil {
		h = &HeaderStyle{Bold: true}
	}
	style := excelize.Style{Font: &excelize.Font{Bold: h.Bold, Color: strings.TrimPrefix(h.Color, "#")}}
	if h.Fill != "" {
		style.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{strings.TrimPrefix(h.Fill, "#")}}
	}
	return style
}

// cells makes the cells of a column. Types that a sheet has none for come as
// texts: see AsText.
func (s styles) cells(column int, t sqltype.Tree) cellFunc {
	switch t.Name {
	case "BOOLEAN":
		return func(v any) (any, string) { return v, "" }
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT":
		return func(v any) (any, string) { return s.wholeCell(v.(int64)), "" }
	case "FLOAT":
		return func(v any) (any, string) { return v, notANumber(float64(v.(float32))) }
	case "DOUBLE":
		return func(v any) (any, string) { return v, notANumber(v.(float64)) }
	case "DECIMAL":
		return func(v any) (any, string) {
			return decimalCell(s.decimal[column], decimalText(v.(*big.Int), t.Args[1])), ""
		}
	case "DATE":
		return func(v any) (any, string) { return s.dateCell(v.(time.Time)) }
	case "TIME":
		return func(v any) (any, string) { return s.clockCell(v.(time.Time)), "" }
	case "TIMESTAMP":
		return func(v any) (any, string) { return s.timeCell(v.(time.Time), "") }
	case "TIMESTAMP WITH TIME ZONE":
		return func(v any) (any, string) { return s.timeCell(v.(time.Time), "+00") }
	}
	return func(v any) (any, string) { return v, textFault(v.(string)) }
}

// AsText reports whether values of a type, as sqltype names it, must come to
// this format as the texts that CSV has for them.
func (f Format) AsText(t sqltype.Tree) bool {
	switch t.Name {
	case "LIST", "MAP", "STRUCT", "BLOB":
		return f.Kind == XLSX
	}
	return false
}

func (s styles) wholeCell(n int64) any {
	if text := strconv.FormatInt(n, 10); len(strings.TrimPrefix(text, "-")) > maxDigits {
		return text
	}
	return excelize.Cell{StyleID: s.whole, Value: n}
}

func notANumber(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "is NaN or Infinity, which a spreadsheet cannot hold"
	}
	return ""
}

// decimalText writes a number with that many digits behind the point.
func decimalText(n *big.Int, scale int) string {
	digits := new(big.Int).Abs(n).String()
	if short := scale + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if n.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

// decimalCell is a number of that many digits at most, or a text.
func decimalCell(style int, text string) any {
	digits := strings.TrimLeft(strings.NewReplacer("-", "", ".", "").Replace(text), "0")
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || len(digits) > maxDigits {
		return text
	}
	return excelize.Cell{StyleID: style, Value: f}
}

// Days of a spreadsheet, which counts from 1899-12-30 since it takes 1900 for a
// leap year; before March 1900 it is therefore a day off, and before 1900 it
// knows no dates.
const (
	sheetEpoch = 25569 // 1970-01-01
	firstDay   = 61    // 1900-03-01
)

const noDate = "is a date before the year 1, after the year 9999 or infinite"

// onSheet is the day of a time on a sheet. why is set if no reader could make
// sense of it.
func onSheet(t time.Time) (day int64, why string) {
	if t.Year() < 1 || t.Year() > 9999 {
		return 0, noDate
	}
	return dayOf(t) + sheetEpoch, ""
}

func (s styles) dateCell(t time.Time) (any, string) {
	day, why := onSheet(t)
	if day < firstDay {
		return t.Format(time.DateOnly), why
	}
	return excelize.Cell{StyleID: s.date, Value: day}, why
}

// timeCell is a point in time. What is finer than milliseconds would be lost,
// and is written as text.
func (s styles) timeCell(t time.Time, zone string) (any, string) {
	day, why := onSheet(t)
	if day < firstDay || t.Nanosecond()%1e6 != 0 {
		return t.Format("2006-01-02 15:04:05.999999") + zone, why
	}
	style := s.second
	if t.Nanosecond() != 0 {
		style = s.milli
	}
	return excelize.Cell{StyleID: style, Value: float64(day) + ofDay(t)}, why
}

func (s styles) clockCell(t time.Time) any {
	switch {
	case t.Nanosecond()%1e6 != 0:
		return t.Format("15:04:05.999999")
	case t.Nanosecond() != 0:
		return excelize.Cell{StyleID: s.clockMilli, Value: ofDay(t)}
	}
	return excelize.Cell{StyleID: s.clock, Value: ofDay(t)}
}

// ofDay is a time of day as a part of the day.
func ofDay(t time.Time) float64 {
	return float64(microsOfDay(t)) / float64(24*time.Hour/time.Microsecond)
}
