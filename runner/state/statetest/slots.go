package statetest

import (
	"time"

	"waybill/runner/state"
)

var slotTests = map[string]func(*bed){
	"Watermark/set and read":               watermark,
	"Watermark/not found":                  watermarkNotFound,
	"Fire/inserts and moves the watermark": fire,
	"Fire/a slot only once":                fireOnce,
	"Fire/not after pruning either":        firePruned,
	"Fire/manual runs take no slot":        fireManual,
	"Fire/the watermark has moved":         fireConflict,
	"Fire/all or nothing":                  fireAtomic,
	"Fire/refuses mistakes":                fireMistakes,
}

// mark returns a watermark at the n-th slot.
func mark(pipeline string, n int) state.Watermark {
	return state.Watermark{Pipeline: pipeline, Schedule: "hourly", At: slot(n)}
}

// due returns what the scheduler would fire for the slots.
func (b *bed) due(pipeline string, slots ...int) []state.Run {
	var runs []state.Run
	for _, n := range slots {
		r := b.draft(pipeline, n)
		r.Trigger = "schedule"
		runs = append(runs, r)
	}
	return runs
}

// runsOf lists a pipeline's runs, oldest first.
func (b *bed) runsOf(pipeline string) []state.Run {
	b.Helper()
	runs, err := b.Runs(b.Context(), state.Filter{Pipeline: pipeline, Limit: 10_000})
	b.must(err)
	for i, j := 0, len(runs)-1; i < j; i, j = i+1, j-1 {
		runs[i], runs[j] = runs[j], runs[i]
	}
	return runs
}

func (b *bed) marked(pipeline string) state.Watermark {
	b.Helper()
	w, err := b.Watermark(b.Context(), pipeline)
	b.must(err)
	return w
}

func watermark(b *bed) {
	for _, w := range []state.Watermark{mark("orders", 3), mark("orders", 1), mark("other", 5),
		{Pipeline: "orders", Schedule: "daily", At: slot(2)}} {
		b.must(b.SetWatermark(b.Context(), w))
		b.same(b.marked(w.Pipeline), w)
	}
	b.same(b.marked("other"), mark("other", 5))
	b.same(len(b.runsOf("orders")), 0)
}

func watermarkNotFound(b *bed) {
	_, err := b.Watermark(b.Context(), "nobody")
	b.fails(err, state.ErrNotFound)
}

func fire(b *bed) {
	b.must(b.SetWatermark(b.Context(), mark("orders", 0)))
	runs := b.due("orders", 1, 2)
	runs[0].Status, runs[0].Reason, runs[0].FinishedAt = state.Skipped, "missed", start
	fired, err := b.Fire(b.Context(), mark("orders", 0), mark("orders", 2), runs)
	b.must(err)
	b.same(fired, runs)
	b.same(b.runsOf("orders"), runs)
	b.same(b.marked("orders"), mark("orders", 2))
	// A watermark may move without any run, and change its schedule.
	daily := state.Watermark{Pipeline: "orders", Schedule: "daily", At: slot(3)}
	fired, err = b.Fire(b.Context(), mark("orders", 2), daily, nil)
	b.must(err)
	b.same(len(fired), 0)
	b.same(b.marked("orders"), daily)
}

func fireOnce(b *bed) {
	b.must(b.SetWatermark(b.Context(), mark("orders", 0)))
	b.must(b.SetWatermark(b.Context(), mark("other", 0)))
	first := b.due("orders", 1, 2, 2)
	fired, err := b.Fire(b.Context(), mark("orders", 0), mark("orders", 2), first)
	b.must(err)
	b.same(fired, first[:2])
	// The watermark goes back, as a clock may.
	b.must(b.SetWatermark(b.Context(), mark("orders", 0)))
	again := b.due("orders", 1, 2, 3)
	fired, err = b.Fire(b.Context(), mark("orders", 0), mark("orders", 3), again)
	b.must(err)
	b.same(fired, again[2:])
	b.same(b.runsOf("orders"), []state.Run{first[0], first[1], again[2]})
	// Another pipeline has slots of its own.
	other := b.due("other", 1)
	fired, err = b.Fire(b.Context(), mark("other", 0), mark("other", 1), other)
	b.must(err)
	b.same(fired, other)
}

func firePruned(b *bed) {
	b.must(b.SetWatermark(b.Context(), mark("orders", 0)))
	runs := b.due("orders", 1)
	runs[0].Status = state.Skipped
	_, err := b.Fire(b.Context(), mark("orders", 0), mark("orders", 1), runs)
	b.must(err)
	pruned, err := b.Prune(b.Context(), start.Add(time.Hour))
	b.must(err)
	b.same(pruned, ids(runs))
	b.must(b.SetWatermark(b.Context(), mark("orders", 0)))
	fired, err := b.Fire(b.Context(), mark("orders", 0), mark("orders", 1), b.due("orders", 1))
	b.must(err)
	b.same(len(fired), 0)
}

func fireManual(b *bed) {
	b.queued("orders", 1)
	b.must(b.SetWatermark(b.Context(), mark("orders", 0)))
	runs := b.due("orders", 1)
	fired, err := b.Fire(b.Context(), mark("orders", 0), mark("orders", 1), runs)
	b.must(err)
	b.same(fired, runs)
	b.queued("orders", 1)
}

func fireConflict(b *bed) {
	_, err := b.Fire(b.Context(), mark("orders", 0), mark("orders", 1), b.due("orders", 1))
	b.fails(err, state.ErrConflict)
	_, err = b.Fire(b.Context(), state.Watermark{Pipeline: "orders"}, mark("orders", 1), b.due("orders", 1))
	b.fails(err, state.ErrConflict)
	b.must(b.SetWatermark(b.Context(), mark("orders", 1)))
	for _, prev := range []state.Watermark{mark("orders", 0), mark("orders", 2), {Pipeline: "orders", Schedule: "daily", At: slot(1)}} {
		_, err := b.Fire(b.Context(), prev, mark("orders", 3), b.due("orders", 2, 3))
		b.fails(err, state.ErrConflict)
	}
	b.same(len(b.runsOf("orders")), 0)
	b.same(b.marked("orders"), mark("orders", 1))
}

func fireAtomic(b *bed) {
	b.must(b.SetWatermark(b.Context(), mark("orders", 0)))
	taken := b.queued("orders", 9)
	runs := b.due("orders", 1, 2)
	runs[1].ID = taken.ID
	_, err := b.Fire(b.Context(), mark("orders", 0), mark("orders", 2), runs)
	b.fails(err, state.ErrConflict)
	b.same(b.runsOf("orders"), []state.Run{taken})
	b.same(b.marked("orders"), mark("orders", 0))
	// The slots are still free.
	runs = b.due("orders", 1, 2)
	fired, err := b.Fire(b.Context(), mark("orders", 0), mark("orders", 2), runs)
	b.must(err)
	b.same(fired, runs)
}

func fireMistakes(b *bed) {
	b.must(b.SetWatermark(b.Context(), mark("orders", 0)))
	running := b.due("orders", 1)
	running[0].Status = state.Running
	for what, try := range map[string]struct {
		prev state.Watermark
		runs []state.Run
	}{
		"another pipeline's watermark": {mark("other", 0), nil},
		"another pipeline's run":       {mark("orders", 0), b.due("other", 1)},
		"a run that is running":        {mark("orders", 0), running},
	} {
		if _, err := b.Fire(b.Context(), try.prev, mark("orders", 1), try.runs); err == nil {
			b.Errorf("%s was fired", what)
		}
	}
	b.same(b.marked("orders"), mark("orders", 0))
}
