package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"waybill/internal/torture/check"
	"waybill/internal/torture/proxy"
)

// A sideShow is what takes long because it waits: for leases, mostly. It goes
// on beside the phases.
type sideShow struct{ done chan error }

func (s *sideShow) start(ctx context.Context, sc *score, recs []recording) {
	s.done = make(chan error, 1)
	go func() {
		var errs []error
		for _, p := range []phase{
			{name: "stalls", plans: stalls(recs), short: 3, parallel: 6 * sc.options.parallel}, // they sleep, mostly
			{name: "rivals", plans: rivals(recs), short: 3}, {name: "disk", plans: fullDisks(recs), short: 4},
		} {
			n := p.short
			if sc.options.long || sc.options.only != "" {
				n = len(p.plans)
			}
			errs = append(errs, sc.phase(ctx, p.name, sc.world.choose(p, n), p.parallel, sc.world.attempt))
		}
		s.done <- errors.Join(errs...)
	}()
}

func (s *sideShow) wait() error { return <-s.done }

// stalls stop a process for longer than its lease, let another take over, and
// wake the first up: while the other works, or after it has succeeded.
func stalls(recs []recording) (out []plan) {
	// A removal is not held: S3 has no fencing, and one that arrives after all is
	// done removes what stands there by then.
	ops := map[string][]string{"single": {"PutObject"}, "parts": {"CompleteMultipartUpload", "UploadPart", "CreateMultipartUpload"}, "athena": {"StartQueryExecution"},
		"files-again": {"GetCallerIdentity", "PutObject"}, "partitions-again": {"GetCallerIdentity", "PutObject"}}
	for _, serve := range []bool{false, true} {
		for _, r := range recs {
			for _, op := range ops[r.flow.name] {
				for _, late := range []bool{true, false} {
					by := "runs retry"
					if serve {
						by = "serve"
					}
					when := "while the other works"
					if late {
						when = "after the other's success"
					}
					out = append(out, plan{name: fmt.Sprintf("stalls/%s/%s, wakes %s by %s", r.flow.name, op, when, by), flow: r.flow, serve: serve, late: true,
						rules: []proxy.Rule{{Op: op, From: 1, Do: proxy.Hold}}, first: stall(late)})
				}
			}
		}
	}
	for n := range 6 {
		for _, r := range recs {
			if !r.flow.scheduled {
				out = append(out, plan{name: fmt.Sprintf("stalls/%s/anytime %d", r.flow.name, n+1), flow: r.flow, late: true, anytime: r.duration, first: stallAnytime})
			}
		}
	}
	return out
}

// stallAnytime stops a process at a random time, and wakes it up while another
// does its work, in the same spool.
func stallAnytime(ctx context.Context, t *trial) error {
	p, err := t.start(0, t.run()...)
	if err != nil {
		return err
	}
	defer p.kill()
	select {
	case <-time.After(time.Duration(t.rand.Int64N(int64(t.plan.anytime)))):
	case <-p.done:
		return nil
	}
	p.signal(syscall.SIGSTOP)
	run, ok := t.last(ctx)
	if ok && !run.Over() {
		if err := t.outlive(ctx, run); err != nil {
			return err
		}
		timer := time.AfterFunc(time.Duration(t.rand.Int64N(int64(t.plan.anytime))), func() { p.signal(syscall.SIGCONT) })
		defer timer.Stop()
		if err := t.once(ctx, 1, run, true); err != nil {
			return err
		}
	}
	p.signal(syscall.SIGCONT)
	if !p.wait() {
		t.hung++
	}
	return nil
}

func stall(late bool) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		p, err := t.start(0, t.run()...)
		if err != nil {
			return err
		}
		defer p.kill()
		select {
		case <-t.held:
		case <-p.done:
			return errors.New("the process ended without the request that was to be held")
		}
		p.signal(syscall.SIGSTOP)
		run, ok := t.last(ctx)
		if !ok {
			return errors.New("there is no run")
		}
		if err := t.outlive(ctx, run); err != nil {
			return err
		}
		wake := func() {
			t.proxy.Release()
			p.signal(syscall.SIGCONT)
		}
		if !late {
			timer := time.AfterFunc(time.Duration(t.rand.Int64N(int64(time.Second))), wake)
			defer timer.Stop()
		}
		if err := t.once(ctx, 1, run, true); err != nil {
			return err
		}
		wake()
		if !p.wait() {
			t.hung++
		}
		return nil
	}
}

// grace is how long after the end of a lease a run is left to its owner, if
// that is not known to be dead.
const grace = 30 * time.Second

// outlive waits until another process may take a run over. A daemon waits by
// itself once the lease is over.
func (t *trial) outlive(ctx context.Context, run check.Run) error {
	until := run.LeaseUntil.Add(100 * time.Millisecond)
	if !t.plan.serve {
		until = until.Add(grace)
	}
	select {
	case <-time.After(time.Until(until)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
