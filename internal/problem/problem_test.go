package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"

	"waybill/internal/problem"
)

func TestNewTakesTheCatalogsText(t *testing.T) {
	cause := errors.New("403")
	p := problem.New("bucket-access-denied", "S3 refused", cause)
	e := problem.Lookup("bucket-access-denied")
	if p.Class != e.Class || p.Cause != e.Cause || !reflect.DeepEqual(p.Remedy, e.Remedy) || !errors.Is(p, cause) {
		t.Errorf("%+v", p)
	}
	if p := problem.New("no-such-code", "x", nil); p.Class != problem.Permanent || problem.Known("no-such-code") {
		t.Errorf("%+v", p)
	}
}

func TestError(t *testing.T) {
	for want, p := range map[string]*problem.Problem{
		"it failed":             {Summary: "it failed"},
		"it failed: timeout":    {Summary: "it failed", Err: errors.New("timeout")},
		"it failed by timeout.": {Summary: "it failed by timeout.", Err: errors.New("timeout")},
	} {
		if got := p.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for _, p := range []*problem.Problem{
		{Code: "x", Summary: "s", Class: problem.Transient},
		{Code: "x", Summary: "s", Cause: "c", Remedy: []string{"a", "b"}, Snippet: "{\"<&>\": 1}", Class: problem.Throttled, Where: "main.hcl:3", Err: errors.New("detail")},
		problem.New("timeout", "slow", io.ErrUnexpectedEOF),
	} {
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got problem.Problem
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if got.Error() != p.Error() {
			t.Errorf("%s, want %s", got.Error(), p.Error())
		}
		want := *p
		want.Err, got.Err = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %+v, want %+v", data, got, want)
		}
		again, err := json.Marshal(struct{ P *problem.Problem }{p})
		if err != nil || string(again) != `{"P":`+string(data)+`}` {
			t.Errorf("within another: %s, %v", again, err)
		}
	}
	var in struct{ P *problem.Problem }
	if err := json.Unmarshal([]byte(`{"P": null}`), &in); err != nil || in.P != nil {
		t.Errorf("null = %+v, %v", in.P, err)
	}
	if err := json.Unmarshal([]byte(`{"P": 5}`), &in); err == nil {
		t.Error("a number was read as a problem")
	}
}

func TestChains(t *testing.T) {
	inner := problem.New("timeout", "slow", io.EOF)
	outer := &problem.Problem{Code: "x", Summary: "outer", Class: problem.Transient, Err: inner}
	wrapped := fmt.Errorf("in between: %w", outer)
	if problem.As(wrapped) != outer || problem.Of(wrapped) != outer || problem.ClassOf(wrapped) != problem.Transient || !errors.Is(wrapped, io.EOF) {
		t.Error("the chain is broken")
	}
	if problem.As(nil) != nil || problem.As(io.EOF) != nil || problem.Of(nil) != nil {
		t.Error("there is a problem in nothing")
	}
	if p := problem.Of(io.EOF); p.Code != "internal" || p.Class != problem.Permanent || !errors.Is(p, io.EOF) {
		t.Errorf("%+v", p)
	}
	if problem.ClassOf(io.EOF) != problem.Permanent || problem.ClassOf(&problem.Problem{}) != problem.Permanent {
		t.Error("what is not known to pass is tried again")
	}
}
