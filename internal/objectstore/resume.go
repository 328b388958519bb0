package objectstore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// resume makes the upload that an earlier process opened this transfer's own.
// If we may not look into it, or it is of no use, it is aborted and recorded as
// gone: resumed is false then.
func (t *transfer) resume(ctx context.Context) (resumed bool, err error) {
	list, err := t.client.listParts(ctx, t.Bucket, t.Key, t.Resume)
	if ctx.Err() != nil {
		return false, ctx.Err() // it stays recorded for the next attempt
	}
	if err == nil && (list.algorithm == "" || list.algorithm == t.algorithm.name) {
		t.uploadID, t.there = t.Resume, list.parts
		return true, nil
	}
	// Whatever kept us from looking keeps nothing from starting anew. Only an
	// upload that cannot be aborted either is in the way.
	if err := t.client.Abort(ctx, t.Bucket, t.Key, t.Resume); err != nil {
		return false, err
	}
	if t.Closed == nil {
		return false, nil
	}
	if err := t.Closed(ctx, t.Resume); err != nil {
		return false, recordError{err}
	}
	return false, nil
}

// has reports whether the part of that index is there with these bytes, as far
// as S3 tells checksums; then it counts as sent.
func (t *transfer) has(i int, data []byte, sum string) bool {
	part, ok := t.there[int32(i+1)] //nolint:gosec // at most 10,000
	if !ok || aws.ToInt64(part.Size) != int64(len(data)) {
		return false
	}
	theirs := *t.algorithm.field(sumFields{&part.ChecksumCRC64NVME, &part.ChecksumCRC32C, &part.ChecksumCRC32, &part.ChecksumSHA256, &part.ChecksumSHA1})
	if aws.ToString(theirs) != sum {
		return false
	}
	t.done(i, aws.ToString(part.ETag), sum, int64(len(data)))
	return true
}

// partList is what S3 tells of an open upload.
type partList struct {
	algorithm types.ChecksumAlgorithm
	parts     map[int32]types.Part
}

func (c *Client) listParts(ctx context.Context, bucket, key, uploadID string) (partList, error) {
	in := &s3.ListPartsInput{Bucket: &bucket, Key: &key, UploadId: &uploadID, ExpectedBucketOwner: c.owner(), RequestPayer: c.payer()}
	c.opts.CustomerKey.fill(&in.SSECustomerAlgorithm, &in.SSECustomerKey, &in.SSECustomerKeyMD5)
	list := partList{parts: map[int32]types.Part{}}
	for pages := s3.NewListPartsPaginator(c.s3, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return partList{}, err
		}
		list.algorithm = page.ChecksumAlgorithm
		for _, p := range page.Parts {
			list.parts[aws.ToInt32(p.PartNumber)] = p
		}
	}
	return list, nil
}
