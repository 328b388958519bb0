package daemon

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/runner/compile"
	"waybill/runner/schedule"
	"waybill/runner/state"
)

// yearly fires so seldom that no test meets it by chance.
const yearly = "0 3 2 1 *"

// dueSince sets a pipeline's watermark back, so that slots are due, and returns
// them.
func (w *world) dueSince(g *compile.Generation, pipeline string, since time.Time) []time.Time {
	w.t.Helper()
	set := g.Pipeline(pipeline).ScheduleSet()
	if err := w.store.SetWatermark(w.t.Context(), state.Watermark{Pipeline: pipeline, Schedule: set.Fingerprint(), At: since.UTC()}); err != nil {
		w.t.Fatal(err)
	}
	return set.Between(since, time.Now(), 100)
}

func yearsAgo(n int) time.Time {
	return time.Now().UTC().AddDate(-n, 0, 0).Truncate(time.Second)
}

func slotsOf(runs []state.Run, pipeline string, status state.Status) []time.Time {
	var out []time.Time
	for _, r := range runs {
		if r.Pipeline == pipeline && r.Status == status && r.Trigger == "schedule" {
			out = append(out, r.Slot)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// decideNow decides for p as a daemon does that was there all the time.
func decideNow(t *testing.T, d *Daemon) schedule.Output {
	t.Helper()
	l := d.current.Load()
	out, err := d.decide(t.Context(), l, l.Pipeline("p"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func scheduled(w *world, name string, attrs ...string) *Daemon {
	w.write(map[string]string{"orders.csv": orders, "p.hcl": pipeline(name, "out", scheduleBlock(yearly, attrs...))})
	return w.loaded()
}

func TestOverlap(t *testing.T) {
	for overlap, want := range map[string]string{
		"queue":           "queued= running=false new=queued,queued",
		"skip":            "queued= running=false new=skipped overlap,skipped overlap",
		"allow":           "queued= running=false new=queued,queued",
		"cancel_previous": "queued=cancel_previous running=true new=cancelled cancel_previous,queued",
	} {
		t.Run(overlap, func(t *testing.T) {
			w := newWorld(t, nil)
			d := scheduled(w, "p", `overlap = "`+overlap+`"`)
			w.queue("WAITS", "p", -200000)
			w.queue("RUNS", "p", -200001)
			if _, err := w.store.Claim(t.Context(), "RUNS", "somebody", "g", time.Now(), time.Minute); err != nil {
				t.Fatal(err)
			}
			due := w.dueSince(d.Generation(), "p", yearsAgo(2))
			if len(due) != 2 {
				t.Fatalf("due: %v", due)
			}
			decideNow(t, d)
			var fired []string
			for _, r := range w.runs() {
				if r.Trigger == "schedule" {
					fired = append(fired, strings.TrimSpace(string(r.Status)+" "+r.Reason))
				}
			}
			waits, runs := w.get("WAITS"), w.get("RUNS")
			got := "queued=" + waits.Reason + " running=" + map[bool]string{true: "true", false: "false"}[runs.CancelRequested] + " new=" + strings.Join(fired, ",")
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if runs.Status != state.Running {
				t.Errorf("the running run is %s", runs.Status)
			}
		})
	}
}

// Slots that were missed are caught up with as catch_up says.
func TestCatchUp(t *testing.T) {
	for policy, want := range map[string][2]int{"all": {3, 0}, "latest": {1, 2}, "none": {0, 3}} {
		t.Run(policy, func(t *testing.T) {
			w := newWorld(t, nil)
			d := scheduled(w, "p", `catch_up = "`+policy+`"`, `catch_up_window = "5000d"`)
			due := w.dueSince(d.Generation(), "p", yearsAgo(3))
			r := w.run(d)
			w.until("the slots are fired", func() bool { return len(w.runs()) == len(due) })
			w.until("the runs are over", func() bool {
				return !slices.ContainsFunc(w.runs(), func(r state.Run) bool { return !r.Status.Final() })
			})
			runs := w.runs()
			ran, skipped := slotsOf(runs, "p", state.Succeeded), slotsOf(runs, "p", state.Skipped)
			if len(ran) != want[0] || len(skipped) != want[1] || len(due) != 3 {
				t.Errorf("ran %v, skipped %v", ran, skipped)
			}
			if len(ran) > 0 && !slices.Equal(ran, due[len(due)-len(ran):]) {
				t.Errorf("ran %v of %v", ran, due)
			}
			if policy == "all" {
				// One by one, in order.
				slices.SortFunc(runs, func(a, b state.Run) int { return a.Slot.Compare(b.Slot) })
				for i := range runs[1:] {
					if runs[i+1].StartedAt.Before(runs[i].FinishedAt) {
						t.Errorf("run %d began before the one before it was over", i+1)
					}
				}
			}
			if err := r.end(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What fired once doesn't fire again: not for another daemon on the same store,
// nor for one that begins while the other is there.
func TestSlotsFireOnce(t *testing.T) {
	w := newWorld(t, nil)
	d := scheduled(w, "p", `catch_up = "all"`, `catch_up_window = "5000d"`)
	due := w.dueSince(d.Generation(), "p", yearsAgo(3))
	first := w.run(d)
	w.until("the slots are fired", func() bool { return len(slotsOf(w.runs(), "p", state.Succeeded)) == len(due) })
	second := w.daemon("second")
	mustBe(t, second.Run(t.Context()), state.ErrConflict)
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	again := w.run(second)
	w.until("it has decided", func() bool { return again.LastReload().OK })
	decideNow(t, second)
	if got := slotsOf(w.runs(), "p", state.Succeeded); !slices.Equal(got, due) || len(w.runs()) != len(due) {
		t.Errorf("%d runs, slots %v, want %v", len(w.runs()), got, due)
	}
	// Even if the watermark were lost.
	w.dueSince(second.Generation(), "p", yearsAgo(3))
	decideNow(t, second)
	if n := len(w.runs()); n != len(due) {
		t.Errorf("%d runs after the watermark was set back", n)
	}
}

// Two daemons that decide at the same time, by a lock that does not hold, fire
// each slot once all the same.
func TestDecidingAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	d := scheduled(w, "p", `catch_up = "all"`, `catch_up_window = "5000d"`)
	due := w.dueSince(d.Generation(), "p", yearsAgo(3))
	done := make(chan error)
	for range 4 {
		go func() {
			l := d.current.Load()
			_, err := d.decide(t.Context(), l, l.Pipeline("p"), time.Time{})
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := len(w.runs()); n != len(due) {
		t.Errorf("%d runs for %d slots", n, len(due))
	}
}

// A changed schedule doesn't fire for the time before the change, and a new
// pipeline not for the time before it was there.
func TestChangedScheduleIsNotForThePast(t *testing.T) {
	w := newWorld(t, nil)
	d := scheduled(w, "p", `catch_up = "all"`, `catch_up_window = "5000d"`)
	if out := decideNow(t, d); !out.Reset {
		t.Fatalf("first sight: %+v", out)
	}
	w.dueSince(d.Generation(), "p", yearsAgo(3))
	w.write(map[string]string{"p.hcl": pipeline("p", "out", scheduleBlock("0 4 2 1 *", `catch_up = "all"`, `catch_up_window = "5000d"`))})
	if r := d.Reload(t.Context()); !r.OK {
		t.Fatal(r)
	}
	for range 3 {
		decideNow(t, d)
	}
	if runs := w.runs(); len(runs) != 0 {
		t.Errorf("fired for the past: %v", runs)
	}
	mark, err := w.store.Watermark(t.Context(), "p")
	if err != nil || mark.At.Before(d.current.Load().at.Truncate(time.Second)) {
		t.Errorf("watermark %v, %v", mark.At, err)
	}
}

// Other changes to a pipeline lose no slot.
func TestUnchangedScheduleLosesNoSlot(t *testing.T) {
	w := newWorld(t, nil)
	d := scheduled(w, "p")
	due := w.dueSince(d.Generation(), "p", yearsAgo(1))
	w.write(map[string]string{"p.hcl": pipeline("p", "elsewhere", scheduleBlock("0 03 2 JAN *", `overlap = "skip"`))})
	if r := d.Reload(t.Context()); !r.OK || !r.Changed {
		t.Fatal(r)
	}
	decideNow(t, d)
	if got := slotsOf(w.runs(), "p", state.Queued); !slices.Equal(got, due) || len(due) != 1 {
		t.Errorf("fired %v, want %v", got, due)
	}
}

func TestDisabledPipelines(t *testing.T) {
	w := newWorld(t, nil)
	w.write(map[string]string{"orders.csv": orders, "p.hcl": pipeline("p", "out", "enabled = false", scheduleBlock(yearly))})
	d := w.loaded()
	w.dueSince(d.Generation(), "p", yearsAgo(2))
	ticks := map[string]time.Time{"p": time.Now()}
	if sleep := d.tick(t.Context(), ticks); sleep != longestSleep || len(ticks) != 0 || len(w.runs()) != 0 {
		t.Errorf("sleeps %v, ticks %v, runs %v", sleep, ticks, w.runs())
	}
}

// A clock that was set back fires nothing, and says so.
func TestClockBehind(t *testing.T) {
	w := newWorld(t, nil)
	d := scheduled(w, "p")
	w.dueSince(d.Generation(), "p", time.Now().Add(time.Hour))
	d.tick(t.Context(), map[string]time.Time{})
	if got := value(t, d.Metrics.ClockBehind); got < 3500 || got > 3700 {
		t.Errorf("behind = %v", got)
	}
	if !strings.Contains(w.log.text(), "clock-behind") || len(w.runs()) != 0 {
		t.Errorf("runs %v, log %s", w.runs(), w.log.text())
	}
}

// run.interval_start reaches the run.
func TestIntervals(t *testing.T) {
	w := newWorld(t, nil)
	d := scheduled(w, "p", `catch_up = "all"`, `catch_up_window = "5000d"`)
	due := w.dueSince(d.Generation(), "p", yearsAgo(2))
	decideNow(t, d)
	got := map[time.Time]time.Time{}
	for _, r := range w.runs() {
		got[r.Slot] = r.IntervalStart
	}
	want := map[time.Time]time.Time{due[0]: due[0].AddDate(-1, 0, 0), due[1]: due[0]}
	if !maps.Equal(got, want) {
		t.Errorf("intervals %v, want %v", got, want)
	}
}
