package duckdb

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"waybill/internal/sqltype"
	"waybill/runner/engine"
)

// Footer reads a Parquet file's footer and nothing else of it. See engine.Job.
func (d *Database) Footer(ctx context.Context, path string) (engine.ParquetFooter, error) {
	out, err := d.footer(ctx, path)
	return out, d.explain(err, "the file", "")
}

func (d *Database) footer(ctx context.Context, path string) (out engine.ParquetFooter, err error) {
	paths, err := d.globSafe([]string{path})
	if err != nil {
		return out, err
	}
	file := Literal(paths[0])
	head := d.conn.QueryRowContext(ctx, "SELECT coalesce(created_by, ''), num_rows FROM parquet_file_metadata("+file+")")
	if err := head.Scan(&out.CreatedBy, &out.Rows); err != nil {
		return out, err
	}
	if out.RowGroups, err = d.rowGroups(ctx, file); err != nil {
		return out, err
	}
	logical, err := d.logicalTypes(ctx, file)
	if err != nil {
		return out, err
	}
	if out.Columns, err = d.leaves(ctx, file, logical); err != nil {
		return out, err
	}
	return out, d.extremes(ctx, file, out.Columns)
}

func (d *Database) rowGroups(ctx context.Context, file string) ([]engine.RowGroup, error) {
	rows, err := d.texts(ctx, "SELECT any_value(row_group_num_rows)::VARCHAR, sum(total_compressed_size)::VARCHAR FROM parquet_metadata("+file+") GROUP BY row_group_id ORDER BY row_group_id", 2)
	out := make([]engine.RowGroup, len(rows))
	for i, r := range rows {
		out[i] = engine.RowGroup{Rows: integer(r[0]), Bytes: integer(r[1])}
	}
	return out, err
}

// logicalTypes are what the leaves mean, in the order of the file: the logical
// type, or the older converted one.
func (d *Database) logicalTypes(ctx context.Context, file string) ([]string, error) {
	rows, err := d.texts(ctx, "SELECT coalesce(logical_type, converted_type, '') FROM parquet_schema("+file+") WHERE type IS NOT NULL", 1)
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = logicalText(*r[0])
	}
	return out, err
}

// logicalText shortens Thrift's way of writing a type:
// "DecimalType(scale=2, precision=12)", "StringType()".
func logicalText(s string) string {
	return strings.TrimSuffix(strings.Replace(s, "Type(", "(", 1), "()")
}

func (d *Database) leaves(ctx context.Context, file string, logical []string) ([]engine.ParquetColumn, error) {
	rows, err := d.texts(ctx, `SELECT path_in_schema, any_value(type), lower(string_agg(DISTINCT compression, ', ' ORDER BY compression)),
		sum(total_compressed_size)::VARCHAR, sum(total_uncompressed_size)::VARCHAR,
		CASE WHEN count(stats_null_count) = count(*) THEN sum(stats_null_count)::VARCHAR END
		FROM parquet_metadata(`+file+`) GROUP BY column_id, path_in_schema ORDER BY column_id`, 6)
	out := make([]engine.ParquetColumn, len(rows))
	for i, r := range rows {
		c := engine.ParquetColumn{Path: text(r[0]), Physical: text(r[1]), Compression: text(r[2]), Compressed: integer(r[3]), Uncompressed: integer(r[4])}
		if r[5] != nil {
			n := integer(r[5])
			c.Nulls = &n
		}
		if len(logical) == len(rows) {
			c.Logical = logical[i]
		}
		out[i] = c
	}
	return out, err
}

// extremes fills in the least and the greatest value of columns that are not
// nested. The statistics of each row group are texts, which are compared as
// what they stand for.
func (d *Database) extremes(ctx context.Context, file string, leaves []engine.ParquetColumn) error {
	found, err := d.describe(ctx, "FROM read_parquet("+file+", hive_partitioning = false)")
	if err != nil {
		return err
	}
	schema, err := schemaOf("the file", found)
	if err != nil {
		return err
	}
	for i := range leaves {
		at := schema.Index(leaves[i].Path)
		if at < 0 {
			continue
		}
		t, err := sqltype.ToDuck(schema[at].Type)
		if err != nil {
			return fmt.Errorf("column %q: %w", leaves[i].Path, err)
		}
		rows, err := d.texts(ctx, fmt.Sprintf(`SELECT min(TRY_CAST(stats_min_value AS %[1]s))::VARCHAR, max(TRY_CAST(stats_max_value AS %[1]s))::VARCHAR
			FROM parquet_metadata(%[2]s) WHERE path_in_schema = %[3]s`, t, file, Literal(leaves[i].Path)), 2)
		if err != nil {
			return err
		}
		leaves[i].Min, leaves[i].Max = rows[0][0], rows[0][1]
	}
	return nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// integer reads a number that DuckDB wrote.
func integer(s *string) int64 {
	n, _ := strconv.ParseInt(text(s), 10, 64) // it wrote none only where there is none
	return n
}
