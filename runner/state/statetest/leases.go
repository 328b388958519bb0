package statetest

import (
	"time"

	"waybill/runner/state"
)

var leaseTests = map[string]func(*bed){
	"Claim/queued":                       claimQueued,
	"Claim/alive lease of another":       claimAlive,
	"Claim/expired lease of another":     claimExpired,
	"Claim/own lease":                    claimOwn,
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
	got, err := b.Claim(b.Context(), r.ID, "w1", "gen-1", start.Add(time.Second), ttl)
	b.must(err)
	b.same(got.Claims, 2)
	b.same(got.LeaseUntil, start.Add(time.Second+ttl))
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
