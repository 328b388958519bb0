package main

import (
	"fmt"
	"strings"

	"waybill/internal/diag"
)

// summaryText is the last line: "1 changed, 1 removed; 1 problem".
func (out *planned) summaryText() string {
	var changed []string
	s := out.Summary
	for _, c := range []struct {
		n    int
		what string
	}{{s.Added, "added"}, {s.Changed, "changed"}, {s.Moved, "moved"}, {s.Removed, "removed"}} {
		if c.n > 0 {
			changed = append(changed, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	text := strings.Join(changed, ", ")
	if text == "" {
		text = plural(len(out.Plans), "pipeline") + " planned"
	}
	switch {
	case s.Problems > 0:
		text += "; " + plural(s.Problems, "problem")
	default:
		text += "; nothing stands in the way"
	}
	if s.Warnings > 0 {
		text += ", " + plural(s.Warnings, "warning")
	}
	return text
}

// planText is a plan for a terminal.
func planText(out *planned, style diag.Style) string {
	text := paintedLines(planLines(out), style)
	if text != "" {
		text += "\n"
	}
	return text + out.summaryText() + "\n"
}

// signs stand in front of what a mark means, so that colour is never all.
var signs = map[byte]string{'!': "✗", '?': "!", '=': "✓", '+': "+", '-': "-", '~': "~"}

// paintedLines puts lines on a terminal, with an empty one before each heading
// but the first.
func paintedLines(lines []planLine, style diag.Style) string {
	var b strings.Builder
	paint := map[byte]func(string) string{'+': style.Green, '-': style.Red, '~': style.Yellow, '!': style.Red, '?': style.Yellow, '#': style.Bold}
	for i, l := range lines {
		if l.mark == '#' && i > 0 {
			b.WriteString("\n")
		}
		text := l.text
		if s := signs[l.mark]; s != "" {
			body := strings.TrimLeft(text, " ")
			text = strings.Repeat(" ", max(0, len(text)-len(body)-2)) + s + " " + body
		}
		if p := paint[l.mark]; p != nil {
			text = p(text)
		} else if l.mark == '=' {
			text = strings.Replace(text, "✓", style.Green("✓"), 1)
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}

// planMarkdown is a plan for a comment on a pull request.
func planMarkdown(out *planned) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### waybill plan: %s\n", out.summaryText())
	if out.Commit != "" {
		fmt.Fprintf(&b, "\nCompared with `%s` (%.10s).\n", out.Against, out.Commit)
	}
	for _, d := range out.Problems {
		fmt.Fprintf(&b, "\n- **%s** at `%s`: %s `%s`", d.Severity, d.Where, d.Summary, d.Code)
		if d.Detail != "" {
			fmt.Fprintf(&b, "<br>%s", strings.ReplaceAll(d.Detail, "\n", "<br>"))
		}
	}
	if len(out.Problems) > 0 {
		b.WriteString("\n")
	}
	open := false
	closeFence := func() {
		if open {
			b.WriteString("```\n")
		}
		open = false
	}
	sign := map[byte]string{'!': "!", '?': "!", '=': "+", '+': "+", '-': "-", '~': "!"}
	for _, l := range planLines(out) {
		if l.mark == '#' {
			closeFence()
			name, rest, _ := strings.Cut(l.text, "   ")
			fmt.Fprintf(&b, "\n**%s** %s\n", name, rest)
			continue
		}
		if !open {
			b.WriteString("```diff\n")
			open = true
		}
		mark := sign[l.mark]
		if mark == "" {
			mark = " "
		}
		text := strings.TrimPrefix(l.text, "  ")
		switch l.mark {
		case '!':
			text = strings.Replace(text, strings.TrimLeft(text, " "), "✗ "+strings.TrimLeft(text, " "), 1)
		case '=':
			mark, text = " ", strings.Replace(text, strings.TrimLeft(text, " "), "✓ "+strings.TrimLeft(text, " "), 1)
		}
		b.WriteString(mark + " " + strings.ReplaceAll(text, "```", "'''") + "\n")
	}
	closeFence()
	return b.String()
}
