package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"waybill/internal/torture/check"
	"waybill/internal/torture/proxy"
)

// missed is how long the daemon of a scheduled flow believes to have been away:
// long enough for some slots.
const missed = 200 * time.Second

// trySchedule carries out a plan for a flow that a daemon fires: a daemon that
// has missed some slots is started, killed, and started until all are over.
func (w *world) trySchedule(ctx context.Context, p plan) (out outcome) {
	rules := p.rules
	p.rules = nil // the first daemon only learns what the schedule is
	t, err := w.newTrial(p)
	if err != nil {
		return outcome{plan: p, err: err}
	}
	t.plan.rules = rules
	defer func() { t.close(&out) }()
	out = outcome{plan: p, dir: t.dir}
	var slots []time.Time
	if slots, out.err = t.carrySchedule(ctx); out.err == nil {
		out.verdict, out.err = t.judge(ctx, slots)
	}
	return t.end(out)
}

// carrySchedule returns the slots that had to be delivered.
func (t *trial) carrySchedule(ctx context.Context) ([]time.Time, error) {
	if err := t.serve(ctx, 1, func() bool { return check.Knows(ctx, t.ledger, t.plan.flow.pipeline) }); err != nil {
		return nil, err
	}
	since := time.Now().Add(-missed)
	if err := missSlots(ctx, t.ledger, missed); err != nil {
		return nil, err
	}
	t.proxy.SetRules(t.plan.rules...)
	for n := range attempts {
		before := t.kills
		if err := t.serveSlots(ctx, n); err != nil {
			return nil, err
		}
		if err := t.rest(ctx); err != nil {
			return nil, err
		}
		t.proxy.SetRules()
		if n > 0 && t.kills == before {
			return slotsUntil(since, newest(ctx, t.ledger, t.plan.flow.pipeline)), nil
		}
	}
	return nil, errors.New("the daemon did not come to rest")
}

// serveSlots is a daemon that goes on until it has died, or all slots so far
// are over; runs that failed are then gone on with.
func (t *trial) serveSlots(ctx context.Context, n int) error {
	if n == 0 && t.plan.first != nil {
		return t.plan.first(ctx, t)
	}
	if n == 0 && t.plan.anytime > 0 {
		timer := time.AfterFunc(time.Duration(t.rand.Int64N(int64(t.plan.anytime))), t.victim.kill)
		defer timer.Stop()
	}
	err := t.serve(ctx, n, func() bool {
		runs, err := check.Runs(ctx, t.ledger, t.plan.flow.pipeline)
		for _, r := range runs {
			if !r.Over() {
				return false
			}
		}
		return err == nil && len(runs) > 0
	})
	if err != nil {
		return err
	}
	runs, err := check.Runs(ctx, t.ledger, t.plan.flow.pipeline)
	for _, r := range runs {
		if err != nil || r.Status != "failed" {
			continue
		}
		p, err := t.start(n+1, "runs", "retry", r.ID, "-C", t.project())
		if err != nil {
			return err
		}
		t.await(p, 1)
	}
	return err
}

// slotsUntil are the minutes after since, up to the last.
func slotsUntil(since, last time.Time) (out []time.Time) {
	for at := since.UTC().Truncate(time.Minute).Add(time.Minute); !at.After(last); at = at.Add(time.Minute) {
		out = append(out, at)
	}
	return out
}

// newest is the last slot that has a run.
func newest(ctx context.Context, ledger, pipeline string) (at time.Time) {
	runs, _ := check.Runs(ctx, ledger, pipeline) // none: every slot is lost, which is then found
	for _, r := range runs {
		if r.Slot.After(at) {
			at = r.Slot
		}
	}
	return at
}

// record is a trial in which nothing is done: it counts requests and commits.
func (w *world) record(ctx context.Context, f flow) (requests []proxy.Request, commits int, out outcome) {
	log := filepath.Join(w.dir, f.name+".commits.txt")
	p := plan{name: "record/" + f.name, flow: f, log: log}
	if f.scheduled {
		out = w.trySchedule(ctx, p)
	} else {
		out = w.try(ctx, p)
	}
	commits, err := countLines(log)
	out.err = errors.Join(out.err, err)
	return out.requests, commits, out
}
