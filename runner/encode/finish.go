package encode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"waybill/internal/dataset"
)

// Work is a file that COPY wrote and that is to become an artifact.
type Work struct {
	Copied   string         // path that CopySQL wrote to; it is gone afterwards
	Finished string         // path of the artifact, in the same directory; it must not exist
	Relation string         // what the rows are, for messages
	Schema   dataset.Schema // of the rows: Athena type names
	Rows     int64          // how many COPY says it wrote
	Entry    string         // name of the file in an archive; see Format.NeedsEntry
	Read     Rows           // of what COPY wrote; only if Format.IsStaged
}

// Finish makes an artifact of what COPY wrote: what DuckDB cannot write itself
// is written here, Parquet is verified, then the file is compressed and encrypted,
// and made durable.
// Nothing of it is held in memory but a part. The bytes depend on the rows, the
// format and the name in the archive alone, except where they are encrypted. On
// failure neither file is left.
func (f Format) Finish(ctx context.Context, w Work) (_ Sealed, err error) {
	f = f.withDefaults()
	written := w.Copied + ".written"
	defer func() {
		err = errors.Join(err, removeIfThere(w.Copied), removeIfThere(written))
		if err != nil {
			err = errors.Join(err, removeIfThere(w.Finished))
		}
	}()
	from := w.Copied
	if write := f.writer(); write != nil {
		if err := f.write(ctx, w, written, write); err != nil {
			return Sealed{}, err
		}
		if err := os.Remove(w.Copied); err != nil { // room for what comes
			return Sealed{}, err
		}
		from = written
	}
	if f.Kind == Parquet {
		if err := VerifyParquet(from, Meant{Schema: w.Schema, Rows: w.Rows, Codec: f.Compression}); err != nil {
			return Sealed{}, err
		}
	}
	if !f.Packed() {
		if err := os.Rename(from, w.Finished); err != nil {
			return Sealed{}, err
		}
		return Seal(ctx, w.Finished)
	}
	return f.pack(ctx, from, w)
}

// A writeFunc writes rows that DuckDB has left in a form that it understands,
// and returns how many they were.
type writeFunc func(ctx context.Context, out io.Writer, f Format, w Work) (int64, error)

// writer is what writes the format if DuckDB cannot; otherwise nil.
func (f Format) writer() writeFunc {
	if f.rewrites() {
		return rewriteFile
	}
	return map[string]writeFunc{XLSX: writeXLSX, Arrow: writeArrow, Avro: writeAvro}[f.Kind]
}

func rewriteFile(ctx context.Context, out io.Writer, f Format, w Work) (int64, error) {
	in, err := os.Open(w.Copied)
	if err != nil {
		return 0, err
	}
	defer in.Close() //nolint:errcheck // only read
	return rewriteCSV(out, &ctxReader{ctx: ctx, r: in}, f, w.Relation, w.Schema)
}

// write makes the file at path.
func (f Format) write(ctx context.Context, w Work, path string, write writeFunc) (err error) {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	rows, err := write(ctx, out, f, w)
	if err == nil && rows != w.Rows {
		return fmt.Errorf("%d rows of %s came out as %d", w.Rows, w.Relation, rows)
	}
	return err
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
