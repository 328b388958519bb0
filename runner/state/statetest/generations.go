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
