package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"waybill/runner/state"
	"waybill/sinks"
)

const selectDelivery = `SELECT ` + deliveryColumns + ` FROM deliveries WHERE id = ?`

var upsertDelivery = `
	INSERT INTO deliveries (` + deliveryColumns + `) VALUES (` + marks(10) + `)
	ON CONFLICT DO UPDATE SET run = excluded.run, plan = excluded.plan, planned_at = excluded.planned_at,
		done = 0, done_at = NULL`

// Plan implements state.Ledger.
func (s *Store) Plan(ctx context.Context, owner string, d state.Delivery) (state.Delivery, error) {
	d.Done, d.DoneAt, d.Receipt = false, time.Time{}, nil
	var out state.Delivery
	err := s.write(ctx, "plan delivery "+d.ID, func(tx *sql.Tx) error {
		if err := fence(ctx, tx, d.Run, owner); err != nil {
			return err
		}
		if err := replan(ctx, tx, d); err != nil {
			return err
		}
		// Read back, so that the answer is what a later call would get.
		out = state.Delivery{}
		return tx.QueryRowContext(ctx, selectDelivery, d.ID).Scan(deliveryFields(&out)...)
	})
	if err != nil {
		return state.Delivery{}, err
	}
	return out, nil
}

// replan makes d the plan, unless its own run has delivered it already.
func replan(ctx context.Context, tx *sql.Tx, d state.Delivery) error {
	var old state.Delivery
	err := tx.QueryRowContext(ctx, selectDelivery, d.ID).Scan(deliveryFields(&old)...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		old.Run = d.Run
	case err != nil:
		return err
	}
	if old.Done && old.Run == d.Run {
		return nil
	}
	if old.Run != d.Run {
		if err := handOver(ctx, tx, old, d.Run); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, upsertDelivery, deliveryFields(&d)...)
	return err
}

// handOver lets another run deliver: what is settled is to be sent again, and
// what is open is left for it to settle.
func handOver(ctx context.Context, tx *sql.Tx, old state.Delivery, run string) error {
	var busy bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM runs WHERE id = ? AND status = 'running')`, old.Run).Scan(&busy)
	if err != nil {
		return err
	}
	if busy {
		return fmt.Errorf("delivery %s belongs to run %s, which is running, and not to %s: %w", old.ID, old.Run, run, state.ErrConflict)
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM intents WHERE delivery = ? AND settled`, old.ID)
	return err
}

// Delivery implements state.Ledger.
func (s *Store) Delivery(ctx context.Context, id string) (state.Delivery, error) {
	return get(ctx, s, "delivery "+id, selectDelivery, []any{id}, deliveryFields)
}

// Deliveries implements state.Ledger.
func (s *Store) Deliveries(ctx context.Context, run string) ([]state.Delivery, error) {
	return list(ctx, s, "list the deliveries of run "+run,
		`SELECT `+deliveryColumns+` FROM deliveries WHERE run = ? ORDER BY id`, []any{run}, deliveryFields)
}

// History implements state.Ledger.
func (s *Store) History(ctx context.Context, f state.DeliveryFilter) ([]state.Delivery, error) {
	query, args := `SELECT `+deliveryColumns+` FROM deliveries WHERE true`, []any(nil)
	if f.Pipeline != "" {
		query += ` AND pipeline = ?`
		args = append(args, f.Pipeline)
	}
	if !f.Slot.IsZero() {
		query += ` AND slot = ?`
		args = append(args, seconds{&f.Slot})
	}
	return list(ctx, s, "list deliveries", query+` ORDER BY slot DESC, pipeline, sink`, args, deliveryFields)
}

// Intend implements state.Ledger.
func (s *Store) Intend(ctx context.Context, owner, delivery string, in sinks.Intent) error {
	return s.write(ctx, "record an intent of delivery "+delivery, func(tx *sql.Tx) error {
		if err := fenceDelivery(ctx, tx, delivery, owner); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO intents (delivery, key, upload_id, sha256, size, role, options, settled) VALUES (?, ?, ?, ?, ?, ?, ?, 0)
			ON CONFLICT DO UPDATE SET sha256 = excluded.sha256, size = excluded.size, role = excluded.role, options = excluded.options, settled = 0, object = NULL`,
			delivery, in.Key, in.UploadID, in.SHA256, in.Size, in.Role, in.Options)
		return err
	})
}

// Settle implements state.Ledger.
func (s *Store) Settle(ctx context.Context, owner, delivery string, obj sinks.Object) error {
	return s.changeIntent(ctx, owner, delivery, obj.Key, func(tx *sql.Tx) (int64, error) {
		// Uploads that were aborted have no object, and get none.
		n, err := change(ctx, tx, `
			UPDATE intents SET settled = 1, object = ?
			WHERE delivery = ? AND key = ? AND (NOT settled OR object IS NOT NULL)`,
			object{&obj}, delivery, obj.Key)
		if err != nil || n == 0 {
			return n, err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO standing (delivery, key, object) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET object = excluded.object`, delivery, obj.Key, object{&obj})
		return n, err
	})
}

// Aborted implements state.Ledger.
func (s *Store) Aborted(ctx context.Context, owner, delivery, key, uploadID string) error {
	return s.changeIntent(ctx, owner, delivery, key, func(tx *sql.Tx) (int64, error) {
		return change(ctx, tx, `
			UPDATE intents SET settled = 1 WHERE delivery = ? AND key = ? AND upload_id = ?`,
			delivery, key, uploadID)
	})
}

func (s *Store) changeIntent(ctx context.Context, owner, delivery, key string, fn func(*sql.Tx) (int64, error)) error {
	return s.write(ctx, "settle an intent of delivery "+delivery, func(tx *sql.Tx) error {
		if err := fenceDelivery(ctx, tx, delivery, owner); err != nil {
			return err
		}
		n, err := fn(tx)
		if err == nil && n == 0 {
			return fmt.Errorf("intent of delivery %s for %s: %w", delivery, key, state.ErrNotFound)
		}
		return err
	})
}

// Removed implements state.Ledger.
func (s *Store) Removed(ctx context.Context, owner, delivery, key string) error {
	return s.write(ctx, "record a removal of delivery "+delivery, func(tx *sql.Tx) error {
		if err := fenceDelivery(ctx, tx, delivery, owner); err != nil {
			return err
		}
		for _, query := range []string{
			`DELETE FROM standing WHERE delivery = ? AND key = ?`,
			`DELETE FROM intents WHERE delivery = ? AND key = ? AND (settled OR upload_id = '')`,
		} {
			if _, err := tx.ExecContext(ctx, query, delivery, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// Standing implements state.Ledger.
func (s *Store) Standing(ctx context.Context, delivery string) ([]sinks.Object, error) {
	return list(ctx, s, "list what stands of delivery "+delivery,
		`SELECT object FROM standing WHERE delivery = ? ORDER BY key`, []any{delivery}, func(o *sinks.Object) []any { return []any{object{o}} })
}

// Intents implements state.Ledger.
func (s *Store) Intents(ctx context.Context, delivery string) ([]sinks.Intent, error) {
	return list(ctx, s, "list the intents of delivery "+delivery,
		`SELECT `+intentColumns+` FROM intents WHERE delivery = ? ORDER BY seq`, []any{delivery}, intentFields)
}

// Deliver implements state.Ledger.
func (s *Store) Deliver(ctx context.Context, owner, delivery string, receipt json.RawMessage, step state.Step, now time.Time) error {
	step.Status = state.Succeeded
	return s.write(ctx, "complete delivery "+delivery, func(tx *sql.Tx) error {
		d, err := ownDelivery(ctx, tx, delivery, owner)
		switch {
		case err != nil:
			return err
		case d.Run != step.Run:
			return fmt.Errorf("delivery %s belongs to run %s: %w", delivery, d.Run, state.ErrConflict)
		case d.Done && bytes.Equal(d.Receipt, receipt):
			return nil
		case d.Done:
			return fmt.Errorf("delivery %s is done: %w", delivery, state.ErrConflict)
		}
		_, err = tx.ExecContext(ctx, `UPDATE deliveries SET done = 1, receipt = ?, done_at = ? WHERE id = ?`,
			raw{&receipt}, micros{&now}, delivery)
		if err != nil {
			return err
		}
		return putStep(ctx, tx, step)
	})
}

// fenceDelivery fails unless owner holds the lease of the run that the delivery
// belongs to, and the delivery is still to be made.
func fenceDelivery(ctx context.Context, tx *sql.Tx, id, owner string) error {
	d, err := ownDelivery(ctx, tx, id, owner)
	if err == nil && d.Done {
		return fmt.Errorf("delivery %s is done: %w", id, state.ErrConflict)
	}
	return err
}

// ownDelivery returns a delivery, if owner holds the lease of its run.
func ownDelivery(ctx context.Context, tx *sql.Tx, id, owner string) (state.Delivery, error) {
	var d state.Delivery
	err := tx.QueryRowContext(ctx, selectDelivery, id).Scan(deliveryFields(&d)...)
	if errors.Is(err, sql.ErrNoRows) {
		return d, fmt.Errorf("delivery %s: %w", id, state.ErrNotFound)
	}
	if err != nil {
		return d, err
	}
	err = fence(ctx, tx, d.Run, owner)
	if errors.Is(err, state.ErrNotFound) { // the delivery is there, its run was pruned
		return d, fmt.Errorf("run %s of delivery %s is gone: %w", d.Run, id, state.ErrConflict)
	}
	return d, err
}
