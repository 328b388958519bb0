package picture

// layersOf gives each of n nodes a layer such that every arc leads to a higher
// one, with short arcs: a node stands right behind what it needs, or, if more
// arcs leave it than reach it, right before what needs it. It reports false if
// arcs go in a circle.
func layersOf(n int, arcs []arc) ([]int, bool) {
	in, out := make([][]int, n), make([][]int, n)
	for _, a := range arcs {
		out[a.from] = append(out[a.from], a.to)
		in[a.to] = append(in[a.to], a.from)
	}
	sorted := topological(in, out)
	if len(sorted) < n {
		return nil, false
	}
	layers := make([]int, n)
	for _, i := range sorted {
		layers[i] = after(in[i], layers)
	}
	// Nodes at the end go first, so that a chain moves as a whole.
	for moved := true; moved; {
		moved = false
		for k := len(sorted) - 1; k >= 0; k-- {
			i := sorted[k]
			if len(out[i]) <= len(in[i]) {
				continue
			}
			if l := before(out[i], layers); l > layers[i] {
				layers[i], moved = l, true
			}
		}
	}
	return layers, true
}

// after is the first layer behind all of nodes.
func after(nodes, layers []int) int {
	l := 0
	for _, i := range nodes {
		l = max(l, layers[i]+1)
	}
	return l
}

// before is the last layer in front of all of nodes, of which there is one.
func before(nodes, layers []int) int {
	l := layers[nodes[0]] - 1
	for _, i := range nodes {
		l = min(l, layers[i]-1)
	}
	return l
}

// topological lists nodes so that each comes after what it needs. Nodes on a
// circle, and behind one, are missing.
func topological(in, out [][]int) []int {
	waiting := make([]int, len(in))
	var sorted []int
	for i := range in {
		if waiting[i] = len(in[i]); waiting[i] == 0 {
			sorted = append(sorted, i)
		}
	}
	for k := 0; k < len(sorted); k++ {
		for _, to := range out[sorted[k]] {
			if waiting[to]--; waiting[to] == 0 {
				sorted = append(sorted, to)
			}
		}
	}
	return sorted
}
