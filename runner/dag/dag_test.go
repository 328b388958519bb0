package dag

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSortIsDeterministicAndSmallestFirst(t *testing.T) {
	g := New[string]()
	g.AddNode("z")
	g.AddEdge("b", "d")
	g.AddEdge("a", "d")
	g.AddEdge("d", "c")
	g.AddEdge("d", "c")
	got, err := g.Sort()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "d", "c", "z"}; !slices.Equal(got, want) {
		t.Errorf("Sort() = %v, want %v", got, want)
	}
}

func TestCycles(t *testing.T) {
	tests := []struct {
		name  string
		edges [][2]string
		want  []string
	}{
		{"itself", [][2]string{{"a", "a"}}, []string{"a"}},
		{"two, begun with the smallest", [][2]string{{"b", "a"}, {"a", "b"}}, []string{"a", "b"}},
		{"the shortest of two", [][2]string{{"a", "b"}, {"b", "c"}, {"c", "a"}, {"x", "y"}, {"y", "x"}}, []string{"x", "y"}},
		{"with a way in and a way out", [][2]string{{"in", "b"}, {"b", "c"}, {"c", "b"}, {"c", "out"}}, []string{"b", "c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := New[string]()
			for _, e := range tt.edges {
				g.AddEdge(e[0], e[1])
			}
			_, err := g.Sort()
			var cycle *CycleError[string]
			if !errors.As(err, &cycle) {
				t.Fatalf("Sort() error = %v, want a cycle", err)
			}
			if !slices.Equal(cycle.Path, tt.want) {
				t.Errorf("path = %v, want %v", cycle.Path, tt.want)
			}
		})
	}
}

func TestReach(t *testing.T) {
	g := New[string]()
	g.AddEdge("a", "b")
	g.AddEdge("b", "c")
	g.AddEdge("x", "c")
	if got := g.Ancestors("c"); !slices.Equal(got, []string{"a", "b", "x"}) {
		t.Errorf("Ancestors(c) = %v", got)
	}
	if got := g.Descendants("a"); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("Descendants(a) = %v", got)
	}
}

// Either every edge goes forward in the order, or the reported path is a cycle
// of real edges; and the order in which edges were added makes no difference.
func TestSortProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edges := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [2]int {
			return [2]int{rapid.IntRange(0, 8).Draw(t, "from"), rapid.IntRange(0, 8).Draw(t, "to")}
		}), 0, 20).Draw(t, "edges")
		build := func(es [][2]int) *Graph[int] {
			g := New[int]()
			for _, e := range es {
				g.AddEdge(e[0], e[1])
			}
			return g
		}
		order, err := build(edges).Sort()
		again, errAgain := build(rapid.Permutation(edges).Draw(t, "shuffled")).Sort()
		if !slices.Equal(order, again) || (err == nil) != (errAgain == nil) {
			t.Fatalf("the order depends on how the graph was built: %v %v", order, again)
		}
		has := func(from, to int) bool { return slices.Contains(edges, [2]int{from, to}) }
		var cycle *CycleError[int]
		if errors.As(err, &cycle) {
			for i, k := range cycle.Path {
				if next := cycle.Path[(i+1)%len(cycle.Path)]; !has(k, next) {
					t.Fatalf("%v is no cycle: no edge %d to %d", cycle.Path, k, next)
				}
			}
			return
		}
		for _, e := range edges {
			if slices.Index(order, e[0]) >= slices.Index(order, e[1]) {
				t.Fatalf("edge %v goes backward in %v", e, order)
			}
		}
	})
}
