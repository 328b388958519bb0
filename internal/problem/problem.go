// Package problem describes failures that a user can meet.
//
// A Problem says what happened with the names involved, why, and what to do
// about it. Its code is stable and public: `waybill explain CODE` prints the
// catalog's text for it, and scripts may compare it.
package problem

import (
	"encoding/json"
	"errors"
	"strings"
)

// Class says whether trying again can help.
type Class string

// The three verdicts that a retry loop acts on.
const (
	Permanent Class = "permanent" // the same attempt fails again: never retried
	Transient Class = "transient" // may work the next time: retried with backoff
	Throttled Class = "throttled" // works once the other side has room: retried after a longer wait
)

// A Problem is a classified, explained error. It wraps the error that caused
// it, so errors.Is and errors.As see through it.
type Problem struct {
	Code    string   `json:"code"`              // stable, kebab-case, a key of the catalog
	Summary string   `json:"summary"`           // one sentence: what happened to what, with names
	Cause   string   `json:"cause,omitempty"`   // why, in a sentence or two
	Remedy  []string `json:"remedy,omitempty"`  // what to do, in order
	Snippet string   `json:"snippet,omitempty"` // the exact policy statement, setting or SQL to use, verbatim
	Class   Class    `json:"class"`
	Where   string   `json:"where,omitempty"` // file:line of the block concerned, relative to the project

	Err error `json:"-"` // the underlying error; nil if there is none
}

// Error returns the summary, and the underlying error where it says more.
func (p *Problem) Error() string {
	if p.Err == nil {
		return p.Summary
	}
	if cause := p.Err.Error(); !strings.Contains(p.Summary, cause) {
		return p.Summary + ": " + cause
	}
	return p.Summary
}

// Unwrap returns the underlying error.
func (p *Problem) Unwrap() error { return p.Err }

// MarshalJSON writes the problem with the underlying error as a text, so that
// a stored problem still tells what the other side answered.
func (p *Problem) MarshalJSON() ([]byte, error) {
	type plain Problem
	out := struct {
		*plain
		Detail string `json:"detail,omitempty"`
	}{plain: (*plain)(p)}
	if p.Err != nil {
		out.Detail = p.Err.Error()
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Problem) UnmarshalJSON(data []byte) error {
	type plain Problem
	in := struct {
		*plain
		Detail string `json:"detail"`
	}{plain: (*plain)(p)}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Detail != "" {
		p.Err = errors.New(in.Detail)
	}
	return nil
}

// New makes a problem of a code that the catalog lists, taking class, cause
// and remedy from there. Callers replace what they can say better.
func New(code, summary string, err error) *Problem {
	e := Lookup(code)
	return &Problem{Code: code, Summary: summary, Cause: e.Cause, Remedy: e.Remedy, Class: e.Class, Err: err}
}

// As returns the outermost Problem in err's chain, or nil.
func As(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}

// Of returns err as a Problem: the one it wraps, or a permanent one of code
// "internal" that tells it whole. Of(nil) is nil.
func Of(err error) *Problem {
	if err == nil {
		return nil
	}
	if p := As(err); p != nil {
		return p
	}
	return New("internal", err.Error(), err)
}

// ClassOf returns the retry verdict of err. An error without one is permanent:
// only what is known to pass is tried again.
func ClassOf(err error) Class {
	if p := As(err); p != nil && p.Class != "" {
		return p.Class
	}
	return Permanent
}
