package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"waybill/internal/problem"
	"waybill/runner/state"
	"waybill/sinks"
)

// A mortal is a store of a process that is killed at one of its writes: from
// then on it writes nothing.
type mortal struct {
	state.Store
	left atomic.Int64 // writes until then
}

var errKilled = errors.New("killed")

func (m *mortal) write(f func() error) error {
	if m.left.Add(-1) < 0 {
		return errKilled
	}
	return f()
}

func (m *mortal) Finish(ctx context.Context, id, owner string, s state.Status, why string, p *problem.Problem, now time.Time) error {
	return m.write(func() error { return m.Store.Finish(ctx, id, owner, s, why, p, now) })
}

func (m *mortal) PutStep(ctx context.Context, owner string, s state.Step) error {
	return m.write(func() error { return m.Store.PutStep(ctx, owner, s) })
}

func (m *mortal) Plan(ctx context.Context, owner string, d state.Delivery) (out state.Delivery, err error) {
	err = m.write(func() error {
		out, err = m.Store.Plan(ctx, owner, d)
		return err
	})
	return out, err
}

func (m *mortal) Intend(ctx context.Context, owner, id string, in sinks.Intent) error {
	return m.write(func() error { return m.Store.Intend(ctx, owner, id, in) })
}

func (m *mortal) Settle(ctx context.Context, owner, id string, o sinks.Object) error {
	return m.write(func() error { return m.Store.Settle(ctx, owner, id, o) })
}

func (m *mortal) Aborted(ctx context.Context, owner, id, key, upload string) error {
	return m.write(func() error { return m.Store.Aborted(ctx, owner, id, key, upload) })
}

func (m *mortal) Removed(ctx context.Context, owner, id, key string) error {
	return m.write(func() error { return m.Store.Removed(ctx, owner, id, key) })
}

func (m *mortal) Deliver(ctx context.Context, owner, id string, r json.RawMessage, s state.Step, now time.Time) error {
	return m.write(func() error { return m.Store.Deliver(ctx, owner, id, r, s, now) })
}

func (m *mortal) SetDelivered(ctx context.Context, owner, run, condition, digest string) error {
	return m.write(func() error { return m.Store.SetDelivered(ctx, owner, run, condition, digest) })
}

// killedAt carries a new run in a process that is killed at its nth write, and
// then in another one to its end. It reports whether the first came that far.
func (p *project) killedAt(n int, between func()) bool {
	p.t.Helper()
	m := &mortal{Store: p.store}
	m.left.Store(int64(n))
	p.Store = m
	r := p.create()
	got, err := p.execute(p.t.Context(), r.ID)
	p.Store = p.store
	if m.left.Load() >= 0 {
		mustSucceed(p.t, got, err)
		return false
	}
	if err == nil {
		p.t.Fatalf("write %d: the killed process recorded its end as %s %v", n, got.Status, got.Problem)
	}
	between()
	p.abandon(r.ID)
	again, err := p.execute(p.t.Context(), r.ID)
	mustSucceed(p.t, again, err)
	return true
}

// tree reads all files below a directory of the project.
func (p *project) tree(name string) map[string]string {
	p.t.Helper()
	out := map[string]string{}
	fsys := os.DirFS(filepath.Join(p.dir, name))
	files := slices.Concat(glob(p.t, fsys, "*"), glob(p.t, fsys, "*/*"))
	for _, f := range files {
		out[f] = p.read(filepath.Join(name, f))
	}
	return out
}

const layoutProject = `
pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input         = source.orders
    path          = "out/${file.partition}${file.number}.csv"
    partition_by  = ["region"]
    order_by      = ["id"]
    max_file_rows = 2
    success_key   = "out/_SUCCESS"
    manifest_key  = "out/manifest.json"
    format "csv" {}
  }
}
`

const (
	manyOrders = "id,region\n1,EU\n2,EU\n3,EU\n4,US\n"
	fewOrders  = "id,region\n5,EU\n6,EU\n"
)

func wantFew(t *testing.T, p *project, when string) {
	t.Helper()
	got := p.tree("out")
	manifest := got["manifest.json"]
	delete(got, "manifest.json")
	want := map[string]string{"_SUCCESS": "", "region=EU/0000001.csv": "id\n5\n6\n"}
	if fmt.Sprint(got) != fmt.Sprint(want) || !strings.Contains(manifest, `"rows": 2`) {
		t.Errorf("%s: delivered %v with the manifest %s, want %v", when, got, manifest, want)
	}
}

// beforeDelivery is how many writes come before anything is frozen, which other
// tests are about.
const beforeDelivery = 4

// Wherever a process is killed, the next one ends the delivery: what is there
// is whole, nothing is left of the delivery before, and until then a success
// file stands over whole deliveries only.
func TestResumeOfSeveralFiles(t *testing.T) {
	for n := beforeDelivery; ; n++ {
		p := newProject(t, map[string]string{"main.hcl": layoutProject, "orders.csv": manyOrders})
		mustSucceed(t, p.run(), nil)
		before := p.tree("out")
		p.write("orders.csv", fewOrders)
		reached := p.killedAt(n, func() {
			now := p.tree("out")
			if _, marked := now["_SUCCESS"]; !marked || fmt.Sprint(now) == fmt.Sprint(before) {
				return
			}
			wantFew(t, p, fmt.Sprintf("killed at write %d with a success file", n))
		})
		wantFew(t, p, fmt.Sprintf("after write %d", n))
		if !reached {
			if n < 15 {
				t.Errorf("a delivery makes only %d writes", n)
			}
			return
		}
	}
}

// A second run that has the same rows writes the same bytes, manifest included.
func TestManifestIsDeterministic(t *testing.T) {
	p := newProject(t, map[string]string{"main.hcl": layoutProject, "orders.csv": manyOrders})
	mustSucceed(t, p.run(), nil)
	first := p.tree("out")
	mustSucceed(t, p.run(), nil)
	if second := p.tree("out"); fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("the second run wrote %v, the first %v", second, first)
	}
	var m struct {
		Rows  int
		Files []struct {
			Key, SHA256 string
			Rows, Size  int
		}
	}
	if err := json.Unmarshal([]byte(first["manifest.json"]), &m); err != nil || m.Rows != 4 || len(m.Files) != 3 {
		t.Fatalf("manifest %+v, %v", m, err)
	}
	if f := m.Files[1]; f.Key != "out/region=EU/0000002.csv" || f.Rows != 1 || f.Size != len("id\n3\n") {
		t.Errorf("the manifest's second file is %+v", f)
	}
}

// What validate's samples cannot see, the run refuses before the first byte.
func TestNamesThatMeet(t *testing.T) {
	text := strings.Replace(layoutProject, `"out/${file.partition}${file.number}.csv"`, `"out/${replace(file.partition, "US", "EU")}${file.number}.csv"`, 1)
	p := newProject(t, map[string]string{"main.hcl": text, "orders.csv": manyOrders})
	r := p.run()
	if r.Status != state.Failed || r.Problem.Code != "key-collision" || !strings.Contains(r.Problem.Summary, "out/region=EU/0000001.csv") {
		t.Errorf("run %s: %v", r.Status, r.Problem)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "out")); err == nil {
		t.Error("something was delivered")
	}
}

const diffProject = `
pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input       = source.orders
    path        = "out/${run.date}.csv"
    mode        = "diff"
    key_columns = ["id"]
    order_by    = ["id"]
    format "csv" {}
  }
  sink "fake" "other" {
    input = source.orders
    key   = "k"
    format "csv" {}
  }
}
`

// Wherever a process is killed, each difference is delivered once: the next
// delivery is compared with what the receiver has.
func TestResumeOfDifferences(t *testing.T) {
	for n := beforeDelivery; ; n++ {
		p := newProject(t, map[string]string{"main.hcl": strings.Replace(diffProject, `"fake" "other"`, `"file" "other"`, 1), "orders.csv": "id,x\n1,a\n2,b\n"})
		p.write("main.hcl", strings.Replace(p.read("main.hcl"), `key   = "k"`, `path  = "other.csv"`, 1))
		p.onDay(1)
		mustSucceed(t, p.run(), nil)
		p.write("orders.csv", "id,x\n2,c\n3,d\n")
		p.onDay(2)
		reached := p.killedAt(n, func() {})
		if got, want := p.read("out/2026-02-02.csv"), "id,x,_change\n1,a,removed\n2,c,changed\n3,d,added\n"; got != want {
			t.Fatalf("killed at write %d: got %q, want %q", n, got, want)
		}
		p.write("orders.csv", "id,x\n3,d\n")
		p.onDay(3)
		mustSucceed(t, p.run(), nil)
		if got, want := p.read("out/2026-02-03.csv"), "id,x,_change\n2,c,removed\n"; got != want {
			t.Fatalf("after write %d: got %q, want %q", n, got, want)
		}
		if kept := glob(t, os.DirFS(p.Baselines), "*"); len(kept) != 2 {
			t.Errorf("after write %d the baselines are %q, want those of two deliveries", n, kept)
		}
		if !reached {
			return
		}
	}
}

// Differences that were delivered count, whatever became of other sinks; those
// that were computed before another run delivered are refused.
func TestDifferencesFollowTheirOwnDelivery(t *testing.T) {
	s := &script{}
	broken := true
	s.deliver = func(int, context.Context, sinks.Delivery) error {
		if broken {
			return problem.New("bucket-access-denied", "no", nil)
		}
		return nil
	}
	p := newProject(t, map[string]string{"main.hcl": diffProject, "orders.csv": "id,x\n1,a\n"})
	p.kinds(s)
	p.onDay(1)
	if r := p.run(); r.Status != state.Failed {
		t.Fatalf("run %s", r.Status)
	}
	broken = false
	p.write("orders.csv", "id,x\n1,b\n")
	p.onDay(2)
	mustSucceed(t, p.run(), nil)
	if got, want := p.read("out/2026-02-02.csv"), "id,x,_change\n1,b,changed\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOutdatedDifferencesAreRefused(t *testing.T) {
	p := newProject(t, map[string]string{"main.hcl": diffProject, "orders.csv": "id,x\n1,a\n"})
	p.kinds(&script{})
	p.onDay(1)
	mustSucceed(t, p.run(), nil)
	p.onDay(2)
	p.write("orders.csv", "id,x\n1,b\n")
	p.write("out/2026-02-02.csv/in-the-way", "") // where the file should be
	first := p.run()
	if first.Status != state.Failed {
		t.Fatalf("run %s", first.Status)
	}
	p.onDay(3)
	mustSucceed(t, p.run(), nil)
	if err := os.RemoveAll(filepath.Join(p.dir, "out/2026-02-02.csv")); err != nil {
		t.Fatal(err)
	}
	if err := p.store.Reopen(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	again, err := p.execute(t.Context(), first.ID)
	if err != nil || again.Status != state.Failed || again.Problem.Code != "diff-out-of-order" {
		t.Errorf("run %s %v, %v, want diff-out-of-order", again.Status, again.Problem, err)
	}
}

// A baseline that is not what was written is not compared with.
func TestDamagedBaseline(t *testing.T) {
	p := newProject(t, map[string]string{"main.hcl": diffProject, "orders.csv": "id,x\n1,a\n"})
	p.kinds(&script{})
	p.onDay(1)
	mustSucceed(t, p.run(), nil)
	file := filepath.Join(p.Baselines, glob(t, os.DirFS(p.Baselines), "*")[0])
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(data, []byte("PAR1"), []byte("PAR2"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	p.onDay(2)
	if r := p.run(); r.Status != state.Failed || r.Problem.Code != "baseline-missing" {
		t.Errorf("run %s: %v", r.Status, r.Problem)
	}
}

// A disk that fills up while the delivered rows are kept is told as what it is.
// The same rows are kept under the same name, but for the run.
func TestNoRoomForBaseline(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	p := newProject(t, map[string]string{"main.hcl": diffProject, "orders.csv": "id,x\n1,a\n"})
	p.kinds(&script{})
	p.onDay(1)
	first := p.run()
	mustSucceed(t, first, nil)
	p.onDay(2)
	r := p.create()
	kept := strings.Replace(glob(t, os.DirFS(p.Baselines), "*")[0], first.ID, r.ID, 1)
	if err := os.Symlink("/dev/full", filepath.Join(p.Baselines, kept+".partial")); err != nil {
		t.Fatal(err)
	}
	got, err := p.execute(t.Context(), r.ID)
	if err != nil || got.Status != state.Failed || got.Problem == nil || got.Problem.Code != "disk-full" {
		t.Errorf("run %s: %v, %v, want disk-full", got.Status, got.Problem, err)
	}
}
