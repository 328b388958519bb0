package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"waybill/runner/state"
)

const watermarkColumns = `pipeline, schedule, at`

func watermarkFields(w *state.Watermark) []any {
	return []any{&w.Pipeline, &w.Schedule, seconds{&w.At}}
}

// Watermark implements state.Slots.
func (s *Store) Watermark(ctx context.Context, pipeline string) (state.Watermark, error) {
	return get(ctx, s, "watermark of pipeline "+pipeline,
		`SELECT `+watermarkColumns+` FROM watermarks WHERE pipeline = ?`, []any{pipeline}, watermarkFields)
}

// SetWatermark implements state.Slots.
func (s *Store) SetWatermark(ctx context.Context, w state.Watermark) error {
	return s.write(ctx, "set the watermark of pipeline "+w.Pipeline, func(tx *sql.Tx) error {
		return putWatermark(ctx, tx, w)
	})
}

func putWatermark(ctx context.Context, tx *sql.Tx, w state.Watermark) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO watermarks (`+watermarkColumns+`) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET schedule = excluded.schedule, at = excluded.at`, watermarkFields(&w)...)
	return err
}

// Fire implements state.Slots.
func (s *Store) Fire(ctx context.Context, prev, w state.Watermark, runs []state.Run) ([]state.Run, error) {
	if err := checkFire(prev, w, runs); err != nil {
		return nil, err
	}
	var fired []state.Run
	err := s.write(ctx, "fire pipeline "+w.Pipeline, func(tx *sql.Tx) error {
		fired = nil
		if err := expectWatermark(ctx, tx, prev); err != nil {
			return err
		}
		for _, r := range runs {
			n, err := change(ctx, tx, `INSERT INTO slots (pipeline, slot) VALUES (?, ?) ON CONFLICT DO NOTHING`,
				r.Pipeline, seconds{&r.Slot})
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			if err := addRun(ctx, tx, r); err != nil {
				return err
			}
			fired = append(fired, r)
		}
		return putWatermark(ctx, tx, w)
	})
	if err != nil {
		return nil, err
	}
	return fired, nil
}

// checkFire refuses what only a mistake in the caller can bring about.
func checkFire(prev, w state.Watermark, runs []state.Run) error {
	if prev.Pipeline != w.Pipeline {
		return fmt.Errorf("fire pipeline %s: the previous watermark is of pipeline %q", w.Pipeline, prev.Pipeline)
	}
	for _, r := range runs {
		if r.Pipeline != w.Pipeline {
			return fmt.Errorf("fire pipeline %s: run %s is of pipeline %q", w.Pipeline, r.ID, r.Pipeline)
		}
		if r.Status != state.Queued && r.Status != state.Skipped {
			return fmt.Errorf("fire pipeline %s: run %s is %q", w.Pipeline, r.ID, r.Status)
		}
	}
	return nil
}

// expectWatermark fails unless the stored watermark is w.
func expectWatermark(ctx context.Context, tx *sql.Tx, w state.Watermark) error {
	var stored state.Watermark
	err := tx.QueryRowContext(ctx, `SELECT `+watermarkColumns+` FROM watermarks WHERE pipeline = ?`, w.Pipeline).
		Scan(watermarkFields(&stored)...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err != nil || stored.Schedule != w.Schedule || stored.At.Unix() != w.At.Unix() {
		return fmt.Errorf("the watermark of pipeline %s has moved: %w", w.Pipeline, state.ErrConflict)
	}
	return nil
}
