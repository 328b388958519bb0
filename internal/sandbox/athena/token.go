package athena

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind is what a piece of SQL text is, as far as it is looked at here.
type tokenKind int

const (
	space      tokenKind = iota // and comments
	word                        // keyword or plain identifier
	quotedName                  // "name"
	text                        // 'text'
	number
	mark // anything else, one character
)

// A token is a piece of SQL text. All tokens of a text, put together, are the
// text.
type token struct {
	kind tokenKind
	at   int // byte offset in the source
	text string
}

func (t token) is(words ...string) bool {
	if t.kind != word && t.kind != mark {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(t.text, w) {
			return true
		}
	}
	return false
}

// tokenize splits SQL text. It accepts everything: what is wrong with a text is
// the engine's to say.
func tokenize(sql string) []token {
	var out []token
	for at := 0; at < len(sql); {
		kind, length := nextToken(sql[at:])
		out = append(out, token{kind, at, sql[at : at+length]})
		at += length
	}
	return out
}

func nextToken(s string) (tokenKind, int) {
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case strings.HasPrefix(s, "--"):
		if i := strings.IndexByte(s, '\n'); i >= 0 {
			return space, i + 1
		}
		return space, len(s)
	case strings.HasPrefix(s, "/*"):
		if i := strings.Index(s[2:], "*/"); i >= 0 {
			return space, i + 4
		}
		return space, len(s)
	case unicode.IsSpace(r):
		return space, run(s, unicode.IsSpace)
	case r == '\'':
		return text, quotedLength(s, '\'')
	case r == '"':
		return quotedName, quotedLength(s, '"')
	case r == '_' || unicode.IsLetter(r):
		return word, run(s, func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) })
	case unicode.IsDigit(r):
		return number, run(s, func(r rune) bool { return r == '.' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) })
	}
	return mark, size
}

func run(s string, in func(rune) bool) int {
	if i := strings.IndexFunc(s, func(r rune) bool { return !in(r) }); i >= 0 {
		return i
	}
	return len(s)
}

// quotedLength is the length of a quoted text whose quotes are doubled inside.
func quotedLength(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		if s[i] != quote {
			continue
		}
		if i+1 < len(s) && s[i+1] == quote {
			i++
			continue
		}
		return i + 1
	}
	return len(s)
}

// significant drops spaces and comments.
func significant(tokens []token) []token {
	var out []token
	for _, t := range tokens {
		if t.kind != space {
			out = append(out, t)
		}
	}
	return out
}

// unquote gives the name or text inside quotes.
func unquote(s string) string {
	if len(s) < 2 {
		return s
	}
	q := s[:1]
	return strings.ReplaceAll(s[1:len(s)-1], q+q, q)
}

// A rewritten is SQL text made from another, which remembers what came from
// where.
type rewritten struct {
	sql    strings.Builder
	pieces []piece
}

type piece struct{ out, in int } // offsets at which a piece begins

// add appends text that stands for what begins at offset in of the source.
func (r *rewritten) add(text string, in int) {
	r.pieces = append(r.pieces, piece{r.sql.Len(), in})
	r.sql.WriteString(text)
}

func (r *rewritten) String() string { return r.sql.String() }

// source maps an offset of the rewritten text to one of the source.
func (r *rewritten) source(out int) int {
	in := 0
	for i, p := range r.pieces {
		if p.out > out {
			break
		}
		in = p.in + out - p.out
		if i+1 < len(r.pieces) {
			in = min(in, max(p.in, r.pieces[i+1].in)) // a longer replacement ends where its original does
		}
	}
	return in
}

// lineColumn tells where an offset is, counted from 1 in characters.
func lineColumn(sql string, offset int) (line, column int) {
	before := sql[:max(0, min(offset, len(sql)))]
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}
