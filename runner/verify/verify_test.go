package verify_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"waybill/config"
	"waybill/internal/component"
	"waybill/internal/identity"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/runner/compile"
	"waybill/runner/state"
	"waybill/runner/transform"
	"waybill/runner/verify"
	"waybill/sinks"
	sourcesall "waybill/sources/all"
)

// A ledger is a Store in memory.
type ledger struct {
	deliveries []state.Delivery // newest slot first
	intents    map[string][]sinks.Intent
	running    string // id of a run that goes on
	err        error
}

func (l *ledger) History(context.Context, state.DeliveryFilter) ([]state.Delivery, error) {
	return l.deliveries, l.err
}

func (l *ledger) Intents(_ context.Context, id string) ([]sinks.Intent, error) {
	return l.intents[id], nil
}

func (l *ledger) Run(_ context.Context, id string) (state.Run, error) {
	if id == l.running {
		return state.Run{ID: id, Status: state.Running}, nil
	}
	return state.Run{}, state.ErrNotFound
}

var day = time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC)

// delivery is what a sink did for the n-th day, at that many hours.
func delivery(id, sink string, n, hours int, urls ...string) state.Delivery {
	d := state.Delivery{ID: id, Pipeline: "p", Sink: sink, Slot: day.AddDate(0, 0, n), Run: "run-" + id, Done: hours > 0}
	if d.Done {
		d.DoneAt = day.Add(time.Duration(hours) * time.Hour)
	}
	var r sinks.Receipt
	for _, url := range urls {
		r.Objects = append(r.Objects, sinks.Object{Key: url, URL: url})
	}
	d.Receipt, _ = json.Marshal(r)
	return d
}

// A looking sink tells what it is told to.
type looking struct {
	blind
	asked *[]sinks.Verification
	err   error
}

func (l looking) Verify(_ context.Context, v sinks.Verification) (sinks.Verified, error) {
	*l.asked = append(*l.asked, v)
	out := sinks.Verified{Identity: "me"}
	for _, o := range v.Objects {
		f := sinks.Finding{Key: o.Key, URL: o.URL, Verdict: sinks.Same}
		if o.Key == "gone" {
			f.Verdict = sinks.Missing
		}
		out.Findings = append(out.Findings, f)
	}
	for _, in := range v.Intents {
		out.Findings = append(out.Findings, sinks.Finding{Key: in.Key, Verdict: sinks.Open})
	}
	return out, l.err
}

type blind struct{}

func (blind) Deliver(context.Context, sinks.Delivery) (sinks.Receipt, error) {
	return sinks.Receipt{}, errors.New("nothing is delivered here")
}

const project = `
pipeline "p" {
  source "file" "rows" {
    path = "rows.csv"
    format "csv" {}
  }
  sink "looking" "a" {
    input = source.rows
    key   = "a-${run.date}"
    format "csv" {}
  }
  sink "blind" "b" {
    input = source.rows
    key   = "b-${run.date}"
    format "csv" {}
  }
}`

// pipeline compiles the project with sinks that look with err, and ones that
// cannot.
func pipeline(t *testing.T, asked *[]sinks.Verification, err error) *compile.Pipeline {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(project), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, readErr := config.ReadTree(dir)
	if readErr != nil {
		t.Fatal(readErr)
	}
	block := &schema.Block{Attrs: []schema.Attr{{Name: "key", Type: schema.String, Late: true, Required: true, Doc: "A key."}}}
	ids := identity.NewProvider()
	g, _, diags := compile.Compile(tree, config.Vars{}, compile.Registries{
		Waiters: sourcesall.Waiters(ids), Sources: sourcesall.Registry(ids), Transforms: transform.All(), Checks: transform.Checks(), Conditions: transform.Conditions(),
		Sinks: sinks.Registry{
			component.New("looking", block, nil, func(struct{}, sinks.Env) (sinks.Sink, error) { return looking{asked: asked, err: err}, nil }).WithTarget("key"),
			component.New("blind", block, nil, func(struct{}, sinks.Env) (sinks.Sink, error) { return blind{}, nil }).WithTarget("key"),
		}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return g.Pipeline("p")
}

func check(t *testing.T, l *ledger, req verify.Request) (verify.Report, []sinks.Verification) {
	t.Helper()
	var asked []sinks.Verification
	r, err := verify.Check(t.Context(), l, pipeline(t, &asked, nil), req)
	if err != nil {
		t.Fatal(err)
	}
	return r, asked
}

func TestCheck(t *testing.T) {
	l := &ledger{
		deliveries: []state.Delivery{
			delivery("5", "sink.a", 4, 0, "half"),
			delivery("4", "sink.a", 3, 0, "now"),
			delivery("3", "sink.a", 2, 30, "latest", "three"),
			delivery("2", "sink.a", 1, 20, "latest", "gone"),
			delivery("1", "sink.b", 0, 10, "b"),
			delivery("0", "sink.old", 0, 10, "old"),
		},
		intents: map[string][]sinks.Intent{"5": {{Key: "half", UploadID: "u"}}, "4": {{Key: "now", UploadID: "v"}}},
		running: "run-4",
	}
	r, asked := check(t, l, verify.Request{Bytes: true})
	if want := (verify.Summary{Objects: 4, Same: 2, Replaced: 1, Missing: 1, Open: 1, Unknown: 2}); r.Summary != want || !r.Summary.Differs() {
		t.Errorf("summary %+v, want %+v", r.Summary, want)
	}
	var ids []string
	for _, v := range asked {
		ids = append(ids, v.ID)
		if !v.Bytes {
			t.Errorf("delivery %s is to be read whole", v.ID)
		}
	}
	if want := []string{"5", "3", "2"}; !slices.Equal(ids, want) {
		t.Errorf("the sink was asked about %v, want %v", ids, want)
	}
	if len(asked[0].Objects) != 0 {
		t.Errorf("a delivery that was never done has objects: %+v", asked[0].Objects)
	}
	for i, note := range []string{"it was not delivered", "it is being delivered now", "", "", `sinks of kind "blind" cannot look at what they delivered`, "sink.old is not in the pipeline any more, so nobody can look"} {
		if r.Deliveries[i].Note != note {
			t.Errorf("delivery %s has the note %q, want %q", r.Deliveries[i].ID, r.Deliveries[i].Note, note)
		}
	}
}

func TestChoice(t *testing.T) {
	l := &ledger{deliveries: []state.Delivery{
		delivery("4", "sink.a", 2, 3, "x"), delivery("3", "sink.b", 2, 3, "y"), delivery("2", "sink.a", 1, 2, "z"), delivery("1", "sink.a", 0, 1, "w")}}
	for want, req := range map[string]verify.Request{
		"4321": {}, "43": {Last: 1}, "432": {Last: 2}, "2": {Slot: day.AddDate(0, 0, 1)}, "": {Slot: day.AddDate(0, 0, 9)},
	} {
		r, _ := check(t, l, req)
		got := ""
		for _, d := range r.Deliveries {
			got += d.ID
		}
		if got != want {
			t.Errorf("%+v chooses %q, want %q", req, got, want)
		}
	}
}

func TestFailures(t *testing.T) {
	var asked []sinks.Verification
	denied := problem.New("assume-role-denied", "no", nil)
	l := &ledger{deliveries: []state.Delivery{delivery("1", "sink.a", 0, 1, "x")}}
	r, err := verify.Check(t.Context(), l, pipeline(t, &asked, denied), verify.Request{})
	if err != nil || r.Deliveries[0].Problem == nil || r.Deliveries[0].Problem.Code != "assume-role-denied" || r.Summary.Unknown != 1 || r.Summary.Differs() {
		t.Errorf("%+v, %v", r, err)
	}
	l.err = errors.New("the disk is gone")
	if _, err := verify.Check(t.Context(), l, pipeline(t, &asked, nil), verify.Request{}); !errors.Is(err, l.err) {
		t.Errorf("got %v", err)
	}
	l = &ledger{deliveries: []state.Delivery{{ID: "1", Receipt: json.RawMessage("?")}}}
	if _, err := verify.Check(t.Context(), l, pipeline(t, &asked, nil), verify.Request{}); err == nil {
		t.Error("a receipt that cannot be read was read")
	}
}
