package statetest

import (
	"time"

	"waybill/runner/state"
)

var listTests = map[string]func(*bed){
	"Runs/filters, newest first":      runsFilter,
	"Runs/limit":                      runsLimit,
	"Claimable/what may be claimed":   claimable,
	"Claimable/oldest slot first":     claimableOrder,
	"Pending/of one pipeline":         pending,
	"LastSlot/newest that succeeded":  lastSlot,
	"LastSlot/only success counts":    lastSlotOthers,
	"Lists/cancelled context is told": cancelledContext,
}

func runsFilter(b *bed) {
	queued := b.queued("orders", 9)
	failed := b.finished("orders", 2, state.Failed)
	done := b.finished("orders", 1, state.Succeeded)
	other := b.finished("other", 1, state.Failed)
	for _, c := range []struct {
		filter state.Filter
		want   []state.Run
	}{
		{state.Filter{}, []state.Run{other, done, failed, queued}},
		{state.Filter{Pipeline: "orders"}, []state.Run{done, failed, queued}},
		{state.Filter{Pipeline: "order"}, nil},
		{state.Filter{Statuses: []state.Status{state.Failed}}, []state.Run{other, failed}},
		{state.Filter{Statuses: []state.Status{state.Failed, state.Queued}, Pipeline: "orders"}, []state.Run{failed, queued}},
		{state.Filter{Limit: 2}, []state.Run{other, done}},
		{state.Filter{Slot: slot(1)}, []state.Run{other, done}},
		{state.Filter{Slot: slot(1), Pipeline: "orders"}, []state.Run{done}},
		{state.Filter{FinishedSince: start}, []state.Run{other, done, failed}},
		{state.Filter{FinishedSince: start, Pipeline: "other"}, []state.Run{other}},
		{state.Filter{FinishedSince: start.Add(time.Microsecond)}, nil},
	} {
		got, err := b.Runs(b.Context(), c.filter)
		b.must(err)
		b.same(got, c.want)
	}
}

func runsLimit(b *bed) {
	for n := range 101 {
		b.queued("orders", n)
	}
	got, err := b.Runs(b.Context(), state.Filter{})
	b.must(err)
	b.same(len(got), 100)
	got, err = b.Runs(b.Context(), state.Filter{Limit: 1000})
	b.must(err)
	b.same(len(got), 101)
}

func claimable(b *bed) {
	queued := b.queued("orders", 1)
	b.finished("orders", 2, state.Failed)
	running := b.running("orders", 3, "w1")
	for now, want := range map[time.Duration][]state.Run{
		0:                      {queued},
		ttl - time.Microsecond: {queued},
		ttl:                    {queued, running},
	} {
		got, err := b.Claimable(b.Context(), start.Add(now), 0)
		b.must(err)
		b.same(got, want)
	}
}

func claimableOrder(b *bed) {
	c, a1, a2, bb := b.queued("a", 3), b.queued("z", 1), b.queued("a", 1), b.queued("a", 2)
	for limit, want := range map[int][]state.Run{0: {a1, a2, bb, c}, 2: {a1, a2}, 9: {a1, a2, bb, c}} {
		got, err := b.Claimable(b.Context(), start, limit)
		b.must(err)
		b.same(got, want)
	}
}

func pending(b *bed) {
	late, running, early := b.queued("orders", 5), b.running("orders", 3, "w1"), b.queued("orders", 1)
	b.finished("orders", 2, state.Failed)
	b.queued("other", 1)
	got, err := b.Pending(b.Context(), "orders")
	b.must(err)
	b.same(got, []state.Run{early, running, late})
	got, err = b.Pending(b.Context(), "nobody")
	b.must(err)
	b.same(len(got), 0)
}

func lastSlot(b *bed) {
	for _, n := range []int{2, 7, 4} {
		b.finished("orders", n, state.Succeeded)
	}
	b.finished("other", 9, state.Succeeded)
	got, err := b.LastSlot(b.Context(), "orders")
	b.must(err)
	b.same(got, slot(7))
	// It is remembered when the run isn't.
	_, err = b.Prune(b.Context(), start.Add(time.Hour))
	b.must(err)
	got, err = b.LastSlot(b.Context(), "orders")
	b.must(err)
	b.same(got, slot(7))
}

func lastSlotOthers(b *bed) {
	for i, status := range []state.Status{state.Failed, state.Cancelled, state.Skipped, state.ConditionOff} {
		b.finished("orders", i, status)
	}
	b.running("orders", 8, "w1")
	b.finished("other", 9, state.Succeeded)
	_, err := b.LastSlot(b.Context(), "orders")
	b.fails(err, state.ErrNotFound)
}
