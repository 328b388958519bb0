// This program made the Parquet files beside its directory, with a writer that
// the module does not depend on: with what other writers than ours do. It was
// run in a module of its own that requires github.com/xitongsys/parquet-go.
package main

import (
	"context"
	"encoding/binary"
	"log"
	"os"
	"strings"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/xitongsys/parquet-go/parquet"
	"github.com/xitongsys/parquet-go/types"
	"github.com/xitongsys/parquet-go/writer"
)

// A timestamp as Athena's UNLOAD writes it.
type int96 struct {
	ID *int64  `parquet:"name=id, type=INT64"`
	At *string `parquet:"name=at, type=INT96"`
}

type millis struct {
	At *int64 `parquet:"name=at, type=INT64, logicaltype=TIMESTAMP, logicaltype.isadjustedtoutc=false, logicaltype.unit=MILLIS"`
}

// A column without NULL.
type required struct {
	ID int64 `parquet:"name=id, type=INT64"`
}

// What another writer writes in its own way, and means the same: no annotation
// of whole numbers, decimals in as few bytes as they need.
type plain struct {
	ID    *int64  `parquet:"name=id, type=INT64"`
	Name  *string `parquet:"name=name, type=BYTE_ARRAY, convertedtype=UTF8"`
	Price *int64  `parquet:"name=price, type=INT64, convertedtype=DECIMAL, scale=2, precision=12"`
	Long  *string `parquet:"name=long, type=FIXED_LEN_BYTE_ARRAY, convertedtype=DECIMAL, scale=2, precision=20, length=9"`
}

func main() {
	one, two, name, price, long := int64(1), int64(2), "x", int64(100), strings.Repeat("\x00", 8)+"d"
	at := types.TimeToINT96(time.Date(2026, 1, 31, 9, 0, 0, 123456000, time.UTC))
	write("int96.parquet", int96{&one, &at}, int96{&two, nil})
	write("millis.parquet", millis{&one})
	write("required.parquet", required{1})
	write("plain.parquet", plain{&one, &name, &price, &long})
	// The page index of this writer is wrong, which one file is to show.
	write("index.parquet", plain{&one, &name, &price, &long})
	write("indexed.parquet", plain{&one, &name, &price, &long})
	for _, path := range []string{"int96.parquet", "millis.parquet", "required.parquet", "plain.parquet"} {
		index(path, nil)
	}
	index("indexed.parquet", func(m *parquet.ColumnMetaData) *parquet.OffsetIndex {
		return &parquet.OffsetIndex{PageLocations: []*parquet.PageLocation{{Offset: m.DataPageOffset, CompressedPageSize: int32(m.TotalCompressedSize)}}}
	})
}

// index replaces the page index of a file: by none, or by that of columns with
// one page each.
func index(path string, of func(*parquet.ColumnMetaData) *parquet.OffsetIndex) {
	data, err := os.ReadFile(path)
	check(err)
	size := int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	at := len(data) - 8 - size
	m := parquet.NewFileMetaData()
	ctx, buffer := context.Background(), thrift.NewTMemoryBuffer()
	_, err = buffer.Write(data[at : len(data)-8])
	check(err)
	check(m.Read(ctx, thrift.NewTCompactProtocolConf(buffer, nil)))
	data = data[:at]
	for _, g := range m.RowGroups {
		for _, c := range g.Columns {
			c.OffsetIndexOffset, c.OffsetIndexLength, c.ColumnIndexOffset, c.ColumnIndexLength = nil, nil, nil, nil
			if of == nil {
				continue
			}
			offset, part := int64(len(data)), thrift.NewTMemoryBuffer()
			check(of(c.MetaData).Write(ctx, thrift.NewTCompactProtocolConf(part, nil)))
			length := int32(part.Len())
			data = append(data, part.Bytes()...)
			c.OffsetIndexOffset, c.OffsetIndexLength = &offset, &length
		}
	}
	out := thrift.NewTMemoryBuffer()
	check(m.Write(ctx, thrift.NewTCompactProtocolConf(out, nil)))
	data = append(data, out.Bytes()...)
	data = binary.LittleEndian.AppendUint32(data, uint32(out.Len()))
	check(os.WriteFile(path, append(data, "PAR1"...), 0o600))
}

func write[T any](path string, rows ...T) {
	f, err := os.Create(path)
	check(err)
	w, err := writer.NewParquetWriterFromWriter(f, new(T), 1)
	check(err)
	w.CompressionType = parquet.CompressionCodec_ZSTD
	zone := "UTC"
	w.Footer.KeyValueMetadata = []*parquet.KeyValue{{Key: "writer.time.zone", Value: &zone}}
	for _, r := range rows {
		check(w.Write(r))
	}
	check(w.WriteStop())
	check(f.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
