package picture

// What the parts of the SVG measure, in pixels.
const (
	margin = 16 // around the picture

	framePad    = 20 // within a cluster's frame
	titleHeight = 22
	noteHeight  = 17

	boxPad  = 14 // left and right of a node's text
	boxTop  = 9  // above and below it
	boxLine = 15
	leastW  = 116
	mostW   = 290
	tip     = 12 // of the shapes that have one
	lid     = 6  // of a source's shape, half the height of its top
)

var (
	titleFont = font{15, true}
	nameFont  = font{13, true}
	noteFont  = font{11, false}
	gateFont  = font{12, true}

	withinCluster = spacing{rows: 16, columns: 52, mostColumns: 220}
	betweenFrames = spacing{rows: 24, columns: 64, mostColumns: 220}
)

// A label is a line of text as it fits, with all of it where it does not.
type label struct{ short, full string }

func (l label) cut() bool { return l.short != l.full }

// A box is a node with its texts cut to fit.
type box struct {
	family      Family
	name, kind  label
	notes       []label
	left, right float64 // what the shape takes of the box beside its text
	top         float64 // and above
	size
}

// measure says how large a node is drawn.
func measure(n Node) box {
	b := box{family: n.Family}
	switch n.Family {
	case Source:
		b.top = lid
	case Wait, Check, Condition:
		b.left, b.right = tip, tip
	case Sink:
		b.right = tip
	}
	room := mostW - 2*boxPad - b.left - b.right
	b.name = b.label(b.nameFont().fit, n.Name, room)
	b.kind = b.label(noteFont.fit, n.label(), room)
	w := max(b.nameFont().width(b.name.short), noteFont.width(b.kind.short))
	for _, note := range n.Notes {
		l := b.label(noteFont.fitPath, note, room)
		b.notes = append(b.notes, l)
		w = max(w, noteFont.width(l.short))
	}
	least := float64(leastW)
	if n.Family.gate() {
		least = 0
	}
	b.w = max(least, w+2*boxPad+b.left+b.right)
	b.h = 2*b.pad() + b.top + boxLine*float64(2+len(b.notes))
	return b
}

func (b box) label(fit func(string, float64) string, text string, room float64) label {
	text = line(text)
	return label{fit(text, room), text}
}

func (b box) nameFont() font {
	if b.family.gate() {
		return gateFont
	}
	return nameFont
}

func (b box) pad() float64 {
	if b.family.gate() {
		return boxTop - 4
	}
	return boxTop
}

// A frame is a cluster laid out.
type frame struct {
	title   label
	notes   []label
	off     bool
	boxes   []box
	at      []rect // where each box is
	bundles []rect
	routes  [][]point
	inner   size    // of all nodes together
	header  float64 // height of what stands above them
	outer   size
}

// layout lays a cluster out.
func layout(c Cluster, edges []arc) frame {
	f := frame{off: c.Off, at: make([]rect, len(c.Nodes))}
	for _, n := range c.Nodes {
		f.boxes = append(f.boxes, measure(n))
	}
	all, arcs := units(f.boxes, edges)
	a := arrange(f.alike(all, arcs), arcs, withinCluster)
	for i, u := range all {
		u.spread(a.boxes[i], f.at)
		if u.bundle() {
			f.bundles = append(f.bundles, a.boxes[i])
		}
	}
	f.routes, f.inner = a.routes, a.size
	room := max(f.inner.w, mostW)
	f.title = label{titleFont.fit(line(c.Title), room), line(c.Title)}
	w := max(f.inner.w, titleFont.width(f.title.short))
	for _, note := range c.Notes {
		l := label{noteFont.fit(line(note), room), line(note)}
		f.notes = append(f.notes, l)
		w = max(w, noteFont.width(l.short))
	}
	f.header = titleHeight + noteHeight*float64(len(f.notes)) + framePad/2
	f.outer = size{w + 2*framePad, f.header + f.inner.h + 2*framePad}
	return f
}

// alike returns the units' sizes, with all nodes of a column equally wide, but
// for gates.
func (f frame) alike(all []unit, arcs []arc) []size {
	layers, _ := layersOf(len(all), arcs)
	widest := map[int]float64{}
	plain := func(u unit) bool { return !u.bundle() && !f.boxes[u.nodes[0]].family.gate() }
	for i, u := range all {
		if plain(u) {
			widest[layers[i]] = max(widest[layers[i]], u.w)
		}
	}
	out := make([]size, len(all))
	for i, u := range all {
		if out[i] = u.size; plain(u) {
			out[i].w = widest[layers[i]]
		}
	}
	return out
}
