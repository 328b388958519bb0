package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"waybill/runner/state"
)

// Move implements state.Moves.
func (s *Store) Move(ctx context.Context, from, to string, id func(pipeline, sink string, slot time.Time) string) (bool, error) {
	moved := false
	err := s.write(ctx, fmt.Sprintf("move pipeline %s to %s", from, to), func(tx *sql.Tx) error {
		var carried int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM runs WHERE pipeline = ? AND status = 'running'`, from).Scan(&carried)
		if err != nil {
			return err
		}
		if carried > 0 {
			return fmt.Errorf("a run of pipeline %s is under way: %w", from, state.ErrConflict)
		}
		if moved, err = moveRows(ctx, tx, from, to); err != nil {
			return err
		}
		ledger, err := moveLedger(ctx, tx, from, to, id)
		moved = moved || ledger
		return err
	})
	return moved, err
}

// moveSteps rename or drop the rows of a pipeline (?1) in favour of another
// (?2). Where both have one, the newer or else the other's own stays.
var moveSteps = []string{
	`UPDATE runs SET pipeline = ?2 WHERE pipeline = ?1`,
	`UPDATE OR IGNORE slots SET pipeline = ?2 WHERE pipeline = ?1`,
	`DELETE FROM slots WHERE pipeline = ?1 AND ?2 <> ''`,
	`UPDATE OR IGNORE watermarks SET pipeline = ?2 WHERE pipeline = ?1`,
	`DELETE FROM watermarks WHERE pipeline = ?1 AND ?2 <> ''`,
	`UPDATE successes SET slot = max(slot, coalesce((SELECT slot FROM successes WHERE pipeline = ?1), slot)) WHERE pipeline = ?2 AND EXISTS (SELECT 1 FROM successes WHERE pipeline = ?1)`,
	`UPDATE OR IGNORE successes SET pipeline = ?2 WHERE pipeline = ?1`,
	`DELETE FROM successes WHERE pipeline = ?1 AND ?2 <> ''`,
	`UPDATE OR IGNORE baselines SET pipeline = ?2 WHERE pipeline = ?1`,
	`DELETE FROM baselines WHERE pipeline = ?1 AND ?2 <> ''`,
}

func moveRows(ctx context.Context, tx *sql.Tx, from, to string) (bool, error) {
	total := int64(0)
	for _, step := range moveSteps {
		n, err := change(ctx, tx, step, from, to)
		if err != nil {
			return false, err
		}
		total += n
	}
	return total > 0, nil
}

// moveLedger gives the deliveries their new ids, and their intents with them.
// A delivery that the other pipeline has already stays as it is.
func moveLedger(ctx context.Context, tx *sql.Tx, from, to string, id func(pipeline, sink string, slot time.Time) string) (bool, error) {
	if _, err := tx.ExecContext(ctx, `PRAGMA defer_foreign_keys = ON`); err != nil {
		return false, err
	}
	type line struct {
		id, sink string
		slot     time.Time
	}
	var lines []line
	rows, err := tx.QueryContext(ctx, `SELECT id, sink, slot FROM deliveries WHERE pipeline = ?`, from)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	for rows.Next() {
		var l line
		if err := rows.Scan(&l.id, &l.sink, seconds{&l.slot}); err != nil {
			return false, err
		}
		lines = append(lines, l)
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	moved := false
	for _, l := range lines {
		now := id(to, l.sink, l.slot)
		n, err := change(ctx, tx, `UPDATE OR IGNORE deliveries SET id = ?, pipeline = ? WHERE id = ?`, now, to, l.id)
		if err != nil {
			return false, err
		}
		if n == 0 {
			continue
		}
		moved = true
		for _, query := range []string{`UPDATE intents SET delivery = ? WHERE delivery = ?`, `UPDATE standing SET delivery = ? WHERE delivery = ?`} {
			if _, err := tx.ExecContext(ctx, query, now, l.id); err != nil {
				return false, err
			}
		}
	}
	return moved, nil
}
