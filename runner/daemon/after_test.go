package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"waybill/runner/state"
)

// end stores a run of a pipeline for a slot (hours from 2026-03-01) that has
// ended now.
func (w *world) end(id, pipeline string, slot int, status state.Status) {
	w.t.Helper()
	w.endAt(id, pipeline, slot, status, time.Now().UTC())
}

func (w *world) endAt(id, pipeline string, slot int, status state.Status, now time.Time) {
	w.t.Helper()
	w.queue(id, pipeline, slot)
	if _, err := w.store.Claim(w.t.Context(), id, "x", "g", now, time.Minute); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Finish(w.t.Context(), id, "x", status, "", nil, now); err != nil {
		w.t.Fatal(err)
	}
}

// fired lists what a pipeline's slots became: "2026-03-01T01 queued".
func (w *world) fired(pipeline, trigger string) string {
	var out []string
	for _, r := range w.runs() {
		if r.Pipeline == pipeline && r.Trigger == trigger {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Slot.Format("2006-01-02T15"), r.Status, r.Reason)))
		}
	}
	return strings.Join(out, ", ")
}

func follows(w *world, after string) *Daemon {
	w.write(map[string]string{"orders.csv": orders, "p.hcl": pipeline("a", "out") + pipeline("b", "out") + pipeline("c", "out", "after = ["+after+"]")})
	d := w.loaded()
	d.tick(w.t.Context(), map[string]time.Time{}) // from now on it follows
	return d
}

func TestAfter(t *testing.T) {
	w := newWorld(t, nil)
	w.end("OLD", "a", 0, state.Succeeded)
	d := follows(w, "pipeline.a, pipeline.b")
	tick := func(want string) {
		t.Helper()
		d.tick(t.Context(), map[string]time.Time{})
		if got := w.fired("c", "after"); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	tick("")
	w.end("A1", "a", 1, state.Succeeded)
	tick("") // b has not run for that slot
	w.end("B1", "b", 1, state.Succeeded)
	one := w.slotName(1) + " queued"
	tick(one)
	tick(one) // once
	w.end("B2", "b", 2, state.Failed)
	tick(one) // a may still come
	w.end("A2", "a", 2, state.Succeeded)
	two := one + ", " + w.slotName(2) + " skipped upstream b failed"
	tick(two)
	w.end("A3", "a", 3, state.ConditionOff)
	w.end("B3", "b", 3, state.Failed)
	w.end("B3again", "b", 3, state.Succeeded) // by hand
	tick(two + ", " + w.slotName(3) + " skipped upstream a condition_unmet")
}

// slotName is how fired names the slot that queue makes of a number.
func (w *world) slotName(n int) string {
	for _, r := range w.runs() {
		if len(r.ID) < 26 && strings.HasSuffix(r.ID, fmt.Sprint(n)) { // not one that the daemon made
			return r.Slot.Format("2006-01-02T15")
		}
	}
	w.t.Fatalf("no run has the slot %d", n)
	return ""
}

// A restart forgets nothing, and another daemon fires nothing twice.
func TestAfterIsDecidedFromTheStore(t *testing.T) {
	w := newWorld(t, nil)
	follows(w, "pipeline.a")
	w.end("A1", "a", 1, state.Succeeded)
	for range 2 {
		w.loaded().tick(t.Context(), map[string]time.Time{})
	}
	if got := w.fired("c", "after"); got != w.slotName(1)+" queued" {
		t.Errorf("fired %q", got)
	}
	// After other pipelines than before, nothing fires for the past.
	w.endAt("B2", "b", 2, state.Succeeded, time.Now().UTC().Add(-2*time.Second))
	follows(w, "pipeline.b")
	w.loaded().tick(t.Context(), map[string]time.Time{})
	if got := w.fired("c", "after"); got != w.slotName(1)+" queued" {
		t.Errorf("fired %q", got)
	}
}

func TestAfterIsDisabled(t *testing.T) {
	w := newWorld(t, nil)
	w.write(map[string]string{"orders.csv": orders, "p.hcl": pipeline("a", "out") + pipeline("c", "out", "after = [pipeline.a]", "enabled = false")})
	d := w.loaded()
	for range 2 {
		d.tick(t.Context(), map[string]time.Time{})
		w.end(fmt.Sprint("A", len(w.runs())), "a", len(w.runs()), state.Succeeded)
	}
	if got := w.fired("c", "after"); got != "" {
		t.Errorf("fired %q", got)
	}
}

// With a schedule of its own, a pipeline runs when there is something new.
func TestAfterWithASchedule(t *testing.T) {
	w := newWorld(t, nil)
	w.write(map[string]string{"orders.csv": orders, "p.hcl": pipeline("a", "out") + pipeline("c", "out", "after = [pipeline.a]", scheduleBlock(yearly))})
	d := w.loaded()
	decide := func(since int, want string) {
		t.Helper()
		w.dueSince(d.Generation(), "c", yearsAgo(since))
		l := d.current.Load()
		if _, err := d.decide(t.Context(), l, l.Pipeline("c"), time.Now()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range w.runs() {
			if r.Pipeline == "c" {
				got = append(got, strings.TrimSpace(string(r.Status)+" "+r.Reason))
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	decide(1, "skipped upstream not new") // a has never succeeded
	w.end("A1", "a", 1, state.Succeeded)
	decide(1, "skipped upstream not new") // that slot is decided
}

func TestAfterWithAScheduleTakesWhatIsNew(t *testing.T) {
	w := newWorld(t, nil)
	w.write(map[string]string{"orders.csv": orders, "p.hcl": pipeline("a", "out") + pipeline("c", "out", "after = [pipeline.a]", scheduleBlock(yearly))})
	d := w.loaded()
	fresh := func(want bool) {
		t.Helper()
		got, err := d.allNew(t.Context(), d.Generation().Pipeline("c"))
		if err != nil || got != want {
			t.Errorf("new: %v, %v; want %v", got, err, want)
		}
	}
	fresh(false)
	w.end("A1", "a", 1, state.Failed)
	fresh(false)
	w.end("A2", "a", 2, state.Succeeded)
	fresh(true)
	due := w.dueSince(d.Generation(), "c", yearsAgo(2))
	l := d.current.Load()
	if _, err := d.decide(t.Context(), l, l.Pipeline("c"), time.Now()); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%s skipped upstream not new, %s queued", due[0].Format("2006-01-02T15"), due[1].Format("2006-01-02T15"))
	if got := w.fired("c", "schedule"); got != want {
		t.Errorf("fired %q", got) // the latest slot takes it
	}
	fresh(false) // the queued run will use it
	w.end("C1", "c", 3, state.Failed)
	fresh(false) // used it
	w.end("A3", "a", 3, state.Succeeded)
	fresh(true)
}

func TestMoved(t *testing.T) {
	w := newWorld(t, nil)
	w.write(map[string]string{"orders.csv": orders, "p.hcl": pipeline("old", "out", scheduleBlock(yearly))})
	w.loaded().tick(t.Context(), map[string]time.Time{})
	w.queue("WAITS", "old", 2)
	w.queue("RUNS", "old", 1)
	if _, err := w.store.Claim(t.Context(), "RUNS", "x", "g", time.Now(), time.Minute); err != nil {
		t.Fatal(err)
	}
	before, err := w.store.Watermark(t.Context(), "old")
	if err != nil {
		t.Fatal(err)
	}
	w.write(map[string]string{"p.hcl": pipeline("new", "out", scheduleBlock(yearly)) + "moved {\n  from = pipeline.old\n  to   = pipeline.new\n}\n"})
	d := w.loaded()
	d.tick(t.Context(), map[string]time.Time{})
	if got := w.get("WAITS"); got.Pipeline != "old" || got.Status != state.Queued {
		t.Errorf("the queued run is %+v while another goes on", got)
	}
	if _, err := w.store.Watermark(t.Context(), "new"); err == nil {
		t.Error("the new name is scheduled before it has its history")
	}
	if err := w.store.Finish(t.Context(), "RUNS", "x", state.Succeeded, "", nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	d.tick(t.Context(), map[string]time.Time{})
	after, err := w.store.Watermark(t.Context(), "new")
	if err != nil || after.Schedule != before.Schedule || after.At.Before(before.At) {
		t.Errorf("the watermark is %+v, %v; it was %+v", after, err, before)
	}
	if got := w.get("WAITS"); got.Pipeline != "new" || got.Status != state.Queued {
		t.Errorf("the queued run is %+v", got)
	}
}

// A chain runs by itself: each pipeline when the one before has delivered.
func TestAfterRuns(t *testing.T) {
	w := newWorld(t, nil)
	w.write(map[string]string{"orders.csv": orders, "p.hcl": pipeline("a", "out") + pipeline("b", "out", "after = [pipeline.a]") + pipeline("c", "out", "after = [pipeline.b]")})
	d := w.daemon("test")
	r := w.run(d)
	w.until("the chain is watched", func() bool {
		_, errB := w.store.Watermark(t.Context(), "b")
		_, errC := w.store.Watermark(t.Context(), "c")
		return errB == nil && errC == nil
	})
	w.queue("FIRST", "a", 1)
	poke(d.wakeWorkers)
	w.until("c has run", func() bool {
		return strings.HasSuffix(w.fired("c", "after"), "succeeded") && strings.HasSuffix(w.fired("b", "after"), "succeeded")
	})
	r.stop()
	slot := w.get("FIRST").Slot
	if !w.exists("out/c-" + slot.Format("2006010215") + ".csv") {
		t.Error("c delivered nothing for the slot of a")
	}
}
