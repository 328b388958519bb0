package sandbox

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync"
	"time"
)

// Cut says where a fault closes the connection without an answer.
type Cut string

// Before the work: nothing happens. After the work: everything happened, but
// nobody is told, which is how an ambiguous outcome is made.
const (
	CutBefore Cut = "before"
	CutAfter  Cut = "after"
)

// A Fault makes matching requests fail, stall or crawl. Empty fields match
// everything; Bucket and Key are glob patterns of package path, Key over the
// whole key ("*" doesn't match "/", "**" alone matches all).
type Fault struct {
	Service   string `json:"service,omitempty"`   // s3, sts, athena, secretsmanager, ssm
	Operation string `json:"operation,omitempty"` // "PutObject"
	Bucket    string `json:"bucket,omitempty"`
	Key       string `json:"key,omitempty"`
	Principal string `json:"principal,omitempty"` // ARN, as a glob pattern

	After int `json:"after,omitempty"` // let this many matching requests pass first
	Times int `json:"times,omitempty"` // then act on this many; 0: on all

	// Code is an AWS error code to answer with; Status may be left 0 for
	// those in wide use. S3 answers status 200 with an error inside when
	// Status says so, as CompleteMultipartUpload does.
	Code    string        `json:"code,omitempty"`
	Status  int           `json:"status,omitempty"`
	Message string        `json:"message,omitempty"`
	Delay   time.Duration `json:"delay,omitempty"` // nanoseconds; before anything else
	Cut     Cut           `json:"cut,omitempty"`
	// BytesPerSecond slows the bodies of request and answer down.
	BytesPerSecond int64 `json:"bytes_per_second,omitempty"`
}

// faultStatus are the statuses of the codes that tests want most.
var faultStatus = map[string]int{
	"AccessDenied": http.StatusForbidden, "SlowDown": http.StatusServiceUnavailable, "ServiceUnavailable": http.StatusServiceUnavailable,
	"InternalError": http.StatusInternalServerError, "InternalServerException": http.StatusInternalServerError,
	"PreconditionFailed": http.StatusPreconditionFailed, "ConditionalRequestConflict": http.StatusConflict,
	"NoSuchUpload": http.StatusNotFound, "NoSuchBucket": http.StatusNotFound, "NoSuchKey": http.StatusNotFound,
	"ExpiredToken": http.StatusBadRequest, "RequestTimeout": http.StatusBadRequest, "Throttling": http.StatusBadRequest,
	"ThrottlingException": http.StatusBadRequest, "TooManyRequestsException": http.StatusBadRequest, "InvalidRequestException": http.StatusBadRequest,
}

// check completes a fault and tells what is wrong with it.
func (f *Fault) check() error {
	if f.Code != "" && f.Status == 0 {
		if f.Status = faultStatus[f.Code]; f.Status == 0 {
			return fmt.Errorf("fault: no status is known for code %q: give one", f.Code)
		}
	}
	if f.Status != 0 && f.Code == "" {
		return fmt.Errorf("fault: status %d needs a code", f.Status)
	}
	if f.Cut != "" && f.Cut != CutBefore && f.Cut != CutAfter {
		return fmt.Errorf("fault: cut is %q: want %q or %q", f.Cut, CutBefore, CutAfter)
	}
	for _, pattern := range []string{f.Bucket, f.Key, f.Principal} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("fault: pattern %q: %w", pattern, err)
		}
	}
	if f.Code == "" && f.Cut == "" && f.Delay == 0 && f.BytesPerSecond == 0 {
		return fmt.Errorf("fault: it does nothing: give a code, cut, delay or bytes_per_second")
	}
	return nil
}

func (f *Fault) matches(e Entry) bool {
	return (f.Service == "" || f.Service == e.Service) &&
		(f.Operation == "" || f.Operation == e.Operation) &&
		globMatch(f.Bucket, e.Bucket) && globMatch(f.Key, e.Key) && globMatch(f.Principal, e.Principal)
}

func globMatch(pattern, text string) bool {
	if pattern == "" || pattern == "**" {
		return true
	}
	ok, _ := path.Match(pattern, text)
	return ok
}

// faults holds the rules in force. It is safe for concurrent use.
type faults struct {
	mu    sync.Mutex
	rules []*faultRule
}

type faultRule struct {
	Fault
	seen int
}

// set replaces all rules, and counts from zero.
func (s *faults) set(list []Fault) error {
	rules := make([]*faultRule, len(list))
	for i, f := range list {
		if err := f.check(); err != nil {
			return fmt.Errorf("%w (rule %d)", err, i+1)
		}
		rules[i] = &faultRule{Fault: f}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = rules
	return nil
}

func (s *faults) list() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Fault, len(s.rules))
	for i, r := range s.rules {
		out[i] = r.Fault
	}
	return slices.Clip(out)
}

// pick counts a request and returns the first rule that acts on it, or nil.
func (s *faults) pick(e Entry) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if !r.matches(e) {
			continue
		}
		r.seen++
		if r.seen > r.After && (r.Times == 0 || r.seen <= r.After+r.Times) {
			f := r.Fault
			return &f
		}
	}
	return nil
}
