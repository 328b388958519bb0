package picture

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyPicture draws pictures with names of any characters.
func anyPicture(t *rapid.T) *Picture {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching("[a-z\"\\\\&<>{}\\[\\]#;%`$:|()\n\x00\u202e日é👩‍🚀 -]{0,40}"))
	p := &Picture{}
	for i := range rapid.IntRange(0, 4).Draw(t, "clusters") {
		c := Cluster{ID: fmt.Sprint(i, "-"+text.Draw(t, "id")), Title: text.Draw(t, "title"), Notes: rapid.SliceOfN(text, 0, 2).Draw(t, "notes"), Off: rapid.Bool().Draw(t, "off")}
		for j := range rapid.IntRange(0, 25).Draw(t, "nodes") {
			c.Nodes = append(c.Nodes, Node{ID: fmt.Sprint(j, "-"+text.Draw(t, "id")), Name: text.Draw(t, "name"),
				Family: rapid.SampledFrom([]Family{Source, Transform, Check, Condition, Sink, "other", `"`}).Draw(t, "family"),
				Kind:   text.Draw(t, "kind"), Notes: rapid.SliceOfN(text, 0, 3).Draw(t, "notes")})
			if j > 0 {
				for range rapid.IntRange(0, 2).Draw(t, "edges") {
					c.Edges = append(c.Edges, Edge{c.Nodes[rapid.IntRange(0, j-1).Draw(t, "from")].ID, c.Nodes[j].ID})
				}
			}
		}
		if i > 0 && rapid.Bool().Draw(t, "link") {
			p.Links = append(p.Links, Edge{p.Clusters[rapid.IntRange(0, i-1).Draw(t, "upstream")].ID, c.ID})
		}
		p.Clusters = append(p.Clusters, c)
	}
	return p
}

func TestSameBytesEachTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPicture(t)
		for format := range formats {
			if a, b := render(t, format, p), render(t, format, p); a != b {
				t.Fatalf("%s differs:\n%s\n%s", format, a, b)
			}
		}
	})
}

func render(t *rapid.T, format string, p *Picture) string {
	var b strings.Builder
	if err := formats[format](&b, p); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}

// texts parses an image and returns its texts as a reader sees them, without
// those that show only when pointed at.
func texts(t interface{ Fatalf(string, ...any) }, image string) []string {
	var out []string
	var path []string
	for dec := xml.NewDecoder(strings.NewReader(image)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, image)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if path = append(path, token.Name.Local); slices.Contains([]string{"script", "foreignObject", "a", "image", "use"}, token.Name.Local) {
				t.Fatalf("the image holds <%s>", token.Name.Local)
			}
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || strings.Contains(a.Value, "url(") && a.Value != "url(#waybill-arrow)" {
					t.Fatalf("the image holds %s=%q", a.Name.Local, a.Value)
				}
			}
			if token.Name.Local == "text" {
				out = append(out, "")
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) > 0 && path[len(path)-1] == "text" {
				out[len(out)-1] += string(token)
			}
		}
	}
}

func TestSVGIsSafeXML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPicture(t)
		want := 0
		for _, c := range p.Clusters {
			want += 1 + len(c.Notes)
			for _, n := range c.Nodes {
				want += 2 + len(n.Notes)
			}
		}
		if got := texts(t, render(t, "svg", p)); len(got) != want {
			t.Fatalf("%d texts, want %d: %q", len(got), want, got)
		}
	})
}

func TestSVGStaysWithinItsFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPicture(t)
		in, err := index(p)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range p.Clusters {
			f := layout(c, in.edges[i])
			for j, r := range f.at {
				b := f.boxes[j]
				if r.x < 0 || r.y < 0 || framePad+r.right() > f.outer.w-framePad+1e-6 || f.header+framePad+r.bottom() > f.outer.h-framePad+1e-6 {
					t.Fatalf("node %d %v leaves its frame %v", j, r, f.outer)
				}
				for k, other := range f.at[:j] {
					if overlap(r, other) {
						t.Fatalf("nodes %d and %d overlap", k, j)
					}
				}
				room := r.w - 2*boxPad - b.left - b.right + 1e-6
				if b.nameFont().width(b.name.short) > room {
					t.Fatalf("the name %q does not fit", b.name.short)
				}
				for _, l := range append(b.notes, b.kind) {
					if noteFont.width(l.short) > room {
						t.Fatalf("the text %q does not fit", l.short)
					}
				}
			}
		}
	})
}

func TestWhatIsCutIsToldInFull(t *testing.T) {
	image := drawn(t, "svg", odd())
	full := "a name that is so very long that it fits into no box at all"
	if !strings.Contains(image, "<title>"+full+"</title>") {
		t.Error("the long name is lost")
	}
	seen := texts(t, image)
	if slices.Contains(seen, full) {
		t.Error("the long name is not cut")
	}
	if !slices.ContainsFunc(seen, func(s string) bool {
		return strings.HasPrefix(s, "reports/a/") && strings.Contains(s, "…") && strings.HasSuffix(s, "${run.date}.parquet")
	}) {
		t.Errorf("a long key keeps its beginning and its end: %q", seen)
	}
	if !slices.Contains(seen, `daily["acme"]`) {
		t.Errorf("a title with brackets and quotes is missing: %q", seen)
	}
}

func TestFamiliesDifferInShape(t *testing.T) {
	seen := map[string]Family{}
	for _, f := range []Family{Source, Transform, Check, Condition, Sink, "other"} {
		shape := outline(f, 120, 50)
		if other, ok := seen[shape]; ok {
			t.Errorf("%s and %s look alike", f, other)
		}
		seen[shape] = f
	}
}

// Every class that the image uses has a style, and every style a use.
func TestStyles(t *testing.T) {
	image := drawn(t, "svg", odd()) + drawn(t, "svg", fan(20))
	_, drawing, _ := strings.Cut(image, "</style>")
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`class="([^"]*)"`).FindAllStringSubmatch(drawing, -1) {
		for class := range strings.FieldsSeq(m[1]) {
			used[class] = true
		}
	}
	styled := map[string]bool{}
	for _, m := range regexp.MustCompile(`\.([a-z]+)`).FindAllStringSubmatch(style, -1) {
		styled[m[1]] = true
	}
	for class := range used {
		if !styled[class] {
			t.Errorf("the class %s has no style", class)
		}
	}
	for class := range styled {
		if !used[class] {
			t.Errorf("the class %s is not used", class)
		}
	}
	if !strings.Contains(style, "prefers-color-scheme:dark") {
		t.Error("there is no dark scheme")
	}
}

func TestWidth(t *testing.T) {
	f := font{size: 10}
	for text, want := range map[string]float64{"": 0, "i": 2.78, "W": 9.89, "日": 20, "é": 12, "👩‍🚀": 20, "e\u0301": 6.15} {
		if got := f.width(text); got != want {
			t.Errorf("width(%q) = %v, want %v", text, got, want)
		}
	}
	if plain, bold := f.width("name"), (font{10, true}).width("name"); bold <= plain {
		t.Errorf("bold takes %v, plain %v", bold, plain)
	}
}

func TestFit(t *testing.T) {
	f := font{size: 10}
	rapid.Check(t, func(t *rapid.T) {
		text := line(rapid.String().Draw(t, "text"))
		room := rapid.Float64Range(20, 200).Draw(t, "room")
		for _, cut := range []string{f.fit(text, room), f.fitPath(text, room)} {
			if f.width(cut) > room {
				t.Fatalf("%q is cut to %q, which does not fit", text, cut)
			}
			if (cut == text) != (f.width(text) <= room) {
				t.Fatalf("%q became %q", text, cut)
			}
			head, tail, _ := strings.Cut(cut, ellipsis)
			if cut != text && (!strings.HasPrefix(text, head) || !strings.HasSuffix(text, tail)) && !strings.Contains(text, ellipsis) {
				t.Fatalf("%q became %q", text, cut)
			}
		}
	})
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb\tc": "a b c", " x ": "x", "a\x00b": "a�b", "\u202eabc": "�abc", "é日👩‍🚀": "é日👩‍🚀", "\xff": "�",
	} {
		if got := line(in); got != want {
			t.Errorf("line(%q) = %q, want %q", in, got, want)
		}
	}
}
