package tests

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"github.com/rogpeppe/go-internal/diff"
)

// mostShown is how many differing rows are shown.
const mostShown = 20

// widest is how many places a cell takes at most.
const widest = 48

// diffTable shows how rows differ, as aligned columns: "-" before a row that is
// missing, "+" before one that is unexpected, "~" before one with other cells,
// which are shown as "- wanted / + got".
func diffTable(columns []string, changes []change) string {
	columns, changes, left := narrowed(columns, changes)
	lines := [][]string{append([]string{" "}, columns...)}
	for i, c := range changes {
		if i == mostShown {
			break
		}
		lines = append(lines, changeLine(c))
	}
	text := aligned(lines)
	if more := len(changes) - mostShown; more > 0 {
		text += fmt.Sprintf("\n… and %d more", more)
	}
	if left > 0 {
		text += fmt.Sprintf("\n(%d columns without a difference are not shown)", left)
	}
	return text
}

// mostColumns is how many columns a table has before those without a
// difference are left out.
const mostColumns = 8

// narrowed leaves out, of a wide table in which rows have changed and none came
// or went, the columns without a difference: all but the first, which may tell
// which row it is.
func narrowed(columns []string, changes []change) ([]string, []change, int) {
	if len(columns) <= mostColumns {
		return columns, changes, 0
	}
	var keep []int
	for i := range columns {
		differs := i == 0
		for _, c := range changes {
			if c.want == nil || c.got == nil {
				return columns, changes, 0
			}
			differs = differs || !c.want[i].equal(c.got[i])
		}
		if differs {
			keep = append(keep, i)
		}
	}
	names, out := make([]string, len(keep)), make([]change, len(changes))
	for k, i := range keep {
		names[k] = columns[i]
		for n, c := range changes {
			out[n].want, out[n].got = append(out[n].want, c.want[i]), append(out[n].got, c.got[i])
		}
	}
	return names, out, len(columns) - len(keep)
}

func changeLine(c change) []string {
	switch {
	case c.got == nil:
		return append([]string{"-"}, cells(c.want)...)
	case c.want == nil:
		return append([]string{"+"}, cells(c.got)...)
	}
	out := []string{"~"}
	for i, w := range c.want {
		if w.equal(c.got[i]) {
			out = append(out, clip(w.shown, 0))
			continue
		}
		from := commonPrefix(w.shown, c.got[i].shown)
		out = append(out, "- "+clip(w.shown, from)+" / + "+clip(c.got[i].shown, from))
	}
	return out
}

func cells(row []value) []string {
	out := make([]string, len(row))
	for i, v := range row {
		out[i] = clip(v.shown, 0)
	}
	return out
}

// commonPrefix is how many characters two texts begin with in common.
func commonPrefix(a, b string) int {
	x, y := []rune(a), []rune(b)
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	return n
}

// clip keeps a cell on its line and harmless to a terminal. Of a long one it
// shows the part that holds the character at from.
func clip(s string, from int) string {
	r := []rune(strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '⏎'
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, s))
	if len(r) <= widest {
		return string(r)
	}
	start := min(max(0, from-widest/3), len(r)-widest+2)
	part := string(r[start:min(len(r), start+widest-2)])
	if start > 0 {
		part = "…" + part
	}
	if start+widest-2 < len(r) {
		part += "…"
	}
	return part
}

// aligned pads the cells of each column to one width.
func aligned(lines [][]string) string {
	var widths []int
	for _, line := range lines {
		for i, c := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(c))
		}
	}
	out := make([]string, len(lines))
	for n, line := range lines {
		var b strings.Builder
		for i, c := range line {
			b.WriteString(c + strings.Repeat(" ", widths[i]-uniseg.StringWidth(c)))
			if i == 0 {
				b.WriteString(" ")
			} else {
				b.WriteString("   ")
			}
		}
		out[n] = strings.TrimRight(b.String(), " ")
	}
	return strings.Join(out, "\n")
}

// diffLists shows how two lists of texts differ, without regard to order.
func diffLists(want, got []string) string {
	left := map[string]int{}
	for _, g := range got {
		left[g]++
	}
	var lines []string
	for _, w := range want {
		if left[w] > 0 {
			left[w]--
			lines = append(lines, "  "+clipLine(w))
			continue
		}
		lines = append(lines, "- "+clipLine(w))
	}
	for _, g := range got {
		if left[g] > 0 {
			left[g]--
			lines = append(lines, "+ "+clipLine(g))
		}
	}
	return strings.Join(lines, "\n")
}

// clipLine makes a name harmless without shortening it.
func clipLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// mostLines is how many lines of a text's difference are shown.
const mostLines = 24

// diffText shows the lines in which two texts differ, with those around them.
func diffText(want, got []byte) string {
	lines := strings.Split(strings.TrimSuffix(string(diff.Diff("wanted", want, "came", got)), "\n"), "\n")
	lines = lines[min(3, len(lines)):] // the names of the sides
	more := len(lines) - mostLines
	if more > 0 {
		lines = lines[:mostLines]
	}
	for i, line := range lines {
		if text, ok := strings.CutSuffix(line, "\r"); ok {
			line = text + "␍"
		}
		lines[i] = clipLine(line)
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return strings.Join(lines, "\n")
}
