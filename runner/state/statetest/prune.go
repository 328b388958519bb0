package statetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"waybill/runner/state"
)

var pruneTests = map[string]func(*bed){
	"Prune/final runs with their steps": pruneRuns,
	"Prune/many at once":                pruneMany,
	"Prune/generations nobody needs":    pruneGenerations,
	"Prune/files that are shared":       pruneShared,
}

func pruneRuns(b *bed) {
	old := []state.Run{b.queued("orders", 1), b.running("orders", 2, "w1")}
	var gone []string
	for i, status := range []state.Status{state.Succeeded, state.Failed, state.Cancelled, state.Skipped, state.ConditionOff} {
		r := b.running("orders", 3+i, "w1")
		b.must(b.PutStep(b.Context(), "w1", state.Step{Run: r.ID, Address: "source.a", Status: state.Succeeded}))
		b.must(b.Finish(b.Context(), r.ID, "w1", status, "", nil, start))
		gone = append(gone, r.ID)
	}
	young := b.draft("orders", 20)
	young.CreatedAt = start.Add(time.Hour)
	b.must(b.CreateRun(b.Context(), young))
	b.must(b.Finish(b.Context(), young.ID, "", state.Cancelled, "", nil, young.CreatedAt))

	pruned, err := b.Prune(b.Context(), young.CreatedAt)
	b.must(err)
	slices.Sort(pruned)
	b.same(pruned, gone)
	for _, id := range gone {
		_, err := b.Store.Run(b.Context(), id)
		b.fails(err, state.ErrNotFound)
		steps, err := b.Steps(b.Context(), id)
		b.must(err)
		b.same(len(steps), 0)
	}
	b.same(ids(b.runsOf("orders")), append(ids(old), young.ID))
	pruned, err = b.Prune(b.Context(), young.CreatedAt)
	b.must(err)
	b.same(len(pruned), 0)
}

func pruneMany(b *bed) {
	b.must(b.SetWatermark(b.Context(), mark("orders", 0)))
	var want []string
	runs := make([]state.Run, 0, 1000)
	for n := range cap(runs) {
		r := b.draft("orders", n+1)
		r.Status = state.Skipped
		runs = append(runs, r)
		want = append(want, r.ID)
	}
	_, err := b.Fire(b.Context(), mark("orders", 0), mark("orders", 1), runs)
	b.must(err)
	pruned, err := b.Prune(b.Context(), start.Add(time.Second))
	b.must(err)
	slices.Sort(pruned)
	b.same(pruned, want)
}

func pruneGenerations(b *bed) {
	files := map[string][]byte{"a": []byte("a")}
	for _, digest := range []string{"gen-1", "unused", "good", "resaved"} {
		b.must(b.SaveGeneration(b.Context(), digest, files, start))
	}
	now := start.Add(time.Hour)
	b.must(b.SaveGeneration(b.Context(), "new", files, now))
	b.must(b.SaveGeneration(b.Context(), "resaved", files, now))
	b.must(b.SetLastGood(b.Context(), "good"))
	b.running("orders", 1, "w1") // needs gen-1
	_, err := b.Prune(b.Context(), now)
	b.must(err)
	for digest, there := range map[string]bool{"gen-1": true, "good": true, "new": true, "resaved": true, "unused": false} {
		got, err := b.Generation(b.Context(), digest)
		if !there {
			b.fails(err, state.ErrNotFound)
			continue
		}
		b.must(err)
		b.same(got, files)
	}
}

func pruneShared(b *bed) {
	for i := range 3 {
		b.must(b.SaveGeneration(b.Context(), fmt.Sprint("g", i),
			map[string][]byte{"shared": []byte("shared"), "own": fmt.Append(nil, i)}, start))
	}
	b.must(b.SetLastGood(b.Context(), "g1"))
	_, err := b.Prune(b.Context(), start.Add(time.Hour))
	b.must(err)
	got, err := b.Generation(b.Context(), "g1")
	b.must(err)
	b.same(got, map[string][]byte{"shared": []byte("shared"), "own": []byte("1")})
	// What was pruned can be saved again.
	b.must(b.SaveGeneration(b.Context(), "g0", map[string][]byte{"own": []byte("0")}, start))
	got, err = b.Generation(b.Context(), "g0")
	b.must(err)
	b.same(got, map[string][]byte{"own": []byte("0")})
}

func lockDaemonCancelled(b *bed) {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	if _, err := b.LockDaemon(ctx); !errors.Is(err, context.Canceled) {
		b.Errorf("got error %v, want %v", err, context.Canceled)
	}
	release, err := b.LockDaemon(b.Context())
	b.must(err)
	b.must(release())
}

func cancelledContext(b *bed) {
	r := b.queued("orders", 1)
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	_, listErr := b.Runs(ctx, state.Filter{})
	for name, err := range map[string]error{
		"Runs":      listErr,
		"CreateRun": b.CreateRun(ctx, b.draft("orders", 2)),
		"Finish":    b.Finish(ctx, r.ID, "", state.Cancelled, "", nil, start),
	} {
		if !errors.Is(err, context.Canceled) {
			b.Errorf("%s: got error %v, want %v", name, err, context.Canceled)
		}
	}
	b.same(b.runsOf("orders"), []state.Run{r})
}
