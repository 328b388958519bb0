package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"waybill/runner"
	"waybill/runner/state"
)

// A run that was left without a sign of life is gone on with at once if its
// owner is dead, and otherwise only after the time in which the owner may still
// end a request: S3 knows no fencing.
func TestRetryWaitsForRequestsOfTheOwner(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, owner string
		ended       time.Duration // the lease, so long ago
		refused     bool
	}{
		{"its owner may live", "elsewhere/1/x", time.Second, true},
		{"its owner lives, and is stopped", host + "/1/x", runner.TakeoverGrace / 2, true},
		{"any request is over", "elsewhere/1/x", runner.TakeoverGrace + time.Second, false},
		{"its owner is dead", host + "/999999999/x", time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, data := quiet(t), t.TempDir()
			store := openStore(t, data)
			run := state.Run{ID: "01M81HBFPQK76ZNQCN434YNSRW", Pipeline: "totals", Slot: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), Trigger: "manual", CreatedAt: time.Now().UTC()}
			if err := store.CreateRun(t.Context(), run); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Claim(t.Context(), run.ID, tt.owner, "", time.Now().UTC().Add(-tt.ended), 0); err != nil {
				t.Fatal(err)
			}
			out, errOut, code := waybill(t, nil, "runs", "retry", run.ID, "-C", dir, "--data-dir", data)
			said := strings.Contains(errOut, "the process "+tt.owner+" may still end a request: go on with it in ")
			if tt.refused != (code == 1) || tt.refused != said {
				t.Errorf("exit code %d, refused: %v\n%s%s", code, tt.refused, out, errOut)
			}
		})
	}
}
