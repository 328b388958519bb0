package picture

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// graph draws boxes and edges that go in no circle.
func graph(t *rapid.T) ([]size, []arc) {
	n := rapid.IntRange(0, 30).Draw(t, "boxes")
	boxes := make([]size, n)
	for i := range boxes {
		boxes[i] = size{rapid.Float64Range(1, 300).Draw(t, "w"), rapid.Float64Range(1, 200).Draw(t, "h")}
	}
	var arcs []arc
	if n > 1 {
		names := rapid.Permutation(seq(n)).Draw(t, "names") // so that edges do not follow the order of the boxes
		for range rapid.IntRange(0, 60).Draw(t, "edges") {
			from := rapid.IntRange(0, n-2).Draw(t, "from")
			a := arc{names[from], names[rapid.IntRange(from+1, n-1).Draw(t, "to")]}
			if !slices.Contains(arcs, a) {
				arcs = append(arcs, a)
			}
		}
	}
	return boxes, arcs
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func overlap(a, b rect) bool {
	const slack = 1e-6
	return a.x < b.right()-slack && b.x < a.right()-slack && a.y < b.bottom()-slack && b.y < a.bottom()-slack
}

func TestArrange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		boxes, arcs := graph(t)
		a := arrange(boxes, arcs, withinCluster)
		for i, r := range a.boxes {
			if r.w != boxes[i].w || r.h != boxes[i].h {
				t.Fatalf("box %d was %v and is %v", i, boxes[i], r)
			}
			if r.x < 0 || r.y < -1e-6 || r.right() > a.size.w+1e-6 || r.bottom() > a.size.h+1e-6 {
				t.Fatalf("box %d %v is not within %v", i, r, a.size)
			}
			for j, other := range a.boxes[:i] {
				if overlap(r, other) {
					t.Fatalf("boxes %d %v and %d %v overlap", j, other, i, r)
				}
			}
		}
		if len(a.routes) != len(arcs) {
			t.Fatalf("%d routes for %d edges", len(a.routes), len(arcs))
		}
		for i, e := range arcs {
			checkRoute(t, a, a.routes[i], a.boxes[e.from], a.boxes[e.to])
		}
	})
}

// checkRoute tests that a route leads from one box to the right to the other,
// and through none.
func checkRoute(t *rapid.T, a arrangement, route []point, from, to rect) {
	first, last := route[0], route[len(route)-1]
	if first.x != from.right() || math.Abs(first.y-from.middle()) > 1e-6 || last.x != to.x || math.Abs(last.y-to.middle()) > 1e-6 {
		t.Fatalf("the route %v does not lead from %v to %v", route, from, to)
	}
	if from.right() >= to.x {
		t.Fatalf("an edge leads from %v back to %v", from, to)
	}
	for i, p := range route[1:] {
		before := route[i]
		if p.x < before.x {
			t.Fatalf("the route %v goes back", route)
		}
		for _, r := range a.boxes {
			// Between two points a route stays within the rectangle that they span.
			if span := (rect{before.x, min(before.y, p.y), p.x - before.x, math.Abs(p.y - before.y)}); crosses(span, r) {
				t.Fatalf("the route %v goes through %v", route, r)
			}
		}
	}
	for _, p := range route {
		if p.x < 0 || p.x > a.size.w || p.y < -1e-6 || p.y > a.size.h+1e-6 {
			t.Fatalf("the route %v leaves the picture %v", route, a.size)
		}
	}
}

// crosses reports whether a span, which may be a line, has points inside of r.
func crosses(span, r rect) bool {
	const slack = 1e-6
	return span.x < r.right()-slack && span.right() > r.x+slack && span.y < r.bottom()-slack && span.bottom() > r.y+slack
}

func TestOrderNeverCrossesMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		boxes, arcs := graph(t)
		n := newNetwork(boxes, arcs)
		before := n.crossings()
		n.order()
		if after := n.crossings(); after > before {
			t.Fatalf("%d crossings before, %d after", before, after)
		}
		for l, layer := range n.layers {
			for _, id := range layer {
				if n.vertices[id].layer != l {
					t.Fatalf("vertex %d stands in layer %d", id, l)
				}
			}
		}
	})
}

func TestOrderUntangles(t *testing.T) {
	// Two chains of which the first box of one is above, and the second below.
	arcs := []arc{{0, 3}, {1, 2}, {2, 5}, {3, 4}}
	n := newNetwork(make([]size, 6), arcs)
	if n.crossings() == 0 {
		t.Fatal("nothing to do")
	}
	n.order()
	if got := n.crossings(); got != 0 {
		t.Errorf("%d crossings are left", got)
	}
}

func TestCrossingsAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		boxes, arcs := graph(t)
		n := newNetwork(boxes, arcs)
		at := n.places()
		type edge struct{ layer, from, to int }
		var all []edge
		for id, v := range n.vertices {
			for _, to := range v.out {
				all = append(all, edge{v.layer, at[id], at[to]})
			}
		}
		want := 0
		for i, a := range all {
			for _, b := range all[:i] {
				if a.layer == b.layer && (a.from-b.from)*(a.to-b.to) < 0 {
					want++
				}
			}
		}
		if got := n.crossings(); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	})
}

func TestLayers(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int
		arcs []arc
		want []int
	}{
		{"nothing", 0, nil, []int{}},
		{"alone", 2, nil, []int{0, 0}},
		{"a chain", 3, []arc{{2, 1}, {1, 0}}, []int{2, 1, 0}},
		{"a source that is needed late stands late", 4, []arc{{0, 1}, {1, 2}, {3, 2}}, []int{0, 1, 2, 1}},
		{"a sink stands right behind its input", 4, []arc{{0, 1}, {1, 2}, {0, 3}}, []int{0, 1, 2, 1}},
		{"a source and what is made of it move together", 5, []arc{{0, 1}, {1, 2}, {3, 4}, {4, 2}}, []int{0, 1, 2, 0, 1}},
	} {
		if got, ok := layersOf(tt.n, tt.arcs); !ok || !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, %v, want %v", tt.name, got, ok, tt.want)
		}
	}
}

func TestAChainIsStraight(t *testing.T) {
	boxes := []size{{100, 40}, {100, 90}, {100, 33}, {100, 40}}
	a := arrange(boxes, []arc{{0, 1}, {1, 2}, {2, 3}}, withinCluster)
	for i, r := range a.boxes {
		if math.Abs(r.middle()-a.boxes[0].middle()) > 1 {
			t.Errorf("box %d stands at %v, the first at %v", i, r.middle(), a.boxes[0].middle())
		}
	}
}

func TestAFanIsSymmetrical(t *testing.T) {
	boxes := make([]size, 6)
	var arcs []arc
	for i := range boxes {
		boxes[i] = size{100, 40}
		if i > 0 {
			arcs = append(arcs, arc{0, i})
		}
	}
	a := arrange(boxes, arcs, withinCluster)
	if got, want := a.boxes[0].middle(), a.size.h/2; math.Abs(got-want) > 1 {
		t.Errorf("the box stands at %v, the middle is %v", got, want)
	}
	for i := 2; i < 6; i++ {
		if a.boxes[i].y <= a.boxes[i-1].y {
			t.Errorf("box %d is not below the one before", i)
		}
	}
}

func TestBundles(t *testing.T) {
	for _, tt := range []struct{ sinks, bundles int }{{1, 0}, {leastBundle - 1, 0}, {leastBundle, 1}, {50, 1}, {1000, 1}} {
		t.Run(fmt.Sprint(tt.sinks), func(t *testing.T) {
			p := fan(tt.sinks)
			in, err := index(p)
			if err != nil {
				t.Fatal(err)
			}
			f := layout(p.Clusters[0], in.edges[0])
			if len(f.bundles) != tt.bundles {
				t.Fatalf("%d bundles, want %d", len(f.bundles), tt.bundles)
			}
			if tt.bundles == 0 {
				return
			}
			within := 0
			for _, r := range f.at {
				if b := f.bundles[0]; r.x > b.x && r.y > b.y && r.right() < b.right() && r.bottom() < b.bottom() {
					within++
				}
			}
			if within != tt.sinks {
				t.Errorf("%d nodes are in the bundle, want %d", within, tt.sinks)
			}
			if ratio := f.inner.w / f.inner.h; ratio < 0.7 || ratio > 2.5 {
				t.Errorf("the picture is %.0f by %.0f", f.inner.w, f.inner.h)
			}
		})
	}
}

func TestNodesThatAreReadAreInNoBundle(t *testing.T) {
	p := fan(leastBundle)
	c := &p.Clusters[0]
	c.add("notice", "", "sent", []string{"sink." + `partner["p0"]`})
	in, err := index(p)
	if err != nil {
		t.Fatal(err)
	}
	if f := layout(*c, in.edges[0]); len(f.bundles) != 0 {
		t.Errorf("%d bundles, want none", len(f.bundles))
	}
}
