package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"waybill/internal/problem"
	"waybill/runner"
	"waybill/runner/compile"
	"waybill/runner/schedule"
	"waybill/runner/state"
)

// lookAgain is how often workers look for runs that nobody told them of: those
// of other processes, and those whose lease ran out.
const lookAgain = 2 * time.Second

// work carries runs until ctx ends, and then lets them go on for Drain.
func (d *Daemon) work(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var workers sync.WaitGroup
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for ctx.Err() == nil {
		d.claim(ctx, running, &workers)
		select {
		case <-ctx.Done():
		case <-d.wakeWorkers:
		case <-tick.C:
		}
	}
	d.ready.Store(false)
	d.drain(&workers, stop)
	return nil
}

// drain waits for running runs, and interrupts those that take too long: they
// are resumed at the next start.
func (d *Daemon) drain(workers *sync.WaitGroup, stop context.CancelFunc) {
	done := make(chan struct{})
	go func() {
		workers.Wait()
		close(done)
	}()
	d.Log.Info("draining", "runs", d.activeCount(), "at_most", d.Drain.String())
	timer := time.NewTimer(d.Drain)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		d.Log.Warn("runs are interrupted; they go on at the next start", "runs", d.activeCount())
		stop()
		<-done
	}
}

func (d *Daemon) activeCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.active)
}

// claim takes as many runs as there is room for.
func (d *Daemon) claim(ctx, running context.Context, workers *sync.WaitGroup) {
	room := int(d.Generation().Settings.MaxConcurrentRuns) - d.activeCount()
	if room <= 0 {
		return
	}
	// All of them: a pipeline with a long queue must not hide the others' runs.
	runs, err := d.Store.Claimable(ctx, time.Now().UTC(), 0)
	if err != nil {
		if ctx.Err() == nil {
			d.Log.Error("runs could not be read", "error", err)
		}
		return
	}
	for _, c := range d.candidates(ctx, runs) {
		if room == 0 || ctx.Err() != nil {
			return
		}
		if d.take(ctx, running, workers, c) {
			room--
		}
	}
}

// A candidate is a run that may be claimed, with what it goes by.
type candidate struct {
	run        state.Run
	generation *compile.Generation
	pipeline   *compile.Pipeline
}

// candidates are those of the runs that may begin now as far as their own
// pipelines go, in the order in which they get the room there is: those that
// have begun already, then by priority, then by slot.
func (d *Daemon) candidates(ctx context.Context, runs []state.Run) []candidate {
	var out []candidate
	waits := map[string]bool{} // pipelines whose further queued runs have to wait
	for _, r := range runs {
		if r.Status == state.Queued && waits[r.Pipeline] || r.Status == state.Running && !d.mayTakeOver(r) {
			continue
		}
		g, p, err := d.definition(ctx, r)
		if err != nil {
			d.refuse(ctx, r, err)
			continue
		}
		waits[r.Pipeline] = !overlaps(p)
		out = append(out, candidate{r, g, p})
	}
	slices.SortStableFunc(out, func(a, b candidate) int {
		if a.run.Status != b.run.Status {
			if a.run.Status == state.Running {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.pipeline.Priority, a.pipeline.Priority)
	})
	return out
}

// mayTakeOver reports whether a run whose lease has ended may be carried by us.
// Our own is not: that its lease could end means that the clock jumped.
func (d *Daemon) mayTakeOver(r state.Run) bool {
	d.mu.Lock()
	_, ours := d.active[r.ID]
	d.mu.Unlock()
	switch {
	case ours:
		return false
	case d.Gone != nil && d.Gone(r.Owner):
		return true
	}
	return time.Since(r.LeaseUntil) > runner.TakeoverGrace
}

// overlaps reports whether runs of the pipeline may go on side by side.
func overlaps(p *compile.Pipeline) bool {
	return slices.ContainsFunc(p.Triggers, func(t schedule.Trigger) bool { return t.Overlap == schedule.OverlapAllow })
}

// take claims one run, if it is its turn, and starts carrying it. It reports
// whether it did.
func (d *Daemon) take(ctx, running context.Context, workers *sync.WaitGroup, c candidate) bool {
	r, g := c.run, c.generation
	if !d.itsTurn(ctx, r, c.pipeline) {
		return false
	}
	claimed, err := d.Store.Claim(ctx, r.ID, d.Runner.Owner, g.Digest, time.Now().UTC(), d.Runner.LeaseTTL)
	if err != nil {
		if !errors.Is(err, state.ErrConflict) && ctx.Err() == nil {
			d.Log.Error("a run could not be claimed", "run", r.ID, "error", err)
		}
		return false
	}
	d.mu.Lock()
	d.active[r.ID] = r.Pipeline
	d.mu.Unlock()
	workers.Add(1)
	go func() {
		defer workers.Done()
		d.carry(running, claimed, c.pipeline, g.Settings)
	}()
	return true
}

// definition is the generation and pipeline that a run goes by: the one it was
// claimed with, so that a retry does what the first try did, or else the one in
// force.
func (d *Daemon) definition(ctx context.Context, r state.Run) (*compile.Generation, *compile.Pipeline, error) {
	g := d.Generation()
	if r.Generation != "" {
		pinned, err := d.pinned(ctx, r.Generation)
		if err != nil {
			return nil, nil, err
		}
		g = pinned
	}
	p := d.Generation().Former(g, r.Pipeline) // it may have been claimed under an older name
	if p == nil {
		return nil, nil, problem.New("pipeline-not-found", "the pipeline "+r.Pipeline+" is not in the configuration any more", nil)
	}
	return g, p, nil
}

// refuse ends a run that cannot be carried.
func (d *Daemon) refuse(ctx context.Context, r state.Run, cause error) {
	p := problem.As(cause)
	if p == nil {
		d.Log.Error("a run's definition could not be read", "run", r.ID, "error", cause)
		return
	}
	now := time.Now().UTC()
	var err error
	if r.Status == state.Queued {
		err = d.Store.Finish(ctx, r.ID, "", state.Cancelled, "definition_removed", p, now)
	} else if _, err = d.Store.Claim(ctx, r.ID, d.Runner.Owner, r.Generation, now, d.Runner.LeaseTTL); err == nil {
		err = d.Store.Finish(ctx, r.ID, d.Runner.Owner, state.Failed, "", p, now)
	}
	if err != nil && !errors.Is(err, state.ErrConflict) {
		d.Log.Error("a run could not be ended", "run", r.ID, "error", err)
	}
}

// itsTurn reports whether no other run of the pipeline is before this one.
// Runs of a pipeline go one by one in the order of their slots, unless its
// schedules allow them to overlap.
func (d *Daemon) itsTurn(ctx context.Context, r state.Run, p *compile.Pipeline) bool {
	if overlaps(p) {
		return true
	}
	pending, err := d.Store.Pending(ctx, r.Pipeline)
	if err != nil {
		return false
	}
	for _, other := range pending {
		if other.ID == r.ID {
			continue
		}
		if other.Status != state.Queued || other.Slot.Before(r.Slot) || other.Slot.Equal(r.Slot) && other.ID < r.ID {
			return r.Status != state.Queued // a run that has begun goes on
		}
	}
	return true
}

// carry executes one claimed run.
func (d *Daemon) carry(ctx context.Context, r state.Run, p *compile.Pipeline, settings compile.Settings) {
	began := time.Now()
	d.Metrics.Running.Inc()
	defer func() {
		d.Metrics.Running.Dec()
		d.mu.Lock()
		delete(d.active, r.ID)
		d.mu.Unlock()
		poke(d.wakeWorkers)
		poke(d.wakeScheduler)
	}()
	done, err := d.execute(ctx, r, p, settings)
	if err != nil {
		d.Log.Warn("a run was left", "pipeline", r.Pipeline, "run", r.ID, "cause", err.Error())
		return
	}
	d.Metrics.Runs.WithLabelValues(r.Pipeline, string(done.Status)).Inc()
	d.Metrics.RunSeconds.WithLabelValues(r.Pipeline).Observe(time.Since(began).Seconds())
	if done.Status == state.Succeeded {
		d.Metrics.LastSuccess.WithLabelValues(r.Pipeline).Set(float64(done.FinishedAt.Unix()))
	}
}

// execute carries a run. A panic ends that run, not the daemon, and is not met
// again at the next start.
func (d *Daemon) execute(ctx context.Context, r state.Run, p *compile.Pipeline, settings compile.Settings) (done state.Run, err error) {
	defer func() {
		what := recover()
		if what == nil {
			return
		}
		d.Log.Error("a run panicked", "run", r.ID, "panic", fmt.Sprint(what), "stack", string(debug.Stack()))
		failure := problem.New("internal", "waybill itself failed in this run; its log tells where", nil)
		err = d.Store.Finish(context.WithoutCancel(ctx), r.ID, d.Runner.Owner, state.Failed, "", failure, time.Now().UTC())
		done = r
		done.Status, done.FinishedAt = state.Failed, time.Now().UTC()
	}()
	return d.Runner.Execute(ctx, r, p, settings)
}
