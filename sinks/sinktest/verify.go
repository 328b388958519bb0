package sinktest

import (
	"context"
	"testing"

	"waybill/internal/problem"
	"waybill/sinks"
)

// verdicts looks at what was delivered and returns the verdicts by key.
func verdicts(t *testing.T, p Place, v sinks.Verification) map[string]sinks.Verdict {
	t.Helper()
	got, err := p.Verifier.Verify(t.Context(), v)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	out := map[string]sinks.Verdict{}
	for i, f := range got.Findings {
		if i < len(v.Objects) && (f.Key != v.Objects[i].Key || f.URL != v.Objects[i].URL) {
			t.Errorf("finding %d is about %s, want the objects' order", i, f.URL)
		}
		if (f.Verdict == sinks.Same) != (len(f.Differences) == 0 && f.Problem == nil) {
			t.Errorf("%s is %s with the differences %q", f.Key, f.Verdict, f.Differences)
		}
		out[f.Key] = f.Verdict
	}
	return out
}

func wantVerdict(t *testing.T, got map[string]sinks.Verdict, key string, want sinks.Verdict) {
	t.Helper()
	if got[key] != want {
		t.Errorf("%s is %q, want %q", key, got[key], want)
	}
}

func verified(t *testing.T, p Place) {
	if p.Verifier == nil {
		return
	}
	l := &Ledger{}
	same, changed, longer, gone, large := Artifact(t, "out/a b.csv", 100, 1), Artifact(t, "out/größe.csv", 100, 2),
		Artifact(t, "out/c.csv", 100, 3), Artifact(t, "out/d.csv", 100, 4), Artifact(t, "out/e.bin", multipart, 5)
	r := deliver(t, p, l, same, changed, longer, gone, large)
	v := sinks.Verification{ID: "d-7f3a", Objects: r.Objects, Intents: l.Intents()}
	for _, v.Bytes = range []bool{false, true} {
		for key, verdict := range verdicts(t, p, v) {
			if verdict != sinks.Same {
				t.Errorf("%s is %s though nobody touched it", key, verdict)
			}
		}
	}
	p.Overwrite(changed.Key, Bytes(100, 9))
	p.Overwrite(longer.Key, Bytes(101, 3))
	p.Remove(gone.Key)
	for _, v.Bytes = range []bool{false, true} {
		got := verdicts(t, p, v)
		wantVerdict(t, got, same.Key, sinks.Same)
		wantVerdict(t, got, changed.Key, sinks.Changed)
		wantVerdict(t, got, longer.Key, sinks.Changed)
		wantVerdict(t, got, gone.Key, sinks.Missing)
		wantVerdict(t, got, large.Key, sinks.Same)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Verifier.Verify(ctx, v); problem.As(err) == nil {
		t.Errorf("a verification that was cancelled ends with %v", err)
	}
}

func verifiedAfterCrash(t *testing.T, p Place) {
	if p.Verifier == nil || p.Crash == nil {
		return
	}
	l, a := &Ledger{}, Artifact(t, "out/a.bin", multipart, 1)
	p.Crash(l, a)
	wantVerdict(t, verdicts(t, p, sinks.Verification{ID: "d-7f3a", Intents: l.Intents()}), a.Key, sinks.Open)
	r := deliver(t, p, l, a)
	wantVerdict(t, verdicts(t, p, sinks.Verification{ID: "d-7f3a", Objects: r.Objects, Intents: l.Intents()}), a.Key, sinks.Same)
}
