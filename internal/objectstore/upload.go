package objectstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"waybill/internal/identity"
	"waybill/internal/problem"
)

const (
	minPartSize = 8 << 20
	maxParts    = 10_000 // S3's limit on the parts of an upload
	// multipartFrom is the size from which a file goes up in parts.
	multipartFrom = 16 << 20
	// uploadTries bounds how often one Upload starts over by itself, where S3
	// leaves no other way to know that the object is there.
	uploadTries = 3
)

// An Upload is one file on its way to one object.
type Upload struct {
	Bucket, Key string
	Path        string // local file
	Size        int64
	SHA256      string // hex; the bytes sent are compared with it before the object appears
	ContentType string
	Metadata    map[string]string // without the x-amz-meta- prefix
	Tags        map[string]string // need s3:PutObjectTagging
	// StorageClass and ACL are S3's own names; empty means S3's default.
	StorageClass, ACL string
	// SSE is "AES256", "aws:kms", "aws:kms:dsse" or empty for the bucket's
	// default; KMSKeyID goes with the last two. A key of the customer's own is
	// the client's affair: see Options.
	SSE, KMSKeyID string
	// Checksum is one of ChecksumAlgorithms; empty: DefaultChecksum.
	Checksum string
	// IfAbsent writes only where no object stands; otherwise "object-exists".
	IfAbsent bool
	// Parallel is how many parts are sent, and held in memory, at once; 0: 4.
	// Of parts above 8 MiB it is so many fewer that they need no more memory,
	// but one at the least.
	Parallel int

	// From is an object with the same bytes, which S3 is asked to copy instead of
	// being sent them; nil: none. What it does not copy, for whatever reason, is
	// sent. Of small files, and with a customer's own key, all is sent.
	From *Source

	// Resume is the id of an upload that was opened for the same bytes with the
	// same options and has not come to an end; empty: none. Parts that it has
	// already are not sent again, if we may look (s3:ListMultipartUploadParts);
	// otherwise it is aborted, Closed is called for it, and another is opened.
	Resume string
	// Opened makes the id of a multipart upload durable; no part is sent
	// before it returns, and none at all if it fails. May be nil.
	Opened func(ctx context.Context, uploadID string) error
	// Closed records that an upload that did not end in an object is gone.
	// May be nil.
	Closed func(ctx context.Context, uploadID string) error
	// Progress receives the number of bytes that are newly there. It is called
	// from several goroutines and may be nil.
	Progress func(n int64)
}

// Uploaded is what stands at the destination.
type Uploaded struct {
	ETag     string
	Version  string
	Checksum string // "crc64nvme:" and base64, as S3 has compared it
	Copied   int64  // bytes that S3 copied from Upload.From
	// NotCopied says why S3 did not copy all of it; nil if it did, or was not asked.
	NotCopied error
}

// Upload sends a file. The object is there afterwards with exactly these bytes,
// or it is untouched and no parts of it are left. On failure the multipart
// upload is aborted even when ctx is cancelled; if that fails too, Closed was
// not called and the id that Opened recorded is still to be aborted.
//
// An answer to the last request of an upload can be lost. Then the request is
// repeated, and if S3 no longer knows the upload, the same bytes are sent
// again, which changes nothing where they already are.
func (c *Client) Upload(ctx context.Context, u Upload) (Uploaded, error) {
	at := Context{Bucket: u.Bucket, Key: u.Key, Action: "s3:PutObject"}
	for try := 1; ; try++ {
		out, err := c.uploadOnce(ctx, u)
		if err == nil {
			return out, nil
		}
		if own, ok := errors.AsType[recordError](err); ok {
			return Uploaded{}, own.error
		}
		if again := errors.Is(err, errUncertain) || isCode(err, "ConditionalRequestConflict"); !again || try == uploadTries || ctx.Err() != nil {
			return Uploaded{}, c.problem(ctx, err, at)
		}
		u.Resume = "" // it has come to an end
	}
}

func (c *Client) uploadOnce(ctx context.Context, u Upload) (Uploaded, error) {
	algo, err := algorithmOf(u.Checksum)
	if err != nil {
		return Uploaded{}, err
	}
	f, err := os.Open(u.Path)
	if err != nil {
		return Uploaded{}, unreadable(u.Path, err)
	}
	defer f.Close() //nolint:errcheck // only read
	if !c.copies(u) {
		u.From = nil
	}
	if u.Size < multipartFrom && u.Resume == "" && u.From == nil {
		return c.putWhole(ctx, u, algo, f)
	}
	t := &transfer{client: c, Upload: u, algorithm: algo, sums: newSums(algo)}
	out, err := t.send(ctx, f)
	if err != nil {
		t.abort(ctx)
		return Uploaded{}, err
	}
	return out, nil
}

// putWhole sends a small file in one request.
func (c *Client) putWhole(ctx context.Context, u Upload, algo algorithm, f io.Reader) (Uploaded, error) {
	data := make([]byte, u.Size+1) // one more, to see if the file has grown
	n, err := io.ReadFull(f, data)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Uploaded{}, unreadable(u.Path, err)
	}
	data = data[:n]
	sums := newSums(algo)
	sums.add(data)
	if err := sums.verify(u); err != nil {
		return Uploaded{}, err
	}
	own, cancel, err := grace(ctx)
	if err != nil {
		return Uploaded{}, err
	}
	defer cancel()
	in := c.putInput(u)
	in.Body, in.ContentLength = bytes.NewReader(data), &u.Size
	sum := text(sums.whole)
	*algo.field(sumFields{&in.ChecksumCRC64NVME, &in.ChecksumCRC32C, &in.ChecksumCRC32, &in.ChecksumSHA256, &in.ChecksumSHA1}) = &sum
	out, err := c.s3.PutObject(own, in)
	if err != nil {
		return Uploaded{}, err
	}
	u.progress(u.Size)
	return Uploaded{ETag: aws.ToString(out.ETag), Version: aws.ToString(out.VersionId), Checksum: algo.label(sum)}, nil
}

func (c *Client) putInput(u Upload) *s3.PutObjectInput {
	in := &s3.PutObjectInput{
		Bucket: &u.Bucket, Key: &u.Key, Metadata: u.Metadata, ExpectedBucketOwner: c.owner(), RequestPayer: c.payer(),
		ACL: types.ObjectCannedACL(u.ACL), StorageClass: types.StorageClass(u.StorageClass), ServerSideEncryption: types.ServerSideEncryption(u.SSE),
		ContentType: given(u.ContentType), SSEKMSKeyId: given(u.KMSKeyID), Tagging: given(encodeTags(u.Tags)),
	}
	if u.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	c.opts.CustomerKey.fill(&in.SSECustomerAlgorithm, &in.SSECustomerKey, &in.SSECustomerKeyMD5)
	return in
}

func (u Upload) progress(n int64) {
	if u.Progress != nil {
		u.Progress(n)
	}
}

// partSize is the smallest that S3 takes the whole file in.
func partSize(size int64) int64 {
	return max(minPartSize, (size+maxParts-1)/maxParts)
}

func parallel(n int) int {
	if n <= 0 {
		return 4
	}
	return n
}

// inFlight is how many parts of a size are held at once where n of the smallest
// size may be.
func inFlight(n int, part int64) int {
	return int(max(1, int64(parallel(n))*minPartSize/part))
}

func encodeTags(tags map[string]string) string {
	v := url.Values{}
	for k, t := range tags {
		v.Set(k, t)
	}
	return v.Encode()
}

// given is a text for a member that is left out when it is empty.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func unreadable(path string, err error) *problem.Problem {
	p := problem.New("file-not-readable", fmt.Sprintf("the artifact %s cannot be read", path), errors.Unwrap(err))
	p.Cause = "The spool holds each artifact until it is delivered, and this one is gone or unreadable."
	p.Remedy = []string{"Run the slot anew by `waybill runs retry RUN --fresh`, and find out what removes files below --data-dir."}
	return p
}

// sums are the digests of what was read so far.
type sums struct {
	sha   hash.Hash
	whole hash.Hash // of the upload's algorithm
	n     int64
}

func newSums(a algorithm) *sums { return &sums{sha: sha256.New(), whole: a.make()} }

func (s *sums) add(p []byte) {
	s.sha.Write(p)
	s.whole.Write(p)
	s.n += int64(len(p))
}

// verify compares what was read with what was frozen.
func (s *sums) verify(u Upload) error {
	if s.n == u.Size && (u.SHA256 == "" || hex.EncodeToString(s.sha.Sum(nil)) == u.SHA256) {
		return nil
	}
	p := problem.New("artifact-invalid", fmt.Sprintf("the file for s3://%s/%s changed after it was finished", u.Bucket, u.Key), nil)
	p.Cause = fmt.Sprintf("%s no longer has the size and the SHA-256 that were recorded for it. Nothing was delivered.", u.Path)
	p.Remedy = []string{"Run the slot anew by `waybill runs retry RUN --fresh`, and find out what writes below --data-dir: another process, or a failing disk."}
	return p
}

var errUncertain = errors.New("S3 no longer knows the upload, so it was completed or aborted")

// uncertain reports whether an error of Complete leaves open if the object is
// there now: the request may have been carried out though we saw no success.
func uncertain(err error) bool {
	a := identity.ReadAnswer(err)
	return a.Unreachable() || a.Status >= 500 || (a.Status < 300 && a.Code != "")
}
