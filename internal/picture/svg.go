package picture

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// SVG draws the picture as an image with a layout of its own: the data's way
// from left to right. It has no scripts and refers to nothing outside, follows
// the reader's light or dark color scheme, and names in full what did not fit.
// Errors are the writer's, or say what is wrong with the picture.
func SVG(w io.Writer, p *Picture) error {
	in, err := index(p)
	if err != nil {
		return err
	}
	frames := make([]frame, len(p.Clusters))
	outer := make([]size, len(p.Clusters))
	for i, c := range p.Clusters {
		frames[i] = layout(c, in.edges[i])
		outer[i] = frames[i].outer
	}
	s := &svg{}
	s.draw(frames, arrange(outer, in.links, betweenFrames))
	_, err = w.Write(s.Bytes())
	return err
}

// svg is an image in the making.
type svg struct{ bytes.Buffer }

func (s *svg) line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

func (s *svg) draw(frames []frame, a arrangement) {
	w, h := num(a.size.w+2*margin), num(a.size.h+2*margin)
	s.line(`<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" role="img" aria-label="%s">`, w, h, w, h, escape(summary(frames)))
	s.line("<style>%s</style>", strings.ReplaceAll(style, "\n", ""))
	s.line(`<defs><marker id="waybill-arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="arrow" d="M0 0.5 8 4 0 7.5Z"/></marker></defs>`)
	s.line(`<rect class="paper" width="%s" height="%s"/>`, w, h)
	s.line(`<g transform="translate(%d %d)">`, margin, margin)
	for i, f := range frames {
		s.frame(f, a.boxes[i])
	}
	for _, route := range a.routes {
		s.edge("link", route)
	}
	s.line("</g>")
	s.line("</svg>")
}

// summary says in words what there is to see.
func summary(frames []frame) string {
	titles := make([]string, len(frames))
	for i, f := range frames {
		titles[i] = f.title.full
	}
	return "Graph of " + strings.Join(titles, ", ")
}

func (s *svg) frame(f frame, at rect) {
	class := "frame"
	if f.off {
		class = "frame off"
	}
	s.line(`<g transform="translate(%s %s)">`, num(at.x), num(at.y))
	s.line(`<rect class="%s" width="%s" height="%s" rx="10"/>`, class, num(f.outer.w), num(f.outer.h))
	s.text("title", f.title, framePad, framePad/2+16)
	for i, note := range f.notes {
		s.text("note", note, framePad, framePad/2+titleHeight+12+noteHeight*float64(i))
	}
	s.line(`<g transform="translate(%d %s)">`, framePad, num(f.header+framePad))
	for _, r := range f.bundles {
		s.line(`<rect class="bundle" x="%s" y="%s" width="%s" height="%s" rx="8"/>`, num(r.x), num(r.y), num(r.w), num(r.h))
	}
	for _, route := range f.routes {
		s.edge("edge", route)
	}
	for i, b := range f.boxes {
		s.box(b, f.at[i])
	}
	s.line("</g>")
	s.line("</g>")
}

func (s *svg) box(b box, at rect) {
	class := "node"
	switch b.family {
	case Source, Transform, Check, Condition, Sink:
		class += " " + string(b.family)
	}
	s.line(`<g class="%s" transform="translate(%s %s)">`, class, num(at.x), num(at.y))
	s.line("<path d=%q/>", outline(b.family, at.w, at.h))
	if b.family == Source {
		s.line("<path class=\"lid\" d=\"M0 %d C0 %d %s %d %s %d\"/>", lid, 2*lid+2, num(at.w), 2*lid+2, num(at.w), lid)
	}
	x, y := boxPad+b.left, b.pad()+b.top+b.nameFont().size-1
	name := "name"
	if b.family.gate() {
		name = "name small"
	}
	s.text(name, b.name, x, y)
	for i, l := range append([]label{b.kind}, b.notes...) {
		class := "note"
		if i > 0 {
			class = "note place"
		}
		s.text(class, l, x, y+boxLine*float64(i+1))
	}
	s.line("</g>")
}

// outline is the path of a family's shape: a source is a drum, a sink points on,
// gates are cut at both ends, and a transform is a box with round corners.
func outline(f Family, w, h float64) string {
	at := func(format string, args ...any) string { return fmt.Sprintf(format, args...) }
	switch f {
	case Source:
		return at("M0 %d C0 %d %s %d %s %d V%s C%s %s 0 %s 0 %s Z", lid, -2, num(w), -2, num(w), lid,
			num(h-lid), num(w), num(h+2), num(h+2), num(h-lid))
	case Sink:
		return at("M4 0 H%s L%s %s L%s %s H4 Q0 %s 0 %s V4 Q0 0 4 0 Z", num(w-tip), num(w), num(h/2), num(w-tip), num(h), num(h), num(h-4))
	case Wait, Check:
		return at("M%d 0 H%s L%s %s L%s %s H%d L0 %s Z", tip, num(w-tip), num(w), num(h/2), num(w-tip), num(h), tip, num(h/2))
	case Condition:
		return at("M%d 0 H%s L%s %d V%s L%s %s H%d L0 %s V%d Z", tip, num(w-tip), num(w), tip, num(h-tip), num(w-tip), num(h), tip, num(h-tip), tip)
	case Transform:
		return at("M8 0 H%s Q%s 0 %s 8 V%s Q%s %s %s %s H8 Q0 %s 0 %s V8 Q0 0 8 0 Z", num(w-8), num(w), num(w), num(h-8), num(w), num(h), num(w-8), num(h), num(h), num(h-8))
	}
	return at("M0 0 H%s V%s H0 Z", num(w), num(h))
}

// edge draws a route: level where it passes a column, curved between columns.
func (s *svg) edge(class string, route []point) {
	var d strings.Builder
	fmt.Fprintf(&d, "M%s %s", num(route[0].x), num(route[0].y))
	for i, p := range route[1:] {
		last := route[i]
		switch {
		case p == last:
		case p.y == last.y:
			fmt.Fprintf(&d, " H%s", num(p.x))
		default:
			mid := (last.x + p.x) / 2
			fmt.Fprintf(&d, " C%s %s %s %s %s %s", num(mid), num(last.y), num(mid), num(p.y), num(p.x), num(p.y))
		}
	}
	s.line(`<path class="%s" d="%s" marker-end="url(#waybill-arrow)"/>`, class, d.String())
}

// text writes a line of text with its baseline at y; one that was cut shows
// all of it when pointed at.
func (s *svg) text(class string, l label, x, y float64) {
	title := ""
	if l.cut() {
		title = "<title>" + escape(l.full) + "</title>"
	}
	s.line(`<text class="%s" x="%s" y="%s">%s%s</text>`, class, num(x), num(y), title, escape(l.short))
}

// escape makes a text fit into XML, as text or as the value of an attribute.
func escape(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer does not fail
	return b.String()
}

// num writes a coordinate with at most one decimal.
func num(f float64) string {
	return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64)
}
