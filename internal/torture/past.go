package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
)

// reruns kill a run whose slot has been delivered before, with other data, of
// flows that do the same then as the first time. What the others do then is a
// flow of its own.
func reruns(recs []recording) (out []plan) {
	for _, p := range append(requestKills(recs), randomKills(recs)...) {
		own := slices.ContainsFunc(recs, func(r recording) bool { return r.flow.pipeline == p.flow.pipeline && r.flow.again() })
		if p.flow.plain && !p.flow.scheduled && !p.wait && !own {
			p.name, p.past = "again/"+p.name, []past{{0, otherOrders()}}
			out = append(out, p)
		}
	}
	return out
}

// livePast delivers what was delivered before, and then puts the data there
// that are to arrive.
func (t *trial) livePast(ctx context.Context) error {
	all := slices.Concat(t.plan.flow.past, t.plan.past)
	if len(all) == 0 {
		return nil
	}
	t.copy = filepath.Join(t.dir, "project")
	if err := t.plan.flow.write(t.copy); err != nil {
		return err
	}
	t.proxy.SetRules()
	for _, p := range all {
		if err := t.live(ctx, p); err != nil {
			return err
		}
	}
	t.proxy.SetRules(t.plan.rules...)
	t.quiet = len(t.proxy.Requests())
	return writeOrders(t.copy, allOrders())
}

// ofThePast is the number of a process that is not tortured.
const ofThePast = -1

// live delivers one slot, with nothing done to it.
func (t *trial) live(ctx context.Context, past past) error {
	if err := writeOrders(t.copy, past.data); err != nil {
		return err
	}
	slot := t.slot.AddDate(-past.years, 0, 0)
	p, err := t.start(ofThePast, t.runAt(slot)...)
	if err != nil {
		return err
	}
	t.await(p, 1)
	run, _ := t.last(ctx)
	if run.Status != "succeeded" {
		return fmt.Errorf("the delivery before is %q: see %s", run.Status, t.log)
	}
	t.before, t.others = run.ID, append(t.others, slot)
	return nil
}
