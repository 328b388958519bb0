// Package verify compares what stands at the destinations of a pipeline with
// what the ledger says was delivered.
package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/state"
	"waybill/sinks"
)

// A Store is what verification reads of the state.
type Store interface {
	History(ctx context.Context, f state.DeliveryFilter) ([]state.Delivery, error)
	Intents(ctx context.Context, delivery string) ([]sinks.Intent, error)
	Run(ctx context.Context, id string) (state.Run, error)
}

// A Request says what to look at.
type Request struct {
	Slot  time.Time // of this slot only; zero: of all
	Last  int       // of the newest so many slots; 0: of all
	Bytes bool      // read every byte
}

// Replaced is the verdict on an object that a later delivery wrote over, as a
// key without a date has it. Nobody looks at it.
const Replaced sinks.Verdict = "replaced"

// A Report is what was found.
type Report struct {
	Pipeline   string     `json:"pipeline"`
	Deliveries []Delivery `json:"deliveries"` // the newest slot first, then by sink
	Summary    Summary    `json:"summary"`
}

// Summary counts the findings by their verdict.
type Summary struct {
	Objects  int `json:"objects"`
	Same     int `json:"same"`
	Replaced int `json:"replaced"`
	Missing  int `json:"missing"`
	Changed  int `json:"changed"`
	Open     int `json:"open_uploads"`
	Unknown  int `json:"unknown"`
}

// Differs reports whether something is not as it was delivered.
func (s Summary) Differs() bool { return s.Missing+s.Changed+s.Open > 0 }

// A Delivery is one line of the ledger and what stands of it.
type Delivery struct {
	ID          string          `json:"id"`
	Sink        string          `json:"sink"`
	Slot        time.Time       `json:"slot"`
	Run         string          `json:"run"`
	DeliveredAt time.Time       `json:"delivered_at,omitzero"`
	Identity    string          `json:"identity,omitempty"` // that looked
	Findings    []sinks.Finding `json:"findings,omitempty"`
	// Note says why there is nothing to look at, or nobody to look: the delivery
	// goes on, was never done, or its sink is gone.
	Note string `json:"note,omitempty"`
	// Unknown is set if the note keeps us from knowing what stands there.
	Unknown bool             `json:"unknown,omitempty"`
	Problem *problem.Problem `json:"problem,omitempty"` // why nothing could be found out
}

// Check looks at the deliveries of a pipeline with the sinks that its definition
// has now. Its error means that the ledger cannot be read or ctx has ended; what
// destinations refuse is in the report.
func Check(ctx context.Context, store Store, p *compile.Pipeline, req Request) (Report, error) {
	all, err := store.History(ctx, state.DeliveryFilter{Pipeline: p.Name})
	if err != nil {
		return Report{}, err
	}
	c := &checker{store: store, pipeline: p, req: req}
	if c.receipts, err = readReceipts(all); err != nil {
		return Report{}, err
	}
	c.findLatest(all)
	out := Report{Pipeline: p.Name, Deliveries: []Delivery{}}
	slots := map[int64]bool{}
	for _, d := range all {
		if !req.Slot.IsZero() && !d.Slot.Equal(req.Slot) {
			continue
		}
		if slots[d.Slot.Unix()] = true; req.Last > 0 && len(slots) > req.Last {
			break
		}
		found, err := c.delivery(ctx, d)
		if err != nil {
			return Report{}, err
		}
		out.Deliveries = append(out.Deliveries, found)
		out.Summary.add(found)
	}
	return out, nil
}

func (s *Summary) add(d Delivery) {
	for _, f := range d.Findings {
		if f.Verdict != sinks.Open {
			s.Objects++
		}
		switch f.Verdict {
		case sinks.Same:
			s.Same++
		case Replaced:
			s.Replaced++
		case sinks.Missing:
			s.Missing++
		case sinks.Changed:
			s.Changed++
		case sinks.Open:
			s.Open++
		case sinks.Unknown:
			s.Unknown++
		}
	}
	if len(d.Findings) == 0 && (d.Unknown || d.Problem != nil) {
		s.Unknown++
	}
}

type checker struct {
	store    Store
	pipeline *compile.Pipeline
	req      Request
	receipts map[string]sinks.Receipt // by delivery
	latest   map[string]state.Delivery
}

func readReceipts(all []state.Delivery) (map[string]sinks.Receipt, error) {
	out := map[string]sinks.Receipt{}
	for _, d := range all {
		if len(d.Receipt) == 0 {
			continue
		}
		var r sinks.Receipt
		if err := json.Unmarshal(d.Receipt, &r); err != nil {
			return nil, fmt.Errorf("reading the receipt of delivery %s: %w", d.ID, err)
		}
		out[d.ID] = r
	}
	return out, nil
}

// findLatest finds whose object stands under each URL: that of the delivery
// which was done last.
func (c *checker) findLatest(all []state.Delivery) {
	c.latest = map[string]state.Delivery{}
	for _, d := range all {
		for _, obj := range c.receipts[d.ID].Objects {
			if had, ok := c.latest[obj.URL]; d.Done && (!ok || d.DoneAt.After(had.DoneAt)) {
				c.latest[obj.URL] = d
			}
		}
	}
}

func (c *checker) delivery(ctx context.Context, d state.Delivery) (Delivery, error) {
	out := Delivery{ID: d.ID, Sink: d.Sink, Slot: d.Slot, Run: d.Run, DeliveredAt: d.DoneAt}
	v := sinks.Verification{ID: d.ID, Bytes: c.req.Bytes}
	if run, err := c.store.Run(ctx, d.Run); !d.Done && err == nil && run.Status == state.Running {
		out.Note = "it is being delivered now"
		return out, nil
	}
	var replaced []sinks.Finding
	if d.Done {
		v.Objects, replaced = c.standing(d)
	} else {
		out.Note = "it was not delivered"
	}
	var err error
	if v.Intents, err = c.store.Intents(ctx, d.ID); err != nil {
		return out, err
	}
	c.look(ctx, &out, d, v)
	out.Findings = append(out.Findings, replaced...)
	return out, ctx.Err()
}

// standing are the objects of a delivery that nothing later has replaced, and
// findings about the others.
func (c *checker) standing(d state.Delivery) (objects []sinks.Object, replaced []sinks.Finding) {
	for _, obj := range c.receipts[d.ID].Objects {
		by := c.latest[obj.URL]
		if by.ID == d.ID {
			objects = append(objects, obj)
			continue
		}
		replaced = append(replaced, sinks.Finding{Key: obj.Key, URL: obj.URL, Verdict: Replaced,
			Differences: []string{fmt.Sprintf("the slot %s wrote over it", by.Slot.UTC().Format(time.RFC3339))}})
	}
	return objects, replaced
}

// look asks the sink, if there still is one that can look.
func (c *checker) look(ctx context.Context, out *Delivery, d state.Delivery, v sinks.Verification) {
	if len(v.Objects)+len(v.Intents) == 0 {
		return
	}
	step := c.pipeline.Step(d.Sink)
	if step == nil || step.Family != compile.Sink {
		out.Note, out.Unknown = d.Sink+" is not in the pipeline any more, so nobody can look", true
		return
	}
	sink, err := c.sink(d)
	if err != nil {
		out.Problem = problem.Of(err)
		return
	}
	verifier, ok := sink.(sinks.Verifier)
	if !ok {
		out.Note, out.Unknown = fmt.Sprintf("sinks of kind %q cannot look at what they delivered", step.Kind), true
		return
	}
	found, err := verifier.Verify(ctx, v)
	if err != nil {
		out.Problem = problem.Of(err)
		return
	}
	out.Identity, out.Findings = found.Identity, found.Findings
}

// sink builds the sink as it is for a slot.
func (c *checker) sink(d state.Delivery) (sinks.Sink, error) {
	bound, err := c.pipeline.Bind(compile.RunValues{ID: d.Run, Slot: d.Slot, Attempt: 1, Trigger: "manual"})
	if err != nil {
		return nil, err
	}
	return bound.Sink(d.Sink)
}
