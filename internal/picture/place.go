package picture

import "math"

// rounds is how often all columns are placed. The sum of the squares that they
// minimize never grows, and after so many it hardly shrinks.
const rounds = 60

// place gives each vertex a height such that the squares of the edges' climbs
// are small in sum, while boxes of a column keep their order and distance. A
// column at a time is placed best for where its neighbors are; in rounds this
// comes to rest.
func (n *network) place(s spacing) {
	for _, layer := range n.layers {
		n.stack(layer, s)
	}
	for range rounds {
		for _, layer := range n.layers {
			n.settle(layer, s)
		}
		for l := len(n.layers) - 1; l >= 0; l-- {
			n.settle(n.layers[l], s)
		}
	}
	for _, layer := range n.layers {
		n.round(layer, s)
	}
}

// stack puts a layer's vertices below each other, around zero.
func (n *network) stack(layer []int, s spacing) {
	y := 0.0
	for i, id := range layer {
		v := n.vertices[id]
		if i > 0 {
			y += s.distance(n.vertices[layer[i-1]], v)
		}
		v.y = y
	}
	for _, id := range layer {
		n.vertices[id].y -= y / 2
	}
}

// distance is how far apart the middles of two vertices are at least.
func (s spacing) distance(above, below *vertex) float64 {
	gap := s.rows
	if above.bend() && below.bend() {
		gap = 0
	}
	return above.h/2 + gap + below.h/2
}

// pull is how much an edge wants to be level. Long edges want it most.
func pull(a, b *vertex) float64 {
	switch {
	case a.bend() && b.bend():
		return 32
	case a.bend() || b.bend():
		return 4
	}
	return 1
}

// wish is the height at which a vertex's edges pull no more, and how strong
// they are together.
func (n *network) wish(v *vertex) (y, strength float64) {
	for _, around := range [][]int{v.in, v.out} {
		for _, id := range around {
			w := pull(v, n.vertices[id])
			y += w * n.vertices[id].y
			strength += w
		}
	}
	if strength == 0 {
		return v.y, 0.01 // stays where it is unless somebody wants the room
	}
	return y / strength, strength
}

// A block is a stretch of vertices that touch each other: it moves as a whole.
type block struct {
	first, last  int
	want, weight float64
}

// settle puts a layer's vertices as near as possible to where their edges pull
// them. With distances taken away the heights only must not fall, which is
// isotonic regression: neighbors that would fall are merged into one block (the
// pool adjacent violators algorithm).
func (n *network) settle(layer []int, s spacing) {
	shift := make([]float64, len(layer)) // distance from the first vertex, all touching
	var blocks []block
	for i, id := range layer {
		v := n.vertices[id]
		if i > 0 {
			shift[i] = shift[i-1] + s.distance(n.vertices[layer[i-1]], v)
		}
		y, weight := n.wish(v)
		b := block{i, i, y - shift[i], weight}
		for len(blocks) > 0 && blocks[len(blocks)-1].want > b.want {
			above := blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
			b.want = (above.want*above.weight + b.want*b.weight) / (above.weight + b.weight)
			b.weight += above.weight
			b.first = above.first
		}
		blocks = append(blocks, b)
	}
	for _, b := range blocks {
		for i := b.first; i <= b.last; i++ {
			n.vertices[layer[i]].y = b.want + shift[i]
		}
	}
}

// round moves a layer's vertices to whole pixels without bringing any too near
// to the one above.
func (n *network) round(layer []int, s spacing) {
	for i, id := range layer {
		v := n.vertices[id]
		v.y = math.Round(v.y)
		if i > 0 {
			above := n.vertices[layer[i-1]]
			v.y = max(v.y, above.y+math.Ceil(s.distance(above, v)))
		}
	}
}
