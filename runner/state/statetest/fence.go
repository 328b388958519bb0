package statetest

import (
	"context"
	"encoding/json"
	"time"

	"waybill/runner/state"
	"waybill/sinks"
)

var fenceTests = map[string]func(*bed){
	"Fence/who never had the lease":    fenceStranger,
	"Fence/who lost the lease":         fenceLost,
	"Fence/after the run has ended":    fenceFinished,
	"Fence/no lease at all":            fenceQueued,
	"Fence/expired but not taken over": fenceExpired,
	"Fence/the run is not there":       fenceNoRun,
}

// writes are all the methods that only the holder of the run's lease may use.
func (b *bed) writes(run string) map[string]func(ctx context.Context, owner string) error {
	return map[string]func(context.Context, string) error{
		"PutStep": func(ctx context.Context, owner string) error {
			return b.PutStep(ctx, owner, state.Step{Run: run, Address: "sink.acme", Status: state.Failed})
		},
		"Plan": func(ctx context.Context, owner string) error {
			_, err := b.Plan(ctx, owner, state.Delivery{ID: "d", Run: run, Plan: json.RawMessage(`2`)})
			return err
		},
		"Intend": func(ctx context.Context, owner string) error {
			return b.Intend(ctx, owner, "d", sinks.Intent{Key: "b"})
		},
		"Settle": func(ctx context.Context, owner string) error {
			return b.Settle(ctx, owner, "d", sinks.Object{Key: "a"})
		},
		"Aborted": func(ctx context.Context, owner string) error {
			return b.Aborted(ctx, owner, "d", "a", "u1")
		},
		"Removed": func(ctx context.Context, owner string) error {
			return b.Removed(ctx, owner, "d", "a")
		},
		"Deliver": func(ctx context.Context, owner string) error {
			return b.Deliver(ctx, owner, "d", json.RawMessage(`1`), state.Step{Run: run, Address: "sink.acme"}, start)
		},
	}
}

// fenced returns a run of w1 with an open delivery, and a check that nobody of
// the owners can change anything.
func (b *bed) fenced() (state.Run, func(owners ...string)) {
	r := b.running("orders", 1, "w1")
	d := b.plan(r, `1`)
	b.intend(sinks.Intent{Key: "a", UploadID: "u1"})
	return r, func(owners ...string) {
		b.Helper()
		for name, write := range b.writes(r.ID) {
			for _, owner := range owners {
				if err := write(b.Context(), owner); err == nil {
					b.Errorf("%s by %q went through", name, owner)
				} else {
					b.fails(err, state.ErrConflict)
				}
			}
		}
		got, err := b.Delivery(b.Context(), "d")
		b.must(err)
		b.same(got, d)
		b.same(b.intents(), []sinks.Intent{{Key: "a", UploadID: "u1"}})
		steps, err := b.Steps(b.Context(), r.ID)
		b.must(err)
		b.same(len(steps), 0)
	}
}

func fenceStranger(b *bed) {
	_, closed := b.fenced()
	closed("w2", "", "W1", "w1 ")
}

func fenceLost(b *bed) {
	r, closed := b.fenced()
	_, err := b.Claim(b.Context(), r.ID, "w2", "gen-1", start.Add(ttl), ttl)
	b.must(err)
	closed("w1", "")
	b.fails(b.Finish(b.Context(), r.ID, "w1", state.Succeeded, "", nil, start), state.ErrConflict)
	b.must(b.Intend(b.Context(), "w2", "d", sinks.Intent{Key: "c"}))
}

func fenceFinished(b *bed) {
	r, closed := b.fenced()
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "", nil, start))
	closed("w1", "w2", "")
}

func fenceQueued(b *bed) {
	r, closed := b.fenced()
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "", nil, start))
	b.must(b.Reopen(b.Context(), r.ID))
	closed("w1", "")
}

func fenceExpired(b *bed) {
	r, _ := b.fenced()
	// The clock plays no part in a fence: an hour later w1 is still the owner.
	late := start.Add(time.Hour)
	b.must(b.Settle(b.Context(), "w1", "d", sinks.Object{Key: "a"}))
	b.must(b.Deliver(b.Context(), "w1", "d", json.RawMessage(`1`), state.Step{Run: r.ID, Address: "sink.acme"}, late))
	b.must(b.PutStep(b.Context(), "w1", state.Step{Run: r.ID, Address: "sink.other", Status: state.Failed, FinishedAt: late}))
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "", nil, late))
}

func fenceNoRun(b *bed) {
	for _, name := range []string{"PutStep", "Plan"} {
		b.fails(b.writes("nobody")[name](b.Context(), "w1"), state.ErrNotFound)
	}
}
