package athena

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"waybill/internal/sandbox"
	"waybill/internal/sqltype"
	"waybill/runner/engine/duckdb"
)

const (
	engineMemory  = 512 << 20
	engineThreads = 2
	catalogName   = "awsdatacatalog"
)

// An engine is a database for one query: it holds the tables that the query
// names and nothing else.
type engine struct {
	db   *sql.DB
	conn *sql.Conn
	q    *query
	cols []column
	tree *tree
	// scanned is the size of the tables' files, in bytes.
	scanned int64
}

// An environment is what a query may see.
type environment struct {
	config    *sandbox.Config
	objects   *objects
	principal *sandbox.Principal
	region    string
	database  string // that plain table names are in
	dir       string // for the results; the engine may write there
	cutoff    int64  // bytes that may be scanned; 0: any number
}

// openEngine starts a database, resolves the query's tables and checks its
// types. The error is a *failure if the query is at fault.
func openEngine(ctx context.Context, q *query, env environment) (_ *engine, err error) {
	e := &engine{q: q}
	spill := filepath.Join(env.dir, "spill")
	if err := os.MkdirAll(spill, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for the query: %w", err)
	}
	e.db, err = duckdb.Open(ctx, duckdb.Options{TempDir: spill, Dirs: []string{env.dir, env.objects.dir, env.config.Dir},
		MemoryLimit: engineMemory, Threads: engineThreads, Unlocked: true})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if e.conn, err = e.db.Conn(ctx); err != nil {
		return nil, err
	}
	if err := e.prepare(ctx, env); err != nil {
		return nil, err
	}
	if e.cols, err = e.describe(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *engine) close() error {
	var err error
	if e.conn != nil {
		err = e.conn.Close()
	}
	return errors.Join(err, e.db.Close())
}

func (e *engine) exec(ctx context.Context, statement string) error {
	_, err := e.conn.ExecContext(ctx, statement)
	return err
}

func (e *engine) prepare(ctx context.Context, env environment) error {
	var answer string
	if err := e.conn.QueryRowContext(ctx, "SELECT CAST(json_serialize_sql("+duckdb.Literal(e.q.body.String())+") AS VARCHAR)").Scan(&answer); err != nil {
		return e.q.failed(err, 0)
	}
	t, syntax, err := parseTree(answer)
	if err != nil {
		return err
	}
	if syntax != nil {
		return e.q.syntax(*syntax)
	}
	e.tree = t
	if f := e.q.vet(t); f != nil {
		return f
	}
	if err := e.exec(ctx, "SET integer_division = true"); err != nil {
		return err
	}
	for _, m := range macros {
		if err := e.exec(ctx, "CREATE MACRO "+m); err != nil {
			return fmt.Errorf("define the function %s: %w", m, err)
		}
	}
	if err := e.attach(ctx, env); err != nil {
		return err
	}
	path := fmt.Sprintf("%s.%s,memory.main", catalogName, duckdb.Ident(env.database))
	for _, s := range []string{"SET search_path = " + duckdb.Literal(path), "SET lock_configuration = true"} {
		if err := e.exec(ctx, s); err != nil {
			return fmt.Errorf("set the engine up: %w", err)
		}
	}
	return nil
}

func (q *query) syntax(e engineError) *failure {
	offset, ok := e.offset()
	if !ok {
		offset = 0
	}
	return q.at(q.body.source(offset), "%s", q.wording(e))
}

// failed translates an error of the engine; a cancelled query is none of it.
func (q *query) failed(err error, shift int) error {
	if errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "INTERRUPT") {
		return context.Canceled
	}
	return q.translate(err, shift)
}

// vet refuses functions that reach out of the query.
func (q *query) vet(t *tree) *failure {
	for _, f := range t.functions {
		name := strings.ToLower(f.name)
		if slices.Contains(hiddenFunctions, name) || f.table && !slices.Contains(tableFunctions, name) {
			return q.at(q.body.source(f.at), "FUNCTION_NOT_FOUND: Function '%s' not registered", name)
		}
	}
	return nil
}

// attach makes the tables that the query names, as views over their files.
func (e *engine) attach(ctx context.Context, env environment) error {
	setup := []string{"ATTACH ':memory:' AS " + catalogName, "CREATE SCHEMA IF NOT EXISTS " + catalogName + "." + duckdb.Ident(env.database)}
	done := map[string]bool{}
	for _, ref := range e.tree.tables {
		t, err := e.q.resolve(ref, env)
		if err != nil {
			return err
		}
		id := t.Database + "." + t.Name
		if done[id] {
			continue
		}
		done[id] = true
		view, err := e.view(ctx, t, env)
		if err != nil {
			return err
		}
		setup = append(setup, "CREATE SCHEMA IF NOT EXISTS "+catalogName+"."+duckdb.Ident(t.Database), view)
	}
	for _, s := range setup {
		if err := e.exec(ctx, s); err != nil {
			parsed := parseEngineError(err)
			return userFailure(typeSyntax, "HIVE_BAD_DATA: %s", firstLine(parsed.Message))
		}
	}
	if env.cutoff > 0 && e.scanned > env.cutoff {
		return errScanLimit
	}
	return nil
}

var errScanLimit = errors.New("bytes scanned limit was exceeded")

// resolve finds the declared table that a reference names.
func (q *query) resolve(ref tableRef, env environment) (sandbox.Table, error) {
	database, at := strings.ToLower(ref.schema), q.body.source(ref.at)
	if ref.catalog != "" && !strings.EqualFold(ref.catalog, catalogName) {
		return sandbox.Table{}, q.at(at, "CATALOG_NOT_FOUND: Catalog '%s' does not exist", strings.ToLower(ref.catalog))
	}
	if database == "" {
		database = env.database
	}
	known := false
	for _, t := range env.config.Tables {
		known = known || t.Database == database
		if t.Database == database && strings.EqualFold(t.Name, ref.name) {
			return t, env.mayRead(t)
		}
	}
	if !known && database != "default" {
		return sandbox.Table{}, q.at(at, "SCHEMA_NOT_FOUND: Schema '%s' does not exist", database)
	}
	return sandbox.Table{}, q.at(at, "TABLE_NOT_FOUND: Table '%s.%s.%s' does not exist", catalogName, database, strings.ToLower(ref.name))
}

// mayRead asks the caller's policies for the Glue permissions that Athena needs
// to look a table up.
func (env environment) mayRead(t sandbox.Table) error {
	prefix := fmt.Sprintf("arn:aws:glue:%s:%s:", env.region, env.principal.Account)
	for _, resource := range []string{"catalog", "database/" + t.Database, "table/" + t.Database + "/" + t.Name} {
		if ok, explicit := env.principal.Allowed("glue:GetTable", prefix+resource); !ok {
			return userFailure(typePermission, "Insufficient permissions to execute the query.  %s", deniedText(env.principal, "glue:GetTable", prefix+resource, explicit))
		}
	}
	return nil
}

func (e *engine) view(ctx context.Context, t sandbox.Table, env environment) (string, error) {
	paths, size, err := tableFiles(ctx, t, env)
	if err != nil {
		return "", err
	}
	e.scanned += size
	name := fmt.Sprintf("%s.%s.%s", catalogName, duckdb.Ident(t.Database), duckdb.Ident(t.Name))
	if len(paths) == 0 {
		return emptyView(name, t)
	}
	list := make([]string, len(paths))
	for i, p := range paths {
		list[i] = duckdb.Literal(p)
	}
	files := "[" + strings.Join(list, ", ") + "]"
	if t.Format == "parquet" {
		return "CREATE VIEW " + name + " AS SELECT * FROM read_parquet(" + files + ", union_by_name = true)", nil
	}
	options := fmt.Sprintf(", header = %t, allow_quoted_nulls = false", t.Header)
	if len(t.Columns) > 0 {
		spec, err := columnSpec(t.Columns, func(name, duck string) string { return duckdb.Literal(name) + ": " + duckdb.Literal(duck) })
		if err != nil {
			return "", err
		}
		options += ", auto_detect = false, delim = ',', quote = '\"', escape = '\"', columns = {" + spec + "}"
	}
	return "CREATE VIEW " + name + " AS SELECT * FROM read_csv(" + files + options + ")", nil
}

func columnSpec(columns []sandbox.Column, spec func(name, duck string) string) (string, error) {
	parts := make([]string, len(columns))
	for i, c := range columns {
		duck, err := sqltype.ToDuck(c.Type)
		if err != nil {
			return "", userFailure(typeSyntax, "HIVE_INVALID_METADATA: column %s: %v", c.Name, err)
		}
		parts[i] = spec(c.Name, duck)
	}
	return strings.Join(parts, ", "), nil
}

// emptyView is a table without data, which only its declared columns describe.
func emptyView(name string, t sandbox.Table) (string, error) {
	if len(t.Columns) == 0 {
		return "", userFailure(typeSyntax, "HIVE_METASTORE_ERROR: table %s.%s has no data and no declared columns", t.Database, t.Name)
	}
	spec, err := columnSpec(t.Columns, func(name, duck string) string { return "CAST(NULL AS " + duck + ") AS " + duckdb.Ident(name) })
	if err != nil {
		return "", err
	}
	return "CREATE VIEW " + name + " AS SELECT " + spec + " WHERE false", nil
}

func tableFiles(ctx context.Context, t sandbox.Table, env environment) (paths []string, size int64, err error) {
	if t.Location != "" {
		return env.objects.data(ctx, t.Location)
	}
	for _, pattern := range t.Files {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, 0, fmt.Errorf("find the files of %s.%s: %w", t.Database, t.Name, err)
		}
		for _, path := range found {
			info, err := os.Stat(path)
			if err != nil {
				return nil, 0, fmt.Errorf("find the files of %s.%s: %w", t.Database, t.Name, err)
			}
			size += info.Size()
			paths = append(paths, path)
		}
	}
	return paths, size, nil
}

const describePrefix = "DESCRIBE "

// describe gives the result's columns, with the names and types that Athena
// gives them.
func (e *engine) describe(ctx context.Context) ([]column, error) {
	rows, err := e.conn.QueryContext(ctx, describePrefix+e.q.body.String())
	if err != nil {
		return nil, e.q.failed(err, len(describePrefix))
	}
	defer rows.Close()
	var names []string
	var out []column
	for rows.Next() {
		var name, duck string
		var null, key, def, extra sql.NullString
		if err := rows.Scan(&name, &duck, &null, &key, &def, &extra); err != nil {
			return nil, fmt.Errorf("describe the result: %w", err)
		}
		c := column{duck: duck}
		ok := false
		if c.typ, ok = sqltype.ToAthena(duck); !ok {
			return nil, e.q.at(0, "NOT_SUPPORTED: column %s has type %s, which the sandbox can't give", name, strings.ToLower(duck))
		}
		if duck == "HUGEINT" { // Trino sums integers to bigint
			c.typ = "bigint"
		}
		names, out = append(names, name), append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, e.q.failed(err, len(describePrefix))
	}
	labels, _ := e.tree.names(names)
	for i := range out {
		out[i].name = labels[i]
	}
	return out, nil
}

// aliased is the query with columns c0, c1, …, whatever it calls them.
func (e *engine) aliased() string {
	names := make([]string, len(e.cols))
	for i := range names {
		names[i] = fmt.Sprintf("c%d", i)
	}
	return "(\n" + e.q.body.String() + "\n) AS result(" + strings.Join(names, ", ") + ")"
}

// asText selects the result's columns as Athena writes them into CSV.
func (e *engine) asText() string {
	parts := make([]string, len(e.cols))
	for i, c := range e.cols {
		parts[i] = textOf(e.cast(i), c.typ, 0) + " AS " + duckdb.Ident(c.name)
	}
	return "SELECT " + strings.Join(parts, ", ") + " FROM " + e.aliased()
}

func (e *engine) cast(i int) string {
	name := fmt.Sprintf("c%d", i)
	if e.cols[i].duck == "HUGEINT" {
		return "CAST(" + name + " AS BIGINT)"
	}
	return name
}

// copyCSV writes the rows of an SQL text, quoted as Athena quotes, and returns
// their number. The header is ours: the engine would number equal names.
func (e *engine) copyCSV(ctx context.Context, sql, path string, cols []column) (int64, error) {
	rows, err := e.copy(ctx, sql, path+".rows", "FORMAT csv, HEADER false, FORCE_QUOTE *, NULLSTR ''")
	if err != nil {
		return 0, err
	}
	header := make([]string, len(cols))
	for i, c := range cols {
		header[i] = duckdb.Ident(c.name)
	}
	return rows, withHeader(path, path+".rows", strings.Join(header, ",")+"\n")
}

// withHeader writes a line and then a file, which it removes.
func withHeader(path, rest, line string) (err error) {
	in, err := os.Open(rest)
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close(), os.Remove(rest)) }()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err = out.WriteString(line); err == nil {
		_, err = io.Copy(out, in)
	}
	return err
}

// unloadFileSize is about where one file of UNLOAD ends and the next begins.
const unloadFileSize = 16 << 20

// copyParquet writes the result to Parquet files in a new directory and returns
// the number of rows.
func (e *engine) copyParquet(ctx context.Context, dir string) (int64, error) {
	parts := make([]string, len(e.cols))
	for i, c := range e.cols {
		parts[i] = e.cast(i) + " AS " + duckdb.Ident(c.name)
	}
	return e.copy(ctx, "SELECT "+strings.Join(parts, ", ")+" FROM "+e.aliased(), dir,
		fmt.Sprintf("FORMAT parquet, COMPRESSION '%s', FILE_SIZE_BYTES %d", e.q.compression, unloadFileSize))
}

func (e *engine) copy(ctx context.Context, query, path, options string) (int64, error) {
	res, err := e.conn.ExecContext(ctx, "COPY ("+query+") TO "+duckdb.Literal(path)+" ("+options+")")
	if err != nil {
		return 0, e.q.failed(err, 1<<30)
	}
	return res.RowsAffected()
}
