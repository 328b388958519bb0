package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/sqltype"
)

// Attach makes a dataset readable under name. See engine.Job.
func (d *Database) Attach(ctx context.Context, name string, ds dataset.Dataset) (dataset.Schema, error) {
	schema, err := d.attach(ctx, name, ds)
	if err != nil {
		return nil, d.explain(err, name, "")
	}
	return schema, nil
}

func (d *Database) attach(ctx context.Context, name string, ds dataset.Dataset) (dataset.Schema, error) {
	if len(ds.Files) == 0 {
		return d.attachEmpty(ctx, name, ds.Schema)
	}
	paths, err := d.globSafe(ds.Paths())
	if err != nil {
		return nil, err
	}
	switch ds.Format {
	case dataset.Parquet:
		// union_by_name stays off: files of one dataset have one schema. Hive
		// partitioning too, or a directory called day=1 would become a column.
		return d.define(ctx, name, "SELECT * FROM read_parquet("+literals(paths)+", union_by_name = false, hive_partitioning = false, binary_as_string = false)", ds.Schema, nil)
	case dataset.CSV:
		return d.attachCSV(ctx, name, paths, ds)
	case dataset.NDJSON:
		return d.attachJSON(ctx, name, paths, ds.Schema)
	}
	return nil, problem.New("internal", fmt.Sprintf("%s: no format is called %q.", name, ds.Format), nil)
}

// attachEmpty makes a relation without rows. Its columns have the types of the
// schema as they are, so one view is enough.
func (d *Database) attachEmpty(ctx context.Context, name string, schema dataset.Schema) (dataset.Schema, error) {
	if len(schema) == 0 {
		return nil, problem.New("empty-schema", fmt.Sprintf("%s has no files and no columns.", name), nil)
	}
	nulls := make([]string, len(schema))
	for i, c := range schema {
		t, err := sqltype.ToDuck(c.Type)
		if err != nil {
			return nil, problem.New("transform-failed", fmt.Sprintf("%s: column %q: %v.", name, c.Name, err), err)
		}
		nulls[i] = "NULL::" + t + " AS " + Ident(c.Name)
	}
	if _, err := d.conn.ExecContext(ctx, "CREATE OR REPLACE VIEW "+Ident(name)+" AS SELECT "+strings.Join(nulls, ", ")+" WHERE false"); err != nil {
		return nil, errors.Join(err, d.forget(ctx, name))
	}
	d.schemas[strings.ToLower(name)] = schema
	return schema, nil
}

// globSafe returns paths that mean exactly themselves to DuckDB, which takes
// every path for a pattern. There is no way to quote a wildcard in a directory
// of the allow-list, so a file with one in its path is read through a symbolic
// link in the job's directory, which is the process's working directory.
func (d *Database) globSafe(paths []string) ([]string, error) {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = p
		if !strings.ContainsAny(p, `*?[]\`) {
			continue
		}
		d.links++
		// The ending is kept, because it tells DuckDB the compression.
		link := filepath.Join("links", strconv.Itoa(d.links)+safeExtension(p))
		if err := os.MkdirAll(filepath.Join(d.dir, "links"), 0o700); err != nil {
			return nil, err
		}
		if err := os.Symlink(p, filepath.Join(d.dir, link)); err != nil {
			return nil, err
		}
		if out[i] = filepath.Join(d.dir, link); strings.ContainsAny(d.dir, `*?[]\`) {
			out[i] = link
		}
	}
	return out, nil
}

func safeExtension(path string) string {
	base := filepath.Base(path)
	i := strings.IndexByte(base, '.')
	if i < 0 || strings.ContainsAny(base[i:], `*?[]\`) {
		return ""
	}
	return base[i:]
}

// maxLine bounds a record of a text file: Athena's own limit for a row is
// 32 MB. The buffer, of which there are several, must be said too, because
// DuckDB would take sixteen times the line and fail under any modest memory
// limit.
const maxLine, lineBuffer = 32 << 20, 32 << 20

// attachJSON reads NDJSON. Without declared columns every file is read once to
// find the types; map detection is off, since it depends on how many keys the
// data happens to have.
func (d *Database) attachJSON(ctx context.Context, name string, paths []string, schema dataset.Schema) (dataset.Schema, error) {
	args := fmt.Sprintf("%s, format = 'newline_delimited', hive_partitioning = false, maximum_object_size = %d", literals(paths), maxLine)
	columns := schema
	if len(schema) == 0 {
		found, err := d.describe(ctx, "FROM read_json("+args+", sample_size = -1, maximum_sample_files = 2147483647, map_inference_threshold = -1, union_by_name = true)")
		if err != nil {
			return nil, err
		}
		if columns, err = schemaOf(name, found); err != nil {
			return nil, err
		}
	}
	spec, err := columnSpec(name, columns, nil)
	if err != nil {
		return nil, err
	}
	return d.define(ctx, name, "SELECT * FROM read_json("+args+", columns = "+spec+")", columns, nil)
}

// columnSpec writes columns as DuckDB's readers want them. Those in asText are
// read as VARCHAR whatever their type is.
func columnSpec(name string, schema dataset.Schema, asText map[string]string) (string, error) {
	parts := make([]string, len(schema))
	for i, c := range schema {
		t, err := sqltype.ToDuck(c.Type)
		if err != nil {
			return "", problem.New("transform-failed", fmt.Sprintf("%s: column %q: %v.", name, c.Name, err), err)
		}
		if _, ok := asText[c.Name]; ok {
			t = "VARCHAR"
		}
		parts[i] = Literal(c.Name) + ": " + Literal(t)
	}
	return "{" + strings.Join(parts, ", ") + "}", nil
}
