package encode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/uuid"

	"waybill/internal/dataset"
	"waybill/internal/sqltype"
)

// The two containers of Arrow IPC.
const (
	ArrowFile   = "file"   // with a footer, for random access
	ArrowStream = "stream" // to be read from its beginning
)

// A batch is written when it has so many rows, or bytes of texts.
const batchRows, batchBytes = 65536, 16 << 20

// writeArrow writes rows as Arrow IPC. The bytes depend on the rows alone.
func writeArrow(ctx context.Context, out io.Writer, f Format, w Work) (rows int64, err error) {
	schema, err := arrowSchema(w.Schema)
	if err != nil {
		return 0, err
	}
	to, err := newBatchWriter(out, f, schema)
	if err != nil {
		return 0, fmt.Errorf("writing Arrow: %w", err)
	}
	b := &batcher{builder: array.NewRecordBuilder(memory.DefaultAllocator, schema), to: to}
	defer b.builder.Release()
	for _, field := range b.builder.Fields() {
		b.columns = append(b.columns, b.appender(field))
	}
	err = w.Read(ctx, b.add)
	if err == nil {
		err = b.flush()
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return b.rows, fmt.Errorf("writing Arrow: %w", err)
	}
	return b.rows, nil
}

// A batchWriter writes Arrow IPC.
type batchWriter interface {
	Write(arrow.RecordBatch) error
	Close() error
}

func newBatchWriter(out io.Writer, f Format, schema *arrow.Schema) (batchWriter, error) {
	options := []ipc.Option{ipc.WithSchema(schema)}
	switch f.Compression {
	case LZ4:
		options = append(options, ipc.WithLZ4())
	case Zstd:
		options = append(options, ipc.WithZstd())
	}
	if f.Container == ArrowStream {
		return ipc.NewWriter(out, options...), nil
	}
	return ipc.NewFileWriter(out, options...)
}

func arrowSchema(columns dataset.Schema) (*arrow.Schema, error) {
	types, err := trees(columns)
	if err != nil {
		return nil, err
	}
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		t, err := arrowType(types[i])
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		fields[i] = arrow.Field{Name: c.Name, Type: t, Nullable: true}
	}
	return arrow.NewSchema(fields, nil), nil
}

// arrowLeaves are the types without parts, by DuckDB's names.
var arrowLeaves = map[string]arrow.DataType{
	"BOOLEAN": arrow.FixedWidthTypes.Boolean, "TINYINT": arrow.PrimitiveTypes.Int8, "SMALLINT": arrow.PrimitiveTypes.Int16,
	"INTEGER": arrow.PrimitiveTypes.Int32, "BIGINT": arrow.PrimitiveTypes.Int64, "FLOAT": arrow.PrimitiveTypes.Float32,
	"DOUBLE": arrow.PrimitiveTypes.Float64, "VARCHAR": arrow.BinaryTypes.String, "JSON": arrow.BinaryTypes.String,
	"BLOB": arrow.BinaryTypes.Binary, "DATE": arrow.FixedWidthTypes.Date32, "TIME": arrow.FixedWidthTypes.Time64us,
	"TIMESTAMP": &arrow.TimestampType{Unit: arrow.Microsecond}, "TIMESTAMP WITH TIME ZONE": &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"},
}

func arrowType(t sqltype.Tree) (arrow.DataType, error) {
	parts := make([]arrow.DataType, len(t.Fields))
	for i, f := range t.Fields {
		var err error
		if parts[i], err = arrowType(f.Type); err != nil {
			return nil, err
		}
	}
	switch t.Name {
	case "DECIMAL":
		return &arrow.Decimal128Type{Precision: int32(t.Args[0]), Scale: int32(t.Args[1])}, nil
	case "UUID":
		return extensions.NewUUIDType(), nil
	case "LIST":
		return arrow.ListOf(parts[0]), nil
	case "MAP":
		return arrow.MapOf(parts[0], parts[1]), nil
	case "STRUCT":
		fields := make([]arrow.Field, len(parts))
		for i, p := range parts {
			fields[i] = arrow.Field{Name: t.Fields[i].Name, Type: p, Nullable: true}
		}
		return arrow.StructOf(fields...), nil
	}
	if leaf, ok := arrowLeaves[t.Name]; ok {
		return leaf, nil
	}
	return nil, fmt.Errorf("Arrow has no type for %s", t.Name)
}

// A batcher gathers rows into batches.
type batcher struct {
	builder *array.RecordBuilder
	columns []func(any)
	to      batchWriter
	rows    int64
	pending int // rows of the batch
	bytes   int // of its texts
}

func (b *batcher) add(row []any) error {
	for i, v := range row {
		b.columns[i](v)
	}
	b.rows++
	if b.pending++; b.pending < batchRows && b.bytes < batchBytes {
		return nil
	}
	return b.flush()
}

func (b *batcher) flush() error {
	if b.pending == 0 {
		return nil
	}
	batch := b.builder.NewRecordBatch()
	defer batch.Release()
	b.pending, b.bytes = 0, 0
	return b.to.Write(batch)
}

// appender appends values, as Rows describes them, to a column.
func (b *batcher) appender(to array.Builder) func(any) {
	add := b.appendValue(to)
	return func(v any) {
		if v == nil {
			to.AppendNull()
			return
		}
		add(v)
	}
}

func (b *batcher) appendValue(to array.Builder) func(any) {
	switch to := to.(type) {
	case *array.BooleanBuilder:
		return func(v any) { to.Append(v.(bool)) }
	case *array.Int8Builder:
		return func(v any) { to.Append(int8(v.(int64))) }
	case *array.Int16Builder:
		return func(v any) { to.Append(int16(v.(int64))) }
	case *array.Int32Builder:
		return func(v any) { to.Append(int32(v.(int64))) }
	case *array.Int64Builder:
		return func(v any) { to.Append(v.(int64)) }
	case *array.Float32Builder:
		return func(v any) { to.Append(v.(float32)) }
	case *array.Float64Builder:
		return func(v any) { to.Append(v.(float64)) }
	case *array.Decimal128Builder:
		return func(v any) { to.Append(decimal128.FromBigInt(v.(*big.Int))) }
	case *array.StringBuilder:
		return func(v any) { b.bytes += len(v.(string)); to.Append(v.(string)) }
	case *array.BinaryBuilder:
		return func(v any) { b.bytes += len(v.([]byte)); to.Append(v.([]byte)) }
	case *extensions.UUIDBuilder:
		return func(v any) { to.Append(uuid.MustParse(v.(string))) } // DuckDB wrote it
	case *array.Date32Builder:
		return func(v any) { to.Append(arrow.Date32(dayOf(v.(time.Time)))) }
	case *array.Time64Builder:
		return func(v any) { to.Append(arrow.Time64(microsOfDay(v.(time.Time)))) }
	case *array.TimestampBuilder:
		return func(v any) { to.Append(arrow.Timestamp(v.(time.Time).UnixMicro())) }
	}
	return b.appendNested(to)
}

func (b *batcher) appendNested(to array.Builder) func(any) {
	switch to := to.(type) {
	case *array.MapBuilder: // before the list, which it is, too
		key, item := b.appender(to.KeyBuilder()), b.appender(to.ItemBuilder())
		return func(v any) {
			to.Append(true)
			for _, e := range v.([]Entry) {
				key(e.Key)
				item(e.Value)
			}
		}
	case *array.ListBuilder:
		element := b.appender(to.ValueBuilder())
		return func(v any) {
			to.Append(true)
			for _, e := range v.([]any) {
				element(e)
			}
		}
	case *array.StructBuilder:
		names := to.Type().(*arrow.StructType).Fields()
		fields := make([]func(any), len(names))
		for i := range names {
			fields[i] = b.appender(to.FieldBuilder(i))
		}
		return func(v any) {
			to.Append(true)
			for i, f := range fields {
				f(v.(map[string]any)[names[i].Name])
			}
		}
	}
	return func(any) { to.AppendNull() } // arrowType makes no other
}

// dayOf is a date's number of days since 1970.
func dayOf(t time.Time) int64 { return floorDiv(t.Unix(), 86400) }

// microsOfDay is a time of day in microseconds.
func microsOfDay(t time.Time) int64 {
	return int64(t.Hour())*3_600_000_000 + int64(t.Minute())*60_000_000 + int64(t.Second())*1_000_000 + int64(t.Nanosecond()/1000)
}

// floorDiv rounds down, where Go rounds towards zero.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
