package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"waybill/runner"
	"waybill/runner/compile"
	"waybill/runner/schedule"
	"waybill/runner/state"
)

// Reasons why a pipeline that comes after others skips a slot.
const (
	upstreamNotNew = "upstream not new"
	upstreamEnded  = "upstream " // name and status follow
)

// lookBack is how far behind the newest end of an upstream run ends are looked
// at again: another process may have recorded an earlier one later.
const lookBack = 10 * time.Minute

// follow fires the slots of a pipeline that has no schedule and comes after
// others: those for which all of them have ended. Each end of a run is a reason
// to look at its slot; the store keeps up to when they have been looked at.
func (d *Daemon) follow(ctx context.Context, l *loaded, p *compile.Pipeline) error {
	prev, err := d.Store.Watermark(ctx, p.Name)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return err
	}
	fingerprint := "after " + strings.Join(p.After, " ")
	if prev.Schedule != fingerprint { // new, or after others than before: nothing fires for the past
		return d.Store.SetWatermark(ctx, state.Watermark{Pipeline: p.Name, Schedule: fingerprint, At: l.at.Truncate(time.Second)})
	}
	slots, newest, err := d.endedSlots(ctx, p, prev.At)
	if err != nil || len(slots) == 0 {
		return err
	}
	next := prev
	if newest = newest.Add(-lookBack).Truncate(time.Second); newest.After(prev.At) {
		next.At = newest
	}
	var due []state.Run
	for _, slot := range slots {
		run, ready, err := d.followSlot(ctx, p, slot)
		if err != nil {
			return err
		}
		if ready {
			due = append(due, run)
		}
	}
	if len(due) == 0 && next.At.Equal(prev.At) {
		return nil
	}
	fired, err := d.Store.Fire(ctx, prev, next, due)
	if errors.Is(err, state.ErrConflict) {
		return nil // somebody else did it
	}
	if err == nil && len(fired) > 0 {
		d.fired(ctx, p, nil, fired)
	}
	return err
}

// endedSlots lists the slots of upstream runs that ended since a time, in
// order, and the time of the newest end.
func (d *Daemon) endedSlots(ctx context.Context, p *compile.Pipeline, since time.Time) ([]time.Time, time.Time, error) {
	var slots []time.Time
	var newest time.Time
	for _, up := range p.After {
		runs, err := d.Store.Runs(ctx, state.Filter{Pipeline: up, FinishedSince: since, Limit: 10_000})
		if err != nil {
			return nil, newest, err
		}
		for _, r := range runs {
			if r.Status.Final() {
				slots = append(slots, r.Slot)
			}
			if r.FinishedAt.After(newest) {
				newest = r.FinishedAt
			}
		}
	}
	slices.SortFunc(slots, time.Time.Compare)
	return slices.CompactFunc(slots, time.Time.Equal), newest, nil
}

// followSlot is the run of a pipeline for a slot of those it comes after. It is
// not ready while one of them has not ended.
func (d *Daemon) followSlot(ctx context.Context, p *compile.Pipeline, slot time.Time) (state.Run, bool, error) {
	now := time.Now().UTC()
	run := state.Run{ID: ulid.Make().String(), Pipeline: p.Name, Slot: slot, Trigger: "after", Status: state.Queued, CreatedAt: now}
	for _, up := range p.After {
		runs, err := d.Store.Runs(ctx, state.Filter{Pipeline: up, Slot: slot})
		if err != nil {
			return run, false, err
		}
		ended, ok := outcome(runs)
		if !ok {
			return run, false, nil
		}
		run.IntervalStart = ended.IntervalStart
		if ended.Status != state.Succeeded && run.Reason == "" {
			run.Status, run.Reason, run.FinishedAt = state.Skipped, upstreamEnded+up+" "+string(ended.Status), now
		}
	}
	last, err := d.Store.LastSlot(ctx, p.Name)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return run, false, err
	}
	if err == nil && last.Before(slot) {
		run.IntervalStart = last
	}
	return run, true, nil
}

// outcome is how the runs of one slot ended, newest first: one success is
// enough. It is not known while one of them goes on.
func outcome(runs []state.Run) (state.Run, bool) {
	for _, r := range runs {
		if r.Status == state.Succeeded {
			return r, true
		}
	}
	open := slices.ContainsFunc(runs, func(r state.Run) bool { return !r.Status.Final() })
	if open || len(runs) == 0 {
		return state.Run{}, false
	}
	return runs[0], true
}

// began are the states of runs that used, or will use, what came before them.
var began = []state.Status{state.Queued, state.Running, state.Succeeded, state.Failed, state.ConditionOff}

// awaitNew skips the slots of a pipeline with a schedule of its own for which
// not all of those it comes after have succeeded since it last ran. What is new
// is new for one slot only.
func (d *Daemon) awaitNew(ctx context.Context, p *compile.Pipeline, decisions []schedule.Decision) error {
	if len(p.After) == 0 {
		return nil
	}
	fresh, err := d.allNew(ctx, p)
	if err != nil {
		return err
	}
	for i := range slices.Backward(decisions) { // the latest slot is the one that counts
		if decisions[i].Skipped != "" {
			continue
		}
		if !fresh {
			decisions[i].Skipped, decisions[i].CancelPrevious = upstreamNotNew, false
		}
		fresh = false
	}
	return nil
}

func (d *Daemon) allNew(ctx context.Context, p *compile.Pipeline) (bool, error) {
	own, err := d.Store.Runs(ctx, state.Filter{Pipeline: p.Name, Statuses: began, Limit: 1})
	if err != nil {
		return false, err
	}
	for _, up := range p.After {
		done, err := d.Store.Runs(ctx, state.Filter{Pipeline: up, Statuses: []state.Status{state.Succeeded}, Limit: 1})
		if err != nil {
			return false, err
		}
		if len(done) == 0 || len(own) > 0 && (own[0].StartedAt.IsZero() || !done[0].FinishedAt.After(own[0].StartedAt)) {
			return false, nil
		}
	}
	return true, nil
}

// move gives the history of renamed pipelines to their new names, and returns
// the names that have to wait for it: until the last run under the old name has
// ended.
func (d *Daemon) move(ctx context.Context, l *loaded) map[string]bool {
	waiting := map[string]bool{}
	for _, m := range l.Moves {
		if l.moved[m.From] {
			continue
		}
		moved, err := d.Store.Move(ctx, m.From, m.To, runner.DeliveryID)
		switch {
		case errors.Is(err, state.ErrConflict):
			waiting[m.To] = true
			continue
		case err != nil:
			waiting[m.To] = true
			d.Log.Error("the history of a renamed pipeline could not be moved", "from", m.From, "to", m.To, "error", err)
			continue
		case moved:
			d.Log.Info("a pipeline is renamed and keeps its history", "from", m.From, "to", m.To)
		}
		l.moved[m.From] = true
	}
	return waiting
}
