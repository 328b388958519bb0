package runner_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"waybill/internal/problem"
	"waybill/runner/engine"
	"waybill/runner/state"
	"waybill/sinks"
)

// diesAtFinish is a store of a process that is killed before it can record the
// end of a run.
type diesAtFinish struct{ state.Store }

func (diesAtFinish) Finish(context.Context, string, string, state.Status, string, *problem.Problem, time.Time) error {
	return errors.New("killed")
}

// abandon ends the lease of a run whose process is gone.
func (p *project) abandon(id string) {
	p.t.Helper()
	if err := p.store.Renew(p.t.Context(), id, p.Owner, time.Unix(0, 0), 0); err != nil {
		p.t.Fatal(err)
	}
}

// A condition that was not met is not asked again after a crash: it would
// compare the result with itself.
func TestUnmetConditionSurvivesACrash(t *testing.T) {
	p := askedProject(t, on("unchanged"), "id,x\n1,a\n")
	if p.delivers() {
		t.Fatal("the first result is not unchanged")
	}
	p.write("orders.csv", "id,x\n1,b\n")
	p.Store = diesAtFinish{p.store}
	r := p.create()
	if _, err := p.execute(t.Context(), r.ID); err == nil {
		t.Fatal("the killed process recorded the end")
	}
	p.abandon(r.ID)
	p.Store = p.store
	again, err := p.execute(t.Context(), r.ID)
	if _, there := os.Stat(filepath.Join(p.dir, "out.csv")); err != nil || again.Status != state.ConditionOff || there == nil {
		t.Errorf("the run is %s, %v; delivered: %v", again.Status, err, there == nil)
	}
}

// A cancel that was asked for before the run is claimed stops it.
func TestCancelBeforeClaim(t *testing.T) {
	s := &script{}
	p := fakedProject(t, s)
	r := p.create()
	if err := p.store.RequestCancel(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	got, err := p.execute(t.Context(), r.ID)
	if err != nil || got.Status != state.Cancelled || len(s.deliveries) > 0 {
		t.Errorf("run %s %v, %d deliveries", got.Status, err, len(s.deliveries))
	}
}

// slowExport is a job that writes one sink's artifact slowly.
type slowExport struct {
	engine.Job
	sink string
	by   time.Duration
}

func (j slowExport) ExportFiles(ctx context.Context, e engine.ExportFiles) (engine.Exports, error) {
	if filepath.Base(e.Dir) == j.sink {
		time.Sleep(j.by)
	}
	return j.Job.ExportFiles(ctx, e)
}

// The time that a policy allows for a delivery begins with the delivery, not
// with the writing of its artifact.
func TestElapsedCountsFromTheDelivery(t *testing.T) {
	s, tries := &script{}, 0
	s.deliver = func(_ int, _ context.Context, d sinks.Delivery) error {
		if d.Sink != "sink.one" {
			return nil
		}
		if tries++; tries == 1 {
			return transient("503")
		}
		return nil
	}
	p := newProject(t, map[string]string{"main.hcl": `
pipeline "p" {
  source "fake" "rows" {}
  sink "fake" "one" {
    label = "one"
    input = source.rows
    key   = "k"
    format "csv" {}
    retry {
      initial_backoff = "1ms"
      max_backoff     = "2ms"
      max_elapsed     = "400ms"
    }
  }
  sink "fake" "two" {
    label = "two"
    input = source.rows
    key   = "k"
    format "csv" {}
  }
}`})
	p.kinds(s)
	start := p.StartJob
	p.StartJob = func(ctx context.Context, o engine.Options) (engine.Job, error) {
		job, err := start(ctx, o)
		return slowExport{job, "sink.two", 600 * time.Millisecond}, err
	}
	mustSucceed(t, p.run(), nil)
}

// A run that is reopened has a whole series of attempts again, whether or not
// its files are still there and however often a crash cuts in.
func TestReopenedRunHasAllItsAttempts(t *testing.T) {
	tests := map[string]struct {
		sweep  bool
		answer []error // of sink.one from the fourth call on; nil ends them
	}{
		"spool kept":  {false, []error{transient("503"), transient("503")}},
		"spool swept": {true, []error{transient("503"), transient("503")}},
		"crashed":     {false, []error{errCrash, transient("503"), transient("503")}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, crash := context.WithCancel(t.Context())
			s, calls := &script{}, 0
			s.deliver = func(_ int, _ context.Context, d sinks.Delivery) error {
				if d.Sink != "sink.one" {
					return nil
				}
				calls++
				switch {
				case calls <= 3:
					return transient("503")
				case calls-4 >= len(tt.answer):
					return nil
				case errors.Is(tt.answer[calls-4], errCrash):
					crash()
				}
				return tt.answer[calls-4]
			}
			p := fakedProject(t, s)
			r := p.run()
			if r.Status != state.Failed || calls != 3 {
				t.Fatalf("run %s after %d calls", r.Status, calls)
			}
			if tt.sweep {
				if err := os.RemoveAll(filepath.Join(p.Spool, r.ID)); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.store.Reopen(t.Context(), r.ID); err != nil {
				t.Fatal(err)
			}
			again, err := p.execute(ctx, r.ID)
			if err != nil && ctx.Err() != nil {
				again, err = p.execute(t.Context(), r.ID)
			}
			mustSucceed(t, again, err)
		})
	}
}

var errCrash = errors.New("the lights went out")

// A delivery that has begun does not go on to another place, because a
// variable or the environment is another one after a restart.
func TestPlaceIsFrozen(t *testing.T) {
	ctx, crash := context.WithCancel(t.Context())
	s := &script{}
	s.deliver = func(n int, ctx context.Context, d sinks.Delivery) error {
		if n == 1 {
			crash()
			return ctx.Err()
		}
		return nil
	}
	p := newProject(t, map[string]string{"main.hcl": `
pipeline "p" {
  source "fake" "rows" {}
  sink "fake" "one" {
    label = env("WAYBILL_TEST_BUCKET")
    input = source.rows
    key   = "k"
    format "csv" {}
  }
}`})
	p.kinds(s)
	t.Setenv("WAYBILL_TEST_BUCKET", "test")
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("the crashed process came to an end")
	}
	t.Setenv("WAYBILL_TEST_BUCKET", "production")
	got, err := p.execute(t.Context(), r.ID)
	if err != nil || got.Status != state.Failed || got.Problem.Code != "delivery-changed" || len(s.deliveries) != 1 {
		t.Fatalf("run %s %v %v, %d deliveries", got.Status, got.Problem, err, len(s.deliveries))
	}
	// With what it began with it goes on.
	t.Setenv("WAYBILL_TEST_BUCKET", "test")
	if err := p.store.Reopen(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	again, err := p.execute(t.Context(), r.ID)
	mustSucceed(t, again, err)
}
