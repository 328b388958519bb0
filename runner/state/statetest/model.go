package statetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"waybill/runner/state"
)

// A model is what the runs, leases and slots of a store should be, told in the
// simplest way: maps, no concurrency, no durability. Each method answers nil,
// ErrNotFound or ErrConflict as the store must.
type model struct {
	runs  map[string]state.Run
	marks map[string]state.Watermark
	slots map[string]bool      // "pipeline/second"
	last  map[string]time.Time // newest slot that succeeded
	steps map[string]map[string]state.Step
}

func newModel() *model {
	return &model{runs: map[string]state.Run{}, marks: map[string]state.Watermark{}, slots: map[string]bool{},
		last: map[string]time.Time{}, steps: map[string]map[string]state.Step{}}
}

func (m *model) create(r state.Run) error {
	if _, taken := m.runs[r.ID]; taken {
		return state.ErrConflict
	}
	m.runs[r.ID] = r
	return nil
}

// change applies f to a run, if ok says that it may be.
func (m *model) change(id string, ok func(state.Run) bool, f func(*state.Run)) error {
	r, found := m.runs[id]
	switch {
	case !found:
		return state.ErrNotFound
	case !ok(r):
		return state.ErrConflict
	}
	f(&r)
	m.runs[id] = r
	return nil
}

func (m *model) claim(id, owner, generation string, now time.Time) error {
	return m.change(id, func(r state.Run) bool {
		return r.Status == state.Queued || r.Status == state.Running && !r.LeaseUntil.After(now)
	}, func(r *state.Run) {
		r.Status, r.Owner, r.LeaseUntil = state.Running, owner, now.Add(ttl)
		r.Claims++
		if r.Generation == "" {
			r.Generation = generation
		}
		if r.StartedAt.IsZero() {
			r.StartedAt = now
		}
	})
}

func owns(owner string) func(state.Run) bool {
	return func(r state.Run) bool { return r.Status == state.Running && r.Owner == owner }
}

func (m *model) renew(id, owner string, now time.Time) error {
	return m.change(id, owns(owner), func(r *state.Run) { r.LeaseUntil = now.Add(ttl) })
}

func (m *model) finish(id, owner string, status state.Status, reason string, now time.Time) error {
	return m.change(id, func(r state.Run) bool {
		return owns(owner)(r) || r.Status == state.Queued && owner == ""
	}, func(r *state.Run) {
		r.Status, r.Reason, r.FinishedAt, r.Owner, r.LeaseUntil = status, reason, now, "", time.Time{}
		if status == state.Succeeded && r.Slot.After(m.last[r.Pipeline]) {
			m.last[r.Pipeline] = r.Slot
		}
	})
}

func (m *model) reopen(id string) error {
	return m.change(id, func(r state.Run) bool {
		return r.Status == state.Failed || r.Status == state.Cancelled
	}, func(r *state.Run) {
		r.Status, r.Reason, r.FinishedAt, r.CancelRequested = state.Queued, "", time.Time{}, false
		r.StartedAt = time.Time{}
	})
}

func (m *model) requestCancel(id string) error {
	return m.change(id, func(r state.Run) bool { return !r.Status.Final() },
		func(r *state.Run) { r.CancelRequested = true })
}

func (m *model) cancelQueued(pipeline string, now time.Time) int {
	n := 0
	for id, r := range m.runs {
		if r.Pipeline == pipeline && r.Status == state.Queued {
			r.Status, r.Reason, r.FinishedAt = state.Cancelled, "removed", now
			m.runs[id] = r
			n++
		}
	}
	return n
}

func (m *model) putStep(owner string, p state.Step) error {
	return m.change(p.Run, owns(owner), func(*state.Run) {
		if m.steps[p.Run] == nil {
			m.steps[p.Run] = map[string]state.Step{}
		}
		m.steps[p.Run][p.Address] = p
	})
}

func (m *model) fire(prev, w state.Watermark, runs []state.Run) ([]string, error) {
	stored, ok := m.marks[w.Pipeline]
	if !ok || stored.Schedule != prev.Schedule || !stored.At.Equal(prev.At) {
		return nil, state.ErrConflict
	}
	var fired []string
	for _, r := range runs {
		key := fmt.Sprint(r.Pipeline, "/", r.Slot.Unix())
		if !m.slots[key] {
			m.slots[key] = true
			m.runs[r.ID] = r
			fired = append(fired, r.ID)
		}
	}
	m.marks[w.Pipeline] = w
	return fired, nil
}

func (m *model) prune(before time.Time) []string {
	var gone []string
	for id, r := range m.runs {
		if r.Status.Final() && r.CreatedAt.Before(before) {
			gone = append(gone, id)
			delete(m.runs, id)
			delete(m.steps, id)
		}
	}
	slices.Sort(gone)
	return gone
}

// open lists the runs that match, oldest slot first.
func (m *model) open(match func(state.Run) bool) []state.Run {
	var out []state.Run
	for _, r := range m.runs {
		if !r.Status.Final() && match(r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(x, y state.Run) int {
		return cmp.Or(x.Slot.Compare(y.Slot), cmp.Compare(x.ID, y.ID))
	})
	return out
}

// checkModel drives two stores of one memory and a model through the same random
// calls and compares what they answer and hold.
func checkModel(b *bed) {
	stores := []state.Store{b.Store, b.open()}
	round := 0
	rapid.Check(b.T, func(t *rapid.T) {
		round++ // rounds share the memory, but no pipeline
		m := &machine{bed: b, stores: stores, model: newModel(), now: start,
			pipelines: []string{fmt.Sprint("a", round), fmt.Sprint("b", round)}}
		t.Repeat(map[string]func(*rapid.T){
			"":              m.check,
			"create":        m.doCreate,
			"claim":         m.doClaim,
			"renew":         m.doRenew,
			"finish":        m.doFinish,
			"reopen":        m.doReopen,
			"requestCancel": m.doRequestCancel,
			"cancelQueued":  m.doCancelQueued,
			"putStep":       m.doPutStep,
			"setWatermark":  m.doSetWatermark,
			"fire":          m.doFire,
			"prune":         m.doPrune,
			"wait":          m.doWait,
		})
		m.cleanUp(t)
	})
}

// A machine is one round of the comparison.
type machine struct {
	*bed
	stores    []state.Store
	model     *model
	now       time.Time
	pipelines []string
	known     []string // every id there ever was
}

func (m *machine) store(t *rapid.T) state.Store {
	return m.stores[rapid.IntRange(0, len(m.stores)-1).Draw(t, "store")]
}

func (m *machine) anyRun(t *rapid.T) string {
	return rapid.SampledFrom(append([]string{"nobody"}, m.known...)).Draw(t, "run")
}

func (m *machine) anyOwner(t *rapid.T) string {
	return rapid.SampledFrom([]string{"w1", "w2"}).Draw(t, "owner")
}

func (m *machine) anyPipeline(t *rapid.T) string {
	return rapid.SampledFrom(m.pipelines).Draw(t, "pipeline")
}

func (m *machine) newRun(t *rapid.T, pipeline string) state.Run {
	r := m.draft(pipeline, rapid.IntRange(0, 5).Draw(t, "slot"))
	r.CreatedAt = m.now
	m.known = append(m.known, r.ID)
	return r
}

// agree fails unless both answered the same.
func agree(t *rapid.T, what string, got, want error) {
	if !errors.Is(got, want) || (got == nil) != (want == nil) {
		t.Fatalf("%s: the store answers %v, the model %v", what, got, want)
	}
}

func equals(t *rapid.T, what string, got, want any) {
	if diff := gocmp.Diff(want, got, equal...); diff != "" {
		t.Fatalf("%s (-model +store)\n%s", what, diff)
	}
}

func (m *machine) doCreate(t *rapid.T) {
	r := m.newRun(t, m.anyPipeline(t))
	if rapid.IntRange(0, 9).Draw(t, "twice") == 0 {
		r.ID = m.known[0]
	}
	agree(t, "create", m.store(t).CreateRun(m.Context(), r), m.model.create(r))
}

func (m *machine) doClaim(t *rapid.T) {
	id, owner := m.anyRun(t), m.anyOwner(t)
	generation := rapid.SampledFrom([]string{"g1", "g2"}).Draw(t, "generation")
	want := m.model.claim(id, owner, generation, m.now)
	got, err := m.store(t).Claim(m.Context(), id, owner, generation, m.now, ttl)
	agree(t, "claim", err, want)
	if err == nil {
		equals(t, "claim", got, m.model.runs[id])
	}
}

func (m *machine) doRenew(t *rapid.T) {
	id, owner := m.anyRun(t), m.anyOwner(t)
	agree(t, "renew", m.store(t).Renew(m.Context(), id, owner, m.now, ttl), m.model.renew(id, owner, m.now))
}

func (m *machine) doFinish(t *rapid.T) {
	id := m.anyRun(t)
	owner := rapid.SampledFrom([]string{"w1", "w2", ""}).Draw(t, "owner")
	status := rapid.SampledFrom([]state.Status{state.Succeeded, state.Failed, state.Cancelled, state.ConditionOff}).Draw(t, "status")
	agree(t, "finish", m.store(t).Finish(m.Context(), id, owner, status, "why", nil, m.now),
		m.model.finish(id, owner, status, "why", m.now))
}

func (m *machine) doReopen(t *rapid.T) {
	id := m.anyRun(t)
	agree(t, "reopen", m.store(t).Reopen(m.Context(), id), m.model.reopen(id))
}

func (m *machine) doRequestCancel(t *rapid.T) {
	id := m.anyRun(t)
	agree(t, "request cancel", m.store(t).RequestCancel(m.Context(), id), m.model.requestCancel(id))
}

func (m *machine) doCancelQueued(t *rapid.T) {
	pipeline := m.anyPipeline(t)
	n, err := m.store(t).CancelQueued(m.Context(), pipeline, "removed", m.now)
	agree(t, "cancel queued", err, nil)
	equals(t, "cancel queued", n, m.model.cancelQueued(pipeline, m.now))
}

func (m *machine) doPutStep(t *rapid.T) {
	p := state.Step{Run: m.anyRun(t), Address: rapid.SampledFrom([]string{"source.a", "sink.b"}).Draw(t, "step"),
		Status: state.Running, Attempt: rapid.IntRange(1, 9).Draw(t, "attempt"), StartedAt: m.now}
	owner := m.anyOwner(t)
	agree(t, "put step", m.store(t).PutStep(m.Context(), owner, p), m.model.putStep(owner, p))
}

func (m *machine) doSetWatermark(t *rapid.T) {
	w := m.anyMark(t, m.anyPipeline(t))
	agree(t, "set watermark", m.store(t).SetWatermark(m.Context(), w), nil)
	m.model.marks[w.Pipeline] = w
}

func (m *machine) anyMark(t *rapid.T, pipeline string) state.Watermark {
	return state.Watermark{Pipeline: pipeline, At: slot(rapid.IntRange(0, 5).Draw(t, "at")),
		Schedule: rapid.SampledFrom([]string{"hourly", "daily"}).Draw(t, "schedule")}
}

func (m *machine) doFire(t *rapid.T) {
	pipeline := m.anyPipeline(t)
	prev, stored := m.model.marks[pipeline]
	if !stored || rapid.IntRange(0, 3).Draw(t, "stale") == 0 {
		prev = m.anyMark(t, pipeline)
	}
	w := m.anyMark(t, pipeline)
	var runs []state.Run
	for range rapid.IntRange(0, 3).Draw(t, "runs") {
		r := m.newRun(t, pipeline)
		r.Trigger = "schedule"
		r.Status = rapid.SampledFrom([]state.Status{state.Queued, state.Skipped}).Draw(t, "status")
		runs = append(runs, r)
	}
	want, wantErr := m.model.fire(prev, w, runs)
	got, err := m.store(t).Fire(m.Context(), prev, w, runs)
	agree(t, "fire", err, wantErr)
	equals(t, "fire", ids(got), want)
}

func (m *machine) doPrune(t *rapid.T) {
	before := m.now.Add(-time.Duration(rapid.IntRange(0, 3).Draw(t, "age")) * time.Minute)
	// Runs of earlier rounds may go, too; the model doesn't know them.
	got, err := m.store(t).Prune(m.Context(), before)
	agree(t, "prune", err, nil)
	got = slices.DeleteFunc(got, func(id string) bool { return !slices.Contains(m.known, id) })
	slices.Sort(got)
	equals(t, "prune", got, m.model.prune(before))
}

func (m *machine) doWait(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second)
}

// check compares all there is of one pipeline, and what can be claimed.
func (m *machine) check(t *rapid.T) {
	s := m.store(t)
	pipeline := m.anyPipeline(t)
	m.checkRuns(t, s, pipeline)
	m.checkPipeline(t, s, pipeline)
	for id, want := range m.model.steps {
		if m.model.runs[id].Pipeline != pipeline {
			continue
		}
		steps, err := s.Steps(m.Context(), id)
		agree(t, "steps", err, nil)
		equals(t, "steps", byAddress(steps), want)
	}
	claimable, err := s.Claimable(m.Context(), m.now, 0)
	agree(t, "claimable", err, nil)
	equals(t, "claimable", claimable, m.model.open(func(r state.Run) bool {
		return r.Status == state.Queued || !r.LeaseUntil.After(m.now)
	}))
}

func (m *machine) checkRuns(t *rapid.T, s state.Store, pipeline string) {
	var want []state.Run
	for _, r := range m.model.runs {
		if r.Pipeline == pipeline {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, func(x, y state.Run) int { return cmp.Compare(y.ID, x.ID) })
	got, err := s.Runs(m.Context(), state.Filter{Pipeline: pipeline, Limit: len(m.known) + 1})
	agree(t, "runs", err, nil)
	equals(t, "runs", got, want)
}

func byAddress(steps []state.Step) map[string]state.Step {
	out := map[string]state.Step{}
	for _, p := range steps {
		out[p.Address] = p
	}
	return out
}

func (m *machine) checkPipeline(t *rapid.T, s state.Store, pipeline string) {
	pending, err := s.Pending(m.Context(), pipeline)
	agree(t, "pending", err, nil)
	equals(t, "pending", pending, m.model.open(func(r state.Run) bool { return r.Pipeline == pipeline }))

	wantMark, marked := m.model.marks[pipeline]
	mark, err := s.Watermark(m.Context(), pipeline)
	agree(t, "watermark", err, answer(marked))
	equals(t, "watermark", mark, wantMark)

	wantLast, succeeded := m.model.last[pipeline]
	last, err := s.LastSlot(m.Context(), pipeline)
	agree(t, "last slot", err, answer(succeeded))
	equals(t, "last slot", last, wantLast)
}

func answer(found bool) error {
	if found {
		return nil
	}
	return state.ErrNotFound
}

// cleanUp ends what this round has begun, so that the next one doesn't see it
// among the claimable runs.
func (m *machine) cleanUp(t *rapid.T) {
	for _, r := range m.model.open(func(state.Run) bool { return true }) {
		agree(t, "clean up", m.Finish(m.Context(), r.ID, r.Owner, state.Cancelled, "", nil, m.now), nil)
	}
}
