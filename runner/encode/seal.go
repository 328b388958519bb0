package encode

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
)

// Sealed is what is known of a file whose bytes no longer change.
type Sealed struct {
	Size   int64  // bytes
	SHA256 string // hex
}

// TextCompression is how the file that COPY wrote must still be compressed:
// "none", "gzip" or "zstd".
func (f Format) TextCompression() string {
	if f.Kind == Parquet {
		return None
	}
	return f.withDefaults().Compression
}

// Codec is the compression of the pages of a Parquet file.
func (f Format) Codec() string { return f.withDefaults().Compression }

// Seal makes the file at path durable and returns its size and digest.
func Seal(ctx context.Context, path string) (_ Sealed, err error) {
	f, err := os.Open(path)
	if err != nil {
		return Sealed{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	n, err := io.Copy(sum, &ctxReader{ctx: ctx, r: f})
	if err != nil {
		return Sealed{}, err
	}
	if err := f.Sync(); err != nil {
		return Sealed{}, fmt.Errorf("make %s durable: %w", path, err)
	}
	return sealed(n, sum), nil
}

// Compress writes the compressed bytes of src to dst, makes dst durable and
// returns its size and digest, taken while writing. dst must not exist; when
// Compress fails, it is removed. The result depends on src alone: gzip carries
// no name and no time.
func Compress(ctx context.Context, src, dst, compression string) (_ Sealed, err error) {
	in, err := os.Open(src)
	if err != nil {
		return Sealed{}, err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Sealed{}, err
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			err = errors.Join(err, os.Remove(dst))
		}
	}()
	sum := sha256.New()
	count := &counter{w: io.MultiWriter(out, sum)}
	if err := compress(count, &ctxReader{ctx: ctx, r: in}, compression); err != nil {
		return Sealed{}, err
	}
	if err := out.Sync(); err != nil {
		return Sealed{}, fmt.Errorf("make %s durable: %w", dst, err)
	}
	return sealed(count.n, sum), nil
}

func compress(w io.Writer, r io.Reader, compression string) error {
	var enc io.WriteCloser
	switch compression {
	case Gzip:
		enc = pgzip.NewWriter(w)
	case Zstd:
		z, err := zstd.NewWriter(w)
		if err != nil {
			return err
		}
		enc = z
	default:
		return fmt.Errorf("no text compression is called %q", compression)
	}
	_, err := io.Copy(enc, r)
	// Closing ends the encoder's goroutines even when copying has failed.
	return errors.Join(err, enc.Close())
}

func sealed(n int64, sum hash.Hash) Sealed {
	return Sealed{Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}
}

// A counter counts the bytes that reach w.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// A ctxReader ends with the context's error once it is cancelled.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
