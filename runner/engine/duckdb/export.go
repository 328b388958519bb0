package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

// Export writes a relation as one finished, verified file. Until it is both,
// it has another name; on failure nothing is left. See engine.Job.
func (d *Database) Export(ctx context.Context, e engine.Export) (engine.Exported, error) {
	schema, err := d.schema(e.Relation)
	if err != nil {
		return engine.Exported{}, err
	}
	if err := e.Format.Check(); err != nil {
		return engine.Exported{}, err
	}
	if err := d.writable(e.Path); err != nil {
		return engine.Exported{}, err
	}
	query, err := exportQuery(e, schema)
	if err != nil {
		return engine.Exported{}, err
	}
	out, err := d.export(ctx, e, query, schema)
	if p := notFiniteProblem(err, e.Relation, schema); p != nil {
		return engine.Exported{}, p
	}
	return out, d.explain(err, e.Relation, "")
}

func (d *Database) export(ctx context.Context, e engine.Export, query string, schema dataset.Schema) (_ engine.Exported, err error) {
	copied, finished := partial(e.Path, "copied"), partial(e.Path, "finished")
	defer func() { err = errors.Join(err, remove(copied), remove(finished)) }()
	if err := errors.Join(remove(copied), remove(finished)); err != nil {
		return engine.Exported{}, err
	}
	rows, err := d.copy(ctx, e.Format.CopySQL(query, copied), e.Progress)
	if err != nil {
		return engine.Exported{}, err
	}
	work := encode.Work{Copied: copied, Finished: finished, Relation: e.Relation, Schema: schema, Rows: rows, Entry: e.Entry,
		Read: d.stagedRows(copied, len(schema), rows)}
	sealed, err := e.Format.Finish(ctx, work)
	if err != nil {
		return engine.Exported{}, err
	}
	if err := publishFile(finished, e.Path); err != nil {
		return engine.Exported{}, err
	}
	return engine.Exported{Size: sealed.Size, Rows: rows, SHA256: sealed.SHA256, Schema: schema}, nil
}

// writable makes sure that a path is in one of the job's directories.
func (d *Database) writable(path string) error {
	inside := func(dir string) bool {
		rel, err := filepath.Rel(dir, path)
		return err == nil && filepath.IsLocal(rel) && rel != "."
	}
	if filepath.IsAbs(path) && slices.ContainsFunc(append([]string{d.dir}, d.writeDirs...), inside) {
		return nil
	}
	return problem.New("internal", fmt.Sprintf("The compute job may not write %s.", path), nil)
}

// partial names an unfinished file beside path. It begins with a dot and can
// be taken for nothing else.
func partial(path, stage string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+stage)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// publishFile gives a durable file its name, durably.
func publishFile(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// exportQuery selects a relation's rows in the order that was asked for.
func exportQuery(e engine.Export, schema dataset.Schema) (string, error) {
	query := "SELECT " + strings.Join(adapted(e.Format, schema), ", ") + " FROM " + Ident(e.Relation)
	if len(e.OrderBy) == 0 {
		return query, nil
	}
	order, err := orderTerms(e.Relation, e.OrderBy, schema)
	return query + " ORDER BY " + strings.Join(order, ", "), err
}

// orderTerms are the terms of an ORDER BY over a relation.
func orderTerms(relation string, orderBy []string, schema dataset.Schema) ([]string, error) {
	order := make([]string, len(orderBy))
	for i, o := range orderBy {
		at, name, descending := schema.Order(o)
		if at < 0 {
			return nil, unknownColumn("order_by", relation, name, schema)
		}
		direction := ""
		if descending {
			direction = " DESC"
		}
		order[i] = Ident(relation) + "." + Ident(schema[at].Name) + direction + " NULLS LAST"
	}
	return order, nil
}

func unknownColumn(attr, relation, name string, schema dataset.Schema) error {
	names := make([]string, len(schema))
	for i, c := range schema {
		names[i] = c.Name
	}
	return problem.New("column-not-found", fmt.Sprintf("%s: %s has no column %q.%s", attr, relation, name, diag.Suggest(name, names)), nil)
}

// copy executes a COPY statement and returns its own count of rows.
func (d *Database) copy(ctx context.Context, statement string, progress func(float64)) (int64, error) {
	stop := d.watch(progress)
	result, err := d.conn.ExecContext(ctx, statement)
	stop()
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// progressEvery is how often a running COPY is asked how far it is.
const progressEvery = 250 * time.Millisecond

// watch reports the running statement's progress until the returned function
// is called, which waits for the last report.
func (d *Database) watch(progress func(float64)) (stop func()) {
	handle, ok := nativeHandle(d.conn)
	if progress == nil || !ok {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				state := mapping.QueryProgress(handle)
				if percent, _, _ := mapping.QueryProgressTypeMembers(&state); percent >= 0 {
					progress(min(percent, 100))
				}
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// frozenName is the file that Freeze writes.
const frozenName = "part-0000001.parquet"

// Freeze writes a relation to a Parquet file below dir and from then on reads
// it from there. See engine.Job.
func (d *Database) Freeze(ctx context.Context, name, dir string) (dataset.Dataset, error) {
	path := filepath.Join(dir, frozenName)
	if err := d.writable(path); err != nil {
		return dataset.Dataset{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dataset.Dataset{}, fileProblem(err, name)
	}
	out, err := d.Export(ctx, engine.Export{Relation: name, Path: path, Format: encode.Default(encode.Parquet)})
	if err != nil {
		return dataset.Dataset{}, err
	}
	ds := dataset.Dataset{Dir: dir, Format: dataset.Parquet, Schema: out.Schema, Rows: out.Rows,
		Files: []dataset.File{{Name: frozenName, Size: out.Size, Rows: out.Rows}}}
	if _, err := d.Attach(ctx, name, ds); err != nil {
		return dataset.Dataset{}, err
	}
	return ds, nil
}
