package daemon

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"waybill/runner"
	"waybill/runner/state"
)

func (w *world) heldRuns() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.held)
}

func TestRunsAreCarried(t *testing.T) {
	w := newWorld(t, project("p", "q"))
	r := w.run(w.daemon("test"))
	w.queue("P", "p", 0)
	w.queue("Q", "q", 0)
	poke(r.wakeWorkers)
	for id, file := range map[string]string{"P": "out/p-2026013109.csv", "Q": "out/q-2026013109.csv"} {
		if got := w.untilStatus(id, state.Succeeded); got.Generation != r.Generation().Digest || got.Owner != "" && got.Owner != "test" {
			t.Errorf("run %+v", got)
		}
		if !w.exists(file) {
			t.Errorf("there is no %s", file)
		}
	}
	w.until("nothing is active", func() bool { return r.activeCount() == 0 })
	if got := value(t, r.Metrics.Runs.WithLabelValues("p", "succeeded")); got != 1 {
		t.Errorf("runs counted: %v", got)
	}
}

// A run goes by the generation that it was claimed with, whatever the files say
// meanwhile: when the daemon is restarted, and when it is tried again.
func TestRunsPinTheirGeneration(t *testing.T) {
	w := newWorld(t, project("p"))
	letGo := w.holdRuns()
	d := w.daemon("first")
	d.Drain = 0
	r := w.run(d)
	w.queue("P", "p", 0)
	poke(r.wakeWorkers)
	w.until("the run is under way", func() bool { return w.heldRuns() == 1 })
	pinned := w.get("P").Generation
	w.write(map[string]string{"p.hcl": pipeline("p", "elsewhere")})
	w.until("the new definition is in force", func() bool { return r.Generation().Digest != pinned })
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	if got := w.get("P"); got.Status != state.Running {
		t.Fatalf("interrupted, the run is %s: %v", got.Status, got.Problem)
	}
	letGo()
	w.run(w.daemon("second"))
	if got := w.untilStatus("P", state.Succeeded); got.Generation != pinned || got.Claims != 2 {
		t.Errorf("run %+v", got)
	}
	if !w.exists("out/p-2026013109.csv") || w.exists("elsewhere") {
		t.Error("the run went by another definition than it began with")
	}
}

func TestReopenedRunsPinTheirGeneration(t *testing.T) {
	w := newWorld(t, project("p", "q"))
	w.remove("orders.csv")
	r := w.run(w.daemon("test"))
	w.queue("P", "p", 0)
	poke(r.wakeWorkers)
	pinned := w.untilStatus("P", state.Failed).Generation
	w.write(map[string]string{"orders.csv": orders, "p.hcl": pipeline("p", "elsewhere")})
	w.until("the new definition is in force", func() bool { return r.Generation().Digest != pinned })
	w.remove("q.hcl") // and even if the pipeline is not there any more
	w.write(map[string]string{"p.hcl": pipeline("r", "elsewhere"), "s.hcl": pipeline("s", "out")})
	if err := w.store.Reopen(t.Context(), "P"); err != nil {
		t.Fatal(err)
	}
	poke(r.wakeWorkers)
	w.untilStatus("P", state.Succeeded)
	if !w.exists("out/p-2026013109.csv") || w.exists("elsewhere") {
		t.Error("the run went by another definition than it began with")
	}
}

// On its way out the daemon lets runs end, takes no new ones, and is not ready.
func TestDrain(t *testing.T) {
	w := newWorld(t, project("p", "q"))
	letGo := w.holdRuns()
	r := w.run(w.daemon("test"))
	w.queue("P", "p", 0)
	poke(r.wakeWorkers)
	w.until("the run is under way", func() bool { return w.heldRuns() == 1 })
	r.stop()
	w.until("it is not ready any more", func() bool { ok, _ := r.Ready(); return !ok })
	w.queue("Q", "q", 0)
	poke(r.wakeWorkers)
	select {
	case err := <-r.done:
		t.Fatalf("it ended with a run under way: %v", err)
	default:
	}
	letGo()
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	if got := w.get("P").Status; got != state.Succeeded {
		t.Errorf("the run is %s", got)
	}
	if got := w.get("Q").Status; got != state.Queued {
		t.Errorf("the run that came late is %s", got)
	}
}

// Runs that take too long are given up, for anybody to claim at once.
func TestDrainEnds(t *testing.T) {
	w := newWorld(t, project("p"))
	w.holdRuns()
	d := w.daemon("test")
	d.Drain = 50 * time.Millisecond
	r := w.run(d)
	w.queue("P", "p", 0)
	poke(r.wakeWorkers)
	w.until("the run is under way", func() bool { return w.heldRuns() == 1 })
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	claimable, err := w.store.Claimable(t.Context(), time.Now(), 0)
	if err != nil || len(claimable) != 1 || claimable[0].Status != state.Running {
		t.Errorf("claimable: %v, %v", claimable, err)
	}
	if w.exists("out") {
		t.Error("something was delivered")
	}
}

// What a dead process left is taken over when its lease has ended, not before.
func TestDeadOwner(t *testing.T) {
	w := newWorld(t, project("p"))
	d := w.loaded()
	w.queue("P", "p", 0)
	ttl := 700 * time.Millisecond
	if _, err := w.store.Claim(t.Context(), "P", "dead", d.Generation().Digest, time.Now(), ttl); err != nil {
		t.Fatal(err)
	}
	lease := w.get("P").LeaseUntil
	heir := w.daemon("heir")
	heir.Gone = func(owner string) bool { return owner == "dead" }
	w.run(heir)
	got := w.untilStatus("P", state.Succeeded)
	if got.Claims != 2 || got.FinishedAt.Before(lease) {
		t.Errorf("claims %d, finished %v, the lease was until %v", got.Claims, got.FinishedAt, lease)
	}
}

// Whose lease has ended and who may still live is left alone for a while, and
// so are our own runs, however far the clock jumps.
func TestMayTakeOver(t *testing.T) {
	d := newWorld(t, project("p")).daemon("test")
	d.active["OURS"] = "p"
	d.Gone = func(owner string) bool { return owner == "dead" }
	now := time.Now()
	for _, tt := range []struct {
		run  state.Run
		want bool
	}{
		{state.Run{ID: "A", Owner: "other", LeaseUntil: now.Add(-time.Second)}, false},
		{state.Run{ID: "B", Owner: "other", LeaseUntil: now.Add(-runner.TakeoverGrace - time.Second)}, true},
		{state.Run{ID: "C", Owner: "other", LeaseUntil: time.Unix(0, 0)}, true}, // given up
		{state.Run{ID: "D", Owner: "dead", LeaseUntil: now.Add(-time.Second)}, true},
		{state.Run{ID: "OURS", Owner: "test", LeaseUntil: now.Add(-time.Hour)}, false},
	} {
		if got := d.mayTakeOver(tt.run); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.run.ID, got, tt.want)
		}
	}
}

// The clock jumps by more than the lease while a run is under way: it is not
// claimed from ourselves.
func TestOwnRunIsNotClaimedTwice(t *testing.T) {
	w := newWorld(t, project("p"))
	letGo := w.holdRuns()
	r := w.run(w.daemon("test"))
	w.queue("P", "p", 0)
	poke(r.wakeWorkers)
	w.until("the run is under way", func() bool { return w.heldRuns() == 1 })
	if err := w.store.Renew(t.Context(), "P", "test", time.Now().Add(-time.Hour), time.Minute); err != nil {
		t.Fatal(err)
	}
	w.queue("Q", "p", 1) // the look that finds it comes after the one that would claim P
	poke(r.wakeWorkers)
	letGo()
	w.untilStatus("Q", state.Succeeded)
	if c := w.get("P").Claims; c != 1 {
		t.Errorf("the run was claimed %d times", c)
	}
}

// Runs of a pipeline go one by one, unless they may overlap.
func TestTurns(t *testing.T) {
	for overlap, atOnce := range map[string]int{"queue": 1, "skip": 1, "cancel_previous": 1, "allow": 3} {
		t.Run(overlap, func(t *testing.T) {
			w := newWorld(t, nil)
			w.write(map[string]string{"orders.csv": orders, "p.hcl": pipeline("p", "out", scheduleBlock(yearly, `overlap = "`+overlap+`"`)),
				"main.hcl": "waybill {\n  max_concurrent_jobs = 8\n}\n"})
			letGo := w.holdRuns()
			r := w.run(w.daemon("test"))
			for i := range 3 {
				w.queue(fmt.Sprintf("P%d", i), "p", i)
			}
			poke(r.wakeWorkers)
			w.until("as many as may go", func() bool { return w.heldRuns() == atOnce })
			if got := r.activeCount(); got != atOnce {
				t.Errorf("%d are active", got)
			}
			letGo()
			for i := range 3 {
				w.untilStatus(fmt.Sprintf("P%d", i), state.Succeeded)
			}
			if first, second := w.get("P0"), w.get("P1"); atOnce == 1 && second.StartedAt.Before(first.FinishedAt) {
				t.Error("the second began before the first was over")
			}
		})
	}
}

// max_concurrent_runs holds over all pipelines, and a changed one at once.
func TestRoom(t *testing.T) {
	files := project("p", "q", "r")
	files["main.hcl"] = "waybill {\n  max_concurrent_runs = 1\n  max_concurrent_jobs = 8\n}\n"
	w := newWorld(t, files)
	letGo := w.holdRuns()
	r := w.run(w.daemon("test"))
	for _, name := range []string{"p", "q", "r"} {
		w.queue("R"+name, name, 0)
	}
	poke(r.wakeWorkers)
	w.until("one is under way", func() bool { return w.heldRuns() == 1 })
	if n := r.activeCount(); n != 1 {
		t.Errorf("%d are active", n)
	}
	w.write(map[string]string{"main.hcl": "waybill {\n  max_concurrent_runs = 3\n  max_concurrent_jobs = 8\n}\n"})
	w.until("all are under way", func() bool { return w.heldRuns() == 3 })
	letGo()
	for _, name := range []string{"p", "q", "r"} {
		w.untilStatus("R"+name, state.Succeeded)
	}
}

// Where there is no room for all, those of higher priority begin first,
// whatever their slots are.
func TestPriority(t *testing.T) {
	files := project()
	files["main.hcl"] = "waybill {\n  max_concurrent_runs = 1\n}\n"
	for name, priority := range map[string]string{"low": "priority = -1", "usual": "", "high": "priority = 10"} {
		files[name+".hcl"] = pipeline(name, "out", priority)
	}
	w := newWorld(t, files)
	for i, name := range []string{"low", "usual", "high"} { // the oldest slot first
		w.queue(name, name, i)
	}
	w.run(w.daemon("test"))
	for _, name := range []string{"low", "usual", "high"} {
		w.untilStatus(name, state.Succeeded)
	}
	if low, usual, high := w.get("low").StartedAt, w.get("usual").StartedAt, w.get("high").StartedAt; !high.Before(usual) || !usual.Before(low) {
		t.Errorf("high began at %s, usual at %s, low at %s", high, usual, low)
	}
}

// A pipeline with a long queue does not keep others from running.
func TestLongQueueHidesNobody(t *testing.T) {
	w := newWorld(t, project("long", "p"))
	letGo := w.holdRuns()
	r := w.run(w.daemon("test"))
	for i := range 150 {
		w.queue(fmt.Sprintf("L%03d", i), "long", i)
	}
	poke(r.wakeWorkers)
	w.until("the queue moves", func() bool { return r.activeCount() == 1 })
	w.queue("P", "p", 1000) // a newer slot than all of them
	poke(r.wakeWorkers)
	w.until("the other pipeline's run is claimed", func() bool { return w.get("P").Status == state.Running })
	if n, err := w.store.CancelQueued(t.Context(), "long", "test", time.Now()); err != nil || n != 149 {
		t.Errorf("cancelled %d, %v", n, err)
	}
	letGo()
	w.untilStatus("P", state.Succeeded)
	w.untilStatus("L000", state.Succeeded)
}

// A run whose definition cannot be compiled any more ends with a problem.
func TestLostDefinition(t *testing.T) {
	w := newWorld(t, project("p"))
	if err := w.store.SaveGeneration(t.Context(), "old", map[string][]byte{"p.hcl": []byte(broken)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	w.queue("P", "p", 0)
	if _, err := w.store.Claim(t.Context(), "P", "dead", "old", time.Now().Add(-time.Hour), time.Minute); err != nil {
		t.Fatal(err)
	}
	w.run(w.daemon("test"))
	if got := w.untilStatus("P", state.Failed); got.Problem == nil || got.Problem.Code != "definition-changed" {
		t.Errorf("problem %v", got.Problem)
	}
}

// Cancelling from outside, as the command line does it.
func TestCancelRequested(t *testing.T) {
	w := newWorld(t, project("p"))
	w.holdRuns()
	d := w.daemon("test")
	d.Runner.LeaseTTL = 600 * time.Millisecond // it asks six times in that
	r := w.run(d)
	w.queue("P", "p", 0)
	poke(r.wakeWorkers)
	w.until("the run is under way", func() bool { return w.heldRuns() == 1 })
	if err := w.store.RequestCancel(t.Context(), "P"); err != nil {
		t.Fatal(err)
	}
	w.untilStatus("P", state.Cancelled)
	if matches, _ := filepath.Glob(filepath.Join(w.dir, "out", "*")); len(matches) > 0 {
		t.Errorf("delivered: %v", matches)
	}
}
