// Package proof is what comes of trying, before a run, whether its parts will
// work: who we become, whether the bucket is there, whether the query is valid.
package proof

import (
	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// A Verdict says what a proof came to.
type Verdict string

// The verdicts.
const (
	Proven   Verdict = "proven"
	Doubtful Verdict = "doubtful" // it works, but not as it should
	Failed   Verdict = "failed"
)

// A Proof is one thing that was tried.
type Proof struct {
	Of      string  `json:"of"` // "identity", "workgroup", "query", "bucket", "write", "external id"
	Verdict Verdict `json:"verdict"`
	// Told is what was found, one line. The problem of a failed one says it all.
	Told    string           `json:"told,omitempty"`
	Columns dataset.Schema   `json:"columns,omitempty"` // of a query
	Problem *problem.Problem `json:"problem,omitempty"` // unless it is proven
}

// A Trial is what a component is asked to prove.
type Trial struct {
	// Traces allows what leaves traces in the audit log of whose role and bucket
	// it is: assuming a role without its external id, and beginning an upload that
	// is aborted at once. All else is read-only.
	Traces bool
	// Key is one that would be written; empty if there is none to try.
	Key string
}

// Good is something proven.
func Good(of, told string) Proof { return Proof{Of: of, Verdict: Proven, Told: told} }

// Bad is something that failed.
func Bad(of string, err error) Proof {
	return Proof{Of: of, Verdict: Failed, Problem: problem.Of(err)}
}

// Doubt is something that works but not as it should.
func Doubt(of string, p *problem.Problem) Proof {
	return Proof{Of: of, Verdict: Doubtful, Problem: p}
}
