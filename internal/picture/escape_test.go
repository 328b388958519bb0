package picture

import (
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// dotTokens reads DOT as Graphviz's scanner does: within quotes only \" stands
// for something else. Quoted texts are returned with their quotes.
func dotTokens(t interface{ Fatalf(string, ...any) }, text string) []string {
	var out []string
	for len(text) > 0 {
		switch c := text[0]; {
		case c == '"':
			end := 1
			for end < len(text) && text[end] != '"' {
				if text[end] == '\\' && end+1 < len(text) {
					if text[end+1] != '"' && text[end+1] != '\\' && text[end+1] != 'n' && text[end+1] != 'l' {
						t.Fatalf("an unknown escape: %q", text[end:end+2])
					}
					end++
				}
				if text[end] == '\n' {
					t.Fatalf("a quoted text goes over lines: %q", text[:end])
				}
				end++
			}
			if end >= len(text) {
				t.Fatalf("a quote is not closed: %q", text)
			}
			out, text = append(out, text[:end+1]), text[end+1:]
		case strings.ContainsRune(" \n", rune(c)):
			text = text[1:]
		case strings.HasPrefix(text, "->"):
			out, text = append(out, "->"), text[2:]
		case strings.ContainsRune("{}[]=;,", rune(c)):
			out, text = append(out, text[:1]), text[1:]
		default:
			end := strings.IndexAny(text, " \n{}[]=;,\"-")
			if end <= 0 {
				t.Fatalf("this is no DOT: %q", text)
			}
			out, text = append(out, text[:end]), text[end:]
		}
	}
	return out
}

// dotLines is what a reader sees of a quoted label.
func dotLines(label string) []string {
	var out []string
	line := ""
	for i := 1; i < len(label)-1; i++ {
		if label[i] != '\\' {
			line += label[i : i+1]
			continue
		}
		switch i++; label[i] {
		case 'n', 'l':
			out = append(out, html.UnescapeString(line))
			line = ""
		default:
			line += label[i : i+1]
		}
	}
	if line != "" {
		out = append(out, html.UnescapeString(line))
	}
	return out
}

func TestDOTShowsEveryText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPicture(t)
		tokens := dotTokens(t, render(t, "dot", p))
		var want, got [][]string
		ids := map[string]bool{}
		for _, c := range p.Clusters {
			want = append(want, shown(append([]string{c.Title}, c.Notes...)))
			for _, n := range c.Nodes {
				want = append(want, shown(append([]string{n.Name, n.label()}, n.Notes...)))
			}
		}
		depth := 0
		for i, token := range tokens {
			switch {
			case token == "{", token == "[":
				depth++
			case token == "}", token == "]":
				depth--
			case token == "label":
				got = append(got, shown(dotLines(tokens[i+2])))
				if id := tokens[i-2]; strings.HasPrefix(id, `"`) {
					if ids[id] {
						t.Fatalf("two nodes have the ID %s", id)
					}
					ids[id] = true
				}
			}
		}
		if depth != 0 {
			t.Fatal("brackets do not match")
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// shown is texts as lines of a label. Graphviz drops what is empty at the end.
func shown(texts []string) []string {
	var out []string
	for _, s := range texts {
		out = append(out, line(s))
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

func TestDOTKeepsAlikeIDsApart(t *testing.T) {
	p := &Picture{Clusters: []Cluster{
		{ID: "a/b", Nodes: []Node{{ID: "c"}}},
		{ID: "a", Nodes: []Node{{ID: "b/c"}, {ID: "x\ny"}, {ID: "x y"}}, Edges: []Edge{{"x\ny", "x y"}}},
		{ID: "a/x y"},
	}}
	got := drawn(t, "dot", p)
	for _, want := range []string{`"a/b/c" [`, `"a/b/c (2)" [`, `"a/x y" [`, `"a/x y (2)" [`, `"a/x y" -> "a/x y (2)";`, `"a/x y (3)" [`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
}

var (
	mermaidLabel  = regexp.MustCompile(`"([^"]*)"`)
	mermaidNumber = regexp.MustCompile(`#(\d+);`)
)

// mermaidLines is what a reader sees of a label.
func mermaidLines(t interface{ Fatalf(string, ...any) }, label string) []string {
	if rest := mermaidNumber.ReplaceAllString(strings.ReplaceAll(label, "<br/>", " "), ""); strings.ContainsAny(rest, "\"#;%`<>&\\{}[]:$*~|\n") {
		t.Fatalf("the label %q holds a character that Mermaid reads", label)
	}
	var out []string
	for l := range strings.SplitSeq(label, "<br/>") {
		l = mermaidNumber.ReplaceAllStringFunc(l, func(m string) string {
			n, err := strconv.Atoi(m[1 : len(m)-1])
			if err != nil {
				t.Fatalf("%v", err)
			}
			return string(rune(n))
		})
		out = append(out, strings.ReplaceAll(l, "\u200b", "")) // it keeps dollars apart
	}
	return out
}

func TestMermaidShowsEveryText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPicture(t)
		var want, got [][]string
		for _, c := range p.Clusters {
			want = append(want, []string{line(strings.Join(append([]string{c.Title}, c.Notes...), " · "))})
			for _, n := range c.Nodes {
				var lines []string
				for _, s := range append([]string{n.Name, n.label()}, n.Notes...) {
					lines = append(lines, line(s))
				}
				want = append(want, lines)
			}
		}
		for row := range strings.SplitSeq(render(t, "mmd", p), "\n") {
			labels := mermaidLabel.FindAllStringSubmatch(row, -1)
			if len(labels) > 1 || strings.Count(row, `"`) != 2*len(labels) {
				t.Fatalf("a line with odd quotes: %s", row)
			}
			for _, l := range labels {
				got = append(got, mermaidLines(t, l[1]))
			}
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestMermaidText(t *testing.T) {
	for in, want := range map[string]string{
		"by_airport":         "by_airport",
		`daily["acme"]`:      "daily#91;#34;acme#34;#93;",
		"s3://b/k.csv":       "s3#58;#47;#47;b/k.csv",
		"1. first":           "1#46; first",
		"_emphasis_":         "#95;emphasis#95;",
		"%%{init}%%":         "#37;#37;#123;init#125;#37;#37;",
		"$$x$$":              "#36;#8203;#36;x#36;#8203;#36;",
		"end":                "end",
		"weekdays, New York": "weekdays, New York",
		"Zürich 日本":          "Zürich 日本",
	} {
		if got := mermaidText([]string{in}); got != want {
			t.Errorf("mermaidText(%q) = %q, want %q", in, got, want)
		}
	}
}
