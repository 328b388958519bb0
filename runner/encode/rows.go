package encode

import (
	"context"
	"fmt"

	"waybill/internal/dataset"
	"waybill/internal/sqltype"
)

// StagedRows is how many rows a row group has in the Parquet file that stands
// for a format which DuckDB cannot write: types are exact there, and an error
// in the middle of a query is no end of rows.
const StagedRows = 8192

// staged is what COPY writes for such a format.
func staged() Format {
	return Format{Kind: Parquet, Compression: Snappy, RowGroupRows: StagedRows}
}

// IsStaged reports whether COPY writes a Parquet file instead of the format, of
// which Work.Read then hands over the rows.
func (f Format) IsStaged() bool { return f.Kind == XLSX || f.Kind == Arrow || f.Kind == Avro }

// Rows hands over the rows of a staged file one by one, in order, and holds but
// some of them in memory. A row is the function's for the length of the call. Its
// values are nil for NULL, and otherwise, by the type:
//
//	boolean                           bool
//	tinyint, smallint, integer, bigint  int64
//	real, double                      float32, float64
//	decimal                           *big.Int, without the point
//	varchar, char, json, uuid         string
//	varbinary                         []byte
//	date, time, timestamp (both)      time.Time in UTC
//	array                             []any
//	map                               []Entry, in order
//	row                               map[string]any, by field
type Rows func(ctx context.Context, each func(row []any) error) error

// An Entry is one of a map.
type Entry struct{ Key, Value any }

// trees reads the types of columns.
func trees(columns dataset.Schema) ([]sqltype.Tree, error) {
	out := make([]sqltype.Tree, len(columns))
	for i, c := range columns {
		var err error
		if out[i], err = sqltype.ParseAthena(c.Type); err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
	}
	return out, nil
}
