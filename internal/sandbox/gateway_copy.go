package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3response"
)

// UploadPartCopy copies a part. The gateway gives a part the checksum of the
// whole source, where that has one of the upload's algorithm, so a part of it is
// taken once more, as if its bytes had been sent.
func (b accountBuckets) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (s3response.CopyPartResult, error) {
	out, err := b.Backend.UploadPartCopy(ctx, in)
	if err != nil || in.CopySourceRange == nil || *in.CopySourceRange == "" {
		return out, err
	}
	for _, sum := range []struct {
		kind utils.HashType
		out  **string
		part func(*s3.UploadPartInput) **string
	}{
		{utils.HashTypeCRC64NVME, &out.ChecksumCRC64NVME, func(p *s3.UploadPartInput) **string { return &p.ChecksumCRC64NVME }},
		{utils.HashTypeCRC32, &out.ChecksumCRC32, func(p *s3.UploadPartInput) **string { return &p.ChecksumCRC32 }},
		{utils.HashTypeCRC32C, &out.ChecksumCRC32C, func(p *s3.UploadPartInput) **string { return &p.ChecksumCRC32C }},
		{utils.HashTypeSha256, &out.ChecksumSHA256, func(p *s3.UploadPartInput) **string { return &p.ChecksumSHA256 }},
		{utils.HashTypeSha1, &out.ChecksumSHA1, func(p *s3.UploadPartInput) **string { return &p.ChecksumSHA1 }},
	} {
		if *sum.out == nil || **sum.out == "" {
			continue
		}
		data, text, err := b.readPart(ctx, in, sum.kind)
		if err != nil {
			return out, err
		}
		size := int64(len(data))
		part := &s3.UploadPartInput{Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId, PartNumber: in.PartNumber, Body: bytes.NewReader(data), ContentLength: &size}
		*sum.part(part), *sum.out = &text, &text
		_, err = b.UploadPart(ctx, part)
		return out, err
	}
	return out, nil
}

// readPart reads the range of the source that a part is copied from, and its
// checksum.
func (b accountBuckets) readPart(ctx context.Context, in *s3.UploadPartCopyInput, kind utils.HashType) (_ []byte, sum string, err error) {
	bucket, key, version, err := backend.ParseCopySource(*in.CopySource)
	if err != nil {
		return nil, "", err
	}
	get := &s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: &version, Range: in.CopySourceRange}
	object, err := b.GetObject(ctx, get)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, object.Body.Close()) }()
	hashed, err := utils.NewHashReader(object.Body, "", kind)
	if err != nil {
		return nil, "", fmt.Errorf("prepare the checksum of a part: %w", err)
	}
	data, err := io.ReadAll(hashed)
	return data, hashed.Sum(), err
}
