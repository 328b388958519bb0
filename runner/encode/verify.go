package encode

import (
	"fmt"
	"os"
	"slices"

	"github.com/xitongsys/parquet-go/common"
	"github.com/xitongsys/parquet-go/parquet"
	"github.com/xitongsys/parquet-go/reader"
	"github.com/xitongsys/parquet-go/source"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// Meant is what a finished Parquet file ought to hold.
type Meant struct {
	Schema dataset.Schema // Athena type names
	Rows   int64
	Codec  string // as Format.Compression; empty: any that is allowed
}

// readAllBelow is the uncompressed size up to which every value is read. Beyond
// it the footer must do: reading costs 3 to 4 CPU seconds per million rows.
const readAllBelow = 8 << 20

// codecs are the ones that both Athena and the reader below understand. The
// reader returns no values and no error for LZ4_RAW and BROTLI.
var codecs = map[parquet.CompressionCodec]string{
	parquet.CompressionCodec_UNCOMPRESSED: None,
	parquet.CompressionCodec_SNAPPY:       Snappy,
	parquet.CompressionCodec_GZIP:         Gzip,
	parquet.CompressionCodec_ZSTD:         Zstd,
}

// VerifyParquet reads a finished file with an implementation other than the
// one that wrote it, and compares footer, columns, types, row counts, chunk
// ranges and codecs with what was meant; of a small file it reads every
// column. What differs is a problem of code "artifact-invalid".
func VerifyParquet(path string, want Meant) (err error) {
	// The reader panics on some malformed files.
	defer func() {
		if p := recover(); p != nil {
			err = artifactInvalid(path, "the second reader cannot parse it", fmt.Errorf("%v", p))
		}
	}()
	files := &fileSet{path: path}
	defer files.closeAll()
	f, err := files.open()
	if err != nil {
		return fmt.Errorf("open the finished file: %w", err)
	}
	if err := checkMagic(f); err != nil {
		return artifactInvalid(path, err.Error(), nil)
	}
	// The footer is read twice, because the column reader renames its columns.
	footer := &reader.ParquetReader{PFile: f}
	if err := footer.ReadFooter(); err != nil {
		return artifactInvalid(path, "its footer cannot be read", err)
	}
	if err := checkFooter(footer.Footer, want, f.size); err != nil {
		return artifactInvalid(path, err.Error(), nil)
	}
	if uncompressed(footer.Footer) > readAllBelow {
		return nil
	}
	if err := checkColumns(f, footer.Footer); err != nil {
		return artifactInvalid(path, err.Error(), nil)
	}
	return nil
}

func artifactInvalid(path, what string, err error) error {
	return problem.New("artifact-invalid", fmt.Sprintf("The file %s is not as it should be: %s.", path, what), err)
}

// checkMagic looks at the four bytes at both ends and at the footer's length,
// which the reader believes blindly.
func checkMagic(f *parquetFile) error {
	head, tail := make([]byte, 4), make([]byte, 8)
	if f.size < 12 {
		return fmt.Errorf("it has only %d bytes", f.size)
	}
	if _, err := f.ReadAt(head, 0); err != nil {
		return err
	}
	if _, err := f.ReadAt(tail, f.size-8); err != nil {
		return err
	}
	if string(head) != "PAR1" || string(tail[4:]) != "PAR1" {
		return fmt.Errorf("it does not begin and end as Parquet does")
	}
	if n := int64(tail[0]) | int64(tail[1])<<8 | int64(tail[2])<<16 | int64(tail[3])<<24; n > f.size-12 {
		return fmt.Errorf("its footer claims %d bytes of %d", n, f.size)
	}
	return nil
}

func checkFooter(m *parquet.FileMetaData, want Meant, size int64) error {
	if m.NumRows != want.Rows {
		return fmt.Errorf("it has %d rows instead of %d", m.NumRows, want.Rows)
	}
	if err := checkSchema(m.Schema, want.Schema); err != nil {
		return err
	}
	var rows int64
	for i, g := range m.RowGroups {
		rows += g.NumRows
		for _, c := range g.Columns {
			if err := checkChunk(c, want.Codec, size); err != nil {
				return fmt.Errorf("row group %d: %w", i, err)
			}
		}
	}
	if rows != m.NumRows {
		return fmt.Errorf("its row groups have %d rows together, its footer says %d", rows, m.NumRows)
	}
	return nil
}

func checkChunk(c *parquet.ColumnChunk, codec string, size int64) error {
	if c.MetaData == nil || c.FilePath != nil {
		return fmt.Errorf("a column's data is not in the file")
	}
	name := fmt.Sprintf("%q", c.MetaData.PathInSchema)
	start := c.MetaData.DataPageOffset
	if d := c.MetaData.DictionaryPageOffset; d != nil && *d < start {
		start = *d
	}
	if n := c.MetaData.TotalCompressedSize; start < 4 || n < 0 || start > size-8 || n > size-8-start {
		return fmt.Errorf("column %s claims bytes %d to %d of a file of %d", name, start, start+n, size)
	}
	got, ok := codecs[c.MetaData.Codec]
	if !ok || codec != "" && got != codec {
		return fmt.Errorf("column %s is compressed with %s instead of %s", name, c.MetaData.Codec, codec)
	}
	return nil
}

func uncompressed(m *parquet.FileMetaData) (n int64) {
	for _, g := range m.RowGroups {
		n += g.TotalByteSize
	}
	return n
}

// checkColumns reads every column and compares the number of values with what
// the footer says, which is how silent losses of the reader show.
func checkColumns(f *parquetFile, footer *parquet.FileMetaData) error {
	r, err := reader.NewParquetColumnReader(f, 1)
	if err != nil {
		return fmt.Errorf("its columns cannot be read: %w", err)
	}
	counts := map[int]int64{}
	for _, g := range footer.RowGroups {
		for i, c := range g.Columns {
			counts[i] += c.MetaData.NumValues
		}
	}
	paths := r.SchemaHandler.ValueColumns
	if collide(paths) {
		return nil // names that the reader cannot tell apart: the footer must do
	}
	for i, path := range paths {
		if counts[i] == 0 {
			continue
		}
		values, _, _, err := r.ReadColumnByPath(path, footer.NumRows)
		if err != nil {
			return fmt.Errorf("column %d cannot be read: %w", i+1, err)
		}
		if int64(len(values)) != counts[i] {
			return fmt.Errorf("column %s has %d values, its footer says %d", common.StrToPath(path)[1:], len(values), counts[i])
		}
	}
	return nil
}

func collide(paths []string) bool {
	sorted := slices.Sorted(slices.Values(paths))
	return len(slices.Compact(sorted)) != len(paths)
}

// A fileSet opens one file as often as the reader asks and closes it as often.
type fileSet struct {
	path string
	all  []*os.File
}

func (s *fileSet) open() (*parquetFile, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	s.all = append(s.all, f)
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &parquetFile{File: f, set: s, size: info.Size()}, nil
}

func (s *fileSet) closeAll() {
	for _, f := range s.all {
		f.Close() // read only: nothing can be lost
	}
}

// parquetFile is what the reader wants of a file. Create and Write belong to
// its interface but not to reading.
type parquetFile struct {
	*os.File
	set  *fileSet
	size int64
}

// Open opens the same file again, whatever the name.
func (f *parquetFile) Open(string) (source.ParquetFile, error) { return f.set.open() }

// Create refuses: nothing is written here.
func (f *parquetFile) Create(string) (source.ParquetFile, error) { return nil, os.ErrPermission }

// Close does nothing: the set closes its files when verification is over, and
// the reader closes some of them twice.
func (f *parquetFile) Close() error { return nil }
