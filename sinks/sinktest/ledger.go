package sinktest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"waybill/sinks"
)

// A Ledger is a sinks.Ledger in memory, which behaves as the store's does. It
// may fail on demand. Safe for concurrent use.
type Ledger struct {
	mu      sync.Mutex
	intents []sinks.Intent
	stands  map[string]sinks.Object

	// OnIntend, OnSettle and OnRemoved, if set, are asked first; their error is
	// returned and nothing is recorded, as when the process stopped there.
	OnIntend  func(sinks.Intent) error
	OnSettle  func(sinks.Object) error
	OnRemoved func(key string) error
	// Lost, if set, is what Held fails with.
	Lost error
}

// Held fails if it was told to.
func (l *Ledger) Held(context.Context) error { return l.Lost }

// NextRun begins another run of the same slot, as the store does: what is
// settled is to be sent again, what is open is left to be settled, and what
// stands is known.
func (l *Ledger) NextRun() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.intents = slices.DeleteFunc(l.intents, func(in sinks.Intent) bool { return in.Settled })
}

// Standing returns what stands at the destination, in order of the keys.
func (l *Ledger) Standing() []sinks.Object {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []sinks.Object
	for _, key := range slices.Sorted(maps.Keys(l.stands)) {
		out = append(out, l.stands[key])
	}
	return out
}

// Removed records that nothing stands under a key any more.
func (l *Ledger) Removed(ctx context.Context, key string) error {
	if l.OnRemoved != nil {
		if err := l.OnRemoved(key); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.stands, key)
	l.intents = slices.DeleteFunc(l.intents, func(in sinks.Intent) bool { return in.Key == key && (in.Settled || in.UploadID == "") })
	return nil
}

// Intend records an announcement; one that is recorded already is open again.
func (l *Ledger) Intend(ctx context.Context, in sinks.Intent) error {
	if l.OnIntend != nil {
		if err := l.OnIntend(in); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, have := range l.intents {
		if have.Key == in.Key && have.UploadID == in.UploadID {
			l.intents[i] = in
			return nil
		}
	}
	l.intents = append(l.intents, in)
	return nil
}

// Settle records that an object is there.
func (l *Ledger) Settle(ctx context.Context, obj sinks.Object) error {
	if l.OnSettle != nil {
		if err := l.OnSettle(obj); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.intents {
		if l.intents[i].Key == obj.Key && (!l.intents[i].Settled || l.intents[i].Object.Key != "") {
			l.intents[i].Settled, l.intents[i].Object = true, obj
		}
	}
	if l.stands == nil {
		l.stands = map[string]sinks.Object{}
	}
	l.stands[obj.Key] = obj
	return nil
}

// Aborted records that an upload is gone.
func (l *Ledger) Aborted(ctx context.Context, key, uploadID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.intents {
		if l.intents[i].Key == key && l.intents[i].UploadID == uploadID {
			l.intents[i].Settled = true
		}
	}
	return nil
}

// Intents returns what is recorded, oldest first.
func (l *Ledger) Intents() []sinks.Intent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]sinks.Intent(nil), l.intents...)
}

// Open returns the uploads that are announced and neither there nor gone.
func (l *Ledger) Open() []sinks.Intent {
	var open []sinks.Intent
	for _, in := range l.Intents() {
		if in.UploadID != "" && !in.Settled {
			open = append(open, in)
		}
	}
	return open
}

// stopsAt runs f with a ledger that fails from its nth record on, counted from
// 0, as when the process stopped there, and reports whether f came that far.
func (l *Ledger) stopsAt(n int, f func()) bool {
	var mu sync.Mutex
	seen := 0
	stop := func() error {
		mu.Lock()
		defer mu.Unlock()
		seen++
		if seen > n {
			return errStopped
		}
		return nil
	}
	l.OnIntend = func(sinks.Intent) error { return stop() }
	l.OnSettle = func(sinks.Object) error { return stop() }
	l.OnRemoved = func(string) error { return stop() }
	defer func() { l.OnIntend, l.OnSettle, l.OnRemoved = nil, nil, nil }()
	f()
	return seen > n
}

// serial lets one call of f through at a time.
func serial[T any](f func(T) error) func(T) error {
	var mu sync.Mutex
	return func(v T) error {
		mu.Lock()
		defer mu.Unlock()
		return f(v)
	}
}
