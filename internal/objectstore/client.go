// Package objectstore is the S3 client that sources and sinks share: uploads
// that are there whole or not at all, downloads of one version of an object,
// and answers in words a user can act on.
package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"waybill/internal/identity"
	"waybill/internal/problem"
)

// cleanUpTimeout bounds what is done after a failure with a context of its
// own: aborting an upload, recording that it is gone.
const cleanUpTimeout = 30 * time.Second

// Options places a client.
type Options struct {
	Region    string // overrides the configuration's, if set
	Endpoint  string // URL of S3; empty: the SDK's own, or its environment's
	PathStyle bool
	// Accelerate sends to the bucket's transfer acceleration endpoint. Neither
	// Endpoint nor PathStyle go with it, nor names with dots.
	Accelerate bool
	// RequesterPays accepts that requests are charged to us.
	RequesterPays bool
	// CustomerKey goes with every request of an object, if it is set.
	CustomerKey CustomerKey
	// The rest only names things in problems.
	Identity      string // our ARN, if known
	Where         string // file:line of the block that asked
	ExpectedOwner string // account that must own the bucket; sent with each request
}

// A Client talks to S3. All its errors are problems. Safe for concurrent use.
type Client struct {
	s3   *s3.Client
	opts Options
}

// New makes a client of a configuration that holds credentials.
func New(cfg aws.Config, o Options) *Client {
	if o.Region != "" {
		cfg.Region = o.Region
	}
	o.Region = cfg.Region
	client := s3.NewFromConfig(cfg, func(so *s3.Options) {
		if o.Endpoint != "" {
			so.BaseEndpoint = aws.String(o.Endpoint)
		}
		so.UsePathStyle = so.UsePathStyle || o.PathStyle
		so.UseARNRegion = true // an access point's ARN says where it is
		so.UseAccelerate = so.UseAccelerate || o.Accelerate
		so.DisableLogOutputChecksumValidationSkipped = true
		so.Retryer = renewing{so.Retryer, cfg.Credentials}
	})
	return &Client{s3: client, opts: o}
}

// OptionsOf takes the place of S3 from a connection, which may be nil.
func OptionsOf(c *identity.Config) Options {
	if c == nil {
		return Options{}
	}
	o := Options{Where: c.Where}
	if c.Endpoint != nil {
		o.Endpoint, o.PathStyle = c.Endpoint.S3, c.Endpoint.PathStyle
	}
	return o
}

// Region is where requests are signed for.
func (c *Client) Region() string { return c.opts.Region }

// renewing drops the cached session when S3 says that it has ended, and has
// the request signed anew: clocks differ, and sessions can be revoked.
type renewing struct {
	aws.Retryer
	credentials aws.CredentialsProvider
}

func (r renewing) IsErrorRetryable(err error) bool {
	cache, ok := r.credentials.(*aws.CredentialsCache)
	if ok && identity.ExpiredCode(identity.ReadAnswer(err).Code) {
		cache.Invalidate()
		return true
	}
	return r.Retryer.IsErrorRetryable(err)
}

// HeadBucket returns the region that a bucket is in. A bucket that refuses us
// but tells its region is there: a partner's minimum policy lets nobody look.
func (c *Client) HeadBucket(ctx context.Context, bucket string) (region string, err error) {
	out, err := c.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket, ExpectedBucketOwner: c.owner()})
	if err == nil {
		return orText(aws.ToString(out.BucketRegion), c.opts.Region), nil
	}
	a := identity.ReadAnswer(err)
	if a.Status != http.StatusForbidden {
		return "", c.problem(ctx, err, Context{Bucket: bucket, Action: "s3:ListBucket"})
	}
	if region = a.Header.Get("X-Amz-Bucket-Region"); region == "" {
		return "", c.problem(ctx, err, Context{Bucket: bucket, Action: "s3:ListBucket"})
	}
	if c.opts.ExpectedOwner != "" && c.readable(ctx, bucket) {
		return region, ownerMismatch(a, Context{Bucket: bucket, ExpectedOwner: c.opts.ExpectedOwner, Where: c.opts.Where})
	}
	return region, nil
}

// readable reports whether the bucket lets us look at it when we do not say
// who should own it: then it was the owner that it refused.
func (c *Client) readable(ctx context.Context, bucket string) bool {
	_, err := c.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket})
	return err == nil
}

// Get returns a small object whole. One larger than limit bytes is refused.
func (c *Client) Get(ctx context.Context, bucket, key string, limit int64) ([]byte, error) {
	at := Context{Bucket: bucket, Key: key, Action: "s3:GetObject"}
	out, err := c.s3.GetObject(ctx, c.getInput(bucket, key))
	if err != nil {
		return nil, c.problem(ctx, err, at)
	}
	defer out.Body.Close() //nolint:errcheck // nothing is written
	data, err := io.ReadAll(io.LimitReader(out.Body, limit+1))
	if err != nil {
		return nil, c.problem(ctx, err, at)
	}
	if int64(len(data)) > limit {
		p := problem.New("s3-rejected", fmt.Sprintf("%s is larger than the %d bytes that it may have here", at.url(), limit), nil)
		p.Cause = "It is not the kind of object that was expected under this key."
		return nil, p
	}
	return data, nil
}

// Delete removes exactly these objects, one by one. One that is gone is fine.
func (c *Client) Delete(ctx context.Context, bucket string, keys ...string) error {
	for _, key := range keys {
		_, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, ExpectedBucketOwner: c.owner(), RequestPayer: c.payer()})
		if err != nil && !isCode(err, "NoSuchKey") { // which S3 itself does not say
			return c.problem(ctx, err, Context{Bucket: bucket, Key: key, Action: "s3:DeleteObject"})
		}
	}
	return nil
}

// Abort ends a multipart upload and removes its parts. It is fine if the
// upload was completed or aborted before.
func (c *Client) Abort(ctx context.Context, bucket, key, uploadID string) error {
	_, err := c.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: &uploadID, ExpectedBucketOwner: c.owner(), RequestPayer: c.payer()})
	if err == nil || isCode(err, "NoSuchUpload") {
		return nil
	}
	return c.problem(ctx, err, Context{Bucket: bucket, Key: key, Action: "s3:AbortMultipartUpload"})
}

func (c *Client) owner() *string { return given(c.opts.ExpectedOwner) }

func (c *Client) payer() types.RequestPayer {
	if c.opts.RequesterPays {
		return types.RequestPayerRequester
	}
	return ""
}

// problem classifies an error with all that this client knows.
func (c *Client) problem(ctx context.Context, err error, at Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return problem.New("cancelled", "the transfer of "+at.url()+" was cancelled", ctx.Err())
	}
	at.Region, at.ExpectedOwner, at.Identity, at.Where = c.opts.Region, c.opts.ExpectedOwner, c.opts.Identity, c.opts.Where
	return Classify(err, at)
}

func isCode(err error, code string) bool { return identity.ReadAnswer(err).Code == code }

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
