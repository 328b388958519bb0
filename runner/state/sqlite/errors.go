package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"golang.org/x/sys/unix"
	"waybill/internal/problem"
	"waybill/runner/state"
)

// primary returns SQLite's primary result code of err, 0 if it has none. The
// extended code, which tells causes apart, is in the upper bytes.
func primary(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// isBusy reports whether another process held the lock that was needed.
func isBusy(err error) bool {
	code := primary(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// isTaken reports whether a row with the same key exists.
func isTaken(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) &&
		(e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}

// isDangling reports whether a row refers to one that doesn't exist.
func isDangling(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}

// explain makes of an error what callers of the store may see: the two answers
// of package state, the context's own error, or a problem. op says what failed.
func (s *Store) explain(ctx context.Context, op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, state.ErrNotFound), errors.Is(err, state.ErrConflict), problem.As(err) != nil:
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	if p := s.problemOf(err); p != nil {
		return p
	}
	return fmt.Errorf("state: %s: %w", op, err)
}

// problemOf explains what SQLite says about the file or the disk; nil if err
// isn't about them.
func (s *Store) problemOf(err error) *problem.Problem {
	explained := func(code, format, cause string) *problem.Problem {
		p := problem.New(code, fmt.Sprintf(format, s.path), err)
		p.Cause = cause
		return p
	}
	switch primary(err) {
	case sqlite3.SQLITE_FULL:
		return explained("disk-full", "there is no room to write the state %s",
			"The disk, or the quota on it, is full. What was written before is intact.")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return explained("state-busy", "the state %s stayed locked for too long",
			"Another process holds its write lock: another waybill that is stuck, a backup, or a database shell with an open transaction.")
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return explained("state-readonly", "the state %s cannot be written",
			"The file, its directory, or the file system lets this user read only; SQLite writes two more files beside it.")
	case sqlite3.SQLITE_NOTADB:
		return explained("state-unreadable", "the file %s is not a waybill state", "It is no SQLite database.")
	case sqlite3.SQLITE_CORRUPT:
		return explained("state-unreadable", "the state %s is damaged",
			"Its contents contradict each other: a failing disk, or something other than waybill wrote to the file.")
	case sqlite3.SQLITE_CANTOPEN:
		return explained("state-unreadable", "the state %s cannot be opened",
			"The file, or one of the two that SQLite keeps beside it, cannot be opened or made.")
	case sqlite3.SQLITE_IOERR:
		if noRoom(filepath.Dir(s.path)) { // SQLite's shared memory reports a full disk like this
			return explained("disk-full", "there is no room to write the state %s", "The disk is full. What was written before is intact.")
		}
		return explained("state-unreadable", "the state %s cannot be read or written", "The disk or the file system reports an error.")
	}
	return nil
}

// noRoom reports whether the disk that a directory is on is as good as full.
func noRoom(dir string) bool {
	const little = 1 << 20
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Bavail*uint64(st.Bsize) < little
}

// unreadableFile explains why there is no file to work with.
func unreadableFile(path string, err error) *problem.Problem {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return problem.New("disk-full", fmt.Sprintf("there is no room to make the state %s", path), err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return problem.New("state-readonly", fmt.Sprintf("the state %s cannot be written", path), err)
	}
	return problem.New("state-unreadable", fmt.Sprintf("the state %s cannot be opened", path), err)
}
