package statetest

import (
	"time"

	"waybill/internal/problem"
	"waybill/runner/state"
)

var leaseTests = map[string]func(*bed){
	"Claim/queued":                       claimQueued,
	"Claim/alive lease of another":       claimAlive,
	"Claim/expired lease of another":     claimExpired,
	"Claim/not twice by one owner":       claimOwn,
	"Begin/inserts and claims":           beginClaims,
	"Resume/reopens and claims":          resumeClaims,
	"Claim/final run":                    claimFinal,
	"Claim/not found":                    claimNotFound,
	"Claim/needs an owner":               claimNobody,
	"Renew/extends":                      renewExtends,
	"Renew/late, if nobody took it over": renewLate,
	"Renew/lost":                         renewLost,
	"Renew/gives up":                     renewGivesUp,
}

func claimQueued(b *bed) {
	r := b.queued("orders", 1)
	got, err := b.Claim(b.Context(), r.ID, "w1", "gen-1", start, ttl)
	b.must(err)
	r.Status, r.Owner, r.Generation, r.LeaseUntil = state.Running, "w1", "gen-1", start.Add(ttl)
	r.Claims, r.StartedAt = 1, start
	b.same(got, r)
	b.same(b.stored(r.ID), r)
}

func claimAlive(b *bed) {
	r := b.running("orders", 1, "w1")
	for _, now := range []time.Time{start, start.Add(ttl - time.Microsecond), start.Add(-time.Hour)} {
		_, err := b.Claim(b.Context(), r.ID, "w2", "gen-2", now, ttl)
		b.fails(err, state.ErrConflict)
	}
	b.same(b.stored(r.ID), r)
}

func claimExpired(b *bed) {
	r := b.running("orders", 1, "w1")
	now := start.Add(ttl)
	got, err := b.Claim(b.Context(), r.ID, "w2", "gen-2", now, ttl)
	b.must(err)
	r.Owner, r.Claims, r.LeaseUntil = "w2", 2, now.Add(ttl) // generation and start stay
	b.same(got, r)
	b.same(b.stored(r.ID), r)
}

func claimOwn(b *bed) {
	r := b.running("orders", 1, "w1")
	_, err := b.Claim(b.Context(), r.ID, "w1", "gen-1", start.Add(time.Second), ttl)
	b.fails(err, state.ErrConflict) // a process must not carry a run twice
	b.same(b.stored(r.ID), r)
	// Given up, it is anybody's again.
	b.must(b.Renew(b.Context(), r.ID, "w1", start.Add(time.Second), 0))
	got, err := b.Claim(b.Context(), r.ID, "w1", "gen-1", start.Add(time.Second), ttl)
	b.must(err)
	b.same(got.Claims, 2)
}

func beginClaims(b *bed) {
	want := state.Run{ID: "01BEGIN", Pipeline: "orders", Slot: start.Truncate(time.Second), Trigger: "manual", CreatedAt: start}
	got, err := b.Begin(b.Context(), want, "w1", "gen-1", start, ttl)
	b.must(err)
	want.Status, want.Owner, want.LeaseUntil, want.Generation, want.Claims, want.StartedAt = state.Running, "w1", start.Add(ttl), "gen-1", 1, start
	b.same(got, want)
	b.same(b.stored("01BEGIN"), want)
	_, err = b.Begin(b.Context(), want, "w2", "gen-1", start, ttl)
	b.fails(err, state.ErrConflict)
	b.same(b.stored("01BEGIN"), want)
}

func resumeClaims(b *bed) {
	for i, status := range []state.Status{state.Failed, state.Cancelled} {
		r := b.running("orders", i, "w1")
		b.must(b.Finish(b.Context(), r.ID, "w1", status, "x", &problem.Problem{Code: "x", Summary: "x"}, start))
		got, err := b.Resume(b.Context(), r.ID, "w2", "gen-2", start.Add(time.Hour), ttl)
		b.must(err)
		r.Owner, r.LeaseUntil, r.Claims, r.StartedAt = "w2", start.Add(time.Hour+ttl), 2, start.Add(time.Hour)
		b.same(got, r) // under the generation that it began with
	}
	alive, done := b.running("orders", 5, "w1"), b.running("orders", 6, "w1")
	b.must(b.Finish(b.Context(), done.ID, "w1", state.Succeeded, "", nil, start))
	for _, id := range []string{alive.ID, done.ID} {
		_, err := b.Resume(b.Context(), id, "w2", "gen-1", start, ttl)
		b.fails(err, state.ErrConflict)
	}
	_, err := b.Resume(b.Context(), "nobody", "w2", "gen-1", start, ttl)
	b.fails(err, state.ErrNotFound)
}

func claimFinal(b *bed) {
	for i, status := range []state.Status{state.Succeeded, state.Failed, state.Cancelled, state.Skipped, state.ConditionOff} {
		r := b.finished("orders", i, status)
		_, err := b.Claim(b.Context(), r.ID, "w1", "gen-1", start.Add(time.Hour), ttl)
		b.fails(err, state.ErrConflict)
		b.same(b.stored(r.ID), r)
	}
}

func claimNotFound(b *bed) {
	_, err := b.Claim(b.Context(), "nobody", "w1", "gen-1", start, ttl)
	b.fails(err, state.ErrNotFound)
}

func claimNobody(b *bed) {
	r := b.queued("orders", 1)
	if _, err := b.Claim(b.Context(), r.ID, "", "gen-1", start, ttl); err == nil {
		b.Error("a run was claimed by nobody")
	}
	b.same(b.stored(r.ID), r)
}

func renewExtends(b *bed) {
	r := b.running("orders", 1, "w1")
	now := start.Add(30 * time.Second)
	b.must(b.Renew(b.Context(), r.ID, "w1", now, ttl))
	r.LeaseUntil = now.Add(ttl)
	b.same(b.stored(r.ID), r)
	_, err := b.Claim(b.Context(), r.ID, "w2", "gen-1", start.Add(ttl), ttl)
	b.fails(err, state.ErrConflict)
}

func renewLate(b *bed) {
	r := b.running("orders", 1, "w1")
	now := start.Add(time.Hour)
	b.must(b.Renew(b.Context(), r.ID, "w1", now, ttl))
	b.same(b.stored(r.ID).LeaseUntil, now.Add(ttl))
}

func renewLost(b *bed) {
	taken := b.running("orders", 1, "w1")
	_, err := b.Claim(b.Context(), taken.ID, "w2", "gen-1", start.Add(ttl), ttl)
	b.must(err)
	for _, id := range []string{taken.ID, b.finished("orders", 2, state.Failed).ID, b.queued("orders", 3).ID} {
		before := b.stored(id)
		for _, owner := range []string{"w1", ""} {
			b.fails(b.Renew(b.Context(), id, owner, start.Add(ttl), ttl), state.ErrConflict)
		}
		b.same(b.stored(id), before)
	}
	b.fails(b.Renew(b.Context(), "nobody", "w1", start, ttl), state.ErrNotFound)
}

func renewGivesUp(b *bed) {
	r := b.running("orders", 1, "w1")
	b.must(b.Renew(b.Context(), r.ID, "w1", start, 0))
	r, err := b.Claim(b.Context(), r.ID, "w2", "gen-1", start, ttl)
	b.must(err)
	b.same(r.Owner, "w2")
}
