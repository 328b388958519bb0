package picture

import (
	"fmt"
	"math"
)

const (
	// leastBundle is how many nodes are drawn as one bundle. Fewer are legible
	// below each other.
	leastBundle = 9
	bundlePad   = 12 // within a bundle's outline
	bundleGap   = 10 // between its nodes
)

// A unit is what the layout moves as a whole: a node, or a bundle of nodes at
// the end of the same edges, such as fifty sinks of one transform. A bundle is
// a grid with one edge to all of it.
type unit struct {
	size
	nodes   []int
	columns int  // of a bundle
	cell    size // of a bundle
}

func (u unit) bundle() bool { return len(u.nodes) > 1 }

// units gathers nodes that nothing reads from, that read from the same, and
// that look alike. The arcs between units are returned as well, each once.
func units(boxes []box, edges []arc) ([]unit, []arc) {
	in := make([]string, len(boxes))
	leads := make([]bool, len(boxes))
	for _, e := range edges {
		in[e.to] += fmt.Sprint(e.from, " ")
		leads[e.from] = true
	}
	alike := map[string][]int{}
	key := func(i int) string { return in[i] + string(boxes[i].family) }
	for i := range boxes {
		if !leads[i] && in[i] != "" {
			alike[key(i)] = append(alike[key(i)], i)
		}
	}
	var out []unit
	of := make([]int, len(boxes))
	for i, b := range boxes {
		peers := alike[key(i)]
		switch {
		case leads[i] || in[i] == "" || len(peers) < leastBundle:
			of[i] = len(out)
			out = append(out, unit{size: b.size, nodes: []int{i}})
		case peers[0] == i:
			for _, p := range peers {
				of[p] = len(out)
			}
			out = append(out, newBundle(boxes, peers))
		}
	}
	var arcs []arc
	seen := map[arc]bool{}
	for _, e := range edges {
		if a := (arc{of[e.from], of[e.to]}); !seen[a] {
			seen[a] = true
			arcs = append(arcs, a)
		}
	}
	return out, arcs
}

// newBundle makes a grid that is a little wider than high, of cells as large as
// the largest node.
func newBundle(boxes []box, nodes []int) unit {
	u := unit{nodes: nodes}
	for _, i := range nodes {
		u.cell = size{max(u.cell.w, boxes[i].w), max(u.cell.h, boxes[i].h)}
	}
	u.columns = max(1, int(math.Sqrt(1.2*float64(len(nodes))*(u.cell.h+bundleGap)/(u.cell.w+bundleGap))))
	rows := (len(nodes) + u.columns - 1) / u.columns
	u.columns = (len(nodes) + rows - 1) / rows // without empty columns
	u.size = size{
		2*bundlePad + float64(u.columns)*(u.cell.w+bundleGap) - bundleGap,
		2*bundlePad + float64(rows)*(u.cell.h+bundleGap) - bundleGap,
	}
	return u
}

// spread gives the nodes of a unit their places.
func (u unit) spread(at rect, places []rect) {
	if !u.bundle() {
		places[u.nodes[0]] = at
		return
	}
	for k, i := range u.nodes {
		places[i] = rect{
			at.x + bundlePad + float64(k%u.columns)*(u.cell.w+bundleGap),
			at.y + bundlePad + float64(k/u.columns)*(u.cell.h+bundleGap),
			u.cell.w, u.cell.h,
		}
	}
}
