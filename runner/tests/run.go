package tests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/engine"
)

// A Runner runs tests, each in a compute job of its own.
type Runner struct {
	// StartJob starts a compute job; normally engine.Start.
	StartJob func(context.Context, engine.Options) (engine.Job, error)
	// EngineCommand serves a compute job; see engine.Options.
	EngineCommand []string
	// Parallel is how many tests run at a time; 0: one for each processor.
	Parallel int
	// FailFast starts no test after one that failed.
	FailFast bool
}

// A Result is what came of one test.
type Result struct {
	Test     *Test
	Took     time.Duration
	Failures []Failure // none: passed, or skipped
	Notes    []string  // what is worth knowing of a test that passed, too
	Skipped  bool      // not run, because of an earlier failure
	// Covered are the addresses of the pipeline's steps that the test's
	// expectations depend on.
	Covered []string
}

// Passed reports whether the test was run and is as it should be.
func (r Result) Passed() bool { return !r.Skipped && len(r.Failures) == 0 }

// Run runs tests side by side and hands their results over in the order of the
// tests, from one goroutine at a time. An error means that ctx ended, or that
// the machine failed; what runs then is killed, and all of it is gone when Run
// returns.
func (r Runner) Run(ctx context.Context, all []*Test, done func(Result)) error {
	parallel := r.Parallel
	if parallel < 1 {
		parallel = runtime.GOMAXPROCS(0)
	}
	results := make([]chan Result, len(all))
	for i := range results {
		results[i] = make(chan Result, 1)
	}
	stop := make(chan struct{}) // closed after a failure
	group, work := errgroup.WithContext(ctx)
	group.SetLimit(parallel + 1) // one hands over
	group.Go(func() error {
		stopped := false
		for _, c := range results {
			select {
			case <-work.Done():
				return context.Cause(work)
			case result := <-c:
				if stopped { // it may have run already: the order is that of the tests
					result = Result{Test: result.Test, Skipped: true}
				}
				done(result)
				if r.FailFast && !stopped && len(result.Failures) > 0 {
					stopped = true
					close(stop)
				}
			}
		}
		return nil
	})
	for i, t := range all {
		group.Go(func() error {
			select {
			case <-stop:
				results[i] <- Result{Test: t, Skipped: true}
				return nil
			default:
			}
			result, err := r.one(work, t)
			if err == nil {
				results[i] <- result
			}
			return err
		})
	}
	return group.Wait()
}

// one runs one test in a directory of its own, which is gone afterwards.
func (r Runner) one(ctx context.Context, t *Test) (_ Result, err error) {
	began := time.Now()
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	dir, err := tempDir()
	if err != nil {
		return Result{}, problem.New("file-write-failed", "there is no room for the files of a test", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	job, err := r.StartJob(ctx, engine.Options{Command: r.EngineCommand, Dir: dir,
		MemoryLimit: t.settings.Engine.MemoryLimit, Threads: 1, MaxTempSize: t.settings.Engine.MaxTempSize})
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, job.Close()) }()
	rehearsal := newRehearsal(t, job, dir)
	if err := rehearsal.run(ctx); err != nil {
		return Result{}, err
	}
	failures, err := rehearsal.compare(ctx)
	switch {
	case ctx.Err() != nil:
		return Result{}, context.Cause(ctx)
	case err != nil:
		failures = append(failures, Failure{Where: t.Where(), Subject: "test", Summary: "could not be finished", Text: t.hide.text(problemText(problem.Of(err)))})
	}
	return Result{Test: t, Took: time.Since(began), Failures: failures, Notes: rehearsal.notes(), Covered: rehearsal.covered()}, nil
}

// tempDir makes a directory whose path has no symbolic links: the compute job
// is let into real directories only.
func tempDir() (string, error) {
	dir, err := os.MkdirTemp("", "waybill-test-")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// notes tells of checks that warn, unless the test expects that.
func (r *rehearsal) notes() []string {
	var out []string
	for _, s := range r.test.Pipeline.Steps {
		p := r.violated[s.Address]
		if p == nil || r.failed[s.Address] != nil || r.expectsFailure(s.Address) {
			continue
		}
		out = append(out, r.test.hide.text(fmt.Sprintf("%s  [%s]", p.Summary, p.Code)))
	}
	return out
}

func (r *rehearsal) expectsFailure(address string) bool {
	return slices.ContainsFunc(r.test.failures, func(f *expectedFailure) bool { return f.address == address })
}

// covered lists the steps that the test's expectations look at, those that
// these read from, and the checks and conditions that were asked: a run goes no
// further than they let it.
func (r *rehearsal) covered() []string {
	if len(r.test.expects)+len(r.test.failures) == 0 {
		return nil
	}
	seen := map[string]bool{}
	var visit func(address string)
	visit = func(address string) {
		s := r.test.Pipeline.Step(address)
		if s == nil || seen[address] {
			return
		}
		seen[address] = true
		for _, in := range s.Inputs {
			visit(in)
		}
	}
	for _, e := range r.test.expects {
		visit(e.address)
	}
	for _, f := range r.test.failures {
		visit(f.address)
	}
	var out []string
	for _, s := range r.test.Pipeline.Steps {
		asked := (s.Family == compile.Check || s.Family == compile.Condition) && r.done[s.Address]
		if seen[s.Address] || asked {
			out = append(out, s.Address)
		}
	}
	return out
}
