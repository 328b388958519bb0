package objectstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"waybill/internal/identity"
	"waybill/internal/identity/identitytest"
	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/internal/sandbox"
)

func TestMain(m *testing.M) { identitytest.Main(m) }

// client is a client of a world with one of the partner's roles.
func client(t *testing.T, w *identitytest.World, role string, o objectstore.Options) *objectstore.Client {
	t.Helper()
	conn := w.Connection(identitytest.Role(role))
	cfg, err := identity.NewProvider().AWSConfig(t.Context(), conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	place := objectstore.OptionsOf(conn)
	o.Endpoint, o.PathStyle = place.Endpoint, place.PathStyle
	return objectstore.New(cfg, o)
}

func put(t *testing.T, w *identitytest.World, bucket, key string, data []byte) (etag string) {
	t.Helper()
	out, err := w.Admin("us-east-1").PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.ETag)
}

func random(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func wantCode(t *testing.T, err error, code string, class problem.Class) *problem.Problem {
	t.Helper()
	p := problem.As(err)
	if p == nil || p.Code != code || p.Class != class {
		t.Fatalf("got %+v (%v), want %s, %s", p, err, code, class)
	}
	for _, bad := range []string{"operation error", "EOF", "CANARY", "0xc0", "*"} {
		if strings.Contains(p.Error(), bad) {
			t.Errorf("the text holds %q: %s", bad, p.Error())
		}
	}
	return p
}

func TestDownload(t *testing.T) {
	w := identitytest.Start(t)
	c := client(t, w, "Reader", objectstore.Options{})
	for _, size := range []int{0, 1, 8 << 20, 8<<20 + 1, 20 << 20} {
		data := random(size)
		key := fmt.Sprintf("in/größe %d", size)
		etag := put(t, w, identitytest.Inbox, key, data)
		path := filepath.Join(t.TempDir(), "file")
		var progress atomic.Int64
		d := objectstore.Download{Bucket: identitytest.Inbox, Key: key, ETag: etag, Size: int64(size), Path: path, Progress: func(n int64) { progress.Add(n) }}
		if err := c.Download(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, data) || progress.Load() != int64(size) {
			t.Errorf("%d bytes: got %d, progress %d, %v", size, len(got), progress.Load(), err)
		}
	}
	for _, e := range w.Requests("GetObject") {
		if e.Header["if-match"] == "" {
			t.Errorf("a range was read without If-Match: %v", e.Header)
		}
	}
}

func TestDownloadFailures(t *testing.T) {
	w := identitytest.Start(t)
	etag := put(t, w, identitytest.Inbox, "in/a", random(9<<20))
	tests := []struct {
		name, role, key, etag string
		fault                 []sandbox.Fault
		code                  string
		class                 problem.Class
	}{
		{"changed", "Reader", "in/a", `"0123456789abcdef0123456789abcdef"`, nil, "object-changed", problem.Transient},
		{"gone", "Reader", "in/b", etag, nil, "object-not-found", problem.Transient},
		{"denied", "Inbox", "in/a", etag, nil, "bucket-access-denied", problem.Permanent},
		{"cut", "Reader", "in/a", etag, []sandbox.Fault{{Operation: "GetObject", Cut: sandbox.CutBefore}}, "s3-unreachable", problem.Transient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.Faults(tt.fault...)
			defer w.Faults()
			dir := t.TempDir()
			err := client(t, w, tt.role, objectstore.Options{}).Download(t.Context(),
				objectstore.Download{Bucket: identitytest.Inbox, Key: tt.key, ETag: tt.etag, Size: 9 << 20, Path: filepath.Join(dir, "file")})
			wantCode(t, err, tt.code, tt.class)
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// broken serves one object, and ends the body of every other answer early.
func broken(t *testing.T, data []byte) *objectstore.Client {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var from, to int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Length", fmt.Sprint(to-from+1))
		w.WriteHeader(http.StatusPartialContent)
		part := data[from : to+1]
		if calls.Add(1)%2 == 1 {
			part = part[:len(part)/3]
		}
		_, _ = w.Write(part)
	}))
	t.Cleanup(server.Close)
	return fixed(server.URL)
}

// fixed is a client with static keys of whatever answers at url.
func fixed(url string) *objectstore.Client {
	return objectstore.New(aws.Config{Region: "us-east-1", RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIA1", "CANARY", "")},
		objectstore.Options{Endpoint: url, PathStyle: true, Identity: "arn:aws:iam::1:user/u"})
}

func TestDownloadGoesOnWhereABodyBrokeOff(t *testing.T) {
	data, path := random(3<<20), filepath.Join(t.TempDir(), "file")
	err := broken(t, data).Download(t.Context(), objectstore.Download{Bucket: "bucket", Key: "k", ETag: `"e"`, Size: int64(len(data)), Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, data) {
		t.Error("the file differs from the object")
	}
}

func TestDownloadCancelled(t *testing.T) {
	w := identitytest.Start(t)
	etag := put(t, w, identitytest.Inbox, "in/a", random(20<<20))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	err := client(t, w, "Reader", objectstore.Options{}).Download(ctx, objectstore.Download{Bucket: identitytest.Inbox, Key: "in/a", ETag: etag, Size: 20 << 20,
		Path: filepath.Join(dir, "file"), Parallel: 1, Progress: func(int64) { cancel() }})
	wantCode(t, err, "cancelled", problem.Permanent)
	if left, _ := os.ReadDir(dir); len(left) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

func TestHeadBucket(t *testing.T) {
	w := identitytest.Start(t)
	tests := []struct {
		name, role, bucket, region, owner string
		want, code                        string
	}{
		{"there", "Reader", identitytest.Inbox, "us-east-1", "", "us-east-1", ""},
		{"missing", "Reader", "acme-nothing", "us-east-1", "", "", "bucket-not-found"},
		{"right owner", "Reader", identitytest.Inbox, "us-east-1", identitytest.Partners, "us-east-1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := client(t, w, tt.role, objectstore.Options{Region: tt.region, ExpectedOwner: tt.owner}).HeadBucket(t.Context(), tt.bucket)
			if tt.code != "" {
				wantCode(t, err, tt.code, problem.Permanent)
			} else if err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestHeadBucketRefused: S3 tells the region even to those it refuses.
func TestHeadBucketRefused(t *testing.T) {
	answer := func(header, forOwner bool) *objectstore.Client {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if header {
				w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
			}
			if forOwner && r.Header.Get("X-Amz-Expected-Bucket-Owner") == "" {
				return
			}
			w.WriteHeader(http.StatusForbidden)
		}))
		t.Cleanup(server.Close)
		return objectstore.New(aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIA1", "CANARY", "")},
			objectstore.Options{Endpoint: server.URL, PathStyle: true, ExpectedOwner: "123456789012"})
	}
	if region, err := answer(true, false).HeadBucket(t.Context(), "bucket"); err != nil || region != "eu-west-1" {
		t.Errorf("got %q, %v: a refusal with a region means that the bucket is there", region, err)
	}
	_, err := answer(false, false).HeadBucket(t.Context(), "bucket")
	wantCode(t, err, "bucket-access-denied", problem.Permanent)
	_, err = answer(true, true).HeadBucket(t.Context(), "bucket")
	wantCode(t, err, "bucket-owner-mismatch", problem.Permanent)
}

func TestGetAndDelete(t *testing.T) {
	w := identitytest.Start(t)
	c := client(t, w, "Reader", objectstore.Options{})
	put(t, w, identitytest.Inbox, "a", []byte("text"))
	if got, err := c.Get(t.Context(), identitytest.Inbox, "a", 4); err != nil || string(got) != "text" {
		t.Errorf("got %q, %v", got, err)
	}
	_, err := c.Get(t.Context(), identitytest.Inbox, "a", 3)
	wantCode(t, err, "s3-rejected", problem.Permanent)
	info, err := c.Head(t.Context(), identitytest.Inbox, "a")
	if err != nil || info.Size != 4 || info.ETag == "" {
		t.Errorf("got %+v, %v", info, err)
	}
	if err := c.Delete(t.Context(), identitytest.Inbox, "a", "never-there"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Head(t.Context(), identitytest.Inbox, "a")
	wantCode(t, err, "object-not-found", problem.Transient)
}

func TestIfAbsent(t *testing.T) {
	w := identitytest.Start(t)
	put(t, w, identitytest.Inbox, "a", []byte("theirs"))
	path := filepath.Join(t.TempDir(), "file")
	for _, size := range []int{10, 17 << 20} {
		if err := os.WriteFile(path, random(size), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := client(t, w, "Inbox", objectstore.Options{}).Upload(t.Context(), objectstore.Upload{Bucket: identitytest.Inbox, Key: "a", Path: path, Size: int64(size), IfAbsent: true})
		wantCode(t, err, "object-exists", problem.Permanent)
	}
	if got, err := client(t, w, "Reader", objectstore.Options{}).Get(t.Context(), identitytest.Inbox, "a", 100); err != nil || string(got) != "theirs" {
		t.Errorf("the object is %q, %v", got, err)
	}
}

// TestUploadIDIsRecordedBeforeAnyPart, and an upload whose id could not be
// recorded sends nothing and leaves nothing.
func TestUploadIDIsRecordedBeforeAnyPart(t *testing.T) {
	w := identitytest.Start(t)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, random(17<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	u := objectstore.Upload{Bucket: identitytest.Inbox, Key: "a", Path: path, Size: 17 << 20}
	errNo := errors.New("the ledger is full")
	var opened, closed []string
	u.Opened = func(_ context.Context, id string) error {
		opened = append(opened, id)
		if n := len(w.Requests("UploadPart")); n != 0 {
			t.Errorf("%d parts were sent before the id was recorded", n)
		}
		return errNo
	}
	u.Closed = func(_ context.Context, id string) error { closed = append(closed, id); return nil }
	_, err := client(t, w, "Inbox", objectstore.Options{}).Upload(t.Context(), u)
	if !errors.Is(err, errNo) || problem.As(err) != nil {
		t.Errorf("got %v, want the recorder's own error", err)
	}
	if len(opened) != 1 || !slices.Equal(opened, closed) {
		t.Errorf("opened %v, closed %v", opened, closed)
	}
	if n := len(w.Requests("UploadPart")); n != 0 {
		t.Errorf("%d parts were sent", n)
	}
}

// TestNothingIsLogged: failures are returned, and not written to the process's
// log, too.
func TestNothingIsLogged(t *testing.T) {
	var out bytes.Buffer
	log.SetOutput(&out)
	defer log.SetOutput(os.Stderr)
	w := identitytest.Start(t)
	w.Faults(sandbox.Fault{Operation: "CompleteMultipartUpload", Code: "AccessDenied"})
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, random(17<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := client(t, w, "Inbox", objectstore.Options{}).Upload(t.Context(), objectstore.Upload{Bucket: identitytest.Inbox, Key: "a", Path: path, Size: 17 << 20})
	wantCode(t, err, "bucket-access-denied", problem.Permanent)
	if out.Len() > 0 {
		t.Errorf("logged: %s", out.String())
	}
}

func TestClassify(t *testing.T) {
	const denied = `User: arn:aws:sts::1:assumed-role/R/s is not authorized to perform: %s on resource: "%s" because no identity-based policy allows it`
	key := "arn:aws:kms:eu-west-1:1:key/abc"
	tests := []struct {
		name            string
		status          int
		header          http.Header
		s3Code, message string
		code            string
		class           problem.Class
		snippet         string
	}{
		{"no bucket", 404, nil, "NoSuchBucket", "The specified bucket does not exist", "bucket-not-found", problem.Permanent, ""},
		{"redirect", 301, http.Header{"X-Amz-Bucket-Region": {"eu-west-1"}}, "PermanentRedirect", "…", "bucket-region-mismatch", problem.Permanent, `region = "eu-west-1"`},
		{"malformed header", 400, nil, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'ap-south-1'", "bucket-region-mismatch", problem.Permanent, `region = "ap-south-1"`},
		{"denied", 403, nil, "AccessDenied", "Access Denied", "bucket-access-denied", problem.Permanent, `"arn:aws:s3:::bucket/a b"`},
		{"denied by KMS", 403, nil, "AccessDenied", fmt.Sprintf(denied, "kms:GenerateDataKey", key), "bucket-access-denied", problem.Permanent, key},
		{"denied tags", 403, nil, "AccessDenied", fmt.Sprintf(denied, "s3:PutObjectTagging", "arn:aws:s3:::bucket/a b"), "bucket-access-denied", problem.Permanent, "s3:PutObjectTagging"},
		{"unknown key", 403, nil, "InvalidAccessKeyId", "…", "credentials-invalid", problem.Permanent, ""},
		{"wrong signature", 403, nil, "SignatureDoesNotMatch", "…", "credentials-invalid", problem.Permanent, ""},
		{"skew", 403, nil, "RequestTimeTooSkewed", "…", "credentials-invalid", problem.Permanent, ""},
		{"expired", 400, nil, "ExpiredToken", "…", "credentials-expired", problem.Transient, ""},
		{"slow down", 503, nil, "SlowDown", "…", "s3-slow-down", problem.Throttled, ""},
		{"too many", 429, nil, "TooManyRequests", "…", "s3-slow-down", problem.Throttled, ""},
		{"internal", 500, nil, "InternalError", "…", "s3-failed", problem.Transient, ""},
		{"time-out", 400, nil, "RequestTimeout", "…", "s3-failed", problem.Transient, ""},
		{"digest", 400, nil, "BadDigest", "…", "s3-failed", problem.Transient, ""},
		{"exists", 412, nil, "PreconditionFailed", "…", "object-exists", problem.Permanent, ""},
		{"rejected", 400, nil, "InvalidStorageClass", "…", "s3-rejected", problem.Permanent, ""},
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tt.header {
					w.Header()[k] = v
				}
				w.WriteHeader(tt.status)
				_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", tt.s3Code, tt.message)
			}))
			defer server.Close()
			_, err := fixed(server.URL).Upload(t.Context(), objectstore.Upload{Bucket: "bucket", Key: "a b", Path: path, Size: 1})
			p := wantCode(t, err, tt.code, tt.class)
			if !strings.Contains(p.Summary, "bucket") || !strings.Contains(p.Snippet, tt.snippet) {
				t.Errorf("summary %q, snippet %q", p.Summary, p.Snippet)
			}
			if tt.code == "bucket-access-denied" && !json.Valid([]byte(p.Snippet)) {
				t.Errorf("the statement is not JSON: %s", p.Snippet)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	defer tls.Close()
	for url, reason := range map[string]string{
		"http://127.0.0.1:1": "connection refused",
		tls.URL:              "certificate is not trusted",
	} {
		_, err := fixed(url).Upload(t.Context(), objectstore.Upload{Bucket: "bucket", Key: "a", Path: path, Size: 1})
		if p := wantCode(t, err, "s3-unreachable", problem.Transient); !strings.Contains(p.Error(), reason) {
			t.Errorf("%s: the reason %q is missing: %s", url, reason, p.Error())
		}
	}
}
