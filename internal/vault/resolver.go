package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/secret"
)

const (
	// MaxSize is the longest secret in bytes: what Secrets Manager takes.
	MaxSize = 64 << 10
	// keepFor is how long a value is used again. A run reads all its secrets
	// within moments, so it asks for each of them once; a run that is resumed
	// later gets what was rotated meanwhile.
	keepFor = time.Minute
	// readTimeout bounds one reading, with the reader's own retries.
	readTimeout = 30 * time.Second
)

// A Reader reads secrets of one scheme. Read returns the whole text, whatever
// Field says, and a *problem.Problem, which never holds a part of the value, if
// it cannot. It is safe for concurrent use.
type Reader interface {
	Read(ctx context.Context, ref Ref) (string, error)
}

// A Resolver reads secrets by reference and keeps them for a minute, so that a
// run that names one in several places reads it once. A process needs one. It
// is safe for concurrent use.
type Resolver struct {
	readers map[string]Reader
	flights singleflight.Group

	mu   sync.Mutex
	kept map[Ref]keptValue
}

type keptValue struct {
	value secret.String
	until time.Time
}

// New returns a resolver with a reader for each scheme that it can read.
func New(readers map[string]Reader) *Resolver {
	return &Resolver{readers: maps.Clone(readers), kept: map[Ref]keptValue{}}
}

// Read returns the secret that a reference points to. Errors are *FormError or
// *problem.Problem and name the reference, never the value. Failures are not
// kept: the next call asks again.
func (r *Resolver) Read(ctx context.Context, reference string) (string, error) {
	ref, err := Parse(reference)
	if err != nil {
		return "", err
	}
	whole, err := r.whole(ctx, ref.Whole())
	if err != nil || ref.Field == "" {
		return whole.Reveal(), err
	}
	return field(ref, whole.Reveal())
}

// whole returns a kept value, or reads it. Callers that ask at the same time
// share one reading, which goes on when the first of them gives up.
func (r *Resolver) whole(ctx context.Context, ref Ref) (secret.String, error) {
	if value, ok := r.recall(ref); ok {
		return value, nil
	}
	flight := r.flights.DoChan(fmt.Sprintf("%q", ref), func() (any, error) {
		if value, ok := r.recall(ref); ok { // by a flight that has just landed
			return value, nil
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return r.read(bounded, ref)
	})
	select {
	case got := <-flight:
		value, _ := got.Val.(secret.String)
		return value, got.Err
	case <-ctx.Done():
		return secret.String{}, context.Cause(ctx)
	}
}

func (r *Resolver) recall(ref Ref) (secret.String, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(r.kept, func(_ Ref, k keptValue) bool { return !now.Before(k.until) })
	k, ok := r.kept[ref]
	return k.value, ok
}

func (r *Resolver) read(ctx context.Context, ref Ref) (secret.String, error) {
	reader, ok := r.readers[ref.Scheme]
	if !ok {
		return secret.String{}, unusable(ref, "nothing here reads %s://", ref.Scheme)
	}
	text, err := reader.Read(ctx, ref)
	if err != nil {
		return secret.String{}, asProblem(ctx, ref, err)
	}
	if err := usable(ref, text); err != nil {
		return secret.String{}, err
	}
	value := secret.New(text)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[ref] = keptValue{value, time.Now().Add(keepFor)}
	return value, nil
}

// asProblem explains a reading that took too long, and keeps what a reader has
// explained itself.
func asProblem(ctx context.Context, ref Ref, err error) error {
	if p := problem.As(err); p != nil {
		return p
	}
	if ctx.Err() != nil {
		return problem.New("secret-unreachable", fmt.Sprintf("reading %s took longer than %s", ref, readTimeout), nil)
	}
	return problem.New("secret-unreachable", fmt.Sprintf("%s cannot be read", ref), err)
}

func usable(ref Ref, text string) error {
	switch {
	case text == "":
		return unusable(ref, "it is empty")
	case len(text) > MaxSize:
		return unusable(ref, "it is longer than %d bytes", MaxSize)
	case !utf8.ValidString(text):
		return unusable(ref, "it is not text in UTF-8")
	}
	return nil
}

// unusable is the problem of a secret that is there but cannot serve as one.
func unusable(ref Ref, format string, args ...any) *problem.Problem {
	return problem.New("secret-unusable", fmt.Sprintf("%s cannot be used: %s", ref, fmt.Sprintf(format, args...)), nil)
}

// NotFound is the problem of a secret that is not where the reference points.
func NotFound(ref Ref, why string, err error) *problem.Problem {
	return problem.New("secret-not-found", fmt.Sprintf("%s is not there: %s", ref, why), err)
}

// field takes a field of the JSON object that a secret is. The decoder's own
// words are left out: they quote the text.
func field(ref Ref, text string) (string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil || fields == nil {
		p := problem.New("secret-not-json", fmt.Sprintf("%s is not a JSON object, so it has no field %q", ref.Whole(), ref.Field), nil)
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			p.Cause = fmt.Sprintf("It is JSON, but of another kind: %s.", wrong.Value)
		}
		return "", p
	}
	raw, ok := fields[ref.Field]
	if !ok {
		return "", noField(ref, fields)
	}
	var value string
	switch {
	case json.Unmarshal(raw, &value) == nil && raw[0] == '"':
	case raw[0] == '{', raw[0] == '[', string(raw) == "null":
		return "", problem.New("secret-field-missing", fmt.Sprintf("the field %q of %s is no text", ref.Field, ref.Whole()), nil)
	default: // a number, true or false, as it is written
		value = string(raw)
	}
	return value, usable(ref, value)
}

// noField names the fields that there are: names are not secret, and the
// missing one is most often misspelt.
func noField(ref Ref, fields map[string]json.RawMessage) *problem.Problem {
	p := problem.New("secret-field-missing", fmt.Sprintf("%s has no field %q", ref.Whole(), ref.Field), nil)
	names := slices.Sorted(maps.Keys(fields))
	if hint := diag.Suggest(ref.Field, names); hint != "" {
		p.Cause = strings.TrimSpace(hint)
	}
	return p
}
