package diag

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/rivo/uniseg"
)

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
	fmt.Fprintf(&b, "%s %s  %s\n", word, style.Bold(Summary(d)), style.Faint("["+string(CodeOf(d))+"]"))
	if d.Subject != nil && d.Subject.Filename != "" {
		b.WriteByte('\n')
		writeSnippet(&b, d, src, style)
	}
	for _, v := range Values(d) {
		fmt.Fprintf(&b, "%s%s\n", margin, style.Faint(v.String()))
	}
	if detail := Detail(d); detail != "" {
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(Harmless(wrap(detail, 100)), "\n", "\n  "))
	}
	b.WriteByte('\n')
	return b.String()
}

func writeSnippet(b *strings.Builder, d *hcl.Diagnostic, src Sources, style Style) {
	s, ok := src.SnippetOf(d)
	if !ok {
		fmt.Fprintf(b, "  on %s\n", place(*d.Subject))
		return
	}
	s = s.firstLine()
	in := ""
	if s.Context != "" {
		in = ", in " + s.Context
	}
	fmt.Fprintf(b, "  on %s%s:\n", place(*d.Subject), in)
	fmt.Fprintf(b, "  %s %s\n", style.Faint(fmt.Sprintf("%4d:", d.Subject.Start.Line)), s.Code)
	marks := strings.Repeat("^", max(1, uniseg.StringWidth(s.Code[s.Start:s.End])))
	fmt.Fprintf(b, "%s%s%s\n", margin, blankLike(s.Code[:s.Start]), style.Red(marks))
}

// margin is as wide as what stands before the code of a snippet.
const margin = "        "

func place(r hcl.Range) string {
	if r.Start.Line == 0 {
		return HarmlessLine(r.Filename)
	}
	return fmt.Sprintf("%s line %d", HarmlessLine(r.Filename), r.Start.Line)
}

// blankLike is blank space as wide as a text: tabs stay tabs, and some
// characters are two places wide.
func blankLike(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "\t") {
		if i > 0 {
			b.WriteByte('\t')
		}
		b.WriteString(strings.Repeat(" ", uniseg.StringWidth(part)))
	}
	return b.String()
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
