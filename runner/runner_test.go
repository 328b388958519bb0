package runner_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waybill/runner"
	"waybill/runner/engine"
	"waybill/runner/state"
)

const ordersCSV = "id,region_id,total\n1,7,10\n2,7,20\n3,8,5\n"

const regionsCSV = "region_id,name\n7,EU\n8,US\n"

// joined is a pipeline with two sources, two transforms of which one has two
// readers, and two sinks.
const joined = `
pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  source "file" "regions" {
    path = "regions.csv"
    format "csv" {}
  }
  transform "sql" "by_region" {
    query = "SELECT r.name, sum(o.total) AS total FROM ${source.orders} o JOIN ${source.regions} r USING (region_id) GROUP BY 1"
  }
  transform "sql" "big" {
    query = "SELECT name FROM ${transform.by_region} WHERE total > 7"
  }
  sink "file" "all" {
    input    = transform.by_region
    path     = "out/all-${run.date}.csv"
    order_by = ["total desc"]
    format "csv" {}
  }
  sink "file" "big" {
    input = transform.big
    path  = "out/big-${run.date}.ndjson"
    format "ndjson" {}
  }
}
`

func joinedProject(t *testing.T) *project {
	return newProject(t, map[string]string{"main.hcl": joined, "orders.csv": ordersCSV, "regions.csv": regionsCSV})
}

func TestRunDelivers(t *testing.T) {
	p := joinedProject(t)
	r := p.run()
	if r.Status != state.Succeeded {
		t.Fatalf("run %s: %v", r.Status, r.Problem)
	}
	if got, want := p.read("out/all-2026-01-31.csv"), "name,total\nEU,30\nUS,5\n"; got != want {
		t.Errorf("all = %q, want %q", got, want)
	}
	if got, want := p.read("out/big-2026-01-31.ndjson"), `{"name":"EU"}`+"\n"; got != want {
		t.Errorf("big = %q, want %q", got, want)
	}
	deliveries, err := p.store.Deliveries(t.Context(), r.ID)
	if err != nil || len(deliveries) != 2 {
		t.Fatalf("deliveries = %v, %v", deliveries, err)
	}
	for _, d := range deliveries {
		if !d.Done || d.ID != runner.DeliveryID("p", d.Sink, slot) {
			t.Errorf("delivery %+v is not done under its id", d)
		}
	}
}

// The same slot again writes the same names and the same bytes.
func TestRunAgainIsTheSame(t *testing.T) {
	p := joinedProject(t)
	p.run()
	before := p.read("out/all-2026-01-31.csv")
	if err := os.Remove(filepath.Join(p.dir, "out/all-2026-01-31.csv")); err != nil {
		t.Fatal(err)
	}
	if r := p.run(); r.Status != state.Succeeded {
		t.Fatal(r.Problem)
	}
	if got := p.read("out/all-2026-01-31.csv"); got != before {
		t.Errorf("second run wrote %q, the first %q", got, before)
	}
}

// Nothing is delivered unless everything can be: a mistake in one branch keeps
// the other branch's sink from delivering.
func TestBarrier(t *testing.T) {
	p := joinedProject(t)
	p.write("main.hcl", strings.Replace(joined, "SELECT name FROM", "SELECT nam FROM", 1))
	r := p.run()
	if r.Status != state.Failed || r.Problem.Code != "column-not-found" {
		t.Fatalf("run %s: %v", r.Status, r.Problem)
	}
	if !strings.HasPrefix(r.Problem.Where, "main.hcl:15") {
		t.Errorf("where = %q, want the line of the query", r.Problem.Where)
	}
	if entries, _ := os.ReadDir(filepath.Join(p.dir, "out")); len(entries) > 0 {
		t.Errorf("something was delivered: %v", entries)
	}
	want := map[string]state.Status{"source.orders": state.Succeeded, "source.regions": state.Succeeded,
		"transform.by_region": state.Succeeded, "transform.big": state.Failed, "sink.all": state.Skipped, "sink.big": state.Skipped}
	if got := p.statuses(r.ID); !maps.Equal(got, want) {
		t.Errorf("steps = %v, want %v", got, want)
	}
}

// A failed run that is reopened goes on with what is done.
func TestRetryGoesOn(t *testing.T) {
	p := joinedProject(t)
	p.write("regions.csv", "")
	if err := os.Remove(filepath.Join(p.dir, "regions.csv")); err != nil {
		t.Fatal(err)
	}
	r := p.run()
	if r.Status != state.Failed || r.Problem.Code != "file-not-found" {
		t.Fatalf("run %s: %v", r.Status, r.Problem)
	}
	p.write("regions.csv", regionsCSV)
	p.write("orders.csv", "id,region_id,total\n") // the orders were extracted already
	if err := p.store.Reopen(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	again, err := p.execute(t.Context(), r.ID)
	if err != nil || again.Status != state.Succeeded {
		t.Fatalf("second try: %v %v", again.Problem, err)
	}
	if got, want := p.read("out/all-2026-01-31.csv"), "name,total\nEU,30\nUS,5\n"; got != want {
		t.Errorf("all = %q, want %q", got, want)
	}
}

func TestEmpty(t *testing.T) {
	for policy, want := range map[string]state.Status{"deliver": state.Succeeded, "skip": state.Succeeded, "fail": state.Failed} {
		t.Run(policy, func(t *testing.T) {
			p := joinedProject(t)
			joined := strings.Replace(joined, "GROUP BY 1", "WHERE o.total > 1000 GROUP BY 1", 1)
			p.write("main.hcl", strings.Replace(joined, "input    = transform.by_region", "if_empty = \""+policy+"\"\n    input    = transform.by_region", 1))
			r := p.run()
			if r.Status != want {
				t.Fatalf("run %s: %v", r.Status, r.Problem)
			}
			_, err := os.Stat(filepath.Join(p.dir, "out/all-2026-01-31.csv"))
			if delivered := err == nil; delivered != (policy == "deliver") {
				t.Errorf("delivered = %v", delivered)
			}
			if policy == "fail" && r.Problem.Code != "empty-result" {
				t.Errorf("code = %s", r.Problem.Code)
			}
		})
	}
}

// A run that is interrupted keeps its place and is resumed by the next owner.
func TestInterruptedRunIsResumed(t *testing.T) {
	p := joinedProject(t)
	ctx, cancel := context.WithCancel(t.Context())
	start := p.StartJob
	p.StartJob = func(ctx context.Context, o engine.Options) (engine.Job, error) {
		cancel() // the process is told to end when the job would start
		return nil, context.Canceled
	}
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("an interrupted run came to an end")
	}
	stored, err := p.store.Run(t.Context(), r.ID)
	if err != nil || stored.Status != state.Running {
		t.Fatalf("status = %s, %v", stored.Status, err)
	}
	p.StartJob, p.Owner = start, "another"
	again, err := p.execute(t.Context(), r.ID)
	if err != nil || again.Status != state.Succeeded {
		t.Fatalf("resumed: %s %v %v", again.Status, again.Problem, err)
	}
}

func TestCancelled(t *testing.T) {
	p := joinedProject(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	p.StartJob = func(ctx context.Context, o engine.Options) (engine.Job, error) {
		cancel(runner.ErrCancelRequested)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r := p.create()
	done, err := p.execute(ctx, r.ID)
	if err != nil || done.Status != state.Cancelled {
		t.Fatalf("run %s: %v %v", done.Status, done.Problem, err)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "out")); err == nil {
		t.Error("something was delivered")
	}
}

func TestTimeout(t *testing.T) {
	p := joinedProject(t)
	p.write("main.hcl", strings.Replace(joined, "pipeline \"p\" {", "pipeline \"p\" {\n  timeout = \"1s\"", 1))
	p.StartJob = func(ctx context.Context, _ engine.Options) (engine.Job, error) { // one that takes too long
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	r := p.run()
	if r.Status != state.Failed || r.Problem.Code != "timeout" {
		t.Fatalf("run %s: %v", r.Status, r.Problem)
	}
}

// A process that lost its lease stops, and can change nothing any more.
func TestLostLease(t *testing.T) {
	p := joinedProject(t)
	start := p.StartJob
	r := p.create()
	p.StartJob = func(ctx context.Context, o engine.Options) (engine.Job, error) {
		if _, err := p.store.Claim(context.Background(), r.ID, "another", "", time.Now().Add(time.Hour), time.Minute); err != nil {
			t.Error(err)
		}
		return start(ctx, o)
	}
	if _, err := p.execute(t.Context(), r.ID); err == nil {
		t.Fatal("a run went on without its lease")
	}
	stored, err := p.store.Run(t.Context(), r.ID)
	if err != nil || stored.Owner != "another" || stored.Status != state.Running {
		t.Errorf("run = %+v, %v", stored, err)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "out")); err == nil {
		t.Error("something was delivered without the lease")
	}
}

// A pipeline that asks for what cannot be done yet does not run at all.
func TestNotSupportedYet(t *testing.T) {
	p := newProject(t, map[string]string{"orders.csv": "id\n1\n", "main.hcl": `
pipeline "p" {
  on_step_failure = "continue"
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "out.csv"
    format "csv" {}
  }
}`})
	r := p.run()
	if r.Status != state.Failed || r.Problem.Code != "not-supported-yet" || r.Problem.Where != "main.hcl:3" {
		t.Errorf("the run is %s: %+v", r.Status, r.Problem)
	}
	if len(p.statuses(r.ID)) != 0 {
		t.Error("a step was begun")
	}
}
