package picture

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// Emphasis marks parts of a text for a terminal, without changing its width.
// The zero value marks nothing.
type Emphasis struct {
	Strong func(string) string // titles
	Faint  func(string) string // what is not a name
}

// Text lists the picture's nodes, a line each with what they read from, and
// their notes below. Errors are the writer's, or say what is wrong with the
// picture.
func Text(w io.Writer, p *Picture, e Emphasis) error {
	if _, err := index(p); err != nil {
		return err
	}
	if e.Strong == nil {
		e.Strong = func(s string) string { return s }
	}
	if e.Faint == nil {
		e.Faint = func(s string) string { return s }
	}
	var b bytes.Buffer
	for i, c := range p.Clusters {
		if i > 0 {
			b.WriteByte('\n')
		}
		e.cluster(&b, c, p)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (e Emphasis) cluster(b *bytes.Buffer, c Cluster, p *Picture) {
	b.WriteString(e.Strong(line(c.Title)))
	for _, note := range c.Notes {
		b.WriteString(e.Faint(" · " + line(note)))
	}
	b.WriteByte('\n')
	if first := sources(c.ID, p.Links); len(first) > 0 {
		fmt.Fprintf(b, "  %s\n", e.Faint("after "+strings.Join(first, ", ")))
	}
	rows := make([][]string, len(c.Nodes))
	for i, n := range c.Nodes {
		reads := ""
		if from := sources(n.ID, c.Edges); len(from) > 0 {
			reads = "← " + strings.Join(from, ", ")
		}
		rows[i] = []string{string(n.Family), n.Name, n.Kind, reads}
		for j, cell := range rows[i] {
			rows[i][j] = line(cell)
		}
	}
	e.table(b, rows, c.Nodes)
}

// sources lists where edges to an ID begin, each once.
func sources(id string, edges []Edge) []string {
	var out []string
	for _, edge := range edges {
		if from := line(edge.From); edge.To == id && !slices.Contains(out, from) {
			out = append(out, from)
		}
	}
	return out
}

// table writes the nodes' rows with their columns aligned, and below each its
// notes. Only the second column, the names, is not faint.
func (e Emphasis) table(b *bytes.Buffer, rows [][]string, nodes []Node) {
	var widths []int
	for _, row := range rows {
		for j, cell := range row {
			if len(widths) <= j {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], uniseg.StringWidth(cell))
		}
	}
	for i, row := range rows {
		for len(row) > 0 && row[len(row)-1] == "" {
			row = row[:len(row)-1]
		}
		b.WriteString(" ")
		for j, cell := range row {
			pad := strings.Repeat(" ", widths[j]-uniseg.StringWidth(cell)+1)
			if j == len(row)-1 {
				pad = ""
			}
			if j != 1 {
				cell = e.Faint(cell)
			}
			b.WriteString(" " + cell + pad)
		}
		b.WriteByte('\n')
		if notes := nodes[i].Notes; len(notes) > 0 {
			fmt.Fprintf(b, "  %s%s\n", strings.Repeat(" ", widths[0]+2), e.Faint(line(strings.Join(notes, "  "))))
		}
	}
}
