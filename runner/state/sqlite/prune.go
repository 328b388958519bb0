package sqlite

import (
	"context"
	"database/sql"
	"time"
)

// pruneBatch is how many runs are removed while the write lock is held: few
// enough that leases are renewed in time.
const pruneBatch = 200

// Prune implements state.Store.
func (s *Store) Prune(ctx context.Context, before time.Time) ([]string, error) {
	var pruned []string
	for {
		batch, err := s.pruneRuns(ctx, before)
		if err != nil {
			return pruned, err
		}
		pruned = append(pruned, batch...)
		if len(batch) < pruneBatch {
			break
		}
	}
	return pruned, s.pruneGenerations(ctx, before)
}

// pruneRuns removes the oldest final runs, with their steps.
func (s *Store) pruneRuns(ctx context.Context, before time.Time) ([]string, error) {
	var ids []string
	err := s.write(ctx, "prune runs", func(tx *sql.Tx) error {
		ids = nil
		rows, err := tx.QueryContext(ctx, `
			DELETE FROM runs WHERE id IN (
				SELECT id FROM runs
				WHERE status NOT IN ('queued', 'running') AND coalesce(created_at, 0) < ?
				ORDER BY id LIMIT ?)
			RETURNING id`, micros{&before}, pruneBatch)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // Err tells what matters
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// pruneGenerations removes the generations that no run needs, and the files
// that no generation needs.
func (s *Store) pruneGenerations(ctx context.Context, before time.Time) error {
	return s.write(ctx, "prune generations", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			DELETE FROM generations
			WHERE coalesce(saved_at, 0) < ?
				AND digest NOT IN (SELECT generation FROM runs)
				AND digest NOT IN (SELECT digest FROM last_good)`, micros{&before})
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM blobs WHERE sha256 NOT IN (SELECT blob FROM generation_files)`)
		return err
	})
}
