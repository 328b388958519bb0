package runner_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"waybill/internal/component"
	"waybill/internal/schema"
	"waybill/runner/state"
	"waybill/sinks"
)

// A plannedSink records with which note it delivers; the note belongs to the
// plan.
type plannedSink struct {
	*fakeSink
	note      string
	delivered *[]string
}

func (p plannedSink) Options() (json.RawMessage, error) { return json.Marshal(p.note) }

func (p plannedSink) WithOptions(kept json.RawMessage) (sinks.Sink, error) {
	err := json.Unmarshal(kept, &p.note)
	return p, err
}

func (p plannedSink) Deliver(ctx context.Context, d sinks.Delivery) (sinks.Receipt, error) {
	*p.delivered = append(*p.delivered, p.note)
	return p.fakeSink.Deliver(ctx, d)
}

type plannedConfig struct {
	Note string `wb:"note"`
}

func (plannedConfig) Place() string { return "planned:" }

// TestOptionsAreFrozen: a resume delivers with the options it was planned with,
// though a variable or the environment says something else by then; a fresh run
// takes the new ones.
func TestOptionsAreFrozen(t *testing.T) {
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
  sink "planned" "one" {
    note  = env("WAYBILL_TEST_NOTE")
    input = source.rows
    key   = "k"
    format "csv" {}
  }
}`})
	p.kinds(s)
	var delivered []string
	block := &schema.Block{Attrs: []schema.Attr{{Name: "key", Type: schema.String, Late: true, Required: true, Doc: "A key."}, {Name: "note", Type: schema.String, Doc: "A note."}}}
	p.regs.Sinks = append(p.regs.Sinks, component.New("planned", block, nil, func(c plannedConfig, _ sinks.Env) (sinks.Sink, error) {
		return plannedSink{(*fakeSink)(s), c.Note, &delivered}, nil
	}).WithTarget("key"))
	t.Setenv("WAYBILL_TEST_NOTE", "first")
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("the crashed process came to an end")
	}
	t.Setenv("WAYBILL_TEST_NOTE", "second")
	got, err := p.execute(t.Context(), r.ID)
	mustSucceed(t, got, err)
	fresh := p.create()
	got, err = p.execute(t.Context(), fresh.ID)
	mustSucceed(t, got, err)
	if want := []string{"first", "first", "second"}; got.Status != state.Succeeded || !slices.Equal(delivered, want) {
		t.Errorf("delivered with %v, want %v", delivered, want)
	}
}
