package athena

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Categories of AthenaError, as Athena documents them.
const (
	categorySystem = 1
	categoryUser   = 2
)

// Types of AthenaError that the sandbox tells, from Athena's error catalog.
const (
	typeResources   = 1
	typeOutput      = 401  // the result can't be written
	typeSyntax      = 1006 // and everything else that is wrong with a query
	typeInternal    = 1200
	typeNoBucket    = 1306
	typePermission  = 1500 // of the catalog
	typeDataDenied  = 1501 // of the data
	typeNotReusable = 233  // a destination that is in use
)

// A failure is why a query ended as FAILED.
type failure struct {
	category, kind int32
	retryable      bool
	message        string
}

func (f *failure) Error() string { return f.message }

// userFailure is a mistake of whoever wrote the query.
func userFailure(kind int32, format string, args ...any) *failure {
	return &failure{category: categoryUser, kind: kind, message: fmt.Sprintf(format, args...)}
}

// at is a mistake at an offset of the query, told as Trino does: "line 1:8: …".
func (q *query) at(offset int, format string, args ...any) *failure {
	line, column := lineColumn(q.sql, offset)
	return userFailure(typeSyntax, "line %d:%d: %s", line, column, fmt.Sprintf(format, args...))
}

// An engineError is what DuckDB says about a statement.
type engineError struct {
	Type       string `json:"exception_type"`
	Message    string `json:"exception_message"`
	Subtype    string `json:"error_subtype"`
	Position   string `json:"position"`
	Name       string `json:"name"`
	Kind       string `json:"type"`
	Call       string `json:"call"`
	Candidates string `json:"candidates"`
}

func parseEngineError(err error) engineError {
	msg := err.Error()
	var e engineError
	if i := strings.IndexByte(msg, '{'); i >= 0 && json.Unmarshal([]byte(msg[i:]), &e) == nil && e.Type != "" {
		return e
	}
	return engineError{Type: "Internal", Message: msg}
}

func (e engineError) offset() (int, bool) {
	var n int
	if _, err := fmt.Sscan(e.Position, &n); err != nil {
		return 0, false
	}
	return n, true
}

// translate words an engine's error as Athena would. shift is how many bytes
// stand before the query in the statement that failed.
func (q *query) translate(err error, shift int) *failure {
	e := parseEngineError(err)
	message := q.wording(e)
	if offset, ok := e.offset(); ok && offset >= shift && bindingTime(e) {
		return q.at(q.body.source(offset-shift), "%s", message)
	}
	switch e.Type {
	case "Out of Memory":
		return &failure{category: categorySystem, kind: typeResources, message: "Query exhausted resources at this scale factor"}
	case "Internal", "Fatal", "IO":
		return &failure{category: categorySystem, kind: typeInternal, message: "GENERIC_INTERNAL_ERROR: " + e.Message}
	}
	return userFailure(typeSyntax, "%s", message)
}

// bindingTime reports whether Trino finds such an error before it runs the
// query, and so tells its position.
func bindingTime(e engineError) bool {
	switch e.Type {
	case "Binder", "Catalog", "Parser", "syntax":
		return true
	}
	return false
}

var nearRule = regexp.MustCompile(`syntax error at or near "(.*)"`)

// firstLine drops the candidates and hints, which are DuckDB's and not Trino's.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (q *query) wording(e engineError) string {
	switch {
	case e.Type == "Parser":
		if m := nearRule.FindStringSubmatch(e.Message); m != nil {
			return fmt.Sprintf("mismatched input '%s'. Expecting: <expression>, <identifier>, <query>", m[1])
		}
		if strings.Contains(e.Message, "end of input") {
			return "mismatched input '<EOF>'. Expecting: <expression>, <identifier>, <query>"
		}
		return firstLine(e.Message)
	case e.Subtype == "COLUMN_NOT_FOUND":
		return fmt.Sprintf("COLUMN_NOT_FOUND: Column '%s' cannot be resolved or requester is not authorized to access requested resources", strings.ToLower(e.Name))
	case e.Subtype == "MISSING_ENTRY" && strings.Contains(e.Kind, "Function"):
		return fmt.Sprintf("FUNCTION_NOT_FOUND: Function '%s' not registered", e.Name)
	case e.Subtype == "NO_MATCHING_FUNCTION":
		return fmt.Sprintf("FUNCTION_NOT_FOUND: Unexpected parameters for function %s: %s", e.Name, e.Call)
	case e.Type == "Conversion":
		return "INVALID_CAST_ARGUMENT: " + firstLine(e.Message)
	case e.Type == "Out of Range":
		return "NUMERIC_VALUE_OUT_OF_RANGE: " + firstLine(e.Message)
	case strings.Contains(e.Message, "must appear in the GROUP BY"):
		return "EXPRESSION_NOT_AGGREGATE: " + firstLine(e.Message)
	case strings.Contains(e.Message, "Ambiguous reference"):
		return "AMBIGUOUS_NAME: " + firstLine(e.Message)
	case e.Type == "Binder":
		return "TYPE_MISMATCH: " + firstLine(e.Message)
	}
	return firstLine(e.Message)
}
