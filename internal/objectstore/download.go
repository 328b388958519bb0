package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"waybill/internal/problem"
)

const (
	// smallRange and largeRange are aligned to the parts that uploaders use:
	// such ranges are read fastest.
	smallRange, largeRange = 8 << 20, 16 << 20
	largeFrom              = 1 << 30
	// rangeTries bounds how often one range is asked for again when its body
	// breaks off: the SDK retries requests, not bodies.
	rangeTries = 4
)

// A Download is one version of an object on its way to a local file.
type Download struct {
	Bucket, Key string
	ETag        string // of the version to read; every request insists on it
	Size        int64
	Path        string // local file, replaced when the download is complete
	Parallel    int    // requests at once; 0: 4
	// Progress receives the number of bytes that are newly there. It is called
	// from several goroutines and may be nil.
	Progress func(n int64)
}

// Download reads an object in parallel ranges. The file appears under its name
// complete and synced to disk, or not at all.
func (c *Client) Download(ctx context.Context, d Download) error {
	part := d.Path + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // below the run's spool
	if err != nil {
		return localProblem(d.Path, err)
	}
	err = c.fill(ctx, d, f)
	if err == nil {
		err = syncAndClose(f, d.Path)
	} else {
		_ = f.Close() // the first error counts
	}
	if err == nil {
		err = publish(part, d.Path)
	}
	if err != nil {
		_ = os.Remove(part)
	}
	return err
}

// Range reads the bytes [from, to) of one version of an object into memory.
func (c *Client) Range(ctx context.Context, d Download, from, to int64) ([]byte, error) {
	data := make([]byte, to-from)
	if err := c.fetchRange(ctx, d, memory{data, from}, from, to); err != nil {
		return nil, c.problem(ctx, err, Context{Bucket: d.Bucket, Key: d.Key, Action: "s3:GetObject"})
	}
	return data, nil
}

// memory is where a range that begins at an offset is written to.
type memory struct {
	data []byte
	from int64
}

// WriteAt implements io.WriterAt.
func (m memory) WriteAt(p []byte, at int64) (int, error) { return copy(m.data[at-m.from:], p), nil }

func (c *Client) fill(ctx context.Context, d Download, f *os.File) error {
	if err := f.Truncate(d.Size); err != nil {
		return localProblem(d.Path, err)
	}
	step := int64(smallRange)
	if d.Size >= largeFrom {
		step = largeRange
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel(d.Parallel))
	for from := int64(0); from < d.Size; from += step {
		to := min(from+step, d.Size)
		group.Go(func() error { return c.fetchRange(gctx, d, f, from, to) })
	}
	if err := group.Wait(); err != nil {
		return c.problem(ctx, err, Context{Bucket: d.Bucket, Key: d.Key, Action: "s3:GetObject"})
	}
	return nil
}

// fetchRange writes the bytes [from, to), going on where a body broke off.
func (c *Client) fetchRange(ctx context.Context, d Download, f io.WriterAt, from, to int64) error {
	var err error
	for range rangeTries {
		var n int64
		n, err = c.fetchOnce(ctx, d, f, from, to)
		if from += n; from == to {
			return nil
		}
		if !errors.Is(err, errBrokenBody) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

var errBrokenBody = errors.New("the answer broke off")

func (c *Client) fetchOnce(ctx context.Context, d Download, f io.WriterAt, from, to int64) (int64, error) {
	in := c.getInput(d.Bucket, d.Key)
	in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1))
	if d.ETag != "" {
		in.IfMatch = &d.ETag
	}
	out, err := c.s3.GetObject(ctx, in)
	if err != nil {
		return 0, err
	}
	defer out.Body.Close() //nolint:errcheck // nothing is written
	dst := &counted{w: io.NewOffsetWriter(f, from), progress: d.Progress}
	_, err = io.Copy(dst, io.LimitReader(out.Body, to-from))
	if dst.err != nil {
		return dst.n, localProblem(d.Path, dst.err)
	}
	if dst.n < to-from {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return dst.n, fmt.Errorf("%w: %w", errBrokenBody, err)
	}
	return dst.n, nil
}

// counted tells failures of the disk from those of the network, which io.Copy
// mixes up.
type counted struct {
	w        io.Writer
	n        int64
	err      error
	progress func(int64)
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.err = err
	if c.progress != nil {
		c.progress(int64(n))
	}
	return n, err
}

func syncAndClose(f *os.File, path string) error {
	err := f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return localProblem(path, err)
	}
	return nil
}

// publish gives the complete file its name and makes the name durable.
func publish(part, path string) error {
	if err := os.Rename(part, path); err != nil {
		return localProblem(path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return localProblem(path, err)
	}
	return syncAndClose(dir, path)
}

func localProblem(path string, err error) *problem.Problem {
	code, summary := "file-write-failed", fmt.Sprintf("%s cannot be written", path)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		code, summary = "disk-full", fmt.Sprintf("the disk is full, so %s cannot be written", path)
	}
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return problem.New(code, summary, err)
}
