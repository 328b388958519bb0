package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"waybill/internal/scaffold"
)

// showWritten says what there is now, and what to do with it.
func (a *app) showWritten(dir string, answers scaffold.Answers, p scaffold.Project, w *scaffold.Written) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", a.style.Bold(fmt.Sprintf("Wrote %s to %s", plural(len(w.Files), "file"), where(dir))))
	width := 0
	for _, f := range w.Files {
		width = max(width, len(f.Path))
	}
	for _, f := range w.Files {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, f.Path, a.style.Faint(f.Doc))
	}
	if len(w.Kept) > 0 {
		fmt.Fprintf(&b, "Kept as they were: %s\n", strings.Join(w.Kept, ", "))
	}
	for _, t := range p.Pipeline.Triggers {
		fmt.Fprintf(&b, "\n%s runs %s, once `waybill serve` is started.\n", p.Pipeline.Name, t.Schedule.Describe())
	}
	fmt.Fprintf(&b, "\n%s\n", a.style.Bold("Next"))
	for _, c := range nextCommands(dir, answers) {
		fmt.Fprintf(&b, "  %s\n", c)
	}
	if answers.Query != "" {
		fmt.Fprintf(&b, "\nThe local AWS has the table %s.orders alone. If the query reads others, declare them in aws.sandbox.hcl.\n", answers.Database)
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func where(dir string) string {
	if filepath.Clean(dir) == "." {
		return "this directory"
	}
	return dir
}

func nextCommands(dir string, answers scaffold.Answers) []string {
	var out []string
	if filepath.Clean(dir) != "." {
		out = append(out, "cd "+shellWord(dir))
	}
	return append(out, "waybill validate", answers.TryCommand())
}

// shellWord quotes a text for a shell if it needs that.
func shellWord(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,@%:", r)
	}
	if strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
