package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"time"

	"waybill/runner/state"
)

// SaveGeneration implements state.Generations. Files are kept once each,
// however many generations share them.
func (s *Store) SaveGeneration(ctx context.Context, digest string, files map[string][]byte, now time.Time) error {
	return s.write(ctx, "save generation "+digest, func(tx *sql.Tx) error {
		known, err := change(ctx, tx, `UPDATE generations SET saved_at = max(coalesce(saved_at, 0), ?) WHERE digest = ?`, micros{&now}, digest)
		if err != nil || known > 0 {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO generations (digest, saved_at) VALUES (?, ?)`, digest, micros{&now})
		if err != nil {
			return err
		}
		for path, content := range files {
			if err := saveFile(ctx, tx, digest, path, content); err != nil {
				return err
			}
		}
		return nil
	})
}

func saveFile(ctx context.Context, tx *sql.Tx, generation, path string, content []byte) error {
	if content == nil {
		content = []byte{} // nil would be stored as NULL
	}
	sum := sha256.Sum256(content)
	_, err := tx.ExecContext(ctx, `INSERT INTO blobs (sha256, data) VALUES (?, ?) ON CONFLICT DO NOTHING`, sum[:], content)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO generation_files (generation, path, blob) VALUES (?, ?, ?)`, generation, path, sum[:])
	return err
}

// Generation implements state.Generations.
func (s *Store) Generation(ctx context.Context, digest string) (map[string][]byte, error) {
	type file struct {
		path sql.NullString
		data []byte
	}
	// The outer join tells a generation without files (one row of NULLs) from
	// none, in one statement, which sees one state of the database.
	rows, err := list(ctx, s, "read generation "+digest, `
		SELECT path, data FROM generations
		LEFT JOIN generation_files ON generation = digest
		LEFT JOIN blobs ON sha256 = blob
		WHERE digest = ?`, []any{digest},
		func(f *file) []any { return []any{&f.path, &f.data} })
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("generation %s: %w", digest, state.ErrNotFound)
	}
	files := make(map[string][]byte, len(rows))
	for _, f := range rows {
		if f.path.Valid {
			files[f.path.String] = f.data
		}
	}
	return files, nil
}

// SetLastGood implements state.Generations.
func (s *Store) SetLastGood(ctx context.Context, digest string) error {
	return s.write(ctx, "set the last good generation", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO last_good (one, digest) VALUES (1, ?)
			ON CONFLICT DO UPDATE SET digest = excluded.digest`, digest)
		if isDangling(err) {
			return fmt.Errorf("generation %s: %w", digest, state.ErrNotFound)
		}
		return err
	})
}

// LastGood implements state.Generations.
func (s *Store) LastGood(ctx context.Context) (string, error) {
	return get(ctx, s, "last good generation", `SELECT digest FROM last_good`, nil,
		func(digest *string) []any { return []any{digest} })
}
