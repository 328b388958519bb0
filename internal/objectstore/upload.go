package objectstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"

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
	crc64nvme   = types.ChecksumAlgorithm("CRC64NVME")
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
	// SSE is "AES256", "aws:kms" or empty for the bucket's default; KMSKeyID
	// goes with the second.
	SSE, KMSKeyID string
	// IfAbsent writes only where no object stands; otherwise "object-exists".
	IfAbsent bool
	// Parallel is how many parts are sent, and held in memory, at once; 0: 4.
	Parallel int

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
	Checksum string // "crc64nvme:" and base64, as S3 tells it
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
	}
}

func (c *Client) uploadOnce(ctx context.Context, u Upload) (Uploaded, error) {
	f, err := os.Open(u.Path)
	if err != nil {
		return Uploaded{}, unreadable(u.Path, err)
	}
	defer f.Close() //nolint:errcheck // only read
	g := newGuard(c, u, f)
	m := transfermanager.New(g, func(o *transfermanager.Options) {
		o.PartSizeBytes = partSize(u.Size)
		o.MultipartUploadThreshold = multipartFrom
		o.Concurrency = parallel(u.Parallel)
		o.FailTimeout = cleanUpTimeout
		o.ChecksumAlgorithm = crc64nvme
	})
	out, err := m.UploadObject(ctx, u.input(g.body, c.owner()))
	if err = g.outcome(err); err != nil {
		g.abort(ctx)
		return Uploaded{}, err
	}
	done := Uploaded{ETag: aws.ToString(out.ETag), Version: aws.ToString(out.VersionID)}
	if g.completed != nil {
		done = Uploaded{ETag: aws.ToString(g.completed.ETag), Version: aws.ToString(g.completed.VersionId)}
	}
	done.Checksum = "crc64nvme:" + g.sums.crc()
	return done, nil
}

func (u Upload) input(body io.Reader, owner *string) *transfermanager.UploadObjectInput {
	in := &transfermanager.UploadObjectInput{
		Bucket: &u.Bucket, Key: &u.Key, Body: body, ContentLength: &u.Size,
		Metadata: u.Metadata, ExpectedBucketOwner: owner, ChecksumType: types.ChecksumTypeFullObject,
		ACL: types.ObjectCannedACL(u.ACL), StorageClass: types.StorageClass(u.StorageClass),
		ServerSideEncryption: types.ServerSideEncryption(u.SSE),
	}
	if u.ContentType != "" {
		in.ContentType = &u.ContentType
	}
	if u.KMSKeyID != "" {
		in.SSEKMSKeyID = &u.KMSKeyID
	}
	if len(u.Tags) > 0 {
		in.Tagging = aws.String(encodeTags(u.Tags))
	}
	if u.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	if u.Size >= multipartFrom {
		in.MpuObjectSize = &u.Size
	}
	return in
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

func encodeTags(tags map[string]string) string {
	v := url.Values{}
	for k, t := range tags {
		v.Set(k, t)
	}
	return v.Encode()
}

func unreadable(path string, err error) *problem.Problem {
	p := problem.New("file-not-readable", fmt.Sprintf("the artifact %s cannot be read", path), errors.Unwrap(err))
	p.Cause = "The spool holds each artifact until it is delivered, and this one is gone or unreadable."
	p.Remedy = []string{"Run the slot anew by `waybill runs retry RUN --fresh`, and find out what removes files below --data-dir."}
	return p
}

// sums are the digests of what was read so far.
type sums struct {
	sha hash.Hash
	c64 hash.Hash64
	n   int64
}

func newSums() *sums {
	// The reversed NVME polynomial, as S3 names it CRC-64/NVME.
	return &sums{sha: sha256.New(), c64: crc64.New(crc64.MakeTable(0x9a6c_9329_ac4b_c9b5))}
}

func (s *sums) Write(p []byte) (int, error) {
	s.sha.Write(p)
	s.c64.Write(p)
	s.n += int64(len(p))
	return len(p), nil
}

// crc is the checksum as S3 writes it: base64 of its eight bytes.
func (s *sums) crc() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, s.c64.Sum64()))
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
