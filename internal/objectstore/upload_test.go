package objectstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"waybill/internal/identity/identitytest"
	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/internal/sandbox"
	"waybill/internal/secret"
)

// artifact is a file of size bytes on its way to key "a".
func artifact(t *testing.T, size int) objectstore.Upload {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, random(size), 0o600); err != nil {
		t.Fatal(err)
	}
	return objectstore.Upload{Bucket: identitytest.Inbox, Key: "a", Path: path, Size: int64(size)}
}

func wantObject(t *testing.T, w *identitytest.World, size int) {
	t.Helper()
	got, err := client(t, w, "Reader", objectstore.Options{}).Get(t.Context(), identitytest.Inbox, "a", int64(size))
	if err != nil || !bytes.Equal(got, random(size)) {
		t.Errorf("the object has %d bytes, or others than it should: %v", len(got), err)
	}
}

// TestChecksumAlgorithms: what we say of an object is what S3 has computed, for
// each algorithm, in one request and in parts.
func TestChecksumAlgorithms(t *testing.T) {
	w := identitytest.Start(t)
	for _, algorithm := range objectstore.ChecksumAlgorithms() {
		for _, size := range []int{100, 17 << 20} {
			t.Run(fmt.Sprintf("%s of %d bytes", algorithm, size), func(t *testing.T) {
				u := artifact(t, size)
				u.Checksum = algorithm
				out, err := client(t, w, "Inbox", objectstore.Options{}).Upload(t.Context(), u)
				if err != nil {
					t.Fatal(err)
				}
				info, err := client(t, w, "Reader", objectstore.Options{}).Head(t.Context(), u.Bucket, u.Key)
				if err != nil || !slices.Equal(info.Checksums, []string{out.Checksum}) {
					t.Errorf("S3 has %v, we say %s: %v", info.Checksums, out.Checksum, err)
				}
				if kind, _, _ := strings.Cut(out.Checksum, ":"); kind != strings.ToLower(algorithm) {
					t.Errorf("the checksum is %s, want %s", out.Checksum, algorithm)
				}
			})
		}
	}
	u := artifact(t, 1)
	u.Checksum = "MD5"
	if _, err := client(t, w, "Inbox", objectstore.Options{}).Upload(t.Context(), u); err == nil {
		t.Error("an unknown algorithm was taken")
	}
}

// half opens an upload as a process would that died after some parts, and
// returns its id.
func half(t *testing.T, w *identitytest.World, u objectstore.Upload, parts int, algorithm types.ChecksumAlgorithm, spoil int) string {
	t.Helper()
	admin := w.Admin("us-east-1")
	out, err := admin.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &u.Bucket, Key: &u.Key, ChecksumAlgorithm: algorithm})
	if err != nil {
		t.Fatal(err)
	}
	data := random(int(u.Size))
	for n := 1; n <= parts; n++ {
		part := bytes.Clone(data[(n-1)*8<<20 : min(n*8<<20, len(data))])
		if n == spoil {
			part[0]++
		}
		_, err := admin.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &u.Bucket, Key: &u.Key, UploadId: out.UploadId,
			PartNumber: aws.Int32(int32(n)), Body: bytes.NewReader(part), ChecksumAlgorithm: algorithm})
		if err != nil {
			t.Fatal(err)
		}
	}
	return *out.UploadId
}

// TestResume: of an upload that a dead process left, the parts that are there
// with the right bytes are not sent again, as far as we may know of them.
func TestResume(t *testing.T) {
	const size = 28 << 20 // four parts
	tests := []struct {
		name, role string
		has, spoil int
		algorithm  types.ChecksumAlgorithm
		sent       int  // parts
		anew       bool // another upload is opened
	}{
		{"two of four parts are there", "Reader", 2, 0, "CRC64NVME", 2, false},
		{"all are there", "Reader", 4, 0, "CRC64NVME", 0, false},
		{"none is there", "Reader", 0, 0, "CRC64NVME", 4, false},
		{"one has other bytes", "Reader", 3, 2, "CRC64NVME", 2, false},
		{"opened for another algorithm", "Reader", 2, 0, "CRC32C", 4, true},
		{"we may not look", "Inbox", 2, 0, "CRC64NVME", 4, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := identitytest.Start(t)
			u := artifact(t, size)
			u.Resume = half(t, w, u, tt.has, tt.algorithm, tt.spoil)
			var opened, closed []string
			var progress int64
			u.Opened = func(_ context.Context, id string) error { opened = append(opened, id); return nil }
			u.Closed = func(_ context.Context, id string) error { closed = append(closed, id); return nil }
			u.Parallel, u.Progress = 1, func(n int64) { progress += n }
			if _, err := client(t, w, tt.role, objectstore.Options{}).Upload(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			wantObject(t, w, size)
			if n := len(w.Requests("UploadPart")); n != tt.sent || progress != size {
				t.Errorf("%d parts were sent and %d bytes reported, want %d and all", n, progress, tt.sent)
			}
			created := len(w.Requests("CreateMultipartUpload"))
			if (created == 1) != tt.anew || (len(opened) == 1) != tt.anew || slices.Contains(closed, u.Resume) != tt.anew {
				t.Errorf("%d uploads were opened (%v) and %v closed, want another: %v", created, opened, closed, tt.anew)
			}
		})
	}
}

// TestResumeOfWhatIsGone: an upload that was completed or aborted is begun
// again; one that can be neither read nor aborted is in the way.
func TestResumeOfWhatIsGone(t *testing.T) {
	w := identitytest.Start(t)
	u := artifact(t, 17<<20)
	u.Resume = "8d0c3f5e-gone"
	if _, err := client(t, w, "Reader", objectstore.Options{}).Upload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	wantObject(t, w, 17<<20)
	u.Resume = half(t, w, u, 1, "CRC64NVME", 0)
	u.Opened = func(context.Context, string) error { t.Error("another upload was opened"); return nil }
	w.Faults(sandbox.Fault{Operation: "ListParts", Code: "InternalError"}, sandbox.Fault{Operation: "AbortMultipartUpload", Code: "InternalError"})
	_, err := client(t, w, "Reader", objectstore.Options{}).Upload(t.Context(), u)
	wantCode(t, err, "s3-failed", problem.Transient)
}

// TestResumedUploadIsAbortedOnFailure, as any other is.
func TestResumedUploadIsAbortedOnFailure(t *testing.T) {
	w := identitytest.Start(t)
	u := artifact(t, 17<<20)
	u.Resume = half(t, w, u, 1, "CRC64NVME", 0)
	var closed []string
	u.Closed = func(_ context.Context, id string) error { closed = append(closed, id); return nil }
	w.Faults(sandbox.Fault{Operation: "UploadPart", Code: "AccessDenied"})
	_, err := client(t, w, "Reader", objectstore.Options{}).Upload(t.Context(), u)
	wantCode(t, err, "bucket-access-denied", problem.Permanent)
	if !slices.Equal(closed, []string{u.Resume}) || len(w.Requests("AbortMultipartUpload")) != 1 {
		t.Errorf("closed %v, want the upload %s aborted", closed, u.Resume)
	}
}

// TestMemory: an upload holds its parts in flight and no more, however large
// the file is.
func TestMemory(t *testing.T) {
	const size, parts = 160 << 20, 2
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}
	w := identitytest.Start(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	u := objectstore.Upload{Bucket: identitytest.Inbox, Key: "a", Path: path, Size: size, Parallel: parts}
	if _, err := client(t, w, "Inbox", objectstore.Options{}).Upload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	// All that was ever allocated, so that no collection can hide anything.
	if got := after.TotalAlloc - before.TotalAlloc; got > parts*8<<20+8<<20 {
		t.Errorf("%d MiB were allocated for %d parts of 8 MiB", got>>20, parts)
	}
}

// requests records where requests go, and answers them with success.
type requests struct{ hosts, paths, regions []string }

func (r *requests) Do(req *http.Request) (*http.Response, error) {
	r.hosts, r.paths = append(r.hosts, req.URL.Host), append(r.paths, req.URL.Path)
	scope := strings.Split(req.Header.Get("Authorization"), "/")
	r.regions = append(r.regions, scope[2])
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// TestRoutes: where requests go for each way of naming a bucket.
func TestRoutes(t *testing.T) {
	tests := []struct {
		name, bucket       string
		options            objectstore.Options
		host, path, region string
	}{
		{"name", "acme-inbox", objectstore.Options{}, "acme-inbox.s3.us-east-1.amazonaws.com", "/a", "us-east-1"},
		{"alias of an access point", "inbox-abc123-s3alias", objectstore.Options{}, "inbox-abc123-s3alias.s3.us-east-1.amazonaws.com", "/a", "us-east-1"},
		{"access point of another region", "arn:aws:s3:eu-west-1:123456789012:accesspoint/inbox", objectstore.Options{},
			"inbox-123456789012.s3-accesspoint.eu-west-1.amazonaws.com", "/a", "eu-west-1"},
		{"accelerated", "acme-inbox", objectstore.Options{Accelerate: true}, "acme-inbox.s3-accelerate.amazonaws.com", "/a", "us-east-1"},
		{"endpoint", "acme-inbox", objectstore.Options{Endpoint: "https://minio.example.com"}, "acme-inbox.minio.example.com", "/a", "us-east-1"},
		{"endpoint with path style", "acme-inbox", objectstore.Options{Endpoint: "https://minio.example.com", PathStyle: true}, "minio.example.com", "/acme-inbox/a", "us-east-1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := &requests{}
			c := objectstore.New(aws.Config{Region: "us-east-1", HTTPClient: seen, Credentials: credentials.NewStaticCredentialsProvider("AKIA1", "CANARY", "")}, tt.options)
			u := artifact(t, 1)
			u.Bucket = tt.bucket
			if _, err := c.Upload(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			if len(seen.hosts) != 1 || seen.hosts[0] != tt.host || seen.paths[0] != tt.path || seen.regions[0] != tt.region {
				t.Errorf("sent to %v %v for %v, want %s %s for %s", seen.hosts, seen.paths, seen.regions, tt.host, tt.path, tt.region)
			}
		})
	}
}

// TestAccessPointDenied: the statement to add names the objects as IAM does.
func TestAccessPointDenied(t *testing.T) {
	point := "arn:aws:s3:eu-west-1:123456789012:accesspoint/inbox"
	for key, want := range map[string]string{"a/b": `"` + point + `/object/a/b"`, "": `"` + point + `"`} {
		p := objectstore.Classify(&smithy.GenericAPIError{Code: "AccessDenied"}, objectstore.Context{Bucket: point, Key: key, Action: "s3:PutObject"})
		if !strings.Contains(p.Snippet, want) {
			t.Errorf("the statement lacks %s: %s", want, p.Snippet)
		}
	}
}

func TestCustomerKey(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(random(32))
	if _, err := objectstore.NewCustomerKey(secret.New(key)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "?", base64.StdEncoding.EncodeToString(random(31)), key + "CANARY"} {
		_, err := objectstore.NewCustomerKey(secret.New(bad))
		if err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestRangeAndDigest(t *testing.T) {
	w := identitytest.Start(t)
	c := client(t, w, "Reader", objectstore.Options{})
	data := random(1000)
	etag := put(t, w, identitytest.Inbox, "a", data)
	d := objectstore.Download{Bucket: identitytest.Inbox, Key: "a", ETag: etag, Size: 1000}
	for _, at := range [][2]int64{{0, 4}, {990, 1000}, {0, 1000}, {7, 8}} {
		if got, err := c.Range(t.Context(), d, at[0], at[1]); err != nil || !bytes.Equal(got, data[at[0]:at[1]]) {
			t.Errorf("%v: %d bytes, %v", at, len(got), err)
		}
	}
	d.ETag = `"0123456789abcdef0123456789abcdef"`
	_, err := c.Range(t.Context(), d, 0, 4)
	wantCode(t, err, "object-changed", problem.Transient)
	want := sha256.Sum256(data)
	if sum, n, err := c.Digest(t.Context(), identitytest.Inbox, "a"); err != nil || n != 1000 || sum != hex.EncodeToString(want[:]) {
		t.Errorf("%s of %d bytes, %v", sum, n, err)
	}
	_, _, err = client(t, w, "Inbox", objectstore.Options{}).Digest(t.Context(), identitytest.Inbox, "a")
	wantCode(t, err, "bucket-access-denied", problem.Permanent)
}
