package sqlite

import (
	"context"
	"time"

	"waybill/runner/state"
)

// defaultLimit is what a Filter without a limit means.
const defaultLimit = 100

// Run implements state.Runs.
func (s *Store) Run(ctx context.Context, id string) (state.Run, error) {
	return get(ctx, s, "run "+id, `SELECT `+runColumns+` FROM runs WHERE id = ?`, []any{id}, runFields)
}

// Runs implements state.Runs.
func (s *Store) Runs(ctx context.Context, f state.Filter) ([]state.Run, error) {
	query, args := `SELECT `+runColumns+` FROM runs WHERE true`, []any(nil)
	if f.Pipeline != "" {
		query += ` AND pipeline = ?`
		args = append(args, f.Pipeline)
	}
	if !f.Slot.IsZero() {
		query += ` AND slot = ?`
		args = append(args, seconds{&f.Slot})
	}
	if !f.FinishedSince.IsZero() {
		query += ` AND finished_at >= ?`
		args = append(args, micros{&f.FinishedSince})
	}
	if len(f.Statuses) > 0 {
		query += ` AND status IN (` + marks(len(f.Statuses)) + `)`
		for _, status := range f.Statuses {
			args = append(args, status)
		}
	}
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	return list(ctx, s, "list runs", query+` ORDER BY id DESC LIMIT ?`, append(args, f.Limit), runFields)
}

// CancelRequested implements state.Runs.
func (s *Store) CancelRequested(ctx context.Context, id string) (bool, error) {
	return get(ctx, s, "run "+id, `SELECT cancel_requested FROM runs WHERE id = ?`, []any{id},
		func(asked *bool) []any { return []any{asked} })
}

// Claimable implements state.Runs.
func (s *Store) Claimable(ctx context.Context, now time.Time, limit int) ([]state.Run, error) {
	if limit <= 0 {
		limit = -1 // SQLite: no limit
	}
	return list(ctx, s, "list claimable runs", `
		SELECT `+runColumns+` FROM runs
		WHERE status IN ('queued', 'running') AND (status = 'queued' OR lease_until <= ?)
		ORDER BY slot, id LIMIT ?`, []any{micros{&now}, limit}, runFields)
}

// Pending implements state.Runs.
func (s *Store) Pending(ctx context.Context, pipeline string) ([]state.Run, error) {
	return list(ctx, s, "list the pending runs of pipeline "+pipeline, `
		SELECT `+runColumns+` FROM runs INDEXED BY runs_open
		WHERE status IN ('queued', 'running') AND pipeline = ?
		ORDER BY slot, id`, []any{pipeline}, runFields)
}

// LastSlot implements state.Runs.
func (s *Store) LastSlot(ctx context.Context, pipeline string) (time.Time, error) {
	return get(ctx, s, "last succeeded slot of pipeline "+pipeline,
		`SELECT slot FROM successes WHERE pipeline = ?`, []any{pipeline},
		func(t *time.Time) []any { return []any{seconds{t}} })
}
