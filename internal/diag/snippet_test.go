package diag

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"pgregory.net/rapid"
)

func TestSnippet(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for _, tt := range []struct {
		name, text                       string
		line, column, endLine, endColumn int
		before, place, after             string
	}{
		{"a word", "SELECT x FROM t\n", 1, 8, 1, 9, "SELECT ", "x", " FROM t"},
		{"CRLF", "a\r\nSELECT x\r\nb", 2, 8, 2, 9, "SELECT ", "x", ""},
		{"wide characters", "日本 ü x", 1, 6, 1, 7, "日本 ü ", "x", ""},
		{"several lines", "a b\nc d\ne f\n", 1, 3, 3, 2, "a ", "b\nc d\ne", " f"},
		{"to the beginning of a line", "a b\nc\n", 1, 3, 2, 1, "a ", "b\n", "c"},
		{"behind the end", "abc\n", 1, 9, 1, 12, "abc", "", ""},
		{"in a long line", long + "x" + long, 1, 10001, 1, 10002, "…" + long[len(long)-59:], "x", long[:60] + "…"},
		{"at its beginning", "x" + long, 1, 1, 1, 2, "", "x", long[:119] + "…"},
		{"at its end", long + "x", 1, 10001, 1, 10002, "…" + long[len(long)-119:], "x", ""},
		{"all of it", long, 1, 1, 1, 10001, "", long[:80], "…"},
		{"a long place in it", "a = " + long + " # b", 1, 5, 1, 10005, "a = ", long[:80], "…"},
		{"control characters", "\x1b[1m x \u202e", 1, 6, 1, 7, "\ufffd[1m ", "x", " \ufffd"},
		{"bytes that are no text", "\xff\xfe x", 1, 4, 1, 5, "\ufffd\ufffd ", "x", ""},
		{"an order to a log", "##[add-mask]x", 1, 3, 1, 13, "# ", "[add-mask]", "x"},
	} {
		src := Sources{Other: map[string][]byte{"f": []byte(tt.text)}}
		r := hcl.Range{Filename: "f", Start: hcl.Pos{Line: tt.line, Column: tt.column}, End: hcl.Pos{Line: tt.endLine, Column: tt.endColumn}}
		s, ok := src.SnippetOf(Error("syntax", r, "", ""))
		if !ok {
			t.Errorf("%s: no snippet", tt.name)
			continue
		}
		if got := [3]string{s.Code[:s.Start], s.Code[s.Start:s.End], s.Code[s.End:]}; got != [3]string{tt.before, tt.place, tt.after} {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestSnippetOfManyLines(t *testing.T) {
	src := Sources{Other: map[string][]byte{"f": []byte(strings.Repeat("x\n", 100))}}
	r := hcl.Range{Filename: "f", Start: hcl.Pos{Line: 3, Column: 1}, End: hcl.Pos{Line: 90, Column: 2}}
	if s, ok := src.SnippetOf(Error("syntax", r, "", "")); !ok || strings.Count(s.Code, "\n") != mostLines-1 || s.End != len(s.Code) {
		t.Errorf("got %+v", s)
	}
}

func TestNoSnippet(t *testing.T) {
	src := Sources{Files: map[string]*hcl.File{"broken": nil}}
	line := hcl.Pos{Line: 1, Column: 1}
	for name, d := range map[string]*hcl.Diagnostic{
		"nowhere": {}, "no file": Error("syntax", hcl.Range{Filename: "--var x"}, "", ""),
		"another file": Error("syntax", hcl.Range{Filename: "f", Start: line, End: line}, "", ""),
		"not parsed":   Error("syntax", hcl.Range{Filename: "broken", Start: line, End: line}, "", ""),
	} {
		if s, ok := src.SnippetOf(d); ok {
			t.Errorf("%s: got %+v", name, s)
		}
	}
}

// Whatever stands in a file and wherever a range points, a snippet is short,
// harmless, and holds its place.
func TestSnippetsAreSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("a\t\r\n日\x1b#[:\u0301")), 0, 400, -1)).Draw(t, "text")
		pos := func(name string) hcl.Pos {
			return hcl.Pos{Line: rapid.IntRange(1, 5).Draw(t, name+" line"), Column: rapid.IntRange(0, 500).Draw(t, name+" column")}
		}
		src := Sources{Other: map[string][]byte{"f": []byte(text)}}
		s, ok := src.SnippetOf(Error("syntax", hcl.Range{Filename: "f", Start: pos("start"), End: pos("end")}, "", ""))
		if !ok {
			t.Fatal("no snippet")
		}
		if s.Start < 0 || s.Start > s.End || s.End > len(s.Code) || !utf8.ValidString(s.Code[s.Start:s.End]) {
			t.Fatalf("the place is %d to %d of %q", s.Start, s.End, s.Code)
		}
		if strings.ContainsAny(s.Code, "\x1b\r") || strings.Contains(s.Code, "##[") {
			t.Fatalf("%q steers who shows it", s.Code)
		}
		for line := range strings.SplitSeq(s.Code, "\n") {
			if n := len(characters(line)); n > mostOfLine+2 {
				t.Fatalf("a line has %d characters", n)
			}
		}
	})
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nb\tc":                     "a\nb\tc",
		"\x1b]0;x\x07\u202eb\u009b1m":   "\ufffd]0;x\ufffd\ufffdb\ufffd1m",
		"::error::x":                    ": :error::x",
		"a\n \t::stop-commands::x":      "a\n \t: :stop-commands::x",
		"std::string":                   "std::string",
		"see ##[group]x ##vso[task] #[": "see # [group]x # vso[task] #[",
		"##teamcity[x]":                 "# teamcity[x]",
	} {
		if got := Harmless(in); got != want {
			t.Errorf("Harmless(%q) = %q, want %q", in, got, want)
		}
		if got := HarmlessLine(in); got != strings.ReplaceAll(want, "\n", " ") {
			t.Errorf("HarmlessLine(%q) = %q", in, got)
		}
	}
}

func TestLongMessagesAreCutInTheMiddle(t *testing.T) {
	d := Error("invalid-value", hcl.Range{}, "timeout: "+strings.Repeat("x", 5000)+" is no duration", strings.Repeat("y", 5000)+"\nend")
	if s := Summary(d); len(s) > 500 || !strings.HasPrefix(s, "timeout: xx") || !strings.HasSuffix(s, "xx is no duration") {
		t.Errorf("summary %q", s)
	}
	if s := Detail(d); len(s) > 4100 || !strings.HasSuffix(s, "y\nend") {
		t.Errorf("detail %q", s)
	}
}
