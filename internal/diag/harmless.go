package diag

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
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

// A message of a diagnostic may quote a value, however long that is.
const (
	mostOfSummary = 400 // characters
	mostOfDetail  = 4000
)

// Summary is a diagnostic's summary as it is shown: one harmless line.
func Summary(d *hcl.Diagnostic) string { return middleCut(HarmlessLine(d.Summary), mostOfSummary) }

// Detail is a diagnostic's detail as it is shown: harmless, maybe of several
// lines, maybe empty.
func Detail(d *hcl.Diagnostic) string { return middleCut(Harmless(d.Detail), mostOfDetail) }

// middleCut keeps the beginning and the end of a long text: one says what it is
// about, the other what is wrong.
func middleCut(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most/2]) + " … " + string(r[len(r)-most/2:])
}

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
