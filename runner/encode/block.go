package encode

import (
	"slices"

	"waybill/internal/schema"
)

// What an option may be.
var (
	quoteModes       = []string{QuoteMinimal, QuoteAll, QuoteNonNull, QuoteNonNumeric, QuoteNone}
	lineEndings      = []string{LF, CRLF}
	textCompressions = []string{None, Gzip, Zstd, Zip, Tgz}
	compressions     = map[string][]string{
		Parquet: {None, Snappy, Gzip, Zstd},
		CSV:     textCompressions,
		NDJSON:  textCompressions,
		JSON:    textCompressions,
		XLSX:    {""}, // not for the user to choose
		Arrow:   {None, LZ4, Zstd},
		Avro:    {None, Deflate, Snappy, Zstd},
	}
)

// Block describes the `format` block, whose label chooses the kind.
func Block() *schema.Block {
	return &schema.Block{
		Type:     "format",
		Labels:   []schema.Label{{Name: "kind", Doc: "What the files are."}},
		Doc:      "How files are encoded.",
		Example:  `format "parquet" { compression = "zstd" }`,
		Variants: []schema.Block{parquetBlock(), csvBlock(), ndjsonBlock(), jsonBlock(), xlsxBlock(), arrowBlock(), avroBlock(), pendingBlock("pdf", "A document with a table of the rows."), pendingBlock("png", "A picture of a table of the rows.")},
	}
}

// kinds lists the formats that can be written.
func kinds() []string {
	var out []string
	for _, v := range Block().Variants {
		if !v.Pending {
			out = append(out, v.Type)
		}
	}
	return out
}

func parquetBlock() schema.Block {
	return schema.Block{
		Type:    Parquet,
		Doc:     "Apache Parquet, written by DuckDB and read again by a second implementation before it is delivered. Timestamps are INT64 microseconds, never INT96.",
		Example: `format "parquet" { compression = "zstd"  row_group_rows = 122880 }`,
		Attrs: []schema.Attr{
			{Name: "compression", Type: schema.String, Default: Zstd, OneOf: compressions[Parquet], Doc: "Codec of the pages. zstd is the smallest, snappy is understood by the oldest readers."},
			{Name: "row_group_rows", Type: schema.Int, Default: "122880", Doc: "Rows in a row group, 2048 to 10000000, rounded up to a multiple of 2048. Readers skip and parallelise by row groups; larger ones compress better and need more memory."},
		},
	}
}

func csvBlock() schema.Block {
	return schema.Block{
		Type:    CSV,
		Doc:     "Comma-separated values, after RFC 4180. NULL is written without quotes as null says, and a text that looks the same is quoted, so that the two stay apart.",
		Example: `format "csv" { delimiter = ";"  compression = "gzip" }`,
		Attrs: append([]schema.Attr{
			{Name: "delimiter", Type: schema.String, Default: ",", Example: `"\t"`, Doc: "One ASCII character between values."},
			{Name: "quote", Type: schema.String, Default: `"`, Doc: "One ASCII character around values that need it."},
			{Name: "escape", Type: schema.String, Default: `"`, Doc: "One ASCII character before a quote character within a value. The quote character itself means doubling."},
			{Name: "quote_mode", Type: schema.String, Default: QuoteMinimal, OneOf: quoteModes, Doc: "Which values stand in quotes. minimal: those that need it. all: every one, NULL too, so that NULL and a text like it are the same. non_null: every one but NULL. non_numeric: every one but numbers and NULL. none: no value; one that needs quotes is refused with value-unsupported. Column names are texts."},
			{Name: "header", Type: schema.Bool, Default: "true", Doc: "Whether the first line holds the column names."},
			{Name: "null", Type: schema.String, Example: `"\\N"`, Doc: `What stands for NULL. By default nothing at all, while the empty text is "". A file with one column then has an empty line for NULL.`},
			{Name: "line_ending", Type: schema.String, Default: LF, OneOf: lineEndings, Doc: "What ends each record: lf or crlf. Line ends within values stay as they are."},
			{Name: "encoding", Type: schema.String, Default: UTF8, OneOf: encodings(), Doc: "The file's character set. -bom puts a byte order mark in front, by which Excel recognises it. A character that the encoding lacks is refused with value-unsupported, never replaced."},
			{Name: "row_number", Type: schema.String, Example: `"line"`, Doc: "Name of a first column that numbers the rows of each file from 1. Without it there is none."},
			{Name: "escape_formulas", Type: schema.Bool, Default: "false", Doc: "Whether texts that begin with =, +, -, @, a tab or a carriage return get an apostrophe in front, so that a spreadsheet does not take them for formulas. It changes the values; columns of other types than text stay as they are."},
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

func jsonBlock() schema.Block {
	return schema.Block{
		Type:    JSON,
		Doc:     "One JSON array of objects, one object per line. A reader needs memory for all of it; format \"ndjson\" can be read row by row. NULL is null. NaN and Infinity are refused with value-unsupported.",
		Example: `format "json" {}`,
		Attrs:   textAttrs(),
	}
}

func xlsxBlock() schema.Block {
	return schema.Block{
		Type: XLSX,
		Doc: "A workbook of one sheet. Numbers, dates, times and booleans are cells of their kind; nested values, binary ones and UUIDs are texts as CSV has them. " +
			"What a spreadsheet would change is a text: numbers of more than 15 digits, dates before March 1900, times finer than a millisecond. Instants are in UTC. " +
			"NaN, Infinity, control characters and texts of more than 32767 characters are refused with value-unsupported, more than 1048576 rows or 16384 columns with sheet-too-large.",
		Example: `format "xlsx" { sheet = "Orders"  autofilter = true  column_widths = { name = 30 } }`,
		Attrs: []schema.Attr{
			{Name: "sheet", Type: schema.String, Default: "Sheet1", Example: `"Orders"`, Doc: "Name of the sheet: 31 characters at most, without : \\ / ? * [ ]."},
			{Name: "header", Type: schema.Bool, Default: "true", Doc: "Whether the first row holds the column names."},
			{Name: "freeze_header", Type: schema.Bool, Default: "true", Doc: "Whether the header stays in sight when the sheet is scrolled."},
			{Name: "autofilter", Type: schema.Bool, Default: "false", Doc: "Whether the header offers to filter and sort."},
			{Name: "column_widths", Type: schema.NumberMap, Example: `{ name = 30 }`, Doc: "Widths of columns by their names, in characters, 1 to 255. Others are as wide as the program likes."},
		},
		Blocks: []schema.Nested{{Block: &schema.Block{
			Type: "header_style", Doc: "How the header looks. Without it, bold.", Example: "header_style {\n  fill  = \"#1F4E78\"\n  color = \"#FFFFFF\"\n}",
			Attrs: []schema.Attr{
				{Name: "bold", Type: schema.Bool, Default: "true", Doc: "Whether the names are bold."},
				{Name: "fill", Type: schema.String, Example: `"#1F4E78"`, Doc: "Color behind the names, as #RRGGBB."},
				{Name: "color", Type: schema.String, Example: `"#FFFFFF"`, Doc: "Color of the names, as #RRGGBB."},
			},
		}}},
	}
}

func arrowBlock() schema.Block {
	return schema.Block{
		Type:    Arrow,
		Doc:     "Apache Arrow IPC, of all types exactly: decimals, times, lists, maps and structs.",
		Example: `format "arrow" { compression = "zstd" }`,
		Attrs: []schema.Attr{
			{Name: "container", Type: schema.String, Default: ArrowFile, OneOf: []string{ArrowFile, ArrowStream}, Doc: "file, with a footer for random access, which is Feather V2; or stream, to be read from its beginning. The key should then end with .arrow or .arrows."},
			{Name: "compression", Type: schema.String, Default: None, OneOf: compressions[Arrow], Doc: "Compression of the buffers. Not every reader knows it."},
		},
	}
}

func avroBlock() schema.Block {
	return schema.Block{
		Type: Avro,
		Doc: "An Avro object container file, with its schema. Every value may be null. Decimals are of the logical type decimal, times of time-micros and timestamp-micros (local-timestamp-micros without a zone); " +
			"maps whose keys are no texts are arrays of key and value. Columns and fields need names that Avro allows: letters, digits and _.",
		Example: `format "avro" { compression = "snappy" }`,
		Attrs: []schema.Attr{
			{Name: "compression", Type: schema.String, Default: Deflate, OneOf: compressions[Avro], Doc: "Codec of the blocks. deflate is known to every reader."},
		},
	}
}

// pendingBlock is a format that is understood and cannot be written yet.
func pendingBlock(kind, doc string) schema.Block {
	return schema.Block{Type: kind, Doc: doc, Example: "format \"" + kind + "\" {}", Pending: true}
}

// textAttrs are what all text formats share.
func textAttrs() []schema.Attr {
	return []schema.Attr{
		{Name: "compression", Type: schema.String, Default: None, OneOf: slices.Clone(textCompressions), Doc: "Compression of the whole file. The key should then end with .gz, .zst, .zip or .tgz. zip and tgz hold one file, which is named as the key's last part without that ending."},
		{Name: "date_format", Type: schema.String, Example: `"%d/%m/%Y"`, Doc: "Pattern of dates in the letters of strftime. By default 2026-01-31."},
		{Name: "timestamp_format", Type: schema.String, Example: `"%Y-%m-%dT%H:%M:%S.%fZ"`, Doc: "Pattern of timestamps in the letters of strftime. By default 2026-01-31 09:00:00, with +00 behind those that have a time zone; they are in UTC."},
	}
}
