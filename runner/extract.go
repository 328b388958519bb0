package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/retry"
	"waybill/runner/state"
	"waybill/sources"
)

// maxSideBySide bounds the sources or sinks of one run that work at a time.
const maxSideBySide = 8

// extractAll brings all sources' data to disk, side by side. A source that
// fails does not stop the others: what they bring is kept for a retry.
func (e *execution) extractAll(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(maxSideBySide)
	for _, s := range e.pipeline.Steps {
		if s.Family != compile.Source {
			continue
		}
		group.Go(func() error { return e.extract(ctx, s) })
	}
	err := group.Wait()
	if err != nil && !interrupted(ctx) {
		e.skipRest(ctx, "a step before it failed", compile.Transform, compile.Check, compile.Condition, compile.Sink)
	}
	return err
}

// extract brings one source's data to disk, unless it is there.
func (e *execution) extract(ctx context.Context, s *compile.Step) error {
	done, ok := stored(e.steps, s.Address, func(ds dataset.Dataset) bool { return intact(ds, e.dir(s.Address)) })
	if ok {
		e.emit(Event{Kind: StepChanged, Step: s.Address, Status: state.Succeeded, Reused: true, Rows: known(done.Rows), Bytes: done.Bytes()})
		return nil
	}
	if done.Left() { // its files are gone from here, and what is left there is of no use
		if err := e.releaseFiles(ctx, s.Address, done); err != nil {
			e.log.Warn("what a source left could not be removed", "step", s.Address, "error", err)
		}
	}
	src, err := e.bound.Source(s.Address)
	if err != nil {
		e.steps.end(ctx, s.Address, state.Failed, "", err)
		return e.locate(s.Address, err)
	}
	return e.attempts(ctx, s, s.Retry, e.steps.get(s.Address).StartedAt, func(ctx context.Context, attempt int) error {
		return e.extractOnce(ctx, s, src, attempt)
	})
}

// attempts runs a step's attempts by its policy, and records how they go. A
// step that a crash cut short goes on with the attempt it was in. began is when
// the first attempt of this series began; zero: now.
func (e *execution) attempts(ctx context.Context, s *compile.Step, policy retry.Policy, began time.Time, once func(context.Context, int) error) error {
	before := e.steps.get(s.Address)
	base := before.Base
	switch {
	case before.Status == state.Retrying:
		if err := waitUntil(ctx, before.NextTry, longestWait(policy)); err != nil {
			if !interrupted(ctx) {
				e.steps.end(ctx, s.Address, state.Cancelled, "", err)
			}
			return err
		}
	case before.Status.Final(): // the run was reopened: a new series
		base, began = before.Attempt, time.Time{}
	}
	first := e.steps.next(s.Address)
	policy.MaxAttempts += int64(base)
	if began.IsZero() {
		began = time.Now()
	}
	notify := func(attempt int, err error, next time.Time) {
		if err := e.steps.retrying(ctx, s.Address, attempt, err, next); err != nil {
			e.log.Warn("a retry could not be recorded", "step", s.Address, "error", err)
		}
	}
	err := retry.Do(ctx, policy, first, began, notify, func(ctx context.Context, attempt int) error {
		if s.Timeout > 0 {
			limit := problem.New("timeout", fmt.Sprintf("%s took longer than its timeout of %s", s.Address, s.Timeout), nil)
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, s.Timeout, limit)
			defer cancel()
		}
		err := once(ctx, attempt)
		if p := problem.As(context.Cause(ctx)); err != nil && p != nil {
			return p
		}
		return err
	})
	switch {
	case err == nil:
		return nil
	case interrupted(ctx):
		return err // stays running in the store: whoever goes on resumes it
	case ctx.Err() != nil:
		e.steps.end(ctx, s.Address, state.Cancelled, "", context.Cause(ctx))
		return context.Cause(ctx)
	}
	e.steps.end(ctx, s.Address, state.Failed, "", err)
	return e.locate(s.Address, err)
}

// longestWait bounds the rest of a wait that another process began: its clock
// may have been wrong.
func longestWait(p retry.Policy) time.Duration {
	return max(p.Or(retry.Default()).MaxBackoff, 10*time.Minute)
}

// waitUntil waits for a time that may have passed, for no longer than most, or
// for ctx to end.
func waitUntil(ctx context.Context, t time.Time, most time.Duration) error {
	timer := time.NewTimer(min(time.Until(t), most))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// interrupted reports whether the process itself is ending or has lost the
// run, so that nothing may be recorded as the run's own end.
func interrupted(ctx context.Context) bool {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(cause, ErrCancelRequested) || problem.As(cause) != nil {
		return false
	}
	return true
}

func (e *execution) extractOnce(ctx context.Context, s *compile.Step, src sources.Source, attempt int) error {
	step, err := e.steps.start(ctx, s.Address, attempt)
	if err != nil {
		return err
	}
	dir := e.dir(s.Address)
	if err := ensureDir(dir); err != nil {
		return err
	}
	wish := e.bound.Wish(s.Address)
	ds, err := src.Extract(ctx, sources.Request{
		Dir:     dir,
		Codec:   wish.Codec,
		Leave:   wish.Leave,
		Attempt: attemptID(e.run.ID, s.Address, attempt),
		Resume:  step.Token,
		Save: func(ctx context.Context, token []byte) error {
			step := e.steps.get(s.Address)
			step.Token = token
			return e.steps.put(ctx, step)
		},
		Progress: func(p sources.Progress) {
			e.emit(Event{Kind: StepProgress, Step: s.Address, Status: state.Running, Attempt: attempt, Phase: p.Phase, Done: p.Done, Total: p.Total, Scanned: p.ScannedBytes})
		},
	})
	if err != nil {
		return err
	}
	return e.steps.succeed(ctx, s.Address, ds, Event{Rows: known(ds.Rows), Bytes: ds.Bytes(), Columns: len(ds.Schema), Scanned: ds.Stats.ScannedBytes, Method: ds.Stats.Method})
}

// attemptID names an attempt: the same after a crash, another for each retry.
func attemptID(run, address string, attempt int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", run, address, attempt))
	return "waybill-" + hex.EncodeToString(sum[:20])
}
