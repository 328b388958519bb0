package duckdb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"

	driver "github.com/duckdb/duckdb-go/v2"

	"waybill/internal/problem"
)

// engineError is what DuckDB says with errors_as_json.
type engineError struct {
	Type       string `json:"exception_type"`
	Message    string `json:"exception_message"`
	Subtype    string `json:"error_subtype"`
	Position   string `json:"position"`
	Candidates string `json:"candidates"`
	Name       string `json:"name"`
}

// parseEngineError finds DuckDB's own words in an error, or returns false.
func parseEngineError(err error) (engineError, bool) {
	var raw *driver.Error
	if !errors.As(err, &raw) {
		return engineError{}, false
	}
	var e engineError
	// The parser puts "Parser Error: " in front of the JSON.
	if i := strings.IndexByte(raw.Msg, '{'); i >= 0 && json.Unmarshal([]byte(raw.Msg[i:]), &e) == nil && e.Type != "" {
		return e, true
	}
	e.Type, e.Message, _ = strings.Cut(raw.Msg, ": ")
	e.Type = strings.TrimSuffix(e.Type, " Error")
	return e, true
}

// explain turns a failure of the engine into a problem without cell values.
// subject begins the sentence ("The query", "source.orders"). query is the
// text that positions refer to; without it none is told.
func (d *Database) explain(err error, subject, query string) error {
	if err == nil || problem.As(err) != nil {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) {
		return problem.New("disk-full", fmt.Sprintf("%s: the disk is full.", subject), syscall.ENOSPC)
	}
	e, ok := parseEngineError(err)
	if !ok {
		return fileProblem(err, subject)
	}
	code, text := d.judge(e)
	p := problem.New(code, sentence(subject, text), errors.New(text))
	return at(p, query, e.Position)
}

// fileProblem explains a failure of our own file operations, which hold names
// but no data.
func fileProblem(err error, subject string) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return problem.New("file-write-failed", fmt.Sprintf("%s: %s of %s failed.", subject, pathErr.Op, pathErr.Path), pathErr.Err)
	}
	return problem.New("internal", subject+": "+err.Error(), err)
}

// judge chooses the code and the words for an error.
func (d *Database) judge(e engineError) (code, text string) {
	first, _, _ := strings.Cut(e.Message, "\n")
	first = strings.TrimRight(strings.TrimSpace(first), "!.")
	switch e.Type {
	case "Out of Memory":
		if strings.Contains(e.Message, "max_temp_directory_size") {
			return "spill-full", first
		}
		return "out-of-memory", first
	case "IO":
		if strings.Contains(e.Message, "No space left on device") {
			return "disk-full", "the disk is full"
		}
		return "transform-failed", ioText(e.Message)
	case "FATAL", "INTERNAL", "Fatal", "Internal":
		return "engine-crashed", "the engine met an error of its own"
	case "Binder", "Catalog", "Parser", "Syntax", "Not implemented", "Permission", "Parameter Not Resolved":
		// These come before any row is read. They name columns, types,
		// functions and what stands in the query.
		return e.judgeBinding(first)
	}
	text = d.withoutValues(e.Type, e.Message)
	if !e.aboutCSV() {
		return "transform-failed", text
	}
	if strings.HasPrefix(text, refusedValue) {
		text = "the file is not CSV of the form that the source describes"
	}
	return "file-malformed", text
}

// refusedValue begins the words for a message that cannot be shown.
const refusedValue = "the engine refused a value"

// aboutCSV reports whether the error is about a CSV file's text, and not about
// a statement.
func (e engineError) aboutCSV() bool {
	for _, words := range []string{"CSV Error on Line", "Error when sniffing file", "CSV Reader", "csv_scanner", "not utf-8 encoded"} {
		if strings.Contains(e.Message, words) {
			return true
		}
	}
	return false
}

func (e engineError) judgeBinding(first string) (code, text string) {
	suggestion := ""
	if c, _, _ := strings.Cut(e.Candidates, ","); c != "" && !strings.Contains(c, "->") {
		suggestion = ` Did you mean "` + c + `"?`
	}
	switch e.Subtype {
	case "COLUMN_NOT_FOUND":
		return "column-not-found", fmt.Sprintf("there is no column %q.%s", e.Name, suggestion)
	case "MISSING_ENTRY":
		what := "a relation"
		if strings.Contains(first, "Function") {
			what = "a function"
		}
		return "transform-failed", fmt.Sprintf("there is no such thing as %s %q.%s", what, e.Name, suggestion)
	}
	return "transform-failed", first
}

// sentence puts subject and text together with one full stop or question mark.
func sentence(subject, text string) string {
	s := subject + ": " + text
	if !strings.HasSuffix(s, "?") && !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

var fileFailure = regexp.MustCompile(`^(Cannot open file|Could not (?:read|write|open)[a-z ]*|No files found that match the pattern) "([^"\n]*)"(?:: ([A-Za-z ]+))?`)

// ioText keeps of an IO error what names no data: the file and the reason.
func ioText(message string) string {
	if m := fileFailure.FindStringSubmatch(message); m != nil {
		return strings.TrimSuffix(fmt.Sprintf("%s %s: %s", strings.ToLower(m[1][:1])+m[1][1:], m[2], m[3]), ": ")
	}
	return "a file could not be read or written"
}

// A wording recognises a message that quotes cell values and says the same
// without them. Its groups catch numbers and names of types; one called column
// catches a name that is kept only if a relation has such a column, because a
// value could hold the very words that stand around it.
type wording struct {
	pattern *regexp.Regexp
	text    func(m []string) string
}

// sqlTypes are the names of types that messages call by how they are stored.
var sqlTypes = map[string]string{
	"INT8": "TINYINT", "INT16": "SMALLINT", "INT32": "INTEGER", "INT64": "BIGINT", "INT128": "HUGEINT or UUID",
	"UINT8": "UTINYINT", "UINT16": "USMALLINT", "UINT32": "UINTEGER", "UINT64": "UBIGINT",
}

const typeName = `([A-Z][A-Z0-9_]*(?:\([0-9, ]*\))?(?: WITH TIME ZONE)?(?:\[\])*)`

var wordings = []wording{
	{regexp.MustCompile(`(?s)^CSV Error on Line: (\d+)\n.*\nColumn (?P<column>[^\n]+) is being converted as type ` + typeName + `\n`), func(m []string) string {
		return fmt.Sprintf("line %s of a CSV file: could not convert %s to %s", m[1], valueOf(m[2]), m[3])
	}},
	{regexp.MustCompile(`(?s)^CSV Error on Line: (\d+)\n.*\nExpected Number of Columns: (\d+) Found: (\d+)\n`), func(m []string) string {
		return fmt.Sprintf("line %s of a CSV file has %s columns instead of %s", m[1], m[3], m[2])
	}},
	{regexp.MustCompile(`(?s)^CSV Error on Line: (\d+)\n`), func(m []string) string {
		return fmt.Sprintf("line %s of a CSV file cannot be read", m[1])
	}},
	{regexp.MustCompile(`(?s)^Could not convert string ['"].*['"] to '?` + typeName + `'? when casting from source column (?P<column>.+)$`), func(m []string) string {
		return fmt.Sprintf("could not convert %s to %s", valueOf(m[2]), m[1])
	}},
	{regexp.MustCompile(`(?s)^Could not convert string ['"].*['"] to '?` + typeName + `'?$`), func(m []string) string {
		return "could not convert a text to " + m[1]
	}},
	{regexp.MustCompile(`(?s)^Casting value ".*" to type ` + typeName + ` failed: value is out of range!?$`), func(m []string) string {
		return "a value is out of range for the type " + m[1]
	}},
	{regexp.MustCompile(`(?s)^Type ` + typeName + ` with value .* can't be cast (?:to the destination type|because the value is out of range for the destination type) ` + typeName + `$`), func(m []string) string {
		return fmt.Sprintf("a value of type %s is out of range for the type %s", m[1], m[2])
	}},
	{regexp.MustCompile(`^Overflow in ([a-z]+) of ` + typeName + ` `), func(m []string) string {
		return fmt.Sprintf("overflow in %s of %s", m[1], m[2])
	}},
	{regexp.MustCompile(`^Overflow in (HUGEINT|UHUGEINT) ([a-z]+)`), func(m []string) string { return fmt.Sprintf("overflow in %s of %s", m[2], m[1]) }},
	{regexp.MustCompile(`^invalid (date|time|timestamp|interval) field format`), func(m []string) string {
		return "a text is no " + m[1]
	}},
	{regexp.MustCompile(`^(?:Malformed JSON at byte (\d+)|Malformed JSON)`), func(m []string) string { return "a text is not valid JSON" }},
	{regexp.MustCompile(`^Could not parse string `), func([]string) string { return "a text does not have the format that strptime was told" }},
	{regexp.MustCompile(`^More than one row returned by a subquery`), func([]string) string {
		return "a subquery that stands for one value returned several rows"
	}},
	{regexp.MustCompile(`^Failure in decode`), func([]string) string { return "a binary value is not UTF-8 text" }},
	{regexp.MustCompile(`^Invalid unicode`), func([]string) string { return "a text is not UTF-8" }},
}

// valueOf names a value by its column, if that is known.
func valueOf(column string) string {
	if column == "" {
		return "a value"
	}
	return "a value of column " + column
}

// hasColumn reports whether some relation has a column of that name.
func (d *Database) hasColumn(name string) bool {
	for _, s := range d.schemas {
		if s.Index(name) >= 0 {
			return true
		}
	}
	return false
}

// withoutValues says what a failure at run time was about without the values
// that the message quotes. A message that is not known is replaced by its
// kind, even the user's own text in error(): it could hold a value.
func (d *Database) withoutValues(kind, message string) string {
	message = strings.TrimSpace(message)
	for _, w := range wordings {
		if m := w.pattern.FindStringSubmatch(message); m != nil {
			for i, group := range m {
				m[i] = cmp.Or(sqlTypes[group], group)
			}
			if i := w.pattern.SubexpIndex("column"); i > 0 && !d.hasColumn(m[i]) {
				m[i] = ""
			}
			return w.text(m)
		}
	}
	switch kind {
	case "Conversion":
		return "a value could not be converted to the type that the query asks for"
	case "Out of Range":
		return "a value is out of range"
	case "Divide by Zero":
		return "a division by zero"
	}
	return refusedValue + " (" + strings.ToLower(kind) + ")"
}
