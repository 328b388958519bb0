// Package duckdb is the only one that imports DuckDB, and with it the only one
// that needs cgo. It opens databases that user SQL can't escape from, vets that
// SQL, and does the work of an engine.Job inside the child process.
package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	driver "github.com/duckdb/duckdb-go/v2"
)

// Options say what a database may use. It is always in memory.
type Options struct {
	// TempDir takes the spill: a directory of the caller's own, because its
	// files are readable to SQL. Empty: nothing is spilled, and work that does
	// not fit into the memory limit fails.
	TempDir string
	// MaxTempSize bounds the spill, in bytes. 0: DuckDB's default.
	MaxTempSize int64
	// Dirs are the only directories whose files SQL can read and write,
	// symbolic links and ".." included. Absolute.
	Dirs []string
	// MemoryLimit bounds DuckDB's buffers, in bytes. 0: its default.
	MemoryLimit int64
	// Threads is the number of worker threads. 0: one for each core.
	Threads int
	// Unlocked leaves the settings open to SET. Files outside Dirs,
	// extensions and the network are out of reach all the same. It is for
	// databases whose SQL is our own or has been rewritten by us.
	Unlocked bool
	// PlainErrors keeps engine messages as DuckDB words them. Without it they
	// come as JSON with the position, which Explain takes apart.
	PlainErrors bool
}

// Open opens an in-memory database and shuts it in: the limits, extensions and
// secrets first, then access to the outside, the lock on the settings last,
// since each makes the following ones irrevocable. All connections of the
// returned pool share the database; closing the pool frees it.
func Open(ctx context.Context, o Options) (*sql.DB, error) {
	db, conn, err := open(ctx, o, nil)
	if err != nil {
		return nil, err
	}
	if err := conn.Close(); err != nil { // returns it to the pool
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// open opens a database and one connection, for which the session's statements
// are executed while settings can still be changed.
func open(ctx context.Context, o Options, session []string) (*sql.DB, *sql.Conn, error) {
	statements, err := o.settings()
	if err != nil {
		return nil, nil, err
	}
	connector, err := driver.NewConnector("", nil)
	if err != nil {
		return nil, nil, fmt.Errorf("start DuckDB: %w", err)
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("connect to DuckDB: %w", err), db.Close())
	}
	for _, s := range append(session, statements...) {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("configure DuckDB (%s): %w", s, err), conn.Close(), db.Close())
		}
	}
	return db, conn, nil
}

// settings lists the statements that Open executes, in order.
func (o Options) settings() ([]string, error) {
	dirs := make([]string, len(o.Dirs))
	for i, d := range o.Dirs {
		if !filepath.IsAbs(d) {
			return nil, fmt.Errorf("directory %q of a database is not absolute", d)
		}
		// With the final slash /data does not let /database in.
		dirs[i] = Literal(strings.TrimRight(filepath.Clean(d), "/") + "/")
	}
	out := []string{
		"SET GLOBAL autoinstall_known_extensions = false",
		"SET GLOBAL autoload_known_extensions = false",
		"SET GLOBAL allow_community_extensions = false",
		"SET GLOBAL allow_unsigned_extensions = false",
		"SET GLOBAL allow_persistent_secrets = false",
		"SET GLOBAL temp_directory = " + Literal(o.TempDir),
		// The allocator keeps what DuckDB has freed, beyond its limit, and by
		// default half a gigabyte of it for some seconds.
		"SET GLOBAL allocator_flush_threshold = '8MB'",
		"SET GLOBAL allocator_bulk_deallocation_flush_threshold = '8MB'",
		"SET GLOBAL allocator_background_threads = true",
	}
	if o.MaxTempSize > 0 {
		out = append(out, fmt.Sprintf("SET GLOBAL max_temp_directory_size = '%d bytes'", o.MaxTempSize))
	}
	if o.MemoryLimit > 0 {
		out = append(out, fmt.Sprintf("SET GLOBAL memory_limit = '%d bytes'", o.MemoryLimit))
	}
	if o.Threads > 0 {
		out = append(out, fmt.Sprintf("SET GLOBAL threads = %d", o.Threads))
	}
	if !o.PlainErrors {
		out = append(out, "SET GLOBAL errors_as_json = true")
	}
	out = append(out,
		"SET GLOBAL allowed_directories = ["+strings.Join(dirs, ", ")+"]",
		"SET GLOBAL TimeZone = 'UTC'",
		"SET GLOBAL enable_external_access = false",
	)
	if !o.Unlocked {
		out = append(out, "SET GLOBAL lock_configuration = true")
	}
	return out, nil
}

// Ident writes a name as an SQL identifier.
func Ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Literal writes a text as an SQL string.
func Literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }

// literals writes texts as an SQL list of strings.
func literals(texts []string) string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = Literal(t)
	}
	return "[" + strings.Join(out, ", ") + "]"
}
