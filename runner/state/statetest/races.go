package statetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"waybill/runner/state"
	"waybill/sinks"
)

var raceTests = map[string]func(*bed){
	"Race/one wins a queued run":        raceClaim,
	"Race/one takes over":               raceTakeover,
	"Race/each slot fires once":         raceFire,
	"Race/finish against cancel":        raceFinish,
	"Race/takeover against the ledger":  raceFence,
	"Race/writers don't starve readers": raceReaders,
}

// crowd is how many goroutines race, half of them on each of two stores.
const crowd = 32

// race runs f at once in many goroutines, on two stores of one memory.
func (b *bed) race(f func(s state.Store, n int)) {
	stores := []state.Store{b.Store, b.open()}
	var ready, done sync.WaitGroup
	ready.Add(crowd)
	for n := range crowd {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			f(stores[n%2], n)
		})
	}
	done.Wait()
}

// conflictOrNil reports an error that a lost race doesn't explain.
func (b *bed) conflictOrNil(err error) bool {
	if err != nil && !errors.Is(err, state.ErrConflict) {
		b.Errorf("got error %v, want none or %v", err, state.ErrConflict)
	}
	return err == nil
}

func raceClaim(b *bed) {
	for n := range 5 {
		r := b.queued("orders", n)
		b.claimOnce(r, start, 1)
	}
}

func raceTakeover(b *bed) {
	for n := range 5 {
		r := b.running("orders", n, "dead")
		b.claimOnce(r, start.Add(ttl), 2)
	}
}

// claimOnce lets a crowd claim a run and checks that one got it.
func (b *bed) claimOnce(r state.Run, now time.Time, claims int) {
	var winners atomic.Int64
	var winner atomic.Value
	b.race(func(s state.Store, n int) {
		owner := fmt.Sprint("w", n)
		if _, err := s.Claim(b.Context(), r.ID, owner, owner, now, ttl); b.conflictOrNil(err) {
			winners.Add(1)
			winner.Store(owner)
		}
	})
	if winners.Load() != 1 {
		b.Fatalf("%d goroutines claimed the run", winners.Load())
	}
	got := b.stored(r.ID)
	b.same(got.Owner, winner.Load())
	b.same(got.Claims, claims)
}

func raceFire(b *bed) {
	b.must(b.SetWatermark(b.Context(), mark("orders", 0)))
	const rounds = 8
	var fired sync.Map // slot → true
	b.race(func(s state.Store, _ int) {
		for n := 1; n <= rounds; n++ {
			// Each daemon fires from where it believes the watermark is; some
			// rounds put it back, so that only the slots themselves protect.
			runs, err := s.Fire(b.Context(), mark("orders", n-1), mark("orders", n), b.due("orders", n-1, n))
			if !b.conflictOrNil(err) {
				continue
			}
			for _, r := range runs {
				if _, twice := fired.LoadOrStore(r.Slot, true); twice {
					b.Errorf("slot %v fired twice", r.Slot)
				}
			}
			if n%3 == 0 {
				if err := s.SetWatermark(b.Context(), mark("orders", n-3)); err != nil {
					b.Error(err)
				}
			}
		}
	})
	count := map[time.Time]int{}
	for _, r := range b.runsOf("orders") {
		count[r.Slot]++
	}
	for slot, n := range count {
		if _, told := fired.Load(slot); n != 1 || !told {
			b.Errorf("slot %v has %d runs, told: %v", slot, n, told)
		}
	}
	if len(count) < 2 {
		b.Errorf("%d slots fired", len(count))
	}
}

func raceFinish(b *bed) {
	for n := range 5 {
		r := b.queued("orders", n)
		var claimed, finished, cancelled atomic.Int64
		b.race(func(s state.Store, n int) {
			switch n % 4 {
			case 0, 1: // both stores
				if _, err := s.Claim(b.Context(), r.ID, fmt.Sprint("w", n), "g", start, ttl); b.conflictOrNil(err) {
					claimed.Add(1)
				}
			case 2:
				if b.conflictOrNil(s.Finish(b.Context(), r.ID, "", state.Cancelled, "", nil, start)) {
					finished.Add(1)
				}
			default:
				k, err := s.CancelQueued(b.Context(), "orders", "", start)
				if b.conflictOrNil(err) {
					cancelled.Add(int64(k))
				}
			}
		})
		if sum := claimed.Load() + finished.Load() + cancelled.Load(); sum != 1 {
			b.Fatalf("claimed %d times, finished %d times, cancelled %d times", claimed.Load(), finished.Load(), cancelled.Load())
		}
	}
}

// raceFence checks that after a takeover the ledger has nothing that the first
// owner wrote later.
func raceFence(b *bed) {
	r := b.running("orders", 1, "w1")
	b.plan(r, `1`)
	var after sync.Map // keys that w1 wrote although it knew of the takeover
	var taken atomic.Bool
	b.race(func(s state.Store, n int) {
		if n == 0 {
			_, err := s.Claim(b.Context(), r.ID, "w2", "g", start.Add(ttl), ttl)
			b.conflictOrNil(err)
			taken.Store(true)
			return
		}
		for i := range 5 {
			late := taken.Load()
			err := s.Intend(b.Context(), "w1", "d", sinks.Intent{Key: fmt.Sprint(n, "/", i)})
			if b.conflictOrNil(err) && late {
				after.Store(n, i)
			}
		}
	})
	after.Range(func(n, i any) bool {
		b.Errorf("goroutine %v wrote intent %v after the takeover", n, i)
		return true
	})
	b.same(b.stored(r.ID).Owner, "w2")
	b.fails(b.Intend(b.Context(), "w1", "d", sinks.Intent{Key: "x"}), state.ErrConflict)
}

// raceReaders checks that what one store has written, the other reads at once.
func raceReaders(b *bed) {
	stores := []state.Store{b.Store, b.open()}
	var all sync.WaitGroup
	for n := range crowd {
		all.Go(func() {
			for i := range 5 {
				r := b.draft(fmt.Sprint("p", n), i)
				if err := stores[n%2].CreateRun(b.Context(), r); err != nil {
					b.Error(err)
					return
				}
				got, err := stores[(n+1)%2].Run(b.Context(), r.ID)
				if err != nil {
					b.Error(err)
					return
				}
				b.same(got, r)
			}
		})
	}
	all.Wait()
}
