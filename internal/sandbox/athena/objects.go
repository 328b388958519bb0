package athena

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"waybill/internal/sandbox"
)

// objects is S3 as the caller sees it: every request is signed with the
// caller's credentials, so buckets and policies decide as they would for the
// caller itself.
type objects struct {
	client *s3.Client
	dir    string // where the objects lie as files
	owner  *string
}

func newObjects(host sandbox.Host, c *sandbox.Call) *objects {
	credentials := c.Credentials
	return &objects{dir: host.ObjectDir, client: s3.New(s3.Options{
		Region: c.Region, BaseEndpoint: &host.Endpoint, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		APIOptions:  []func(*middleware.Stack) error{smithyhttp.AddHeaderValue(sandbox.ViaHeader, "athena")},
	})}
}

// splitURL takes s3://bucket/key apart.
func splitURL(url string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(url, "s3://"), "/")
	return bucket, key
}

// folder is a location as a prefix that ends with a slash.
func folder(url string) string { return strings.TrimSuffix(url, "/") + "/" }

func errorCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func statusOf(err error) int {
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return resp.HTTPStatusCode()
	}
	return 0
}

// reachable tells whether a location's bucket is there and may be seen, as
// Athena checks before it takes a query.
func (o *objects) reachable(ctx context.Context, url string) error {
	bucket, _ := splitURL(url)
	_, err := o.client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &bucket, ExpectedBucketOwner: o.owner})
	return err
}

// put stores a local file.
func (o *objects) put(ctx context.Context, url, path, contentType string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	bucket, key := splitURL(url)
	_, err = o.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: f, ContentType: &contentType, ExpectedBucketOwner: o.owner})
	if err != nil {
		return writeFailure(url, err)
	}
	return nil
}

// writeFailure words a refused result as Athena does.
func writeFailure(url string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	bucket, _ := splitURL(url)
	switch {
	case errorCode(err) == "NoSuchBucket":
		return userFailure(typeNoBucket, "The S3 location provided to save your query results is invalid. Please check your S3 location is correct and is in the same region and try again. (bucket %s)", bucket)
	case statusOf(err) == http.StatusForbidden:
		return userFailure(typeOutput, "Access denied when writing output to url: %s . Please ensure you are allowed to access the S3 bucket. If specifying an expected bucket owner, confirm the bucket is owned by the expected account. If you are encrypting query results with KMS key, please ensure you are allowed to access your KMS key", url)
	case statusOf(err) == http.StatusMovedPermanently:
		return userFailure(typeOutput, "The S3 location provided to save your query results is invalid. Please check your S3 location is correct and is in the same region and try again.")
	}
	return &failure{category: categorySystem, kind: typeOutput, retryable: true, message: fmt.Sprintf("Error writing output to url: %s : %v", url, err)}
}

// list returns the keys below a location, and their bytes together.
func (o *objects) list(ctx context.Context, url string) (keys []string, size int64, err error) {
	bucket, prefix := splitURL(url)
	pages := s3.NewListObjectsV2Paginator(o.client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, 0, err
		}
		for _, c := range page.Contents {
			if !strings.HasSuffix(*c.Key, "/") {
				keys = append(keys, *c.Key)
				size += aws.ToInt64(c.Size)
			}
		}
	}
	return keys, size, nil
}

// data returns the local files of a table's location, if the caller may read
// every one of them.
func (o *objects) data(ctx context.Context, url string) (paths []string, size int64, err error) {
	bucket, _ := splitURL(url)
	keys, size, err := o.list(ctx, folder(url))
	if err != nil {
		return nil, 0, dataFailure(url, err)
	}
	for _, key := range keys {
		if _, err := o.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			return nil, 0, dataFailure("s3://"+bucket+"/"+key, err)
		}
		paths = append(paths, filepath.Join(o.dir, bucket, filepath.FromSlash(key)))
	}
	return paths, size, nil
}

func dataFailure(url string, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case statusOf(err) == http.StatusForbidden:
		return userFailure(typeDataDenied, "PERMISSION_DENIED: Permission denied on S3 path: %s", url)
	case errorCode(err) == "NoSuchBucket":
		return userFailure(typeDataDenied, "HIVE_METASTORE_ERROR: The specified bucket does not exist: %s", url)
	}
	return &failure{category: categorySystem, kind: typeInternal, retryable: true, message: "HIVE_CANNOT_OPEN_SPLIT: " + err.Error()}
}

// open reads an object from an offset on.
func (o *objects) open(ctx context.Context, url string, offset int64) (io.ReadCloser, error) {
	bucket, key := splitURL(url)
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key, ExpectedBucketOwner: o.owner}
	if offset > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	out, err := o.client.GetObject(ctx, in)
	switch {
	case statusOf(err) == http.StatusRequestedRangeNotSatisfiable:
		return io.NopCloser(strings.NewReader("")), nil
	case err != nil:
		return nil, err
	}
	return out.Body, nil
}
