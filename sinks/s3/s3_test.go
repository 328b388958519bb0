package s3_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/identity"
	"waybill/internal/identity/identitytest"
	"waybill/internal/problem"
	"waybill/internal/sandbox"
	"waybill/internal/schema"
	"waybill/internal/secret"
	"waybill/sinks"
	"waybill/sinks/s3"
	"waybill/sinks/sinktest"
)

func TestMain(m *testing.M) { identitytest.Main(m) }

// decode reads a sink's body under a connection, as the compiler does.
func decode(t *testing.T, conn *identity.Config, body string) (sinks.Sink, hcl.Diagnostics) {
	t.Helper()
	f, diags := hclsyntax.ParseConfig([]byte(body), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	connection := cty.UnknownVal(identity.CapsuleType)
	if conn != nil {
		connection = cty.CapsuleVal(identity.CapsuleType, conn)
	}
	scope := &schema.Scope{Eval: &hcl.EvalContext{Variables: map[string]cty.Value{
		"connection": cty.ObjectVal(map[string]cty.Value{"acme": connection}),
		"run":        cty.ObjectVal(map[string]cty.Value{"date": cty.UnknownVal(cty.String)}),
		"var": cty.ObjectVal(map[string]cty.Value{
			"id":    cty.StringVal("hidden id").Mark(secret.Mark{}),
			"later": cty.UnknownVal(cty.String).Mark(secret.Mark{}),
			"key":   cty.StringVal(os.Getenv("KEY")).Mark(secret.Mark{}),
		}),
	}}}
	bound, diags := s3.Kind(identity.NewProvider()).Decode(f.Body, nil, scope, nil)
	if diags.HasErrors() {
		return nil, diags
	}
	s, err := bound.Build(sinks.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return s, diags
}

// sinkTo is a sink to a bucket of this world, with attributes on top.
func sinkTo(t *testing.T, w *identitytest.World, role, bucket, more string) sinks.Sink {
	t.Helper()
	s, diags := decode(t, w.Connection(identitytest.Role(role)), fmt.Sprintf("connection = connection.acme\nbucket = %q\nkey = \"out/${run.date}\"\n%s", bucket, more))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return s
}

func read(t *testing.T, w *identitytest.World, bucket, key string) ([]byte, map[string]string, bool) {
	t.Helper()
	out, err := w.Admin("us-east-1").GetObject(context.Background(), &awss3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		if _, gone := errors.AsType[*types.NoSuchKey](err); !gone {
			t.Fatal(err)
		}
		return nil, nil, false
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return data, out.Metadata, true
}

// uploads lists the multipart uploads that are open in a bucket.
func uploads(t *testing.T, w *identitytest.World, bucket string) []string {
	t.Helper()
	out, err := w.Admin("us-east-1").ListMultipartUploads(context.Background(), &awss3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, u := range out.Uploads {
		open = append(open, aws.ToString(u.Key)+" "+aws.ToString(u.UploadId))
	}
	return open
}

func place(t *testing.T, role string) sinktest.Place {
	p, _ := placeIn(t, role)
	return p
}

// placeIn is a place and the world that it is in.
func placeIn(t *testing.T, role string) (sinktest.Place, *identitytest.World) {
	w := identitytest.Start(t)
	return sinktest.Place{
		Minimum: role == "Inbox",
		Sink:    sinkTo(t, w, role, identitytest.Inbox, ""),
		Put: func(key string, data []byte) {
			bucket := identitytest.Inbox
			if _, err := w.Admin("us-east-1").PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)}); err != nil {
				t.Fatal(err)
			}
		},
		Read: func(key string) ([]byte, bool) {
			data, _, found := read(t, w, identitytest.Inbox, key)
			return data, found
		},
		Debris: func() []string { return uploads(t, w, identitytest.Inbox) },
		Writes: func() int { return written(w) },
		Break: func() func() {
			w.Faults(sandbox.Fault{Service: "s3", Operation: "UploadPart", After: 1, Code: "AccessDenied"},
				sandbox.Fault{Service: "s3", Operation: "PutObject", Code: "AccessDenied"})
			return func() { w.Faults() }
		},
		Crash: func(l *sinktest.Ledger, a sinks.Artifact) {
			crash(t, w, sinkTo(t, w, "Inbox", identitytest.Inbox, ""), l, a)
		},
		Verifier: sinkTo(t, w, "Reader", identitytest.Inbox, "").(sinks.Verifier),
		Overwrite: func(key string, data []byte) {
			bucket := identitytest.Inbox
			if _, err := w.Admin("us-east-1").PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)}); err != nil {
				t.Fatal(err)
			}
		},
		Remove: func(key string) {
			bucket := identitytest.Inbox
			if _, err := w.Admin("us-east-1").DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
				t.Fatal(err)
			}
		},
	}, w
}

// written counts the objects that a world's S3 was made to write.
func written(w *identitytest.World) int {
	n := 0
	for _, e := range w.Requests("PutObject", "CompleteMultipartUpload") {
		if e.Status == 200 {
			n++
		}
	}
	return n
}

// The whole behaviour under both policies: the partner's minimum, where what
// needs more must say so before anything is sent, and one that allows it.
func TestBehaviour(t *testing.T) {
	for _, role := range []string{"Inbox", "Reader"} {
		t.Run(role, func(t *testing.T) {
			sinktest.Run(t, sinktest.Harness{New: func(t *testing.T) sinktest.Place { return place(t, role) }})
		})
	}
}

// TestPartnersMinimum: the two permissions of the documentation are enough, and
// nothing else is even asked for.
func TestPartnersMinimum(t *testing.T) {
	w := identitytest.Start(t)
	l, small, large := &sinktest.Ledger{}, sinktest.Artifact(t, "out/a.csv", 100, 1), sinktest.Artifact(t, "out/b.bin", 20<<20, 2)
	r, err := sinkTo(t, w, "Inbox", identitytest.Inbox, "metadata = { source = \"waybill\" }").Deliver(t.Context(), sinktest.Delivery(l, small, large))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range w.Requests() {
		switch e.Operation {
		case "PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload", "AssumeRole", "GetCallerIdentity":
		default:
			t.Errorf("%s was sent: the partner's minimum does not allow it", e.Operation)
		}
	}
	if want := "arn:aws:sts::" + identitytest.Partners + ":assumed-role/Inbox/waybill-test"; r.Identity != want {
		t.Errorf("the receipt says we were %q, want %q", r.Identity, want)
	}
	for i, a := range []sinks.Artifact{small, large} {
		_, meta, _ := read(t, w, identitytest.Inbox, a.Key)
		if meta["waybill-delivery"] != "d-7f3a" || meta["waybill-sha256"] != a.SHA256 || meta["waybill-rows"] != "3" || meta["source"] != "waybill" {
			t.Errorf("%s has metadata %v", a.Key, meta)
		}
		if !strings.HasPrefix(r.Objects[i].Checksum, "crc64nvme:") || r.Objects[i].ETag == "" {
			t.Errorf("the receipt lacks a checksum or an ETag: %+v", r.Objects[i])
		}
	}
}

func TestRefusals(t *testing.T) {
	w := identitytest.Start(t)
	wrong := identitytest.Role("Inbox")
	wrong.ExternalID = secret.PlainText("wrong")
	tests := []struct {
		name     string
		sink     sinks.Sink
		code     string
		class    problem.Class
		mentions []string
	}{
		{"wrong external id", withRole(t, w, wrong), "assume-role-denied", problem.Permanent, []string{"role/Inbox", "wrong", identitytest.RunnerARN}},
		{"role without PutObject", sinkTo(t, w, "NoPut", identitytest.Inbox, ""), "bucket-access-denied", problem.Permanent,
			[]string{"s3:PutObject", "s3:AbortMultipartUpload", "arn:aws:s3:::acme-inbox/out/", "assumed-role/NoPut/waybill-test"}},
		{"missing bucket", sinkTo(t, w, "Inbox", "acme-inbux", ""), "bucket-not-found", problem.Permanent, []string{"acme-inbux", "us-east-1"}},
		{"wrong region", sinkTo(t, w, "Inbox", identitytest.FarInbox, ""), "bucket-region-mismatch", problem.Permanent, []string{"acme-far", "eu-west-1", "us-east-1"}},
		{"wrong owner", sinkTo(t, w, "Inbox", identitytest.Inbox, `expected_bucket_owner = "999999999999"`), "bucket-access-denied", problem.Permanent, []string{"999999999999"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &sinktest.Ledger{}
			_, err := tt.sink.Deliver(t.Context(), sinktest.Delivery(l, sinktest.Artifact(t, "out/a.csv", 100, 1), sinktest.Artifact(t, "out/b.bin", 20<<20, 2)))
			wantProblem(t, err, tt.code, tt.class, tt.mentions...)
			if n := written(w); n != 0 {
				t.Errorf("%d objects were written", n)
			}
			if open := uploads(t, w, identitytest.Inbox); len(open) > 0 {
				t.Errorf("uploads are left open: %v", open)
			}
		})
	}
}

func withRole(t *testing.T, w *identitytest.World, role identity.Role) sinks.Sink {
	t.Helper()
	s, diags := decode(t, w.Connection(role), `connection = connection.acme
bucket = "acme-inbox"
key = "a"`)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return s
}

func wantProblem(t *testing.T, err error, code string, class problem.Class, mentions ...string) {
	t.Helper()
	p := problem.As(err)
	if p == nil || p.Code != code || p.Class != class {
		t.Fatalf("got %+v (%v), want %s, %s", p, err, code, class)
	}
	raw, merr := json.Marshal(p)
	if merr != nil {
		t.Fatal(merr)
	}
	text := string(raw) + err.Error() + fmt.Sprintf("%+v", err)
	for _, want := range mentions {
		if !strings.Contains(text, want) {
			t.Errorf("the problem does not mention %q: %s", want, raw)
		}
	}
	for _, leak := range []string{"CANARY", "operation error", "EOF", "retry quota", "0xc0", "<nil>"} {
		if strings.Contains(string(raw), leak) || strings.Contains(err.Error(), leak) {
			t.Errorf("the problem's text holds %q: %s", leak, raw)
		}
	}
	if strings.Contains(text, "CANARY") {
		t.Errorf("a secret is in the error: %s", text)
	}
}

func TestRightRegionBySink(t *testing.T) {
	w := identitytest.Start(t)
	s := sinkTo(t, w, "Inbox", identitytest.FarInbox, `region = "eu-west-1"`)
	if _, err := s.Deliver(t.Context(), sinktest.Delivery(&sinktest.Ledger{}, sinktest.Artifact(t, "out/a.csv", 100, 1))); err != nil {
		t.Fatal(err)
	}
	for _, e := range w.Requests() {
		if e.Region != "eu-west-1" {
			t.Errorf("%s is signed for %s", e.Operation, e.Region)
		}
	}
}

// TestFaults delivers under a fault that passes, and under one that stays.
func TestFaults(t *testing.T) {
	s3Fault := func(op string, f sandbox.Fault) sandbox.Fault {
		f.Service, f.Operation = "s3", op
		return f
	}
	tests := []struct {
		name   string
		fault  sandbox.Fault
		code   string // when it stays; empty: it cannot
		class  problem.Class
		passes int // times after which it passes unnoticed
	}{
		{"throttled", s3Fault("PutObject", sandbox.Fault{Code: "SlowDown"}), "s3-slow-down", problem.Throttled, 1},
		{"throttled parts", s3Fault("UploadPart", sandbox.Fault{Code: "SlowDown"}), "s3-slow-down", problem.Throttled, 1},
		{"cut before a part", s3Fault("UploadPart", sandbox.Fault{After: 1, Cut: sandbox.CutBefore}), "s3-unreachable", problem.Transient, 1},
		{"cut after a part", s3Fault("UploadPart", sandbox.Fault{After: 1, Cut: sandbox.CutAfter}), "s3-unreachable", problem.Transient, 1},
		{"cut after a put", s3Fault("PutObject", sandbox.Fault{Cut: sandbox.CutAfter}), "s3-unreachable", problem.Transient, 1},
		{"error inside of a success", s3Fault("CompleteMultipartUpload", sandbox.Fault{Code: "InternalError", Status: 200}), "s3-failed", problem.Transient, 1},
		{"part refused", s3Fault("UploadPart", sandbox.Fault{After: 2, Code: "AccessDenied"}), "bucket-access-denied", problem.Permanent, 0},
		{"complete cut before", s3Fault("CompleteMultipartUpload", sandbox.Fault{Cut: sandbox.CutBefore}), "s3-unreachable", problem.Transient, 1},
		{"complete cut after", s3Fault("CompleteMultipartUpload", sandbox.Fault{Cut: sandbox.CutAfter, Times: 1}), "", "", 1},
	}
	w := identitytest.Start(t)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sinkTo(t, w, "Inbox", identitytest.Inbox, "")
			artifacts := []sinks.Artifact{
				sinktest.Artifact(t, fmt.Sprintf("out/%d/a.csv", i), 100, 1),
				sinktest.Artifact(t, fmt.Sprintf("out/%d/b.bin", i), 20<<20+1, 2),
			}
			l := &sinktest.Ledger{}
			if tt.code != "" {
				w.Faults(tt.fault)
				_, err := s.Deliver(t.Context(), sinktest.Delivery(l, artifacts...))
				wantProblem(t, err, tt.code, tt.class)
				if open := uploads(t, w, identitytest.Inbox); len(open) > 0 {
					t.Errorf("uploads are left open: %v", open)
				}
			}
			if w.Faults(); tt.passes > 0 {
				passing := tt.fault
				passing.Times = tt.passes
				w.Faults(passing)
			}
			if _, err := s.Deliver(t.Context(), sinktest.Delivery(l, artifacts...)); err != nil {
				t.Fatal(err)
			}
			w.Faults()
			for j, a := range artifacts {
				got, _, found := read(t, w, identitytest.Inbox, a.Key)
				if !found || string(got) != string(sinktest.Bytes(int(a.Size), uint64(j+1))) {
					t.Errorf("%s: found %v with %d bytes", a.Key, found, len(got))
				}
			}
			if open := uploads(t, w, identitytest.Inbox); len(open)+len(l.Open()) > 0 {
				t.Errorf("open uploads: %v, in the ledger: %+v", open, l.Open())
			}
		})
	}
}

// TestOrphansOfACrash: an upload that a dead process had opened is aborted by
// the id that the ledger holds; one that is gone already is fine.
func TestOrphansOfACrash(t *testing.T) {
	w := identitytest.Start(t)
	bucket, key := identitytest.Inbox, "out/a.bin"
	orphan, err := w.Admin("us-east-1").CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	l, a := &sinktest.Ledger{}, sinktest.Artifact(t, key, 20<<20, 1)
	for _, id := range []string{*orphan.UploadId, "8d0c3f5e-gone"} {
		if err := l.Intend(t.Context(), sinks.Intent{Key: key, SHA256: a.SHA256, Size: a.Size, UploadID: id}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sinkTo(t, w, "Inbox", bucket, "").Deliver(t.Context(), sinktest.Delivery(l, a)); err != nil {
		t.Fatal(err)
	}
	if open := uploads(t, w, bucket); len(open)+len(l.Open()) > 0 {
		t.Errorf("open uploads: %v, in the ledger: %+v", open, l.Open())
	}
	if first := w.Requests("AbortMultipartUpload", "CreateMultipartUpload"); len(first) < 3 || first[0].Operation != "AbortMultipartUpload" || first[1].Operation != "AbortMultipartUpload" {
		t.Errorf("orphans were not settled first: %+v", first)
	}
}

// TestSessionEndsOnTheWay: S3 refuses a session that STS promised for longer;
// it is renewed and the same upload goes on.
func TestSessionEndsOnTheWay(t *testing.T) {
	w := identitytest.Start(t)
	s := sinkTo(t, w, "Inbox", identitytest.Inbox, "")
	w.Faults(sandbox.Fault{Service: "s3", Operation: "UploadPart", Code: "ExpiredToken", After: 1, Times: 1})
	l, a := &sinktest.Ledger{}, sinktest.Artifact(t, "out/a.bin", 20<<20, 1)
	if _, err := s.Deliver(t.Context(), sinktest.Delivery(l, a)); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Requests("AssumeRole")); n != 2 {
		t.Errorf("the role was assumed %d times, want twice", n)
	}
	if n := len(w.Requests("CreateMultipartUpload")); n != 1 {
		t.Errorf("%d uploads were begun, want 1: the first should go on", n)
	}
}
