package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/state"
	"waybill/sinks"
)

// deliverAll hands every sink its artifacts, side by side. All of them are
// frozen. A sink that fails does not hold back the others, and one that has
// delivered is not asked again.
func (e *execution) deliverAll(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(maxSideBySide)
	for _, s := range e.pipeline.Steps {
		if s.Family == compile.Sink {
			group.Go(func() error { return e.deliver(ctx, s) })
		}
	}
	return group.Wait()
}

// DeliveryID names what one sink owes for one slot, whoever delivers it.
func DeliveryID(pipeline, sink string, slot time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", pipeline, sink, slot.Unix()))
	return hex.EncodeToString(sum[:16])
}

func (e *execution) deliver(ctx context.Context, s *compile.Step) error {
	result, ok := e.frozen(s.Address)
	switch {
	case !ok:
		return problem.New("internal", fmt.Sprintf("%s has nothing frozen", s.Address), nil)
	case result.Receipt != nil:
		if err := e.keep(ctx, s, result); err != nil {
			return e.locate(s.Address, err)
		}
		e.emit(Event{Kind: StepChanged, Step: s.Address, Status: state.Succeeded, Reused: true, Objects: result.Receipt.Objects, Identity: result.Receipt.Identity, Rows: known(rowsOf(result))})
		return nil
	case result.Skipped != "":
		return nil
	case len(result.Artifacts) == 0:
		if err := e.keep(ctx, s, result); err != nil {
			return e.locate(s.Address, err)
		}
		e.steps.end(ctx, s.Address, state.Skipped, "no rows", nil)
		return nil
	}
	sink, err := e.sink(s, result)
	if err == nil {
		err = e.unchanged(ctx, s, result)
	}
	if err == nil {
		result, err = e.beginDelivery(ctx, s, result)
	}
	if err != nil {
		if interrupted(ctx) {
			return err
		}
		e.steps.end(ctx, s.Address, state.Failed, "", err)
		return e.locate(s.Address, err)
	}
	err = e.attempts(ctx, s, s.Retry, result.Began, func(ctx context.Context, attempt int) error {
		return e.deliverOnce(ctx, s, sink, result, attempt)
	})
	if err != nil || e.steps.get(s.Address).Status != state.Succeeded {
		return err
	}
	if err := e.keep(context.WithoutCancel(ctx), s, result); err != nil {
		return e.locate(s.Address, err)
	}
	return nil
}

// sink builds a step's sink, which must lead to where its artifacts were frozen
// for: variables and the environment may be others than when the run began.
func (e *execution) sink(s *compile.Step, result sinkResult) (sinks.Sink, error) {
	out, err := e.bound.Output(s.Address)
	if err != nil {
		return nil, err
	}
	if out.Place != result.Place {
		return nil, problem.New("delivery-changed", fmt.Sprintf("%s was to deliver to %s, and would now deliver to %s", s.Address, result.Place, out.Place), nil)
	}
	sink, err := e.bound.Sink(s.Address)
	if planned, ok := sink.(sinks.Planned); ok && err == nil && len(result.Options) > 0 {
		return planned.WithOptions(result.Options)
	}
	return sink, err
}

// sinkOptions are what a sink wants kept with the plan of its delivery.
func (e *execution) sinkOptions(address string) (json.RawMessage, error) {
	sink, err := e.bound.Sink(address)
	if err != nil {
		return nil, err
	}
	if planned, ok := sink.(sinks.Planned); ok {
		return planned.Options()
	}
	return nil, nil
}

// beginDelivery records when the first attempt began, from which on the policy
// counts its time.
func (e *execution) beginDelivery(ctx context.Context, s *compile.Step, result sinkResult) (sinkResult, error) {
	step := e.steps.get(s.Address)
	if !result.Began.IsZero() && !step.Status.Final() {
		return result, nil
	}
	result.Began = time.Now().UTC()
	data, err := encodeJSON(result)
	if err != nil {
		return result, err
	}
	step.Result = data
	return result, e.steps.put(ctx, step)
}

// plan writes what is about to be delivered into the ledger.
func (e *execution) plan(ctx context.Context, s *compile.Step, result sinkResult) error {
	data, err := json.Marshal(result.frozenSink)
	if err != nil {
		return fmt.Errorf("encoding the plan of %s: %w", s.Address, err)
	}
	_, err = e.Store.Plan(ctx, e.Owner, state.Delivery{
		ID: DeliveryID(e.run.Pipeline, s.Address, e.run.Slot), Pipeline: e.run.Pipeline, Sink: s.Address,
		Slot: e.run.Slot, Run: e.run.ID, Plan: data, PlannedAt: time.Now().UTC(),
	})
	if !errors.Is(err, state.ErrConflict) {
		return err
	}
	if now, err := e.Store.Run(ctx, e.run.ID); err == nil && now.Owner != e.Owner {
		return errLeaseLost
	}
	return problem.New("delivery-busy", fmt.Sprintf("another run is delivering %s of %s for the slot %s", s.Address, e.run.Pipeline, e.run.Slot.Format(time.RFC3339)), err)
}

func (e *execution) deliverOnce(ctx context.Context, s *compile.Step, sink sinks.Sink, result sinkResult, attempt int) error {
	if _, err := e.steps.start(ctx, s.Address, attempt); err != nil {
		return err
	}
	if err := e.plan(ctx, s, result); err != nil {
		return err
	}
	id := DeliveryID(e.run.Pipeline, s.Address, e.run.Slot)
	intents, err := e.Store.Intents(ctx, id)
	if err != nil {
		return err
	}
	standing, err := e.Store.Standing(ctx, id)
	if err != nil {
		return err
	}
	notes := result.Shortcut.notes()
	d := sinks.Delivery{ID: id, Pipeline: e.run.Pipeline, Sink: s.Address, Slot: e.run.Slot, Run: e.run.ID,
		IfExists: result.IfExists, Intents: intents, Standing: standing, Ledger: ledger{e, id},
		Progress: func(p sinks.Progress) {
			e.emit(Event{Kind: StepProgress, Step: s.Address, Status: state.Running, Attempt: attempt, Phase: "sending", Done: p.Done, Total: p.Total})
		},
		Note: func(text string) { notes = append(notes, text) }}
	for _, a := range result.Artifacts {
		a.Path = filepath.Join(e.dir(s.Address), a.File)
		d.Artifacts = append(d.Artifacts, a.Artifact)
	}
	receipt, err := sink.Deliver(ctx, d)
	switch {
	case err != nil:
		return err
	case receipt.Skipped != "":
		return e.skippedDelivery(ctx, s, result, receipt.Skipped)
	}
	return e.delivered(ctx, s, id, result, receipt, notes)
}

// delivered records receipt and step in one transaction.
func (e *execution) delivered(ctx context.Context, s *compile.Step, id string, result sinkResult, receipt sinks.Receipt, notes []string) error {
	result.Receipt = &receipt
	now := time.Now().UTC()
	step := e.steps.get(s.Address)
	data, err := encodeJSON(result)
	if err != nil {
		return err
	}
	step.Status, step.Result, step.Problem, step.NextTry, step.FinishedAt = state.Succeeded, data, nil, time.Time{}, now
	receiptJSON, err := encodeJSON(receipt)
	if err != nil {
		return err
	}
	if err := e.Store.Deliver(context.WithoutCancel(ctx), e.Owner, id, receiptJSON, step, now); err != nil {
		return fmt.Errorf("recording the delivery of %s: %w", s.Address, err)
	}
	e.steps.remember(step)
	var bytes int64
	for _, o := range receipt.Objects {
		bytes += o.Size
	}
	e.emitDone(step, Event{Rows: known(rowsOf(result)), Bytes: bytes, Objects: receipt.Objects, Identity: receipt.Identity, Notes: notes})
	return nil
}

// skippedDelivery records that a sink delivered nothing, because it was not to
// replace what stands there.
func (e *execution) skippedDelivery(ctx context.Context, s *compile.Step, result sinkResult, why string) error {
	result.Skipped = why
	data, err := encodeJSON(result)
	if err != nil {
		return err
	}
	step := e.steps.get(s.Address)
	step.Result = data
	if err := e.steps.put(context.WithoutCancel(ctx), step); err != nil {
		return err
	}
	e.steps.end(ctx, s.Address, state.Skipped, why, nil)
	return nil
}

func rowsOf(r sinkResult) int64 {
	var n int64
	for _, a := range r.Artifacts {
		n += a.Rows
	}
	return n
}

// ledger is the store's ledger for one delivery of this run.
type ledger struct {
	e  *execution
	id string
}

func (l ledger) Held(ctx context.Context) error {
	now, err := l.e.Store.Run(ctx, l.e.run.ID)
	if err == nil && now.Owner != l.e.Owner {
		return errLeaseLost
	}
	return err
}

func (l ledger) Intend(ctx context.Context, in sinks.Intent) error {
	return l.e.Store.Intend(ctx, l.e.Owner, l.id, in)
}

func (l ledger) Settle(ctx context.Context, obj sinks.Object) error {
	return l.e.Store.Settle(ctx, l.e.Owner, l.id, obj)
}

func (l ledger) Aborted(ctx context.Context, key, uploadID string) error {
	return l.e.Store.Aborted(ctx, l.e.Owner, l.id, key, uploadID)
}

func (l ledger) Removed(ctx context.Context, key string) error {
	return l.e.Store.Removed(ctx, l.e.Owner, l.id, key)
}

func (b *stepBook) remember(s state.Step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.by[s.Address] = s
}

func decode(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading what an earlier step recorded: %w", err)
	}
	return nil
}

func encodeJSON(v any) (json.RawMessage, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding a result: %w", err)
	}
	return data, nil
}

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
