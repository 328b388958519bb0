// Package sourcetest is the behaviour that every source has. A new source
// passes by a Harness of a few lines.
package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/sources"
)

// A Harness makes the sources that the suite tries. Each call makes a new one,
// as a new process would.
type Harness struct {
	// New makes a source with rows; Check looks at what it brought.
	New   func(t *testing.T) sources.Source
	Check func(t *testing.T, ds dataset.Dataset)
	// Empty makes a source without rows.
	Empty func(t *testing.T) sources.Source
	// Slow makes a source whose work goes on until it is stopped. Nil: the
	// kind has no work that could be waited for.
	Slow func(t *testing.T) sources.Source
	// Broken makes sources that fail, by the code of the problem.
	Broken map[string]func(t *testing.T) sources.Source
	// Started counts the remote queries that have been started so far, and
	// Running those of them that have not ended. Nil: there are none.
	Started, Running func() int
}

func (h Harness) started() int {
	if h.Started == nil {
		return 0
	}
	return h.Started()
}

// Run tests the contract of sources.Source.
func Run(t *testing.T, h Harness) {
	t.Run("brings rows", h.bringsRows)
	t.Run("brings the schema when there are no rows", h.bringsSchema)
	t.Run("goes on after a crash", h.goesOn)
	t.Run("starts nothing when it had finished", h.finishedBefore)
	t.Run("stops when it is cancelled", h.stops)
	t.Run("starts nothing under a cancelled context", h.cancelledBefore)
	t.Run("explains failures", h.explains)
}

func (h Harness) bringsRows(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	ds := extract(t, h.New(t), newAttempt(t))
	sound(t, ds)
	h.Check(t, ds)
	// Idle connections belong to the HTTP client, not to the source.
	goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("net/http.(*conn).serve"),
		goleak.IgnoreAnyFunction("net/http.(*connReader).backgroundRead"))
}

func (h Harness) bringsSchema(t *testing.T) {
	ds := extract(t, h.Empty(t), newAttempt(t))
	sound(t, ds)
	if len(ds.Files) == 0 && (len(ds.Schema) == 0 || ds.Rows != 0) {
		t.Errorf("no files: got schema %q and %d rows, want the columns and 0", ds.Schema, ds.Rows)
	}
}

// sound checks what holds for each dataset.
func sound(t *testing.T, ds dataset.Dataset) {
	t.Helper()
	if ds.Format == dataset.CSV && ds.CSV == nil {
		t.Error("a CSV dataset does not say how it is to be read")
	}
	for i, path := range ds.Paths() {
		info, err := os.Stat(path)
		if err != nil {
			t.Errorf("file %s: %v", ds.Files[i].Name, err)
		} else if info.Size() != ds.Files[i].Size {
			t.Errorf("file %s: has %d bytes, and the dataset says %d", ds.Files[i].Name, info.Size(), ds.Files[i].Size)
		}
	}
	seen := map[string]bool{}
	for _, c := range ds.Schema {
		if seen[strings.ToLower(c.Name)] {
			t.Errorf("column %s is there twice", c.Name)
		}
		seen[strings.ToLower(c.Name)] = true
	}
	if leftovers, _ := filepath.Glob(filepath.Join(ds.Dir, "*.part")); len(leftovers) > 0 {
		t.Errorf("half files are left: %v", leftovers)
	}
}

// goesOn kills an extraction around each Save: once after the token became
// durable, once before. The next process, which has what was durable, must end
// with the same dataset and must not have started another query.
func (h Harness) goesOn(t *testing.T) {
	whole := newAttempt(t)
	before := h.started()
	want := extract(t, h.New(t), whole)
	queries := h.started() - before
	for n := range whole.saved {
		for _, durable := range []bool{true, false} {
			t.Run(fmt.Sprintf("save %d of %d, durable=%t", n+1, len(whole.saved), durable), func(t *testing.T) {
				before := h.started()
				a := newAttempt(t)
				thaw := a.freeze(t, h.New(t), n, durable)
				ds := extract(t, h.New(t), a)
				thaw()
				same(t, ds, want)
				if got := h.started() - before; got != queries {
					t.Errorf("queries started: got %d, want %d as without a crash", got, queries)
				}
			})
		}
	}
}

func (h Harness) finishedBefore(t *testing.T) {
	a := newAttempt(t)
	want := extract(t, h.New(t), a)
	before := h.started()
	ds := extract(t, h.New(t), a)
	same(t, ds, want)
	if got := h.started() - before; got != 0 {
		t.Errorf("%d queries were started again", got)
	}
}

// same compares what two extractions of one source brought. Query ids, times
// and directories differ.
func same(t *testing.T, got, want dataset.Dataset) {
	t.Helper()
	sound(t, got)
	for _, ds := range []*dataset.Dataset{&got, &want} {
		ds.Dir = ""
		ds.Stats.QueryID, ds.Stats.QueryMillis = "", 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the dataset differs from one without a crash (-want +got):\n%s", diff)
	}
}

func (h Harness) stops(t *testing.T) {
	if h.Slow == nil {
		t.Skip("this kind has no work to wait for")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := newAttempt(t)
	req := a.request()
	req.Progress = func(p sources.Progress) {
		if p.Phase == "running" {
			cancel()
		}
	}
	_, err := h.Slow(t).Extract(ctx, req)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: got %v, want the cancellation", err)
	}
	classified(t, err)
	h.comesToRest(t)
}

// comesToRest waits until no query runs: the other side takes a moment to obey.
func (h Harness) comesToRest(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), restTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := h.Running(); n != 0; n = h.Running() {
		select {
		case <-ctx.Done():
			t.Errorf("%d queries are still running %s after Extract returned", n, restTime)
			return
		case <-tick.C:
		}
	}
}

const restTime = 30 * time.Second

func (h Harness) cancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := h.started()
	_, err := h.New(t).Extract(ctx, newAttempt(t).request())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: got %v, want the cancellation", err)
	}
	if got := h.started() - before; got != 0 {
		t.Errorf("%d queries were started", got)
	}
}

func (h Harness) explains(t *testing.T) {
	for code, broken := range h.Broken {
		t.Run(code, func(t *testing.T) {
			_, err := broken(t).Extract(t.Context(), newAttempt(t).request())
			p := classified(t, err)
			if p != nil && p.Code != code {
				t.Errorf("code: got %s (%v), want %s", p.Code, err, code)
			}
		})
	}
}

func classified(t *testing.T, err error) *problem.Problem {
	t.Helper()
	p := problem.As(err)
	switch {
	case err == nil:
		t.Error("there was no error")
	case p == nil:
		t.Errorf("the error is no problem: %v", err)
	case p.Class == "" || p.Summary == "" || len(p.Remedy) == 0 || !problem.Known(p.Code):
		t.Errorf("the problem is not complete: %+v", p)
	}
	return p
}

var attempts atomic.Int64

// An attempt is the runner's side of an extraction.
type attempt struct {
	name  string
	dir   string
	token []byte
	saved [][]byte
}

func newAttempt(t *testing.T) *attempt {
	name := fmt.Sprintf("sourcetest-%020d-%d", os.Getpid(), attempts.Add(1))
	return &attempt{name: name, dir: t.TempDir()}
}

func (a *attempt) request() sources.Request {
	return sources.Request{Dir: a.dir, Attempt: a.name, Resume: a.token, Progress: func(sources.Progress) {},
		Save: func(ctx context.Context, token []byte) error {
			a.saved = append(a.saved, token)
			a.token = token
			return ctx.Err()
		}}
}

func extract(t *testing.T, s sources.Source, a *attempt) dataset.Dataset {
	t.Helper()
	ds, err := s.Extract(t.Context(), a.request())
	if err != nil {
		t.Fatalf("extract: %v", err)
	}
	return ds
}

// freeze runs an extraction up to its nth Save, counted from 0, and leaves it
// there: to the rest of the world the process is dead. The attempt holds what
// is durable then. The returned function lets the extraction end.
func (a *attempt) freeze(t *testing.T, s sources.Source, n int, durable bool) (thaw func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	frozen, ended := make(chan struct{}), make(chan error, 1)
	req, saves := a.request(), 0
	req.Save = func(ctx context.Context, token []byte) error {
		if saves++; saves <= n || durable && saves == n+1 {
			a.token = token
		}
		if saves == n+1 {
			close(frozen)
			<-ctx.Done()
		}
		return ctx.Err()
	}
	go func() {
		_, err := s.Extract(ctx, req)
		ended <- err
	}()
	select {
	case <-frozen:
	case err := <-ended:
		cancel()
		t.Fatalf("the extraction ended before its save %d: %v", n+1, err)
	}
	return func() {
		cancel()
		<-ended
	}
}
