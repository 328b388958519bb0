package statetest

import (
	"encoding/json"
	"time"

	"waybill/runner/state"
	"waybill/sinks"
)

var ledgerTests = map[string]func(*bed){
	"Plan/inserts":                           planInserts,
	"Plan/by its own run again":              planAgain,
	"Plan/by another run starts over":        planStartsOver,
	"Plan/by its own run once done":          planKeepsDone,
	"Plan/by another run once done":          planDoneAnew,
	"Plan/not from under a running run":      planRunning,
	"Delivery/not found":                     deliveryNotFound,
	"Deliveries/of a run, in order":          deliveriesOrder,
	"History/by pipeline and slot, in order": historyOrder,
	"Intend/repeated is no error":            intendAgain,
	"Intend/again after settling":            intendSettled,
	"Settle/every open intent of the key":    settleKey,
	"Settle/not what was aborted":            settleAborted,
	"Settle and Aborted/repeated":            settleAgain,
	"Settle and Aborted/not found":           settleNotFound,
	"Removed/leaves open uploads":            removed,
	"Standing/outlives its run":              standingOutlives,
	"Standing/moves with the delivery":       standingMoves,
	"Deliver/with the step":                  deliver,
	"Deliver/repeated with the same receipt": deliverAgain,
	"Deliver/for another run":                deliverOtherRun,
	"Ledger/outlives its run":                ledgerPruned,
}

// plan plans the delivery "d" of a run that w1 owns.
func (b *bed) plan(r state.Run, plan string) state.Delivery {
	b.Helper()
	d, err := b.Plan(b.Context(), "w1", delivery(r, plan))
	b.must(err)
	return d
}

func delivery(r state.Run, plan string) state.Delivery {
	return state.Delivery{ID: "d", Pipeline: r.Pipeline, Sink: "sink.acme", Slot: r.Slot, Run: r.ID,
		Plan: json.RawMessage(plan), PlannedAt: start}
}

func (b *bed) intents() []sinks.Intent {
	b.Helper()
	intents, err := b.Intents(b.Context(), "d")
	b.must(err)
	return intents
}

// intend, settle and abort are w1's, of delivery d.
func (b *bed) intend(in sinks.Intent) {
	b.Helper()
	b.must(b.Intend(b.Context(), "w1", "d", in))
}

func (b *bed) settle(obj sinks.Object) {
	b.Helper()
	b.must(b.Settle(b.Context(), "w1", "d", obj))
}

func (b *bed) abort(key, upload string) {
	b.Helper()
	b.must(b.Aborted(b.Context(), "w1", "d", key, upload))
}

func planInserts(b *bed) {
	r := b.running("orders", 1, "w1")
	want := delivery(r, `[{"key": "a.csv"}]`)
	dirty := want
	dirty.Done, dirty.DoneAt, dirty.Receipt = true, start, json.RawMessage(`{}`)
	got, err := b.Plan(b.Context(), "w1", dirty)
	b.must(err)
	b.same(got, want)
	stored, err := b.Delivery(b.Context(), "d")
	b.must(err)
	b.same(stored, want)
}

func planAgain(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	b.intend(sinks.Intent{Key: "a", SHA256: "x"})
	b.settle(sinks.Object{Key: "a", SHA256: "x"})
	b.intend(sinks.Intent{Key: "b", UploadID: "u1"})
	again := delivery(r, `2`)
	again.PlannedAt = start.Add(time.Second)
	got, err := b.Plan(b.Context(), "w1", again)
	b.must(err)
	b.same(got, again)
	b.same(len(b.intents()), 2)
}

func planStartsOver(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	b.intend(sinks.Intent{Key: "a", SHA256: "x"})
	b.settle(sinks.Object{Key: "a", SHA256: "x"})
	b.intend(sinks.Intent{Key: "b", UploadID: "u1"})
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "", nil, start))
	next := b.running("orders", 1, "w1")
	b.same(b.plan(next, `2`), delivery(next, `2`))
	// The upload that may be open is still known; what was sent is sent again.
	b.same(b.intents(), []sinks.Intent{{Key: "b", UploadID: "u1"}})
}

func planKeepsDone(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	b.must(b.Deliver(b.Context(), "w1", "d", json.RawMessage(`{"ok":1}`), state.Step{Run: r.ID, Address: "sink.acme"}, start))
	want := delivery(r, `1`)
	want.Done, want.DoneAt, want.Receipt = true, start, json.RawMessage(`{"ok":1}`)
	b.same(b.plan(r, `2`), want)
}

func planDoneAnew(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	b.must(b.Deliver(b.Context(), "w1", "d", json.RawMessage(`{"ok":1}`), state.Step{Run: r.ID, Address: "sink.acme"}, start))
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Succeeded, "", nil, start))
	next := b.running("orders", 1, "w1")
	want := delivery(next, `2`)
	want.Receipt = json.RawMessage(`{"ok":1}`) // what stands there until the next is done
	b.same(b.plan(next, `2`), want)
	b.must(b.Deliver(b.Context(), "w1", "d", json.RawMessage(`{"ok":2}`), state.Step{Run: next.ID, Address: "sink.acme"}, start))
}

func planRunning(b *bed) {
	r, second := b.running("orders", 1, "w1"), b.running("orders", 1, "w1")
	b.plan(r, `1`)
	_, err := b.Plan(b.Context(), "w1", delivery(second, `2`))
	b.fails(err, state.ErrConflict)
	got, err := b.Delivery(b.Context(), "d")
	b.must(err)
	b.same(got, delivery(r, `1`))
}

func deliveryNotFound(b *bed) {
	_, err := b.Delivery(b.Context(), "nobody")
	b.fails(err, state.ErrNotFound)
}

func deliveriesOrder(b *bed) {
	r, other := b.running("orders", 1, "w1"), b.running("orders", 2, "w1")
	var want []state.Delivery
	for _, id := range []string{"c", "a", "b"} {
		d := delivery(r, `1`)
		d.ID, d.Sink = id, "sink."+id
		_, err := b.Plan(b.Context(), "w1", d)
		b.must(err)
		want = append(want, d)
	}
	got, err := b.Deliveries(b.Context(), r.ID)
	b.must(err)
	b.same(got, []state.Delivery{want[1], want[2], want[0]})
	got, err = b.Deliveries(b.Context(), other.ID)
	b.must(err)
	b.same(len(got), 0)
}

func intendAgain(b *bed) {
	b.plan(b.running("orders", 1, "w1"), `1`)
	first, second := sinks.Intent{Key: "b", SHA256: "x", Size: 3, UploadID: "u1", Options: "o1"}, sinks.Intent{Key: "a", SHA256: "y", Size: 4}
	b.intend(first)
	b.intend(second)
	b.intend(first)
	b.same(b.intents(), []sinks.Intent{first, second})
}

func intendSettled(b *bed) {
	b.plan(b.running("orders", 1, "w1"), `1`)
	b.intend(sinks.Intent{Key: "a", SHA256: "x", Size: 3})
	b.settle(sinks.Object{Key: "a", SHA256: "x"})
	next := sinks.Intent{Key: "a", SHA256: "y", Size: 4, Options: "o2"}
	b.intend(sinks.Intent{Key: "a", SHA256: "y", Size: 4, Options: "o2", Settled: true, Object: sinks.Object{Key: "a"}})
	b.same(b.intents(), []sinks.Intent{next})
}

func settleKey(b *bed) {
	b.plan(b.running("orders", 1, "w1"), `1`)
	for _, in := range []sinks.Intent{{Key: "a"}, {Key: "a", UploadID: "u1"}, {Key: "b"}} {
		b.intend(in)
	}
	obj := sinks.Object{Key: "a", URL: "s3://x/a", Size: 3, Rows: 2, SHA256: "x", Checksum: "c", ETag: "e", Version: "v"}
	b.settle(obj)
	b.same(b.intents(), []sinks.Intent{
		{Key: "a", Settled: true, Object: obj}, {Key: "a", UploadID: "u1", Settled: true, Object: obj}, {Key: "b"}})
}

func settleAborted(b *bed) {
	b.plan(b.running("orders", 1, "w1"), `1`)
	b.intend(sinks.Intent{Key: "a", UploadID: "u1"})
	b.abort("a", "u1")
	b.same(b.intents(), []sinks.Intent{{Key: "a", UploadID: "u1", Settled: true}})
	b.intend(sinks.Intent{Key: "a", UploadID: "u2"})
	obj := sinks.Object{Key: "a"}
	b.settle(obj)
	b.same(b.intents(), []sinks.Intent{
		{Key: "a", UploadID: "u1", Settled: true}, {Key: "a", UploadID: "u2", Settled: true, Object: obj}})
}

func settleAgain(b *bed) {
	b.plan(b.running("orders", 1, "w1"), `1`)
	b.intend(sinks.Intent{Key: "a", UploadID: "u1"})
	b.intend(sinks.Intent{Key: "b", UploadID: "u2"})
	obj := sinks.Object{Key: "a", ETag: "e"}
	for range 2 {
		b.settle(obj)
		b.abort("b", "u2")
	}
	// To abort what has been completed changes nothing.
	b.abort("a", "u1")
	b.same(b.intents(), []sinks.Intent{
		{Key: "a", UploadID: "u1", Settled: true, Object: obj}, {Key: "b", UploadID: "u2", Settled: true}})
}

func settleNotFound(b *bed) {
	b.fails(b.Intend(b.Context(), "w1", "d", sinks.Intent{Key: "a"}), state.ErrNotFound)
	b.fails(b.Settle(b.Context(), "w1", "d", sinks.Object{Key: "a"}), state.ErrNotFound)
	b.fails(b.Aborted(b.Context(), "w1", "d", "a", "u1"), state.ErrNotFound)
	b.fails(b.Deliver(b.Context(), "w1", "d", nil, state.Step{}, start), state.ErrNotFound)
	b.same(len(b.intents()), 0)
	b.plan(b.running("orders", 1, "w1"), `1`)
	b.intend(sinks.Intent{Key: "a", UploadID: "u1"})
	b.fails(b.Settle(b.Context(), "w1", "d", sinks.Object{Key: "b"}), state.ErrNotFound)
	b.fails(b.Aborted(b.Context(), "w1", "d", "a", "u2"), state.ErrNotFound)
	b.fails(b.Aborted(b.Context(), "w1", "d", "b", "u1"), state.ErrNotFound)
	b.same(b.intents(), []sinks.Intent{{Key: "a", UploadID: "u1"}})
}

func deliver(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	step := state.Step{Run: r.ID, Address: "sink.acme", Status: state.Running, Attempt: 2, StartedAt: start}
	b.must(b.PutStep(b.Context(), "w1", step))
	step.Result, step.FinishedAt = json.RawMessage(`{"objects":[]}`), start.Add(time.Second)
	b.must(b.Deliver(b.Context(), "w1", "d", json.RawMessage(`{"identity":"x"}`), step, start.Add(time.Second)))
	want := delivery(r, `1`)
	want.Done, want.DoneAt, want.Receipt = true, start.Add(time.Second), json.RawMessage(`{"identity":"x"}`)
	got, err := b.Delivery(b.Context(), "d")
	b.must(err)
	b.same(got, want)
	step.Status = state.Succeeded
	steps, err := b.Steps(b.Context(), r.ID)
	b.must(err)
	b.same(steps, []state.Step{step})
}

func deliverAgain(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	b.intend(sinks.Intent{Key: "a"})
	step := state.Step{Run: r.ID, Address: "sink.acme"}
	b.must(b.Deliver(b.Context(), "w1", "d", json.RawMessage(`1`), step, start))
	b.must(b.Deliver(b.Context(), "w1", "d", json.RawMessage(`1`), step, start.Add(time.Hour)))
	b.fails(b.Deliver(b.Context(), "w1", "d", json.RawMessage(`2`), step, start), state.ErrConflict)
	got, err := b.Delivery(b.Context(), "d")
	b.must(err)
	b.same(got.DoneAt, start)
	b.same(string(got.Receipt), `1`)
	// Nothing is written for what is done.
	b.fails(b.Intend(b.Context(), "w1", "d", sinks.Intent{Key: "b"}), state.ErrConflict)
	b.fails(b.Settle(b.Context(), "w1", "d", sinks.Object{Key: "a"}), state.ErrConflict)
	b.fails(b.Aborted(b.Context(), "w1", "d", "a", ""), state.ErrConflict)
	b.same(b.intents(), []sinks.Intent{{Key: "a"}})
}

func deliverOtherRun(b *bed) {
	r, other := b.running("orders", 1, "w1"), b.running("orders", 2, "w1")
	b.plan(r, `1`)
	step := state.Step{Run: other.ID, Address: "sink.acme"}
	b.fails(b.Deliver(b.Context(), "w1", "d", json.RawMessage(`1`), step, start), state.ErrConflict)
	got, err := b.Delivery(b.Context(), "d")
	b.must(err)
	b.same(got.Done, false)
}

func ledgerPruned(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	b.intend(sinks.Intent{Key: "a"})
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "", nil, start))
	_, err := b.Prune(b.Context(), start.Add(time.Hour))
	b.must(err)
	b.same(b.intents(), []sinks.Intent{{Key: "a"}})
	// Nobody owns it until the next run plans it.
	b.fails(b.Settle(b.Context(), "w1", "d", sinks.Object{Key: "a"}), state.ErrConflict)
	next := b.running("orders", 1, "w1")
	b.same(b.plan(next, `2`), delivery(next, `2`))
	b.settle(sinks.Object{Key: "a"})
}

func (b *bed) standing() []sinks.Object {
	b.Helper()
	list, err := b.Standing(b.Context(), "d")
	b.must(err)
	return list
}

// What stands outlives the run that put it there: the next one may have to
// remove it.
func standingOutlives(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	first, second := sinks.Object{Key: "b", SHA256: "x", Role: sinks.Success}, sinks.Object{Key: "a", SHA256: "y", Size: 3}
	for _, obj := range []sinks.Object{first, second} {
		b.intend(sinks.Intent{Key: obj.Key, SHA256: obj.SHA256, Role: obj.Role})
		b.settle(obj)
	}
	b.intend(sinks.Intent{Key: "c", Role: sinks.Manifest}) // nobody saw its end
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "", nil, start))
	b.plan(b.running("orders", 1, "w1"), `2`)
	b.same(b.standing(), []sinks.Object{second, first})
	b.same(b.intents(), []sinks.Intent{{Key: "c", Role: sinks.Manifest}})
	again := second
	again.SHA256 = "z"
	b.intend(sinks.Intent{Key: "a", SHA256: "z"})
	b.same(b.standing(), []sinks.Object{second, first}) // until it is settled
	b.settle(again)
	b.same(b.standing(), []sinks.Object{again, first})
}

func removed(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	for _, key := range []string{"a", "b"} {
		b.intend(sinks.Intent{Key: key})
		b.intend(sinks.Intent{Key: key, UploadID: "u-" + key})
	}
	b.settle(sinks.Object{Key: "a", Size: 1})
	open := sinks.Intent{Key: "b", UploadID: "u-b"}
	for range 2 {
		for _, key := range []string{"a", "b", "never"} {
			b.must(b.Removed(b.Context(), "w1", "d", key))
		}
		b.same(b.standing(), []sinks.Object(nil))
		b.same(b.intents(), []sinks.Intent{open}) // to be aborted
	}
}

func standingMoves(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	b.intend(sinks.Intent{Key: "a"})
	b.settle(sinks.Object{Key: "a", Size: 1})
	b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "", nil, start))
	moved, err := b.Move(b.Context(), "orders", "sales", func(pipeline, sink string, slot time.Time) string { return "of " + pipeline })
	b.must(err)
	b.same(moved, true)
	list, err := b.Standing(b.Context(), "of sales")
	b.must(err)
	b.same(list, []sinks.Object{{Key: "a", Size: 1}})
}

func historyOrder(b *bed) {
	var all []state.Delivery
	for i, of := range []struct {
		pipeline, sink string
		slot           int
	}{{"orders", "sink.a", 2}, {"orders", "sink.b", 2}, {"stock", "sink.a", 2}, {"orders", "sink.a", 1}} {
		r := b.running(of.pipeline, of.slot, "w1")
		d := delivery(r, `1`)
		d.ID, d.Sink = string(rune('z'-i)), of.sink
		got, err := b.Plan(b.Context(), "w1", d)
		b.must(err)
		all = append(all, got)
		b.must(b.Finish(b.Context(), r.ID, "w1", state.Failed, "", nil, start))
	}
	history := func(f state.DeliveryFilter) []state.Delivery {
		got, err := b.History(b.Context(), f)
		b.must(err)
		return got
	}
	b.same(history(state.DeliveryFilter{}), all)
	b.same(history(state.DeliveryFilter{Pipeline: "orders"}), []state.Delivery{all[0], all[1], all[3]})
	b.same(history(state.DeliveryFilter{Pipeline: "orders", Slot: all[3].Slot}), all[3:])
	b.same(len(history(state.DeliveryFilter{Pipeline: "nothing"})), 0)
}
