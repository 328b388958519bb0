package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"waybill/runner/compile"
	"waybill/runner/schedule"
	"waybill/runner/state"
)

// longestSleep bounds the scheduler's sleep, so that a clock that was set
// forward is noticed soon.
const longestSleep = 30 * time.Second

// schedule fires slots until ctx ends. What decides is in the store; this loop
// only asks at the right time.
func (d *Daemon) schedule(ctx context.Context) error {
	ticks := map[string]time.Time{} // pipeline → when it was last decided
	for {
		wake := d.tick(ctx, ticks)
		timer := time.NewTimer(wake)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-d.wakeScheduler:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// tick decides for every pipeline and returns how long to sleep.
func (d *Daemon) tick(ctx context.Context, ticks map[string]time.Time) time.Duration {
	l := d.current.Load()
	sleep := longestSleep
	behind := 0.0
	waiting := d.move(ctx, l)
	if len(waiting) > 0 {
		sleep = time.Second
	}
	for _, p := range l.Pipelines {
		follows := len(p.Triggers) == 0 && len(p.After) > 0
		if len(p.Triggers) == 0 && !follows || !p.Enabled || waiting[p.Name] {
			delete(ticks, p.Name)
			continue
		}
		if follows {
			if err := d.follow(ctx, l, p); err != nil && ctx.Err() == nil {
				d.Log.Error("it could not be decided whether a pipeline's turn has come", "pipeline", p.Name, "error", err)
				sleep = min(sleep, time.Second)
			}
			continue
		}
		out, err := d.decide(ctx, l, p, ticks[p.Name])
		if ctx.Err() != nil {
			return 0
		}
		ticks[p.Name] = time.Now().UTC() // we were there, even if the store was not
		if err != nil {
			d.Log.Error("a schedule could not be decided", "pipeline", p.Name, "error", err)
			sleep = min(sleep, time.Second)
			continue
		}
		behind = max(behind, out.Behind.Seconds())
		if !out.Wake.IsZero() {
			sleep = min(sleep, max(0, time.Until(out.Wake)))
		}
	}
	d.Metrics.ClockBehind.Set(behind)
	return sleep
}

// decide asks what is due for one pipeline and stores the answer. A race with
// another process is lost without harm: the next tick sees what the other did.
func (d *Daemon) decide(ctx context.Context, l *loaded, p *compile.Pipeline, lastTick time.Time) (schedule.Output, error) {
	in, prev, err := d.input(ctx, l, p, lastTick)
	if err != nil {
		return schedule.Output{}, err
	}
	out := schedule.Decide(in)
	next := state.Watermark{Pipeline: p.Name, Schedule: out.Watermark.Schedule, At: out.Watermark.At}
	switch {
	case out.Reset:
		return out, d.Store.SetWatermark(ctx, next)
	case out.Behind > 0:
		d.Log.Error("the clock is behind what has been scheduled; nothing fires until it has caught up", "code", "clock-behind", "pipeline", p.Name, "behind", out.Behind.String())
	}
	if !out.Unrecorded.From.IsZero() {
		d.Log.Warn("slots were missed and passed over", "pipeline", p.Name, "from", out.Unrecorded.From, "to", out.Unrecorded.To)
	}
	if len(out.Decisions) == 0 {
		return out, nil
	}
	if err := d.awaitNew(ctx, p, out.Decisions); err != nil {
		return out, err
	}
	fired, err := d.Store.Fire(ctx, prev, next, runsOf(p, out.Decisions))
	if errors.Is(err, state.ErrConflict) {
		out.Wake = time.Now()
		return out, nil
	}
	if err != nil {
		return out, err
	}
	d.fired(ctx, p, out.Decisions, fired)
	return out, nil
}

func (d *Daemon) input(ctx context.Context, l *loaded, p *compile.Pipeline, lastTick time.Time) (schedule.Input, state.Watermark, error) {
	prev, err := d.Store.Watermark(ctx, p.Name)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return schedule.Input{}, prev, err
	}
	pending, err := d.Store.Pending(ctx, p.Name)
	if err != nil {
		return schedule.Input{}, prev, err
	}
	last, err := d.Store.LastSlot(ctx, p.Name)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return schedule.Input{}, prev, err
	}
	return schedule.Input{
		Pipeline: p.Name, Triggers: p.Triggers,
		Watermark: schedule.Watermark{Schedule: prev.Schedule, At: prev.At},
		Now:       time.Now().UTC(), Reloaded: l.at, LastTick: lastTick,
		Active: len(pending) > 0, LastRan: last,
	}, prev, nil
}

func runsOf(p *compile.Pipeline, decisions []schedule.Decision) []state.Run {
	now := time.Now().UTC()
	runs := make([]state.Run, len(decisions))
	for i, dec := range decisions {
		runs[i] = state.Run{ID: ulid.Make().String(), Pipeline: p.Name, Slot: dec.Slot, Trigger: "schedule",
			Status: state.Queued, IntervalStart: dec.IntervalStart, CreatedAt: now}
		if dec.Skipped != "" {
			runs[i].Status, runs[i].Reason, runs[i].FinishedAt = state.Skipped, string(dec.Skipped), now
		}
	}
	return runs
}

// fired tells of new slots, and cancels the runs before where that was asked.
func (d *Daemon) fired(ctx context.Context, p *compile.Pipeline, decisions []schedule.Decision, runs []state.Run) {
	for _, r := range runs {
		d.Metrics.Slots.WithLabelValues(p.Name, string(r.Status)).Inc()
		d.Log.Info("slot", "pipeline", p.Name, "slot", r.Slot, "run", r.ID, "status", string(r.Status), "reason", r.Reason)
	}
	for _, dec := range decisions {
		if dec.CancelPrevious {
			d.cancelBefore(ctx, p.Name, dec.Slot)
		}
	}
	poke(d.wakeWorkers)
}

func (d *Daemon) cancelBefore(ctx context.Context, pipeline string, slot time.Time) {
	pending, err := d.Store.Pending(ctx, pipeline)
	if err != nil {
		d.Log.Error("earlier runs could not be cancelled", "pipeline", pipeline, "error", err)
		return
	}
	for _, r := range pending {
		if !r.Slot.Before(slot) {
			continue
		}
		if r.Status == state.Queued {
			err = d.Store.Finish(ctx, r.ID, "", state.Cancelled, "cancel_previous", nil, time.Now().UTC())
		}
		if r.Status != state.Queued || errors.Is(err, state.ErrConflict) { // running, or claimed meanwhile
			err = d.Store.RequestCancel(ctx, r.ID)
		}
		if err != nil && !errors.Is(err, state.ErrConflict) {
			d.Log.Error("an earlier run could not be cancelled", "run", r.ID, "error", err)
		}
	}
}
