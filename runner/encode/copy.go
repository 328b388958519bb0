package encode

import (
	"fmt"
	"strconv"
	"strings"
)

func strconvInt(n int64) string { return strconv.FormatInt(n, 10) }

// Adapts reports whether the format needs other values than the relation's:
// whoever writes the query of a COPY must make them.
func (f Format) Adapts() bool {
	return f.Kind == NDJSON || f.Kind == JSON || f.IsStaged() || f.EscapeFormulas
}

// CopySQL returns the statement that writes query's rows to path, which must
// be absolute. Text is written uncompressed, whatever the format says: DuckDB's
// own gzip takes six times as long as compressing afterwards. What DuckDB
// cannot write at all it writes in a form that Finish makes the rest of.
func (f Format) CopySQL(query, path string) string {
	// The caller has a temporary name of its own, so DuckDB's is not wanted.
	options := append(f.copyOptions(), "USE_TMP_FILE false")
	return "COPY (" + query + "\n) TO " + literal(path) + " (" + strings.Join(options, ", ") + ")"
}

func (f Format) copyOptions() []string {
	if f.IsStaged() {
		f = staged()
	}
	f = f.withDefaults()
	switch f.Kind {
	case Parquet:
		codec := f.Compression
		if codec == None {
			codec = "uncompressed"
		}
		return []string{"FORMAT parquet", "COMPRESSION " + literal(codec), fmt.Sprintf("ROW_GROUP_SIZE %d", f.RowGroupRows)}
	case CSV:
		return append(f.csvOptions(), f.textOptions()...)
	}
	return append([]string{"FORMAT json", "ARRAY " + strconv.FormatBool(f.Kind == JSON)}, f.textOptions()...)
}

func (f Format) csvOptions() []string {
	if f.rewrites() { // into the one form that the rewriter reads
		f = Format{Kind: CSV, Header: f.Header, Delimiter: ",", Quote: `"`, Escape: `"`, QuoteMode: QuoteMinimal}
	}
	out := []string{
		"FORMAT csv",
		"DELIMITER " + literal(f.Delimiter),
		"QUOTE " + literal(f.Quote),
		"ESCAPE " + literal(f.Escape),
		"HEADER " + strconv.FormatBool(f.Header),
		"NULLSTR " + literal(f.Null),
	}
	if f.QuoteMode == QuoteNonNull {
		out = append(out, "FORCE_QUOTE *")
	}
	return out
}

func (f Format) textOptions() []string {
	// Said aloud, because DuckDB would take the compression from the file's
	// name otherwise.
	out := []string{"COMPRESSION 'none'"}
	if f.DateFormat != "" {
		out = append(out, "DATEFORMAT "+literal(f.DateFormat))
	}
	if f.TimestampFormat != "" {
		out = append(out, "TIMESTAMPFORMAT "+literal(f.TimestampFormat))
	}
	return out
}

func literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }
