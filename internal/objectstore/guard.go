package objectstore

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// completeTries bounds how often a Complete whose answer was lost is repeated,
// on top of the SDK's own retries.
const completeTries = 2

// graceTime is how long a request that is under way may go on after its
// delivery was cancelled.
const graceTime = 10 * time.Second

// A guard stands between the transfer manager and S3 for one upload. The
// manager cuts a file into parts and sends them side by side; the guard makes
// the upload's id durable before the first part, compares the bytes before the
// object appears, and settles a Complete whose answer was lost. It keeps
// errors that the manager would flatten to text or write to the process's log.
type guard struct {
	*s3.Client
	client *Client
	upload Upload
	body   io.Reader
	sums   *sums

	mu        sync.Mutex
	parts     map[int32]string // CRC64NVME of each part
	uploadID  string
	gone      bool // S3 does not have the upload any more
	completed *s3.CompleteMultipartUploadOutput
	err       error // what the manager was not told, or would have flattened
}

func newGuard(c *Client, u Upload, file io.Reader) *guard {
	s := newSums()
	return &guard{Client: c.s3, client: c, upload: u, body: io.TeeReader(io.LimitReader(file, u.Size+1), s), sums: s, parts: map[int32]string{}}
}

// PutObject sends a small file, which the manager has read to its end.
func (g *guard) PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if err := g.sums.verify(g.upload); err != nil {
		return nil, err
	}
	own, cancel, err := grace(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	out, err := g.Client.PutObject(own, in, opts...)
	if err == nil {
		g.progress(g.upload.Size)
	}
	return out, err
}

// CreateMultipartUpload opens the upload and has its id recorded.
func (g *guard) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, opts ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	// One that is under way is heard out: without its id it could not be aborted.
	own, cancel, err := grace(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	out, err := g.Client.CreateMultipartUpload(own, in, opts...)
	if err != nil {
		return nil, err
	}
	g.uploadID = aws.ToString(out.UploadId)
	if g.upload.Opened == nil {
		return out, nil
	}
	if err := g.upload.Opened(own, g.uploadID); err != nil {
		return nil, recordError{err}
	}
	return out, nil
}

// A recordError is the caller's own: it is handed back as it came.
type recordError struct{ error }

// UploadPart sends a part and remembers its checksum, which the manager's own
// list of parts has no room for.
func (g *guard) UploadPart(ctx context.Context, in *s3.UploadPartInput, opts ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	own, cancel, err := grace(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	size := partLength(in.Body)
	out, err := g.Client.UploadPart(own, in, opts...)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.parts[aws.ToInt32(in.PartNumber)] = aws.ToString(out.ChecksumCRC64NVME)
	g.mu.Unlock()
	g.progress(size)
	return out, nil
}

// CompleteMultipartUpload makes the object appear. It reports success to the
// manager in any case: outcome tells what came of it.
func (g *guard) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, opts ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	if g.err = g.sums.verify(g.upload); g.err != nil {
		return &s3.CompleteMultipartUploadOutput{}, nil
	}
	in.ChecksumCRC64NVME = aws.String(g.sums.crc())
	in.ChecksumType = s3types.ChecksumTypeFullObject
	for i, p := range in.MultipartUpload.Parts {
		if sum := g.parts[aws.ToInt32(p.PartNumber)]; sum != "" {
			in.MultipartUpload.Parts[i].ChecksumCRC64NVME = aws.String(sum)
		}
	}
	g.completed, g.err = g.complete(ctx, in, opts)
	if isCode(g.err, "NoSuchUpload") {
		g.gone, g.err = true, errors.Join(errUncertain, g.err)
	}
	return &s3.CompleteMultipartUploadOutput{}, nil
}

func (g *guard) complete(ctx context.Context, in *s3.CompleteMultipartUploadInput, opts []func(*s3.Options)) (out *s3.CompleteMultipartUploadOutput, err error) {
	own, cancel, err := grace(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	for range completeTries {
		out, err = g.Client.CompleteMultipartUpload(own, in, opts...)
		if err == nil || !uncertain(err) || ctx.Err() != nil {
			return out, err
		}
	}
	return nil, err
}

// grace is the context of a request that changes something at S3. It is not
// begun once ctx has ended, but one that is under way has a while to end by
// itself: a part that S3 still receives while its upload is aborted can outlive
// the abort, and an object that appears after a cut is one we did not record.
func grace(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(graceTime, cancel)
		context.AfterFunc(own, func() { timer.Stop() })
	})
	return own, func() { stop(); cancel() }, nil
}

// AbortMultipartUpload is called by the manager when a part fails; the guard
// does it itself, once the outcome is known.
func (g *guard) AbortMultipartUpload(context.Context, *s3.AbortMultipartUploadInput, ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	return &s3.AbortMultipartUploadOutput{}, nil
}

// outcome joins the manager's view with what it was not told.
func (g *guard) outcome(managed error) error {
	if managed != nil {
		return managed
	}
	return g.err
}

// abort ends an upload that did not come to an object, with a context of its
// own, and records that it is gone. A failure is not reported: the failure
// that led here matters more, and the recorded id is aborted the next time.
func (g *guard) abort(ctx context.Context) {
	if g.uploadID == "" {
		return
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	if !g.gone {
		if err := g.client.Abort(own, g.upload.Bucket, g.upload.Key, g.uploadID); err != nil {
			return
		}
	}
	if g.upload.Closed != nil {
		_ = g.upload.Closed(own, g.uploadID) // aborted again the next time
	}
}

func (g *guard) progress(n int64) {
	if g.upload.Progress != nil {
		g.upload.Progress(n)
	}
}

func partLength(body io.Reader) int64 {
	if l, ok := body.(interface{ Len() int }); ok {
		return int64(l.Len())
	}
	return 0
}
