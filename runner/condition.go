package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/state"
	"waybill/runner/transform"
)

// errConditionUnmet ends a run that has nothing to deliver. That is a success
// of its own kind.
var errConditionUnmet = errors.New("a condition is not met")

// condition asks a condition's question. One that does not hold ends the run
// before anything is written.
func (e *execution) condition(ctx context.Context, job engine.Job, s *compile.Step) error {
	if _, err := e.steps.start(ctx, s.Address, e.steps.next(s.Address)); err != nil {
		return err
	}
	result, err := AskCondition(ctx, job, e.bound, s, func(ctx context.Context) (state.Baseline, error) {
		return e.Store.Baseline(ctx, e.run.Pipeline, s.Address)
	})
	if err != nil {
		return err
	}
	if !result.Met {
		return e.unmet(ctx, s, result)
	}
	return e.steps.succeed(ctx, s.Address, result, Event{Reason: result.Says})
}

// unmet records that a condition does not hold, and that its run is over.
func (e *execution) unmet(ctx context.Context, s *compile.Step, result ConditionAnswer) error {
	step := e.steps.get(s.Address)
	data, err := encodeJSON(result)
	if err != nil {
		return err
	}
	step.Status, step.Result, step.FinishedAt = state.ConditionOff, data, time.Now().UTC()
	if err := e.steps.put(ctx, step); err != nil {
		return err
	}
	e.emitDone(step, Event{Reason: result.Says})
	return errConditionUnmet
}

// wasUnmet reports whether a condition is recorded as not met.
func (e *execution) wasUnmet() bool {
	return slices.ContainsFunc(e.pipeline.Steps, func(s *compile.Step) bool {
		return s.Family == compile.Condition && e.steps.get(s.Address).Status == state.ConditionOff
	})
}

// endUnmet ends a run whose condition is not met.
func (e *execution) endUnmet(ctx context.Context) error {
	e.skipRest(ctx, "a condition is not met", compile.Condition, compile.Sink)
	if err := e.promote(ctx, false); err != nil {
		return err
	}
	return errConditionUnmet
}

// askRows decides by the rows of a relation.
func askRows(ctx context.Context, job engine.Job, c transform.Condition, baseline func(context.Context) (state.Baseline, error)) (ConditionAnswer, error) {
	if c.When == transform.Present || c.When == transform.Missing {
		n, err := job.Count(ctx, c.Input)
		return ConditionAnswer{Met: (n > 0) == (c.When == transform.Present), Says: fmt.Sprintf("%s has %d rows", c.Input, n)}, err
	}
	hash, err := job.Hash(ctx, c.Input)
	if err != nil {
		return ConditionAnswer{}, err
	}
	before, err := baseline(ctx)
	if err != nil {
		return ConditionAnswer{}, err
	}
	out := ConditionAnswer{Digest: hash.Algorithm + ":" + hash.Sum}
	last, when := before.Delivered, "the last delivery"
	if c.When == transform.Unchanged {
		last, when = before.Evaluated, "the last run"
	}
	switch {
	case last == "":
		out.Says = "there is no earlier result"
	case last == out.Digest:
		out.Says = "unchanged since " + when
	default:
		out.Says = "changed since " + when
	}
	out.Met = (last != out.Digest) == (c.When == transform.Changed)
	return out, nil
}

// askQuery decides by the one value of a statement.
func askQuery(ctx context.Context, job engine.Job, s *compile.Step, c transform.Condition) (ConditionAnswer, error) {
	schema, err := job.Define(ctx, s.Address, c.SQL, s.Inputs)
	if err != nil {
		return ConditionAnswer{}, err
	}
	if err := compile.OneBoolean(s.Address, schema); err != nil {
		return ConditionAnswer{}, err
	}
	_, rows, err := job.Preview(ctx, s.Address, 2)
	if err != nil {
		return ConditionAnswer{}, err
	}
	if len(rows) != 1 {
		return ConditionAnswer{}, compile.NotOneBoolean(s.Address, fmt.Sprintf("its query returned %s rows", severalOrNo(len(rows))))
	}
	says := "NULL"
	if v := rows[0][0]; v != nil {
		says = strings.ToLower(*v)
	}
	return ConditionAnswer{Met: says == "true", Says: "its query says " + says}, nil
}

func severalOrNo(n int) string {
	if n == 0 {
		return "no"
	}
	return "several"
}

// promote makes this run's results those that the next run's conditions
// compare with. It comes last, so that a run that goes on after a crash still
// compares with the runs before it, and may be repeated.
//
// A run for a slot that is older than what has succeeded already, such as one
// that is made up for, leaves the baselines to the newer ones.
func (e *execution) promote(ctx context.Context, delivered bool) error {
	newest, err := e.Store.LastSlot(ctx, e.run.Pipeline)
	switch {
	case err == nil && newest.After(e.run.Slot):
		return nil
	case err != nil && !errors.Is(err, state.ErrNotFound):
		return err
	}
	for _, s := range e.pipeline.Steps {
		step := e.steps.get(s.Address)
		if s.Family != compile.Condition || len(step.Result) == 0 {
			continue
		}
		var result ConditionAnswer
		if err := decode(step.Result, &result); err != nil {
			return err
		}
		if result.Digest == "" {
			continue
		}
		if err := e.Store.SetEvaluated(ctx, e.Owner, e.run.ID, s.Address, result.Digest); err != nil {
			return err
		}
		if !delivered {
			continue
		}
		if err := e.Store.SetDelivered(ctx, e.Owner, e.run.ID, s.Address, result.Digest); err != nil {
			return err
		}
	}
	return nil
}
