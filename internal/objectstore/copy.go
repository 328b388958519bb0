package objectstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// copyAbove is the size above which a file is copied: S3 copies parts of objects
// above 5 MB only, and one PUT of less is as quick as the three requests.
const copyAbove = 5 << 20

// CopiedAbove is the size in bytes above which S3 is asked to copy a file under
// that checksum algorithm. A checksum that depends on the parts stays what it
// would be of a file that is sent.
func CopiedAbove(checksum string) int64 {
	if a, err := algorithmOf(checksum); err == nil && a.composite {
		return multipartFrom - 1
	}
	return copyAbove
}

// A Source is one version of an object, which a file was brought from.
type Source struct {
	Bucket, Key   string
	ETag          string // of the version; S3 is to refuse any other
	Version       string // its id in a versioned bucket; may be empty
	ExpectedOwner string // account that must own the bucket; may be empty
}

// copies reports whether S3 is to be asked to copy an upload's bytes. Under a
// customer's own key the source would have to be decrypted by another one.
func (c *Client) copies(u Upload) bool {
	return u.From != nil && u.From.ETag != "" && u.Size > CopiedAbove(u.Checksum) && c.opts.CustomerKey.key.IsZero()
}

// name is the source as a request names it: path and version are escaped, the
// slashes between are not. A plus sign must be, or S3 reads a space.
func (s Source) name() string {
	parts := strings.Split(s.Bucket+"/"+s.Key, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(p), "+", "%2B")
	}
	name := strings.Join(parts, "/")
	if s.Version != "" {
		name += "?versionId=" + url.QueryEscape(s.Version)
	}
	return name
}

// errOtherBytes is why a part that S3 copied does not count.
var errOtherBytes = errors.New("S3 copied other bytes than the file has")

// copyPart has S3 take the part of that index, counted from 0, from the source.
// It counts only if S3's checksum of it is that of the local bytes: so what is
// delivered is what was frozen, whatever stands at the source by now.
func (t *transfer) copyPart(ctx context.Context, i int, size int64, sum string) error {
	from := int64(i) * partSize(t.Size)
	in := &s3.UploadPartCopyInput{
		Bucket: &t.Bucket, Key: &t.Key, UploadId: &t.uploadID, PartNumber: aws.Int32(int32(i + 1)), //nolint:gosec // at most 10,000
		CopySource: aws.String(t.From.name()), CopySourceIfMatch: &t.From.ETag, CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", from, from+size-1)),
		ExpectedBucketOwner: t.client.owner(), ExpectedSourceBucketOwner: given(t.From.ExpectedOwner), RequestPayer: t.client.payer(),
	}
	out, err := t.client.s3.UploadPartCopy(ctx, in)
	if err != nil {
		return t.client.problem(ctx, err, Context{Bucket: t.From.Bucket, Key: t.From.Key, Action: "s3:GetObject"})
	}
	part := out.CopyPartResult
	if part == nil {
		return errOtherBytes
	}
	theirs := *t.algorithm.field(sumFields{&part.ChecksumCRC64NVME, &part.ChecksumCRC32C, &part.ChecksumCRC32, &part.ChecksumSHA256, &part.ChecksumSHA1})
	if aws.ToString(theirs) != sum {
		return errOtherBytes
	}
	t.done(i, aws.ToString(part.ETag), sum, size)
	t.copied.Add(size)
	return nil
}

// copyOrNot copies a part, if that is asked for and nothing has spoken against
// it yet. One that is not copied is to be sent, and all that follow.
func (t *transfer) copyOrNot(ctx context.Context, i int, size int64, sum string) bool {
	if t.From == nil || t.notCopied.Load() != nil {
		return false
	}
	err := t.copyPart(ctx, i, size, sum)
	if err != nil {
		t.notCopied.CompareAndSwap(nil, &err)
	}
	return err == nil
}

// uploaded adds what was copied.
func (t *transfer) uploaded(u Uploaded) Uploaded {
	u.Copied = t.copied.Load()
	if err := t.notCopied.Load(); err != nil {
		u.NotCopied = *err
	}
	return u
}
