package athena

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxQueryBytes is Athena's limit on QueryString, in bytes.
const maxQueryBytes = 262144

// A statement is a query's text, read just far enough to decide how to fetch
// it: comments, quotes and parentheses are understood, grammar is not.
type statement struct {
	text         string // without blanks around it and without final semicolons
	skipped      Position
	verb         string // the first word, in upper case: SELECT, WITH, VALUES, TABLE
	placeholders int    // question marks outside of quotes and comments
	ordered      bool   // ORDER BY at the top level
	limit        int64  // of a top-level LIMIT; -1 without one
	cutLines     int    // lines that cut has put before the user's own
}

// parseStatement reads a query. Its errors are sentences about the text, with
// a Position where one is known.
func parseStatement(query string) (statement, error) {
	text := strings.TrimLeft(query, " \t\r\n\f\v\ufeff")
	skipped := len(query) - len(text)
	r := reading{statement: statement{limit: -1, skipped: endOf(query[:skipped])}}
	lx := lexer{src: text}
	for !r.ended {
		tok, err := lx.next()
		if err == nil {
			err = r.take(tok, &lx)
		}
		if err != nil {
			return statement{}, at(endOf(query[:skipped+tok.start]), err)
		}
	}
	if r.depth > 0 {
		return statement{}, fmt.Errorf("a parenthesis is not closed")
	}
	if r.text = text[:r.end]; r.text == "" {
		return statement{}, fmt.Errorf("the query is empty")
	}
	return r.statement, nil
}

// Placeholders counts the question marks of a query that parameters replace:
// those outside of quotes and comments. A query that cannot be read has none.
func Placeholders(query string) int {
	stmt, _ := parseStatement(query)
	return stmt.placeholders
}

// A reading is a statement that is being read.
type reading struct {
	statement
	depth    int    // of parentheses
	previous string // the lexeme before, if at the top level; in upper case
	end      int    // behind the last lexeme
	ended    bool
}

// take takes the next lexeme. Its error is about that lexeme.
func (r *reading) take(tok lexeme, lx *lexer) error {
	switch tok.text {
	case "":
		r.ended = true
		return nil
	case ";":
		r.ended = true
		if !lx.onlySemicolons() {
			return fmt.Errorf("a source takes one statement, and another one follows the semicolon")
		}
		return nil
	case "(":
		r.depth++
	case ")":
		if r.depth--; r.depth < 0 {
			return fmt.Errorf("this parenthesis closes nothing")
		}
	case "?":
		r.placeholders++
	}
	r.end = lx.pos
	if r.verb == "" && tok.text != "(" {
		r.verb = strings.ToUpper(tok.text)
	}
	if r.depth == 0 {
		r.clause(r.previous, tok)
		r.previous = strings.ToUpper(tok.text)
	}
	return nil
}

// clause notes the two clauses at the top level that decide the method.
func (s *statement) clause(previous string, tok lexeme) {
	switch {
	case previous == "ORDER" && strings.EqualFold(tok.text, "BY"):
		s.ordered = true
	case previous == "LIMIT" && tok.kind == word:
		if n, err := strconv.ParseInt(tok.text, 10, 64); err == nil {
			s.limit = n
		}
	}
}

// reads reports whether the statement only reads rows, as a source must.
func (s statement) reads() bool {
	switch s.verb {
	case "SELECT", "WITH", "VALUES", "TABLE":
		return true
	}
	return false
}

// The wrapping of a query begins with a line of its own and ends on one, so
// that columns in Athena's messages are the query's own, lines are off by one,
// and a trailing "--" comment swallows nothing.
const wrapLines = 1

// described returns the statement that has the query's columns and no rows.
func (s statement) described() string {
	return "SELECT * FROM (\n" + s.text + "\n) LIMIT 0"
}

// validated returns the statement that has the query judged without running it.
func (s statement) validated() string { return "EXPLAIN (TYPE VALIDATE)\n" + s.text }

// cut returns the statement for no more than so many rows.
func (s statement) cut(rows int64) statement {
	s.text = "SELECT * FROM (\n" + s.text + "\n) LIMIT " + strconv.FormatInt(rows, 10)
	s.verb, s.cutLines = "SELECT", wrapLines
	if s.limit < 0 || s.limit > rows {
		s.limit = rows
	}
	return s
}

// unloaded returns the statement that writes the query's rows below an s3://
// location, as Parquet with that codec. UNLOAD takes a SELECT; VALUES, TABLE and parentheses
// become one.
func (s statement) unloaded(location, codec string) string {
	return "UNLOAD (SELECT * FROM (\n" + s.text + "\n)) TO " + quoteString(location) + " WITH (format = 'PARQUET', compression = " + quoteString(strings.ToUpper(codec)) + ")"
}

// typed returns the statement whose only row holds the exact type of each
// column. The left join with nothing keeps the row; typeof is computed from
// the analysed expression and reads no data.
func (s statement) typed(names []string) string {
	exprs := make([]string, len(names))
	for i, n := range names {
		exprs[i] = "typeof(q." + quoteName(n) + ")"
	}
	return "SELECT " + strings.Join(exprs, ", ") + " FROM (VALUES (1)) AS one (x) LEFT JOIN (SELECT * FROM (\n" +
		s.text + "\n) LIMIT 0) AS q ON true"
}

func quoteString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// endOf is the position right after a text.
func endOf(text string) Position {
	line := 1 + strings.Count(text, "\n")
	last := text[strings.LastIndex(text, "\n")+1:]
	return Position{Line: line, Column: 1 + utf8.RuneCountInString(last)}
}

type lexemeKind int

const (
	endOfText lexemeKind = iota
	word                 // letters, digits, underscores: names, keywords, numbers
	quoted               // 'text', "name" or `name`
	symbol               // one character
)

type lexeme struct {
	kind  lexemeKind
	text  string // for quoted ones, the quote alone
	start int    // byte offset
}

// A lexer splits SQL into lexemes, without blanks and comments.
type lexer struct {
	src string
	pos int
}

func (l *lexer) next() (lexeme, error) {
	if tok, err := l.skip(); err != nil {
		return tok, err
	}
	start := l.pos
	if start == len(l.src) {
		return lexeme{start: start}, nil
	}
	switch c := l.src[start]; {
	case c == '\'' || c == '"' || c == '`':
		return l.quoted(c)
	case isWord(c):
		for l.pos < len(l.src) && isWord(l.src[l.pos]) {
			l.pos++
		}
		return lexeme{kind: word, text: l.src[start:l.pos], start: start}, nil
	default:
		l.pos++
		return lexeme{kind: symbol, text: l.src[start:l.pos], start: start}, nil
	}
}

// skip passes blanks and comments.
func (l *lexer) skip() (lexeme, error) {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch {
		case strings.ContainsRune(" \t\r\n\f\v", rune(rest[0])):
			l.pos++
		case strings.HasPrefix(rest, "--"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.pos += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return lexeme{start: l.pos}, fmt.Errorf("this comment is not closed")
			}
			l.pos += n + 4
		default:
			return lexeme{}, nil
		}
	}
	return lexeme{}, nil
}

// quoted passes a quoted text, in which the quote is doubled to stand for
// itself.
func (l *lexer) quoted(quote byte) (lexeme, error) {
	tok := lexeme{kind: quoted, text: string(quote), start: l.pos}
	for l.pos++; l.pos < len(l.src); l.pos++ {
		if l.src[l.pos] != quote {
			continue
		}
		if l.pos++; l.pos == len(l.src) || l.src[l.pos] != quote {
			return tok, nil
		}
	}
	return tok, fmt.Errorf("this quote (%c) is not closed", quote)
}

func (l *lexer) onlySemicolons() bool {
	for {
		tok, err := l.next()
		if err != nil || (tok.kind != endOfText && tok.text != ";") {
			return false
		}
		if tok.kind == endOfText {
			return true
		}
	}
}

func isWord(c byte) bool {
	return c == '_' || c >= utf8.RuneSelf || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}
