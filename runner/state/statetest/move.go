package statetest

import (
	"errors"
	"fmt"
	"time"

	"waybill/runner/state"
	"waybill/sinks"
)

var moveTests = map[string]func(*bed){
	"Move/everything":                moveAll,
	"Move/nothing there":             moveNothing,
	"Move/not from under a run":      moveRunning,
	"Move/onto one that has history": moveOnto,
}

func moveID(pipeline, sink string, slot time.Time) string {
	return fmt.Sprintf("%s/%s/%d", pipeline, sink, slot.Unix())
}

func (b *bed) moves(from, to string, want bool) {
	b.Helper()
	got, err := b.Move(b.Context(), from, to, moveID)
	b.must(err)
	b.same(got, want)
}

func moveAll(b *bed) {
	mark := state.Watermark{Pipeline: "old", Schedule: "s", At: slot(5)}
	b.must(b.SetWatermark(b.Context(), mark))
	fired := b.draft("old", 6)
	after := state.Watermark{Pipeline: "old", Schedule: "s", At: slot(6)}
	_, err := b.Fire(b.Context(), mark, after, []state.Run{fired})
	b.must(err)
	r := b.running("old", 1, "w1")
	b.plan(r, `[]`)
	b.intend(sinks.Intent{Key: "a", Size: 1})
	b.must(b.SetEvaluated(b.Context(), "w1", r.ID, "condition.new", "digest"))
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Succeeded, "", nil, start))

	b.moves("old", "new", true)

	b.same(b.stored(fired.ID).Pipeline, "new")
	b.same(b.stored(r.ID).Pipeline, "new")
	got, err := b.Watermark(b.Context(), "new")
	b.must(err)
	b.same(got, state.Watermark{Pipeline: "new", Schedule: "s", At: slot(6)})
	_, err = b.Watermark(b.Context(), "old")
	b.fails(err, state.ErrNotFound)
	last, err := b.LastSlot(b.Context(), "new")
	b.must(err)
	b.same(last, slot(1))
	base, err := b.Baseline(b.Context(), "new", "condition.new")
	b.must(err)
	b.same(base.Evaluated, "digest")
	id := moveID("new", "sink.acme", slot(1))
	d, err := b.Delivery(b.Context(), id)
	b.must(err)
	b.same(d.Pipeline, "new")
	intents, err := b.Intents(b.Context(), id)
	b.must(err)
	b.same(len(intents), 1)
	_, err = b.Delivery(b.Context(), "d")
	b.fails(err, state.ErrNotFound)
	// The slot has fired, under whatever name.
	again := b.draft("new", 6)
	next := state.Watermark{Pipeline: "new", Schedule: "s", At: slot(7)}
	runs, err := b.Fire(b.Context(), got, next, []state.Run{again})
	b.must(err)
	b.same(len(runs), 0)
	b.moves("old", "new", false)
}

func moveNothing(b *bed) {
	b.finished("other", 1, state.Succeeded)
	b.moves("old", "other", false)
	b.moves("old", "new", false)
}

func moveRunning(b *bed) {
	b.queued("old", 2)
	r := b.running("old", 1, "w1")
	if _, err := b.Move(b.Context(), "old", "new", moveID); !errors.Is(err, state.ErrConflict) {
		b.Fatalf("moved from under a run: %v", err)
	}
	b.same(b.stored(r.ID).Pipeline, "old")
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "", nil, start))
	b.moves("old", "new", true)
	pending, err := b.Pending(b.Context(), "new")
	b.must(err)
	b.same(len(pending), 1)
}

func moveOnto(b *bed) {
	for pipeline, n := range map[string]int{"old": 9, "new": 4} {
		b.must(b.SetWatermark(b.Context(), state.Watermark{Pipeline: pipeline, Schedule: pipeline, At: slot(n)}))
		b.finished(pipeline, n, state.Succeeded)
	}
	b.moves("old", "new", true)
	got, err := b.Watermark(b.Context(), "new")
	b.must(err)
	b.same(got.Schedule, "new")
	last, err := b.LastSlot(b.Context(), "new")
	b.must(err)
	b.same(last, slot(9))
	b.moves("old", "new", false)
}
