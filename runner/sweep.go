package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"waybill/runner/compile"
	"waybill/runner/state"
)

// Sweep removes what is older than its retention: the history of runs, and the
// files of runs that are over.
func (r *Runner) Sweep(ctx context.Context, keep compile.Retention, now time.Time) error {
	if _, err := r.Store.Prune(ctx, now.Add(-keep.Runs)); err != nil {
		return err
	}
	entries, err := os.ReadDir(r.Spool)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		run, err := r.Store.Run(ctx, entry.Name())
		gone := errors.Is(err, state.ErrNotFound)
		if err != nil && !gone {
			return err
		}
		if gone || run.Status.Final() && run.FinishedAt.Before(now.Add(-keep.Spool)) {
			if err := os.RemoveAll(filepath.Join(r.Spool, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
