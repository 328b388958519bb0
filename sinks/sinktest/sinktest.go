// Package sinktest is the behaviour that every sink has. A new kind of sink
// passes Run with a Harness of its own; see the tests of sinks/file for one of
// ten lines.
package sinktest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/internal/problem"
	"waybill/sinks"
)

// A Place is an empty destination of one test, and a sink that delivers there.
type Place struct {
	Sink sinks.Sink
	// Read returns what stands under a key, and whether anything does.
	Read func(key string) ([]byte, bool)
	// Debris names what is half done and visible to nobody: temporary files,
	// open uploads. It is empty at the end of every test.
	Debris func() []string
	// Writes counts the objects that were written since the place was made.
	Writes func() int
	// Break makes deliveries fail until mend is called.
	Break func() (mend func())
	// Put writes an object as somebody else does.
	Put func(key string, data []byte)
	// Minimum means that the sink may put objects and no more: it may not look
	// at what stands there, and not remove it.
	Minimum bool
	// Crash makes the place as a process leaves it that is killed while it
	// delivers the artifact, with the intents it had recorded. May be nil.
	Crash func(l *Ledger, a sinks.Artifact)
	// Verifier looks at the place with all permissions; nil if the kind of sink
	// cannot look. The next two are needed with it.
	Verifier sinks.Verifier
	// Overwrite has somebody else put data under a key, Remove take it away.
	Overwrite func(key string, data []byte)
	Remove    func(key string)
}

// A Harness makes places for a kind of sink.
type Harness struct {
	New func(t *testing.T) Place
}

// multipart is a size that S3 takes in parts.
const multipart = 20<<20 + 7

type test struct {
	name string
	run  func(*testing.T, Place)
}

// Run tests a kind of sink.
func Run(t *testing.T, h Harness) {
	tests := []test{
		{"one artifact", one},
		{"several artifacts", several},
		{"empty artifact", empty},
		{"keys with spaces and letters of any script", keys},
		{"large artifact", large},
		{"replaces what stood there", replaces},
		{"redelivery writes nothing twice", redelivery},
		{"a new file for a settled key is written", changedArtifact},
		{"stop between announcement and record", stopped},
		{"stop before anything is written", stoppedEarly},
		{"cancelled before it begins", cancelledBefore},
		{"cancelled on the way", cancelledOnTheWay},
		{"failure, then success", failure},
		{"artifact changed after it was finished", tampered},
		{"artifact gone", missing},
		{"two artifacts of one key", collision},
		{"killed on the way", killed},
		{"killed, and something else is to be delivered", killedAndChanged},
		{"verified", verified},
		{"verified after a crash", verifiedAfterCrash},
	}
	tests = append(tests, layoutTests...)
	tests = append(tests, existsTests...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := h.New(t)
			tt.run(t, p)
			if debris := p.Debris(); len(debris) > 0 {
				t.Errorf("half-done work is left: %v", debris)
			}
		})
	}
}

// Artifact writes a file of size bytes, the same for the same seed, and
// describes it.
func Artifact(t *testing.T, key string, size int, seed uint64) sinks.Artifact {
	t.Helper()
	data := Bytes(size, seed)
	path := filepath.Join(t.TempDir(), "artifact")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return sinks.Artifact{Key: key, Path: path, Size: int64(size), Rows: 3, SHA256: hex.EncodeToString(sum[:]), ContentType: "text/csv"}
}

// Bytes are size bytes that do not compress, the same for the same seed.
func Bytes(size int, seed uint64) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(data) // never fails
	return data
}

// Delivery is a delivery of the artifacts with what the ledger holds.
func Delivery(l *Ledger, artifacts ...sinks.Artifact) sinks.Delivery {
	slot := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	return sinks.Delivery{ID: "d-7f3a", Pipeline: "daily", Sink: "sink.acme", Slot: slot, Run: "01J0", Artifacts: artifacts, Intents: l.Intents(), Standing: l.Standing(), Ledger: l}
}

func deliver(t *testing.T, p Place, l *Ledger, artifacts ...sinks.Artifact) sinks.Receipt {
	t.Helper()
	r, err := p.Sink.Deliver(t.Context(), Delivery(l, artifacts...))
	if err != nil {
		t.Fatalf("deliver: %v", err)
	}
	return r
}

// refused delivers, wants a failure, and returns its problem.
func refused(t *testing.T, p Place, l *Ledger, artifacts ...sinks.Artifact) *problem.Problem {
	t.Helper()
	r, err := p.Sink.Deliver(t.Context(), Delivery(l, artifacts...))
	pr := problem.As(err)
	if pr == nil {
		t.Fatalf("delivered %v with error %v, want a problem", r, err)
	}
	return pr
}

// wantThere checks that the place has exactly the artifact's bytes.
func wantThere(t *testing.T, p Place, a sinks.Artifact) {
	t.Helper()
	want, err := os.ReadFile(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	got, found := p.Read(a.Key)
	if !found || !bytes.Equal(got, want) {
		t.Errorf("%q: found %v, %d bytes, want the artifact's %d", a.Key, found, len(got), len(want))
	}
}

func wantAbsent(t *testing.T, p Place, key string) {
	t.Helper()
	if got, found := p.Read(key); found {
		t.Errorf("%q is there with %d bytes, want nothing", key, len(got))
	}
}

func wantWrites(t *testing.T, p Place, want int) {
	t.Helper()
	if got := p.Writes(); got != want {
		t.Errorf("%d objects were written, want %d", got, want)
	}
}

func one(t *testing.T, p Place) {
	l, a := &Ledger{}, Artifact(t, "out/a.csv", 1000, 1)
	var last sinks.Progress
	d := Delivery(l, a)
	d.Progress = func(pr sinks.Progress) { last = pr }
	r, err := p.Sink.Deliver(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	wantThere(t, p, a)
	wantWrites(t, p, 1)
	if len(r.Objects) != 1 || r.Objects[0].Key != a.Key || r.Objects[0].SHA256 != a.SHA256 || r.Objects[0].Size != a.Size || r.Objects[0].Rows != a.Rows || r.Objects[0].URL == "" {
		t.Errorf("receipt %+v does not describe %+v", r, a)
	}
	if want := (sinks.Progress{Done: 1000, Total: 1000}); last != want {
		t.Errorf("progress ended at %+v, want %+v", last, want)
	}
	intents := l.Intents()
	if len(intents) != 1 || !intents[0].Settled || intents[0].SHA256 != a.SHA256 || intents[0].Size != a.Size || cmp.Diff(intents[0].Object, r.Objects[0]) != "" {
		t.Errorf("the ledger holds %+v, want one settled intent", intents)
	}
}

func several(t *testing.T, p Place) {
	var artifacts []sinks.Artifact
	for i := range 9 {
		artifacts = append(artifacts, Artifact(t, fmt.Sprintf("out/part-%07d.csv", i), 100*(i+1), uint64(i)))
	}
	r := deliver(t, p, &Ledger{}, artifacts...)
	for i, a := range artifacts {
		wantThere(t, p, a)
		if r.Objects[i].Key != a.Key {
			t.Errorf("object %d is %q, want the artifacts' order", i, r.Objects[i].Key)
		}
	}
	wantWrites(t, p, 9)
}

func empty(t *testing.T, p Place) {
	a := Artifact(t, "out/empty.csv", 0, 1)
	deliver(t, p, &Ledger{}, a)
	wantThere(t, p, a)
}

func keys(t *testing.T, p Place) {
	for i, key := range []string{"out/a b+c.csv", "out/größe/日本.csv", "out/region=EU & co/100%.csv", "out/_SUCCESS", "out/~'()!*.csv"} {
		a := Artifact(t, key, 10, uint64(i))
		r := deliver(t, p, &Ledger{}, a)
		wantThere(t, p, a)
		if r.Objects[0].Key != key {
			t.Errorf("the receipt says %q, want %q", r.Objects[0].Key, key)
		}
	}
}

func large(t *testing.T, p Place) {
	l, a := &Ledger{}, Artifact(t, "out/large.bin", multipart, 1)
	deliver(t, p, l, a)
	wantThere(t, p, a)
	wantWrites(t, p, 1)
	if open := l.Open(); len(open) > 0 {
		t.Errorf("the ledger still holds open uploads: %+v", open)
	}
}

func replaces(t *testing.T, p Place) {
	deliver(t, p, &Ledger{}, Artifact(t, "out/a.csv", 100, 1))
	a := Artifact(t, "out/a.csv", 50, 2)
	deliver(t, p, &Ledger{}, a)
	wantThere(t, p, a)
}

func redelivery(t *testing.T, p Place) {
	l, a, b := &Ledger{}, Artifact(t, "out/a.csv", 100, 1), Artifact(t, "out/b.csv", 100, 2)
	first := deliver(t, p, l, a, b)
	second := deliver(t, p, l, a, b)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the second receipt differs (-first +second):\n%s", diff)
	}
	wantWrites(t, p, 2)
}

func changedArtifact(t *testing.T, p Place) {
	l := &Ledger{}
	deliver(t, p, l, Artifact(t, "out/a.csv", 100, 1))
	a := Artifact(t, "out/a.csv", 100, 2)
	deliver(t, p, l, a)
	wantThere(t, p, a)
}

var errStopped = errors.New("the process stopped here")

func stopped(t *testing.T, p Place) {
	for _, size := range []int{100, multipart} {
		a, b := Artifact(t, fmt.Sprintf("out/a-%d.bin", size), size, 1), Artifact(t, fmt.Sprintf("out/b-%d.bin", size), 100, 2)
		l := &Ledger{OnSettle: func(o sinks.Object) error { return errStopped }}
		if _, err := p.Sink.Deliver(t.Context(), Delivery(l, a, b)); !errors.Is(err, errStopped) {
			t.Fatalf("got %v, want the ledger's own error", err)
		}
		l.OnSettle = nil
		deliver(t, p, l, a, b)
		wantThere(t, p, a)
		wantThere(t, p, b)
	}
}

func stoppedEarly(t *testing.T, p Place) {
	a := Artifact(t, "out/a.bin", multipart, 1)
	l := &Ledger{OnIntend: func(in sinks.Intent) error { return errStopped }}
	if _, err := p.Sink.Deliver(t.Context(), Delivery(l, a)); !errors.Is(err, errStopped) {
		t.Fatalf("got %v, want the ledger's own error", err)
	}
	wantAbsent(t, p, a.Key)
	wantWrites(t, p, 0)
}

func cancelledBefore(t *testing.T, p Place) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := Artifact(t, "out/a.csv", 100, 1)
	if _, err := p.Sink.Deliver(ctx, Delivery(&Ledger{}, a)); err == nil {
		t.Error("delivered though it was cancelled")
	}
	wantAbsent(t, p, a.Key)
	wantWrites(t, p, 0)
}

func cancelledOnTheWay(t *testing.T, p Place) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l, a := &Ledger{}, Artifact(t, "out/a.bin", multipart, 1)
	d := Delivery(l, a)
	d.Progress = func(sinks.Progress) { cancel() }
	_, err := p.Sink.Deliver(ctx, d)
	if pr := problem.As(err); pr == nil || pr.Code != "cancelled" {
		t.Fatalf("got %v, want the problem cancelled", err)
	}
	wantAbsent(t, p, a.Key)
	if debris := p.Debris(); len(debris) > 0 {
		t.Errorf("half-done work is left: %v", debris)
	}
	deliver(t, p, l, a)
	wantThere(t, p, a)
}

func failure(t *testing.T, p Place) {
	l, a, b := &Ledger{}, Artifact(t, "out/a.bin", multipart, 1), Artifact(t, "out/b.csv", 100, 2)
	mend := p.Break()
	for range 2 {
		if pr := refused(t, p, l, a, b); pr.Summary == "" || pr.Class == "" || len(pr.Remedy) == 0 {
			t.Errorf("the problem lacks a summary, a class or a remedy: %+v", pr)
		}
		wantAbsent(t, p, a.Key)
	}
	mend()
	deliver(t, p, l, a, b)
	wantThere(t, p, a)
	wantThere(t, p, b)
	wantWrites(t, p, 2)
	if open := l.Open(); len(open) > 0 {
		t.Errorf("the ledger still holds open uploads: %+v", open)
	}
}

func tampered(t *testing.T, p Place) {
	for _, size := range []int{100, multipart} {
		a := Artifact(t, fmt.Sprintf("out/a-%d.bin", size), size, 1)
		if err := os.WriteFile(a.Path, Bytes(size, 9), 0o600); err != nil {
			t.Fatal(err)
		}
		if pr := refused(t, p, &Ledger{}, a); pr.Code != "artifact-invalid" {
			t.Errorf("%d bytes: got %s, want artifact-invalid", size, pr.Code)
		}
		wantAbsent(t, p, a.Key)
	}
}

func missing(t *testing.T, p Place) {
	a := Artifact(t, "out/a.csv", 100, 1)
	if err := os.Remove(a.Path); err != nil {
		t.Fatal(err)
	}
	if pr := refused(t, p, &Ledger{}, a); pr.Code != "file-not-readable" {
		t.Errorf("got %s, want file-not-readable", pr.Code)
	}
	wantAbsent(t, p, a.Key)
}

func collision(t *testing.T, p Place) {
	a, b := Artifact(t, "out/a.csv", 100, 1), Artifact(t, "out/a.csv", 100, 2)
	if pr := refused(t, p, &Ledger{}, a, b); pr.Code != "key-collision" {
		t.Errorf("got %s, want key-collision", pr.Code)
	}
	wantWrites(t, p, 0)
}

func killed(t *testing.T, p Place) {
	if p.Crash == nil {
		return
	}
	l, a := &Ledger{}, Artifact(t, "out/a.bin", multipart, 1)
	p.Crash(l, a)
	wantAbsent(t, p, a.Key)
	deliver(t, p, l, a)
	wantThere(t, p, a)
	wantWrites(t, p, 1)
	if open := l.Open(); len(open) > 0 {
		t.Errorf("the ledger still holds open uploads: %+v", open)
	}
}

func killedAndChanged(t *testing.T, p Place) {
	if p.Crash == nil {
		return
	}
	l, a := &Ledger{}, Artifact(t, "out/a.bin", multipart, 1)
	p.Crash(l, a)
	b := Artifact(t, "out/a.bin", multipart, 2)
	deliver(t, p, l, b)
	wantThere(t, p, b)
	wantWrites(t, p, 1)
}
