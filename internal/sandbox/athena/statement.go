package athena

import (
	"fmt"
	"strconv"
	"strings"

	"waybill/internal/sqltype"
	"waybill/runner/engine/duckdb"
)

// statementKind is what a query string asks for.
type statementKind int

const (
	selectStatement statementKind = iota
	unloadStatement
	validateStatement // EXPLAIN (TYPE VALIDATE)
	explainStatement
)

// A query is a query string, taken apart.
type query struct {
	sql  string // with the parameters in place; positions in messages refer to it
	kind statementKind
	body *rewritten // the SELECT in DuckDB's dialect
	// Of UNLOAD.
	destination string
	compression string
}

// parse takes a query string apart and puts the parameters in.
func parse(sql string, params []string) (*query, *failure) {
	sql = strings.TrimRight(strings.TrimSpace(sql), "; \t\r\n")
	bound, err := bind(sql, params)
	if err != nil {
		return nil, err
	}
	q := &query{sql: bound}
	tokens := tokenize(bound)
	words := significant(tokens)
	if len(words) == 0 {
		return nil, q.at(0, "mismatched input '<EOF>'. Expecting: <query>")
	}
	switch {
	case words[0].is("SELECT", "WITH", "VALUES", "TABLE", "("):
		err = q.translateBody(tokens)
	case words[0].is("UNLOAD"):
		err = q.parseUnload(tokens, words)
	case words[0].is("EXPLAIN"):
		err = q.parseExplain(tokens, words)
	default:
		err = q.at(words[0].at, "mismatched input '%s'. The sandbox runs SELECT, UNLOAD and EXPLAIN", words[0].text)
	}
	return q, err
}

// bind puts the execution parameters in place of the question marks. They are
// literals in text form, as Athena takes them.
func bind(sql string, params []string) (string, *failure) {
	var out strings.Builder
	used := 0
	for _, t := range tokenize(sql) {
		if t.kind != mark || t.text != "?" {
			out.WriteString(t.text)
			continue
		}
		if used < len(params) {
			if !isLiteral(params[used]) {
				return "", userFailure(typeSyntax, "INVALID_PARAMETER_USAGE: line 1:1: parameter %d is not a literal: %s", used+1, params[used])
			}
			out.WriteString(params[used])
		}
		used++
	}
	if used != len(params) {
		return "", userFailure(typeSyntax, "INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected %d but found %d", used, len(params))
	}
	return out.String(), nil
}

// isLiteral reports whether a text is one literal: a number, a string, a typed
// one such as DATE '2026-01-31', TRUE, FALSE or NULL.
func isLiteral(s string) bool {
	t := significant(tokenize(s))
	if len(t) > 1 && t[0].is("-", "+") && t[1].kind == number {
		t = t[1:]
	}
	switch len(t) {
	case 1:
		return t[0].kind == number || t[0].kind == text || t[0].is("TRUE", "FALSE", "NULL")
	case 2:
		return t[1].kind == text && t[0].is("DATE", "TIME", "TIMESTAMP", "DECIMAL", "X", "UUID", "JSON", "VARCHAR", "CHAR", "DOUBLE", "REAL", "BIGINT")
	}
	return false
}

// parseExplain reads EXPLAIN (TYPE VALIDATE) query.
func (q *query) parseExplain(tokens, words []token) *failure {
	q.kind = explainStatement
	begin := 1
	if len(words) > 1 && words[1].is("(") {
		begin = closing(words, 1) + 1
		for i := 2; i+1 < begin; i++ {
			if words[i].is("TYPE") && words[i+1].is("VALIDATE") {
				q.kind = validateStatement
			}
		}
	}
	if begin >= len(words) {
		return q.at(len(q.sql), "mismatched input '<EOF>'. Expecting: <query>")
	}
	return q.translateBody(from(tokens, words[begin].at, len(q.sql)))
}

// parseUnload reads UNLOAD (query) TO 's3://…' WITH (name = value, …).
func (q *query) parseUnload(tokens, words []token) *failure {
	q.kind = unloadStatement
	if len(words) < 2 || !words[1].is("(") {
		return q.at(words[0].at, "mismatched input. Expecting: UNLOAD (query) TO 's3://location' WITH (format = 'PARQUET')")
	}
	end := closing(words, 1)
	rest := words[min(end+1, len(words)):]
	if end >= len(words) || len(rest) < 2 || !rest[0].is("TO") || rest[1].kind != text {
		return q.at(len(q.sql), "mismatched input '<EOF>'. Expecting: TO 's3://location'")
	}
	q.destination = unquote(rest[1].text)
	if !strings.HasPrefix(q.destination, "s3://") {
		return q.at(rest[1].at, "INVALID_TABLE_PROPERTY: External location is not a valid file system URI: %s", q.destination)
	}
	if err := q.unloadProperties(rest[2:]); err != nil {
		return err
	}
	return q.translateBody(from(tokens, words[1].at+1, words[end].at))
}

func (q *query) unloadProperties(words []token) *failure {
	properties := map[string]token{}
	if len(words) > 1 && words[0].is("WITH") && words[1].is("(") {
		for i := 2; i+2 < len(words); i++ {
			if words[i+1].is("=") {
				properties[strings.ToLower(words[i].text)] = words[i+2]
			}
		}
	}
	q.compression = "gzip"
	format := ""
	for name, value := range properties {
		switch name {
		case "format":
			format = strings.ToUpper(unquote(value.text))
		case "compression":
			q.compression = strings.ToLower(unquote(value.text))
		case "compression_level":
			if _, err := strconv.Atoi(value.text); err != nil {
				return q.at(value.at, "INVALID_TABLE_PROPERTY: compression_level is not a number: %s", value.text)
			}
		default:
			return q.at(value.at, "NOT_SUPPORTED: the sandbox has no property %s for UNLOAD", name)
		}
	}
	switch {
	case format == "":
		return q.at(len(q.sql), "INVALID_TABLE_PROPERTY: the property format is required: WITH (format = 'PARQUET')")
	case format != "PARQUET":
		return q.at(properties["format"].at, "NOT_SUPPORTED: the sandbox unloads PARQUET, not %s", format)
	case q.compression != "gzip" && q.compression != "snappy" && q.compression != "zstd" && q.compression != "none":
		return q.at(properties["compression"].at, "INVALID_TABLE_PROPERTY: %s is not a compression of PARQUET: want GZIP, SNAPPY, ZSTD or NONE", q.compression)
	case q.compression == "none":
		q.compression = "uncompressed"
	}
	return nil
}

// closing is the index of the bracket that closes the one at i, or len(words).
func closing(words []token, i int) int {
	depth := 0
	for ; i < len(words); i++ {
		switch {
		case words[i].is("("):
			depth++
		case words[i].is(")"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(words)
}

// from selects the tokens between two offsets.
func from(tokens []token, begin, end int) []token {
	var out []token
	for _, t := range tokens {
		if t.at >= begin && t.at < end {
			out = append(out, t)
		}
	}
	return out
}

// lambdas are Trino's names of functions that take a lambda, which no macro can
// pass on, and DuckDB's for them.
var lambdas = map[string]string{"transform": "list_transform", "filter": "list_filter"}

// dateFunctions take MySQL's format codes, which must be a literal, as their last
// argument.
var dateFunctions = map[string]string{"date_parse": "strptime", "date_format": "strftime"}

// dateCodes are the format codes of MySQL that mean something else, or nothing,
// to DuckDB.
var dateCodes = map[byte]string{'M': "%B", 'i': "%M", 's': "%S", 'T': "%H:%M:%S", 'r': "%I:%M:%S %p", 'h': "%I", 'k': "%-H", 'l': "%-I", 'e': "%-d", 'c': "%-m", 'W': "%A"}

// dateFormat writes a format of date_format and date_parse for DuckDB.
func dateFormat(mysql string) string {
	var out strings.Builder
	for i := 0; i < len(mysql); i++ {
		if mysql[i] != '%' || i+1 == len(mysql) {
			out.WriteByte(mysql[i])
			continue
		}
		i++
		if duck, ok := dateCodes[mysql[i]]; ok {
			out.WriteString(duck)
		} else {
			out.WriteString("%" + mysql[i:i+1])
		}
	}
	return out.String()
}

// translateBody turns Trino's grammar into DuckDB's, where a macro can't.
func (q *query) translateBody(tokens []token) *failure {
	q.body = &rewritten{}
	words := significant(tokens)
	if err := q.refuse(words); err != nil {
		return err
	}
	replaced, skipped := q.replacements(words)
	for _, t := range tokens {
		switch {
		case skipped[t.at]:
		case replaced[t.at] != "":
			q.body.add(replaced[t.at], t.at)
		default:
			q.body.add(t.text, t.at)
		}
	}
	return nil
}

// refuse names grammar that can't be run here, before the engine stumbles over
// it with words that don't help.
func (q *query) refuse(words []token) *failure {
	for i, w := range words {
		next := func(n int) token {
			if i+n < len(words) {
				return words[i+n]
			}
			return token{}
		}
		switch {
		case w.is("MATCH_RECOGNIZE") && next(1).is("("):
			return q.at(w.at, "NOT_SUPPORTED: the sandbox has no MATCH_RECOGNIZE")
		case w.is("FOR") && next(1).is("TIMESTAMP", "VERSION", "SYSTEM_TIME", "SYSTEM_VERSION") && next(2).is("AS"):
			return q.at(w.at, "NOT_SUPPORTED: the sandbox has no time travel (FOR %s AS OF)", strings.ToUpper(next(1).text))
		case w.is(";"):
			return q.at(w.at, "Only one sql statement is allowed. Got: %s", q.sql)
		}
	}
	return nil
}

// replacements tells which tokens, by offset, are written differently, and which
// are left out because another's replacement stands for them.
func (q *query) replacements(words []token) (replaced map[int]string, skipped map[int]bool) {
	replaced, skipped = map[int]string{}, map[int]bool{}
	for i := range words {
		if i+1 >= len(words) {
			break
		}
		w, next := words[i], words[i+1]
		name := strings.ToLower(w.text)
		switch {
		case w.is("X") && next.kind == text && next.at == w.at+1:
			replaced[w.at] = "unhex(" + next.text + ")"
			skipped[next.at] = true
		case w.is("DECIMAL") && next.kind == text:
			if typ, ok := decimalOf(unquote(next.text)); ok {
				replaced[w.at] = "CAST(" + next.text + " AS " + typ + ")"
				skipped[next.at] = true
			}
		case w.is("CAST", "TRY_CAST") && next.is("("):
			replaceType(words, i+1, replaced, skipped)
		case dateFunctions[name] != "" && next.is("("):
			if last := closing(words, i+1) - 1; last < len(words) && words[last].kind == text {
				replaced[w.at] = dateFunctions[name]
				replaced[words[last].at] = duckdb.Literal(dateFormat(unquote(words[last].text)))
			}
		case w.kind == word && lambdas[name] != "" && next.is("(") && (i+2 >= len(words) || !words[i+2].is("WHERE")):
			replaced[w.at] = lambdas[name]
		}
	}
	return replaced, skipped
}

// decimalOf is the type of the literal DECIMAL 'digits': Trino takes precision
// and scale from the text.
func decimalOf(digits string) (string, bool) {
	whole, fraction, _ := strings.Cut(strings.TrimLeft(digits, "+-"), ".")
	n := len(whole) + len(fraction)
	if n == 0 || n > 38 || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", false
	}
	return fmt.Sprintf("DECIMAL(%d,%d)", n, len(fraction)), true
}

// replaceType writes the type of CAST(… AS type) as DuckDB has it.
func replaceType(words []token, open int, replaced map[int]string, skipped map[int]bool) {
	end := closing(words, open)
	depth, as := 0, -1
	for i := open; i < end; i++ {
		switch {
		case words[i].is("("):
			depth++
		case words[i].is(")"):
			depth--
		case depth == 1 && words[i].is("AS"):
			as = i
		}
	}
	if as < 0 || end >= len(words) || as+1 >= end {
		return
	}
	var trino strings.Builder
	for _, w := range words[as+1 : end] {
		fmt.Fprintf(&trino, "%s ", w.text)
	}
	duck, err := sqltype.ToDuck(strings.ToLower(strings.TrimSpace(trino.String())))
	if err != nil {
		return // the engine tells what is wrong with it
	}
	replaced[words[as+1].at] = duck
	for _, w := range words[as+2 : end] {
		skipped[w.at] = true
	}
}
