package objectstore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TryUpload opens an upload as Upload would, and aborts it. No object changes,
// and no parts are left; it proves s3:PutObject, s3:AbortMultipartUpload and the
// use of the upload's key of encryption.
func (c *Client) TryUpload(ctx context.Context, u Upload) error {
	algo, err := algorithmOf(u.Checksum)
	if err != nil {
		return err
	}
	own, cancel, err := grace(ctx) // one whose id is lost could not be aborted
	if err != nil {
		return err
	}
	defer cancel()
	t := &transfer{client: c, Upload: u, algorithm: algo}
	out, err := c.s3.CreateMultipartUpload(own, t.createInput())
	if err != nil {
		return c.problem(ctx, err, Context{Bucket: u.Bucket, Key: u.Key, Action: "s3:PutObject"})
	}
	return c.Abort(own, u.Bucket, u.Key, aws.ToString(out.UploadId))
}
