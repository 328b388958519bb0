package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"waybill/internal/diag"
)

// misplaced finds the bracket, or heredoc, that was left open or closed twice.
// A parser notices only where nothing fits any more, mostly at the end of the
// file; people indent, so the place is found by that.
//
// It returns nil if all brackets match, whatever the indentation. It is certain
// if the indentation, or another bracket, tells the place.
func misplaced(src []byte, name string) (d *hcl.Diagnostic, certain bool) {
	var b brackets
	if strings.HasSuffix(name, ".json") {
		b = jsonBrackets(src, name)
	} else {
		b = nativeBrackets(src, name)
	}
	b.lines = strings.Split(string(src), "\n")
	d = b.find()
	return d, d != nil && !strings.HasPrefix(d.Detail, whereItEnds)
}

// consequences are what HCL's parsers say, by the first line of a file, of a
// fault further down.
var consequences = []string{"Unclosed configuration block", "Root value must be object", "Unclosed object", "Unclosed array"}

// located puts the faults of a file that cannot be parsed where people would
// look for them: what follows from a misplaced bracket is left out.
func located(diags hcl.Diagnostics, src []byte, name string) hcl.Diagnostics {
	out := slices.DeleteFunc(slices.Clone(diags), func(d *hcl.Diagnostic) bool { return slices.Contains(consequences, d.Summary) })
	first, certain := misplaced(src, name)
	if fault := jsonFault(src, name); fault != nil && (first == nil || fault.Subject.Start.Byte < first.Subject.Start.Byte) {
		first, certain = fault, true
	}
	switch {
	case first == nil:
	case !certain && len(out) > 0: // what HCL stumbled over first may be the cause
		out = append(diag.Sort(out)[:1], first)
	default:
		out = slices.DeleteFunc(out, func(d *hcl.Diagnostic) bool {
			return d.Subject == nil || d.Subject.Start.Byte >= first.Subject.Start.Byte
		})
		out = append(out, first)
	}
	if len(out) == 0 {
		return diags
	}
	return out
}

// jsonFault finds where JSON stops to be JSON.
func jsonFault(src []byte, name string) *hcl.Diagnostic {
	var fault *json.SyntaxError
	if !strings.HasSuffix(name, ".json") || !errors.As(json.Unmarshal(src, new(any)), &fault) {
		return nil
	}
	offset := max(0, min(int(fault.Offset)-1, len(src)))
	before := string(src[:offset])
	at := hcl.Pos{Line: 1 + strings.Count(before, "\n"), Column: offset - strings.LastIndexByte(before, '\n'), Byte: offset}
	return diag.Error("syntax", hcl.Range{Filename: name, Start: at, End: at}, "this is no JSON", upper(fault.Error())+".")
}

// A bracket opens or closes something.
type bracket struct {
	kind   byte // what closes it: } ] ) " or E for a heredoc
	opens  bool
	rng    hcl.Range
	text   string
	leads  bool // nothing but closing brackets stands before it on its line
	indent int  // of its line
}

type brackets struct {
	all   []bracket
	lines []string
}

var pairs = map[hclsyntax.TokenType]struct {
	kind  byte
	opens bool
}{
	hclsyntax.TokenOBrace: {'}', true}, hclsyntax.TokenCBrace: {'}', false},
	hclsyntax.TokenOBrack: {']', true}, hclsyntax.TokenCBrack: {']', false},
	hclsyntax.TokenOParen: {')', true}, hclsyntax.TokenCParen: {')', false},
	hclsyntax.TokenTemplateInterp: {'}', true}, hclsyntax.TokenTemplateControl: {'}', true}, hclsyntax.TokenTemplateSeqEnd: {'}', false},
	hclsyntax.TokenOHeredoc: {'E', true}, hclsyntax.TokenCHeredoc: {'E', false},
}

func nativeBrackets(src []byte, name string) brackets {
	var b brackets
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos)
	line, leading, indent := 0, true, 0
	for _, t := range tokens {
		if t.Range.Start.Line != line {
			line, leading, indent = t.Range.Start.Line, true, t.Range.Start.Column-1
		}
		if pair, ok := pairs[t.Type]; ok {
			b.all = append(b.all, bracket{pair.kind, pair.opens, t.Range, string(t.Bytes), leading && !pair.opens, indent})
			leading = leading && !pair.opens
		} else {
			leading = false
		}
	}
	return b
}

func jsonBrackets(src []byte, name string) brackets {
	var b brackets
	line, start, leading, indent := 1, 0, true, 0
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case c == '\n':
			line, start, leading, indent = line+1, i+1, true, 0
			continue
		case c == ' ' || c == '\t' || c == '\r':
			if leading && indent == i-start {
				indent++
			}
			continue
		case c == '"':
			for i++; i < len(src) && src[i] != '"' && src[i] != '\n'; i++ {
				if src[i] == '\\' {
					i++
				}
			}
			if i < len(src) && src[i] == '\n' {
				i-- // the text was not closed, which is reported where it stands
			}
		case strings.IndexByte("{}[]", c) >= 0:
			opens := c == '{' || c == '['
			kind := map[byte]byte{'{': '}', '[': ']'}[c]
			if !opens {
				kind = c
			}
			at := hcl.Pos{Line: line, Column: i - start + 1, Byte: i}
			end := hcl.Pos{Line: line, Column: at.Column + 1, Byte: i + 1}
			b.all = append(b.all, bracket{kind, opens, hcl.Range{Filename: name, Start: at, End: end}, string(c), leading && !opens, indent})
			if !opens && leading {
				continue
			}
		}
		leading = false
	}
	return b
}

// find goes through the brackets as a reader does. The first place where one
// closes what stands on another level of indentation is only noted: if all
// match in the end, it was someone's taste.
func (b brackets) find() *hcl.Diagnostic {
	var open []bracket
	var odd *hcl.Diagnostic
	note := func(d *hcl.Diagnostic) {
		if odd == nil {
			odd = d
		}
	}
	for _, k := range b.all {
		if k.opens {
			open = append(open, k)
			continue
		}
		if len(open) == 0 {
			note(closedTwice(k))
			return odd
		}
		top := open[len(open)-1]
		sameLine := k.rng.Start.Line == top.rng.Start.Line
		switch {
		case k.kind != top.kind && !slices.ContainsFunc(open, func(o bracket) bool { return o.kind == k.kind }):
			note(closedTwice(k))
			return odd
		case k.kind != top.kind:
			note(b.leftOpen(open, &k))
			return odd
		case k.kind == 'E' || sameLine:
		case k.leads && k.indent < top.indent:
			note(b.leftOpen(open, &k))
		case k.leads && k.indent > top.indent, !k.leads:
			note(closedTwice(k))
		}
		open = open[:len(open)-1]
	}
	if len(open) == 0 {
		return nil
	}
	note(b.leftOpen(open, nil))
	return odd
}

func closedTwice(k bracket) *hcl.Diagnostic {
	return diag.Error("syntax", k.rng, fmt.Sprintf("a %s too many", k.text), "What it closes, by its place, was opened elsewhere. Remove it, or open what it closes.")
}

// whereItEnds begins the details of what only the opening bracket is known of.
const whereItEnds = "Where it ends cannot be told."

// leftOpen reports the last of the open brackets at the line after which it
// should have been closed: the last that is indented more than the one where it
// stands.
func (b brackets) leftOpen(open []bracket, before *bracket) *hcl.Diagnostic {
	top := open[len(open)-1]
	last := len(b.lines)
	if before != nil {
		last = before.rng.Start.Line - 1
	}
	closing := string(top.kind)
	what := "the " + strings.TrimSpace(top.text)
	if top.kind == 'E' {
		what = "the text after " + strings.TrimSpace(top.text)
		closing = "a line with " + strings.TrimLeft(strings.TrimSpace(top.text), "<-") + " alone"
	}
	at, detail := top.rng, fmt.Sprintf("%s Write %s there.", whereItEnds, closing)
	opened := b.lines[top.rng.Start.Line-1]
	twice := len(open) > 1 && open[len(open)-2].rng.Start.Line == top.rng.Start.Line || strings.Contains(opened, top.text+top.text)
	if n := b.lastWithin(top, last); !twice && (top.kind == '}' || top.kind == 'E') && n > top.rng.Start.Line {
		at = b.line(top.rng.Filename, n)
		detail = fmt.Sprintf("By the indentation, %s is missing after this line.", closing)
	}
	return diag.Error("syntax", at, fmt.Sprintf("%s of line %d is not closed", what, top.rng.Start.Line), detail)
}

// lastWithin is the last line, up to a line, that belongs to an open bracket by
// its indentation.
func (b brackets) lastWithin(top bracket, last int) int {
	within := top.rng.Start.Line
	for n := within + 1; n <= last; n++ {
		line := b.lines[n-1]
		text := strings.TrimLeft(line, " \t")
		if text == "" {
			continue
		}
		if len(line)-len(text) <= top.indent {
			break
		}
		within = n
	}
	return within
}

// line is the text of a line, counted from 1, with the empty ones after it.
func (b brackets) line(file string, n int) hcl.Range {
	offset := 0
	for _, line := range b.lines[:n-1] {
		offset += len(line) + 1
	}
	line := b.lines[n-1]
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	start := hcl.Pos{Line: n, Column: indent + 1, Byte: offset + indent}
	end := hcl.Pos{Line: n, Column: len(line) + 1, Byte: offset + len(line)}
	for end.Line < len(b.lines) && strings.TrimSpace(b.lines[end.Line]) == "" {
		end = hcl.Pos{Line: end.Line + 1, Column: 1, Byte: end.Byte + 1 + len(b.lines[end.Line])}
	}
	return hcl.Range{Filename: file, Start: start, End: end}
}
