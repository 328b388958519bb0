package picture

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// mermaidShapes enclose the text of a family's nodes.
var mermaidShapes = map[Family][2]string{
	Wait:      {"{{", "}}"},
	Source:    {"[(", ")]"},
	Transform: {"(", ")"},
	Check:     {"{{", "}}"},
	Condition: {"{", "}"},
	Sink:      {"[[", "]]"},
}

// mermaidColors are ours. They are strong lines and no fills, so that they do
// on a light page and on a dark one.
var mermaidColors = []struct {
	family Family
	style  string
}{
	{Wait, "stroke:#5b6472,stroke-width:2px"},
	{Source, "stroke:#2f6fd0,stroke-width:2px"},
	{Transform, "stroke:#7a52c7,stroke-width:2px"},
	{Check, "stroke:#15857a,stroke-width:2px"},
	{Condition, "stroke:#b06a10,stroke-width:2px"},
	{Sink, "stroke:#bb3b78,stroke-width:2px"},
}

// Mermaid writes the picture as a flowchart in the language of Mermaid, which
// Markdown pages can hold. Errors are the writer's, or say what is wrong with
// the picture.
func Mermaid(w io.Writer, p *Picture) error {
	in, err := index(p)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("flowchart LR\n")
	members := map[Family][]string{}
	for i, c := range p.Clusters {
		fmt.Fprintf(&b, "  subgraph c%d[\"%s\"]\n    direction LR\n", i, mermaidTitle(c))
		for j, n := range c.Nodes {
			shape, ok := mermaidShapes[n.Family]
			if !ok {
				shape = [2]string{"[", "]"}
			}
			id := fmt.Sprintf("c%dn%d", i, j)
			members[n.Family] = append(members[n.Family], id)
			fmt.Fprintf(&b, "    %s%s\"%s\"%s\n", id, shape[0], mermaidText(append([]string{n.Name, n.label()}, n.Notes...)), shape[1])
		}
		for _, e := range in.edges[i] {
			fmt.Fprintf(&b, "    c%dn%d --> c%dn%d\n", i, e.from, i, e.to)
		}
		b.WriteString("  end\n")
	}
	for _, l := range in.links {
		fmt.Fprintf(&b, "  c%d ==> c%d\n", l.from, l.to)
	}
	for i, c := range p.Clusters {
		if c.Off {
			fmt.Fprintf(&b, "  style c%d stroke-dasharray:6 4\n", i)
		}
	}
	for _, c := range mermaidColors {
		if ids := members[c.family]; len(ids) > 0 {
			fmt.Fprintf(&b, "  classDef %s %s\n  class %s %s\n", c.family, c.style, strings.Join(ids, ","), c.family)
		}
	}
	_, err = w.Write(b.Bytes())
	return err
}

// mermaidTitle is a cluster's title with its notes, in one line: Mermaid lets
// the nodes overlap the second.
func mermaidTitle(c Cluster) string {
	return mermaidText([]string{strings.Join(append([]string{c.Title}, c.Notes...), " · ")})
}

// mermaidText writes lines of text for a quoted label. Mermaid reads a label
// several times (for directives, Markdown, formulas, entities and HTML), so
// that all but harmless characters are written as their numbers.
func mermaidText(lines []string) string {
	out := make([]string, len(lines))
	for i, l := range lines {
		var b strings.Builder
		runes := []rune(line(l))
		for j, r := range runes {
			if r == '$' && j > 0 && runes[j-1] == '$' { // two begin a formula, even as numbers
				b.WriteString("#8203;")
			}
			if harmless(runes, j) {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, "#%d;", r)
			}
		}
		out[i] = b.String()
	}
	return strings.Join(out, "<br/>")
}

// harmless reports whether a character means nothing to Mermaid where it
// stands: letters, digits and blanks, and what joins words in names.
func harmless(text []rune, i int) bool {
	word := func(i int) bool {
		return i >= 0 && i < len(text) && (unicode.IsLetter(text[i]) || unicode.IsDigit(text[i]))
	}
	switch {
	case word(i), strings.ContainsRune(" ()·", text[i]):
		return true
	}
	return strings.ContainsRune("._-/,=", text[i]) && word(i-1) && word(i+1) || text[i] == ',' && word(i-1)
}
