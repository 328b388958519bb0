package compiletest

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A Mutant is a file with one token changed: what a slip of the keyboard makes.
type Mutant struct {
	Slip    string // "delete", "double", "swap", "misspell", "bracket", "retype", "word", "root"
	Was, Is string
	Src     []byte
	// First and Last are the lines, from 1, that the changed text covers in Src.
	First, Last int
}

// A token is a piece of a file that a slip changes.
type token struct {
	kind       tokenKind
	start, end int
}

type tokenKind int

const (
	other   tokenKind = iota
	name              // an identifier or keyword
	text              // what stands between quotes, without them
	number            //
	bracket           // a quote, brace, bracket or parenthesis
)

// Mutants makes every mutant of a file that the slips know. What is chosen
// among several letters or words depends on the file alone.
func Mutants(file string, src []byte) []Mutant {
	tokens := tokensOf(file, src)
	m := mutator{src: src, random: rand.New(rand.NewPCG(uint64(len(src)), uint64(len(tokens))))} //nolint:gosec // the same on each run
	for i, t := range tokens {
		m.structure(tokens, i)
		m.content(t)
	}
	return m.out
}

func tokensOf(file string, src []byte) []token {
	switch {
	case strings.HasSuffix(file, ".json"):
		return jsonTokens(src)
	case strings.HasSuffix(file, ".hcl"):
		tokens, _ := hclsyntax.LexConfig(src, file, hcl.InitialPos)
		return nativeTokens(tokens)
	}
	return wordTokens(src)
}

var nativeKinds = map[hclsyntax.TokenType]tokenKind{
	hclsyntax.TokenIdent: name, hclsyntax.TokenQuotedLit: text, hclsyntax.TokenStringLit: text, hclsyntax.TokenNumberLit: number,
	hclsyntax.TokenOQuote: bracket, hclsyntax.TokenCQuote: bracket, hclsyntax.TokenOBrace: bracket, hclsyntax.TokenCBrace: bracket,
	hclsyntax.TokenOBrack: bracket, hclsyntax.TokenCBrack: bracket, hclsyntax.TokenOParen: bracket, hclsyntax.TokenCParen: bracket,
	hclsyntax.TokenTemplateInterp: bracket, hclsyntax.TokenTemplateSeqEnd: bracket,
}

func nativeTokens(tokens hclsyntax.Tokens) []token {
	var out []token
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenEOF || t.Type == hclsyntax.TokenComment {
			continue
		}
		out = append(out, token{nativeKinds[t.Type], t.Range.Start.Byte, t.Range.End.Byte})
	}
	return out
}

var (
	jsonToken = regexp.MustCompile(`"|[{}\[\]]|[,:]|-?[0-9][0-9.eE+-]*|true|false|null`)
	jsonText  = regexp.MustCompile(`^(?:[^"\\]|\\.)*`)
	sqlToken  = regexp.MustCompile(`\$\{|[A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?|--[^\n]*|'[^']*'|[^\sA-Za-z0-9_]`)
)

func jsonTokens(src []byte) []token {
	var out []token
	for at := 0; at < len(src); {
		loc := jsonToken.FindIndex(src[at:])
		if loc == nil {
			break
		}
		t := token{other, at + loc[0], at + loc[1]}
		at = t.end
		switch c := src[t.start]; {
		case c == '"':
			t.kind = bracket
			n := len(jsonText.Find(src[at:]))
			out = append(out, t, token{text, at, at + n})
			t = token{bracket, at + n, at + n + 1}
			at = t.end
		case strings.ContainsRune("{}[]", rune(c)):
			t.kind = bracket
		case c == 't' || c == 'f' || c == 'n':
			t.kind = name
		case c != ',' && c != ':':
			t.kind = number
		}
		out = append(out, t)
	}
	return out
}

// wordTokens are those of SQL, without comments.
func wordTokens(src []byte) []token {
	var out []token
	for _, loc := range sqlToken.FindAllIndex(src, -1) {
		t := token{other, loc[0], loc[1]}
		switch c := src[t.start]; {
		case bytes.HasPrefix(src[t.start:], []byte("--")):
			continue
		case c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z':
			t.kind = name
		case c >= '0' && c <= '9':
			t.kind = number
		case c == '(' || c == ')':
			t.kind = bracket
		}
		out = append(out, t)
	}
	return out
}

type mutator struct {
	src    []byte
	random *rand.Rand
	out    []Mutant
}

// add makes the mutant in which src[start:end] reads is.
func (m *mutator) add(slip string, start, end int, is string) {
	if string(m.src[start:end]) == is {
		return
	}
	out := slices.Concat(m.src[:start], []byte(is), m.src[end:])
	first := 1 + bytes.Count(m.src[:start], []byte("\n"))
	m.out = append(m.out, Mutant{Slip: slip, Was: string(m.src[start:end]), Is: is, Src: out,
		First: first, Last: first + strings.Count(is, "\n")})
}

// structure deletes and doubles a token and swaps it with the next.
func (m *mutator) structure(tokens []token, i int) {
	t := tokens[i]
	was := string(m.src[t.start:t.end])
	m.add("delete", t.start, t.end, "")
	between := ""
	if t.kind == name || t.kind == number {
		between = " "
	}
	m.add("double", t.start, t.end, was+between+was)
	if i+1 < len(tokens) {
		next := tokens[i+1]
		m.add("swap", t.start, next.end, string(m.src[next.start:next.end])+string(m.src[t.end:next.start])+was)
	}
}

// content changes what a token says.
func (m *mutator) content(t token) {
	was := string(m.src[t.start:t.end])
	switch t.kind {
	case name:
		m.add("misspell", t.start, t.end, m.misspelt(was))
		m.add("word", t.start, t.end, m.anotherWord(was))
		m.add("retype", t.start, t.end, `"`+was+`"`)
		if rest := m.src[t.end:]; len(rest) > 0 && rest[0] == '.' {
			m.add("root", t.start, t.end, roots[m.random.IntN(len(roots))])
		}
	case text:
		m.add("misspell", t.start, t.end, m.misspelt(was))
		m.add("word", t.start, t.end, m.anotherWord(was))
		m.add("retype", t.start, t.end, "17")
	case number:
		m.add("retype", t.start, t.end, `"many"`)
		m.add("misspell", t.start, t.end, was+"x")
	case bracket:
		all := []string{`"`, "'", "{", "}", "[", "]", "(", ")"}
		m.add("bracket", t.start, t.end, all[m.random.IntN(len(all))])
	}
}

var (
	roots = []string{"var", "local", "run", "each", "source", "transform", "sink", "pipeline", "connection", "file"}
	words = []string{"true", "false", "null", "none", "fail", "skip", "all", "csv", "parquet", "source", "transform", "file", "s3", "UTC", "0", "-1", "1h", "SELECT", "FROM"}
)

// anotherWord is a word that the language knows somewhere.
func (m *mutator) anotherWord(string) string { return words[m.random.IntN(len(words))] }

// misspelt changes, drops or doubles one letter, or swaps two.
func (m *mutator) misspelt(word string) string {
	letters := []rune(word)
	if len(letters) == 0 {
		return "x"
	}
	i := m.random.IntN(len(letters))
	switch m.random.IntN(4) {
	case 0:
		letters[i] = 'a' + (letters[i]+7)%26
	case 1:
		letters = slices.Insert(letters, i, letters[i])
	case 2:
		if i+1 < len(letters) {
			letters[i], letters[i+1] = letters[i+1], letters[i]
		}
	default:
		letters = slices.Delete(letters, i, i+1)
	}
	return string(letters)
}
