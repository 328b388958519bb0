// Package plan says what a pipeline would do at its next slot, and proves what
// can be proven of that without doing it: who it becomes, whether buckets and
// workgroups are there, whether queries are valid, which files it would write.
package plan

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/proof"
	"waybill/runner"
	"waybill/runner/compile"
	"waybill/sinks"
	"waybill/sources"
)

// A Plan is what one pipeline would do.
type Plan struct {
	Pipeline string      `json:"pipeline"`
	Disabled bool        `json:"disabled,omitempty"`
	Where    string      `json:"where"` // file:line
	Next     []time.Time `json:"next,omitempty"`
	Slot     time.Time   `json:"slot"` // that names and dates are shown for
	Steps    []Step      `json:"steps"`
	// Problem says why the pipeline could not even be evaluated.
	Problem *problem.Problem `json:"problem,omitempty"`
}

// A Step is one of its steps, in the order in which they depend on each other.
type Step struct {
	Address string        `json:"address"`
	Kind    string        `json:"kind"`
	Where   string        `json:"where"`
	Inputs  []string      `json:"inputs,omitempty"`
	Proofs  []proof.Proof `json:"proofs,omitempty"`
	Writes  *Writes       `json:"writes,omitempty"` // of a sink
	// Shortcut is, of a sink, how it may come by its files without its rows being
	// written anew; whether it does shows when the files are there.
	Shortcut *compile.Shortcut `json:"shortcut,omitempty"`
}

// Writes is what a sink would write.
type Writes struct {
	Place string `json:"place"` // "s3://acme-inbox"
	// File is the first file's name. Those of further files differ where Several
	// says.
	File     string   `json:"file"`
	Several  []string `json:"several,omitempty"` // "file.number", "file.partition"
	Success  string   `json:"success,omitempty"`
	Manifest string   `json:"manifest,omitempty"`
	Needs    []string `json:"needs,omitempty"` // permissions, such as "s3:PutObject"
}

// Failed counts what was tried and failed.
func (p Plan) Failed() int { return p.count(proof.Failed) }

// Doubtful counts what works, but not as it should.
func (p Plan) Doubtful() int { return p.count(proof.Doubtful) }

func (p Plan) count(v proof.Verdict) int {
	n := 0
	if p.Problem != nil && v == proof.Failed {
		n++
	}
	for _, s := range p.Steps {
		for _, pr := range s.Proofs {
			if pr.Verdict == v {
				n++
			}
		}
	}
	return n
}

// Columns are those that the sources told, by their addresses.
func (p Plan) Columns() map[string]dataset.Schema {
	out := map[string]dataset.Schema{}
	for _, s := range p.Steps {
		for _, pr := range s.Proofs {
			if pr.Columns != nil {
				out[s.Address] = pr.Columns
			}
		}
	}
	return out
}

// Options say how much is tried.
type Options struct {
	Now time.Time
	// Slot is the one to plan; zero: the next firing, or Now for a pipeline that
	// does not fire by itself.
	Slot   time.Time
	Traces bool   // see proof.Trial
	Quiet  bool   // prove nothing, only say what would be done
	Only   string // address of the only step to prove; empty: all
}

const (
	firings = 3 // that are told
	atOnce  = 8 // probes side by side
)

// Make plans a pipeline. Whatever fails is in the plan; the steps are proven
// side by side.
func Make(ctx context.Context, p *compile.Pipeline, o Options) Plan {
	out := Plan{Pipeline: p.Name, Disabled: !p.Enabled, Where: where(p), Slot: o.Slot}
	if p.Enabled {
		out.Next = p.ScheduleSet().Upcoming(o.Now, firings)
	}
	switch {
	case !out.Slot.IsZero():
	case len(out.Next) > 0:
		out.Slot = out.Next[0]
	default:
		out.Slot = o.Now.Truncate(time.Second)
	}
	b, err := p.Bind(out.values())
	if err != nil {
		out.Problem = problem.Of(err)
		return out
	}
	for _, s := range p.Steps {
		step := Step{Address: s.Address, Kind: s.Kind, Where: s.Where, Inputs: slices.Clone(s.Inputs)}
		if s.Family == compile.Sink {
			if step.Writes, err = writes(b, s.Address); err != nil {
				step.Proofs = append(step.Proofs, proof.Bad("keys", err))
			}
			shortcut := b.Shortcut(s.Address)
			step.Shortcut = &shortcut
		}
		out.Steps = append(out.Steps, step)
	}
	if !o.Quiet {
		out.prove(ctx, p, b, o)
	}
	return out
}

// values are what a run of the slot would have.
func (p Plan) values() compile.RunValues {
	return compile.RunValues{ID: "plan", Slot: p.Slot, Attempt: 1, Trigger: "schedule"}
}

// prove asks the sources and sinks to prove that they will work.
func (out *Plan) prove(ctx context.Context, p *compile.Pipeline, b *compile.Bound, o Options) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	var mu sync.Mutex
	for i, s := range p.Steps {
		if o.Only != "" && s.Address != o.Only {
			continue
		}
		trial := proof.Trial{Traces: o.Traces}
		if w := out.Steps[i].Writes; w != nil {
			trial.Key = w.File
		}
		group.Go(func() error {
			proofs := probe(ctx, b, s, trial)
			proofs = append(proofs, contract(b, s, proofs)...)
			mu.Lock()
			defer mu.Unlock()
			out.Steps[i].Proofs = append(out.Steps[i].Proofs, proofs...)
			return nil
		})
	}
	_ = group.Wait() // they return none
}

// probe has one step prove what it can. Where the problem does not say where it
// is, the step is the place.
func probe(ctx context.Context, b *compile.Bound, s *compile.Step, t proof.Trial) []proof.Proof {
	var component any
	var err error
	switch s.Family {
	case compile.Source:
		component, err = b.Source(s.Address)
	case compile.Sink:
		component, err = b.Sink(s.Address)
	default:
		return nil
	}
	var proofs []proof.Proof
	switch c := component.(type) {
	case sources.Prober:
		proofs = c.Probe(ctx, t)
	case sinks.Prober:
		proofs = c.Probe(ctx, t)
	}
	if err != nil {
		proofs = []proof.Proof{proof.Bad("settings", err)}
	}
	for i := range proofs {
		if p := proofs[i].Problem; p != nil && p.Where == "" {
			p.Where = s.Where
		}
	}
	return proofs
}

// contract compares what a source told of its columns with what it promises.
func contract(b *compile.Bound, s *compile.Step, proofs []proof.Proof) []proof.Proof {
	if s.Family != compile.Source {
		return nil
	}
	promised := b.Contract(s.Address)
	for _, pr := range proofs {
		if pr.Columns == nil || promised == nil {
			continue
		}
		if err := runner.ContractKept(s, promised, pr.Columns); err != nil {
			return []proof.Proof{proof.Bad("contract", err)}
		}
		return []proof.Proof{proof.Good("contract", "its columns are those it promises")}
	}
	return nil
}

func writes(b *compile.Bound, address string) (*Writes, error) {
	out, err := b.Output(address)
	if err != nil {
		return nil, err
	}
	w := &Writes{Place: out.Place, File: out.Name, Success: out.SuccessKey, Manifest: out.ManifestKey, Needs: b.Actions(address)}
	if out.MaxFileRows > 0 || out.MaxFileSize > 0 {
		w.Several = append(w.Several, "file.number")
	}
	if len(out.PartitionBy) > 0 {
		w.Several = append(w.Several, "file.partition")
		if w.File, err = b.FileName(address, 1, samplePartition(out.PartitionBy)); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// samplePartition is a partition with a value that nobody takes for a real one.
func samplePartition(columns []string) string {
	text := ""
	for _, c := range columns {
		text += c + "=…/"
	}
	return text
}

func where(p *compile.Pipeline) string {
	return fmt.Sprintf("%s:%d", p.Range.Filename, p.Range.Start.Line)
}
