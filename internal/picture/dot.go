package picture

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// dotShapes are Graphviz's shapes and our colors of the families.
var dotShapes = map[Family]string{
	Wait:      `shape=hexagon, fillcolor="#f1f3f6", color="#5b6472", margin="0.02,0.02"`,
	Source:    `shape=cylinder, fillcolor="#eaf2fe", color="#2f6fd0"`,
	Transform: `shape=box, style="filled,rounded", fillcolor="#f2edfd", color="#7a52c7"`,
	Check:     `shape=hexagon, fillcolor="#e6f6f4", color="#15857a", margin="0.02,0.02"`,
	Condition: `shape=octagon, fillcolor="#fdf3e1", color="#b06a10", margin="0.02,0.02"`,
	Sink:      `shape=cds, margin="0.2,0.1", fillcolor="#fcecf3", color="#bb3b78"`,
}

// DOT writes the picture in the language of Graphviz. A node's ID is its
// cluster's and its own, with a slash between. Errors are the writer's, or say
// what is wrong with the picture.
func DOT(w io.Writer, p *Picture) error {
	in, err := index(p)
	if err != nil {
		return err
	}
	d := &dot{taken: map[string]bool{}, nodes: make([][]string, len(p.Clusters))}
	d.WriteString(`digraph waybill {
  rankdir=LR;
  compound=true;
  graph [fontname="Helvetica,Arial,sans-serif", fontsize=13, nodesep=0.25, ranksep=0.6];
  node [shape=box, style=filled, fillcolor="#ffffff", color="#8a93a5", fontname="Helvetica,Arial,sans-serif", fontsize=11];
  edge [color="#8a93a5", arrowsize=0.7];
`)
	for i, c := range p.Clusters {
		d.cluster(i, c, in.edges[i])
	}
	for _, l := range in.links {
		d.link(l)
	}
	d.WriteString("}\n")
	_, err = w.Write(d.Bytes())
	return err
}

// dot is a graph in the making.
type dot struct {
	bytes.Buffer
	taken map[string]bool // quoted IDs
	nodes [][]string      // quoted IDs of each cluster's nodes
}

func (d *dot) cluster(i int, c Cluster, edges []arc) {
	style := "rounded"
	if c.Off {
		style = "rounded,dashed"
	}
	fmt.Fprintf(d, "\n  subgraph cluster_%d {\n", i)
	fmt.Fprintf(d, "    label=%s; labeljust=l; style=%q; color=\"#c3c9d4\"; margin=14;\n", dotLabel(append([]string{c.Title}, c.Notes...), `\l`), style)
	if len(c.Nodes) == 0 { // Graphviz draws no cluster without nodes, and no edge to it
		d.nodes[i] = []string{d.id(c.ID)}
		fmt.Fprintf(d, "    %s [shape=point, style=invis];\n", d.nodes[i][0])
	}
	for _, n := range c.Nodes {
		shape := dotShapes[n.Family]
		if shape != "" {
			shape = ", " + shape
		}
		id := d.id(c.ID + "/" + n.ID)
		d.nodes[i] = append(d.nodes[i], id)
		fmt.Fprintf(d, "    %s [label=%s%s];\n", id, dotLabel(append([]string{n.Name, n.label()}, n.Notes...), `\n`), shape)
	}
	for _, e := range edges {
		fmt.Fprintf(d, "    %s -> %s;\n", d.nodes[i][e.from], d.nodes[i][e.to])
	}
	d.WriteString("  }\n")
}

// link connects clusters. Graphviz knows edges between nodes only, which it
// cuts where they leave and enter a cluster.
func (d *dot) link(l arc) {
	from, to := d.nodes[l.from], d.nodes[l.to]
	fmt.Fprintf(d, "  %s -> %s [ltail=cluster_%d, lhead=cluster_%d, penwidth=2];\n", from[len(from)-1], to[0], l.from, l.to)
}

// id quotes an ID that is not taken. Of the characters within quotes only the
// quote itself can be escaped; backslashes are doubled, so that none stands in
// front of a quote.
func (d *dot) id(text string) string {
	plain := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(line(text))
	quoted := `"` + plain + `"`
	for n := 2; d.taken[quoted]; n++ { // two texts that look alike on one line
		quoted = fmt.Sprintf(`"%s (%d)"`, plain, n)
	}
	d.taken[quoted] = true
	return quoted
}

// dotLabel quotes lines of text, each with an end: `\l` puts it to the left,
// `\n` into the middle. In a label a backslash begins an escape, and an
// ampersand an entity of HTML.
func dotLabel(lines []string, end string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(line(l)) + end)
	}
	return `"` + strings.TrimSuffix(b.String(), `\n`) + `"`
}
