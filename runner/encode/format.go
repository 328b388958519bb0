// Package encode knows the formats of artifacts: what can be configured, which
// SQL writes them, how what DuckDB wrote is turned into what it cannot write,
// how files are packed and encrypted, and how a finished file is checked and
// sealed. DuckDB itself is not in here; it executes what CopySQL says.
package encode

import (
	"fmt"
	"slices"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/schema"
)

// The kinds of format that an artifact can have.
const (
	Parquet = string(dataset.Parquet)
	CSV     = string(dataset.CSV)
	NDJSON  = string(dataset.NDJSON)
	JSON    = "json"
	XLSX    = "xlsx"
	Arrow   = "arrow"
	Avro    = "avro"
)

// The compressions. Parquet, Arrow and Avro compress inside the file, text around it.
const (
	None   = "none"
	Snappy = "snappy" // Parquet and Avro
	Gzip   = "gzip"
	Zstd   = "zstd"
	Zip    = "zip" // an archive of one file
	Tgz    = "tgz" // likewise
	LZ4    = "lz4" // Arrow only
	// Deflate is what every reader of Avro knows.
	Deflate = "deflate"
)

// Quote modes of CSV. In all but QuoteAll NULL is never quoted.
const (
	QuoteMinimal    = "minimal"     // what needs it: delimiters, quotes, line ends, texts that look like null
	QuoteAll        = "all"         // every value, NULL too
	QuoteNonNull    = "non_null"    // every value but NULL
	QuoteNonNumeric = "non_numeric" // every value but numbers and NULL
	QuoteNone       = "none"        // nothing: a value that needs it is refused
)

// Line endings of CSV.
const (
	LF   = "lf"
	CRLF = "crlf"
)

// Format is how an artifact is encoded. Empty texts and zeros stand for the
// defaults that Block documents; Header has none, so make one by Default.
type Format struct {
	Kind        string `json:"kind" wb:",label"`
	Compression string `json:"compression,omitempty" wb:"compression"`

	// RowGroupRows is the number of rows in a row group of Parquet, which
	// DuckDB rounds up to a multiple of 2048.
	RowGroupRows int64 `json:"row_group_rows,omitempty" wb:"row_group_rows"`

	// These are of CSV.
	Delimiter      string `json:"delimiter,omitempty" wb:"delimiter"`
	Quote          string `json:"quote,omitempty" wb:"quote"`
	Escape         string `json:"escape,omitempty" wb:"escape"`
	QuoteMode      string `json:"quote_mode,omitempty" wb:"quote_mode"`
	Header         bool   `json:"header,omitempty" wb:"header"`
	Null           string `json:"null,omitempty" wb:"null"`
	LineEnding     string `json:"line_ending,omitempty" wb:"line_ending"`
	Encoding       string `json:"encoding,omitempty" wb:"encoding"`
	RowNumber      string `json:"row_number,omitempty" wb:"row_number"` // name of the column; empty: none
	EscapeFormulas bool   `json:"escape_formulas,omitempty" wb:"escape_formulas"`

	// These are strftime patterns, of text; empty is ISO 8601.
	DateFormat      string `json:"date_format,omitempty" wb:"date_format"`
	TimestampFormat string `json:"timestamp_format,omitempty" wb:"timestamp_format"`

	// These are of XLSX, which has Header too.
	Sheet        string             `json:"sheet,omitempty" wb:"sheet"`
	HeaderStyle  *HeaderStyle       `json:"header_style,omitempty" wb:"header_style"`
	FreezeHeader bool               `json:"freeze_header,omitempty" wb:"freeze_header"`
	Autofilter   bool               `json:"autofilter,omitempty" wb:"autofilter"`
	ColumnWidths map[string]float64 `json:"column_widths,omitempty" wb:"column_widths"` // in characters

	// Container is ArrowFile or ArrowStream.
	Container string `json:"container,omitempty" wb:"container"`

	// PGP encrypts the file, of whatever kind, once it is finished; nil does not.
	// It comes from a block of the sink's own.
	PGP *PGP `json:"pgp,omitempty"`
}

// Default returns the format of a kind as an empty block configures it.
func Default(kind string) Format {
	return Format{Kind: kind, Header: kind == CSV || kind == XLSX, FreezeHeader: kind == XLSX}.withDefaults()
}

// withDefaults fills what is empty and has a default that is not.
func (f Format) withDefaults() Format {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	switch f.Kind {
	case Parquet:
		set(&f.Compression, Zstd)
		if f.RowGroupRows == 0 {
			f.RowGroupRows = 122880
		}
	case CSV:
		set(&f.Delimiter, ",")
		set(&f.Quote, `"`)
		set(&f.Escape, `"`)
		set(&f.QuoteMode, QuoteMinimal)
		set(&f.LineEnding, LF)
		set(&f.Encoding, UTF8)
	case XLSX:
		set(&f.Sheet, "Sheet1")
	case Arrow:
		set(&f.Container, ArrowFile)
	case Avro:
		set(&f.Compression, Deflate)
	}
	if f.Kind != XLSX { // which is always compressed
		set(&f.Compression, None)
	}
	return f
}

// Codec is the compression of the pages of a Parquet file.
func (f Format) Codec() string { return f.withDefaults().Compression }

// Plain is the format without what is done to the whole file: compression and
// encryption.
func (f Format) Plain() Format {
	f.PGP = nil
	if f.IsText() {
		f.Compression = None
	}
	return f
}

// IsText reports whether files of this format are text, before they are packed.
func (f Format) IsText() bool { return f.Kind == CSV || f.Kind == NDJSON || f.Kind == JSON }

// Pending reports whether this version understands the format and cannot write
// it.
func (f Format) Pending() bool {
	return slices.ContainsFunc(Block().Variants, func(v schema.Block) bool { return v.Type == f.Kind && v.Pending })
}

// Check reports the first option that makes no sense as a problem of code
// "invalid-value", or nil; a format that is pending is "not-supported-yet". The block's own description catches most of it; a
// format that came another way, and how options agree, is checked here.
func (f Format) Check() error {
	f = f.withDefaults()
	allowed := compressions[f.Kind]
	switch {
	case f.Pending():
		return problem.New("not-supported-yet", fmt.Sprintf("format %q cannot be written yet", f.Kind), nil)
	case allowed == nil:
		return problem.New("invalid-value", fmt.Sprintf("There is no format %q. There are %s.", f.Kind, strings.Join(kinds(), ", ")), nil)
	case !slices.Contains(allowed, f.Compression):
		return invalid("compression", "%q is not one of its values for "+f.Kind+": "+strings.Join(allowed, ", ")+".", f.Compression)
	case f.Kind == Parquet:
		return f.checkParquet()
	case f.Kind == CSV:
		return f.checkCSV()
	case f.Kind == XLSX:
		return f.checkXLSX()
	case f.Kind == Arrow && f.Container != ArrowFile && f.Container != ArrowStream:
		return invalid("container", "%q is neither file nor stream.", f.Container)
	}
	return nil
}

// Row groups of less than DuckDB's vector are not possible; beyond ten million
// rows readers need more memory for one than they usually have.
const minRowGroup, maxRowGroup = 2048, 10_000_000

func (f Format) checkParquet() error {
	if f.RowGroupRows < minRowGroup || f.RowGroupRows > maxRowGroup {
		return invalid("row_group_rows", "%q is not between 2048 and 10000000.", strconvInt(f.RowGroupRows))
	}
	return nil
}

func (f Format) checkCSV() error {
	for _, o := range []struct{ name, value string }{{"delimiter", f.Delimiter}, {"quote", f.Quote}, {"escape", f.Escape}} {
		if len(o.value) != 1 || o.value[0] >= 0x80 || strings.ContainsAny(o.value, "\r\n\x00") {
			return invalid(o.name, "%q is not one ASCII character.", o.value)
		}
	}
	for _, o := range []struct {
		name, value string
		allowed     []string
	}{{"quote_mode", f.QuoteMode, quoteModes}, {"line_ending", f.LineEnding, lineEndings}, {"encoding", f.Encoding, encodings()}} {
		if !slices.Contains(o.allowed, o.value) {
			return invalid(o.name, "%q is not one of its values: "+strings.Join(o.allowed, ", ")+".", o.value)
		}
	}
	switch {
	case f.Delimiter == f.Quote || f.Delimiter == f.Escape:
		return invalid("delimiter", "%q is the quote or escape character too.", f.Delimiter)
	case strings.ContainsAny(f.Null, f.Delimiter+f.Quote+f.Escape+"\r\n"):
		return invalid("null", "%q holds the delimiter, quote or escape character or a line end, and could not be told from values.", f.Null)
	case !encodable(f.Encoding, f.Null):
		return invalid("null", "%q has a character that "+f.Encoding+" lacks.", f.Null)
	case !encodable(f.Encoding, f.RowNumber):
		return invalid("row_number", "%q has a character that "+f.Encoding+" lacks.", f.RowNumber)
	}
	return nil
}

// An OptionError is the problem of one option.
type OptionError struct {
	Option string // its path in the block: "delimiter", "header_style.fill"
	*problem.Problem
}

// Unwrap returns the problem.
func (e *OptionError) Unwrap() error { return e.Problem }

// invalid makes the problem of a bad option. pattern goes on behind its name,
// and has one %q for value.
func invalid(option, pattern, value string) error {
	return &OptionError{option, problem.New("invalid-value", option+": "+strings.Replace(pattern, "%q", `"`+value+`"`, 1), nil)}
}
