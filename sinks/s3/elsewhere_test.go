package s3_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"waybill/internal/identity"
	"waybill/internal/secret"
	"waybill/internal/torture/check"
	"waybill/internal/torture/proxy"
	"waybill/sinks"
	"waybill/sinks/sinktest"
)

// otherS3 is the service that WAYBILL_TEST_S3 names.
func otherS3(t *testing.T) check.S3 {
	t.Helper()
	s := check.S3{Endpoint: os.Getenv("WAYBILL_TEST_S3"), Region: cmp.Or(os.Getenv("WAYBILL_TEST_S3_REGION"), "us-east-1"),
		AccessKey: os.Getenv("WAYBILL_TEST_S3_KEY"), SecretKey: os.Getenv("WAYBILL_TEST_S3_SECRET")}
	if s.Endpoint == "" {
		t.Skip("WAYBILL_TEST_S3 names no service")
	}
	return s
}

// elsewhere is a bucket of its own at another S3, with a proxy before it that
// makes happen what the sandbox's faults do.
type elsewhere struct {
	check.S3
	t      *testing.T
	bucket string
	proxy  *proxy.Proxy
	writes atomic.Int64
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	e := &elsewhere{S3: otherS3(t), t: t, bucket: "waybill-test-" + strings.ToLower(rand.Text())}
	if err := e.Make(t.Context(), e.bucket); err != nil {
		t.Fatal(err)
	}
	var err error
	e.proxy, err = proxy.Start(e.Endpoint, proxy.Hooks{Saw: func(context.Context, string, string, string) { e.writes.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	return e
}

// close leaves nothing behind.
func (e *elsewhere) close() {
	e.proxy.Close()
	ctx := context.Background()
	keys, err := e.Keys(ctx, e.bucket, "")
	if err != nil {
		e.t.Error(err)
	}
	for _, key := range keys {
		e.remove(key)
	}
	if _, err := e.admin().DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: &e.bucket}); err != nil {
		e.t.Error(err)
	}
}

func (e *elsewhere) admin() *awss3.Client {
	return awss3.New(awss3.Options{Region: e.Region, BaseEndpoint: &e.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(e.AccessKey, e.SecretKey, "")})
}

func (e *elsewhere) put(key string, data []byte) {
	e.t.Helper()
	if _, err := e.admin().PutObject(context.Background(), &awss3.PutObjectInput{Bucket: &e.bucket, Key: &key, Body: bytes.NewReader(data)}); err != nil {
		e.t.Fatal(err)
	}
}

func (e *elsewhere) remove(key string) {
	if _, err := e.admin().DeleteObject(context.Background(), &awss3.DeleteObjectInput{Bucket: &e.bucket, Key: aws.String(key)}); err != nil {
		e.t.Error(err)
	}
}

// uploads lists the open uploads of every key that one was begun of: MinIO
// lists those of whole keys only.
func (e *elsewhere) uploads() (open []string) {
	e.t.Helper()
	for _, r := range e.proxy.Requests() {
		if r.Op != "CreateMultipartUpload" {
			continue
		}
		list, err := e.Uploads(e.t.Context(), e.bucket, r.Key)
		if err != nil {
			e.t.Fatal(err)
		}
		for _, u := range list {
			open = append(open, u.Key+" "+u.ID)
		}
	}
	return open
}

func (e *elsewhere) sink() sinks.Sink {
	e.t.Helper()
	conn := &identity.Config{Region: e.Region, AccessKeyID: secret.New(e.AccessKey), SecretAccessKey: secret.New(e.SecretKey),
		Endpoint: &identity.Endpoint{S3: e.proxy.URL, STS: e.proxy.URL, PathStyle: true}}
	s, diags := decode(e.t, conn, fmt.Sprintf("connection = connection.acme\nbucket = %q\nkey = \"out/${run.date}\"", e.bucket))
	if diags.HasErrors() {
		e.t.Fatal(diags)
	}
	return s
}

// always is a rule for all requests of an operation from the nth on.
func always(op string, from, status int, code string) proxy.Rule {
	return proxy.Rule{Op: op, From: from, Times: 1000, Do: proxy.Answer, Status: status, Code: code}
}

func (e *elsewhere) place() sinktest.Place {
	s := e.sink()
	return sinktest.Place{
		Sink: s,
		Put:  e.put,
		Read: func(key string) ([]byte, bool) {
			data, err := e.Read(e.t.Context(), e.bucket, key)
			if err != nil && !errors.Is(err, check.ErrNoObject) {
				e.t.Fatal(err)
			}
			return data, err == nil
		},
		Debris: e.uploads,
		Writes: func() int { return int(e.writes.Load()) },
		Break: func() func() {
			e.proxy.SetRules(always("UploadPart", 2, http.StatusForbidden, "AccessDenied"), always("PutObject", 1, http.StatusForbidden, "AccessDenied"))
			return func() { e.proxy.SetRules() }
		},
		Crash: func(l *sinktest.Ledger, a sinks.Artifact) {
			e.proxy.SetRules(always("UploadPart", 2, http.StatusInternalServerError, "InternalError"), always("AbortMultipartUpload", 1, http.StatusInternalServerError, "InternalError"))
			_, err := s.Deliver(e.t.Context(), sinktest.Delivery(l, a))
			e.proxy.SetRules()
			if err == nil || len(l.Open()) != 1 {
				e.t.Fatalf("delivered (%v), or the ledger holds no open upload: %+v", err, l.Open())
			}
		},
		Verifier:  s.(sinks.Verifier),
		Overwrite: e.put,
		Remove:    e.remove,
	}
}

// TestBehaviourElsewhere is the whole behaviour at any S3: see otherS3.
func TestBehaviourElsewhere(t *testing.T) {
	otherS3(t)
	sinktest.Run(t, sinktest.Harness{New: func(t *testing.T) sinktest.Place { return newElsewhere(t).place() }})
}
