package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"waybill/internal/problem"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

// endless is a query that does not end by itself and needs little memory.
const endless = "SELECT count(*) AS n FROM range(1000000000) a(x), range(1000000000) b(y) WHERE hash(x + y) = 1"

func TestCancelKillsWithinASecond(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "slow", "SELECT range AS x, md5(range::VARCHAR) AS h FROM range(3000000000)")
	ctx, cancel := context.WithCancel(t.Context())
	path := filepath.Join(d.out, "slow.csv")
	cancelled := make(chan time.Time, 1)
	onceWriting(t, d.out, func() { cancelled <- time.Now(); cancel() })
	_, err := j.Export(ctx, engine.Export{Relation: "slow", Path: path, Format: encode.Default(encode.CSV)})
	took := time.Since(<-cancelled)
	wantProblem(t, err, "cancelled")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not wrap context.Canceled", err)
	}
	if took > time.Second {
		t.Errorf("cancelling took %v", took)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a final file: %v", err)
	}
	_, err = j.Count(t.Context(), "slow")
	wantProblem(t, err, "cancelled")
}

func TestDeadlineIsATimeout(t *testing.T) {
	j, _ := newJob(t)
	define(t, j, "slow", endless)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := j.Count(ctx, "slow")
	wantProblem(t, err, "timeout")
}

func TestStartContextEndsTheJob(t *testing.T) {
	d := newDirs(t)
	ctx, cancel := context.WithCancel(t.Context())
	j, err := engine.Start(ctx, d.Options)
	if err != nil {
		t.Fatal(err)
	}
	define(t, j, "slow", endless)
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = j.Count(t.Context(), "slow")
	wantProblem(t, err, "cancelled")
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseIsRepeatableAndEndsCalls(t *testing.T) {
	j, _ := newJob(t)
	for range 2 {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := j.Count(t.Context(), "x")
	wantProblem(t, err, "internal", "closed")
}

// onceWriting calls f when a file in dir has its first bytes.
func onceWriting(t *testing.T, dir string, f func()) {
	var wg sync.WaitGroup
	wg.Go(func() {
		for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
			found, err := filepath.Glob(filepath.Join(dir, ".*"))
			if err != nil || t.Context().Err() != nil {
				return
			}
			for _, path := range found {
				if info, err := os.Stat(path); err == nil && info.Size() > 4 {
					f()
					return
				}
			}
		}
	})
	t.Cleanup(wg.Wait)
}

// childPID finds the only child of this process.
func childPID(t *testing.T) int {
	t.Helper()
	self := os.Getpid()
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if pid, ok := childOf(e, self); ok {
			return pid
		}
	}
	t.Fatal("there is no child")
	return 0
}

func TestKilledChild(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("finds the child in /proc")
	}
	j, d := newJob(t)
	define(t, j, "slow", "SELECT range AS x, md5(range::VARCHAR) AS h FROM range(3000000000)")
	path := filepath.Join(d.out, "slow.parquet")
	child, err := os.FindProcess(childPID(t))
	if err != nil {
		t.Fatal(err)
	}
	onceWriting(t, d.out, func() { _ = child.Kill() }) // if it fails, the export does not
	_, err = j.Export(t.Context(), engine.Export{Relation: "slow", Path: path, Format: encode.Default(encode.Parquet)})
	wantProblem(t, err, "engine-crashed", "signal: killed")
	if problem.ClassOf(err) != problem.Transient {
		t.Error("a crash must be worth another try")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a final file: %v", err)
	}
	_, err = j.Count(t.Context(), "slow")
	wantProblem(t, err, "engine-crashed")
}

func TestLastWordsHoldNoData(t *testing.T) {
	for _, c := range []struct{ arg, code, says string }{
		{"stderr", "engine-crashed", "fatal error: out of luck"},
		{"panic", "engine-crashed", "panic"},
		{"bad_alloc", "out-of-memory", ""},
	} {
		t.Run(c.arg, func(t *testing.T) {
			d := newDirs(t)
			d.Command = append(d.Command, c.arg)
			_, err := engine.Start(t.Context(), d.Options)
			wantProblem(t, err, c.code, c.says)
			wantNoData(t, err)
		})
	}
}

func TestStartFails(t *testing.T) {
	d := newDirs(t)
	missing := d.Options
	missing.Command = []string{filepath.Join(d.Dir, "nowhere")}
	_, err := engine.Start(t.Context(), missing)
	wantProblem(t, err, "engine-crashed", "nowhere")

	relative := d.Options
	relative.ReadDirs = []string{"in"}
	if _, err := engine.Start(t.Context(), relative); err == nil {
		t.Error("a relative directory was accepted")
	}
}

func TestOutOfMemory(t *testing.T) {
	d := newDirs(t)
	d.MemoryLimit = 100 << 20
	j := start(t, d.Options)
	define(t, j, "big", "SELECT list(range) AS l FROM range(50000000)")
	path := filepath.Join(d.out, "big.parquet")
	_, err := j.Export(t.Context(), engine.Export{Relation: "big", Path: path, Format: encode.Default(encode.Parquet)})
	wantProblem(t, err, "out-of-memory", "allocate")
	wantNoFiles(t, d.out)
	// The engine survives it.
	define(t, j, "small", "SELECT 1 AS x")
	if n, err := j.Count(t.Context(), "small"); n != 1 || err != nil {
		t.Errorf("count after running out of memory: %d, %v", n, err)
	}
}

func TestSpillFull(t *testing.T) {
	d := newDirs(t)
	d.MemoryLimit, d.MaxTempSize = 100<<20, 4<<20
	j := start(t, d.Options)
	define(t, j, "big", "SELECT range AS x, md5(range::VARCHAR) AS h FROM range(10000000)")
	path := filepath.Join(d.out, "big.parquet")
	_, err := j.Export(t.Context(), engine.Export{Relation: "big", Path: path, Format: encode.Default(encode.Parquet), OrderBy: []string{"h"}})
	wantProblem(t, err, "spill-full")
	wantNoFiles(t, d.out)
}

func TestCallsAreServedOneAfterTheOther(t *testing.T) {
	j, _ := newJob(t)
	define(t, j, "r", "SELECT * FROM range(100000)")
	errs := make(chan error)
	for range 4 {
		go func() {
			n, err := j.Count(t.Context(), "r")
			if err == nil && n != 100000 {
				err = errors.New("wrong count")
			}
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
