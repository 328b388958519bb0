package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"waybill/internal/problem"
)

// migrations are the steps from each version of the schema to the next, named
// by the version they lead to: 0001_init.sql. They are never edited once
// released, and there is no way back.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a SQLite file as waybill's: "wayb".
const applicationID = 0x77617962

// migrate makes sure that the file is ours, puts it in WAL mode (which the file
// remembers), and brings its schema up to date. A file that is new is made
// private to this user; SQLite gives its log the same mode.
func (s *Store) migrate(ctx context.Context, isNew bool) error {
	steps, err := migrationSteps()
	if err != nil {
		return err
	}
	// Nothing is written before the file is known to be ours.
	var version int
	err = s.retry(ctx, "open state", func() (err error) {
		version, err = s.version(ctx, s.writer, len(steps))
		return err
	})
	if err != nil {
		return err
	}
	if isNew {
		if err := os.Chmod(s.path, 0o600); err != nil {
			return unreadableFile(s.path, err)
		}
	}
	if err := s.enterWAL(ctx); err != nil {
		return err
	}
	for version < len(steps) {
		err := s.write(ctx, "migrate state", func(tx *sql.Tx) (err error) {
			// Another process may have been faster.
			if version, err = s.version(ctx, tx, len(steps)); err != nil || version == len(steps) {
				return err
			}
			return upgrade(ctx, tx, steps[version], version+1)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// migrationSteps returns the SQL of each migration, in order.
func migrationSteps() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	steps := make([]string, len(names))
	for i, name := range names {
		if want := fmt.Sprintf("migrations/%04d_", i+1); !strings.HasPrefix(name, want) {
			return nil, fmt.Errorf("migration %s: expected a name that begins with %s", name, want)
		}
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		steps[i] = string(text)
	}
	return steps, nil
}

// upgrade runs one migration. The version is part of the same transaction.
func upgrade(ctx context.Context, tx *sql.Tx, step string, to int) error {
	if _, err := tx.ExecContext(ctx, step); err != nil {
		return err
	}
	// A pragma takes no parameters.
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, applicationID, to))
	return err
}

// version returns the version of the schema, 0 for an empty file. It fails if
// the file is not ours or newer than what this program knows.
func (s *Store) version(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, newest int) (int, error) {
	var app, version, tables int
	err := db.QueryRowContext(ctx, `
		SELECT (SELECT application_id FROM pragma_application_id),
		       (SELECT user_version FROM pragma_user_version),
		       (SELECT count(*) FROM sqlite_schema)`).Scan(&app, &version, &tables)
	switch {
	case err != nil:
		return 0, err
	case app != applicationID && (app != 0 || version != 0 || tables != 0):
		p := problem.New("state-unreadable", fmt.Sprintf("the file %s is not a waybill state", s.path), nil)
		p.Cause = "It is the SQLite database of another program."
		return 0, p
	case version > newest:
		p := problem.New("state-newer", fmt.Sprintf(
			"the state %s was written by a newer waybill: it has version %d, and this one knows versions up to %d",
			s.path, version, newest), nil)
		p.Cause = "State is brought up to date when a newer waybill opens it, and not converted back."
		return 0, p
	}
	return version, nil
}

// enterWAL switches the file to a write-ahead log. SQLite stays silent where
// that is impossible and answers with the mode that remains.
func (s *Store) enterWAL(ctx context.Context) error {
	var mode string
	err := s.retry(ctx, "open state", func() error {
		return s.writer.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode)
	})
	if err != nil {
		return err
	}
	if mode != "wal" {
		p := problem.New("state-unreadable", fmt.Sprintf("the state %s cannot be shared safely", s.path),
			errors.New("journal mode is "+mode))
		p.Cause = "Its file system doesn't support shared memory; network file systems often don't."
		p.Remedy = []string{"Put the state on a local disk."}
		return p
	}
	return nil
}
