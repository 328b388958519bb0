package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"waybill/internal/problem"
	"waybill/runner/state"
)

var insertRun = `INSERT INTO runs (` + runColumns + `) VALUES (` + marks(16) + `)`

// CreateRun implements state.Runs.
func (s *Store) CreateRun(ctx context.Context, r state.Run) error {
	r.Status = state.Queued
	return s.write(ctx, "create run "+r.ID, func(tx *sql.Tx) error { return addRun(ctx, tx, r) })
}

// addRun inserts a run; ErrConflict if its id is taken.
func addRun(ctx context.Context, tx *sql.Tx, r state.Run) error {
	_, err := tx.ExecContext(ctx, insertRun, runFields(&r)...)
	if isTaken(err) {
		return fmt.Errorf("run %s exists: %w", r.ID, state.ErrConflict)
	}
	return err
}

// Claim implements state.Runs.
func (s *Store) Claim(ctx context.Context, id, owner, generation string, now time.Time, ttl time.Duration) (state.Run, error) {
	return s.claim(ctx, claim{id, owner, generation, now, ttl}, func(*sql.Tx) error { return nil })
}

// Begin implements state.Runs.
func (s *Store) Begin(ctx context.Context, r state.Run, owner, generation string, now time.Time, ttl time.Duration) (state.Run, error) {
	r.Status = state.Queued
	return s.claim(ctx, claim{r.ID, owner, generation, now, ttl}, func(tx *sql.Tx) error { return addRun(ctx, tx, r) })
}

// Resume implements state.Runs.
func (s *Store) Resume(ctx context.Context, id, owner, generation string, now time.Time, ttl time.Duration) (state.Run, error) {
	return s.claim(ctx, claim{id, owner, generation, now, ttl}, func(tx *sql.Tx) error {
		_, err := change(ctx, tx, reopen, id)
		return err
	})
}

// A claim is who wants which run, and until when.
type claim struct {
	id, owner, generation string
	now                   time.Time
	ttl                   time.Duration
}

// claim claims a run after first, in one transaction.
func (s *Store) claim(ctx context.Context, c claim, first func(*sql.Tx) error) (state.Run, error) {
	if c.owner == "" {
		return state.Run{}, fmt.Errorf("claim run %s: owner is empty", c.id)
	}
	until := c.now.Add(c.ttl)
	var run state.Run
	err := s.write(ctx, "claim run "+c.id, func(tx *sql.Tx) error {
		run = state.Run{}
		if err := first(tx); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `
			UPDATE runs SET
				status      = 'running',
				owner       = @owner,
				lease_until = @until,
				claims      = claims + 1,
				generation  = iif(generation = '', @generation, generation),
				started_at  = coalesce(started_at, @now)
			WHERE id = @id AND (status = 'queued' OR status = 'running' AND lease_until <= @now)
			RETURNING `+runColumns,
			sql.Named("id", c.id), sql.Named("owner", c.owner), sql.Named("generation", c.generation),
			sql.Named("now", micros{&c.now}), sql.Named("until", micros{&until}),
		).Scan(runFields(&run)...)
		if errors.Is(err, sql.ErrNoRows) {
			return lost(ctx, tx, c.id)
		}
		return err
	})
	if err != nil {
		return state.Run{}, err
	}
	return run, nil
}

// Renew implements state.Runs.
func (s *Store) Renew(ctx context.Context, id, owner string, now time.Time, ttl time.Duration) error {
	until := now.Add(ttl)
	return s.write(ctx, "renew the lease of run "+id, func(tx *sql.Tx) error {
		n, err := change(ctx, tx, `
			UPDATE runs SET lease_until = ?
			WHERE id = ? AND status = 'running' AND owner = ?`, micros{&until}, id, owner)
		if err == nil && n == 0 {
			return lost(ctx, tx, id)
		}
		return err
	})
}

// Finish implements state.Runs.
func (s *Store) Finish(ctx context.Context, id, owner string, status state.Status, reason string, p *problem.Problem, now time.Time) error {
	if !status.Final() {
		return fmt.Errorf("finish run %s: status %q is not final", id, status)
	}
	return s.write(ctx, "finish run "+id, func(tx *sql.Tx) error {
		n, err := change(ctx, tx, `
			UPDATE runs SET
				status = ?, reason = ?, problem = ?, finished_at = ?,
				owner = '', lease_until = NULL
			WHERE id = ? AND owner = ? AND status = iif(owner = '', 'queued', 'running')`,
			status, reason, document[problem.Problem]{&p}, micros{&now}, id, owner)
		switch {
		case err != nil:
			return err
		case n == 0:
			return lost(ctx, tx, id)
		case status != state.Succeeded:
			return nil
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO successes (pipeline, slot) SELECT pipeline, slot FROM runs WHERE id = ?
			ON CONFLICT DO UPDATE SET slot = max(slot, excluded.slot)`, id)
		return err
	})
}

const reopen = `
	UPDATE runs SET
		status = 'queued', reason = '', problem = NULL, started_at = NULL, finished_at = NULL, cancel_requested = 0
	WHERE id = ? AND status IN ('failed', 'cancelled')`

// Reopen implements state.Runs.
func (s *Store) Reopen(ctx context.Context, id string) error {
	return s.write(ctx, "reopen run "+id, func(tx *sql.Tx) error {
		n, err := change(ctx, tx, reopen, id)
		if err == nil && n == 0 {
			return lost(ctx, tx, id)
		}
		return err
	})
}

// RequestCancel implements state.Runs.
func (s *Store) RequestCancel(ctx context.Context, id string) error {
	return s.write(ctx, "cancel run "+id, func(tx *sql.Tx) error {
		n, err := change(ctx, tx, `
			UPDATE runs SET cancel_requested = 1
			WHERE id = ? AND status IN ('queued', 'running')`, id)
		if err == nil && n == 0 {
			return lost(ctx, tx, id)
		}
		return err
	})
}

// CancelQueued implements state.Runs.
func (s *Store) CancelQueued(ctx context.Context, pipeline, reason string, now time.Time) (int, error) {
	var n int64
	err := s.write(ctx, "cancel the queue of pipeline "+pipeline, func(tx *sql.Tx) (err error) {
		n, err = change(ctx, tx, `
			UPDATE runs SET status = 'cancelled', reason = ?, finished_at = ?
			WHERE pipeline = ? AND status = 'queued'`, reason, micros{&now}, pipeline)
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(n), nil
}

// lost tells why a change found no run in the state it needs: there is none, or
// somebody else has moved it on.
func lost(ctx context.Context, tx *sql.Tx, id string) error {
	var status, owner string
	err := tx.QueryRowContext(ctx, `SELECT status, owner FROM runs WHERE id = ?`, id).Scan(&status, &owner)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("run %s: %w", id, state.ErrNotFound)
	case err != nil:
		return err
	case owner != "":
		return fmt.Errorf("run %s is %s by %s: %w", id, status, owner, state.ErrConflict)
	}
	return fmt.Errorf("run %s is %s: %w", id, status, state.ErrConflict)
}
