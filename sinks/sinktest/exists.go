package sinktest

import (
	"testing"

	"waybill/internal/problem"
	"waybill/sinks"
)

var existsTests = []test{
	{"if_exists: looking takes a permission", lookDenied},
	{"if_exists fail: nothing is there", failFresh},
	{"if_exists fail: somebody else's", failForeign},
	{"if_exists fail: our own of another run", failOwn},
	{"if_exists fail: our own with other bytes", failChanged},
	{"if_exists fail: left of an earlier delivery", failStale},
	{"if_exists fail: stopped before the record", failUnrecorded},
	{"if_exists fail: begun with other bytes", failBegunOtherwise},
	{"if_exists fail: one appears on the way", failLate},
	{"if_exists skip: nothing is there", skipFresh},
	{"if_exists skip: the first is there", skipForeign},
	{"if_exists skip: begun before", skipBegun},
	{"if_exists skip: begun with other bytes", skipBegunOtherwise},
	{"if_exists skip: one appears on the way", skipLate},
}

// deliverIf delivers a set with an if_exists.
func deliverIf(t *testing.T, p Place, l *Ledger, ifExists string, artifacts ...sinks.Artifact) (sinks.Receipt, *problem.Problem) {
	t.Helper()
	d := Delivery(l, artifacts...)
	d.IfExists = ifExists
	r, err := p.Sink.Deliver(t.Context(), d)
	if err != nil && problem.As(err) == nil {
		t.Fatalf("the error %v is no problem", err)
	}
	return r, problem.As(err)
}

func wantExists(t *testing.T, pr *problem.Problem) {
	t.Helper()
	if pr == nil || pr.Code != "object-exists" || pr.Class != problem.Permanent {
		t.Fatalf("got %+v, want object-exists", pr)
	}
}

// lookable skips a test that looks at what stands there.
func lookable(t *testing.T, p Place) {
	if p.Minimum {
		t.Skip("looking takes a permission")
	}
}

func lookDenied(t *testing.T, p Place) {
	if !p.Minimum {
		t.Skip("it may look")
	}
	for _, ifExists := range []string{sinks.Fail, sinks.Skip} {
		_, pr := deliverIf(t, p, &Ledger{}, ifExists, newSet(t, "out", 2, 1).all()...)
		if pr == nil || pr.Code != "bucket-access-denied" {
			t.Errorf("%s: got %+v, want bucket-access-denied", ifExists, pr)
		}
	}
	wantWrites(t, p, 0)
}

func failFresh(t *testing.T, p Place) {
	lookable(t, p)
	s, large := newSet(t, "out", 3, 1), Artifact(t, "out/large.bin", multipart, 7)
	s.data = append(s.data, large)
	if _, pr := deliverIf(t, p, &Ledger{}, sinks.Fail, s.all()...); pr != nil {
		t.Fatal(pr)
	}
	wantSet(t, p, s)
}

// failForeign: the last key counts as the first does, and nothing is sent.
func failForeign(t *testing.T, p Place) {
	lookable(t, p)
	s := newSet(t, "out", 3, 1)
	for _, key := range []string{s.data[0].Key, s.data[2].Key, s.manifest.Key, s.success.Key} {
		at := newSet(t, "out", 3, 1)
		l := &Ledger{}
		p.Put(key, []byte("theirs"))
		_, pr := deliverIf(t, p, l, sinks.Fail, at.all()...)
		wantExists(t, pr)
		if got, _ := p.Read(key); string(got) != "theirs" {
			t.Errorf("%s was replaced", key)
		}
		for _, a := range at.all() {
			if got, found := p.Read(a.Key); found && string(got) != "theirs" {
				t.Errorf("%s was written although %s is there", a.Key, key)
			}
		}
	}
}

func failOwn(t *testing.T, p Place) {
	lookable(t, p)
	s, l := newSet(t, "out", 3, 1), &Ledger{}
	if _, pr := deliverIf(t, p, l, sinks.Fail, s.all()...); pr != nil {
		t.Fatal(pr)
	}
	l.NextRun()
	r, pr := deliverIf(t, p, l, sinks.Fail, s.all()...)
	if pr != nil || len(r.Objects) != 5 || r.Objects[4].Key != s.success.Key {
		t.Fatalf("%+v, %+v", r, pr)
	}
	wantSet(t, p, s)
	wantWrites(t, p, 5)
}

func failChanged(t *testing.T, p Place) {
	lookable(t, p)
	first, l := newSet(t, "out", 3, 1), &Ledger{}
	if _, pr := deliverIf(t, p, l, sinks.Fail, first.all()...); pr != nil {
		t.Fatal(pr)
	}
	l.NextRun()
	_, pr := deliverIf(t, p, l, sinks.Fail, newSet(t, "out", 3, 2).all()...)
	wantExists(t, pr)
	wantSet(t, p, first)
}

func failStale(t *testing.T, p Place) {
	lookable(t, p)
	s, l := newSet(t, "out", 3, 1), &Ledger{}
	if _, pr := deliverIf(t, p, l, sinks.Fail, s.data...); pr != nil {
		t.Fatal(pr)
	}
	l.NextRun()
	_, pr := deliverIf(t, p, l, sinks.Fail, s.data[:2]...)
	wantExists(t, pr)
	wantThere(t, p, s.data[2])
}

// failUnrecorded: what was sent before a crash is our own, whatever the ledger
// has of it.
func failUnrecorded(t *testing.T, p Place) {
	lookable(t, p)
	for at := range 9 {
		s, l := newSet(t, "out", 2, uint64(at+1)), &Ledger{}
		for i := range s.data {
			s.data[i].Key += string(rune('a' + at))
		}
		s.manifest.Key += string(rune('a' + at))
		s.success.Key += string(rune('a' + at))
		l.stopsAt(at, func() {
			d := Delivery(l, s.all()...)
			d.IfExists = sinks.Fail
			_, _ = p.Sink.Deliver(t.Context(), d)
		})
		if _, pr := deliverIf(t, p, l, sinks.Fail, s.all()...); pr != nil {
			t.Fatalf("stopped at %d: %+v", at, pr)
		}
		wantSet(t, p, s)
	}
}

// begun delivers a set up to its nth record, and returns the ledger and the
// same set with other bytes: that of an attempt whose files were lost and made
// anew, as encryption makes them.
func begun(t *testing.T, p Place, at int, ifExists string) (*Ledger, set) {
	t.Helper()
	first, again, l := newSet(t, "out", 2, 1), newSet(t, "out", 2, 2), &Ledger{}
	for i := range first.data {
		first.data[i].Key += string(rune('a' + at))
		again.data[i].Key = first.data[i].Key
	}
	first.manifest.Key += string(rune('a' + at))
	first.success.Key += string(rune('a' + at))
	again.manifest.Key, again.success.Key = first.manifest.Key, first.success.Key
	l.stopsAt(at, func() {
		d := Delivery(l, first.all()...)
		d.IfExists = ifExists
		_, _ = p.Sink.Deliver(t.Context(), d)
	})
	return l, again
}

// failBegunOtherwise: nothing is replaced, but what the same run sent before is
// ours to take away, recorded or not; then there is room.
func failBegunOtherwise(t *testing.T, p Place) {
	lookable(t, p)
	for at := range 9 {
		l, again := begun(t, p, at, sinks.Fail)
		if _, pr := deliverIf(t, p, l, sinks.Fail, again.all()...); pr != nil {
			wantExists(t, pr)
			for _, a := range again.all() {
				wantAbsent(t, p, a.Key)
			}
			if _, pr := deliverIf(t, p, l, sinks.Fail, again.all()...); pr != nil {
				t.Fatalf("stopped at %d: there is no room: %+v", at, pr)
			}
		}
		wantSet(t, p, again)
	}
}

// failLate: an object that appears after the look makes the whole fail, and
// only what is ours goes.
func failLate(t *testing.T, p Place) {
	lookable(t, p)
	s, l := newSet(t, "out", 3, 1), &Ledger{}
	l.OnIntend = func(in sinks.Intent) error {
		if in.Role == sinks.Manifest {
			p.Put(in.Key, []byte("theirs"))
		}
		return nil
	}
	_, pr := deliverIf(t, p, l, sinks.Fail, s.all()...)
	wantExists(t, pr)
	if got, _ := p.Read(s.manifest.Key); string(got) != "theirs" {
		t.Errorf("the object of somebody else became %q", got)
	}
	for _, a := range append(s.data, s.success) {
		wantAbsent(t, p, a.Key)
	}
	if left := l.Standing(); len(left) > 0 {
		t.Errorf("the ledger believes that %+v stand", left)
	}
}

func skipFresh(t *testing.T, p Place) {
	lookable(t, p)
	s := newSet(t, "out", 3, 1)
	p.Put(s.data[1].Key, []byte("theirs")) // only the first one counts
	if r, pr := deliverIf(t, p, &Ledger{}, sinks.Skip, s.all()...); pr != nil || r.Skipped != "" {
		t.Fatalf("%+v, %+v", r, pr)
	}
	wantSet(t, p, s)
}

func skipForeign(t *testing.T, p Place) {
	lookable(t, p)
	s := newSet(t, "out", 3, 1)
	p.Put(s.data[0].Key, []byte("theirs"))
	r, pr := deliverIf(t, p, &Ledger{}, sinks.Skip, s.all()...)
	if pr != nil || r.Skipped == "" || len(r.Objects) > 0 {
		t.Fatalf("%+v, %+v, want it to be skipped", r, pr)
	}
	if got, _ := p.Read(s.data[0].Key); string(got) != "theirs" {
		t.Error("it was replaced")
	}
	wantAbsent(t, p, s.data[1].Key)
	wantAbsent(t, p, s.success.Key)
}

// skipBegun: files of this very delivery are no reason to skip the rest.
func skipBegun(t *testing.T, p Place) {
	lookable(t, p)
	for _, at := range []int{1, 2, 4} {
		s, l := newSet(t, "out", 3, uint64(at)), &Ledger{}
		for i := range s.data {
			s.data[i].Key += string(rune('a' + at))
		}
		l.stopsAt(at, func() {
			d := Delivery(l, s.all()...)
			d.IfExists = sinks.Skip
			_, _ = p.Sink.Deliver(t.Context(), d)
		})
		if r, pr := deliverIf(t, p, l, sinks.Skip, s.all()...); pr != nil || r.Skipped != "" {
			t.Fatalf("stopped at %d: %+v, %+v", at, r, pr)
		}
		wantSet(t, p, s)
	}
}

// skipBegunOtherwise: what the same run sent before is no reason to skip the
// rest, even if its bytes are others now.
func skipBegunOtherwise(t *testing.T, p Place) {
	lookable(t, p)
	for at := range 9 {
		l, again := begun(t, p, at, sinks.Skip)
		if r, pr := deliverIf(t, p, l, sinks.Skip, again.all()...); pr != nil || r.Skipped != "" {
			t.Fatalf("stopped at %d: %+v, %+v", at, r, pr)
		}
		wantSet(t, p, again)
	}
}

func skipLate(t *testing.T, p Place) {
	lookable(t, p)
	s, l := newSet(t, "out", 3, 1), &Ledger{}
	l.OnIntend = func(in sinks.Intent) error {
		if in.Key == s.data[0].Key {
			p.Put(in.Key, []byte("theirs"))
		}
		return nil
	}
	r, pr := deliverIf(t, p, l, sinks.Skip, s.all()...)
	if pr != nil || r.Skipped == "" {
		t.Fatalf("%+v, %+v, want it to be skipped", r, pr)
	}
	if got, _ := p.Read(s.data[0].Key); string(got) != "theirs" {
		t.Error("it was replaced")
	}
	wantAbsent(t, p, s.data[1].Key)
}
