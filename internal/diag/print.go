package diag

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcled"
	"github.com/rivo/uniseg"
)

// Sources gives the text of files for snippets: HCL's own, parsed, and any
// other by its bytes.
type Sources struct {
	Files map[string]*hcl.File
	Other map[string][]byte
}

func (s Sources) bytes(name string) []byte {
	if f, ok := s.Files[name]; ok && f != nil {
		return f.Bytes
	}
	return s.Other[name]
}

// Style says how text is decorated; the zero value is plain.
type Style struct{ Color bool }

// The meanings that have a colour.
const (
	red    = "31"
	yellow = "33"
	green  = "32"
	faint  = "2"
	bold   = "1"
)

func (s Style) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Red, Yellow, Green, Faint and Bold decorate text, if the style has colour.
func (s Style) Red(t string) string    { return s.paint(red, t) }
func (s Style) Yellow(t string) string { return s.paint(yellow, t) }
func (s Style) Green(t string) string  { return s.paint(green, t) }
func (s Style) Faint(t string) string  { return s.paint(faint, t) }
func (s Style) Bold(t string) string   { return s.paint(bold, t) }

// Print writes diagnostics for people: what is wrong, where, and what to do.
func Print(w io.Writer, diags hcl.Diagnostics, src Sources, style Style) error {
	for _, d := range diags {
		if _, err := io.WriteString(w, text(d, src, style)); err != nil {
			return err
		}
	}
	return nil
}

func text(d *hcl.Diagnostic, src Sources, style Style) string {
	var b strings.Builder
	word := style.Red("Error:")
	if d.Severity == hcl.DiagWarning {
		word = style.Yellow("Warning:")
	}
	fmt.Fprintf(&b, "%s %s  %s\n", word, style.Bold(harmless(d.Summary)), style.Faint("["+string(CodeOf(d))+"]"))
	if d.Subject != nil && d.Subject.Filename != "" {
		b.WriteByte('\n')
		snippet(&b, d, src, style)
	}
	if d.Detail != "" {
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(wrap(harmless(d.Detail), 100), "\n", "\n  "))
	}
	b.WriteByte('\n')
	return b.String()
}

func snippet(b *strings.Builder, d *hcl.Diagnostic, src Sources, style Style) {
	r := *d.Subject
	file := src.bytes(r.Filename)
	if file == nil || r.Start.Line == 0 {
		fmt.Fprintf(b, "  on %s\n", place(r))
		return
	}
	in := ""
	if f := src.Files[r.Filename]; f != nil {
		if c := hcled.ContextString(f, r.Start.Byte); c != "" {
			in = ", in " + harmless(c)
		}
	}
	fmt.Fprintf(b, "  on %s%s:\n", place(r), in)
	line := harmless(lineAt(file, r.Start.Line))
	fmt.Fprintf(b, "  %s %s\n", style.Faint(fmt.Sprintf("%4d:", r.Start.Line)), line)
	fmt.Fprintf(b, "        %s%s\n", indentLike(line, r.Start.Column-1), style.Red(strings.Repeat("^", underline(r, line))))
}

func place(r hcl.Range) string {
	if r.Start.Line == 0 {
		return harmless(r.Filename)
	}
	return fmt.Sprintf("%s line %d", harmless(r.Filename), r.Start.Line)
}

func lineAt(file []byte, n int) string {
	lines := bytes.SplitN(file, []byte("\n"), n+1)
	if n > len(lines) {
		return ""
	}
	return strings.TrimRight(string(lines[n-1]), "\r")
}

// harmless takes out of a text what steers a terminal or turns its direction of
// writing: files come from anybody.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// indentLike is blank space as wide as the first columns of a line: tabs stay
// tabs. A column is a character as users see it, as HCL counts them; some of
// them are two places wide.
func indentLike(line string, columns int) string {
	var b strings.Builder
	for g := uniseg.NewGraphemes(line); columns > 0 && g.Next(); columns-- {
		if g.Str() == "\t" {
			b.WriteByte('\t')
			continue
		}
		b.WriteString(strings.Repeat(" ", g.Width()))
	}
	return b.String()
}

// underline is how many places of a line the range takes; of a range of several
// lines, those to the end of the first.
func underline(r hcl.Range, line string) int {
	width := 0
	g := uniseg.NewGraphemes(line)
	for column := 1; g.Next(); column++ {
		if column >= r.Start.Column && (r.End.Line != r.Start.Line || column < r.End.Column) {
			width += g.Width()
		}
	}
	return max(1, width)
}

// wrap breaks a text at blanks so that no line is much wider than n.
func wrap(s string, n int) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		for utf8.RuneCountInString(line) > n {
			i := strings.LastIndex(string([]rune(line)[:n]), " ")
			if i <= 0 {
				break
			}
			out = append(out, line[:i])
			line = line[i+1:]
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
