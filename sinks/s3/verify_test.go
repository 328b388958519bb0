package s3_test

import (
	"bytes"
	"strings"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"waybill/internal/identity/identitytest"
	"waybill/internal/problem"
	"waybill/internal/secret"
	"waybill/sinks"
	"waybill/sinks/sinktest"
)

// TestVerifyWithThePartnersMinimum: who may only put cannot look, and is told
// what would be needed; nothing else is tried.
func TestVerifyWithThePartnersMinimum(t *testing.T) {
	w := identitytest.Start(t)
	s := sinkTo(t, w, "Inbox", identitytest.Inbox, "")
	l := &sinktest.Ledger{}
	r, err := s.Deliver(t.Context(), sinktest.Delivery(l, sinktest.Artifact(t, "out/a.csv", 10, 1), sinktest.Artifact(t, "out/b.bin", 17<<20, 2)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.(sinks.Verifier).Verify(t.Context(), sinks.Verification{ID: "d-7f3a", Objects: r.Objects, Intents: l.Intents(), Bytes: true})
	if err != nil || len(got.Findings) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, f := range got.Findings {
		if f.Verdict != sinks.Unknown || f.Problem == nil || !strings.Contains(f.Problem.Snippet, "s3:GetObject") {
			t.Errorf("%s is %s: %+v", f.Key, f.Verdict, f.Problem)
		}
	}
	if n := len(w.Requests("GetObject")); n != 0 {
		t.Errorf("%d objects were read though HEAD was denied", n)
	}
	// An upload that the ledger holds for open cannot be looked for either.
	if err := l.Intend(t.Context(), sinks.Intent{Key: "out/c.bin", UploadID: "u-1"}); err != nil {
		t.Fatal(err)
	}
	got, err = s.(sinks.Verifier).Verify(t.Context(), sinks.Verification{ID: "d-7f3a", Intents: l.Intents()})
	if err != nil || len(got.Findings) != 1 || got.Findings[0].Verdict != sinks.Unknown || !strings.Contains(got.Findings[0].Problem.Snippet, "s3:ListBucketMultipartUploads") {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestVerifyTellsWhatChanged: an object with the same bytes that is of another
// delivery, or of nobody, is not the one that was delivered.
func TestVerifyTellsWhatChanged(t *testing.T) {
	w := identitytest.Start(t)
	s := sinkTo(t, w, "Reader", identitytest.Inbox, "")
	a := sinktest.Artifact(t, "out/a.csv", 10, 1)
	r, err := s.Deliver(t.Context(), sinktest.Delivery(&sinktest.Ledger{}, a))
	if err != nil {
		t.Fatal(err)
	}
	look := func() sinks.Finding {
		got, err := s.(sinks.Verifier).Verify(t.Context(), sinks.Verification{ID: "d-7f3a", Objects: r.Objects})
		if err != nil {
			t.Fatal(err)
		}
		return got.Findings[0]
	}
	put := func(metadata map[string]string, data []byte) {
		bucket := identitytest.Inbox
		if _, err := w.Admin("us-east-1").PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &bucket, Key: &a.Key, Body: bytes.NewReader(data), Metadata: metadata}); err != nil {
			t.Fatal(err)
		}
	}
	ours := map[string]string{"waybill-delivery": "d-7f3a", "waybill-sha256": a.SHA256, "waybill-rows": "3"}
	put(ours, sinktest.Bytes(10, 1))
	if f := look(); f.Verdict != sinks.Same {
		t.Errorf("the same object again is %s: %q", f.Verdict, f.Differences)
	}
	put(nil, sinktest.Bytes(10, 1))
	if f := look(); f.Verdict != sinks.Changed || !strings.Contains(strings.Join(f.Differences, "; "), "waybill-delivery is not there instead of d-7f3a") {
		t.Errorf("without metadata it is %s: %q", f.Verdict, f.Differences)
	}
	put(ours, sinktest.Bytes(10, 2))
	if f := look(); f.Verdict != sinks.Changed || !strings.HasPrefix(f.Differences[0], "its checksum is crc") {
		t.Errorf("with other bytes it is %s: %q", f.Verdict, f.Differences)
	}
}

func TestVerifyWithoutTheRole(t *testing.T) {
	w := identitytest.Start(t)
	wrong := identitytest.Role("Inbox")
	wrong.ExternalID = secret.PlainText("wrong")
	_, err := withRole(t, w, wrong).(sinks.Verifier).Verify(t.Context(), sinks.Verification{})
	wantProblem(t, err, "assume-role-denied", problem.Permanent)
}
