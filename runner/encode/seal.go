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
)

// Sealed is what is known of a file whose bytes no longer change.
type Sealed struct {
	Size   int64  // bytes
	SHA256 string // hex
}

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
