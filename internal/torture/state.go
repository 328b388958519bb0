package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"time"

	"waybill/internal/torture/check"
)

// The clock is the one thing that torture moves on by itself: nobody wants to
// wait out a lease after each of a thousand kills.

// change runs a statement on the state while nobody works on it.
func change(ctx context.Context, path, statement string, args ...any) (err error) {
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "_txlock=immediate&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, statement, args...)
	return err
}

// endLeases makes the leases of dead processes run out.
func endLeases(ctx context.Context, path string) error {
	return change(ctx, path, `UPDATE runs SET lease_until = 1 WHERE status = 'running'`)
}

// missSlots makes a daemon believe that it was last there d ago.
func missSlots(ctx context.Context, path string, d time.Duration) error {
	return change(ctx, path, `UPDATE watermarks SET at = ?`, time.Now().Add(-d).Unix())
}

// last is the newest run of a pipeline.
func last(ctx context.Context, path, pipeline string) (check.Run, bool) {
	runs, err := check.Runs(ctx, path, pipeline)
	if err != nil || len(runs) == 0 {
		return check.Run{}, false // there is no state yet, or none that can be read
	}
	return runs[len(runs)-1], true
}
