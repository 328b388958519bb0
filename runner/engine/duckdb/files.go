package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/sqltype"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

// ExportFiles writes a relation as several finished, verified files. On failure
// none is left. See engine.Job.
//
// DuckDB's own FILE_SIZE_BYTES is neither exact nor a ceiling, and PARTITION_BY
// names files as it likes. So the rows are put in order once, in a staged file,
// and each artifact is one COPY of a range of it: scans skip the row groups
// outside of their range.
func (d *Database) ExportFiles(ctx context.Context, e engine.ExportFiles) (engine.Exports, error) {
	schema, err := d.schema(e.Relation)
	if err != nil {
		return engine.Exports{}, err
	}
	if err := e.Format.Check(); err != nil {
		return engine.Exports{}, err
	}
	if err := d.writable(filepath.Join(e.Dir, "part")); err != nil {
		return engine.Exports{}, err
	}
	if err := os.MkdirAll(e.Dir, 0o700); err != nil {
		return engine.Exports{}, fileProblem(err, e.Relation)
	}
	if !e.Layout.Cuts() {
		return d.exportWhole(ctx, e)
	}
	c, err := d.newCutter(e, schema)
	if err != nil {
		return engine.Exports{}, err
	}
	out, err := c.run(ctx)
	if p := notFiniteProblem(err, e.Relation, c.schema); p != nil {
		return engine.Exports{}, p
	}
	return out, d.explain(err, e.Relation, "")
}

// fileName names the artifacts in the order in which they are written.
func fileName(f encode.Format, i int) string { return fmt.Sprintf("part-%07d%s", i, f.Extensions()[0]) }

// entryOf asks for the name of the file in the archive that a file is to be;
// empty if it is to be none.
func entryOf(e engine.ExportFiles, number int, partition, name string) (string, error) {
	if !e.Format.NeedsEntry() {
		return "", nil
	}
	if e.Key != nil {
		key, err := e.Key(number, partition)
		if err != nil {
			return "", err
		}
		if key != "" {
			name = key
		}
	}
	return e.Format.EntryName(name), nil
}

// exportWhole writes one file.
func (d *Database) exportWhole(ctx context.Context, e engine.ExportFiles) (engine.Exports, error) {
	name := fileName(e.Format, 1)
	entry, err := entryOf(e, 1, "", name)
	if err != nil {
		return engine.Exports{}, err
	}
	done, err := d.Export(ctx, engine.Export{Relation: e.Relation, Path: filepath.Join(e.Dir, name), Format: e.Format, Entry: entry, OrderBy: e.OrderBy, Progress: e.Progress})
	if err != nil {
		return engine.Exports{}, err
	}
	return engine.Exports{Schema: done.Schema, Files: []engine.ExportedFile{{Name: name, Number: 1, Size: done.Size, Rows: done.Rows, SHA256: done.SHA256}}}, nil
}

// A cutter is one ExportFiles that cuts. In the staged file columns are called
// c0, c1, … and the partition's texts p0, p1, …, so that no name of the user's
// meets file_row_number.
type cutter struct {
	*Database
	engine.ExportFiles
	staged     string
	columns    dataset.Schema // of the relation
	partitions []int          // positions of the partition columns
	schema     dataset.Schema // of the files
	source     string         // SELECT of the files' columns from the staged file
	total      int64          // rows
	out        engine.Exports
}

func (d *Database) newCutter(e engine.ExportFiles, schema dataset.Schema) (*cutter, error) {
	if limit := e.Format.MaxRows(); limit > 0 && e.Layout.MaxSize > 0 && (e.Layout.MaxRows == 0 || e.Layout.MaxRows > limit) {
		e.Layout.MaxRows = limit // files are numbered, so there may be more of them
	}
	c := &cutter{Database: d, ExportFiles: e, columns: schema, staged: filepath.Join(d.dir, "staged.parquet")}
	for _, name := range e.Layout.PartitionBy {
		at := schema.Index(name)
		if at < 0 {
			return nil, unknownColumn("partition_by", e.Relation, name, schema)
		}
		if !partitions(schema[at].Type) {
			return nil, unsuitable(fmt.Sprintf("partition_by: column %q of %s has the type %s", name, e.Relation, schema[at].Type),
				"The name of a directory can hold whole and decimal numbers, texts, dates, times and booleans.", "Convert the column in a transform, or partition by another one.")
		}
		c.partitions = append(c.partitions, at)
	}
	var selects []string
	for i, column := range schema {
		if slices.Contains(c.partitions, i) {
			continue
		}
		target, err := sqltype.ToDuck(column.Type)
		if err != nil {
			return nil, err
		}
		selects = append(selects, fmt.Sprintf("CAST(c%d AS %s) AS %s", i, target, Ident(column.Name)))
		c.schema = append(c.schema, column)
	}
	if len(c.schema) == 0 {
		return nil, unsuitable(fmt.Sprintf("partition_by names every column of %s, and none is left for the files", e.Relation),
			"Partition columns stand in the names of directories and not in the files.", "Leave at least one column out of partition_by.")
	}
	c.source = "SELECT " + strings.Join(selects, ", ") + " FROM " + c.scan()
	c.out.Schema = c.schema
	return c, nil
}

func unsuitable(summary, cause, remedy string) error {
	p := problem.New("column-unsuitable", summary, nil)
	p.Cause, p.Remedy = cause, []string{remedy}
	return p
}

// partitions reports whether a type's values can name directories.
func partitions(athenaType string) bool {
	kind, _, _ := strings.Cut(athenaType, "(")
	switch kind {
	case "array", "map", "row", "varbinary", "json", "real", "double":
		return false
	}
	return true
}

func (c *cutter) scan() string {
	return "read_parquet(" + Literal(c.staged) + ", file_row_number = true)"
}

// A stretch is a partition: rows from first up to, and without, end.
type stretch struct {
	partition  string
	first, end int64
}

func (c *cutter) run(ctx context.Context) (_ engine.Exports, err error) {
	defer func() {
		err = errors.Join(err, remove(c.staged))
		for i := 1; err != nil && i <= len(c.out.Files)+1; i++ {
			_ = remove(filepath.Join(c.Dir, fileName(c.Format, i))) // the first failure counts
		}
	}()
	if err := c.stage(ctx); err != nil {
		return engine.Exports{}, err
	}
	stretches, err := c.stretches(ctx)
	if err != nil {
		return engine.Exports{}, err
	}
	for _, s := range stretches {
		if err := c.cut(ctx, s); err != nil {
			return engine.Exports{}, err
		}
	}
	if got := c.out.Rows(); got != c.total {
		return engine.Exports{}, problem.New("internal", fmt.Sprintf("the files of %s have %d rows together instead of %d", c.Relation, got, c.total), nil)
	}
	return c.out, nil
}

// stage writes all rows in their order.
func (c *cutter) stage(ctx context.Context) error {
	selects := make([]string, 0, len(c.columns)+len(c.partitions))
	for i, column := range c.columns {
		selects = append(selects, fmt.Sprintf("%s AS c%d", Ident(column.Name), i))
	}
	var order []string
	for i, at := range c.partitions {
		text := "nullif(CAST(" + Ident(c.Relation) + "." + Ident(c.columns[at].Name) + " AS VARCHAR), '')"
		selects = append(selects, fmt.Sprintf("%s AS p%d", text, i))
		order = append(order, text+" NULLS LAST")
	}
	terms, err := orderTerms(c.Relation, c.OrderBy, c.columns)
	if err != nil {
		return err
	}
	query := "SELECT " + strings.Join(selects, ", ") + " FROM " + Ident(c.Relation)
	if order = append(order, terms...); len(order) > 0 {
		query += " ORDER BY " + strings.Join(order, ", ")
	}
	f := encode.Format{Kind: encode.Parquet, Compression: encode.Snappy, RowGroupRows: c.stagedGroup()}
	if err := remove(c.staged); err != nil {
		return err
	}
	c.total, err = c.copy(ctx, f.CopySQL(query, c.staged), c.part(0, 50))
	return err
}

// Row groups of the staged file. A file's scan reads whole groups, and each
// group costs a little in the footer that every scan reads.
const minStagedGroup, maxStagedGroup = 8192, 122880

func (c *cutter) stagedGroup() int64 {
	if c.Layout.MaxRows > 0 {
		return min(max(c.Layout.MaxRows, minStagedGroup), maxStagedGroup)
	}
	return maxStagedGroup / 4
}

// part is the progress function for a part of the whole, in percents.
func (c *cutter) part(from, to float64) func(float64) {
	if c.Progress == nil {
		return nil
	}
	return func(percent float64) { c.Progress(from + (to-from)*percent/100) }
}

// stretches finds the partitions in the staged file.
func (c *cutter) stretches(ctx context.Context) ([]stretch, error) {
	if len(c.partitions) == 0 {
		return []stretch{{first: 0, end: c.total}}, c.checkCount([]stretch{{end: c.total}})
	}
	columns := make([]string, len(c.partitions))
	names := make([]string, len(c.partitions))
	for i, at := range c.partitions {
		columns[i], names[i] = fmt.Sprintf("p%d", i), c.columns[at].Name
	}
	query := fmt.Sprintf("SELECT %s, CAST(min(file_row_number) AS VARCHAR), CAST(count(*) AS VARCHAR) FROM %s GROUP BY ALL ORDER BY min(file_row_number) LIMIT %d",
		strings.Join(columns, ", "), c.scan(), engine.MaxFiles+1)
	rows, err := c.texts(ctx, query, len(columns)+2)
	if err != nil {
		return nil, err
	}
	out := make([]stretch, len(rows))
	for i, r := range rows {
		first, err := strconv.ParseInt(*r[len(columns)], 10, 64)
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(*r[len(columns)+1], 10, 64)
		if err != nil {
			return nil, err
		}
		out[i] = stretch{encode.PartitionDir(names, r[:len(columns)]), first, first + n}
	}
	return out, c.checkCount(out)
}

// checkCount refuses what would be too many files before the first is written,
// as far as that is known.
func (c *cutter) checkCount(stretches []stretch) error {
	n := int64(len(stretches))
	if c.Layout.MaxRows > 0 {
		n = 0
		for _, s := range stretches {
			n += max(1, (s.end-s.first+c.Layout.MaxRows-1)/c.Layout.MaxRows)
		}
	}
	if n > engine.MaxFiles {
		return c.tooMany()
	}
	return nil
}

func (c *cutter) tooMany() error {
	return problem.New("too-many-files", fmt.Sprintf("%s would make more than %d files of its %d rows", c.Relation, engine.MaxFiles, c.total), nil)
}
