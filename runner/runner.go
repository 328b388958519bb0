// Package runner carries one run of a pipeline from its sources to its sinks.
// It knows no AWS: sources, the engine and sinks do the work, the store
// remembers it.
//
// Everything that a step produced is on disk and recorded before the next one
// begins. So a retry, and a process that takes over after a crash, go on at the
// first step that is not done, with the same bytes.
package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/retry"
	"waybill/runner/state"
	"waybill/sinks"
)

// A Runner executes runs that its owner has claimed. It may execute several at
// a time.
type Runner struct {
	Store state.Store
	// Spool is the directory below which each run keeps its files.
	Spool string
	// Baselines is the directory of the rows that sinks with mode = "diff" have
	// delivered. Unlike the spool's, its files are part of the state.
	Baselines string
	// StartJob starts a compute job; normally engine.Start.
	StartJob func(context.Context, engine.Options) (engine.Job, error)
	// EngineCommand serves a compute job; see engine.Options.
	EngineCommand []string
	// Jobs bounds the compute jobs that work at the same time.
	Jobs *Gate
	// Owner names this process in leases.
	Owner string
	// LeaseTTL is how long a run stays ours without a sign of life.
	LeaseTTL time.Duration
	Log      *slog.Logger
	// Events receives what happens; it must return quickly. May be nil.
	Events func(Event)
}

// DefaultLease is long enough to outlive a stall of the machine, and short
// enough for another process to take over soon.
const DefaultLease = 15 * time.Second

// TakeoverGrace is how long after the end of its lease a run is left alone by
// all but its owner: longer than any request that the owner may have under way,
// for S3 knows no fencing. An owner that is known to be dead has none.
const TakeoverGrace = 30 * time.Second

// errLeaseLost ends a run that another process has taken over.
var errLeaseLost = errors.New("lease lost")

// ErrCancelRequested is the cause to cancel Execute's context with when the
// run is to end, in order, as cancelled.
var ErrCancelRequested = errors.New("cancel requested")

// Execute carries a claimed run to its end and records how it ended. The
// problem of a failed run is in the run, not in the error: an error means that
// the end could not be recorded, or that ctx ended and the run stays claimed
// for whoever goes on with it.
func (r *Runner) Execute(ctx context.Context, run state.Run, p *compile.Pipeline, settings compile.Settings) (state.Run, error) {
	e := &execution{Runner: r, run: run, pipeline: p, settings: settings, parent: ctx, began: time.Now(),
		log: r.Log.With("pipeline", run.Pipeline, "run", run.ID)}
	e.emit(Event{Kind: RunStarted, Status: state.Running})
	err := e.guarded()
	switch {
	case errors.Is(err, errLeaseLost):
		return run, problem.New("lease-lost", fmt.Sprintf("run %s was taken over by another process", run.ID), nil)
	case err != nil && ctx.Err() != nil && !errors.Is(context.Cause(ctx), ErrCancelRequested):
		e.release()
		return run, context.Cause(ctx)
	}
	return e.finish(err)
}

// release gives up our lease on a run that is not over, with nothing under way
// any more, so that the next process can go on with it at once: the lease ends
// long ago, which no process that died can have said.
func (e *execution) release() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.parent), e.LeaseTTL)
	defer cancel()
	if err := e.Store.Renew(ctx, e.run.ID, e.Owner, time.Unix(0, 0).UTC(), 0); err != nil {
		e.log.Warn("the lease could not be released", "error", err)
	}
}

// execution is one Execute.
type execution struct {
	*Runner
	run      state.Run
	pipeline *compile.Pipeline
	settings compile.Settings
	bound    *compile.Bound
	steps    *stepBook
	parent   context.Context // of Execute: the process's own end
	began    time.Time
	log      *slog.Logger
}

// guarded runs the phases, and what cleans up after them, while a second
// goroutine keeps the lease: until they have returned, however long that takes.
func (e *execution) guarded() error {
	ctx, cancel := context.WithCancelCause(e.parent)
	defer cancel(nil)
	alive, stop := context.WithCancel(context.WithoutCancel(e.parent))
	defer stop()
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		e.keepLease(alive, cancel)
	}()
	err := e.phases(ctx)
	cause := context.Cause(ctx)
	if over := err == nil || !interrupted(ctx) && !errors.Is(err, errLeaseLost); over {
		e.releaseAll(context.WithoutCancel(ctx)) // before the end is recorded: after it nobody would
	}
	stop()
	<-kept
	if err != nil && cause != nil {
		return cause
	}
	return err
}

// keepLease renews the lease until ctx is done. When the lease is lost, or a
// cancel was asked for, it cancels the run with that cause.
func (e *execution) keepLease(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(e.LeaseTTL / 6)
	defer tick.Stop()
	renewed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := e.Store.Renew(ctx, e.run.ID, e.Owner, time.Now().UTC(), e.LeaseTTL)
		switch {
		case err == nil:
			renewed = time.Now()
		case errors.Is(err, state.ErrConflict) || time.Since(renewed) > e.LeaseTTL:
			cancel(errLeaseLost)
			return
		case ctx.Err() == nil:
			e.log.Warn("the lease could not be renewed", "error", err)
		}
		now, err := e.Store.Run(ctx, e.run.ID)
		if err == nil && now.CancelRequested && !e.torn(ctx) {
			cancel(ErrCancelRequested)
		}
	}
}

// torn reports whether a delivery of this run has some of its objects there
// and others not: such a one is carried to its end. The ledger tells, so that
// it is known after a restart, too.
func (e *execution) torn(ctx context.Context) bool {
	deliveries, err := e.Store.Deliveries(ctx, e.run.ID)
	if err != nil {
		return true // not known: nothing is torn by waiting
	}
	for _, d := range deliveries {
		if d.Done {
			continue
		}
		intents, err := e.Store.Intents(ctx, d.ID)
		if err != nil || slices.ContainsFunc(intents, func(in sinks.Intent) bool { return in.Settled && in.Object.Key != "" }) {
			return true
		}
	}
	return false
}

// phases does the work: sources, compute, deliveries.
func (e *execution) phases(ctx context.Context) error {
	if err := e.supported(); err != nil {
		return err
	}
	err := e.bind(ctx)
	if err != nil {
		return err
	}
	if e.steps, err = e.openBook(ctx); err != nil {
		return err
	}
	if e.run.CancelRequested && !e.torn(ctx) {
		return ErrCancelRequested
	}
	if e.wasUnmet() { // and the process ended before the run did
		return e.endUnmet(ctx)
	}
	began := e.run.StartedAt
	if began.IsZero() {
		began = e.began
	}
	work, cancel := context.WithDeadlineCause(ctx, began.Add(e.pipeline.Timeout), e.timeout())
	defer cancel()
	if err := e.waitAll(work); errors.Is(err, errWaitSkips) {
		return err
	} else if err != nil {
		return causeOf(work, err)
	}
	if err := e.extractAll(work); err != nil {
		return causeOf(work, err)
	}
	if err := e.compute(work); errors.Is(err, errConditionUnmet) {
		return e.endUnmet(ctx)
	} else if err != nil {
		return causeOf(work, err)
	}
	// The barrier: every artifact is frozen. From here on time-outs of the
	// pipeline count no more, for a delivery is not to be torn.
	if err := e.deliverAll(ctx); err != nil {
		return err
	}
	// All is delivered: a cancel that comes now comes too late.
	return e.promote(context.WithoutCancel(ctx), true)
}

// bind evaluates the definition for this run, which reads its secrets: where
// they are kept may be out of reach for a while, so it is tried again by the
// project's policy.
func (e *execution) bind(ctx context.Context) error {
	notify := func(attempt int, err error, next time.Time) {
		e.log.Warn("the definition cannot be evaluated yet", "attempt", attempt, "error", err, "next_try", next)
	}
	run := compile.RunValues{ID: e.run.ID, Slot: e.run.Slot, IntervalStart: e.run.IntervalStart, Attempt: e.run.Claims, Trigger: e.run.Trigger}
	return retry.Do(ctx, e.settings.RetryPolicy(), 1, time.Now(), notify, func(context.Context, int) (err error) {
		e.bound, err = e.pipeline.Bind(run)
		return err
	})
}

// supported refuses a pipeline that asks for what this version cannot do.
func (e *execution) supported() error {
	if len(e.pipeline.Pending) == 0 {
		return nil
	}
	first := e.pipeline.Pending[0]
	p := problem.New("not-supported-yet", fmt.Sprintf("pipeline %q asks for %s, which this version cannot do yet", e.pipeline.Name, first.Name), nil)
	p.Where = fmt.Sprintf("%s:%d", first.Range.Filename, first.Range.Start.Line)
	return p
}

func (e *execution) timeout() error {
	p := problem.New("timeout", fmt.Sprintf("pipeline %q ran longer than its timeout of %s", e.pipeline.Name, e.pipeline.Timeout), nil)
	p.Where = fmt.Sprintf("%s:%d", e.pipeline.Range.Filename, e.pipeline.Range.Start.Line)
	return p
}

// causeOf prefers the reason why ctx ended over the error that this led to.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// finish records the end of the run.
func (e *execution) finish(err error) (state.Run, error) {
	status, reason := state.Succeeded, ""
	var p *problem.Problem
	switch {
	case errors.Is(err, ErrCancelRequested):
		status, reason = state.Cancelled, "requested"
	case errors.Is(err, errConditionUnmet):
		status = state.ConditionOff
	case errors.Is(err, errWaitSkips):
		status, reason = state.Skipped, err.Error()
	case err != nil:
		status, p = state.Failed, problem.Of(err)
	}
	now := time.Now().UTC()
	ctx := context.WithoutCancel(e.parent)
	if err := e.Store.Finish(ctx, e.run.ID, e.Owner, status, reason, p, now); err != nil {
		return e.run, fmt.Errorf("recording the end of run %s: %w", e.run.ID, err)
	}
	e.run.Status, e.run.Reason, e.run.Problem, e.run.FinishedAt = status, reason, p, now
	e.emit(Event{Kind: RunFinished, Status: status, Problem: p, Millis: time.Since(e.began).Milliseconds()})
	return e.run, nil
}
