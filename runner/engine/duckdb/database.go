package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	driver "github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/sqltype"
)

// A Database does the work of one engine.Job. Its methods are called one after
// the other.
//
// A relation called x is two views, or one if it has no files. rawView(x) is the file scan or the user's
// query as it is; x selects from it with every column cast to the type that
// its Athena name stands for, so that all who read x, files included, see the
// same types.
type Database struct {
	db        *sql.DB
	conn      *sql.Conn
	parse     *sql.Stmt // gives the parse tree of a text; preparing it anew takes longer than asking
	dir       string    // the job's own
	writeDirs []string  // where artifacts may go
	links     int       // number of symbolic links made so far
	schemas   map[string]dataset.Schema
}

// JobOptions are what OpenJob needs to know of a job.
type JobOptions struct {
	Dir                 string // the job's own directory, absolute
	ReadDirs, WriteDirs []string
	MemoryLimit         int64 // bytes
	Threads             int
	MaxTempSize         int64 // bytes
}

// uncounted is the part of a job's memory that is left to what DuckDB allocates
// and does not count: an eighth.
const uncounted = 8

// OpenJob opens the locked database of a job. Spill goes to Dir/spill.
func OpenJob(ctx context.Context, o JobOptions) (*Database, error) {
	spill := filepath.Join(o.Dir, "spill")
	if err := os.MkdirAll(spill, 0o700); err != nil {
		return nil, fileProblem(err, "The compute job")
	}
	db, conn, err := open(ctx, Options{
		TempDir: spill, MaxTempSize: o.MaxTempSize, MemoryLimit: o.MemoryLimit - o.MemoryLimit/uncounted, Threads: o.Threads,
		Dirs: append(append([]string{o.Dir}, o.ReadDirs...), o.WriteDirs...),
	}, progressOn)
	if err != nil {
		return nil, err
	}
	parse, err := conn.PrepareContext(ctx, "SELECT json_serialize_sql(?::VARCHAR)::VARCHAR")
	if err != nil {
		return nil, errors.Join(err, conn.Close(), db.Close())
	}
	return &Database{db: db, conn: conn, parse: parse, dir: o.Dir, writeDirs: o.WriteDirs, schemas: map[string]dataset.Schema{}}, nil
}

// progressOn has progress computed, which DuckDB does only while the progress
// bar is on, and nothing printed.
var progressOn = []string{"SET enable_progress_bar_print = false", "SET enable_progress_bar = true"}

// Close frees the database and its spill.
func (d *Database) Close() error { return errors.Join(d.parse.Close(), d.conn.Close(), d.db.Close()) }

// rawView names the view below a relation. Queries cannot name it: vetting
// lets them read relations only, and no relation has a colon.
func rawView(name string) string { return "raw:" + name }

// schema returns a relation's columns.
func (d *Database) schema(name string) (dataset.Schema, error) {
	s, ok := d.schemas[strings.ToLower(name)]
	if !ok {
		return nil, problem.New("internal", fmt.Sprintf("The compute job has no relation %q.", name), nil)
	}
	return s, nil
}

// define replaces the raw view of a relation by selectSQL, and publishes it.
// declared, if not empty, is what the relation must have. convert maps column
// names to expressions that make a value of the column. On failure the name
// stands for nothing.
func (d *Database) define(ctx context.Context, name, selectSQL string, declared dataset.Schema, convert map[string]string) (dataset.Schema, error) {
	if _, err := d.conn.ExecContext(ctx, "CREATE OR REPLACE VIEW "+Ident(rawView(name))+" AS "+selectSQL); err != nil {
		return nil, errors.Join(err, d.forget(ctx, name))
	}
	schema, err := d.publish(ctx, name, declared, convert)
	if err != nil {
		return nil, errors.Join(err, d.forget(ctx, name))
	}
	d.schemas[strings.ToLower(name)] = schema
	return schema, nil
}

func (d *Database) forget(ctx context.Context, name string) error {
	delete(d.schemas, strings.ToLower(name))
	for _, view := range []string{name, rawView(name)} {
		if _, err := d.conn.ExecContext(ctx, "DROP VIEW IF EXISTS "+Ident(view)); err != nil {
			return err
		}
	}
	return nil
}

// A column is a column of a view under DuckDB's type name.
type column struct{ name, duck string }

// describe lists the columns that a SELECT would return. It stands at the end, as
// it is, since it may end with a comment.
func (d *Database) describe(ctx context.Context, query string) (_ []column, err error) {
	rows, err := d.conn.QueryContext(ctx, "DESCRIBE "+query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var out []column
	for rows.Next() {
		var c column
		var null, key, def, extra any
		if err := rows.Scan(&c.name, &c.duck, &null, &key, &def, &extra); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// publish creates the view that everybody reads from.
func (d *Database) publish(ctx context.Context, name string, declared dataset.Schema, convert map[string]string) (dataset.Schema, error) {
	have, err := d.describe(ctx, "FROM "+Ident(rawView(name)))
	if err != nil {
		return nil, err
	}
	want := declared
	if len(want) == 0 {
		if want, err = schemaOf(name, have); err != nil {
			return nil, err
		}
	}
	selects, err := castList(name, have, want, convert)
	if err != nil {
		return nil, err
	}
	view := "CREATE OR REPLACE VIEW " + Ident(name) + " AS SELECT " + strings.Join(selects, ", ") + " FROM " + Ident(rawView(name))
	if _, err := d.conn.ExecContext(ctx, view); err != nil {
		return nil, err
	}
	return want, nil
}

// schemaOf translates the types of a view's columns.
func schemaOf(name string, have []column) (dataset.Schema, error) {
	out := make(dataset.Schema, len(have))
	for i, c := range have {
		athena, ok := sqltype.ToAthena(c.duck)
		if !ok {
			p := problem.New("transform-failed", fmt.Sprintf("%s: column %q has the type %s, which no file format and no table can hold.", name, c.name, c.duck), nil)
			p.Snippet = "CAST(" + Ident(c.name) + " AS VARCHAR)"
			p.Remedy = []string{"Convert the column in the query, for instance: " + p.Snippet + "."}
			return nil, p
		}
		out[i] = dataset.Column{Name: c.name, Type: athena}
	}
	return out, nil
}

// castList selects the wanted columns from what there is.
func castList(name string, have []column, want dataset.Schema, convert map[string]string) ([]string, error) {
	if len(have) != len(want) {
		return nil, contractBroken(name, have, want)
	}
	out := make([]string, len(want))
	for i, w := range want {
		target, err := sqltype.ToDuck(w.Type)
		if err != nil {
			return nil, problem.New("transform-failed", fmt.Sprintf("%s: column %q: %v.", name, w.Name, err), err)
		}
		at := indexOf(have, w.Name)
		if at < 0 {
			return nil, contractBroken(name, have, want)
		}
		expr := Ident(have[at].name)
		if c, ok := convert[w.Name]; ok {
			expr = c
		} else if have[at].duck != target {
			expr = "CAST(" + expr + " AS " + target + ")"
		}
		out[i] = expr + " AS " + Ident(w.Name)
	}
	return out, nil
}

func indexOf(columns []column, name string) int {
	for i, c := range columns {
		if strings.EqualFold(c.name, name) {
			return i
		}
	}
	return -1
}

func contractBroken(name string, have []column, want dataset.Schema) error {
	got := make([]string, len(have))
	for i, c := range have {
		athena, ok := sqltype.ToAthena(c.duck)
		if !ok {
			athena = c.duck
		}
		got[i] = c.name + " " + athena
	}
	return problem.New("contract-broken", fmt.Sprintf("%s brought the columns %s instead of %s.", name, strings.Join(got, ", "), want), nil)
}

// columnNames prepares a query without running it and returns its columns'
// names as they were written. Views rename the second of two equal names,
// which would hide the mistake.
func (d *Database) columnNames(ctx context.Context, query string) ([]string, error) {
	var names []string
	err := d.conn.Raw(func(raw any) error {
		stmt, err := raw.(*driver.Conn).PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		prepared := stmt.(*driver.Stmt)
		n, err := prepared.ColumnCount()
		for i := 0; err == nil && i < n; i++ {
			var name string
			name, err = prepared.ColumnName(i)
			names = append(names, name)
		}
		return errors.Join(err, stmt.Close())
	})
	return names, err
}

// nativeHandle returns DuckDB's own handle of a connection, which may be asked
// for progress while another goroutine executes a statement on it. The driver
// keeps it in a field and does not offer it; a driver without that field costs
// the progress and nothing else.
func nativeHandle(conn *sql.Conn) (handle mapping.Connection, ok bool) {
	err := conn.Raw(func(raw any) error {
		v := reflect.ValueOf(raw).Elem().FieldByName("conn")
		if !v.IsValid() || v.Kind() != reflect.Struct {
			return nil
		}
		ptr := v.FieldByName("Ptr")
		if ptr.IsValid() && ptr.Kind() == reflect.UnsafePointer {
			handle.Ptr, ok = ptr.UnsafePointer(), true
		}
		return nil
	})
	return handle, ok && err == nil
}
