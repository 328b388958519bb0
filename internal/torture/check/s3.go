package check

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"
)

// An S3 is any service that speaks S3, asked by plain requests with path-style
// addresses. It implements Buckets.
type S3 struct {
	Endpoint, Region     string
	AccessKey, SecretKey string
}

// Make makes a bucket, if it is not there.
func (s S3) Make(ctx context.Context, bucket string) error {
	status, text, err := s.do(ctx, http.MethodPut, "/"+bucket, nil)
	if err == nil && status != http.StatusOK && status != http.StatusConflict {
		err = fmt.Errorf("make the bucket %s: %d %s", bucket, status, text)
	}
	return err
}

// Keys implements Buckets.
func (s S3) Keys(ctx context.Context, bucket, prefix string) ([]string, error) {
	var out []string
	for token := ""; ; {
		q := url.Values{"list-type": {"2"}, "prefix": {prefix}}
		if token != "" {
			q.Set("continuation-token", token)
		}
		var page struct {
			Contents              []struct{ Key string }
			NextContinuationToken string
		}
		if err := s.list(ctx, bucket, q, &page); err != nil {
			return nil, err
		}
		for _, c := range page.Contents {
			out = append(out, c.Key)
		}
		if token = page.NextContinuationToken; token == "" {
			return out, nil
		}
	}
}

// Read implements Buckets.
func (s S3) Read(ctx context.Context, bucket, key string) ([]byte, error) {
	status, text, err := s.do(ctx, http.MethodGet, "/"+bucket+"/"+key, nil)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, fmt.Errorf("s3://%s/%s: %w", bucket, key, ErrNoObject)
	case status != http.StatusOK:
		return nil, fmt.Errorf("read s3://%s/%s: %d %s", bucket, key, status, text)
	}
	return text, nil
}

// Uploads implements Buckets.
func (s S3) Uploads(ctx context.Context, bucket, prefix string) ([]Upload, error) {
	var page struct {
		Upload []struct{ Key, UploadId string } //nolint:revive // as S3 writes it
	}
	if err := s.list(ctx, bucket, url.Values{"uploads": {""}, "prefix": {prefix}}, &page); err != nil {
		return nil, err
	}
	var out []Upload
	for _, u := range page.Upload {
		var parts struct {
			Part []struct{ PartNumber int }
		}
		status, text, err := s.do(ctx, http.MethodGet, "/"+bucket+"/"+u.Key, url.Values{"uploadId": {u.UploadId}})
		if err == nil && status == http.StatusOK {
			err = xml.Unmarshal(text, &parts)
		}
		if err != nil {
			return nil, fmt.Errorf("list the parts of %s: %w", u.Key, err)
		}
		out = append(out, Upload{Key: u.Key, ID: u.UploadId, Parts: len(parts.Part)})
	}
	return out, nil
}

func (s S3) list(ctx context.Context, bucket string, q url.Values, into any) error {
	status, text, err := s.do(ctx, http.MethodGet, "/"+bucket, q)
	if err == nil && status != http.StatusOK {
		err = errors.New(string(text))
	}
	if err == nil {
		err = xml.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("list the bucket %s: %w", bucket, err)
	}
	return nil
}

// emptySum is the SHA-256 of nothing.
const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (s S3) do(ctx context.Context, method, path string, q url.Values) (int, []byte, error) {
	u := strings.TrimSuffix(s.Endpoint, "/") + (&url.URL{Path: path, RawQuery: strings.ReplaceAll(q.Encode(), "+", "%20")}).String()
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(nil))
	if err != nil {
		return 0, nil, fmt.Errorf("ask S3: %w", err)
	}
	req.URL.RawPath = httpbinding.EscapePath(path, false) // as it is signed, which is more than a URL needs
	req.Header.Set("X-Amz-Content-Sha256", emptySum)
	keys := aws.Credentials{AccessKeyID: s.AccessKey, SecretAccessKey: s.SecretKey}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(ctx, keys, req, emptySum, "s3", s.Region, time.Now()); err != nil {
		return 0, nil, fmt.Errorf("ask S3: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("ask S3: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}
