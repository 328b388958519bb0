package budget

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"waybill/internal/diag"
)

// MaxNesting bounds how deep the brackets, blocks and operators of a file may
// be nested. HCL's parser goes one call deeper with each, and a stack that is
// too small for it ends the process.
const MaxNesting = 500

// nesters are the bytes that can make an expression one level deeper.
const nesters = "([{!-+*/%<>=&|?:"

// Config refuses the text of a configuration file in HCL that is too long, or
// nested too deeply, to be parsed.
func Config(src []byte, file string) *hcl.Diagnostic {
	if len(src) > MaxSource {
		return tooLong(file)
	}
	if shallow(src) {
		return nil
	}
	tokens, _ := hclsyntax.LexConfig(src, file, hcl.InitialPos)
	return nested(tokens)
}

// TemplateText is Config for a template.
func TemplateText(src []byte, file string, start hcl.Pos) *hcl.Diagnostic {
	if shallow(src) {
		return nil
	}
	tokens, _ := hclsyntax.LexTemplate(src, file, start)
	return nested(tokens)
}

// JSON is Config for JSON, whose texts are templates.
func JSON(src []byte, file string) *hcl.Diagnostic {
	if len(src) > MaxSource {
		return tooLong(file)
	}
	depth, line := 0, 1
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '\n':
			line++
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			length := len(jsonText.Find(src[i:]))
			if d := jsonTemplate(src[i:i+length], file, line); d != nil {
				return d
			}
			i += length - 1
		}
		if depth > MaxNesting {
			at := hcl.Pos{Line: line, Column: 1, Byte: i}
			return tooDeep(hcl.Range{Filename: file, Start: at, End: at})
		}
	}
	return nil
}

// Depth is how deep a JSON text is nested.
func Depth(text []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		case '"':
			i += len(jsonText.Find(text[i:])) - 1
		}
	}
	return deepest
}

// jsonText is a text with its quotes, or what there is of it on the line.
var jsonText = regexp.MustCompile(`^"(?:[^"\\\n]|\\.)*"?`)

func jsonTemplate(quoted []byte, file string, line int) *hcl.Diagnostic {
	var text string
	if len(quoted) <= MaxNesting || json.Unmarshal(quoted, &text) != nil {
		return nil
	}
	return TemplateText([]byte(text), file, hcl.Pos{Line: line, Column: 1})
}

// shallow reports whether a text has too few operators to be nested too deeply,
// whatever they are.
func shallow(src []byte) bool {
	if len(src) <= MaxNesting {
		return true
	}
	n := 0
	for i := range src {
		if bytes.IndexByte([]byte(nesters), src[i]) >= 0 {
			if n++; n > MaxNesting {
				return false
			}
		}
	}
	return true
}

func tooLong(file string) *hcl.Diagnostic {
	return diag.Error(Code, hcl.Range{Filename: file, Start: hcl.InitialPos, End: hcl.InitialPos}, "the file is too large",
		fmt.Sprintf("A configuration file may have up to %d MiB. Split it.", MaxSource>>20))
}

func tooDeep(rng hcl.Range) *hcl.Diagnostic {
	return diag.Error(Code, rng, "this is nested too deeply", fmt.Sprintf("Brackets, blocks and operators may be nested up to %d levels deep. Name parts of it in locals.", MaxNesting))
}

// nested finds the token at which brackets, and operators that stand in a row
// with nothing to end their expression, are nested too deeply.
func nested(tokens hclsyntax.Tokens) *hcl.Diagnostic {
	type level struct {
		operators int
		texts     bool // parts in a row, each of its own
		lines     bool // a line end ends an expression
	}
	levels, total := []level{{lines: true}}, 0
	top := func() *level { return &levels[len(levels)-1] }
	ended := func() {
		total -= top().operators
		top().operators = 0
	}
	deeper := func() {
		if !top().texts {
			top().operators++
			total++
		}
	}
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			levels = append(levels, level{texts: t.Type == hclsyntax.TokenOQuote || t.Type == hclsyntax.TokenOHeredoc, lines: t.Type == hclsyntax.TokenOBrace})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if len(levels) > 1 {
				ended()
				levels = levels[:len(levels)-1]
			}
			deeper() // a[b][c] is an index of an index
		case hclsyntax.TokenComma:
			ended()
		case hclsyntax.TokenNewline:
			if top().lines {
				ended()
			}
		case hclsyntax.TokenEqual:
			ended()
		case hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPercent, hclsyntax.TokenBang,
			hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenQuestion, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual,
			hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq:
			deeper()
		}
		if len(levels)+total > MaxNesting {
			return tooDeep(t.Range)
		}
	}
	return nil
}
