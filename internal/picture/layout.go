package picture

// The layout is layered, after Sugiyama, Tagawa and Toda (1981): boxes get
// columns so that all edges lead to the right (layers.go), an order within
// their column so that few edges cross (order.go), and heights so that edges
// are short and straight (place.go). Boxes that an edge passes on its way are
// told of it by a bend in their column, which takes room as a box does.

// A size is a box to lay out, in pixels.
type size struct{ w, h float64 }

// A rect is a box laid out: its upper left corner and its size.
type rect struct{ x, y, w, h float64 }

func (r rect) right() float64  { return r.x + r.w }
func (r rect) bottom() float64 { return r.y + r.h }
func (r rect) middle() float64 { return r.y + r.h/2 }

type point struct{ x, y float64 }

// spacing says how far apart things are, in pixels.
type spacing struct {
	rows        float64 // between boxes of a column
	columns     float64 // between columns, at least
	mostColumns float64 // between columns with steep edges, at most
}

// An arrangement is a graph laid out, with its upper left corner at the origin.
type arrangement struct {
	boxes  []rect
	routes [][]point // of each arc: from its box, along the columns it passes, to its box
	size   size
}

// A vertex is a box or a bend of a long edge.
type vertex struct {
	size
	box     int // -1 for a bend
	layer   int
	in, out []int   // vertices of the layers before and after
	y       float64 // of its middle
}

func (v *vertex) bend() bool { return v.box < 0 }

// network is a graph in layers. Every edge leads to the next layer.
type network struct {
	vertices []*vertex
	layers   [][]int // vertices from top to bottom
	paths    [][]int // vertices of each arc, from its beginning to its end
}

// bendHeight is the room that an edge takes where it passes a column.
const bendHeight = 12

// arrange lays a graph without circles out. Arcs are places in boxes.
func arrange(boxes []size, arcs []arc, s spacing) arrangement {
	n := newNetwork(boxes, arcs)
	n.order()
	n.place(s)
	return n.draw(len(boxes), s)
}

// newNetwork puts boxes into layers, and bends into the layers that an edge
// passes. Edges of one box share their bends, as a trunk does for its branches.
func newNetwork(boxes []size, arcs []arc) *network {
	layers, _ := layersOf(len(boxes), arcs)
	n := &network{}
	for i, b := range boxes {
		n.add(&vertex{size: b, box: i, layer: layers[i]})
	}
	type station struct{ box, layer int }
	bends := map[station]int{}
	for _, a := range arcs {
		path := []int{a.from}
		for l := layers[a.from] + 1; l < layers[a.to]; l++ {
			bend, ok := bends[station{a.from, l}]
			if !ok {
				bend = n.add(&vertex{size: size{h: bendHeight}, box: -1, layer: l})
				bends[station{a.from, l}] = bend
				n.connect(path[len(path)-1], bend)
			}
			path = append(path, bend)
		}
		n.connect(path[len(path)-1], a.to)
		n.paths = append(n.paths, append(path, a.to))
	}
	return n
}

func (n *network) add(v *vertex) int {
	id := len(n.vertices)
	n.vertices = append(n.vertices, v)
	for len(n.layers) <= v.layer {
		n.layers = append(n.layers, nil)
	}
	n.layers[v.layer] = append(n.layers[v.layer], id)
	return id
}

func (n *network) connect(from, to int) {
	n.vertices[from].out = append(n.vertices[from].out, to)
	n.vertices[to].in = append(n.vertices[to].in, from)
}

// draw turns columns, order and heights into coordinates.
func (n *network) draw(boxes int, s spacing) arrangement {
	a := arrangement{boxes: make([]rect, boxes)}
	columns := n.columns(s)
	top := n.top()
	for _, v := range n.vertices {
		if !v.bend() {
			r := rect{columns[v.layer].x, v.y - v.h/2 - top, v.w, v.h}
			a.boxes[v.box] = r
			a.size = size{max(a.size.w, r.right()), max(a.size.h, r.bottom())}
		} else {
			a.size.h = max(a.size.h, v.y+v.h/2-top)
		}
	}
	for _, path := range n.paths {
		var route []point
		for i, id := range path {
			v, c := n.vertices[id], columns[n.vertices[id].layer]
			y := v.y - top
			if i > 0 {
				route = append(route, point{c.x, y})
			}
			if i == 0 { // a narrow box of a wide column is left in a straight line
				route = append(route, point{c.x + v.w, y})
			}
			if i < len(path)-1 {
				route = append(route, point{c.right(), y})
			}
		}
		a.routes = append(a.routes, route)
	}
	return a
}

func (n *network) top() float64 {
	top := 0.0
	for i, v := range n.vertices {
		if y := v.y - v.h/2; i == 0 || y < top {
			top = y
		}
	}
	return top
}

// columns are the layers' places from left to right: x and width. Between
// columns there is the more room the steeper edges are.
func (n *network) columns(s spacing) []rect {
	out := make([]rect, len(n.layers))
	x := 0.0
	for l, layer := range n.layers {
		out[l].x = x
		climb := 0.0
		for _, id := range layer {
			v := n.vertices[id]
			out[l].w = max(out[l].w, v.w)
			for _, next := range v.out {
				climb = max(climb, v.y-n.vertices[next].y, n.vertices[next].y-v.y)
			}
		}
		x = out[l].right() + min(s.columns+climb/8, s.mostColumns)
	}
	return out
}
