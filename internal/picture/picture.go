// Package picture draws graphs of steps that are grouped into pipelines: as
// DOT, as Mermaid, as SVG that it lays out itself, and as a list for a
// terminal. It knows nothing of where the graphs come from. The same picture
// gives the same bytes.
package picture

import "fmt"

// A Picture is what there is to draw.
type Picture struct {
	Clusters []Cluster // from top to bottom, where nothing else decides
	Links    []Edge    // between clusters, by their IDs
}

// A Cluster is a group of nodes with a frame and a title: a pipeline.
type Cluster struct {
	ID    string   // any text, unique in the picture
	Title string   // any text
	Notes []string // lines below the title
	Off   bool     // drawn as something that is there but does not work
	Nodes []Node
	Edges []Edge // between the cluster's nodes, by their IDs
}

// A Node is a step.
type Node struct {
	ID     string // any text, unique in its cluster
	Name   string
	Family Family
	Kind   string   // what it is within its family: "athena"
	Notes  []string // lines below its name
}

// An Edge leads from what is needed to what needs it. The same edge twice is
// one edge.
type Edge struct{ From, To string }

// A Family of nodes has a shape and a color of its own. Nodes of other families
// than those below are plain boxes.
type Family string

// The families.
const (
	Wait      Family = "wait_for"
	Source    Family = "source"
	Transform Family = "transform"
	Check     Family = "check"
	Condition Family = "condition"
	Sink      Family = "sink"
)

// gate reports whether nodes of the family only look at data. They are drawn
// small.
func (f Family) gate() bool { return f == Wait || f == Check || f == Condition }

// label says what a node is: "athena source".
func (n Node) label() string {
	if n.Kind == "" {
		return string(n.Family)
	}
	if n.Family == Wait {
		return "wait for " + n.Kind
	}
	return n.Kind + " " + string(n.Family)
}

// An arc is an edge by the places of its ends in a list.
type arc struct{ from, to int }

// arcs resolves edges, each once, in their order. what names the things that
// they connect, for errors.
func arcs(what string, ids []string, edges []Edge) ([]arc, error) {
	at := make(map[string]int, len(ids))
	for i, id := range ids {
		if _, twice := at[id]; twice {
			return nil, fmt.Errorf("two %ss have the ID %q", what, id)
		}
		at[id] = i
	}
	var out []arc
	seen := map[arc]bool{}
	for _, e := range edges {
		from, ok := at[e.From]
		if !ok {
			return nil, fmt.Errorf("an edge begins at the %s %q, which does not exist", what, e.From)
		}
		to, ok := at[e.To]
		if !ok {
			return nil, fmt.Errorf("an edge ends at the %s %q, which does not exist", what, e.To)
		}
		if a := (arc{from, to}); !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	if _, ok := layersOf(len(ids), out); !ok {
		return nil, fmt.Errorf("the edges between the %ss go in a circle", what)
	}
	return out, nil
}

// indexed is a picture whose edges are found to be right.
type indexed struct {
	*Picture
	links []arc
	edges [][]arc // of each cluster
}

// index resolves a picture's edges. The error tells what the caller did wrong:
// an ID used twice, an edge to nowhere, or a circle.
func index(p *Picture) (*indexed, error) {
	out := &indexed{Picture: p, edges: make([][]arc, len(p.Clusters))}
	ids := make([]string, len(p.Clusters))
	for i, c := range p.Clusters {
		ids[i] = c.ID
		nodes := make([]string, len(c.Nodes))
		for j, n := range c.Nodes {
			nodes[j] = n.ID
		}
		edges, err := arcs("node", nodes, c.Edges)
		if err != nil {
			return nil, fmt.Errorf("picture: cluster %q: %w", c.ID, err)
		}
		out.edges[i] = edges
	}
	links, err := arcs("cluster", ids, p.Links)
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	out.links = links
	return out, nil
}
