package picture

import (
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// A font is how large and heavy a text is drawn, in pixels.
type font struct {
	size float64
	bold bool
}

// widths are those of DejaVu Sans, the widest of the fonts that systems use for
// their own texts, in thousandths of the font's size. Whatever font is found in
// the end, a text that fits by these fits.
var widths = [95]int{ // from space to ~
	318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337,
	636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531,
	1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787,
	603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500,
	500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612,
	635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
}

// width is the most room that a text takes.
func (f font) width(text string) float64 {
	total := 0
	for g := uniseg.NewGraphemes(text); g.Next(); {
		total += f.grapheme(g)
	}
	return f.size * float64(total) / 1000
}

func (f font) grapheme(g *uniseg.Graphemes) int {
	runes := g.Runes()
	w := 1000 * g.Width() // of East Asian letters and pictures: two cells, hardly more than one and a half
	switch r := runes[0]; {
	case r >= ' ' && r <= '~':
		w = widths[r-' ']
	case g.Width() < 2:
		w = 1200 // wide letters and ligatures included
	}
	if f.bold {
		w = w*110/100 + 70
	}
	return w
}

const ellipsis = "…"

// fit cuts a text that is wider than room, at its end.
func (f font) fit(text string, room float64) string {
	if f.width(text) <= room {
		return text
	}
	return f.head(text, room-f.width(ellipsis)) + ellipsis
}

// fitPath cuts a text that is wider than room in its middle: of a place, the
// beginning and the end tell most.
func (f font) fitPath(text string, room float64) string {
	if f.width(text) <= room {
		return text
	}
	room -= f.width(ellipsis)
	return f.head(text, room/2) + ellipsis + f.tail(text, room/2)
}

func (f font) head(text string, room float64) string {
	end := 0
	for g := uniseg.NewGraphemes(text); g.Next(); {
		_, to := g.Positions()
		if f.width(text[:to]) > room {
			break
		}
		end = to
	}
	return text[:end]
}

func (f font) tail(text string, room float64) string {
	for g := uniseg.NewGraphemes(text); g.Next(); {
		if from, _ := g.Positions(); f.width(text[from:]) <= room {
			return text[from:]
		}
	}
	return ""
}

// line makes any text one line that shows all its characters: white space is a
// blank, and what has no shape (controls, marks of direction) a replacement
// character.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsGraphic(r), r == '\u200d': // joins the parts of a picture
			return r
		}
		return unicode.ReplacementChar
	}, text)
	return strings.TrimSpace(text)
}
