package encode

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/xitongsys/parquet-go/parquet"
)

// indexDeviation refuses a file whose page index leads elsewhere than to its
// pages. Some writers get that wrong, and Athena and Spark refuse such files
// though all else in them is right. Our own files have none.
func indexDeviation(path string, groups []*parquet.RowGroup) string {
	f, err := os.Open(path)
	if err != nil {
		return "it cannot be read"
	}
	defer f.Close() //nolint:errcheck // only read
	for _, g := range groups {
		for _, c := range g.Columns {
			if c.OffsetIndexOffset == nil {
				continue
			}
			if err := checkIndex(f, c, g.NumRows); err != nil {
				return fmt.Sprintf("its page index is wrong: %v", err)
			}
		}
	}
	return ""
}

// maxIndex bounds the index of one column in one row group: a million pages.
const maxIndex = 16 << 20

// checkIndex follows the index of a chunk: its pages must follow each other
// without a gap, from the first one that the footer names to the chunk's end.
func checkIndex(f *os.File, c *parquet.ColumnChunk, rows int64) error {
	n := c.GetOffsetIndexLength()
	if n <= 0 || n > maxIndex {
		return fmt.Errorf("it claims %d bytes", n)
	}
	data := make([]byte, n)
	if _, err := f.ReadAt(data, *c.OffsetIndexOffset); err != nil {
		return err
	}
	index := parquet.NewOffsetIndex()
	protocol := thrift.NewTCompactProtocolConf(thrift.NewStreamTransportR(bytes.NewReader(data)), nil)
	if err := index.Read(context.Background(), protocol); err != nil {
		return err
	}
	m := c.MetaData
	end := m.DataPageOffset + m.TotalCompressedSize
	if d := m.DictionaryPageOffset; d != nil && *d < m.DataPageOffset {
		end = *d + m.TotalCompressedSize
	}
	next, row := m.DataPageOffset, int64(-1)
	for i, p := range index.PageLocations {
		if p.Offset != next || p.CompressedPageSize <= 0 || p.FirstRowIndex <= row || p.FirstRowIndex >= rows || i == 0 && p.FirstRowIndex != 0 {
			return fmt.Errorf("page %d is not where it says", i+1)
		}
		next, row = p.Offset+int64(p.CompressedPageSize), p.FirstRowIndex
	}
	if next != end {
		return fmt.Errorf("it ends %d bytes off the data's end", next-end)
	}
	return nil
}
