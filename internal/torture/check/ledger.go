package check

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver only: what is asked is our own
)

// A Run is a row of the runs that the state knows.
type Run struct {
	ID, Status, Trigger string
	Slot                time.Time
	LeaseUntil          time.Time // zero if nobody holds it
}

// Over reports whether nothing follows the run's status.
func (r Run) Over() bool { return r.Status != "queued" && r.Status != "running" }

// An Object is what a receipt says of one object.
type Object struct {
	Bucket, Key, SHA256 string
	Size                int64
}

type delivery struct {
	id, sink string
	slot     time.Time
	done     bool
	doneAt   time.Time
	objects  []Object
}

type intent struct {
	delivery, key, uploadID string
	settled, there          bool
}

// A ledger is what the state says at one moment.
type ledger struct {
	runs       []Run
	deliveries []delivery
	intents    []intent
}

// Runs lists the runs of a pipeline in the order in which they were made,
// beside whoever works on the state.
func Runs(ctx context.Context, path, pipeline string) ([]Run, error) {
	var out []Run
	err := ask(ctx, path, func(db *sql.DB) (err error) {
		out, err = runs(ctx, db, pipeline)
		return err
	})
	return out, err
}

// readLedger reads a copy of the state, so that looking at it recovers nothing
// in the place of the product. Nobody may write to it meanwhile.
func readLedger(ctx context.Context, path, pipeline string) (out ledger, err error) {
	dir, err := os.MkdirTemp("", "waybill-ledger-")
	if err != nil {
		return out, fmt.Errorf("copy the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if errors.Is(err, fs.ErrNotExist) && suffix != "" {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "copy.db"+suffix), data, 0o600)
		}
		if err != nil {
			return out, fmt.Errorf("copy the ledger: %w", err)
		}
	}
	err = ask(ctx, filepath.Join(dir, "copy.db"), func(db *sql.DB) (err error) {
		if out.runs, err = runs(ctx, db, pipeline); err != nil {
			return err
		}
		if out.deliveries, err = deliveries(ctx, db, pipeline); err != nil {
			return err
		}
		out.intents, err = intents(ctx, db, pipeline)
		return err
	})
	return out, err
}

func ask(_ context.Context, path string, do func(*sql.DB) error) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "_pragma=query_only(1)&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	return errors.Join(do(db), db.Close())
}

// rows scans every row of a query by scan.
func rows(ctx context.Context, db *sql.DB, scan func(*sql.Rows) error, query string, args ...any) error {
	found, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("ask the ledger: %w", err)
	}
	defer found.Close() //nolint:errcheck // Err tells what matters
	for found.Next() {
		if err := scan(found); err != nil {
			return fmt.Errorf("ask the ledger: %w", err)
		}
	}
	return found.Err()
}

func runs(ctx context.Context, db *sql.DB, pipeline string) (out []Run, err error) {
	err = rows(ctx, db, func(r *sql.Rows) error {
		var one Run
		var slot, lease int64
		err := r.Scan(&one.ID, &one.Status, &one.Trigger, &slot, &lease)
		one.Slot = time.Unix(slot, 0).UTC()
		if lease > 0 {
			one.LeaseUntil = time.UnixMicro(lease)
		}
		out = append(out, one)
		return err
	}, `SELECT id, status, triggered_by, slot, coalesce(lease_until, 0) FROM runs WHERE pipeline = ? ORDER BY id`, pipeline)
	return out, err
}

func deliveries(ctx context.Context, db *sql.DB, pipeline string) (out []delivery, err error) {
	err = rows(ctx, db, func(r *sql.Rows) error {
		var d delivery
		var slot, doneAt int64
		var receipt string
		if err := r.Scan(&d.id, &d.sink, &slot, &d.done, &doneAt, &receipt); err != nil {
			return err
		}
		d.slot, d.doneAt = time.Unix(slot, 0).UTC(), time.UnixMicro(doneAt).UTC()
		d.objects, err = objectsOf(receipt)
		out = append(out, d)
		return err
	}, `SELECT id, sink, slot, done, coalesce(done_at, 0), coalesce(receipt, '') FROM deliveries WHERE pipeline = ?`, pipeline)
	return out, err
}

func intents(ctx context.Context, db *sql.DB, pipeline string) (out []intent, err error) {
	err = rows(ctx, db, func(r *sql.Rows) error {
		var in intent
		err := r.Scan(&in.delivery, &in.key, &in.uploadID, &in.settled, &in.there)
		out = append(out, in)
		return err
	}, `SELECT i.delivery, i.key, i.upload_id, i.settled, i.object IS NOT NULL FROM intents i
		JOIN deliveries d ON d.id = i.delivery WHERE d.pipeline = ? ORDER BY i.seq`, pipeline)
	return out, err
}

// objectsOf reads a receipt as the documentation describes it.
func objectsOf(receipt string) ([]Object, error) {
	if receipt == "" {
		return nil, nil
	}
	var r struct {
		Objects []struct {
			URL    string `json:"url"`
			SHA256 string `json:"sha256"`
			Size   int64  `json:"size"`
		} `json:"objects"`
	}
	if err := json.Unmarshal([]byte(receipt), &r); err != nil {
		return nil, fmt.Errorf("a receipt is not JSON: %w", err)
	}
	var out []Object
	for _, o := range r.Objects {
		bucket, key, _ := strings.Cut(strings.TrimPrefix(o.URL, "s3://"), "/")
		out = append(out, Object{Bucket: bucket, Key: key, SHA256: o.SHA256, Size: o.Size})
	}
	return out, nil
}

// Knows reports whether a daemon has seen the schedule of a pipeline.
func Knows(ctx context.Context, path, pipeline string) bool {
	known := false
	err := ask(ctx, path, func(db *sql.DB) error {
		return db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM watermarks WHERE pipeline = ?)`, pipeline).Scan(&known)
	})
	return err == nil && known
}
