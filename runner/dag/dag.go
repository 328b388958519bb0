// Package dag is a directed graph of named nodes: in which order to work
// through them, what depends on what, and where they depend on themselves.
//
// Every answer is the same for the same graph, however it was built.
package dag

import (
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Graph is a set of nodes and of edges between them. An edge leads from what
// is needed to what needs it. A graph is not safe for concurrent use while it
// is being built.
type Graph[K cmp.Ordered] struct {
	needs map[K]map[K]struct{} // node → what it depends on
	feeds map[K]map[K]struct{} // node → what depends on it
}

// New returns an empty graph.
func New[K cmp.Ordered]() *Graph[K] {
	return &Graph[K]{needs: map[K]map[K]struct{}{}, feeds: map[K]map[K]struct{}{}}
}

// AddNode adds a node; one that is there stays as it is.
func (g *Graph[K]) AddNode(node K) {
	if g.needs[node] == nil {
		g.needs[node], g.feeds[node] = map[K]struct{}{}, map[K]struct{}{}
	}
}

// AddEdge says that to depends on from, and adds the two nodes where missing.
// The same edge twice is one edge.
func (g *Graph[K]) AddEdge(from, to K) {
	g.AddNode(from)
	g.AddNode(to)
	g.needs[to][from] = struct{}{}
	g.feeds[from][to] = struct{}{}
}

// Has reports whether the node is in the graph.
func (g *Graph[K]) Has(node K) bool { return g.needs[node] != nil }

// Len is the number of nodes.
func (g *Graph[K]) Len() int { return len(g.needs) }

// Nodes lists the nodes in order of their names.
func (g *Graph[K]) Nodes() []K { return slices.Sorted(maps.Keys(g.needs)) }

// DependsOn lists what a node depends on directly, in order of names.
func (g *Graph[K]) DependsOn(node K) []K { return slices.Sorted(maps.Keys(g.needs[node])) }

// Dependents lists what depends on a node directly, in order of names.
func (g *Graph[K]) Dependents(node K) []K { return slices.Sorted(maps.Keys(g.feeds[node])) }

// Ancestors lists all that a node depends on, directly or not, in order of
// names. A node on a cycle is its own ancestor.
func (g *Graph[K]) Ancestors(node K) []K { return reach(g.needs, node) }

// Descendants lists all that depends on a node, directly or not, in order of
// names. A node on a cycle is its own descendant.
func (g *Graph[K]) Descendants(node K) []K { return reach(g.feeds, node) }

func reach[K cmp.Ordered](edges map[K]map[K]struct{}, from K) []K {
	seen := map[K]struct{}{}
	todo := []K{from}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for k := range edges[next] {
			if _, ok := seen[k]; !ok {
				seen[k] = struct{}{}
				todo = append(todo, k)
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// A CycleError reports nodes that depend on each other in a circle.
type CycleError[K cmp.Ordered] struct {
	// Path is the circle: each node is needed by the next, and the last by the
	// first. It begins with the least name.
	Path []K
}

// Error names the nodes in order: "a → b → a".
func (e *CycleError[K]) Error() string {
	var b strings.Builder
	for _, k := range e.Path {
		fmt.Fprintf(&b, "%v → ", k)
	}
	fmt.Fprintf(&b, "%v", e.Path[0])
	return "depends on itself: " + b.String()
}

// Sort lists all nodes so that each comes after what it depends on. Of those
// that may come next, the one with the least name does. The error is a
// *CycleError with the shortest circle.
func (g *Graph[K]) Sort() ([]K, error) {
	waiting := make(map[K]int, len(g.needs))
	ready := &minHeap[K]{}
	for k, deps := range g.needs {
		if waiting[k] = len(deps); len(deps) == 0 {
			*ready = append(*ready, k)
		}
	}
	heap.Init(ready)
	order := make([]K, 0, len(g.needs))
	for ready.Len() > 0 {
		k := heap.Pop(ready).(K)
		order = append(order, k)
		for dep := range g.feeds[k] {
			if waiting[dep]--; waiting[dep] == 0 {
				heap.Push(ready, dep)
			}
		}
	}
	if len(order) < len(g.needs) {
		return nil, &CycleError[K]{Path: g.Cycle()}
	}
	return order, nil
}

// Cycle returns the shortest circle in the form of CycleError.Path, or nil if
// there is none. Of equally short ones it is the one with the least names.
func (g *Graph[K]) Cycle() []K {
	var best []K
	for _, k := range g.Nodes() {
		if len(best) == 1 {
			break
		}
		if c := g.cycleThrough(k, len(best)); c != nil {
			best = c
		}
	}
	return best
}

// cycleThrough returns the shortest circle through start whose other nodes all
// have greater names, if it is shorter than limit (0: any length). Since every
// circle is searched from its least node, none is missed.
func (g *Graph[K]) cycleThrough(start K, limit int) []K {
	cameFrom := map[K]K{}
	level := []K{start}
	for depth := 1; len(level) > 0 && (limit == 0 || depth < limit); depth++ {
		var next []K
		for _, k := range level {
			for _, dep := range g.Dependents(k) {
				if dep == start {
					return pathTo(cameFrom, start, k)
				}
				if _, seen := cameFrom[dep]; !seen && dep > start {
					cameFrom[dep] = k
					next = append(next, dep)
				}
			}
		}
		level = next
	}
	return nil
}

// pathTo follows the search back from end to start.
func pathTo[K cmp.Ordered](cameFrom map[K]K, start, end K) []K {
	path := []K{end}
	for k := end; k != start; {
		k = cameFrom[k]
		path = append(path, k)
	}
	slices.Reverse(path)
	return path
}

type minHeap[K cmp.Ordered] []K

func (h minHeap[K]) Len() int           { return len(h) }
func (h minHeap[K]) Less(i, j int) bool { return h[i] < h[j] }
func (h minHeap[K]) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *minHeap[K]) Push(x any)        { *h = append(*h, x.(K)) }
func (h *minHeap[K]) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
