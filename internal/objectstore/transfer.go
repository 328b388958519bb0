package objectstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// completeTries bounds how often a Complete whose answer was lost is repeated,
// on top of the SDK's own retries.
const completeTries = 2

// graceTime is how long a request that is under way may go on after its
// delivery was cancelled.
const graceTime = 10 * time.Second

// A transfer is one multipart upload of one file. The file is read once from
// its beginning to its end, so that its digests are those of the bytes sent;
// parts go out side by side, and no more of them are in memory than are under
// way. The SDK's own transfer manager can neither go on with an upload that
// another process began nor have its id recorded before the first part.
type transfer struct {
	Upload
	client    *Client
	algorithm algorithm
	sums      *sums

	uploadID string
	gone     bool                 // S3 does not have the upload any more
	there    map[int32]types.Part // of the upload that is resumed

	copied    atomic.Int64 // bytes
	notCopied atomic.Pointer[error]

	mu    sync.Mutex
	parts []types.CompletedPart // by number, from 1
	sent  []string              // their checksums
}

// send is the whole upload. After an error the caller aborts it.
func (t *transfer) send(ctx context.Context, f io.Reader) (Uploaded, error) {
	if err := t.begin(ctx); err != nil {
		return Uploaded{}, err
	}
	if err := t.sendParts(ctx, f); err != nil {
		return Uploaded{}, err
	}
	if err := t.sums.verify(t.Upload); err != nil {
		return Uploaded{}, err
	}
	return t.complete(ctx)
}

// begin goes on with the upload that is to be resumed, or opens one.
func (t *transfer) begin(ctx context.Context) error {
	if t.Resume != "" {
		resumed, err := t.resume(ctx)
		if resumed || err != nil {
			return err
		}
	}
	return t.open(ctx)
}

// open begins an upload and has its id recorded.
func (t *transfer) open(ctx context.Context) error {
	// One that is under way is heard out: without its id it could not be aborted.
	own, cancel, err := grace(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	out, err := t.client.s3.CreateMultipartUpload(own, t.createInput())
	if err != nil {
		return err
	}
	t.uploadID = aws.ToString(out.UploadId)
	if t.Opened == nil {
		return nil
	}
	if err := t.Opened(own, t.uploadID); err != nil {
		return recordError{err}
	}
	return nil
}

// A recordError is the caller's own: it is handed back as it came.
type recordError struct{ error }

func (t *transfer) createInput() *s3.CreateMultipartUploadInput {
	in := &s3.CreateMultipartUploadInput{
		Bucket: &t.Bucket, Key: &t.Key, Metadata: t.Metadata, ExpectedBucketOwner: t.client.owner(), RequestPayer: t.client.payer(),
		ACL: types.ObjectCannedACL(t.ACL), StorageClass: types.StorageClass(t.StorageClass), ServerSideEncryption: types.ServerSideEncryption(t.SSE),
		ContentType: given(t.ContentType), SSEKMSKeyId: given(t.KMSKeyID), Tagging: given(encodeTags(t.Tags)),
		ChecksumAlgorithm: t.algorithm.name, ChecksumType: t.algorithm.kind(),
	}
	t.client.opts.CustomerKey.fill(&in.SSECustomerAlgorithm, &in.SSECustomerKey, &in.SSECustomerKeyMD5)
	return in
}

// sendParts reads the file and sends the parts that are not there yet.
func (t *transfer) sendParts(ctx context.Context, f io.Reader) error {
	step := partSize(t.Size)
	count := int((t.Size + step - 1) / step)
	t.parts, t.sent = make([]types.CompletedPart, count), make([]string, count)
	buffers := newBuffers(min(inFlight(t.Parallel, step), count), step)
	group, gctx := errgroup.WithContext(ctx)
	err := func() error {
		for i := range count {
			buf, err := buffers.take(gctx)
			if err != nil {
				return err
			}
			n, err := io.ReadFull(f, buf)
			if t.sums.add(buf[:n]); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return unreadable(t.Path, err)
			}
			data, sum := buf[:n], t.algorithm.of(buf[:n])
			if t.has(i, data, sum) {
				buffers.back(buf)
				continue
			}
			group.Go(func() error {
				defer buffers.back(buf)
				return t.sendPart(gctx, i, data, sum)
			})
		}
		return nil
	}()
	sendErr := group.Wait() // a part that failed is why the buffers were not to be had
	if sendErr != nil {
		return sendErr
	}
	if err != nil {
		return err
	}
	return t.countRest(f)
}

// countRest makes a file that is longer than it was show in its sums.
func (t *transfer) countRest(f io.Reader) error {
	var rest [1]byte
	n, err := f.Read(rest[:])
	if t.sums.add(rest[:n]); err != nil && !errors.Is(err, io.EOF) {
		return unreadable(t.Path, err)
	}
	return nil
}

// buffers are the memory of one transfer: so many parts and no more. They are
// made when they are needed first.
type buffers struct {
	free chan []byte
	size int64
}

func newBuffers(n int, size int64) *buffers {
	b := &buffers{free: make(chan []byte, n), size: size}
	for range n {
		b.free <- nil
	}
	return b
}

func (b *buffers) take(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case buf := <-b.free:
		if buf == nil {
			buf = make([]byte, b.size)
		}
		return buf, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *buffers) back(buf []byte) { b.free <- buf }

// sendPart sends the part of that index, counted from 0.
func (t *transfer) sendPart(ctx context.Context, i int, data []byte, sum string) error {
	own, cancel, err := grace(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if t.copyOrNot(own, i, int64(len(data)), sum) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	in := &s3.UploadPartInput{
		Bucket: &t.Bucket, Key: &t.Key, UploadId: &t.uploadID, PartNumber: aws.Int32(int32(i + 1)), //nolint:gosec // at most 10,000
		Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
		ExpectedBucketOwner: t.client.owner(), RequestPayer: t.client.payer(),
	}
	*t.algorithm.field(sumFields{&in.ChecksumCRC64NVME, &in.ChecksumCRC32C, &in.ChecksumCRC32, &in.ChecksumSHA256, &in.ChecksumSHA1}) = &sum
	t.client.opts.CustomerKey.fill(&in.SSECustomerAlgorithm, &in.SSECustomerKey, &in.SSECustomerKeyMD5)
	out, err := t.client.s3.UploadPart(own, in)
	if err != nil {
		return err
	}
	t.done(i, aws.ToString(out.ETag), sum, int64(len(data)))
	return nil
}

// done remembers a part that is there.
func (t *transfer) done(i int, etag, sum string, size int64) {
	part := types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: &etag} //nolint:gosec // at most 10,000
	*t.algorithm.field(sumFields{&part.ChecksumCRC64NVME, &part.ChecksumCRC32C, &part.ChecksumCRC32, &part.ChecksumSHA256, &part.ChecksumSHA1}) = &sum
	t.mu.Lock()
	t.parts[i], t.sent[i] = part, sum
	t.mu.Unlock()
	t.progress(size)
}

// complete makes the object appear.
func (t *transfer) complete(ctx context.Context) (Uploaded, error) {
	sum, err := t.algorithm.together(t.sums.whole, t.sent)
	if err != nil {
		return Uploaded{}, err
	}
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &t.Bucket, Key: &t.Key, UploadId: &t.uploadID, MultipartUpload: &types.CompletedMultipartUpload{Parts: t.parts},
		MpuObjectSize: &t.Size, ChecksumType: t.algorithm.kind(), ExpectedBucketOwner: t.client.owner(), RequestPayer: t.client.payer(),
	}
	if !t.algorithm.composite { // S3 makes the other kind of the parts' own
		*t.algorithm.field(sumFields{&in.ChecksumCRC64NVME, &in.ChecksumCRC32C, &in.ChecksumCRC32, &in.ChecksumSHA256, &in.ChecksumSHA1}) = &sum
	}
	if t.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	t.client.opts.CustomerKey.fill(&in.SSECustomerAlgorithm, &in.SSECustomerKey, &in.SSECustomerKeyMD5)
	out, err := t.completeOnce(ctx, in)
	if isCode(err, "NoSuchUpload") {
		t.gone, err = true, errors.Join(errUncertain, err)
	}
	if err != nil {
		return Uploaded{}, err
	}
	return t.uploaded(Uploaded{ETag: aws.ToString(out.ETag), Version: aws.ToString(out.VersionId), Checksum: t.algorithm.label(sum)}), nil
}

// completeOnce repeats a request whose answer was lost.
func (t *transfer) completeOnce(ctx context.Context, in *s3.CompleteMultipartUploadInput) (out *s3.CompleteMultipartUploadOutput, err error) {
	own, cancel, err := grace(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	for range completeTries {
		out, err = t.client.s3.CompleteMultipartUpload(own, in)
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

// abort ends an upload that did not come to an object, with a context of its
// own, and records that it is gone. A failure is not reported: the failure
// that led here matters more, and the recorded id is aborted the next time.
func (t *transfer) abort(ctx context.Context) {
	if t.uploadID == "" {
		return
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	if !t.gone {
		if err := t.client.Abort(own, t.Bucket, t.Key, t.uploadID); err != nil {
			return
		}
	}
	if t.Closed != nil {
		_ = t.Closed(own, t.uploadID) // aborted again the next time
	}
}
