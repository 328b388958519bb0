package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"waybill/internal/problem"
	"waybill/runner"
	"waybill/runner/engine"
	"waybill/runner/state"
	"waybill/sinks"
	"waybill/sources"
)

func mustSucceed(t *testing.T, r state.Run, err error) {
	t.Helper()
	if err != nil || r.Status != state.Succeeded {
		t.Fatalf("run %s: %v, %v", r.Status, r.Problem, err)
	}
}

func TestSourceIsTriedAgain(t *testing.T) {
	s := &script{extract: func(n int, _ context.Context, req sources.Request) error {
		if n < 3 {
			if err := req.Save(context.Background(), []byte("token")); err != nil {
				return err
			}
			return transient("cut off")
		}
		return nil
	}}
	p := fakedProject(t, s)
	r := p.run()
	mustSucceed(t, r, nil)
	seen := map[string]bool{}
	for _, req := range s.extracts {
		if req.Resume != nil {
			t.Errorf("a new attempt was given the token %q of the one before", req.Resume)
		}
		seen[req.Attempt] = true
	}
	if len(s.extracts) != 3 || len(seen) != 3 {
		t.Errorf("%d calls under %d names, want 3 under 3", len(s.extracts), len(seen))
	}
}

func TestPermanentFailureIsNotTriedAgain(t *testing.T) {
	s := &script{extract: func(int, context.Context, sources.Request) error { return problem.New("athena-syntax", "no", nil) }}
	p := fakedProject(t, s)
	if r := p.run(); r.Status != state.Failed || r.Problem.Code != "athena-syntax" || len(s.extracts) != 1 {
		t.Errorf("run %s %v after %d calls", r.Status, r.Problem, len(s.extracts))
	}
}

// A crash keeps attempt and token; the next process goes on with both.
func TestCrashKeepsTheAttempt(t *testing.T) {
	ctx, crash := context.WithCancel(t.Context())
	s := &script{extract: func(n int, ctx context.Context, req sources.Request) error {
		if n > 1 {
			return nil
		}
		if err := req.Save(ctx, []byte("query-1")); err != nil {
			return err
		}
		crash()
		return ctx.Err()
	}}
	p := fakedProject(t, s)
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("the crashed process came to an end")
	}
	again, err := p.execute(t.Context(), r.ID)
	mustSucceed(t, again, err)
	if first, second := s.extracts[0], s.extracts[1]; first.Attempt != second.Attempt || string(second.Resume) != "query-1" {
		t.Errorf("resumed as %q with %q, want %q with the token", second.Attempt, second.Resume, first.Attempt)
	}
}

// A crash in the wait between two attempts goes on with the next one: the
// failed one is over.
func TestCrashBetweenAttempts(t *testing.T) {
	ctx, crash := context.WithCancel(t.Context())
	s := &script{extract: func(n int, _ context.Context, _ sources.Request) error {
		if n == 1 {
			return transient("cut off")
		}
		return nil
	}}
	p := newProject(t, map[string]string{"main.hcl": `
pipeline "p" {
  source "fake" "rows" {
    retry {
      initial_backoff = "1s"
    }
  }
  sink "fake" "one" {
    input = source.rows
    key   = "k"
    format "csv" {}
  }
}`})
	p.kinds(s)
	p.Events = func(e runner.Event) {
		if e.Status == state.Retrying {
			crash()
		}
	}
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("the crashed process came to an end")
	}
	again, err := p.execute(t.Context(), r.ID)
	mustSucceed(t, again, err)
	if s.extracts[0].Attempt == s.extracts[1].Attempt {
		t.Error("the failed attempt was made again under its own name")
	}
}

// A run that is cancelled while it waits for the next attempt leaves no step
// behind that seems to be under way, and can be reopened.
func TestCancelWhileWaitingToTryAgain(t *testing.T) {
	ctx, crash := context.WithCancel(t.Context())
	s := &script{extract: func(n int, ctx context.Context, _ sources.Request) error {
		switch n {
		case 1:
			return transient("cut off")
		case 2: // only if the wait was drawn very short, or the run was reopened
			if ctx.Value(reopened{}) == nil {
				<-ctx.Done()
				return ctx.Err()
			}
		}
		return nil
	}}
	p := newProject(t, map[string]string{"main.hcl": `
pipeline "p" {
  source "fake" "rows" {
    retry {
      initial_backoff = "1m"
    }
  }
  sink "fake" "one" {
    input = source.rows
    key   = "k"
    format "csv" {}
  }
}`})
	p.kinds(s)
	p.Events = func(e runner.Event) {
		if e.Status == state.Retrying {
			crash()
		}
	}
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("the crashed process came to an end")
	}
	asked, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(runner.ErrCancelRequested) })
	got, err := p.execute(asked, r.ID)
	if err != nil || got.Status != state.Cancelled || p.statuses(r.ID)["source.rows"] != state.Cancelled {
		t.Fatalf("run %s, %v; steps %v", got.Status, err, p.statuses(r.ID))
	}
	if err := p.store.Reopen(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	again, err := p.execute(context.WithValue(t.Context(), reopened{}, true), r.ID)
	mustSucceed(t, again, err)
}

type reopened struct{}

// A sink that fails twice and then works is delivered once, and the other one
// is not asked again.
func TestSinkFailsTwice(t *testing.T) {
	s := &script{}
	failures := 0
	s.deliver = func(_ int, _ context.Context, d sinks.Delivery) error {
		if d.Sink == "sink.one" && failures < 2 {
			failures++
			return transient("503")
		}
		return nil
	}
	p := fakedProject(t, s)
	mustSucceed(t, p.run(), nil)
	if one, two := len(s.deliveriesTo("sink.one")), len(s.deliveriesTo("sink.two")); one != 3 || two != 1 {
		t.Errorf("%d and %d calls, want 3 and 1", one, two)
	}
	for _, d := range s.deliveriesTo("sink.one") {
		if d.ID != runner.DeliveryID("p", "sink.one", slot) {
			t.Errorf("delivery id %s changed between attempts", d.ID)
		}
	}
}

// One sink fails for good: the other has delivered, and a retry asks only the
// one that failed, with the same bytes.
func TestRetryAsksOnlyTheFailedSink(t *testing.T) {
	s := &script{}
	denied := true
	s.deliver = func(_ int, _ context.Context, d sinks.Delivery) error {
		if d.Sink == "sink.two" && denied {
			return problem.New("bucket-access-denied", "no", nil)
		}
		return nil
	}
	p := fakedProject(t, s)
	r := p.run()
	if r.Status != state.Failed || r.Problem.Code != "bucket-access-denied" {
		t.Fatalf("run %s: %v", r.Status, r.Problem)
	}
	denied = false
	if err := p.store.Reopen(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	again, err := p.execute(t.Context(), r.ID)
	mustSucceed(t, again, err)
	two := s.deliveriesTo("sink.two")
	if len(s.extracts) != 1 || len(s.deliveriesTo("sink.one")) != 1 || len(two) != 2 {
		t.Errorf("%d extractions, %d and %d deliveries, want 1, 1 and 2", len(s.extracts), len(s.deliveriesTo("sink.one")), len(two))
	}
	if two[0].Artifacts[0].SHA256 != two[1].Artifacts[0].SHA256 {
		t.Error("the retry delivers other bytes")
	}
}

// A crash after an object was settled, and before the receipt, hands the next
// process the settled intent.
func TestCrashInDelivery(t *testing.T) {
	ctx, crash := context.WithCancel(t.Context())
	s := &script{}
	s.deliver = func(n int, ctx context.Context, d sinks.Delivery) error {
		if n > 1 {
			return nil
		}
		a := d.Artifacts[0]
		if err := d.Ledger.Intend(ctx, sinks.Intent{Key: a.Key, SHA256: a.SHA256, Size: a.Size}); err != nil {
			return err
		}
		if err := d.Ledger.Settle(ctx, sinks.Object{Key: a.Key, SHA256: a.SHA256}); err != nil {
			return err
		}
		crash()
		return ctx.Err()
	}
	p := newProject(t, map[string]string{"main.hcl": `
pipeline "p" {
  source "fake" "rows" {}
  sink "fake" "one" {
    input = source.rows
    key   = "k"
    format "csv" {}
  }
}`})
	p.kinds(s)
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("the crashed process came to an end")
	}
	again, err := p.execute(t.Context(), r.ID)
	mustSucceed(t, again, err)
	intents := s.deliveries[1].Intents
	if len(intents) != 1 || !intents[0].Settled || intents[0].SHA256 != s.deliveries[1].Artifacts[0].SHA256 {
		t.Errorf("intents = %+v, want the settled one of the same bytes", intents)
	}
	if len(s.extracts) != 1 {
		t.Errorf("%d extractions, want 1", len(s.extracts))
	}
}

// A cancel that comes after the first object is there lets the delivery end.
func TestCancelDoesNotTearADelivery(t *testing.T) {
	s := &script{}
	p := newProject(t, map[string]string{"main.hcl": `
pipeline "p" {
  source "fake" "rows" {}
  sink "fake" "one" {
    input = source.rows
    key   = "k"
    format "csv" {}
  }
}`})
	p.kinds(s)
	p.LeaseTTL = 120 * time.Millisecond // asks for the cancel mark every 20 ms
	s.deliver = func(_ int, ctx context.Context, d sinks.Delivery) error {
		a := d.Artifacts[0]
		if err := d.Ledger.Intend(ctx, sinks.Intent{Key: "first", SHA256: a.SHA256}); err != nil {
			return err
		}
		if err := d.Ledger.Settle(ctx, sinks.Object{Key: "first"}); err != nil {
			return err
		}
		if err := p.store.RequestCancel(ctx, d.Run); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
			return nil
		}
	}
	mustSucceed(t, p.run(), nil)
}

// cancelsAtTheEnd is a store in which a cancel comes once all is delivered.
type cancelsAtTheEnd struct {
	state.Store
	cancel func()
}

func (c cancelsAtTheEnd) Deliver(ctx context.Context, owner, delivery string, receipt json.RawMessage, step state.Step, now time.Time) error {
	defer c.cancel()
	return c.Store.Deliver(ctx, owner, delivery, receipt, step, now)
}

// A cancel that comes after the last receipt comes too late.
func TestCancelAfterTheLastReceipt(t *testing.T) {
	p := askedProject(t, on("changed"), "id\n1\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	p.Store = cancelsAtTheEnd{p.store, func() { cancel(runner.ErrCancelRequested) }}
	r, err := p.execute(ctx, p.create().ID)
	mustSucceed(t, r, err)
	p.Store = p.store
	if p.delivers() {
		t.Error("what was delivered still counts as new")
	}
}

// A compute job that dies is started again.
func TestEngineCrashIsTriedAgain(t *testing.T) {
	p := fakedProject(t, &script{})
	p.write("settings.hcl", "waybill {\n  retry {\n    initial_backoff = \"1ms\"\n  }\n}\n")
	start, jobs := p.StartJob, 0
	p.StartJob = func(ctx context.Context, o engine.Options) (engine.Job, error) {
		jobs++
		if jobs == 1 {
			return nil, problem.New("engine-crashed", "it died", nil)
		}
		return start(ctx, o)
	}
	mustSucceed(t, p.run(), nil)
	if jobs != 2 {
		t.Errorf("%d jobs, want 2", jobs)
	}
}

// Who takes a run over without its spool extracts again.
func TestLostSpool(t *testing.T) {
	ctx, crash := context.WithCancel(t.Context())
	s := &script{}
	p := fakedProject(t, s)
	start := p.StartJob
	p.StartJob = func(context.Context, engine.Options) (engine.Job, error) {
		crash()
		return nil, errors.New("the machine is gone")
	}
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("the crashed process came to an end")
	}
	if err := os.RemoveAll(filepath.Join(p.Spool, r.ID)); err != nil {
		t.Fatal(err)
	}
	p.StartJob = start
	again, err := p.execute(t.Context(), r.ID)
	mustSucceed(t, again, err)
	if len(s.extracts) != 2 {
		t.Errorf("%d extractions, want 2", len(s.extracts))
	}
}

// Another run of the same slot delivers again; while the first one is still at
// it, the second one may not.
func TestTwoRunsOfOneSlot(t *testing.T) {
	s := &script{}
	p := fakedProject(t, s)
	mustSucceed(t, p.run(), nil)
	mustSucceed(t, p.run(), nil)
	if n := len(s.deliveriesTo("sink.one")); n != 2 {
		t.Errorf("%d deliveries, want 2", n)
	}
}

func TestSweep(t *testing.T) {
	p := fakedProject(t, &script{})
	r := p.run()
	keep := p.generation().Settings.Retention
	spool := filepath.Join(p.Spool, r.ID)
	if err := p.Sweep(t.Context(), keep, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(spool); err != nil {
		t.Errorf("the spool of a fresh run is gone: %v", err)
	}
	if err := p.Sweep(t.Context(), keep, time.Now().Add(25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(spool); err == nil {
		t.Error("the spool outlives its retention")
	}
	if _, err := p.store.Run(t.Context(), r.ID); err != nil {
		t.Errorf("the history is gone with the spool: %v", err)
	}
	if err := p.Sweep(t.Context(), keep, time.Now().Add(91*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.store.Run(t.Context(), r.ID); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("the history outlives its retention: %v", err)
	}
}
