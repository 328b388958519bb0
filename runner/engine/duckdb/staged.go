package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"waybill/internal/dataset"
	"waybill/internal/sqltype"
	"waybill/runner/encode"
)

// staging selects columns for the Parquet file of a staged format, where they
// are called c0, c1, …, so that no name of the user's meets file_row_number.
func staging(f encode.Format, schema dataset.Schema) []string {
	out := make([]string, len(schema))
	for i, c := range schema {
		out[i] = fmt.Sprintf("%s AS c%d", stagedValue(f, c), i)
	}
	return out
}

// stagedValue is a column's value as the format wants it. JSON, which the driver
// would parse, and UUIDs are texts.
func stagedValue(f encode.Format, c dataset.Column) string {
	name := Ident(c.Name)
	t, err := sqltype.ParseAthena(c.Type)
	switch plain := plainTexts(t); {
	case err != nil:
		return name
	case f.AsText(t):
		return "CAST(" + name + " AS VARCHAR)"
	case plain.Duck() != t.Duck():
		return "CAST(" + name + " AS " + plain.Duck() + ")"
	}
	return name
}

// plainTexts is a type with texts in the place of JSON and UUIDs.
func plainTexts(t sqltype.Tree) sqltype.Tree {
	if t.Name == "JSON" || t.Name == "UUID" {
		t.Name = "VARCHAR"
	}
	fields := make([]sqltype.Field, len(t.Fields))
	for i, f := range t.Fields {
		fields[i] = sqltype.Field{Name: f.Name, Type: plainTexts(f.Type)}
	}
	t.Fields = fields
	return t
}

// batchBytes is about how many bytes of a staged file are read at once: what
// database/sql returns is held in memory as a whole.
const batchBytes = 4 << 20

// stagedRows reads a staged file some rows at a time. Each query sees the end of
// its own rows or an error, so that none is lost in between.
func (d *Database) stagedRows(path string, columns int, total int64) encode.Rows {
	return func(ctx context.Context, each func([]any) error) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		paths, err := d.globSafe([]string{path})
		if err != nil {
			return err
		}
		names := make([]string, columns)
		for i := range names {
			names[i] = fmt.Sprintf("c%d", i)
		}
		query := "SELECT " + strings.Join(names, ", ") + " FROM read_parquet(" + Literal(paths[0]) + ", file_row_number = true)"
		step := min(encode.StagedRows, max(1, batchBytes*total/max(1, info.Size())))
		for first := int64(0); first < total; first += step {
			q := fmt.Sprintf("%s WHERE file_row_number >= %d AND file_row_number < %d ORDER BY file_row_number", query, first, first+step)
			if err := d.eachRow(ctx, q, columns, each); err != nil {
				return err
			}
		}
		return nil
	}
}

// eachRow hands over the rows of a query.
func (d *Database) eachRow(ctx context.Context, query string, columns int, each func([]any) error) (err error) {
	rows, err := d.conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row, into := make([]any, columns), make([]any, columns)
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range row {
			row[i] = neutral(v)
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// neutral is a value of the driver's as encode.Rows describes it.
func neutral(v any) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case duckdb.Decimal:
		return v.Value
	case []any:
		for i, e := range v {
			v[i] = neutral(e)
		}
	case map[string]any:
		for name, e := range v {
			v[name] = neutral(e)
		}
	case duckdb.OrderedMap:
		entries := make([]encode.Entry, v.Len())
		keys, values := v.Keys(), v.Values()
		for i := range entries {
			entries[i] = encode.Entry{Key: neutral(keys[i]), Value: neutral(values[i])}
		}
		return entries
	}
	return v
}
