package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"waybill/runner/state"
)

// write runs fn in a transaction that holds the write lock from its first
// statement and is durable when write returns nil. fn may run again if the lock
// wasn't free; what it leaves outside of tx must be set anew each time. op says
// what is being done, for errors.
func (s *Store) write(ctx context.Context, op string, fn func(tx *sql.Tx) error) error {
	return s.retry(ctx, op, func() error {
		tx, err := s.writer.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // does nothing after a commit
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// list reads all rows of a query, each into a T whose columns fields names.
func list[T any](ctx context.Context, s *Store, op, query string, args []any, fields func(*T) []any) ([]T, error) {
	var out []T
	err := s.retry(ctx, op, func() error {
		out = nil
		rows, err := s.reader.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // Err tells what matters
		for rows.Next() {
			var item T
			if err := rows.Scan(fields(&item)...); err != nil {
				return err
			}
			out = append(out, item)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// get reads the one row of a query; ErrNotFound if there is none.
func get[T any](ctx context.Context, s *Store, op, query string, args []any, fields func(*T) []any) (T, error) {
	found, err := list(ctx, s, op, query, args, fields)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s: %w", op, state.ErrNotFound)
	}
	if err != nil {
		return *new(T), err
	}
	return found[0], nil
}

// retry runs fn until the database isn't locked by another process, the
// context ends, or BusyTimeout is over, and explains the error that remains.
func (s *Store) retry(ctx context.Context, op string, fn func() error) error {
	deadline := time.Now().Add(s.busy)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := fn()
		if !isBusy(err) || time.Now().After(deadline) {
			return s.explain(ctx, op, err)
		}
		select {
		case <-ctx.Done():
			return s.explain(ctx, op, err)
		case <-time.After(wait/2 + rand.N(wait)): // jitter: equals must not meet again
		}
	}
}

// change runs a statement and returns how many rows it changed.
func change(ctx context.Context, tx *sql.Tx, query string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
