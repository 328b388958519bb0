package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"waybill/runner/state"
)

// BenchmarkRun takes one run after the other through Fire, Claim and Finish:
// three durable transactions. "x-fsync" is the ratio to three durable appends
// of 4 KiB to a plain file, measured in turn with the runs so that both meet
// the same load: what is left of it above 1 is SQLite's own work.
func BenchmarkRun(b *testing.B) {
	dir := b.TempDir()
	plain, err := os.Create(filepath.Join(dir, "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	s := openStore(b, filepath.Join(dir, "state.db"))
	defer closeStore(b, s)
	if err := s.SetWatermark(b.Context(), crashMark("p", 0)); err != nil {
		b.Fatal(err)
	}
	var runs, appends time.Duration
	for n := range b.N {
		begin := time.Now()
		if err := fireClaimFinish(b, s, n); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		for range 3 {
			if err := appendPage(plain); err != nil {
				b.Fatal(err)
			}
		}
		runs += between.Sub(begin)
		appends += time.Since(between)
	}
	b.ReportMetric(0, "ns/op") // it would count both
	b.ReportMetric(float64(b.N)/runs.Seconds(), "runs/s")
	b.ReportMetric(float64(runs)/float64(appends), "x-fsync")
}

func fireClaimFinish(b *testing.B, s *Store, n int) error {
	ctx, r := b.Context(), run(fmt.Sprintf("%09d", n))
	r.Pipeline, r.Slot, r.Status = "p", crashMark("p", n+1).At, state.Queued
	if _, err := s.Fire(ctx, crashMark("p", n), crashMark("p", n+1), []state.Run{r}); err != nil {
		return err
	}
	if _, err := s.Claim(ctx, r.ID, "w", "g", epoch, time.Minute); err != nil {
		return err
	}
	return s.Finish(ctx, r.ID, "w", state.Succeeded, "", nil, epoch)
}

// appendPage appends one page, durably.
func appendPage(f *os.File) error {
	if _, err := f.Write(make([]byte, 4096)); err != nil {
		return err
	}
	return f.Sync()
}
