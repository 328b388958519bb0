// Package check judges what a tortured waybill has delivered. It shares no code
// with what it judges: it reads the buckets themselves, the journal of whoever
// serves them, and the ledger by SQL of its own, and knows from the source data
// what had to arrive.
package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Want is what one sink has to deliver for every slot.
type Want struct {
	Sink   string // address in the ledger, "sink.acme"
	Bucket string
	// Prefix, Manifest and Success are keys in which {date} and {minute} stand
	// for the slot. Every object that begins with Prefix belongs to the slot;
	// those that are neither the manifest nor the success file hold data.
	Prefix            string
	Manifest, Success string // empty: there is none
	// Header is the first line of every file of data. Rows are all other lines in
	// the order of the files' keys, each behind the directory below Prefix that
	// its file stands in: "region=EU/1,17".
	Header string
	Rows   []string
	// Earlier are the rows of deliveries that the slot had before. As long as one
	// of them stands there in whole, its success file may.
	Earlier [][]string
	// FileRows is how many rows every file has, but for the last one of its
	// directory; 0: as many as there are.
	FileRows int
}

func (w Want) at(slot time.Time) Want {
	for _, key := range []*string{&w.Prefix, &w.Manifest, &w.Success} {
		*key = strings.NewReplacer("{date}", slot.Format(time.DateOnly), "{minute}", slot.Format("20060102-1504")).Replace(*key)
	}
	return w
}

// A Verdict is what was found to be wrong, a sentence each.
type Verdict struct {
	Losses, Duplicates, Partials []string
	// Strays are open uploads without a part whose id nobody could have
	// recorded: the process died, or the connection broke, between S3's answer
	// and the ledger. They hold no data, and nothing can be done about them
	// without the permission to list uploads.
	Strays int
}

// Clean reports whether nothing is wrong.
func (v *Verdict) Clean() bool { return len(v.Losses)+len(v.Duplicates)+len(v.Partials) == 0 }

// Add joins another verdict to this one.
func (v *Verdict) Add(o Verdict) {
	v.Losses = append(v.Losses, o.Losses...)
	v.Duplicates = append(v.Duplicates, o.Duplicates...)
	v.Partials = append(v.Partials, o.Partials...)
	v.Strays += o.Strays
}

func (v *Verdict) loss(format string, args ...any) {
	v.Losses = append(v.Losses, fmt.Sprintf(format, args...))
}

func (v *Verdict) duplicate(format string, args ...any) {
	v.Duplicates = append(v.Duplicates, fmt.Sprintf(format, args...))
}

func (v *Verdict) partial(format string, args ...any) {
	v.Partials = append(v.Partials, fmt.Sprintf(format, args...))
}

// A Case is one pipeline with one state, after all is over.
type Case struct {
	Ledger   string // the file of the state
	Pipeline string
	Slots    []time.Time // that had to be delivered, once each
	Others   []time.Time // slots that may have run before
	Wants    []Want
	Buckets  Buckets
	Journal  *Journal // nil: there is none
	// LateWrites says that a request of a process that was thought dead may
	// arrive after success was recorded; it may not change a byte.
	LateWrites bool
}

// Judge looks at everything. Nobody may work on the state meanwhile.
func (c Case) Judge(ctx context.Context) (Verdict, error) {
	var v Verdict
	l, err := readLedger(ctx, c.Ledger, c.Pipeline)
	if err != nil {
		return v, err
	}
	for _, r := range l.runs {
		if !slices.ContainsFunc(c.Slots, r.Slot.Equal) && !slices.ContainsFunc(c.Others, r.Slot.Equal) {
			v.duplicate("the slot %s ran, which never was due", r.Slot)
		}
	}
	for _, slot := range c.Slots {
		c.judgeRuns(&v, l, slot)
		for _, w := range c.Wants {
			if err := c.judgeSink(ctx, &v, l, slot, w.at(slot)); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

func (c Case) judgeRuns(v *Verdict, l ledger, slot time.Time) {
	scheduled, succeeded := 0, false
	for _, r := range l.runs {
		if !r.Slot.Equal(slot) {
			continue
		}
		if r.Trigger == "schedule" {
			scheduled++
		}
		if !r.Over() {
			v.loss("run %s of %s is still %s", r.ID, slot, r.Status)
		}
		succeeded = succeeded || r.Status == "succeeded"
	}
	if scheduled > 1 {
		v.duplicate("the slot %s fired %d times", slot, scheduled)
	}
	if !succeeded {
		v.loss("no run of %s succeeded", slot)
	}
}

func (c Case) judgeSink(ctx context.Context, v *Verdict, l ledger, slot time.Time, w Want) error {
	i := slices.IndexFunc(l.deliveries, func(d delivery) bool { return d.sink == w.Sink && d.slot.Equal(slot) })
	if i < 0 || !l.deliveries[i].done {
		v.loss("the ledger knows of no finished delivery of %s for %s", w.Sink, slot)
		return nil
	}
	d := l.deliveries[i]
	for _, o := range d.objects {
		if err := c.judgeObject(ctx, v, l, d, o); err != nil {
			return err
		}
	}
	if err := c.judgeStrangers(ctx, v, d, w); err != nil {
		return err
	}
	if err := c.judgeUploads(ctx, v, l, d, w); err != nil {
		return err
	}
	whole, err := Whole(ctx, c.Buckets, w)
	v.Add(whole)
	return err
}

// judgeObject compares an object with what the ledger says of it.
func (c Case) judgeObject(ctx context.Context, v *Verdict, l ledger, d delivery, o Object) error {
	name := fmt.Sprintf("s3://%s/%s", o.Bucket, o.Key)
	data, err := c.Buckets.Read(ctx, o.Bucket, o.Key)
	if errors.Is(err, ErrNoObject) {
		v.loss("%s is in the ledger, and not in the bucket", name)
		return nil
	}
	if err != nil {
		return err
	}
	if sum := digest(data); sum != o.SHA256 || int64(len(data)) != o.Size {
		v.duplicate("%s has %d bytes (%s), and %d (%s) in the ledger", name, len(data), sum[:8], o.Size, o.SHA256)
	}
	announced := false
	for _, in := range l.intents {
		if in.delivery != d.id || in.key != o.Key {
			continue
		}
		announced = announced || in.settled && in.there
		if !in.settled {
			v.partial("%s is delivered, and its intent (upload %q) is still open", name, in.uploadID)
		}
	}
	if !announced {
		v.partial("%s was delivered, and nothing in the ledger had announced it", name)
	}
	return c.judgeWrites(v, d, o, name)
}

// judgeWrites looks at every write that made the object appear.
func (c Case) judgeWrites(v *Verdict, d delivery, o Object, name string) error {
	if c.Journal == nil {
		return nil
	}
	events, err := c.Journal.Events(o.Bucket, o.Key)
	if err != nil {
		return err
	}
	written := false
	for _, e := range events {
		if e.Key != o.Key {
			continue
		}
		other := e.Gone || e.SHA256 != "" && e.SHA256 != o.SHA256
		late := e.Time.After(d.doneAt)
		written = written || !e.Gone && !other
		switch {
		case late && other:
			v.duplicate("%s was removed or replaced by other bytes after its success was recorded", name)
		case late && !c.LateWrites:
			v.duplicate("%s was written again after its success was recorded", name)
		case !e.Gone && !other && e.Size >= 0 && e.Size != o.Size:
			v.partial("%s stood there with %d of %d bytes", name, e.Size, o.Size)
		}
	}
	if !written {
		v.loss("%s was never written", name)
	}
	return nil
}

// judgeStrangers finds objects that no receipt names.
func (c Case) judgeStrangers(ctx context.Context, v *Verdict, d delivery, w Want) error {
	keys, err := c.Buckets.Keys(ctx, w.Bucket, w.Prefix)
	if err != nil {
		return err
	}
	for _, key := range keys {
		named := func(o Object) bool { return o.Bucket == w.Bucket && o.Key == key }
		if key != w.Manifest && key != w.Success && !slices.ContainsFunc(d.objects, named) {
			v.duplicate("s3://%s/%s stands there, and no receipt names it", w.Bucket, key)
		}
	}
	return nil
}

// judgeUploads finds multipart uploads that were left open. There are services
// that list those of a whole key only.
func (c Case) judgeUploads(ctx context.Context, v *Verdict, l ledger, d delivery, w Want) error {
	prefixes := []string{w.Prefix}
	for _, o := range d.objects {
		prefixes = append(prefixes, o.Key)
	}
	seen := map[string]bool{}
	for _, prefix := range prefixes {
		open, err := c.Buckets.Uploads(ctx, w.Bucket, prefix)
		if err != nil {
			return err
		}
		for _, u := range open {
			known := slices.ContainsFunc(l.intents, func(in intent) bool { return in.uploadID == u.ID })
			switch {
			case seen[u.ID]:
			case u.Parts == 0 && !known:
				v.Strays++
			default:
				v.partial("the upload %s of s3://%s/%s was left open with %d parts", u.ID, w.Bucket, u.Key, u.Parts)
			}
			seen[u.ID] = true
		}
	}
	return nil
}
