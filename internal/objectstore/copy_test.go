package objectstore_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"testing"

	"waybill/internal/identity/identitytest"
	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/internal/sandbox"
	"waybill/internal/secret"
)

// staged puts an object where an upload's bytes can be copied from.
func staged(t *testing.T, w *identitytest.World, key string, data []byte) *objectstore.Source {
	t.Helper()
	return &objectstore.Source{Bucket: identitytest.Inbox, Key: key, ETag: put(t, w, identitytest.Inbox, key, data)}
}

func sha256Of(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func openUploads(t *testing.T, w *identitytest.World) int {
	t.Helper()
	open, err := client(t, w, "Reader", objectstore.Options{}).OpenUploads(t.Context(), identitytest.Inbox, "")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// TestCopy: what S3 copies is the object that an upload would have made, and
// nothing is sent.
func TestCopy(t *testing.T) {
	w := identitytest.Start(t)
	for _, algorithm := range objectstore.ChecksumAlgorithms() {
		for _, size := range []int{int(objectstore.CopiedAbove(algorithm)) + 1, 17 << 20} {
			t.Run(fmt.Sprintf("%s of %d bytes", algorithm, size), func(t *testing.T) {
				before := len(w.Requests("UploadPart", "PutObject"))
				u := artifact(t, size)
				u.From = staged(t, w, "staging/a b+c/ü%.parquet", random(size))
				u.Checksum, u.ContentType, u.StorageClass, u.Tags = algorithm, "text/x", "STANDARD_IA", map[string]string{"tenant": "acme"}
				u.Metadata = map[string]string{"waybill-delivery": "d"}
				var progress int64
				u.Parallel, u.Progress = 1, func(n int64) { progress += n }
				out, err := client(t, w, "Reader", objectstore.Options{}).Upload(t.Context(), u)
				if err != nil {
					t.Fatal(err)
				}
				if out.Copied != int64(size) || out.NotCopied != nil || progress != int64(size) {
					t.Errorf("%d bytes copied, %d reported, want all; %v", out.Copied, progress, out.NotCopied)
				}
				if n := len(w.Requests("UploadPart", "PutObject")); n != before {
					t.Errorf("%d requests sent bytes", n-before)
				}
				wantObject(t, w, size)
				info, err := client(t, w, "Reader", objectstore.Options{}).Head(t.Context(), u.Bucket, u.Key)
				if err != nil || !slices.Equal(info.Checksums, []string{out.Checksum}) || info.ContentType != "text/x" || info.Metadata["waybill-delivery"] != "d" {
					t.Errorf("the object is %+v, and %s was reported; %v", info, out.Checksum, err)
				}
			})
		}
	}
}

// TestNotCopied: whatever keeps S3 from copying, the file's own bytes arrive,
// and the upload does not fail for it.
func TestNotCopied(t *testing.T) {
	const size = 20 << 20 // three parts
	changed := random(size)
	changed[size-1]++
	tests := []struct {
		name    string
		role    string
		prepare func(*testing.T, *identitytest.World, *objectstore.Upload)
		code    string // of why; empty: other bytes
		copied  int64
	}{
		{"gone", "Reader", func(_ *testing.T, _ *identitytest.World, u *objectstore.Upload) { u.From.Key = "none" }, "object-not-found", 0},
		{"replaced by another version", "Reader", func(t *testing.T, w *identitytest.World, u *objectstore.Upload) {
			staged(t, w, u.From.Key, changed)
		}, "object-changed", 0},
		{"other bytes under the version that was named", "Reader", func(t *testing.T, w *identitytest.World, u *objectstore.Upload) {
			u.From.ETag = staged(t, w, u.From.Key, changed).ETag
		}, "", 16 << 20},
		{"shorter than it was", "Reader", func(t *testing.T, w *identitytest.World, u *objectstore.Upload) {
			u.From.ETag = staged(t, w, u.From.Key, random(9<<20)).ETag
		}, "s3-rejected", 8 << 20},
		{"the role may not read it", "Inbox", func(*testing.T, *identitytest.World, *objectstore.Upload) {}, "bucket-access-denied", 0},
		{"another account's bucket", "Reader", func(_ *testing.T, _ *identitytest.World, u *objectstore.Upload) {
			u.From.ExpectedOwner = identitytest.Ours
		}, "bucket-access-denied", 0},
		{"the second part fails", "Reader", func(_ *testing.T, w *identitytest.World, _ *objectstore.Upload) {
			w.Faults(sandbox.Fault{Service: "s3", Operation: "UploadPartCopy", After: 1, Code: "InternalError"})
		}, "s3-failed", 8 << 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := identitytest.Start(t)
			u := artifact(t, size)
			u.SHA256 = sha256Of(random(size))
			u.From, u.Parallel = staged(t, w, "staging/a", random(size)), 1
			tt.prepare(t, w, &u)
			out, err := client(t, w, tt.role, objectstore.Options{}).Upload(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			wantObject(t, w, size)
			if p := problem.As(out.NotCopied); out.NotCopied == nil || (p == nil) != (tt.code == "") || p != nil && p.Code != tt.code || out.Copied != tt.copied {
				t.Errorf("%d bytes copied: %v; want %d, %q", out.Copied, out.NotCopied, tt.copied, tt.code)
			}
			if open := openUploads(t, w); open != 0 || len(w.Requests("CreateMultipartUpload")) != 1 {
				t.Errorf("%d uploads are open, %d were opened", open, len(w.Requests("CreateMultipartUpload")))
			}
		})
	}
}

// A file that changed after it was frozen is not delivered, though S3 could
// still copy what it was.
func TestCopyOfAChangedFile(t *testing.T) {
	w := identitytest.Start(t)
	u := artifact(t, 9<<20)
	u.SHA256, u.From = sha256Of(random(9<<20)), staged(t, w, "staging/a", random(9<<20))
	data := random(9 << 20)
	data[0]++
	if err := os.WriteFile(u.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := client(t, w, "Reader", objectstore.Options{}).Upload(t.Context(), u)
	if p := problem.As(err); p == nil || p.Code != "artifact-invalid" {
		t.Errorf("got %v, want artifact-invalid", err)
	}
	if open := openUploads(t, w); open != 0 {
		t.Errorf("%d uploads are open", open)
	}
}

// Small files, and those under a customer's own key, are sent.
func TestNotAskedToCopy(t *testing.T) {
	w := identitytest.Start(t)
	for _, size := range []int{0, 100, 5 << 20} {
		u := artifact(t, size)
		u.From = staged(t, w, "staging/a", random(size))
		if out, err := client(t, w, "Reader", objectstore.Options{}).Upload(t.Context(), u); err != nil || out.Copied != 0 || out.NotCopied != nil {
			t.Errorf("%d bytes: %+v, %v", size, out, err)
		}
		wantObject(t, w, size)
	}
	key, err := objectstore.NewCustomerKey(secret.New("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="))
	if err != nil {
		t.Fatal(err)
	}
	u := artifact(t, 6<<20)
	u.From = staged(t, w, "staging/a", random(6<<20))
	_, _ = client(t, w, "Reader", objectstore.Options{CustomerKey: key}).Upload(t.Context(), u) // the sandbox need not know SSE-C
	if n := len(w.Requests("UploadPartCopy")); n != 0 {
		t.Errorf("S3 was asked %d times to copy", n)
	}
}

// A copy that a dead process began is gone on with: parts that are there are
// neither copied nor sent again.
func TestResumedCopy(t *testing.T) {
	const size = 28 << 20 // four parts
	w := identitytest.Start(t)
	u := artifact(t, size)
	u.From, u.Parallel = staged(t, w, "staging/a", random(size)), 1
	u.Opened = func(_ context.Context, id string) error { u.Resume = id; return nil }
	w.Faults(sandbox.Fault{Service: "s3", Operation: "UploadPartCopy", After: 2, Code: "InternalError"},
		sandbox.Fault{Service: "s3", Operation: "UploadPart", Code: "InternalError"},
		sandbox.Fault{Service: "s3", Operation: "AbortMultipartUpload", Code: "InternalError"})
	if _, err := client(t, w, "Reader", objectstore.Options{}).Upload(t.Context(), u); err == nil || u.Resume == "" {
		t.Fatalf("uploaded (%v), or no id was recorded", err)
	}
	w.Faults()
	out, err := client(t, w, "Reader", objectstore.Options{}).Upload(t.Context(), u)
	if err != nil || out.Copied != size-16<<20 {
		t.Errorf("%+v, %v; want the last two parts copied", out, err)
	}
	wantObject(t, w, size)
	if open := openUploads(t, w); open != 0 {
		t.Errorf("%d uploads are open", open)
	}
}

// Under a condition S3 copies only where nothing stands.
func TestCopyIfAbsent(t *testing.T) {
	w := identitytest.Start(t)
	u := artifact(t, 6<<20)
	u.From, u.IfAbsent = staged(t, w, "staging/a", random(6<<20)), true
	c := client(t, w, "Reader", objectstore.Options{})
	if out, err := c.Upload(t.Context(), u); err != nil || out.Copied != u.Size {
		t.Fatalf("%+v, %v", out, err)
	}
	_, err := c.Upload(t.Context(), u)
	if p := problem.As(err); p == nil || p.Code != "object-exists" {
		t.Errorf("got %v, want object-exists", err)
	}
}
