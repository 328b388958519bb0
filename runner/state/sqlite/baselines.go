package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"waybill/runner/state"
)

// Baseline implements state.Baselines.
func (s *Store) Baseline(ctx context.Context, pipeline, condition string) (state.Baseline, error) {
	b, err := get(ctx, s, "baseline of "+condition, `SELECT evaluated, delivered FROM baselines WHERE pipeline = ? AND condition = ?`,
		[]any{pipeline, condition}, func(b *state.Baseline) []any { return []any{&b.Evaluated, &b.Delivered} })
	if errors.Is(err, state.ErrNotFound) {
		return state.Baseline{}, nil
	}
	return b, err
}

// SetEvaluated implements state.Baselines.
func (s *Store) SetEvaluated(ctx context.Context, owner, run, condition, digest string) error {
	return s.setBaseline(ctx, owner, run, `
		INSERT INTO baselines (pipeline, condition, evaluated, delivered)
		SELECT pipeline, @condition, @digest, '' FROM runs WHERE id = @run
		ON CONFLICT DO UPDATE SET evaluated = excluded.evaluated`, condition, digest)
}

// SetDelivered implements state.Baselines.
func (s *Store) SetDelivered(ctx context.Context, owner, run, condition, digest string) error {
	return s.setBaseline(ctx, owner, run, `
		INSERT INTO baselines (pipeline, condition, evaluated, delivered)
		SELECT pipeline, @condition, @digest, @digest FROM runs WHERE id = @run
		ON CONFLICT DO UPDATE SET delivered = excluded.delivered`, condition, digest)
}

func (s *Store) setBaseline(ctx context.Context, owner, run, query, condition, digest string) error {
	return s.write(ctx, "record the baseline of "+condition, func(tx *sql.Tx) error {
		if err := fence(ctx, tx, run, owner); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, query, sql.Named("condition", condition), sql.Named("digest", digest), sql.Named("run", run))
		return err
	})
}
