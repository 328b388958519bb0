package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

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
		for _, p := range []phase{{"stalls", stalls(recs), 3}, {"rivals", rivals(recs), 2}, {"disk", fullDisks(recs), 4}} {
			n := p.short
			if sc.options.long || sc.options.only != "" {
				n = len(p.plans)
			}
			errs = append(errs, sc.phase(ctx, p.name, p.plans[:min(n, len(p.plans))], sc.world.attempt))
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
	for n := range 10 {
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

// rivals are processes that want to do the same work.
func rivals(recs []recording) (out []plan) {
	for _, r := range recs {
		if r.flow.scheduled {
			continue
		}
		out = append(out,
			plan{name: "rivals/" + r.flow.name + "/two daemons", flow: r.flow, first: twoDaemons},
			plan{name: "rivals/" + r.flow.name + "/two runs", flow: r.flow, late: true, first: twoRuns})
	}
	return out
}

// twoDaemons starts a second daemon beside one, which has to refuse.
func twoDaemons(ctx context.Context, t *trial) error {
	return t.serve(ctx, 0, func() bool {
		if _, err := os.Stat(t.ledger + ".lock"); err != nil {
			return false // not up yet
		}
		second, err := start(t.log, t.environment(t.proxy.URL), t.shipped, "serve", t.project(), "--listen", "", "--data-dir", filepath.Dir(t.ledger))
		if err != nil {
			return false
		}
		select {
		case <-second.done:
		case <-time.After(20 * time.Second):
		}
		second.kill()
		if code := second.cmd.ProcessState.ExitCode(); code != 1 {
			t.broken = append(t.broken, fmt.Sprintf("a second daemon on one state ended with %d, not with 1", code))
		}
		return true
	})
}

// twoRuns runs one slot twice at the same time.
func twoRuns(_ context.Context, t *trial) error {
	var both [2]*process
	for i := range both {
		var err error
		if both[i], err = t.start(0, t.run()...); err != nil {
			return err
		}
	}
	for _, p := range both {
		t.await(p, 1)
	}
	return nil
}

// fullDisks run with so much room for the state and the spool, and go on with
// more.
func fullDisks(recs []recording) (out []plan) {
	for _, kb := range []int{200, 12_000, 20_000, 40, 400, 1_000, 4_000, 17_500, 18_500, 30_000} {
		for _, r := range recs {
			if r.flow.name != "parts" {
				continue
			}
			out = append(out, plan{name: fmt.Sprintf("disk/%s/%d kB", r.flow.name, kb), flow: r.flow, first: fullDisk(kb)},
				plan{name: fmt.Sprintf("disk/%s/files of %d kB", r.flow.name, kb), flow: r.flow, first: smallFiles(kb)})
		}
	}
	return out
}

// fullDisk works in a file system of that size. Who may not mount one has the
// largest file limited instead.
func fullDisk(kb int) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		data := filepath.Dir(t.ledger)
		if err := os.MkdirAll(data, 0o700); err != nil {
			return err
		}
		err := unix.Mount("tmpfs", data, "tmpfs", 0, fmt.Sprintf("size=%dk", kb))
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			return smallFiles(kb)(ctx, t)
		}
		if err != nil {
			return err
		}
		t.clean = func() error { return unix.Unmount(data, 0) }
		p, err := t.start(0, t.run()...)
		if err != nil {
			return err
		}
		t.await(p, 1)
		return unix.Mount("tmpfs", data, "tmpfs", unix.MS_REMOUNT, "size=300m")
	}
}

// smallFiles lets no file grow beyond a size, as a quota would.
func smallFiles(kb int) func(context.Context, *trial) error {
	return func(_ context.Context, t *trial) error {
		limited := append([]string{"-c", `ulimit -f "$1"; shift; exec "$@"`, "bash", fmt.Sprint(kb), t.shipped}, t.run()...)
		p, err := start(t.log, t.environment(t.proxy.URL), "bash", append(limited, "--data-dir", filepath.Dir(t.ledger))...)
		if err != nil {
			return err
		}
		t.victim.set(p)
		t.await(p, 1)
		return nil
	}
}
