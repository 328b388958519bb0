// Package statetest is the behaviour that package state promises, as tests.
// A store that passes Run keeps every promise that can be seen from outside.
package statetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"waybill/internal/problem"
	"waybill/runner/state"
)

// Run tests a kind of store. open returns a store on an empty memory; called
// again with the same t it opens that memory once more, as another process
// would. The suite closes what it opens.
func Run(t *testing.T, open func(t *testing.T) state.Store) {
	for _, part := range []map[string]func(*bed){
		runTests, leaseTests, listTests, slotTests, moveTests, ledgerTests, fenceTests, generationTests, pruneTests, raceTests,
	} {
		for _, name := range slices.Sorted(maps.Keys(part)) {
			t.Run(name, func(t *testing.T) { part[name](newBed(t, open)) })
		}
	}
	t.Run("Model", func(t *testing.T) { checkModel(newBed(t, open)) })
}

// ttl is the lease of the tests.
const ttl = time.Minute

// start is when the tests begin. It has microseconds, which a store keeps.
var start = time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC)

// A bed is what one test works with.
type bed struct {
	*testing.T
	state.Store
	open func() state.Store
	seq  atomic.Int64
}

func newBed(t *testing.T, open func(t *testing.T) state.Store) *bed {
	b := &bed{T: t}
	b.open = func() state.Store {
		s := open(t)
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		return s
	}
	b.Store = b.open()
	return b
}

// id returns an id that sorts after all before.
func (b *bed) id() string { return fmt.Sprintf("01RUN%021d", b.seq.Add(1)) }

// slot returns the n-th slot of the tests; they are an hour apart.
func slot(n int) time.Time {
	return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
}

// draft returns a queued run that isn't stored yet.
func (b *bed) draft(pipeline string, n int) state.Run {
	return state.Run{ID: b.id(), Pipeline: pipeline, Slot: slot(n), Trigger: "manual", Status: state.Queued,
		IntervalStart: slot(n - 1), CreatedAt: start}
}

// queued stores a queued run.
func (b *bed) queued(pipeline string, n int) state.Run {
	b.Helper()
	r := b.draft(pipeline, n)
	b.must(b.CreateRun(b.Context(), r))
	return r
}

// running stores a run that owner has claimed at start.
func (b *bed) running(pipeline string, n int, owner string) state.Run {
	b.Helper()
	r, err := b.Claim(b.Context(), b.queued(pipeline, n).ID, owner, "gen-1", start, ttl)
	b.must(err)
	return r
}

// finished stores a run that has ended with the status.
func (b *bed) finished(pipeline string, n int, status state.Status) state.Run {
	b.Helper()
	r := b.running(pipeline, n, "w1")
	b.must(b.Finish(b.Context(), r.ID, "w1", status, "", nil, start))
	return b.stored(r.ID)
}

// stored reads a run back.
func (b *bed) stored(id string) state.Run {
	b.Helper()
	r, err := b.Store.Run(b.Context(), id)
	b.must(err)
	return r
}

func (b *bed) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// fails checks that err is the answer want, and that it says what about.
func (b *bed) fails(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("got error %v, want %v", err, want)
	}
	if err.Error() == want.Error() {
		b.Errorf("error %q doesn't name what it is about", err)
	}
}

// same checks that got is want.
func (b *bed) same(got, want any) {
	b.Helper()
	if diff := cmp.Diff(want, got, equal...); diff != "" {
		b.Errorf("(-want +got)\n%s", diff)
	}
}

// equal compares problems by what is stored of them, and nil lists as empty.
var equal = []cmp.Option{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(x, y *problem.Problem) bool {
		a, errA := json.Marshal(x)
		b, errB := json.Marshal(y)
		return errA == nil && errB == nil && string(a) == string(b)
	}),
}

// ids names the runs of a list.
func ids(runs []state.Run) []string {
	out := make([]string, len(runs))
	for i, r := range runs {
		out[i] = r.ID
	}
	return out
}
