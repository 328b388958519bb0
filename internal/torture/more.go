package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"waybill/internal/torture/proxy"
)

// interrupts ask a process to end at every request, as Ctrl-C does.
func interrupts(recs []recording) (out []plan) {
	for _, r := range recs {
		for _, o := range r.ops {
			rule := proxy.Rule{Op: o.name, From: o.n, Do: proxy.Interrupt}
			out = append(out, plan{name: fmt.Sprintf("interrupts/%s/%s", r.flow.name, rule), flow: r.flow, rules: []proxy.Rule{rule}})
		}
	}
	return out
}

// engineKills kill the compute child, as the kernel does when memory is short.
func engineKills(recs []recording) (out []plan) {
	for n := range 10 {
		for _, r := range recs {
			if !r.flow.scheduled {
				out = append(out, plan{name: fmt.Sprintf("engine/%s/%d", r.flow.name, n+1), flow: r.flow, first: killEngine})
			}
		}
	}
	return out
}

func killEngine(_ context.Context, t *trial) error {
	p, err := t.start(0, t.run()...)
	if err != nil {
		return err
	}
	wait := time.Duration(t.rand.Int64N(int64(400 * time.Millisecond)))
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			t.await(p, 1)
			return nil
		case <-tick.C:
		}
		if child := childOf(p.cmd.Process.Pid); child > 0 {
			time.Sleep(wait)
			if childOf(p.cmd.Process.Pid) == child && syscall.Kill(child, syscall.SIGKILL) == nil {
				t.kills++
			}
			t.await(p, 1)
			return nil
		}
	}
}

// childOf is a child of a process, whichever of its threads has started it; 0
// if it has none.
func childOf(pid int) int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is a good one
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread may be gone
		first, _, _ := strings.Cut(string(text), " ")
		if child, err := strconv.Atoi(first); err == nil {
			return child
		}
	}
	return 0
}

// spoiltSpools lose files of the run between a kill and the process that goes
// on.
func spoiltSpools(recs []recording) (out []plan) {
	spoils := []struct {
		name string
		do   func(*trial) error
	}{{"spool gone", loseSpool}, {"a file gone", loseFile(os.Remove)}, {"a file cut short", loseFile(func(path string) error { return os.Truncate(path, 10) })}}
	for _, s := range spoils {
		for _, r := range recs {
			for _, o := range r.ops {
				if r.flow.scheduled || !o.isUpload() {
					continue
				}
				for _, deed := range []proxy.Deed{proxy.KillBefore, proxy.KillAfter} {
					rule := proxy.Rule{Op: o.name, From: o.n, Do: deed}
					out = append(out, plan{name: fmt.Sprintf("spool/%s/%s after %s", r.flow.name, s.name, rule), flow: r.flow, rules: []proxy.Rule{rule}, spoil: s.do})
				}
			}
		}
	}
	return out
}

func loseSpool(t *trial) error {
	return os.RemoveAll(filepath.Join(filepath.Dir(t.ledger), "spool"))
}

// loseFile does something to a file of the spool that the dice choose.
func loseFile(do func(path string) error) func(*trial) error {
	return func(t *trial) error {
		var files []string
		err := filepath.WalkDir(filepath.Join(filepath.Dir(t.ledger), "spool"), func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				files = append(files, path)
			}
			return err
		})
		if err != nil || len(files) == 0 {
			return err
		}
		return do(files[t.rand.IntN(len(files))])
	}
}
