package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/internal/problem"
	"waybill/runner/state"
)

// wantProblem checks that err is a problem with the code that names the file.
func wantProblem(t *testing.T, err error, code, path string) *problem.Problem {
	t.Helper()
	p := problem.As(err)
	if p == nil || p.Code != code {
		t.Fatalf("got error %v, want problem %s", err, code)
	}
	if !problem.Known(code) {
		t.Errorf("the catalog lacks %s", code)
	}
	if !strings.Contains(p.Summary, path) {
		t.Errorf("summary %q doesn't name %s", p.Summary, path)
	}
	return p
}

// run returns a queued run.
func run(id string) state.Run {
	return state.Run{ID: id, Pipeline: "orders", Slot: epoch, Trigger: "manual", CreatedAt: epoch}
}

func TestOpenWhatIsNoState(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		code string
	}{
		"text":          {writeFile("this is no database, but it is longer than a header"), "state-unreadable"},
		"truncated":     {truncatedState, "state-unreadable"},
		"damaged":       {damagedState, "state-unreadable"},
		"other program": {otherProgram, "state-unreadable"},
		"newer":         {newerState, "state-newer"},
		"directory":     {makeDir, "state-unreadable"},
		"dangling link": {func(t *testing.T, path string) { check(t, os.Symlink("nowhere", path)) }, "state-unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			c.make(t, path)
			before, _ := os.ReadFile(path)
			s, err := Open(t.Context(), path, Options{})
			if s != nil {
				t.Error("there is a store beside the error")
			}
			wantProblem(t, err, c.code, path)
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writeFile(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) { check(t, os.WriteFile(path, []byte(text), 0o600)) }
}

func makeDir(t *testing.T, path string) { check(t, os.Mkdir(path, 0o700)) }

// alter makes a state at path and changes its bytes.
func alter(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	closeStore(t, openStore(t, path))
	data, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(path, f(data), 0o600))
}

func truncatedState(t *testing.T, path string) {
	alter(t, path, func(data []byte) []byte { return data[:4096+100] })
}

func damagedState(t *testing.T, path string) {
	alter(t, path, func(data []byte) []byte {
		copy(data[100:], bytes.Repeat([]byte{0xee}, 512)) // the root page of the schema
		return data
	})
}

func otherProgram(t *testing.T, path string) {
	execute(t, path, `CREATE TABLE bookmarks (url TEXT)`)
}

func newerState(t *testing.T, path string) {
	closeStore(t, openStore(t, path))
	execute(t, path, `PRAGMA user_version = 99`)
}

func execute(t *testing.T, path, query string) {
	t.Helper()
	db, err := connect(path, 1)
	check(t, err)
	_, err = db.Exec(query)
	check(t, errors.Join(err, db.Close()))
}

func TestOpenNewerTellsVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	newerState(t, path)
	_, err := Open(t.Context(), path, Options{})
	p := wantProblem(t, err, "state-newer", path)
	if !strings.Contains(p.Summary, "99") {
		t.Errorf("summary %q doesn't name the version", p.Summary)
	}
}

func TestOpenBelowAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile("x")(t, file)
	_, err := Open(t.Context(), filepath.Join(file, "state.db"), Options{})
	wantProblem(t, err, "state-unreadable", file)
}

func TestOpenWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o500))
	_, err := Open(t.Context(), filepath.Join(dir, "sub", "state.db"), Options{})
	wantProblem(t, err, "state-readonly", dir)
}

func TestOpenMakesPrivateFiles(t *testing.T) {
	// The name holds what a connection string would take for something else.
	path := filepath.Join(t.TempDir(), "new", "a ?mode=memory&x=%41#é.db")
	s := openStore(t, path)
	defer closeStore(t, s)
	check(t, s.CreateRun(t.Context(), run("r")))
	for name, mode := range map[string]os.FileMode{filepath.Dir(path): fs.ModeDir | 0o700, path: 0o600, path + "-wal": 0o600} {
		info, err := os.Stat(name)
		check(t, err)
		if info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), mode)
		}
	}
}

func TestOpenThroughALinkIsTheSameState(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, filepath.Join(dir, "state.db"))
	defer closeStore(t, s)
	release, err := s.LockDaemon(t.Context())
	check(t, err)
	defer func() { check(t, release()) }()
	link := filepath.Join(dir, "link.db")
	check(t, os.Symlink("state.db", link))
	linked := openStore(t, link)
	defer closeStore(t, linked)
	_, err = linked.LockDaemon(t.Context())
	wantProblem(t, err, "state-locked", dir)
}

// TestOpenAtOnce lets many make the same new state.
func TestOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := Open(t.Context(), path, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			closeStore(t, s)
		})
	}
	all.Wait()
}

func TestDurability(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	defer closeStore(t, s)
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "fullfsync": "1"} {
		var got string
		check(t, s.writer.QueryRow(`PRAGMA `+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
	if _, err := s.reader.Exec(`DELETE FROM runs`); err == nil {
		t.Error("a reader can write")
	}
}

func TestDiskFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, path)
	defer closeStore(t, s)
	limit := func(pages string) {
		_, err := s.writer.Exec(`PRAGMA max_page_count = ` + pages)
		check(t, err)
	}
	check(t, s.CreateRun(t.Context(), run("before")))
	limit("1") // SQLite takes this as: no more than now
	err := s.SaveGeneration(t.Context(), "g", map[string][]byte{"big": make([]byte, 1<<20)}, epoch)
	p := wantProblem(t, err, "disk-full", path)
	if p.Class != problem.Transient {
		t.Errorf("class %s: it passes once there is room", p.Class)
	}
	if _, err := s.Generation(t.Context(), "g"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("got error %v: the generation is there by half", err)
	}
	_, err = s.Run(t.Context(), "before")
	check(t, err)
	limit("1000000")
	check(t, s.SaveGeneration(t.Context(), "g", map[string][]byte{"big": make([]byte, 1<<20)}, epoch))
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, path)
	defer closeStore(t, s)
	_, err := s.writer.Exec(`PRAGMA query_only = 1`)
	check(t, err)
	wantProblem(t, s.CreateRun(t.Context(), run("r")), "state-readonly", path)
}

// hold takes the write lock as a process that is stuck would.
func hold(t *testing.T, path string) (release func()) {
	t.Helper()
	db, err := connect(path, 1)
	check(t, err)
	tx, err := db.Begin()
	check(t, err)
	return func() { check(t, errors.Join(tx.Rollback(), db.Close())) }
}

func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(t.Context(), path, Options{BusyTimeout: time.Millisecond})
	check(t, err)
	defer closeStore(t, s)
	release := hold(t, path)
	p := wantProblem(t, s.CreateRun(t.Context(), run("r")), "state-busy", path)
	if p.Class != problem.Transient {
		t.Errorf("class %s, want transient", p.Class)
	}
	// Readers don't wait for a writer.
	_, err = s.Runs(t.Context(), state.Filter{})
	check(t, err)
	release()
	check(t, s.CreateRun(t.Context(), run("r")))
}

func TestBusyWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, path)
	defer closeStore(t, s)
	release := hold(t, path)
	created := make(chan error)
	go func() { created <- s.CreateRun(t.Context(), run("r")) }()
	select {
	case err := <-created:
		t.Fatalf("the lock was held, and the run was created: %v", err)
	case <-time.After(2 * lockWait): // longer than SQLite waits by itself
	}
	release()
	check(t, <-created)
}

func TestBusyEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, path)
	defer closeStore(t, s)
	release := hold(t, path)
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.CreateRun(ctx, run("r")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want %v", err, context.DeadlineExceeded)
	}
}

// TestDamageLater checks that damage found in the middle of the work is told as
// damage.
func TestDamageLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, path)
	for _, id := range []string{"a", "b", "c"} {
		check(t, s.CreateRun(t.Context(), run(id)))
	}
	var page, size int
	check(t, s.reader.QueryRow(`SELECT rootpage, (SELECT page_size FROM pragma_page_size)
		FROM sqlite_schema WHERE name = 'runs'`).Scan(&page, &size))
	closeStore(t, s)
	data, err := os.ReadFile(path)
	check(t, err)
	copy(data[(page-1)*size:], bytes.Repeat([]byte{0xee}, size))
	check(t, os.WriteFile(path, data, 0o600))

	s = openStore(t, path)
	defer closeStore(t, s)
	_, err = s.Runs(t.Context(), state.Filter{})
	wantProblem(t, err, "state-unreadable", path)
}

func TestMigrations(t *testing.T) {
	steps, err := migrationSteps()
	check(t, err)
	path := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, path)
	check(t, s.CreateRun(t.Context(), run("r")))
	closeStore(t, s)
	s = openStore(t, path) // nothing is done twice
	defer closeStore(t, s)
	_, err = s.Run(t.Context(), "r")
	check(t, err)
	version, err := s.version(t.Context(), s.writer, len(steps))
	check(t, err)
	if version != len(steps) {
		t.Errorf("version %d after %d migrations", version, len(steps))
	}
}

// TestMigrationIsWhole checks that a migration that fails leaves nothing.
func TestMigrationIsWhole(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	defer closeStore(t, s)
	steps, err := migrationSteps()
	check(t, err)
	err = s.write(t.Context(), "migrate", func(tx *sql.Tx) error {
		return upgrade(t.Context(), tx, `CREATE TABLE half (x); CREATE TABLE runs (y)`, len(steps)+1)
	})
	if err == nil {
		t.Fatal("there are two tables of one name")
	}
	var tables int
	check(t, s.reader.QueryRow(`SELECT count(*) FROM sqlite_schema WHERE name = 'half'`).Scan(&tables))
	version, err := s.version(t.Context(), s.reader, len(steps))
	check(t, err)
	if tables != 0 || version != len(steps) {
		t.Errorf("%d tables of the migration stayed, version %d", tables, version)
	}
}

func TestUseAfterClose(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	closeStore(t, s)
	if err := s.CreateRun(t.Context(), run("r")); err == nil {
		t.Error("a closed store can write")
	}
	if _, err := s.Run(t.Context(), "r"); err == nil || errors.Is(err, state.ErrNotFound) {
		t.Errorf("a closed store answers %v", err)
	}
}
