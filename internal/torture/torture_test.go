package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"waybill/internal/torture/proxy"
)

// The patches fit the files as they are now: torture itself would say so only
// when it runs.
func TestPatchesFit(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writeOverlay(root, t.TempDir()); err != nil {
		t.Fatal(err)
	}
}

// Every flow has a fixture, which is written with the source data.
func TestFlowsAreWritten(t *testing.T) {
	for _, f := range flows() {
		dir := t.TempDir()
		if err := f.write(dir); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "data", "orders.csv")); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

// The same seed chooses the same plans, another seed others, and no flow is
// left out.
func TestChoose(t *testing.T) {
	var recs []recording
	for _, f := range flows() {
		recs = append(recs, newRecording(f, []proxy.Request{{Op: "AssumeRole"}, {Op: "PutObject"}, {Op: "PutObject"}}, 20, time.Second))
	}
	p := phases(recs)[1]
	names := func(seed uint64) (out []string) {
		for _, p := range (&world{seed: seed}).choose(p, p.shortFor(t)) {
			out = append(out, p.name)
		}
		return out
	}
	one, again, other := names(1), names(1), names(2)
	if !slices.Equal(one, again) || slices.Equal(one, other) {
		t.Errorf("seed 1 chose %q and %q, seed 2 %q", one, again, other)
	}
	per := map[string]int{}
	for _, chosen := range (&world{seed: 1}).choose(p, p.short) {
		per[chosen.flow.name]++
	}
	if len(per) != len(recs) {
		t.Errorf("chosen per flow: %v, want all %d flows", per, len(recs))
	}
}

func (p phase) shortFor(t *testing.T) int {
	t.Helper()
	if p.short == 0 || p.short >= len(p.plans) {
		t.Fatalf("%s: the short form takes %d of %d", p.name, p.short, len(p.plans))
	}
	return p.short
}

func TestSlotsUntil(t *testing.T) {
	since := time.Date(2001, 1, 1, 0, 0, 30, 0, time.UTC)
	got := slotsUntil(since, since.Add(2*time.Minute))
	if len(got) != 2 || !got[0].Equal(since.Add(30*time.Second)) || !got[1].Equal(since.Add(90*time.Second)) {
		t.Errorf("slots = %v", got)
	}
}
