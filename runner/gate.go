package runner

import (
	"context"
	"sync"
)

// A Gate lets a number of holders through at a time. The number can change
// while there are holders. Safe for concurrent use.
type Gate struct {
	mu     sync.Mutex
	limit  int
	inside int
	moved  chan struct{} // closed when somebody may have got room
}

// NewGate makes a gate for limit holders.
func NewGate(limit int) *Gate { return &Gate{limit: limit, moved: make(chan struct{})} }

// Enter waits for room and takes it, or returns why ctx ended.
func (g *Gate) Enter(ctx context.Context) error {
	for {
		g.mu.Lock()
		if g.inside < g.limit {
			g.inside++
			g.mu.Unlock()
			return nil
		}
		moved := g.moved
		g.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-moved:
		}
	}
}

// Leave gives the room back.
func (g *Gate) Leave() { g.change(func() { g.inside-- }) }

// SetLimit changes how many may be inside. Those who are inside stay.
func (g *Gate) SetLimit(limit int) { g.change(func() { g.limit = limit }) }

func (g *Gate) change(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	close(g.moved)
	g.moved = make(chan struct{})
}
