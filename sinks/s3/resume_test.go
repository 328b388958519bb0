package s3_test

import (
	"testing"

	"waybill/internal/identity/identitytest"
	"waybill/internal/sandbox"
	"waybill/sinks"
	"waybill/sinks/sinktest"
)

// crash leaves what a process leaves that is killed in the middle of an upload:
// the second part fails, and the upload can be neither aborted nor recorded as
// gone.
func crash(t *testing.T, w *identitytest.World, s sinks.Sink, l *sinktest.Ledger, a sinks.Artifact) {
	t.Helper()
	w.Faults(sandbox.Fault{Service: "s3", Operation: "UploadPart", After: 1, Code: "InternalError"},
		sandbox.Fault{Service: "s3", Operation: "AbortMultipartUpload", Code: "InternalError"})
	_, err := s.Deliver(t.Context(), sinktest.Delivery(l, a))
	w.Faults()
	if err == nil || len(l.Open()) != 1 {
		t.Fatalf("delivered (%v), or the ledger holds no open upload: %+v", err, l.Open())
	}
}

// succeeded counts the requests of an operation that were carried out.
func succeeded(w *identitytest.World, operation string) int {
	n := 0
	for _, e := range w.Requests(operation) {
		if e.Status == 200 {
			n++
		}
	}
	return n
}

// TestResumedUpload: the next process goes on with the upload where the role
// may look into it, and starts anew where it may not.
func TestResumedUpload(t *testing.T) {
	tests := []struct {
		name, role, before, after string
		parts, uploads            int // that were sent and opened in both attempts
	}{
		{"may look", "Reader", "", "", 3, 1},
		{"partner's minimum", "Inbox", "", "", 4, 2},
		{"other options", "Reader", `storage_class = "STANDARD_IA"`, "", 4, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := identitytest.Start(t)
			l, a := &sinktest.Ledger{}, sinktest.Artifact(t, "out/a.bin", 20<<20, 1) // three parts
			crash(t, w, sinkTo(t, w, tt.role, identitytest.Inbox, tt.before), l, a)
			if sent := succeeded(w, "UploadPart"); sent != 1 {
				t.Fatalf("%d parts were sent before the crash, want 1", sent)
			}
			if _, err := sinkTo(t, w, tt.role, identitytest.Inbox, tt.after).Deliver(t.Context(), sinktest.Delivery(l, a)); err != nil {
				t.Fatal(err)
			}
			if sent, opened := succeeded(w, "UploadPart"), succeeded(w, "CreateMultipartUpload"); sent != tt.parts || opened != tt.uploads {
				t.Errorf("%d parts and %d uploads in all, want %d and %d", sent, opened, tt.parts, tt.uploads)
			}
			if got, _, _ := read(t, w, identitytest.Inbox, a.Key); string(got) != string(sinktest.Bytes(20<<20, 1)) {
				t.Errorf("the object has %d bytes, or others than it should", len(got))
			}
			if open := uploads(t, w, identitytest.Inbox); len(open)+len(l.Open()) > 0 {
				t.Errorf("open uploads: %v, in the ledger: %+v", open, l.Open())
			}
		})
	}
}

// TestPlannedOptions: a delivery is made with the options it was planned with,
// whatever the sink says by then; a key is not kept with them.
func TestPlannedOptions(t *testing.T) {
	w := identitytest.Start(t)
	planned := sinkTo(t, w, "Inbox", identitytest.Inbox, `storage_class = "STANDARD_IA"
metadata = { tenant = "acme" }
checksum_algorithm = "SHA256"`)
	kept, err := planned.(sinks.Planned).Options()
	if err != nil {
		t.Fatal(err)
	}
	now := sinkTo(t, w, "Inbox", identitytest.Inbox, `metadata = { tenant = "other" }`)
	s, err := now.(sinks.Planned).WithOptions(kept)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Deliver(t.Context(), sinktest.Delivery(&sinktest.Ledger{}, sinktest.Artifact(t, "out/a.csv", 10, 1))); err != nil {
		t.Fatal(err)
	}
	h := w.Requests("PutObject")[0].Header
	if h["x-amz-storage-class"] != "STANDARD_IA" || h["x-amz-meta-tenant"] != "acme" || h["x-amz-checksum-sha256"] == "" {
		t.Errorf("the object was put with %v", h)
	}
	if _, err := now.(sinks.Planned).WithOptions([]byte("?")); err == nil {
		t.Error("options that cannot be read were taken")
	}
	_, err = now.(sinks.Planned).WithOptions([]byte(`{"sse":"customer"}`))
	wantProblem(t, err, "delivery-changed", "permanent", "customer_key")
}
