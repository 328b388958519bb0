package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"waybill/internal/problem"
	"waybill/runner/state"
)

// LockDaemon implements state.Store with flock(2) on a file beside the
// database: the kernel lets go of it when the process ends, however it ends.
// The file stays, since removing it would let two processes lock two files of
// one name; it holds the process id, for people and for the error message. If
// it is taken, the error is the problem state-locked, which is ErrConflict too.
func (s *Store) LockDaemon(ctx context.Context) (release func() error, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lock state: %w", err)
	}
	path := s.path + ".lock"
	// Go opens files close-on-exec, so no child process inherits the lock.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unreadableFile(path, err)
	}
	if err := s.lock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return sync.OnceValue(func() error {
		// Emptied first: once closed, the next owner may have written.
		return errors.Join(f.Truncate(0), f.Close())
	}), nil
}

// lock takes the lock and writes who has it.
func (s *Store) lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return problem.New("state-locked",
			fmt.Sprintf("another waybill daemon%s works on the state %s", holder(f), s.path), state.ErrConflict)
	}
	if err != nil {
		return unreadableFile(f.Name(), err)
	}
	if err := f.Truncate(0); err != nil {
		return unreadableFile(f.Name(), err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return unreadableFile(f.Name(), err)
	}
	return nil
}

// holder names the process that has the lock, if it has written its id already.
func holder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 32))
	pid, errPID := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || errPID != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
