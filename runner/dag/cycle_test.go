package dag

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestEmptyGraph(t *testing.T) {
	g := New[string]()
	if order, err := g.Sort(); err != nil || len(order) != 0 || g.Cycle() != nil {
		t.Errorf("Sort() = %v, %v; Cycle() = %v", order, err, g.Cycle())
	}
	if g.Has("a") || g.Len() != 0 || len(g.Ancestors("a")) != 0 || len(g.Descendants("a")) != 0 || len(g.DependsOn("a")) != 0 {
		t.Error("a node that is not there has relations")
	}
}

func TestCycleErrorNamesTheCircle(t *testing.T) {
	g := New[string]()
	g.AddEdge("transform.b", "transform.a")
	g.AddEdge("transform.a", "transform.b")
	_, err := g.Sort()
	if want := "depends on itself: transform.a → transform.b → transform.a"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

// drawGraph draws a graph and its table of edges.
func drawGraph(t *rapid.T) (*Graph[int], [7][7]bool) {
	g := New[int]()
	var edge [7][7]bool
	for _, e := range rapid.SliceOfN(rapid.IntRange(0, 48), 0, 16).Draw(t, "edges") {
		edge[e/7][e%7] = true
		g.AddEdge(e/7, e%7)
	}
	return g, edge
}

// distances are the lengths of the shortest ways of at least one edge, by
// Floyd and Warshall; 99 is none.
func distances(edge [7][7]bool) [7][7]int {
	var d [7][7]int
	for i := range 7 {
		for j := range 7 {
			if d[i][j] = 99; edge[i][j] {
				d[i][j] = 1
			}
		}
	}
	for k := range 7 {
		for i := range 7 {
			for j := range 7 {
				d[i][j] = min(d[i][j], d[i][k]+d[k][j])
			}
		}
	}
	return d
}

func TestCycleIsTheShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, edge := drawGraph(t)
		shortest := 99
		for i, row := range distances(edge) {
			shortest = min(shortest, row[i])
		}
		got := g.Cycle()
		_, err := g.Sort()
		if shortest == 99 {
			if got != nil || err != nil {
				t.Fatalf("cycle %v, error %v in a graph without any", got, err)
			}
			return
		}
		var cycle *CycleError[int]
		if len(got) != shortest || got[0] != slices.Min(got) || !errors.As(err, &cycle) || !slices.Equal(cycle.Path, got) {
			t.Fatalf("cycle %v, error %v; want one of length %d that begins with its least node", got, err, shortest)
		}
		for i, k := range got {
			if !edge[k][got[(i+1)%len(got)]] {
				t.Fatalf("%v uses an edge that is not there", got)
			}
		}
	})
}

func TestRelationsAgreeWithDistances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, edge := drawGraph(t)
		d := distances(edge)
		for i := range 7 {
			var down, up, feeds, needs []int
			for j := range 7 {
				if d[i][j] < 99 {
					down = append(down, j)
				}
				if d[j][i] < 99 {
					up = append(up, j)
				}
				if edge[i][j] {
					feeds = append(feeds, j)
				}
				if edge[j][i] {
					needs = append(needs, j)
				}
			}
			for _, c := range []struct {
				name      string
				got, want []int
			}{{"Descendants", g.Descendants(i), down}, {"Ancestors", g.Ancestors(i), up}, {"Dependents", g.Dependents(i), feeds}, {"DependsOn", g.DependsOn(i), needs}} {
				if !slices.Equal(c.got, c.want) {
					t.Fatalf("%s(%d) = %v, want %v", c.name, i, c.got, c.want)
				}
			}
		}
	})
}
