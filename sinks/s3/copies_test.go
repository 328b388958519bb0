package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"waybill/internal/dataset"
	"waybill/internal/identity"
	"waybill/internal/identity/identitytest"
	"waybill/internal/sandbox"
	"waybill/sinks"
	"waybill/sinks/s3"
	"waybill/sinks/sinktest"
)

// staging is where files were brought from: a bucket beside the destination.
const staging = identitytest.FarInbox

// stage makes an artifact one that S3 can copy, for whoever acts as the role.
func stage(t *testing.T, w *identitytest.World, role string, a sinks.Artifact) sinks.Artifact {
	t.Helper()
	data, err := os.ReadFile(a.Path)
	if err != nil {
		return a // some tests deliver what is not there
	}
	key := "staging/" + a.SHA256
	out, err := w.Admin("eu-west-1").PutObject(context.WithoutCancel(t.Context()), &awss3.PutObjectInput{Bucket: aws.String(staging), Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
	a.Origin = &dataset.Origin{Bucket: staging, Key: key, ETag: *out.ETag, Identity: w.Connection(identitytest.Role(role)).Key()}
	return a
}

// A copier is a sink whose artifacts all came from S3.
type copier struct {
	sinks.Sink
	t    *testing.T
	w    *identitytest.World
	role string
}

func (c *copier) Deliver(ctx context.Context, d sinks.Delivery) (sinks.Receipt, error) {
	d.Artifacts = slices.Clone(d.Artifacts)
	for i, a := range d.Artifacts {
		d.Artifacts[i] = stage(c.t, c.w, c.role, a)
	}
	return c.Sink.Deliver(ctx, d)
}

// What is copied behaves as what is sent, in everything that sinks are held to.
func TestBehaviourOfCopies(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{New: func(t *testing.T) sinktest.Place {
		p, w := placeIn(t, "Reader")
		s := p.Sink
		p.Sink = &copier{s, t, w, "Reader"}
		p.Break = func() func() {
			w.Faults(sandbox.Fault{Service: "s3", Operation: "UploadPartCopy", After: 1, Code: "AccessDenied"}, sandbox.Fault{Service: "s3", Operation: "UploadPart", Code: "AccessDenied"},
				sandbox.Fault{Service: "s3", Operation: "PutObject", Bucket: identitytest.Inbox, Code: "AccessDenied"})
			return func() { w.Faults() }
		}
		return p
	}})
}

// TestCopiedOrSent: objects and receipt are the same whether S3 copied or was
// sent the bytes, and it is asked to copy only by the identity that read them.
func TestCopiedOrSent(t *testing.T) {
	tests := []struct {
		name, by, as, more string
		size               int
		copied             bool
		note               string
	}{
		{"one identity", "Reader", "Reader", "", 9 << 20, true, "S3 copied it"},
		{"options of an upload", "Reader", "Reader", "storage_class = \"STANDARD_IA\"\ntags = { tenant = \"acme\" }\nmetadata = { source = \"x\" }\nchecksum_algorithm = \"CRC32C\"", 9 << 20, true, "S3 copied it"},
		{"a digest of parts, too small for parts", "Reader", "Reader", `checksum_algorithm = "SHA256"`, 9 << 20, false, "sent: files up to 16 MiB are not worth copying"},
		{"a digest of parts", "Reader", "Reader", `checksum_algorithm = "SHA256"`, 17 << 20, true, "S3 copied it"},
		{"another role", "Reader", "Inbox", "", 9 << 20, false, ""},
		{"small", "Reader", "Reader", "", 1 << 20, false, "sent: files up to 5 MiB are not worth copying"},
		{"the role may put and no more", "Inbox", "Inbox", "", 9 << 20, false, "[bucket-access-denied]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := identitytest.Start(t)
			plain := sinktest.Artifact(t, "out/a.parquet", tt.size, 1)
			var notes []string
			receive := func(a sinks.Artifact) (sinks.Receipt, string) {
				d := sinktest.Delivery(&sinktest.Ledger{}, a)
				d.Note = func(text string) { notes = append(notes, text) }
				r, err := sinkTo(t, w, tt.as, identitytest.Inbox, tt.more).Deliver(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				return r, describe(t, w, a.Key)
			}
			sent, sentObject := receive(plain)
			before := len(w.Requests("UploadPart", "PutObject"))
			copied, copiedObject := receive(stage(t, w, tt.by, plain))
			if tt.copied != (len(w.Requests("UploadPart", "PutObject")) == before) || tt.copied != (succeeded(w, "UploadPartCopy") > 0) {
				t.Errorf("bytes were sent: %v, want %v", tt.copied, !tt.copied)
			}
			if tt.copied || tt.by == tt.as {
				copied.Objects[0].ETag, sent.Objects[0].ETag = "", "" // tells in how many parts it went up
			}
			if diff := cmp.Diff(sent, copied) + cmp.Diff(sentObject, copiedObject); diff != "" {
				t.Errorf("sent (-) and copied (+) differ:\n%s", diff)
			}
			if got := strings.Join(notes, "\n"); tt.note == "" && got != "" || !strings.Contains(got, tt.note) {
				t.Errorf("it was noted: %q, want %q", got, tt.note)
			}
		})
	}
}

// describe is what a receiver can see of an object but for when and in how many
// parts it came.
func describe(t *testing.T, w *identitytest.World, key string) string {
	t.Helper()
	bucket := identitytest.Inbox
	head, err := w.Admin("us-east-1").HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	tags, err := w.Admin("us-east-1").GetObjectTagging(t.Context(), &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	data, _, _ := read(t, w, bucket, key)
	return fmt.Sprintf("%d bytes %x…, %s, class %s, %v", len(data), data[:8], aws.ToString(head.ContentType), head.StorageClass, head.Metadata) + fmt.Sprint(len(tags.TagSet))
}

// A delivery that died while S3 copied goes on, and a staged object that is
// gone by then is none of its troubles.
func TestKilledWhileCopying(t *testing.T) {
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprintf("gone %v", gone), func(t *testing.T) {
			w := identitytest.Start(t)
			l, a := &sinktest.Ledger{}, stage(t, w, "Reader", sinktest.Artifact(t, "out/a.parquet", 20<<20, 1))
			s := sinkTo(t, w, "Reader", identitytest.Inbox, "")
			w.Faults(sandbox.Fault{Service: "s3", Operation: "UploadPartCopy", After: 1, Code: "InternalError"}, sandbox.Fault{Service: "s3", Operation: "UploadPart", Code: "InternalError"},
				sandbox.Fault{Service: "s3", Operation: "AbortMultipartUpload", Code: "InternalError"})
			if _, err := s.Deliver(t.Context(), sinktest.Delivery(l, a)); err == nil || len(l.Open()) != 1 {
				t.Fatalf("delivered (%v), or the ledger holds no open upload: %+v", err, l.Open())
			}
			w.Faults()
			if gone {
				if _, err := w.Admin("eu-west-1").DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &a.Origin.Bucket, Key: &a.Origin.Key}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Deliver(t.Context(), sinktest.Delivery(l, a)); err != nil {
				t.Fatal(err)
			}
			if got, _, _ := read(t, w, identitytest.Inbox, a.Key); !bytes.Equal(got, sinktest.Bytes(20<<20, 1)) {
				t.Errorf("the object has %d bytes, or others than it should", len(got))
			}
			if open := uploads(t, w, identitytest.Inbox); len(open)+len(l.Open()) > 0 {
				t.Errorf("open uploads: %v, in the ledger: %+v", open, l.Open())
			}
			if n := succeeded(w, "UploadPart"); gone != (n > 0) {
				t.Errorf("%d parts were sent", n)
			}
		})
	}
}

// CopiesAs is what tells identities apart; nothing secret can be read from it.
func TestCopiesAs(t *testing.T) {
	conn := &identity.Config{Name: "a", Region: "us-east-1", Roles: []identity.Role{identitytest.Role("Inbox")}}
	base := s3.Config{Connection: conn}.CopiesAs()
	renamed := *conn
	renamed.Name, renamed.Where = "b", "elsewhere:3"
	for name, c := range map[string]struct {
		cfg  s3.Config
		same bool
	}{
		"another name":                 {s3.Config{Connection: &renamed}, true},
		"the same region":              {s3.Config{Connection: conn, Region: "us-east-1"}, true},
		"another region":               {s3.Config{Connection: conn, Region: "eu-west-1"}, false},
		"another role on top":          {s3.Config{Connection: conn, Roles: []identity.Role{identitytest.Role("Reader")}}, false},
		"the role written in the sink": {s3.Config{Connection: &identity.Config{Region: "us-east-1"}, Roles: []identity.Role{identitytest.Role("Inbox")}}, true},
		"nobody in particular":         {s3.Config{}, false},
		"a customer's key":             {s3.Config{Connection: conn, Encryption: &s3.Encryption{SSE: "customer"}}, false},
		"KMS":                          {s3.Config{Connection: conn, Encryption: &s3.Encryption{SSE: "aws:kms"}}, true},
	} {
		if same := c.cfg.CopiesAs() == base; same != c.same {
			t.Errorf("%s: the same is %v, want %v", name, same, c.same)
		}
	}
}
