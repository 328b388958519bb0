package statetest

import (
	"strings"
	"time"

	"waybill/runner/state"
)

var generationTests = map[string]func(*bed){
	"Generation/saved and read":       generationSaved,
	"Generation/not found":            generationNotFound,
	"Generation/first content stays":  generationAgain,
	"LastGood/set and read":           lastGood,
	"LastGood/only what is stored":    lastGoodUnknown,
	"Baseline/set and read":           baseline,
	"LockDaemon/one at a time":        lockDaemon,
	"LockDaemon/not with a dead call": lockDaemonCancelled,
}

func generationSaved(b *bed) {
	shared := []byte(strings.Repeat("select 1;\n", 10_000))
	for digest, files := range map[string]map[string][]byte{
		"g1":    {"a.hcl": []byte("a"), "sql/x.sql": shared, "zero\x00byte": {0, 0xff, 0}},
		"g2":    {"b.hcl": []byte("a"), "sql/x.sql": shared, "empty": {}, "nil": nil},
		"empty": {},
	} {
		b.must(b.SaveGeneration(b.Context(), digest, files, start))
		got, err := b.Generation(b.Context(), digest)
		b.must(err)
		b.same(got, files)
	}
}

func generationNotFound(b *bed) {
	_, err := b.Generation(b.Context(), "nobody")
	b.fails(err, state.ErrNotFound)
	_, err = b.LastGood(b.Context())
	b.fails(err, state.ErrNotFound)
}

func generationAgain(b *bed) {
	b.must(b.SaveGeneration(b.Context(), "g", map[string][]byte{"a": []byte("1")}, start))
	b.must(b.SaveGeneration(b.Context(), "g", map[string][]byte{"a": []byte("1")}, start.Add(time.Hour)))
	got, err := b.Generation(b.Context(), "g")
	b.must(err)
	b.same(got, map[string][]byte{"a": []byte("1")})
}

func lastGood(b *bed) {
	for _, digest := range []string{"g1", "g2", "g1"} {
		b.must(b.SaveGeneration(b.Context(), digest, nil, start))
		b.must(b.SetLastGood(b.Context(), digest))
		got, err := b.LastGood(b.Context())
		b.must(err)
		b.same(got, digest)
	}
}

func lastGoodUnknown(b *bed) {
	b.must(b.SaveGeneration(b.Context(), "g1", nil, start))
	b.must(b.SetLastGood(b.Context(), "g1"))
	b.fails(b.SetLastGood(b.Context(), "nobody"), state.ErrNotFound)
	got, err := b.LastGood(b.Context())
	b.must(err)
	b.same(got, "g1")
}

func lockDaemon(b *bed) {
	other := b.open()
	release, err := b.LockDaemon(b.Context())
	b.must(err)
	for _, s := range []state.Store{other, b.Store} {
		_, err = s.LockDaemon(b.Context())
		b.fails(err, state.ErrConflict)
	}
	// The lock hinders nobody else.
	b.must(other.CreateRun(b.Context(), b.draft("orders", 1)))
	b.must(release())
	second, err := other.LockDaemon(b.Context())
	b.must(err)
	b.must(release()) // the first owner's second call must not free it
	_, err = b.LockDaemon(b.Context())
	b.fails(err, state.ErrConflict)
	b.must(second())
}

func baseline(b *bed) {
	r := b.running("orders", 1, "w1")
	expect := func(want state.Baseline) {
		b.Helper()
		got, err := b.Baseline(b.Context(), "orders", "condition.new")
		b.must(err)
		b.same(got, want)
	}
	expect(state.Baseline{})
	b.must(b.SetEvaluated(b.Context(), "w1", r.ID, "condition.new", "a"))
	expect(state.Baseline{Evaluated: "a"})
	b.must(b.SetDelivered(b.Context(), "w1", r.ID, "condition.new", "a"))
	b.must(b.SetEvaluated(b.Context(), "w1", r.ID, "condition.new", "b"))
	expect(state.Baseline{Evaluated: "b", Delivered: "a"})
	b.fails(b.SetEvaluated(b.Context(), "w2", r.ID, "condition.new", "c"), state.ErrConflict)
	b.fails(b.SetDelivered(b.Context(), "w2", r.ID, "condition.new", "c"), state.ErrConflict)
	expect(state.Baseline{Evaluated: "b", Delivered: "a"})
	// Another pipeline's condition of the same name is another condition.
	got, err := b.Baseline(b.Context(), "returns", "condition.new")
	b.must(err)
	b.same(got, state.Baseline{})
}
