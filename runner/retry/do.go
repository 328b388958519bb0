package retry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"waybill/internal/problem"
)

// A Loop tries again by a policy.
type Loop struct {
	Policy Policy
	// Random returns a number in [0, 1); nil is rand.Float64.
	Random func() float64
}

// Do calls fn until it succeeds, fails for good, or the policy is used up.
//
// startAttempt is the number of the first try, 1 unless the step was begun by
// an earlier claim of the run; firstStart is when the very first try began, so
// that restarts don't lengthen MaxElapsed. Fields that the policy doesn't say
// are those of Default.
//
// notify, which may be nil, is called before each wait with the try that
// failed and the time of the next, to be recorded. fn and notify are called
// from the caller's goroutine, never at once.
//
// Do returns nil, or the last error of fn, wrapped in *GaveUp if the policy
// forbids another try. A context that ends stops a wait at once; the error then
// wraps both the context's cause and the last error.
func Do(ctx context.Context, policy Policy, startAttempt int, firstStart time.Time,
	notify func(attempt int, err error, next time.Time), fn func(ctx context.Context, attempt int) error) error {
	return Loop{Policy: policy}.Do(ctx, startAttempt, firstStart, notify, fn)
}

// Do is the function Do with the loop's own source of randomness.
func (l Loop) Do(ctx context.Context, startAttempt int, firstStart time.Time,
	notify func(attempt int, err error, next time.Time), fn func(ctx context.Context, attempt int) error) error {
	policy := l.Policy.Or(Default())
	random := l.Random
	if random == nil {
		random = rand.Float64
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for attempt := max(1, startAttempt); ; attempt++ {
		err := fn(ctx, attempt)
		if err == nil || ctx.Err() != nil || problem.ClassOf(err) == problem.Permanent {
			return err
		}
		wait := policy.Backoff(attempt, err, random)
		now := time.Now()
		if limit := policy.spent(attempt, now.Add(wait).Sub(firstStart)); limit != "" {
			return &GaveUp{Attempts: attempt, Elapsed: now.Sub(firstStart), Limit: limit, Err: err}
		}
		if notify != nil {
			notify(attempt, err, now.Add(wait))
		}
		if cause := sleep(ctx, wait); cause != nil {
			return fmt.Errorf("stopped while waiting to try again: %w; the last try failed: %w", cause, err)
		}
	}
}

// spent names the limit that forbids another try at that age, if one does.
func (p Policy) spent(attempt int, age time.Duration) string {
	switch {
	case int64(attempt) >= p.MaxAttempts:
		return "max_attempts"
	case age > p.MaxElapsed:
		return "max_elapsed"
	}
	return ""
}

// sleep waits, and returns the context's cause if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// GaveUp is the last error of a loop that used up its policy.
type GaveUp struct {
	Attempts int           // the number of the last try
	Elapsed  time.Duration // since the first try began
	Limit    string        // "max_attempts" or "max_elapsed"
	Err      error
}

// Error tells the last error and how often it was tried.
func (g *GaveUp) Error() string {
	return fmt.Sprintf("%v (gave up at try %d, after %v: %s)", g.Err, g.Attempts, g.Elapsed.Round(time.Second), g.Limit)
}

// Unwrap returns the last error.
func (g *GaveUp) Unwrap() error { return g.Err }
