package runner_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"waybill/internal/component"
	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/sinks"
	"waybill/sources"
)

// A script is what fake components do, and a record of what they were asked.
type script struct {
	mu         sync.Mutex
	extracts   []sources.Request
	deliveries []sinks.Delivery

	extract func(n int, ctx context.Context, req sources.Request) error
	deliver func(n int, ctx context.Context, d sinks.Delivery) error
}

type fakeConfig struct {
	Name string `wb:"label"`
}

type fakeTarget struct {
	fakeConfig
}

// Place keeps fakes apart from each other and from files.
func (f fakeTarget) Place() string { return "fake:" + f.Name }

var fakeAttrs = []schema.Attr{{Name: "label", Type: schema.String, Doc: "A name."}}

// kinds registers the fakes as source and sink "fake".
func (p *project) kinds(s *script) {
	source := component.New("fake", &schema.Block{Attrs: fakeAttrs}, nil, func(fakeConfig, sources.Env) (sources.Source, error) { return (*fakeSource)(s), nil })
	target := &schema.Block{Attrs: append([]schema.Attr{{Name: "key", Type: schema.String, Late: true, Required: true, Doc: "A key."}}, fakeAttrs...)}
	sink := component.New("fake", target, nil, func(fakeTarget, sinks.Env) (sinks.Sink, error) { return (*fakeSink)(s), nil }).WithTarget("key")
	p.regs.Sources = append(p.regs.Sources, source)
	p.regs.Sinks = append(p.regs.Sinks, sink)
}

type fakeSource script

func (f *fakeSource) Extract(ctx context.Context, req sources.Request) (dataset.Dataset, error) {
	f.mu.Lock()
	f.extracts = append(f.extracts, req)
	n := len(f.extracts)
	f.mu.Unlock()
	if f.extract != nil {
		if err := f.extract(n, ctx, req); err != nil {
			return dataset.Dataset{}, err
		}
	}
	text := "id,total\n1,10\n2,20\n"
	err := os.WriteFile(filepath.Join(req.Dir, "rows.csv"), []byte(text), 0o600)
	return dataset.Dataset{Format: dataset.CSV, CSV: &dataset.CSVOptions{Header: true}, Rows: 2,
		Files: []dataset.File{{Name: "rows.csv", Size: int64(len(text)), Rows: 2}}}, err
}

type fakeSink script

func (f *fakeSink) Deliver(ctx context.Context, d sinks.Delivery) (sinks.Receipt, error) {
	f.mu.Lock()
	f.deliveries = append(f.deliveries, d)
	n := len(f.deliveries)
	f.mu.Unlock()
	if f.deliver != nil {
		if err := f.deliver(n, ctx, d); err != nil {
			return sinks.Receipt{}, err
		}
	}
	var out sinks.Receipt
	for _, a := range d.Artifacts {
		if err := d.Ledger.Intend(ctx, sinks.Intent{Key: a.Key, SHA256: a.SHA256, Size: a.Size}); err != nil {
			return out, err
		}
		obj := sinks.Object{Key: a.Key, URL: "fake:" + a.Key, Size: a.Size, Rows: a.Rows, SHA256: a.SHA256}
		if err := d.Ledger.Settle(ctx, obj); err != nil {
			return out, err
		}
		out.Objects = append(out.Objects, obj)
	}
	return out, nil
}

// deliveriesTo are the calls for one sink.
func (s *script) deliveriesTo(sink string) []sinks.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []sinks.Delivery
	for _, d := range s.deliveries {
		if d.Sink == sink {
			out = append(out, d)
		}
	}
	return out
}

func transient(text string) error { return problem.New("s3-unreachable", text, nil) }

// faked is a pipeline of one fake source and two fake sinks.
const faked = `
pipeline "p" {
  source "fake" "rows" {
    label = "in"
    retry {
      initial_backoff = "1ms"
      max_backoff     = "2ms"
    }
  }
  sink "fake" "one" {
    label = "one"
    input = source.rows
    key   = "${run.date}.csv"
    format "csv" {}
    retry {
      initial_backoff = "1ms"
      max_backoff     = "2ms"
    }
  }
  sink "fake" "two" {
    label = "two"
    input = source.rows
    key   = "${run.date}.csv"
    format "csv" {}
  }
}
`

func fakedProject(t *testing.T, s *script) *project {
	p := newProject(t, map[string]string{"main.hcl": faked})
	p.kinds(s)
	return p
}
