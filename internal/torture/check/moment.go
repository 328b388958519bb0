package check

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A Watch looks at objects in the moments in which they appear, so that what
// is whole at the end but was not for a while is found as well. Its methods
// are safe for concurrent use.
type Watch struct {
	Buckets Buckets
	Wants   []Want
	Slots   []time.Time

	mu      sync.Mutex
	verdict Verdict
	err     error
}

// Saw is called after a request made an object appear, before anybody hears of
// it. announced is the SHA-256 that the request's metadata named, or empty.
func (w *Watch) Saw(ctx context.Context, bucket, key, announced string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.saw(ctx, bucket, key, announced); err != nil && w.err == nil {
		w.err = err
	}
}

func (w *Watch) saw(ctx context.Context, bucket, key, announced string) error {
	data, err := w.Buckets.Read(ctx, bucket, key)
	if err != nil && !errors.Is(err, ErrNoObject) {
		return err
	}
	if err == nil && announced != "" && digest(data) != announced {
		w.verdict.partial("s3://%s/%s stood there with other bytes (%d) than were announced", bucket, key, len(data))
	}
	for _, slot := range w.Slots {
		for _, want := range w.Wants {
			if err := w.promise(ctx, want.at(slot), bucket, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// promise checks what a manifest or a success file promises: while the success
// file stands there everything is whole, and a manifest comes after its data.
func (w *Watch) promise(ctx context.Context, want Want, bucket, key string) error {
	if want.Bucket != bucket {
		return nil
	}
	if want.Manifest != "" && key == want.Manifest {
		if err := Named(ctx, w.Buckets, &w.verdict, want, key); err != nil {
			return err
		}
	}
	if want.Success == "" {
		return nil
	}
	_, err := w.Buckets.Read(ctx, bucket, want.Success)
	if errors.Is(err, ErrNoObject) {
		return nil
	}
	if err != nil {
		return err
	}
	whole, err := Whole(ctx, w.Buckets, want)
	if !whole.Clean() {
		w.verdict.partial("s3://%s/%s stood there while not all was whole", bucket, want.Success)
		w.verdict.Add(whole)
	}
	return err
}

// Verdict is what was seen so far.
func (w *Watch) Verdict() (Verdict, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.verdict, w.err
}
