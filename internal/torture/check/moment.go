package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Watch reads objects in the moments in which they appear, so that what
// stood there for a while only can be judged as well. Its methods are safe for
// concurrent use.
type Watch struct {
	Buckets Buckets
	Wants   []Want
	Slots   []time.Time

	mu       sync.Mutex
	verdict  Verdict
	err      error
	events   []Event
	versions versions
}

// versions are the bytes that were seen, by place and SHA-256. Those of objects
// without a manifest or a success file are not kept: they promise nothing.
type versions map[string][]byte

func (v versions) at(bucket, key, sha string) ([]byte, bool) {
	data, ok := v[bucket+"/"+key+"\x00"+sha]
	return data, ok
}

// Saw is called after a request made an object appear, before anybody hears of
// it. announced is the SHA-256 that the request's metadata named, or empty.
func (w *Watch) Saw(ctx context.Context, bucket, key, announced string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	data, err := w.Buckets.Read(ctx, bucket, key)
	switch {
	case errors.Is(err, ErrNoObject):
		return // another request has removed it already
	case err != nil:
		w.err = errors.Join(w.err, err)
		return
	}
	sum := digest(data)
	if announced != "" && sum != announced {
		w.verdict.partial("s3://%s/%s stood there with other bytes (%d) than were announced", bucket, key, len(data))
	}
	w.events = append(w.events, Event{Time: time.Now(), Bucket: bucket, Key: key, SHA256: sum, Size: int64(len(data))})
	if w.versions == nil {
		w.versions = versions{}
	}
	if slices.ContainsFunc(w.wants(), func(want Want) bool { return want.promises() && want.has(bucket, key) }) {
		w.versions[bucket+"/"+key+"\x00"+sum] = data
	}
}

// Gone is called after a request removed an object, before anybody hears of it.
func (w *Watch) Gone(_ context.Context, bucket, key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, Event{Time: time.Now(), Bucket: bucket, Key: key, Gone: true})
}

func (w *Watch) wants() (out []Want) {
	for _, slot := range w.Slots {
		for _, want := range w.Wants {
			out = append(out, want.at(slot))
		}
	}
	return out
}

// promises reports whether something says of the data that it is there.
func (w Want) promises() bool { return w.Manifest != "" || w.Success != "" }

// has reports whether an object belongs to the slot.
func (w Want) has(bucket, key string) bool {
	return bucket == w.Bucket && strings.HasPrefix(key, w.Prefix)
}

// Verdict judges every moment so far: in the order of the journal if there is
// one, otherwise in that in which objects were seen.
func (w *Watch) Verdict(ctx context.Context, j *Journal) (Verdict, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := Verdict{}
	v.Add(w.verdict)
	if w.err != nil {
		return v, w.err
	}
	for _, want := range w.wants() {
		if !want.promises() {
			continue
		}
		events := w.events
		if j != nil {
			var err error
			if events, err = j.Events(want.Bucket, want.Prefix); err != nil {
				return v, err
			}
		}
		r := replay{want: want, state: snapshot{versions: w.versions, sums: map[string]string{}}}
		for _, e := range events {
			if !want.has(e.Bucket, e.Key) {
				continue
			}
			if err := r.next(ctx, e); err != nil {
				return v, err
			}
		}
		v.Add(r.verdict)
	}
	return v, nil
}

// A snapshot is what stood in a bucket after some event. It implements Buckets.
type snapshot struct {
	versions versions
	sums     map[string]string // by key
}

// Keys implements Buckets.
func (s snapshot) Keys(_ context.Context, _, prefix string) (out []string, err error) {
	for _, key := range slices.Sorted(maps.Keys(s.sums)) {
		if strings.HasPrefix(key, prefix) {
			out = append(out, key)
		}
	}
	return out, nil
}

// Read implements Buckets.
func (s snapshot) Read(_ context.Context, bucket, key string) ([]byte, error) {
	sum, ok := s.sums[key]
	if !ok {
		return nil, fmt.Errorf("s3://%s/%s: %w", bucket, key, ErrNoObject)
	}
	data, ok := s.versions.at(bucket, key, sum)
	if !ok {
		return nil, fmt.Errorf("nobody has seen the bytes %q of s3://%s/%s", sum, bucket, key)
	}
	return data, nil
}

// Uploads implements Buckets: nobody asks.
func (snapshot) Uploads(context.Context, string, string) ([]Upload, error) { return nil, nil }

// A replay goes through what happened to one slot, event by event, and judges
// what a reader could have seen after each.
type replay struct {
	want    Want
	state   snapshot
	verdict Verdict
	// outdated says that the manifest is of an earlier delivery, whose files may
	// be replaced: its success file is gone, or where there is none, other bytes
	// have come since.
	outdated bool
}

func (r *replay) next(ctx context.Context, e Event) error {
	old, stood := r.state.sums[e.Key]
	switch {
	case e.Gone:
		delete(r.state.sums, e.Key)
	default:
		r.state.sums[e.Key] = e.SHA256
	}
	switch {
	case e.Key == r.want.Manifest:
		r.outdated = false
	case e.Key == r.want.Success && e.Gone, r.want.Success == "" && stood && (e.Gone || old != e.SHA256):
		r.outdated = true
	}
	_, manifest := r.state.sums[r.want.Manifest]
	_, success := r.state.sums[r.want.Success]
	var v Verdict
	if success {
		var err error
		if v, err = r.whole(ctx); err != nil {
			return err
		}
	} else if manifest && !r.outdated {
		if err := Named(ctx, r.state, &v, r.want, false); err != nil {
			return err
		}
	}
	if !v.Clean() {
		r.verdict.partial("after %s of s3://%s/%s at %s: %s", e.what(), e.Bucket, e.Key, e.Time.Format(time.TimeOnly), v.first())
	}
	return nil
}

// whole compares what stands with each set of rows that may stand below a
// success file, and returns what the last one is told apart by.
func (r *replay) whole(ctx context.Context) (v Verdict, err error) {
	for _, rows := range append(slices.Clone(r.want.Earlier), r.want.Rows) {
		one := r.want
		one.Rows = rows
		if v, err = Whole(ctx, r.state, one); err != nil || v.Clean() {
			return v, err
		}
	}
	return v, nil
}

func (e Event) what() string {
	if e.Gone {
		return "the removal"
	}
	return "the write"
}

// first is what is wrong, in one sentence.
func (v *Verdict) first() string {
	return slices.Concat(v.Partials, v.Losses, v.Duplicates)[0]
}
