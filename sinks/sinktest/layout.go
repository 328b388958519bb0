package sinktest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"waybill/internal/problem"
	"waybill/sinks"
)

var layoutTests = []test{
	{"layout: a first delivery goes in order", inOrder},
	{"layout: nothing is done twice", layoutTwice},
	{"layout: another run with the same names", sameNames},
	{"layout: another run with fewer files", fewerFiles},
	{"layout: fewer files without a success file", fewerUnmarked},
	{"layout: a success file of another name", movedSuccess},
	{"layout: a put whose end nobody saw", unseenPut},
	{"layout: taken over by another process", takenOver},
	{"layout: stopped at each point of a first delivery", stoppedFirst},
	{"layout: stopped at each point of a second delivery", stoppedSecond},
}

// A set is a delivery of several files.
type set struct {
	data              []sinks.Artifact
	manifest, success sinks.Artifact
}

// newSet makes n data files, a manifest and a success file below a prefix.
// Files of another version have other bytes, but for the success file.
func newSet(t *testing.T, prefix string, n int, version uint64) set {
	t.Helper()
	var s set
	for i := range n {
		s.data = append(s.data, Artifact(t, fmt.Sprintf("%s/part-%07d.csv", prefix, i+1), 100+10*i, version*100+uint64(i)))
	}
	s.manifest = Artifact(t, prefix+"/manifest.json", 60, version*100+99)
	s.manifest.Role, s.manifest.Rows = sinks.Manifest, 0
	s.success = Artifact(t, prefix+"/_SUCCESS", 0, 1)
	s.success.Role, s.success.Rows = sinks.Success, 0
	return s
}

func (s set) all() []sinks.Artifact { return append(slices.Clone(s.data), s.manifest, s.success) }

// holds reports whether exactly these bytes stand under the artifact's key.
func holds(t *testing.T, p Place, a sinks.Artifact) bool {
	t.Helper()
	want, err := os.ReadFile(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	got, found := p.Read(a.Key)
	return found && bytes.Equal(got, want)
}

// wantSet checks that a set stands whole, and nothing under the other keys.
func wantSet(t *testing.T, p Place, s set, absent ...string) {
	t.Helper()
	for _, a := range s.all() {
		wantThere(t, p, a)
	}
	for _, key := range absent {
		wantAbsent(t, p, key)
	}
}

// wantHonest checks what a reader may rely on at any moment: where a success
// file stands, one of the sets stands whole; where the manifest of a set does,
// so does its data.
func wantHonest(t *testing.T, p Place, when string, sets ...set) {
	t.Helper()
	whole := false
	for _, s := range sets {
		data := !slices.ContainsFunc(s.data, func(a sinks.Artifact) bool { return !holds(t, p, a) })
		manifest := holds(t, p, s.manifest)
		if manifest && !data && s.manifest.SHA256 == sets[len(sets)-1].manifest.SHA256 {
			t.Errorf("%s: the manifest stands without its data", when)
		}
		whole = whole || data && manifest
	}
	if _, found := p.Read(sets[0].success.Key); found && !whole {
		t.Errorf("%s: the success file stands over files that are not all there", when)
	}
}

// inOrder needs no more than to put objects.
func inOrder(t *testing.T, p Place) {
	s, l := newSet(t, "out", 5, 1), &Ledger{}
	var settled []string
	l.OnIntend = func(in sinks.Intent) error {
		want := map[string]int{"": 0, sinks.Manifest: 5, sinks.Success: 6}[in.Role]
		if len(settled) < want {
			t.Errorf("%s is announced after %v", in.Key, settled)
		}
		return nil
	}
	l.OnSettle = func(o sinks.Object) error {
		settled = append(settled, o.Key)
		return nil
	}
	l.OnSettle = serial(l.OnSettle)
	r := deliver(t, p, l, s.all()...)
	wantSet(t, p, s)
	for i, a := range s.all() {
		if r.Objects[i].Key != a.Key || r.Objects[i].Role != a.Role {
			t.Errorf("object %d of the receipt is %+v, want %s", i, r.Objects[i], a.Key)
		}
	}
	if got := len(l.Standing()); got != 7 {
		t.Errorf("%d objects stand in the ledger, want 7", got)
	}
}

func layoutTwice(t *testing.T, p Place) {
	s, l := newSet(t, "out", 3, 1), &Ledger{}
	deliver(t, p, l, s.all()...)
	deliver(t, p, l, s.all()...)
	wantSet(t, p, s)
	wantWrites(t, p, 5)
}

// sameNames needs no more than to put objects either: nothing is left over.
func sameNames(t *testing.T, p Place) {
	first, second, l := newSet(t, "out", 3, 1), newSet(t, "out", 3, 2), &Ledger{}
	deliver(t, p, l, append(first.data, first.manifest)...)
	l.NextRun()
	deliver(t, p, l, append(second.data, second.manifest)...)
	for _, a := range append(second.data, second.manifest) {
		wantThere(t, p, a)
	}
}

func fewerFiles(t *testing.T, p Place) {
	first, second, l := newSet(t, "out", 4, 1), newSet(t, "out", 2, 2), &Ledger{}
	p.Put("out/part-0000009.csv", []byte("of somebody else"))
	deliver(t, p, l, first.all()...)
	l.NextRun()
	if p.Minimum {
		wantDenied(t, p, l, second)
		wantSet(t, p, first)
		return
	}
	removed := false
	l.OnRemoved = func(key string) error {
		removed = removed || strings.HasSuffix(key, "_SUCCESS")
		return nil
	}
	l.OnIntend = func(in sinks.Intent) error {
		if !removed {
			t.Errorf("%s is announced while the old success file stands", in.Key)
		}
		wantHonest(t, p, "at "+in.Key, first, second)
		return nil
	}
	l.OnIntend = serial(l.OnIntend)
	deliver(t, p, l, second.all()...)
	wantSet(t, p, second, first.data[2].Key, first.data[3].Key)
	if _, found := p.Read("out/part-0000009.csv"); !found {
		t.Error("an object that is not ours was removed")
	}
}

// takenOver sleeps for so long before its first change that another process has
// made the delivery, which is to stay.
func takenOver(t *testing.T, p Place) {
	first, second, l := newSet(t, "out", 4, 1), newSet(t, "out", 2, 2), &Ledger{}
	deliver(t, p, l, first.all()...)
	l.NextRun()
	l.Lost = errors.New("taken over")
	if _, err := p.Sink.Deliver(t.Context(), Delivery(l, second.all()...)); !errors.Is(err, l.Lost) {
		t.Errorf("got %v, want %v", err, l.Lost)
	}
	wantSet(t, p, first)
}

// wantDenied delivers, wants to be refused for lack of a permission to remove,
// and nothing to be written.
func wantDenied(t *testing.T, p Place, l *Ledger, s set) {
	t.Helper()
	before := p.Writes()
	pr := refused(t, p, l, s.all()...)
	if pr.Class != problem.Permanent || !strings.Contains(pr.Snippet, "s3:DeleteObject") || !strings.Contains(pr.Cause, "Nothing was replaced") {
		t.Errorf("got %+v, want the missing permission", pr)
	}
	wantWrites(t, p, before)
}

func fewerUnmarked(t *testing.T, p Place) {
	first, second, l := newSet(t, "out", 4, 1), newSet(t, "out", 2, 2), &Ledger{}
	deliver(t, p, l, first.data...)
	l.NextRun()
	if p.Minimum {
		wantDenied(t, p, l, set{data: second.data, manifest: second.manifest, success: second.success})
		for _, a := range first.data {
			wantThere(t, p, a)
		}
		return
	}
	deliver(t, p, l, second.data...)
	for _, a := range second.data {
		wantThere(t, p, a)
	}
	wantAbsent(t, p, first.data[2].Key)
	wantAbsent(t, p, first.data[3].Key)
}

func movedSuccess(t *testing.T, p Place) {
	if p.Minimum {
		t.Skip("removing takes a permission")
	}
	first, l := newSet(t, "out", 2, 1), &Ledger{}
	deliver(t, p, l, first.all()...)
	l.NextRun()
	second := newSet(t, "out", 2, 2)
	second.success.Key = "out/DONE"
	deliver(t, p, l, second.all()...)
	wantSet(t, p, second, first.success.Key)
}

// unseenPut: a file that an earlier run sent, and of which nobody knows whether
// it arrived, is removed if the next run has no such file.
func unseenPut(t *testing.T, p Place) {
	if p.Minimum {
		t.Skip("removing takes a permission")
	}
	first, second, l := newSet(t, "out", 3, 1), newSet(t, "out", 2, 2), &Ledger{}
	l.OnSettle = func(o sinks.Object) error {
		if o.Key == first.data[2].Key {
			return errStopped
		}
		return nil
	}
	if _, err := p.Sink.Deliver(t.Context(), Delivery(l, first.data...)); !errors.Is(err, errStopped) {
		t.Fatalf("got %v", err)
	}
	l.OnSettle = nil
	l.NextRun()
	deliver(t, p, l, second.all()...)
	wantSet(t, p, second, first.data[2].Key)
}

func stoppedFirst(t *testing.T, p Place) {
	for at := 0; ; at++ {
		s, l := newSet(t, fmt.Sprintf("out/%d", at), 3, 1), &Ledger{}
		if !l.stopsAt(at, func() { _, _ = p.Sink.Deliver(t.Context(), Delivery(l, s.all()...)) }) {
			wantSet(t, p, s)
			return
		}
		wantHonest(t, p, fmt.Sprintf("stopped at %d", at), s)
		deliver(t, p, l, s.all()...)
		wantSet(t, p, s)
	}
}

func stoppedSecond(t *testing.T, p Place) {
	if p.Minimum {
		t.Skip("removing takes a permission")
	}
	for at := 0; ; at++ {
		prefix := fmt.Sprintf("out/%d", at)
		first, second, third, l := newSet(t, prefix, 3, 1), newSet(t, prefix, 2, 2), newSet(t, prefix, 4, 3), &Ledger{}
		deliver(t, p, l, first.all()...)
		l.NextRun()
		more := l.stopsAt(at, func() { _, _ = p.Sink.Deliver(t.Context(), Delivery(l, second.all()...)) })
		wantHonest(t, p, fmt.Sprintf("stopped at %d", at), first, second)
		if more && at%3 == 2 { // somebody starts over instead of going on
			l.NextRun()
			deliver(t, p, l, third.all()...)
			wantSet(t, p, third)
			continue
		}
		deliver(t, p, l, second.all()...)
		wantSet(t, p, second, first.data[2].Key)
		if !more {
			return
		}
	}
}
