// Package encode knows the formats of artifacts: what can be configured, which
// SQL writes them, how text is compressed, and how a finished file is checked
// and sealed. DuckDB itself is not in here; it executes what CopySQL says.
package encode

import (
	"slices"
	"strings"
	"unicode/utf8"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/schema"
)

// The kinds of format that an artifact can have.
const (
	Parquet = string(dataset.Parquet)
	CSV     = string(dataset.CSV)
	NDJSON  = string(dataset.NDJSON)
)

// The compressions. Parquet compresses inside the file, text around it.
const (
	None   = "none"
	Snappy = "snappy" // Parquet only
	Gzip   = "gzip"
	Zstd   = "zstd"
)

// Quote modes of CSV. NULL is never quoted, in neither.
const (
	QuoteMinimal = "minimal" // what needs it: delimiters, quotes, line ends, texts that look like null
	QuoteAll     = "all"     // every value
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
	Delimiter string `json:"delimiter,omitempty" wb:"delimiter"`
	Quote     string `json:"quote,omitempty" wb:"quote"`
	Escape    string `json:"escape,omitempty" wb:"escape"`
	QuoteMode string `json:"quote_mode,omitempty" wb:"quote_mode"`
	Header    bool   `json:"header,omitempty" wb:"header"`
	Null      string `json:"null,omitempty" wb:"null"`

	// These are strftime patterns, of CSV and NDJSON; empty is ISO 8601.
	DateFormat      string `json:"date_format,omitempty" wb:"date_format"`
	TimestampFormat string `json:"timestamp_format,omitempty" wb:"timestamp_format"`
}

// Default returns the format of a kind as an empty block configures it.
func Default(kind string) Format { return Format{Kind: kind, Header: kind == CSV}.withDefaults() }

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
	}
	set(&f.Compression, None)
	return f
}

// Extensions lists what the name of such a file should end with, the usual
// ending first.
func (f Format) Extensions() []string {
	f = f.withDefaults()
	base := map[string][]string{Parquet: {".parquet"}, CSV: {".csv", ".tsv", ".txt"}, NDJSON: {".ndjson", ".jsonl", ".json"}}[f.Kind]
	if f.Kind == CSV && f.Delimiter == "\t" {
		base = []string{".tsv", ".csv", ".txt"}
	}
	suffix := ""
	if f.Kind != Parquet {
		suffix = map[string]string{Gzip: ".gz", Zstd: ".zst"}[f.Compression]
	}
	out := make([]string, len(base))
	for i, ext := range base {
		out[i] = ext + suffix
	}
	return out
}

// ContentType is the media type that an object of this format is stored with.
// A compressed text is that of its compression, never the text's with a
// content encoding: browsers and some SDKs would unpack the latter silently,
// and the bytes would no longer match their checksum.
func (f Format) ContentType() string {
	f = f.withDefaults()
	if f.Kind == Parquet {
		return "application/vnd.apache.parquet"
	}
	switch f.Compression {
	case Gzip:
		return "application/gzip"
	case Zstd:
		return "application/zstd"
	}
	switch {
	case f.Kind == NDJSON:
		return "application/x-ndjson"
	case f.Delimiter == "\t":
		return "text/tab-separated-values; charset=utf-8"
	}
	return "text/csv; charset=utf-8"
}

// Check reports the first option that makes no sense as a problem of code
// "invalid-value", or nil. The block's own description catches most of it; a
// format that came another way, and how options agree, is checked here.
func (f Format) Check() error {
	f = f.withDefaults()
	allowed := map[string][]string{Parquet: {None, Snappy, Gzip, Zstd}, CSV: {None, Gzip, Zstd}, NDJSON: {None, Gzip, Zstd}}[f.Kind]
	switch {
	case allowed == nil:
		return invalid("There is no format %q. There are parquet, csv and ndjson.", f.Kind)
	case !slices.Contains(allowed, f.Compression):
		return invalid("compression: %q is not one of its values for "+f.Kind+": "+strings.Join(allowed, ", ")+".", f.Compression)
	case f.Kind == Parquet:
		return f.checkParquet()
	case f.Kind == CSV:
		return f.checkCSV()
	}
	return nil
}

// Row groups of less than DuckDB's vector are not possible; beyond ten million
// rows readers need more memory for one than they usually have.
const minRowGroup, maxRowGroup = 2048, 10_000_000

func (f Format) checkParquet() error {
	if f.RowGroupRows < minRowGroup || f.RowGroupRows > maxRowGroup {
		return invalid("row_group_rows: %q is not between 2048 and 10000000.", strconvInt(f.RowGroupRows))
	}
	return nil
}

func (f Format) checkCSV() error {
	for _, o := range []struct{ name, value string }{{"delimiter", f.Delimiter}, {"quote", f.Quote}, {"escape", f.Escape}} {
		if utf8.RuneCountInString(o.value) != 1 || len(o.value) != 1 || strings.ContainsAny(o.value, "\r\n\x00") {
			return invalid(o.name+": %q is not one ASCII character.", o.value)
		}
	}
	switch {
	case f.Delimiter == f.Quote || f.Delimiter == f.Escape:
		return invalid("delimiter: %q is the quote or escape character too.", f.Delimiter)
	case f.QuoteMode != QuoteMinimal && f.QuoteMode != QuoteAll:
		return invalid("quote_mode: %q is neither minimal nor all.", f.QuoteMode)
	case strings.ContainsAny(f.Null, f.Delimiter+f.Quote+f.Escape+"\r\n"):
		return invalid("null: %q holds the delimiter, quote or escape character or a line end, and could not be told from values.", f.Null)
	}
	return nil
}

// Block describes the `format` block, whose label chooses the kind.
func Block() *schema.Block {
	return &schema.Block{
		Type:     "format",
		Labels:   []schema.Label{{Name: "kind", Doc: "parquet, csv or ndjson."}},
		Doc:      "How files are encoded.",
		Example:  `format "parquet" { compression = "zstd" }`,
		Variants: []schema.Block{parquetBlock(), csvBlock(), ndjsonBlock()},
	}
}

func parquetBlock() schema.Block {
	return schema.Block{
		Type:    Parquet,
		Doc:     "Apache Parquet, written by DuckDB and read again by a second implementation before it is delivered. Timestamps are INT64 microseconds, never INT96.",
		Example: `format "parquet" { compression = "zstd"  row_group_rows = 122880 }`,
		Attrs: []schema.Attr{
			{Name: "compression", Type: schema.String, Default: Zstd, OneOf: []string{None, Snappy, Gzip, Zstd}, Doc: "Codec of the pages. zstd is the smallest, snappy is understood by the oldest readers."},
			{Name: "row_group_rows", Type: schema.Int, Default: "122880", Doc: "Rows in a row group, 2048 to 10000000, rounded up to a multiple of 2048. Readers skip and parallelise by row groups; larger ones compress better and need more memory."},
		},
	}
}

func csvBlock() schema.Block {
	return schema.Block{
		Type:    CSV,
		Doc:     "Comma-separated values in UTF-8 with line feeds, after RFC 4180. NULL is written without quotes as null says, and a text that looks the same is quoted, so that the two stay apart.",
		Example: `format "csv" { delimiter = ";"  compression = "gzip" }`,
		Attrs: append([]schema.Attr{
			{Name: "delimiter", Type: schema.String, Default: ",", Example: `"\t"`, Doc: "One ASCII character between values."},
			{Name: "quote", Type: schema.String, Default: `"`, Doc: "One ASCII character around values that need it."},
			{Name: "escape", Type: schema.String, Default: `"`, Doc: "One ASCII character before a quote character within a value. The quote character itself means doubling."},
			{Name: "quote_mode", Type: schema.String, Default: QuoteMinimal, OneOf: []string{QuoteMinimal, QuoteAll}, Doc: "minimal quotes values that need it, all quotes every value and column name. NULL is never quoted."},
			{Name: "header", Type: schema.Bool, Default: "true", Doc: "Whether the first line holds the column names."},
			{Name: "null", Type: schema.String, Example: `"\\N"`, Doc: `What stands for NULL. By default nothing at all, while the empty text is "". A file with one column then has an empty line for NULL.`},
		}, textAttrs()...),
	}
}

func ndjsonBlock() schema.Block {
	return schema.Block{
		Type:    NDJSON,
		Doc:     "One JSON object per line. NULL is null. JSON has no NaN and no Infinity: a file that would need them is refused with value-unsupported.",
		Example: `format "ndjson" { compression = "zstd" }`,
		Attrs:   textAttrs(),
	}
}

// textAttrs are what CSV and NDJSON share.
func textAttrs() []schema.Attr {
	return []schema.Attr{
		{Name: "compression", Type: schema.String, Default: None, OneOf: []string{None, Gzip, Zstd}, Doc: "Compression of the whole file. The key should then end with .gz or .zst."},
		{Name: "date_format", Type: schema.String, Example: `"%d/%m/%Y"`, Doc: "Pattern of dates in the letters of strftime. By default 2026-01-31."},
		{Name: "timestamp_format", Type: schema.String, Example: `"%Y-%m-%dT%H:%M:%S.%fZ"`, Doc: "Pattern of timestamps in the letters of strftime. By default 2026-01-31 09:00:00, with +00 behind those that have a time zone; they are in UTC."},
	}
}

// invalid makes the problem of a bad option. pattern has one %q for value.
func invalid(pattern, value string) error {
	return problem.New("invalid-value", strings.Replace(pattern, "%q", `"`+value+`"`, 1), nil)
}
