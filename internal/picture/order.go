package picture

import (
	"cmp"
	"slices"
)

// sweeps is how often the columns are gone through. More than a few change
// little; graphs of pipelines are small.
const sweeps = 24

// order sorts each layer so that few edges cross: sweeps put each vertex at the
// average of its neighbors' places (the barycenter), then neighbors change
// places while that helps. It never makes more crossings than there were.
func (n *network) order() {
	best, fewest := n.copyLayers(), n.crossings()
	try := func() {
		for i := 0; i < sweeps && fewest > 0; i++ {
			n.sweep(i%2 == 0)
			n.swap()
			if c := n.crossings(); c < fewest {
				best, fewest = n.copyLayers(), c
			}
		}
	}
	try()
	n.layers = n.walkOrder()
	if c := n.crossings(); c < fewest {
		best, fewest = n.copyLayers(), c
	}
	try()
	n.layers = best
}

func (n *network) copyLayers() [][]int {
	out := make([][]int, len(n.layers))
	for i, l := range n.layers {
		out[i] = slices.Clone(l)
	}
	return out
}

// walkOrder is another order to begin with: that in which a walk along the
// edges meets the vertices, which keeps what belongs together together.
func (n *network) walkOrder() [][]int {
	out := make([][]int, len(n.layers))
	seen := make([]bool, len(n.vertices))
	var walk func(id int)
	walk = func(id int) {
		if seen[id] {
			return
		}
		seen[id] = true
		v := n.vertices[id]
		out[v.layer] = append(out[v.layer], id)
		for _, next := range v.out {
			walk(next)
		}
		for _, next := range v.in {
			walk(next)
		}
	}
	for _, layer := range n.layers {
		for _, id := range layer {
			walk(id)
		}
	}
	return out
}

// places tells each vertex's place in its layer.
func (n *network) places() []int {
	at := make([]int, len(n.vertices))
	for _, layer := range n.layers {
		for i, id := range layer {
			at[id] = i
		}
	}
	return at
}

// sweep goes through the layers, forward by what stands before each, backward
// by what stands behind.
func (n *network) sweep(forward bool) {
	at := n.places()
	for i := 1; i < len(n.layers); i++ {
		layer := n.layers[i]
		neighbors := func(v *vertex) []int { return v.in }
		if !forward {
			layer = n.layers[len(n.layers)-1-i]
			neighbors = func(v *vertex) []int { return v.out }
		}
		n.sortLayer(layer, at, neighbors)
		for place, id := range layer {
			at[id] = place
		}
	}
}

// sortLayer sorts the vertices that have neighbors among the places that they
// had; those without stay where they are.
func (n *network) sortLayer(layer, at []int, neighbors func(*vertex) []int) {
	type weighed struct {
		id     int
		center float64
	}
	var free []int // places
	var moving []weighed
	for place, id := range layer {
		around := neighbors(n.vertices[id])
		if len(around) == 0 {
			continue
		}
		sum := 0
		for _, o := range around {
			sum += at[o]
		}
		free = append(free, place)
		moving = append(moving, weighed{id, float64(sum) / float64(len(around))})
	}
	slices.SortStableFunc(moving, func(a, b weighed) int { return cmp.Compare(a.center, b.center) })
	for i, place := range free {
		layer[place] = moving[i].id
	}
}

// swap exchanges neighbors in a layer while their edges cross less for it.
func (n *network) swap() {
	at := n.places()
	for changed := true; changed; {
		changed = false
		for _, layer := range n.layers {
			for i := 0; i+1 < len(layer); i++ {
				a, b := n.vertices[layer[i]], n.vertices[layer[i+1]]
				now := pairCrossings(a.in, b.in, at) + pairCrossings(a.out, b.out, at)
				then := pairCrossings(b.in, a.in, at) + pairCrossings(b.out, a.out, at)
				if then < now {
					layer[i], layer[i+1] = layer[i+1], layer[i]
					at[layer[i]], at[layer[i+1]] = i, i+1
					changed = true
				}
			}
		}
	}
}

// pairCrossings counts how often edges to upper cross those to lower, if the
// first belong to the vertex that stands higher.
func pairCrossings(upper, lower, at []int) int {
	count := 0
	for _, u := range upper {
		for _, l := range lower {
			if at[u] > at[l] {
				count++
			}
		}
	}
	return count
}

// crossings counts the pairs of edges that cross.
func (n *network) crossings() int {
	at := n.places()
	count := 0
	for _, layer := range n.layers {
		var ends []int // of all edges to the next layer, as they begin from top to bottom
		for _, id := range layer {
			own := make([]int, 0, len(n.vertices[id].out))
			for _, next := range n.vertices[id].out {
				own = append(own, at[next])
			}
			slices.Sort(own)
			ends = append(ends, own...)
		}
		count += inversions(ends)
	}
	return count
}

// inversions counts the pairs that stand in the wrong order, by merging.
func inversions(values []int) int {
	if len(values) < 2 {
		return 0
	}
	half := len(values) / 2
	left, right := slices.Clone(values[:half]), slices.Clone(values[half:])
	count := inversions(left) + inversions(right)
	slices.Sort(left)
	slices.Sort(right)
	i := 0
	for _, r := range right {
		for i < len(left) && left[i] <= r {
			i++
		}
		count += len(left) - i
	}
	return count
}
