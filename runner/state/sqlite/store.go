// Package sqlite keeps waybill's memory in one SQLite file.
//
// The file is in WAL mode: one connection writes, others read beside it without
// waiting. Every write is a transaction that begins with the write lock
// (BEGIN IMMEDIATE), so what it has read cannot change before it commits, and a
// commit returns after the log is on the disk (synchronous=FULL). Several
// processes may work on the same file, on one machine: WAL doesn't work over a
// network file system.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"modernc.org/sqlite"

	"waybill/runner/state"
)

// What zero Options mean.
const (
	defaultBusyTimeout = 30 * time.Second
	defaultReaders     = 4
)

// lockWait is how long SQLite itself waits for a lock. It is short because that
// wait can't be cancelled; Store.retry waits on, within its context.
const lockWait = 100 * time.Millisecond

// Options tune a Store. The zero value is right for production.
type Options struct {
	// BusyTimeout is how long a call waits for another process that holds the
	// write lock before it fails with state-busy; 0 means 30 s.
	BusyTimeout time.Duration
	// Readers is the most connections that read at once; 0 means 4.
	Readers int
}

// A Store is a state.Store in a SQLite file. Make one with Open.
type Store struct {
	path   string // absolute, without symbolic links
	busy   time.Duration
	writer *sql.DB // one connection
	reader *sql.DB
}

var _ state.Store = (*Store)(nil)

// Open opens the database at path, and makes it, its directory and its schema
// if they don't exist. An older schema is brought up to date. A path may be
// opened any number of times, by other processes too.
//
// It fails with the problem state-unreadable if there is something else than a
// waybill database, or a damaged one, state-newer if a newer waybill has
// changed its schema, state-readonly, state-busy or disk-full.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	path, exists, err := locate(path)
	if err != nil {
		return nil, err
	}
	if opts.BusyTimeout <= 0 {
		opts.BusyTimeout = defaultBusyTimeout
	}
	if opts.Readers <= 0 {
		opts.Readers = defaultReaders
	}
	s := &Store{path: path, busy: opts.BusyTimeout}
	if s.writer, err = connect(path, 1, "synchronous(FULL)", "fullfsync(1)", "journal_size_limit(67108864)"); err != nil {
		return nil, fmt.Errorf("state %s: %w", path, err)
	}
	if s.reader, err = connect(path, opts.Readers, "query_only(1)"); err != nil {
		return nil, errors.Join(fmt.Errorf("state %s: %w", path, err), s.writer.Close())
	}
	if err := s.migrate(ctx, !exists); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends all connections, after the calls under way.
func (s *Store) Close() error {
	if err := errors.Join(s.reader.Close(), s.writer.Close()); err != nil {
		return fmt.Errorf("close state %s: %w", s.path, err)
	}
	return nil
}

// locate makes the directory and returns the one name of the file that all who
// open it agree on, since SQLite's log and our lock stand beside it under names
// made from it. The file itself must not be opened here: closing it would drop
// the locks that another Store of this process holds on it.
func locate(path string) (name string, exists bool, err error) {
	if name, err = filepath.Abs(path); err != nil {
		return "", false, unreadableFile(path, err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return "", false, unreadableFile(name, err)
	}
	_, err = os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		dir, err := filepath.EvalSymlinks(filepath.Dir(name))
		if err != nil {
			return "", false, unreadableFile(name, err)
		}
		return filepath.Join(dir, filepath.Base(name)), false, nil
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return "", false, unreadableFile(path, err)
	}
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a file")
	}
	if err != nil {
		return "", false, unreadableFile(name, err)
	}
	return name, true, nil
}

// connect makes a pool of at most size connections, each with the pragmas. It
// doesn't touch the file yet.
func connect(path string, size int, pragmas ...string) (*sql.DB, error) {
	query := url.Values{
		"_txlock": {"immediate"},
		"_dqs":    {"0"}, // "x" is a name, never a text
		"_pragma": append([]string{
			"busy_timeout(" + strconv.FormatInt(lockWait.Milliseconds(), 10) + ")",
			"foreign_keys(1)",
		}, pragmas...),
	}
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}
	connector, err := sqlite.NewConnector(name.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}
