package retry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"pgregory.net/rapid"

	"waybill/internal/problem"
	"waybill/internal/schema"
)

func failure(class problem.Class) error {
	return &problem.Problem{Code: "test", Summary: "it failed", Class: class}
}

// busy is what Athena's limit of concurrent queries looks like.
type busy struct{ wait time.Duration }

func (b busy) Error() string             { return "too many queries" }
func (b busy) RetryAfter() time.Duration { return b.wait }

// always returns a source that draws the same number every time.
func always(x float64) func() float64 { return func() float64 { return x } }

func TestBackoff(t *testing.T) {
	const nearlyOne = 1 - 1e-12
	p := Policy{InitialBackoff: time.Second, MaxBackoff: time.Minute}
	patient := &problem.Problem{Class: problem.Throttled, Err: fmt.Errorf("StartQueryExecution: %w", busy{2 * time.Minute})}
	tests := []struct {
		name    string
		attempt int
		err     error
		random  float64
		want    time.Duration
	}{
		{"the first wait is at most the initial one", 1, failure(problem.Transient), nearlyOne, time.Second},
		{"it doubles", 4, failure(problem.Transient), nearlyOne, 8 * time.Second},
		{"up to the maximum", 10, failure(problem.Transient), nearlyOne, time.Minute},
		{"which a large attempt cannot overflow", 1 << 30, failure(problem.Transient), nearlyOne, time.Minute},
		{"full jitter goes down to nothing", 10, failure(problem.Transient), 0, 0},
		{"and lies evenly between", 3, failure(problem.Transient), 0.25, time.Second},
		{"throttled waits ten times as long", 1, failure(problem.Throttled), nearlyOne, 10 * time.Second},
		{"never less than half of that", 1, failure(problem.Throttled), 0, 5 * time.Second},
		{"at most five minutes", 20, failure(problem.Throttled), nearlyOne, 5 * time.Minute},
		{"what an error asks for comes on top", 1, patient, 0, 2*time.Minute + 5*time.Second},
		{"a negative wish counts for nothing", 1, &problem.Problem{Class: problem.Transient, Err: busy{-time.Hour}}, 0.5, 500 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := p.Backoff(tt.attempt, tt.err, always(tt.random)).Round(time.Millisecond)
			if got != tt.want {
				t.Errorf("waits %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBackoffStaysInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{
			InitialBackoff: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "initial")),
			MaxBackoff:     time.Duration(rapid.Int64Range(1, int64(365*24*time.Hour)).Draw(t, "max")),
		}
		class := rapid.SampledFrom([]problem.Class{problem.Transient, problem.Throttled}).Draw(t, "class")
		attempt := rapid.IntRange(1, 1<<20).Draw(t, "attempt")
		got := p.Backoff(attempt, failure(class), always(rapid.Float64Range(0, 0.999).Draw(t, "random")))
		most := p.MaxBackoff
		if class == problem.Throttled {
			most = max(most, 5*time.Minute)
		}
		if got < 0 || got > most {
			t.Fatalf("waits %v, outside of 0 to %v", got, most)
		}
	})
}

// attemptOf is one call of fn: its number and the time since the start.
type attemptOf struct {
	number int
	after  time.Duration
}

// play runs a loop over a script of errors, in a bubble of its own.
func play(t *testing.T, p Policy, startAttempt int, began time.Duration, script ...error) (tries []attemptOf, told []attemptOf, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err = Loop{Policy: p, Random: always(0.5)}.Do(t.Context(), startAttempt, start.Add(-began),
			func(attempt int, _ error, next time.Time) { told = append(told, attemptOf{attempt, next.Sub(start)}) },
			func(_ context.Context, attempt int) error {
				tries = append(tries, attemptOf{attempt, time.Since(start)})
				e := script[0]
				if len(script) > 1 {
					script = script[1:]
				}
				return e
			})
	})
	return tries, told, err
}

func TestDo(t *testing.T) {
	transient, throttled, permanent := failure(problem.Transient), failure(problem.Throttled), failure(problem.Permanent)
	s := func(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
	tests := []struct {
		name   string
		policy Policy
		start  int
		began  time.Duration
		script []error
		want   []attemptOf
		err    error
		limit  string
	}{
		{"success at once", Policy{}, 1, 0, []error{nil}, []attemptOf{{1, 0}}, nil, ""},
		{"success later", Policy{}, 1, 0, []error{transient, transient, nil}, []attemptOf{{1, 0}, {2, s(0.5)}, {3, s(1.5)}}, nil, ""},
		{"never after a permanent error", Policy{}, 1, 0, []error{permanent}, []attemptOf{{1, 0}}, permanent, ""},
		{"permanent after transient", Policy{}, 1, 0, []error{transient, permanent}, []attemptOf{{1, 0}, {2, s(0.5)}}, permanent, ""},
		{"an unclassified error is permanent", Policy{}, 1, 0, []error{errors.ErrUnsupported}, []attemptOf{{1, 0}}, errors.ErrUnsupported, ""},
		{"attempts run out", Policy{MaxAttempts: 2}, 1, 0, []error{transient}, []attemptOf{{1, 0}, {2, s(0.5)}}, transient, "max_attempts"},
		{"one attempt is no retry", Policy{MaxAttempts: 1}, 1, 0, []error{transient}, []attemptOf{{1, 0}}, transient, "max_attempts"},
		{"throttled waits longer", Policy{}, 1, 0, []error{throttled, nil}, []attemptOf{{1, 0}, {2, s(7.5)}}, nil, ""},
		{"a restart goes on counting", Policy{MaxAttempts: 3}, 3, 0, []error{transient}, []attemptOf{{3, 0}}, transient, "max_attempts"},
		{"a first attempt below one is one", Policy{}, 0, 0, []error{nil}, []attemptOf{{1, 0}}, nil, ""},
		{"time runs out", Policy{MaxAttempts: 100, MaxElapsed: s(2)}, 1, 0, []error{transient}, []attemptOf{{1, 0}, {2, s(0.5)}, {3, s(1.5)}}, transient, "max_elapsed"},
		{"time before a restart counts", Policy{MaxAttempts: 100, MaxElapsed: time.Hour}, 2, time.Hour, []error{transient}, []attemptOf{{2, 0}}, transient, "max_elapsed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tries, told, err := play(t, tt.policy, tt.start, tt.began, tt.script...)
			if !slices.Equal(tries, tt.want) {
				t.Errorf("tries %v, want %v", tries, tt.want)
			}
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			var gaveUp *GaveUp
			if errors.As(err, &gaveUp) != (tt.limit != "") || gaveUp != nil && gaveUp.Limit != tt.limit {
				t.Errorf("gave up: %v, want limit %q", gaveUp, tt.limit)
			}
			if len(told) != len(tries)-1 {
				t.Fatalf("told of %d waits between %d tries", len(told), len(tries))
			}
			for i, n := range told {
				if n.number != tries[i].number || n.after != tries[i+1].after {
					t.Errorf("told that try %d is followed by one after %v, but it was %v", n.number, n.after, tries[i+1])
				}
			}
		})
	}
}

func TestGaveUpTellsTheProblem(t *testing.T) {
	_, _, err := play(t, Policy{MaxAttempts: 2}, 1, 0, failure(problem.Transient))
	if p := problem.As(err); p == nil || p.Code != "test" {
		t.Errorf("the problem is lost in %v", err)
	}
	if want := "it failed (gave up at try 2, after 1s: max_attempts)"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestCancelStopsAWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("the daemon drains")
		time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
		start := time.Now()
		err := Loop{Random: always(0.5)}.Do(ctx, 1, start, nil, func(context.Context, int) error { return failure(problem.Transient) })
		if waited := time.Since(start); waited != 100*time.Millisecond {
			t.Errorf("returned after %v", waited)
		}
		if !errors.Is(err, cause) || problem.As(err) == nil {
			t.Errorf("error %v tells not both the cause and the failure", err)
		}
	})
}

func TestNoTryAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := Do(ctx, Policy{}, 1, time.Now(), nil, func(context.Context, int) error {
		calls++
		cancel()
		return failure(problem.Transient)
	})
	if calls != 1 || problem.As(err) == nil {
		t.Errorf("%d calls, error %v", calls, err)
	}
	if err := Do(ctx, Policy{}, 1, time.Now(), nil, func(context.Context, int) error { calls++; return nil }); !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("a dead context: %d calls, error %v", calls, err)
	}
}

func TestBlockDecodes(t *testing.T) {
	decode := func(text string) Policy {
		t.Helper()
		file, diags := hclsyntax.ParseConfig([]byte(text), "test.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var p Policy
		if _, diags = schema.Decode(file.Body, Block(), &schema.Scope{Eval: &hcl.EvalContext{}}, &p); diags.HasErrors() {
			t.Fatal(diags)
		}
		return p
	}
	project := decode(`max_backoff = "2m"`)
	got := decode("max_attempts = 5\ninitial_backoff = \"3s\"").Or(project).Or(Default())
	if want := (Policy{MaxAttempts: 5, InitialBackoff: 3 * time.Second, MaxBackoff: 2 * time.Minute, MaxElapsed: time.Hour}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := decode(""); got != (Policy{}) {
		t.Errorf("an empty block says %+v", got)
	}
}

func TestBlockNamesTheDefaults(t *testing.T) {
	d := Default()
	defaults := map[string]string{"max_attempts": fmt.Sprint(d.MaxAttempts), "initial_backoff": `"1s"`, "max_backoff": `"1m"`, "max_elapsed": `"1h"`}
	for _, a := range Block().Attrs {
		if want := defaults[a.Name] + " if it is said nowhere."; !strings.HasSuffix(a.Doc, want) {
			t.Errorf("%s: the text does not end in %q", a.Name, want)
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		policy Policy
		attr   string
	}{
		{Policy{}, ""},
		{Default(), ""},
		{Policy{MaxAttempts: -1}, "max_attempts"},
		{Policy{MaxAttempts: 101}, "max_attempts"},
		{Policy{InitialBackoff: time.Hour, MaxBackoff: time.Minute}, "initial_backoff"},
		{Policy{InitialBackoff: time.Hour}, ""},
	}
	for _, tt := range tests {
		attr, err := tt.policy.Validate()
		if attr != tt.attr || (err != nil) != (tt.attr != "") {
			t.Errorf("%+v: %q, %v; want %q", tt.policy, attr, err, tt.attr)
		}
	}
}
