package encode

import (
	"archive/tar"
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
)

// Packed reports whether something is done to the whole file once it is
// written: it is compressed or encrypted.
func (f Format) Packed() bool { return f.compressed() || f.PGP != nil }

// compressed reports whether the whole file is compressed.
func (f Format) compressed() bool { return f.IsText() && f.withDefaults().Compression != None }

// pack writes a file to the artifact, compressed and encrypted, makes it durable
// and returns its size and digest, taken while writing.
func (f Format) pack(ctx context.Context, from string, w Work) (_ Sealed, err error) {
	in, err := os.Open(from)
	if err != nil {
		return Sealed{}, err
	}
	defer in.Close() //nolint:errcheck // only read
	info, err := in.Stat()
	if err != nil {
		return Sealed{}, err
	}
	out, err := os.OpenFile(w.Finished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Sealed{}, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	sum := sha256.New()
	count := &counter{w: io.MultiWriter(out, sum)}
	if err := f.packTo(count, &ctxReader{ctx: ctx, r: in}, w.Entry, info.Size()); err != nil {
		return Sealed{}, err
	}
	if err := out.Sync(); err != nil {
		return Sealed{}, fmt.Errorf("make %s durable: %w", w.Finished, err)
	}
	return sealed(count.n, sum), nil
}

// packTo copies r, of that size, through the layers that the format has around
// a file. They are closed even when copying has failed: that ends the encoders'
// goroutines.
func (f Format) packTo(w io.Writer, r io.Reader, entry string, size int64) error {
	var outer []io.Closer
	if f.PGP != nil {
		enc, err := f.PGP.encryptor(w)
		if err != nil {
			return err
		}
		w, outer = enc, []io.Closer{enc}
	}
	inner := layers{w, outer}
	if f.compressed() {
		enc, err := compressor(w, f.Compression, entry, size)
		if err != nil {
			return err
		}
		inner = layers{enc, append([]io.Closer{enc}, outer...)}
	}
	_, err := io.Copy(inner, r)
	return errors.Join(err, inner.Close())
}

// compressor returns a writer whose Close ends the compressed stream. The bytes
// depend on what is written and on entry alone: gzip carries no name and no
// time.
func compressor(w io.Writer, compression, entry string, size int64) (io.WriteCloser, error) {
	switch compression {
	case Gzip:
		return pgzip.NewWriter(w), nil
	case Zstd:
		return zstd.NewWriter(w)
	case Zip:
		return zipWriter(w, entry)
	case Tgz:
		return tgzWriter(w, entry, size)
	}
	return nil, fmt.Errorf("no text compression is called %q", compression)
}

// archiveTime stands for when a file in an archive was written, which the bytes
// must not depend on. It is the first time that zip can express.
var archiveTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// layers closes several writers, the innermost first.
type layers struct {
	io.Writer
	closers []io.Closer
}

func (l layers) Close() error {
	errs := make([]error, len(l.closers))
	for i, c := range l.closers {
		errs[i] = c.Close()
	}
	return errors.Join(errs...)
}

func zipWriter(w io.Writer, entry string) (io.WriteCloser, error) {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	file, err := z.CreateHeader(&zip.FileHeader{Name: entry, Method: zip.Deflate, Modified: archiveTime})
	return layers{file, []io.Closer{z}}, err
}

func tgzWriter(w io.Writer, entry string, size int64) (io.WriteCloser, error) {
	g := pgzip.NewWriter(w)
	t := tar.NewWriter(g)
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: entry, Size: size, Mode: 0o644, ModTime: archiveTime}); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return layers{t, []io.Closer{t, g}}, nil
}
