package diag

import (
	"bytes"
	"strings"

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

// Bytes is the text of a file; nil if it is not at hand.
func (s Sources) Bytes(name string) []byte {
	if f, ok := s.Files[name]; ok && f != nil {
		return f.Bytes
	}
	return s.Other[name]
}

// A Snippet is the text that a diagnostic speaks of.
type Snippet struct {
	Context    string // header of the block it stands in: `pipeline "p"`; empty if there is none
	Code       string // the lines, without what steers terminals; of long ones the part around the place
	Start, End int    // the place, in bytes of Code
}

const (
	mostLines   = 8   // of a snippet
	mostOfLine  = 120 // characters of a line
	mostOfPlace = 80  // characters of the place itself, on a line that is cut
)

// SnippetOf returns what a diagnostic speaks of. It reports false if that is no
// place in a file, or the file is not at hand.
func (s Sources) SnippetOf(d *hcl.Diagnostic) (Snippet, bool) {
	if d.Subject == nil || d.Subject.Start.Line == 0 {
		return Snippet{}, false
	}
	r := *d.Subject
	file := s.Bytes(r.Filename)
	if file == nil {
		return Snippet{}, false
	}
	out := Snippet{}
	if f := s.Files[r.Filename]; f != nil {
		out.Context = HarmlessLine(hcled.ContextString(f, r.Start.Byte))
	}
	var code strings.Builder
	for n := r.Start.Line; n <= max(r.Start.Line, min(r.End.Line, r.Start.Line+mostLines-1)); n++ {
		if n > r.Start.Line {
			code.WriteByte('\n')
		}
		p := partsOf(Line(file, n), n, r).cut()
		code.WriteString(p.before)
		if n == r.Start.Line {
			out.Start = code.Len()
		}
		code.WriteString(p.place)
		out.End = code.Len()
		code.WriteString(p.after)
	}
	out.Code = commandInside.ReplaceAllString(code.String(), "# $1")
	return out, true
}

// firstLine is the snippet without its other lines.
func (s Snippet) firstLine() Snippet {
	if i := strings.IndexByte(s.Code, '\n'); i >= 0 {
		s.Code, s.End = s.Code[:i], min(s.End, i)
	}
	return s
}

// Line is a line of a file, counted from 1, without its end; empty behind the
// last one.
func Line(file []byte, n int) string {
	for ; n > 1; n-- {
		i := bytes.IndexByte(file, '\n')
		if i < 0 {
			return ""
		}
		file = file[i+1:]
	}
	if i := bytes.IndexByte(file, '\n'); i >= 0 {
		file = file[:i]
	}
	return strings.TrimRight(string(file), "\r")
}

// Offset is where a column of a line begins, in bytes. A column is a character
// as users see it, as HCL counts them, from 1; one behind the end of the line
// is its end.
func Offset(line string, column int) int {
	at := 0
	for state, rest := -1, line; column > 1 && rest != ""; column-- {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		at += len(cluster)
	}
	return at
}

// parts are a line, with the place that is meant in the middle.
type parts struct{ before, place, after string }

// partsOf divides the n-th line of a file by a range that takes a part of it.
func partsOf(line string, n int, r hcl.Range) parts {
	from, to := 0, len(line)
	if n == r.Start.Line {
		from = Offset(line, r.Start.Column)
	}
	if n >= r.End.Line {
		to = max(from, Offset(line, r.End.Column))
	}
	return parts{harmless(line[:from]), harmless(line[from:to]), harmless(line[to:])}
}

// cut takes away what is far from the place if the line is long.
func (p parts) cut() parts {
	before, place, after := characters(p.before), characters(p.place), characters(p.after)
	if len(before)+len(place)+len(after) <= mostOfLine {
		return p
	}
	kept := min(len(place), mostOfPlace)
	room := mostOfLine - kept
	left := min(len(before), max(room/2, room-len(after)))
	right := min(len(after), room-left)
	out := p
	if left < len(before) {
		out.before = "…" + strings.Join(before[len(before)-left:], "")
	}
	if right < len(after) {
		out.after = strings.Join(after[:right], "") + "…"
	}
	if kept < len(place) {
		out.place, out.after = strings.Join(place[:kept], ""), "…"
	}
	return out
}

// characters divides a text as users see it.
func characters(s string) []string {
	var out []string
	for state := -1; s != ""; {
		var cluster string
		cluster, s, _, state = uniseg.FirstGraphemeClusterInString(s, state)
		out = append(out, cluster)
	}
	return out
}
