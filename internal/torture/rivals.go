package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// rivals are processes that want to do the same work.
func rivals(recs []recording) (out []plan) {
	for _, r := range recs {
		if r.flow.scheduled {
			for n := range 5 {
				out = append(out, plan{name: fmt.Sprintf("rivals/%s/two daemons at once %d", r.flow.name, n+1), flow: r.flow, anytime: r.duration, first: daemonsAtOnce})
			}
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
		second, err := t.rival()
		if err != nil {
			return false
		}
		second.wait()
		t.refused(second)
		return true
	})
}

// rival starts a daemon that nobody is to kill.
func (t *trial) rival() (*process, error) {
	args := []string{"serve", t.project(), "--listen", "", "--data-dir", filepath.Dir(t.ledger)}
	if t.plan.flow.scheduled {
		args = append(args, "--var", "trial="+filepath.Base(t.dir))
	}
	return start(t.log, t.environment(t.proxy.URL), t.shipped, args...)
}

// refused makes sure that a daemon has refused to work beside another.
func (t *trial) refused(p *process) {
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.broken = append(t.broken, fmt.Sprintf("a second daemon on one state ended with %d, not with 1", code))
	}
}

// daemonsAtOnce starts two daemons for the same slots at the same moment. One
// has to refuse; the other is killed at some time.
func daemonsAtOnce(_ context.Context, t *trial) error {
	one, err := t.rival()
	if err != nil {
		return err
	}
	other, err := t.rival()
	if err != nil {
		one.kill()
		return err
	}
	select {
	case <-one.done:
	case <-other.done:
		one, other = other, one
	case <-time.After(patience):
		one.kill()
		other.kill()
		return errors.New("two daemons work on one state")
	}
	t.refused(one)
	time.Sleep(time.Duration(t.rand.Int64N(int64(t.plan.anytime))))
	other.kill()
	if other.killed() {
		t.kills++
	}
	return nil
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
