package runner_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/runner/engine"
	"waybill/runner/state"
)

// asked is a pipeline whose condition is replaced in the tests.
const asked = `
pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  CONDITION
  sink "file" "out" {
    input = source.orders
    path  = "out.csv"
    format "csv" {}
  }
}
`

func askedProject(t *testing.T, condition, orders string) *project {
	return newProject(t, map[string]string{"main.hcl": strings.Replace(asked, "CONDITION", condition, 1), "orders.csv": orders})
}

func on(when string) string {
	return "condition \"results\" \"c\" {\n    input = source.orders\n    when  = \"" + when + "\"\n  }"
}

// delivers runs once and reports whether anything was delivered.
func (p *project) delivers() bool {
	p.t.Helper()
	_ = os.Remove(filepath.Join(p.dir, "out.csv"))
	r := p.run()
	_, err := os.Stat(filepath.Join(p.dir, "out.csv"))
	switch r.Status {
	case state.Succeeded:
		if err != nil {
			p.t.Fatal("succeeded without a delivery")
		}
		return true
	case state.ConditionOff:
		if err == nil {
			p.t.Fatal("delivered although the condition is not met")
		}
		want := map[string]state.Status{"source.orders": state.Succeeded, "condition.c": state.ConditionOff, "sink.out": state.Skipped}
		if got := p.statuses(r.ID); !maps.Equal(got, want) {
			p.t.Errorf("steps = %v, want %v", got, want)
		}
		return false
	}
	p.t.Fatalf("run %s: %v", r.Status, r.Problem)
	return false
}

func TestConditionsOnResults(t *testing.T) {
	a, b, none := "id,x\n1,a\n2,b\n", "id,x\n1,a\n2,c\n", "id,x\n"
	shuffled := "id,x\n2,b\n1,a\n"
	tests := []struct {
		when    string
		results []string
		want    []bool
	}{
		{"changed", []string{a, a, shuffled, b, b, a}, []bool{true, false, false, true, false, true}},
		{"unchanged", []string{a, a, b, b}, []bool{false, true, false, true}},
		{"present", []string{none, a, a}, []bool{false, true, true}},
		{"missing", []string{none, a}, []bool{true, false}},
	}
	for _, tt := range tests {
		t.Run(tt.when, func(t *testing.T) {
			p := askedProject(t, on(tt.when), a)
			for i, orders := range tt.results {
				p.write("orders.csv", orders)
				if got := p.delivers(); got != tt.want[i] {
					t.Errorf("run %d delivers %v, want %v", i+1, got, tt.want[i])
				}
			}
		})
	}
}

func TestConditionOnQuery(t *testing.T) {
	query := func(q string) string { return "condition \"sql\" \"c\" {\n    query = \"" + q + "\"\n  }" }
	tests := []struct {
		query    string
		delivers bool
		code     string
	}{
		{"SELECT sum(total) > 30 FROM ${source.orders}", true, ""},
		{"SELECT sum(total) > 100 FROM ${source.orders}", false, ""},
		{"SELECT max(total) > 1 FROM ${source.orders} WHERE id > 9", false, ""}, // NULL
		{"SELECT sum(total) AS n FROM ${source.orders}", false, "condition-invalid"},
		{"SELECT total > 1 AS b FROM ${source.orders}", false, "condition-invalid"},
		{"SELECT total > 1 AS b FROM ${source.orders} WHERE id > 9", false, "condition-invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			p := askedProject(t, query(tt.query), ordersCSV)
			if tt.code == "" {
				if got := p.delivers(); got != tt.delivers {
					t.Errorf("delivers %v, want %v", got, tt.delivers)
				}
				return
			}
			if r := p.run(); r.Status != state.Failed || r.Problem.Code != tt.code {
				t.Errorf("run %s: %v", r.Status, r.Problem)
			}
		})
	}
}

// What was not delivered is still new to the next run.
func TestChangedComparesWithWhatWasDelivered(t *testing.T) {
	p := askedProject(t, on("changed"), "id\n1\n")
	good := strings.Replace(asked, "CONDITION", on("changed"), 1)
	p.write("main.hcl", strings.Replace(good, `path  = "out.csv"`, `path  = "orders.csv/out.csv"`, 1)) // a file is no directory
	if r := p.run(); r.Status != state.Failed {
		t.Fatalf("run %s", r.Status)
	}
	p.write("main.hcl", good)
	if !p.delivers() {
		t.Error("a result that failed to be delivered counts as delivered")
	}
}

// A run for an older slot does not become what the next one compares with.
func TestOlderSlotLeavesTheBaseline(t *testing.T) {
	p := askedProject(t, on("changed"), "id\n1\n")
	if !p.delivers() {
		t.Fatal("the first result is not new")
	}
	p.write("orders.csv", "id\n2\n")
	old := p.create()
	old.ID, old.Slot = "OLD", slot.AddDate(0, 0, -7)
	if err := p.store.CreateRun(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	r, err := p.execute(t.Context(), old.ID)
	mustSucceed(t, r, err)
	p.write("orders.csv", "id\n1\n")
	if p.delivers() {
		t.Error("the result counts as changed, compared with that of an older slot")
	}
}

// A run that goes on after a crash compares with the runs before it, not with
// itself.
func TestConditionAfterCrash(t *testing.T) {
	p := askedProject(t, on("unchanged"), "id\n1\n")
	ctx, crash := context.WithCancel(t.Context())
	start, jobs := p.StartJob, 0
	p.StartJob = func(jobCtx context.Context, o engine.Options) (engine.Job, error) {
		job, err := start(jobCtx, o)
		if jobs++; jobs == 1 {
			return crashAfterHash{job, crash}, err
		}
		return job, err
	}
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("the crashed process came to an end")
	}
	again, err := p.execute(t.Context(), r.ID)
	if err != nil || again.Status != state.ConditionOff {
		t.Errorf("run %s, %v, %v: the first result is unchanged from nothing", again.Status, again.Problem, err)
	}
}

// crashAfterHash is a job in whose process the lights go out once a result was
// hashed.
type crashAfterHash struct {
	engine.Job
	crash func()
}

func (c crashAfterHash) Hash(ctx context.Context, name string) (engine.Hash, error) {
	h, err := c.Job.Hash(ctx, name)
	c.crash()
	return h, errors.Join(err, errors.New("the lights went out"))
}
