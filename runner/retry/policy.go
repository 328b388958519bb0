// Package retry is the one loop in which waybill tries again.
//
// Whether trying again can help is said by the error itself: a
// problem.Problem's class. Permanent errors end the loop at once, transient
// ones are retried with capped exponential backoff and full jitter, throttled
// ones after waits that are several times as long.
package retry

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"waybill/internal/problem"
	"waybill/internal/schema"
)

// A Policy says how often and for how long to try. Its tags decode a `retry`
// block. Zero fields mean "not said": see Or and Default.
type Policy struct {
	MaxAttempts    int64         `wb:"max_attempts"`    // all tries, the first included
	InitialBackoff time.Duration `wb:"initial_backoff"` // the most that is waited after the first try
	MaxBackoff     time.Duration `wb:"max_backoff"`     // the most that is waited after any try
	MaxElapsed     time.Duration `wb:"max_elapsed"`     // no try begins later than this after the first began
}

// Default is the policy where nothing is said.
func Default() Policy {
	return Policy{MaxAttempts: 3, InitialBackoff: time.Second, MaxBackoff: time.Minute, MaxElapsed: time.Hour}
}

// Or returns the policy with what it doesn't say taken from another: a step's
// policy Or the project's Or Default().
func (p Policy) Or(other Policy) Policy {
	return Policy{
		MaxAttempts:    cmp.Or(p.MaxAttempts, other.MaxAttempts),
		InitialBackoff: cmp.Or(p.InitialBackoff, other.InitialBackoff),
		MaxBackoff:     cmp.Or(p.MaxBackoff, other.MaxBackoff),
		MaxElapsed:     cmp.Or(p.MaxElapsed, other.MaxElapsed),
	}
}

// Validate reports what contradicts itself in a policy, by the name of the
// attribute to correct. Fields that are not said are fine.
func (p Policy) Validate() (attr string, err error) {
	switch {
	case p.MaxAttempts < 0 || p.MaxAttempts > 100:
		return "max_attempts", fmt.Errorf("max_attempts is %d, want 1 to 100", p.MaxAttempts)
	case p.InitialBackoff > 0 && p.MaxBackoff > 0 && p.InitialBackoff > p.MaxBackoff:
		return "initial_backoff", fmt.Errorf("initial_backoff %v is longer than max_backoff %v", p.InitialBackoff, p.MaxBackoff)
	}
	return "", nil
}

// Block describes the `retry` block. Its attributes have no defaults of their
// own, so that an absent one falls through to the waybill block's.
func Block() *schema.Block {
	return &schema.Block{
		Type: "retry",
		Doc: "How often, and for how long, a source or sink tries again when an error may pass by itself. Errors that cannot pass, such as a denied permission, are never retried. " +
			"What a block does not say is taken from the retry block of the waybill block, and then from the defaults named here.",
		Example: "retry {\n  max_attempts    = 5\n  initial_backoff = \"1s\"\n  max_backoff     = \"1m\"\n  max_elapsed     = \"1h\"\n}",
		Attrs: []schema.Attr{
			{Name: "max_attempts", Type: schema.Int, Example: "5", Doc: "The number of tries, the first included, from 1 to 100. 1 means never to try again. 3 if it is said nowhere."},
			{Name: "initial_backoff", Type: schema.Duration, Example: `"1s"`, Doc: "The longest wait after the first try; it doubles with each further one, and the actual wait is drawn at random below it. Throttled requests wait ten times as long. \"1s\" if it is said nowhere."},
			{Name: "max_backoff", Type: schema.Duration, Example: `"1m"`, Doc: "The longest wait after any try. Throttled requests may wait up to 5 minutes even if this is shorter, and longer if the service asks for it. \"1m\" if it is said nowhere."},
			{Name: "max_elapsed", Type: schema.Duration, Example: `"1h"`, Doc: "No try begins later than this after the first began, restarts of the daemon included. \"1h\" if it is said nowhere."},
		},
	}
}

// What throttling changes: more room at the start, and a wait that is never
// near zero, since the other side has just said that there are too many of us.
const (
	throttledFactor = 10
	throttledMax    = 5 * time.Minute
)

// A Waiter is an error that knows how long to leave the other side alone:
// Athena's limit of concurrent queries frees itself in minutes, whatever the
// policy says. It is found anywhere in an error's chain.
type Waiter interface {
	error
	// RetryAfter is the shortest wait before the next try.
	RetryAfter() time.Duration
}

// Backoff returns how long to wait after a try that failed with err. Attempts
// count from 1. random returns a number in [0, 1), as rand.Float64 does.
func (p Policy) Backoff(attempt int, err error, random func() float64) time.Duration {
	initial, most := p.InitialBackoff, p.MaxBackoff
	throttled := problem.ClassOf(err) == problem.Throttled
	if throttled {
		initial, most = initial*throttledFactor, max(most, throttledMax)
	}
	ceiling := most
	if grown := float64(initial) * math.Exp2(float64(attempt-1)); grown < float64(most) {
		ceiling = time.Duration(grown)
	}
	wait := time.Duration(random() * float64(ceiling))
	if throttled {
		wait = ceiling/2 + wait/2
	}
	if w := Waiter(nil); errors.As(err, &w) {
		wait += max(0, w.RetryAfter()) // on top, so that those told the same don't come back together
	}
	return wait
}
