package duckdb

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"waybill/runner/engine"
)

const (
	// probeRows is how many rows are written to learn how large they are, where
	// nothing is known yet.
	probeRows = 65536
	// filling is how much of the ceiling is aimed at: sizes vary from row to
	// row, and a file that came out too large is written twice.
	filling = 0.97
)

// cut writes the files of one partition.
func (c *cutter) cut(ctx context.Context, s stretch) error {
	rows := c.rowsPerFile(s)
	for number := 1; s.first < s.end || number == 1; number++ {
		if len(c.out.Files) == engine.MaxFiles {
			return c.tooMany()
		}
		file, next, err := c.fit(ctx, s, number, rows)
		if err != nil {
			return err
		}
		c.out.Files = append(c.out.Files, file)
		s.first += file.Rows
		rows = next
	}
	return nil
}

// rowsPerFile is what the first file of a partition is tried with. Where the
// partition before has shown how large rows are, that serves.
func (c *cutter) rowsPerFile(s stretch) int64 {
	rows := s.end - s.first
	if c.Layout.MaxRows > 0 {
		rows = min(rows, c.Layout.MaxRows)
	}
	if c.Layout.MaxSize == 0 {
		return rows
	}
	if n := len(c.out.Files); n > 0 && c.out.Files[n-1].Rows > 0 {
		last := c.out.Files[n-1]
		return min(rows, c.aim(last.Rows, last.Size))
	}
	return min(rows, probeRows)
}

// aim is how many rows are likely to fill a file, as far as some rows of some
// size tell.
func (c *cutter) aim(rows, size int64) int64 {
	return max(1, int64(float64(rows)*float64(c.Layout.MaxSize)/float64(max(1, size))*filling))
}

// fit writes the next file of a partition with about so many rows: fewer if it
// would be too large, and more if that was only a probe. It returns how many
// rows to try next.
func (c *cutter) fit(ctx context.Context, s stretch, number int, rows int64) (engine.ExportedFile, int64, error) {
	most := s.end - s.first
	if c.Layout.MaxRows > 0 {
		most = min(most, c.Layout.MaxRows)
	}
	fits := int64(0) // the number of rows that was a probe
	for rows = min(rows, most); ; {
		file, err := c.write(ctx, s, number, rows)
		if err != nil || c.Layout.MaxSize == 0 {
			return file, most, err
		}
		better := c.aim(max(1, file.Rows), file.Size)
		switch {
		case file.Size > c.Layout.MaxSize && rows > 1:
			most = rows - 1 // never as many again
			rows = fewer(rows, fits, better)
		case rows < most && fits == 0 && better > 2*rows:
			fits, rows = rows, min(better, most)
		default:
			return file, better, nil
		}
	}
}

// fewer is how many rows to try when some were too many: what the sizes of
// their kind suggest or, once a probe has fitted, halfway back to it.
func fewer(rows, fits, better int64) int64 {
	if fits > 0 {
		return max(fits, (fits+rows)/2, min(rows-1, better))
	}
	return min(rows-1, better)
}

// write makes a file of the next rows of a partition, in place of one that did
// not fit. number is the file's within the partition.
func (c *cutter) write(ctx context.Context, s stretch, number int, rows int64) (engine.ExportedFile, error) {
	name := fileName(c.Format, len(c.out.Files)+1)
	query := fmt.Sprintf("%s WHERE file_row_number >= %d AND file_row_number < %d", c.source, s.first, s.first+rows)
	if c.Format.Adapts() {
		query = "SELECT " + strings.Join(adapted(c.Format, c.schema), ", ") + " FROM (" + query + ")"
	}
	entry, err := entryOf(c.ExportFiles, number, s.partition, name)
	if err != nil {
		return engine.ExportedFile{}, err
	}
	at := func(row int64) float64 { return 50 + 50*float64(row)/float64(max(1, c.total)) }
	e := engine.Export{Relation: c.Relation, Path: filepath.Join(c.Dir, name), Format: c.Format, Entry: entry, Progress: c.part(at(s.first), at(s.first+rows))}
	done, err := c.export(ctx, e, query, c.schema)
	if err != nil {
		return engine.ExportedFile{}, err
	}
	if done.Rows != rows {
		return engine.ExportedFile{}, fmt.Errorf("rows %d to %d of %s came out as %d rows", s.first, s.first+rows, c.Relation, done.Rows)
	}
	return engine.ExportedFile{Name: name, Partition: s.partition, Number: number, Size: done.Size, Rows: done.Rows, SHA256: done.SHA256}, nil
}
