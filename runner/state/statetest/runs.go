package statetest

import (
	"encoding/json"
	"errors"
	"time"

	"waybill/internal/problem"
	"waybill/runner/state"
)

var runTests = map[string]func(*bed){
	"CreateRun/keeps every field":         createKeeps,
	"CreateRun/refuses an id twice":       createTwice,
	"Run/not found":                       runNotFound,
	"Finish/keeps reason and problem":     finishKeeps,
	"Finish/queued by anybody":            finishQueued,
	"Finish/not twice":                    finishTwice,
	"Finish/only to a final status":       finishNotFinal,
	"Finish/not found":                    finishNotFound,
	"Reopen/queues again":                 reopenQueues,
	"Reopen/only failed or cancelled":     reopenOthers,
	"RequestCancel/marks until reopened":  requestCancel,
	"RequestCancel/not a final run":       requestCancelFinal,
	"CancelQueued/leaves others alone":    cancelQueued,
	"PutStep/inserts and replaces":        putStep,
	"PutStep/survives a reopening":        putStepReopened,
	"Steps/in order, empty without steps": stepsOrder,
}

func createKeeps(b *bed) {
	r := b.queued("orders", 3)
	b.same(b.stored(r.ID), r)
	// Slots are whole seconds, and a zone is not kept.
	odd := b.draft("orders", 4)
	odd.Slot = odd.Slot.Add(300 * time.Millisecond).In(time.FixedZone("X", 3600))
	odd.IntervalStart = time.Time{}
	b.must(b.CreateRun(b.Context(), odd))
	got := b.stored(odd.ID)
	b.same(got.Slot, slot(4))
	b.same(got.Slot.Location().String(), "UTC")
	if !got.IntervalStart.IsZero() {
		b.Errorf("a time that was not set is %v", got.IntervalStart)
	}
}

func createTwice(b *bed) {
	r := b.queued("orders", 1)
	again := r
	again.Pipeline = "other"
	b.fails(b.CreateRun(b.Context(), again), state.ErrConflict)
	b.same(b.stored(r.ID), r)
}

func runNotFound(b *bed) {
	_, err := b.Store.Run(b.Context(), "nobody")
	b.fails(err, state.ErrNotFound)
}

func finishKeeps(b *bed) {
	r := b.running("orders", 1, "w1")
	p := &problem.Problem{Code: "bucket-not-found", Summary: "Bucket x is not there.", Cause: "why",
		Remedy: []string{"one", "two"}, Snippet: "{}", Class: problem.Permanent, Where: "a.hcl:3", Err: errors.New("404")}
	end := start.Add(time.Second)
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "because", p, end))
	r.Status, r.Reason, r.Problem, r.FinishedAt = state.Failed, "because", p, end
	r.Owner, r.LeaseUntil = "", time.Time{}
	got := b.stored(r.ID)
	b.same(got, r)
	b.same(got.Problem.Error(), p.Error())
}

func finishQueued(b *bed) {
	r := b.queued("orders", 1)
	b.fails(b.Finish(b.Context(), r.ID, "w1", state.Cancelled, "", nil, start), state.ErrConflict)
	b.must(b.Finish(b.Context(), r.ID, "", state.Cancelled, "definition_removed", nil, start))
	b.same(b.stored(r.ID).Reason, "definition_removed")
	// A running run isn't anybody's.
	r = b.running("orders", 2, "w1")
	b.fails(b.Finish(b.Context(), r.ID, "", state.Cancelled, "", nil, start), state.ErrConflict)
	b.same(b.stored(r.ID), r)
}

func finishTwice(b *bed) {
	r := b.finished("orders", 1, state.Succeeded)
	for _, owner := range []string{"w1", ""} {
		b.fails(b.Finish(b.Context(), r.ID, owner, state.Failed, "", nil, start), state.ErrConflict)
	}
	b.same(b.stored(r.ID), r)
}

func finishNotFinal(b *bed) {
	r := b.running("orders", 1, "w1")
	for _, status := range []state.Status{state.Queued, state.Running, state.Retrying} {
		if b.Finish(b.Context(), r.ID, "w1", status, "", nil, start) == nil {
			b.Errorf("a run finished as %s", status)
		}
	}
	b.same(b.stored(r.ID), r)
}

func finishNotFound(b *bed) {
	b.fails(b.Finish(b.Context(), "nobody", "w1", state.Failed, "", nil, start), state.ErrNotFound)
}

func reopenQueues(b *bed) {
	for i, status := range []state.Status{state.Failed, state.Cancelled} {
		r := b.running("orders", i, "w1")
		b.must(b.Finish(b.Context(), r.ID, "w1", status, "x", &problem.Problem{Code: "x", Summary: "x"}, start))
		b.must(b.Reopen(b.Context(), r.ID))
		r.Status, r.Owner, r.LeaseUntil, r.StartedAt = state.Queued, "", time.Time{}, time.Time{}
		b.same(b.stored(r.ID), r)
		// The generation stays pinned, and claims are counted on.
		r, err := b.Claim(b.Context(), r.ID, "w2", "gen-2", start, ttl)
		b.must(err)
		b.same(r.Generation, "gen-1")
		b.same(r.Claims, 2)
	}
}

func reopenOthers(b *bed) {
	others := []state.Run{b.queued("orders", 1), b.running("orders", 2, "w1")}
	for i, status := range []state.Status{state.Succeeded, state.Skipped, state.ConditionOff} {
		others = append(others, b.finished("orders", 3+i, status))
	}
	for _, r := range others {
		b.fails(b.Reopen(b.Context(), r.ID), state.ErrConflict)
		b.same(b.stored(r.ID), r)
	}
	b.fails(b.Reopen(b.Context(), "nobody"), state.ErrNotFound)
}

func requestCancel(b *bed) {
	queued, running := b.queued("orders", 1), b.running("orders", 2, "w1")
	for _, r := range []state.Run{queued, running} {
		b.asked(r.ID, false)
		b.must(b.RequestCancel(b.Context(), r.ID))
		b.must(b.RequestCancel(b.Context(), r.ID))
		b.asked(r.ID, true)
		r.CancelRequested = true
		b.same(b.stored(r.ID), r)
	}
	// Who claims it is told.
	r, err := b.Claim(b.Context(), queued.ID, "w1", "gen-1", start, ttl)
	b.must(err)
	b.same(r.CancelRequested, true)
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Cancelled, "", nil, start))
	b.must(b.Reopen(b.Context(), r.ID))
	b.same(b.stored(r.ID).CancelRequested, false)
	b.asked(r.ID, false)
}

func (b *bed) asked(id string, want bool) {
	b.Helper()
	got, err := b.CancelRequested(b.Context(), id)
	b.must(err)
	b.same(got, want)
}

func requestCancelFinal(b *bed) {
	b.fails(b.RequestCancel(b.Context(), b.finished("orders", 1, state.Failed).ID), state.ErrConflict)
	b.fails(b.RequestCancel(b.Context(), "nobody"), state.ErrNotFound)
	_, err := b.CancelRequested(b.Context(), "nobody")
	b.fails(err, state.ErrNotFound)
}

func cancelQueued(b *bed) {
	first, second := b.queued("orders", 1), b.queued("orders", 2)
	untouched := []state.Run{b.running("orders", 3, "w1"), b.finished("orders", 4, state.Failed), b.queued("other", 1)}
	end := start.Add(time.Hour)
	n, err := b.CancelQueued(b.Context(), "orders", "definition_removed", end)
	b.must(err)
	b.same(n, 2)
	for _, r := range []state.Run{first, second} {
		r.Status, r.Reason, r.FinishedAt = state.Cancelled, "definition_removed", end
		b.same(b.stored(r.ID), r)
	}
	for _, r := range untouched {
		b.same(b.stored(r.ID), r)
	}
	n, err = b.CancelQueued(b.Context(), "orders", "definition_removed", end)
	b.must(err)
	b.same(n, 0)
}

func putStep(b *bed) {
	r := b.running("orders", 1, "w1")
	p := state.Step{Run: r.ID, Address: "source.orders", Status: state.Retrying, Attempt: 2,
		Token: []byte{0, 1, 0xff}, Problem: &problem.Problem{Code: "s3-slow-down", Summary: "Slow.", Class: problem.Throttled},
		NextTry: start.Add(time.Minute), StartedAt: start}
	b.must(b.PutStep(b.Context(), "w1", p))
	steps, err := b.Steps(b.Context(), r.ID)
	b.must(err)
	b.same(steps, []state.Step{p})
	p = state.Step{Run: r.ID, Address: "source.orders", Status: state.Succeeded, Attempt: 3,
		Result: json.RawMessage(`{"rows": 3, "text": "ä\u0000"}`), StartedAt: start, FinishedAt: start.Add(time.Second)}
	b.must(b.PutStep(b.Context(), "w1", p))
	steps, err = b.Steps(b.Context(), r.ID)
	b.must(err)
	b.same(steps, []state.Step{p})
}

func putStepReopened(b *bed) {
	r := b.running("orders", 1, "w1")
	p := state.Step{Run: r.ID, Address: "source.orders", Status: state.Succeeded, Attempt: 1, StartedAt: start}
	b.must(b.PutStep(b.Context(), "w1", p))
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "", nil, start))
	b.must(b.Reopen(b.Context(), r.ID))
	steps, err := b.Steps(b.Context(), r.ID)
	b.must(err)
	b.same(steps, []state.Step{p})
}

func stepsOrder(b *bed) {
	r, other := b.running("orders", 1, "w1"), b.running("orders", 2, "w1")
	for _, address := range []string{"transform.b", "sink.z", "source.a", "sink.a"} {
		b.must(b.PutStep(b.Context(), "w1", state.Step{Run: r.ID, Address: address, Status: state.Queued, Attempt: 1}))
	}
	steps, err := b.Steps(b.Context(), r.ID)
	b.must(err)
	var got []string
	for _, p := range steps {
		got = append(got, p.Address)
	}
	b.same(got, []string{"sink.a", "sink.z", "source.a", "transform.b"})
	for _, id := range []string{other.ID, "nobody"} {
		steps, err = b.Steps(b.Context(), id)
		b.must(err)
		b.same(len(steps), 0)
	}
}
