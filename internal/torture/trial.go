package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"waybill/internal/torture/check"
	"waybill/internal/torture/proxy"
)

// A plan is one trial: a flow, what is done to it, and how it goes on.
type plan struct {
	name string // tells all, and makes the random choices
	flow flow
	// rules are for the first process, again for the second.
	rules, again []proxy.Rule
	crash        string        // "after 7": the first process dies at that commit
	anytime      time.Duration // the first process dies at a random time within this
	sabotage     string        // what the program does wrong
	serve        bool          // a daemon goes on, not `runs retry`
	wait         bool          // the lease is waited out, not set
	log          string        // commits are written there
	late         bool          // a request may rightly come after success
	past         []past        // delivered before, after the flow's own
	// first takes the place of the first process, and spoil is done to the spool
	// after it. Both may be nil.
	first func(context.Context, *trial) error
	spoil func(*trial) error
}

// An outcome is what came of a plan.
type outcome struct {
	plan     plan
	verdict  check.Verdict
	kills    int
	requests []proxy.Request // but for those of the past
	dir      string
	err      error // of the torture itself
}

// attempts bounds how many processes a trial may take until it counts as lost.
const attempts = 10

// A trial is a plan being carried out.
type trial struct {
	*world
	plan   plan
	slot   time.Time
	dir    string
	ledger string
	log    string
	proxy  *proxy.Proxy
	watch  *check.Watch
	victim victim
	rand   *rand.Rand
	kills  int
	hung   int
	broken []string      // promises beside deliveries
	held   chan struct{} // told when a request is held
	copy   string        // a project of the trial's own, if it has one
	before string        // the last run before those that are tortured
	others []time.Time   // slots that were delivered before
	quiet  int           // requests before the torture began
	clean  func() error  // what is to be done before the directory goes; may be nil
}

// try carries out a plan. The trial's directory stays if anything was wrong.
func (w *world) try(ctx context.Context, p plan) (out outcome) {
	t, err := w.newTrial(p)
	if err != nil {
		return outcome{plan: p, err: err}
	}
	defer func() { t.close(&out) }()
	out = outcome{plan: p, dir: t.dir}
	if out.err = t.carry(ctx); out.err == nil {
		out.verdict, out.err = t.judge(ctx, []time.Time{t.slot})
	}
	return t.end(out)
}

func (w *world) newTrial(p plan) (*trial, error) {
	n := w.trials.Add(1)
	t := &trial{world: w, plan: p, slot: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(n)),
		dir: filepath.Join(w.dir, "trials", fmt.Sprintf("%04d", n)), rand: w.random(p.name), held: make(chan struct{}, 1)}
	t.ledger, t.log = filepath.Join(t.dir, "data", "waybill.db"), filepath.Join(t.dir, "log.txt")
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return nil, err
	}
	t.watch = &check.Watch{Buckets: w.buckets, Wants: t.wants(), Slots: []time.Time{t.slot}}
	var err error
	t.proxy, err = proxy.Start(w.url, proxy.Hooks{Kill: t.victim.kill, Saw: t.watch.Saw, Gone: t.watch.Gone, Held: func() { t.held <- struct{}{} },
		Interrupt: func() { t.victim.get().signal(syscall.SIGTERM) }}, p.rules...)
	return t, err
}

// random is the same for the same seed and name.
func (w *world) random(name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // cannot fail
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

func (t *trial) wants() []check.Want { return t.plan.flow.wantsOf(filepath.Base(t.dir)) }

// end adds what is the same for all trials.
func (t *trial) end(out outcome) outcome {
	out.kills, out.requests = t.kills, t.proxy.Requests()[t.quiet:]
	out.verdict.Losses = append(out.verdict.Losses, t.broken...)
	if t.hung > 0 {
		out.verdict.Losses = append(out.verdict.Losses, fmt.Sprintf("%d processes hung for %s", t.hung, patience))
	}
	return out
}

// close ends what is still there. The directory stays if anything was wrong.
func (t *trial) close(out *outcome) {
	t.victim.kill()
	t.proxy.Close()
	keep := out.err != nil || !out.verdict.Clean()
	if t.clean != nil && !keep {
		out.err = t.clean()
	}
	if !keep {
		out.err = errors.Join(out.err, os.RemoveAll(t.dir))
	}
}

// carry starts processes until the run is over and has succeeded.
func (t *trial) carry(ctx context.Context) error {
	if err := t.livePast(ctx); err != nil {
		return err
	}
	for n := range attempts {
		switch n {
		case 0:
		case 1:
			t.proxy.SetRules(t.plan.again...)
		default:
			t.proxy.SetRules()
		}
		run, ok := t.last(ctx)
		if ok && run.Status == "succeeded" {
			return nil
		}
		if n > 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := t.once(ctx, n, run, ok); err != nil {
			return err
		}
		if err := t.rest(ctx); err != nil {
			return err
		}
		if n == 0 && t.plan.spoil != nil {
			if err := t.plan.spoil(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// last is the run that is tortured.
func (t *trial) last(ctx context.Context) (check.Run, bool) {
	run, ok := last(ctx, t.ledger, t.plan.flow.pipeline)
	return run, ok && run.ID > t.before
}

// once is one process from start to end.
func (t *trial) once(ctx context.Context, n int, run check.Run, begun bool) error {
	if n == 0 && t.plan.first != nil {
		return t.plan.first(ctx, t)
	}
	var p *process
	var err error
	switch {
	case !begun:
		p, err = t.start(n, t.run()...)
	case t.plan.serve && !run.Over():
		return t.serveUntilOver(ctx, n)
	default:
		p, err = t.start(n, "runs", "retry", run.ID, "-C", t.project())
	}
	if err != nil {
		return err
	}
	t.await(p, n)
	return nil
}

// await waits for the end of a process, which may be killed at any time.
func (t *trial) await(p *process, n int) {
	if n == 0 && t.plan.anytime > 0 {
		timer := time.AfterFunc(time.Duration(t.rand.Int64N(int64(t.plan.anytime))), p.kill)
		defer timer.Stop()
	}
	if !p.wait() {
		t.hung++
	} else if p.killed() {
		t.kills++
	}
}

// rest waits for what the dead have sent, and for their leases.
func (t *trial) rest(ctx context.Context) error {
	t.proxy.Settle()
	run, ok := t.last(ctx)
	if !ok || run.Over() {
		return nil
	}
	if !t.plan.wait {
		return endLeases(ctx, t.ledger)
	}
	select {
	case <-time.After(time.Until(run.LeaseUntil)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *trial) project() string {
	return cmp.Or(t.copy, filepath.Join(t.world.dir, "flows", t.plan.flow.name))
}

// run is the command line that begins the run.
func (t *trial) run() []string {
	return t.runAt(t.slot)
}

func (t *trial) runAt(slot time.Time) []string {
	return []string{"run", t.plan.flow.pipeline, "-C", t.project(), "--at", slot.Format(time.DateOnly)}
}

// start starts the n-th process of the trial; one of the past has no number, and
// does nothing wrong.
func (t *trial) start(n int, args ...string) (*process, error) {
	program, env := t.shipped, t.environment(t.proxy.URL)
	if n != ofThePast && (t.plan.crash != "" || t.plan.sabotage != "" || t.plan.log != "") {
		program = t.hooked
		env = append(env, "WAYBILL_SABOTAGE="+t.plan.sabotage)
		if n == 0 {
			env = append(env, "WAYBILL_CRASH="+t.plan.crash, "WAYBILL_CRASH_LOG="+t.plan.log)
		}
	}
	args = append(args, "--data-dir", filepath.Dir(t.ledger))
	if t.plan.flow.scheduled {
		args = append(args, "--var", "trial="+filepath.Base(t.dir))
	}
	p, err := start(t.log, env, program, args...)
	t.victim.set(p)
	return p, err
}

// serveUntilOver lets a daemon take the run over.
func (t *trial) serveUntilOver(ctx context.Context, n int) error {
	return t.serve(ctx, n, func() bool {
		run, ok := t.last(ctx)
		return ok && run.Over()
	})
}

// serve starts a daemon, and stops it in order once all is over, unless it dies
// before.
func (t *trial) serve(ctx context.Context, n int, over func() bool) error {
	p, err := t.start(n, "serve", t.project(), "--listen", "")
	if err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for {
		select {
		case <-p.done:
			t.await(p, 1)
			return nil
		case <-ctx.Done():
			return errors.Join(ctx.Err(), errors.New("the trial was interrupted"))
		case <-tick.C:
		}
		if over() {
			p.signal(syscall.SIGTERM)
			t.await(p, 1)
			return nil
		}
		if time.Now().After(deadline) {
			t.hung++
			p.kill()
			return nil
		}
	}
}

// judge asks the checker, once nothing is under way any more.
func (t *trial) judge(ctx context.Context, slots []time.Time) (check.Verdict, error) {
	t.proxy.Settle()
	seen, err := t.watch.Verdict(ctx, t.journal)
	if err != nil {
		return seen, err
	}
	if _, err := os.Stat(t.ledger); err != nil {
		seen.Losses = append(seen.Losses, "there is no state at all")
		return seen, nil
	}
	v, err := check.Case{Ledger: t.ledger, Pipeline: t.plan.flow.pipeline, Slots: slots, Others: t.others, Wants: t.wants(),
		Buckets: t.buckets, Journal: t.journal, LateWrites: t.plan.late}.Judge(ctx)
	v.Add(seen)
	return v, err
}
