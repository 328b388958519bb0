package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/state"
)

// errWaitSkips ends a run that is not to do without what it waited for, and
// not to fail either. Its text is the run's reason.
var errWaitSkips = errors.New("what it waited for did not come")

// waitResult is what a wait's step records.
type waitResult struct {
	Found string `json:"found"`
}

// waitAll waits for everything that the pipeline waits for, side by side. It
// holds no compute job meanwhile.
func (e *execution) waitAll(ctx context.Context) error {
	var group errgroup.Group
	for _, s := range e.pipeline.Steps {
		if s.Family == compile.Wait {
			group.Go(func() error { return e.wait(ctx, s) })
		}
	}
	err := group.Wait()
	if err != nil && !interrupted(ctx) {
		e.skipRest(ctx, "what the run waits for is not there", compile.Wait, compile.Source, compile.Transform, compile.Check, compile.Condition, compile.Sink)
	}
	return err
}

// wait looks until what one step waits for is there, or its time is over. The
// time counts from when the run first waited, restarts included.
func (e *execution) wait(ctx context.Context, s *compile.Step) error {
	before := e.steps.get(s.Address)
	if before.Status == state.Succeeded || before.Status == state.Skipped {
		return nil
	}
	w, err := e.bound.Waiter(s.Address)
	if err != nil {
		e.steps.end(ctx, s.Address, state.Failed, "", err)
		return e.locate(s.Address, err)
	}
	step, err := e.steps.start(ctx, s.Address, e.steps.next(s.Address))
	if err != nil {
		return err
	}
	e.emit(Event{Kind: StepProgress, Step: s.Address, Status: state.Running, Phase: "waiting for " + w.What()})
	last, err := e.look(ctx, s, w, step.StartedAt.Add(s.Timeout))
	switch {
	case err == nil:
		return e.steps.succeed(ctx, s.Address, waitResult{Found: w.What()}, Event{Reason: w.What()})
	case interrupted(ctx):
		return err
	case ctx.Err() != nil:
		e.steps.end(ctx, s.Address, state.Cancelled, "", context.Cause(ctx))
		return context.Cause(ctx)
	case errors.Is(err, errTooLate) && w.OnTimeout == "continue":
		e.steps.end(ctx, s.Address, state.Skipped, w.What()+" did not come; the run goes on without it", nil)
		return nil
	case errors.Is(err, errTooLate) && w.OnTimeout == "skip":
		e.steps.end(ctx, s.Address, state.Skipped, w.What()+" did not come", nil)
		return fmt.Errorf("%s: %w", s.Address, errWaitSkips)
	case errors.Is(err, errTooLate):
		err = tooLate(s, w, last)
	}
	e.steps.end(ctx, s.Address, state.Failed, "", err)
	return e.locate(s.Address, err)
}

// errTooLate ends a wait whose time is over.
var errTooLate = errors.New("too late")

// look polls until it is there. What keeps it from looking is borne until the
// time is over, unless it will not pass by itself; then it is returned as last.
func (e *execution) look(ctx context.Context, s *compile.Step, w compile.Waiting, deadline time.Time) (last, err error) {
	for {
		ready, err := w.Ready(ctx)
		switch {
		case ctx.Err() != nil:
			return last, context.Cause(ctx)
		case ready:
			return nil, nil
		case err != nil && problem.ClassOf(err) == problem.Permanent:
			return nil, err
		case err != nil:
			e.log.Warn("it could not be seen whether what a run waits for is there", "step", s.Address, "error", err)
		}
		last = err
		left := time.Until(deadline)
		if left <= 0 {
			return last, errTooLate
		}
		if err := waitUntil(ctx, time.Now().Add(min(w.Poll, left)), w.Poll); err != nil {
			return last, err
		}
	}
}

func tooLate(s *compile.Step, w compile.Waiting, last error) error {
	p := problem.New("wait-timeout", fmt.Sprintf("%s waited %s for %s, and it did not come", s.Address, s.Timeout, w.What()), nil)
	if last != nil {
		p.Cause = "The last look failed: " + last.Error()
	}
	return p
}
