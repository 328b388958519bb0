package objectstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Info is what a HEAD of an object tells.
type Info struct {
	Size        int64
	ETag        string
	Version     string
	ContentType string
	Metadata    map[string]string // names in lower case
	Modified    time.Time
	// Checksums are what S3 tells, each with the name of its algorithm as in
	// Uploaded; there may be none.
	Checksums []string
}

// Head returns what an object is, without its bytes. S3 answers "denied" for an
// object that is not there, too, to somebody who may not list the bucket.
func (c *Client) Head(ctx context.Context, bucket, key string) (Info, error) {
	in := &s3.HeadObjectInput{Bucket: &bucket, Key: &key, ExpectedBucketOwner: c.owner(), RequestPayer: c.payer(), ChecksumMode: types.ChecksumModeEnabled}
	c.opts.CustomerKey.fill(&in.SSECustomerAlgorithm, &in.SSECustomerKey, &in.SSECustomerKeyMD5)
	out, err := c.s3.HeadObject(ctx, in)
	if err != nil {
		return Info{}, c.problem(ctx, err, Context{Bucket: bucket, Key: key, Action: "s3:GetObject"})
	}
	info := Info{Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag), Version: aws.ToString(out.VersionId),
		ContentType: aws.ToString(out.ContentType), Metadata: map[string]string{}, Modified: aws.ToTime(out.LastModified)}
	for name, value := range out.Metadata {
		info.Metadata[strings.ToLower(name)] = value
	}
	fields := sumFields{&out.ChecksumCRC64NVME, &out.ChecksumCRC32C, &out.ChecksumCRC32, &out.ChecksumSHA256, &out.ChecksumSHA1}
	for _, a := range algorithms() {
		if sum := aws.ToString(*a.field(fields)); sum != "" {
			info.Checksums = append(info.Checksums, a.label(sum))
		}
	}
	return info, nil
}

func (c *Client) getInput(bucket, key string) *s3.GetObjectInput {
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key, ExpectedBucketOwner: c.owner(), RequestPayer: c.payer()}
	c.opts.CustomerKey.fill(&in.SSECustomerAlgorithm, &in.SSECustomerKey, &in.SSECustomerKeyMD5)
	return in
}

// Digest reads an object whole and returns the SHA-256 of its bytes in hex, and
// their number. Nothing of it is kept.
func (c *Client) Digest(ctx context.Context, bucket, key string) (sum string, size int64, err error) {
	at := Context{Bucket: bucket, Key: key, Action: "s3:GetObject"}
	out, err := c.s3.GetObject(ctx, c.getInput(bucket, key))
	if err != nil {
		return "", 0, c.problem(ctx, err, at)
	}
	defer out.Body.Close() //nolint:errcheck // nothing is written
	h := sha256.New()
	if size, err = io.Copy(h, out.Body); err != nil {
		return "", size, c.problem(ctx, err, at)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// An OpenUpload is a multipart upload that has neither been completed nor
// aborted. Its parts are stored, and paid for.
type OpenUpload struct {
	Key, ID   string
	Initiated time.Time
}

// OpenUploads lists the open uploads whose keys begin with prefix.
func (c *Client) OpenUploads(ctx context.Context, bucket, prefix string) ([]OpenUpload, error) {
	in := &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: given(prefix), ExpectedBucketOwner: c.owner(), RequestPayer: c.payer()}
	var open []OpenUpload
	for pages := s3.NewListMultipartUploadsPaginator(c.s3, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.problem(ctx, err, Context{Bucket: bucket, Action: "s3:ListBucketMultipartUploads"})
		}
		for _, u := range page.Uploads {
			open = append(open, OpenUpload{Key: aws.ToString(u.Key), ID: aws.ToString(u.UploadId), Initiated: aws.ToTime(u.Initiated)})
		}
	}
	return open, nil
}
