package sqlite

import (
	"context"
	"database/sql"

	"waybill/runner/state"
)

var upsertStep = `
	INSERT INTO steps (` + stepColumns + `) VALUES (` + marks(11) + `)
	ON CONFLICT DO UPDATE SET
		status = excluded.status, attempt = excluded.attempt, base = excluded.base, token = excluded.token, result = excluded.result,
		problem = excluded.problem, next_try = excluded.next_try,
		started_at = excluded.started_at, finished_at = excluded.finished_at`

// PutStep implements state.Runs.
func (s *Store) PutStep(ctx context.Context, owner string, p state.Step) error {
	return s.write(ctx, "record step "+p.Address+" of run "+p.Run, func(tx *sql.Tx) error {
		if err := fence(ctx, tx, p.Run, owner); err != nil {
			return err
		}
		return putStep(ctx, tx, p)
	})
}

func putStep(ctx context.Context, tx *sql.Tx, p state.Step) error {
	_, err := tx.ExecContext(ctx, upsertStep, stepFields(&p)...)
	return err
}

// fence fails unless owner holds the run's lease. Whether the lease has expired
// doesn't matter: until somebody takes the run over, there is nobody to protect
// it from. The transaction has the write lock, so the answer stays true in it.
func fence(ctx context.Context, tx *sql.Tx, run, owner string) error {
	var holds bool
	err := tx.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM runs WHERE id = ? AND status = 'running' AND owner = ?)`,
		run, owner).Scan(&holds)
	if err == nil && !holds {
		return lost(ctx, tx, run)
	}
	return err
}

// Steps implements state.Runs.
func (s *Store) Steps(ctx context.Context, run string) ([]state.Step, error) {
	return list(ctx, s, "list the steps of run "+run,
		`SELECT `+stepColumns+` FROM steps WHERE run = ? ORDER BY address`, []any{run}, stepFields)
}
