package s3_test

import (
	"slices"
	"testing"

	"waybill/internal/identity/identitytest"
	"waybill/internal/problem"
	"waybill/internal/sandbox"
	"waybill/sinks"
	"waybill/sinks/s3"
	"waybill/sinks/sinktest"
)

func TestActions(t *testing.T) {
	minimum := []string{"s3:PutObject", "s3:AbortMultipartUpload"}
	tests := []struct {
		name string
		cfg  s3.Config
		use  sinks.Use
		more []string
	}{
		{"plain", s3.Config{}, sinks.Use{}, nil},
		{"replace", s3.Config{ACL: "bucket-owner-full-control"}, sinks.Use{IfExists: sinks.Replace}, nil},
		{"tags and an ACL", s3.Config{Tags: map[string]string{"a": "b"}, ACL: "private"}, sinks.Use{}, []string{"s3:PutObjectTagging", "s3:PutObjectAcl"}},
		{"fail", s3.Config{}, sinks.Use{IfExists: sinks.Fail}, []string{"s3:GetObject", "s3:ListBucket"}},
		{"skip", s3.Config{}, sinks.Use{IfExists: sinks.Skip}, []string{"s3:GetObject", "s3:ListBucket"}},
		{"success file", s3.Config{}, sinks.Use{Success: true}, []string{"s3:DeleteObject"}},
		{"several files", s3.Config{}, sinks.Use{Several: true}, []string{"s3:DeleteObject"}},
	}
	for _, tt := range tests {
		if got := tt.cfg.Actions(tt.use); !slices.Equal(got, append(slices.Clone(minimum), tt.more...)) {
			t.Errorf("%s: %v, want the minimum and %v", tt.name, got, tt.more)
		}
	}
}

// TestOnlyIfAbsentAmbiguous: when the answer to a write is lost, S3 refuses the
// repetition because the object is there: it is our own.
func TestOnlyIfAbsentAmbiguous(t *testing.T) {
	for _, operation := range []string{"PutObject", "CompleteMultipartUpload"} {
		t.Run(operation, func(t *testing.T) {
			w := identitytest.Start(t)
			l, a := &sinktest.Ledger{}, sinktest.Artifact(t, "out/a.bin", map[string]int{"PutObject": 1000, "CompleteMultipartUpload": 20 << 20}[operation], 1)
			w.Faults(sandbox.Fault{Service: "s3", Operation: operation, Cut: sandbox.CutAfter, Times: 1})
			d := sinktest.Delivery(l, a)
			d.IfExists = sinks.Fail
			if _, err := sinkTo(t, w, "Reader", identitytest.Inbox, "").Deliver(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if got, _, found := read(t, w, identitytest.Inbox, a.Key); !found || len(got) != int(a.Size) {
				t.Errorf("found %v, %d bytes", found, len(got))
			}
			if open := uploads(t, w, identitytest.Inbox); len(open)+len(l.Open()) > 0 {
				t.Errorf("open uploads: %v, in the ledger: %+v", open, l.Open())
			}
		})
	}
}

// TestConflict: 409 means that somebody else writes the same key now; the
// upload begins anew and finds out who was first.
func TestConflict(t *testing.T) {
	w := identitytest.Start(t)
	for i, operation := range []string{"PutObject", "CompleteMultipartUpload"} {
		w.Faults(sandbox.Fault{Service: "s3", Operation: operation, Code: "ConditionalRequestConflict", Times: 1})
		l, a := &sinktest.Ledger{}, sinktest.Artifact(t, "out/"+operation, []int{1000, 20 << 20}[i], 1)
		d := sinktest.Delivery(l, a)
		d.IfExists = sinks.Fail
		if _, err := sinkTo(t, w, "Reader", identitytest.Inbox, "").Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if _, _, found := read(t, w, identitytest.Inbox, a.Key); !found {
			t.Errorf("%s is not there", a.Key)
		}
	}
	if open := uploads(t, w, identitytest.Inbox); len(open) > 0 {
		t.Errorf("open uploads: %v", open)
	}
}

// TestLateForeignObject: an object that somebody else puts while a multipart
// upload is under way stays, and nothing of ours is left.
func TestLateForeignObject(t *testing.T) {
	w := identitytest.Start(t)
	l, a := &sinktest.Ledger{}, sinktest.Artifact(t, "out/a.bin", 20<<20, 1)
	w.Faults(sandbox.Fault{Service: "s3", Operation: "CompleteMultipartUpload", Code: "PreconditionFailed"})
	d := sinktest.Delivery(l, a)
	d.IfExists = sinks.Fail
	_, err := sinkTo(t, w, "Reader", identitytest.Inbox, "").Deliver(t.Context(), d)
	if p := problem.As(err); p == nil || p.Code != "object-exists" {
		t.Errorf("got %v, want object-exists", err)
	}
	if open := uploads(t, w, identitytest.Inbox); len(open)+len(l.Open()) > 0 {
		t.Errorf("open uploads: %v, in the ledger: %+v", open, l.Open())
	}
}

// TestLookTellsWhatItNeeds: a policy that lets nobody look is told of with both
// statements that are missing.
func TestLookTellsWhatItNeeds(t *testing.T) {
	w := identitytest.Start(t)
	d := sinktest.Delivery(&sinktest.Ledger{}, sinktest.Artifact(t, "out/a.csv", 10, 1))
	d.IfExists = sinks.Skip
	_, err := sinkTo(t, w, "Inbox", identitytest.Inbox, "").Deliver(t.Context(), d)
	wantProblem(t, err, "bucket-access-denied", problem.Permanent, "s3:ListBucket", "s3:GetObject", "arn:aws:s3:::acme-inbox/*", "if_exists")
}
