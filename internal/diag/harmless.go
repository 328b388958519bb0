package diag

import (
	"regexp"
	"strings"
	"unicode"
)

// Files come from anybody, and what is shown of them is read by terminals and
// by the logs of CI systems, which take orders from text: escape sequences,
// characters that turn the direction of writing, `::command::` at the beginning
// of a line (GitHub) and `##[command]` anywhere in one (GitHub, Azure,
// TeamCity).
var (
	commandAtStart = regexp.MustCompile(`(?m)^([ \t]*)::`)
	commandInside  = regexp.MustCompile(`##(\[|vso\[|teamcity\[)`)
)

// Harmless takes out of a text of several lines what steers whoever shows it.
func Harmless(s string) string {
	s = harmless(strings.ReplaceAll(s, "\r\n", "\n"))
	return commandAtStart.ReplaceAllString(s, "$1: :")
}

// HarmlessLine is Harmless for what must stay on one line.
func HarmlessLine(s string) string {
	return strings.ReplaceAll(Harmless(s), "\n", " ")
}

// harmless keeps the number of bytes between two places of a text that has no
// control characters, so that a place can still be pointed at.
func harmless(s string) string {
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
	return commandInside.ReplaceAllString(s, "# $1")
}
