package s3_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/internal/identity/identitytest"
	"waybill/internal/proof"
	"waybill/internal/secret"
	"waybill/sinks"
)

// outcome is a proof in short: what, verdict, code.
func outcome(proofs []proof.Proof) []string {
	var out []string
	for _, p := range proofs {
		text := p.Of + " " + string(p.Verdict)
		if p.Problem != nil {
			text += " " + p.Problem.Code
		}
		out = append(out, text)
	}
	return out
}

func TestProbe(t *testing.T) {
	w := identitytest.Start(t)
	wrong, lax := identitytest.Role("Inbox"), identitytest.Role("Jump")
	wrong.ExternalID = secret.PlainText("wrong")
	traces := proof.Trial{Traces: true, Key: "out/a.csv"}
	for _, tt := range []struct {
		name  string
		sink  sinks.Sink
		trial proof.Trial
		want  []string
	}{
		{"read-only", sinkTo(t, w, "Inbox", identitytest.Inbox, ""), proof.Trial{}, []string{"identity proven", "bucket proven"}},
		{"with traces", sinkTo(t, w, "Inbox", identitytest.Inbox, ""), traces, []string{"identity proven", "external id proven", "bucket proven", "write proven"}},
		{"wrong external id", withRole(t, w, wrong), traces, []string{"identity failed assume-role-denied"}},
		{"external id that nobody asks for", withRole(t, w, lax), traces,
			[]string{"identity proven", "external id doubtful external-id-not-enforced", "bucket proven", "write failed bucket-access-denied"}},
		{"may not write", sinkTo(t, w, "NoPut", identitytest.Inbox, ""), traces,
			[]string{"identity proven", "external id proven", "bucket proven", "write failed bucket-access-denied"}},
		{"missing bucket", sinkTo(t, w, "Inbox", "acme-inbux", ""), traces, []string{"identity proven", "external id proven", "bucket failed bucket-not-found"}},
		{"wrong region", sinkTo(t, w, "Inbox", identitytest.FarInbox, ""), traces, []string{"identity proven", "external id proven", "bucket failed bucket-region-mismatch"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proofs := tt.sink.(sinks.Prober).Probe(t.Context(), tt.trial)
			if diff := cmp.Diff(tt.want, outcome(proofs)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := written(w); n != 0 {
				t.Errorf("%d objects were written", n)
			}
			if open := uploads(t, w, identitytest.Inbox); len(open) > 0 {
				t.Errorf("uploads are left open: %v", open)
			}
			for _, p := range proofs {
				if p.Of == "external id" && p.Verdict == proof.Doubtful && !strings.Contains(p.Problem.Snippet, identitytest.ExternalID) {
					t.Errorf("the policy to add does not name the external id: %s", p.Problem.Snippet)
				}
			}
		})
	}
}

// A probe without leave to do more only looks.
func TestProbeIsReadOnly(t *testing.T) {
	w := identitytest.Start(t)
	sinkTo(t, w, "Inbox", identitytest.Inbox, "").(sinks.Prober).Probe(t.Context(), proof.Trial{Key: "out/a.csv"})
	for _, e := range w.Requests() {
		switch e.Operation {
		case "AssumeRole", "GetCallerIdentity", "HeadBucket":
		default:
			t.Errorf("it asked for %s", e.Operation)
		}
	}
}
