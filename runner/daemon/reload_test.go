package daemon

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/state"
)

const broken = "pipeline \"p\" {\n"

func project(pipelines ...string) map[string]string {
	files := map[string]string{"orders.csv": orders, "main.hcl": "locals {\n}\n"}
	for _, name := range pipelines {
		files[name+".hcl"] = pipeline(name, "out")
	}
	return files
}

func TestStart(t *testing.T) {
	good := project("p")
	bad := map[string]string{"orders.csv": orders, "p.hcl": broken}
	for name, tt := range map[string]struct {
		before, now map[string]string // before: an earlier start with these files
		code        string            // of the problem it ends with
		stale       bool
	}{
		"good":                          {nil, good, "", false},
		"broken":                        {nil, bad, "reload-failed", false},
		"empty":                         {nil, map[string]string{"orders.csv": orders}, "reload-failed", false},
		"broken with a last good one":   {good, bad, "", true},
		"emptied with a last good one":  {good, map[string]string{"orders.csv": orders}, "", true},
		"good after another good one":   {project("p", "q"), good, "", false},
		"most is gone since the last":   {project("p", "q", "r", "s"), good, "", false},
		"the same as the last good one": {good, good, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.before)
			if tt.before != nil {
				w.loaded()
				for name := range tt.before {
					w.remove(name)
				}
			}
			w.write(tt.now)
			d := w.daemon("test")
			err := d.start(t.Context())
			if tt.code != "" {
				if p := problem.As(err); p == nil || p.Code != tt.code || p.Cause == "" {
					t.Fatalf("start = %v, want %s", err, tt.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.Generation().Pipeline("p") == nil {
				t.Error("there is no pipeline p")
			}
			if got := d.current.Load().stale; got != tt.stale || value(t, d.Metrics.Stale) != map[bool]float64{true: 1}[tt.stale] {
				t.Errorf("stale = %v, want %v", got, tt.stale)
			}
			if got := value(t, d.Metrics.ReloadOK); got != map[bool]float64{false: 1}[tt.stale] {
				t.Errorf("last_reload_successful = %v", got)
			}
		})
	}
}

// A daemon that began with the last good configuration takes the mended files,
// even if they are the same as before.
func TestMendedAfterStaleStart(t *testing.T) {
	w := newWorld(t, project("p"))
	w.loaded()
	w.write(map[string]string{"p.hcl": broken})
	d := w.loaded()
	if _, word := func() (bool, string) { d.ready.Store(true); return d.Ready() }(); !strings.Contains(word, "broken") {
		t.Errorf("ready says %q", word)
	}
	w.write(project("p"))
	if r := d.Reload(t.Context()); !r.OK || !r.Changed {
		t.Fatalf("reload: %+v", r)
	}
	if d.current.Load().stale || value(t, d.Metrics.Stale) != 0 {
		t.Error("it is stale still")
	}
}

func TestReload(t *testing.T) {
	w := newWorld(t, project("p"))
	d := w.loaded()
	first := d.Generation()
	if r := d.Reload(t.Context()); !r.OK || r.Changed || r.Digest != first.Digest || d.Generation() != first {
		t.Errorf("nothing changed: %+v", r)
	}
	w.write(map[string]string{"p.hcl": broken})
	r := d.Reload(t.Context())
	if r.OK || r.Changed || r.Code != "reload-failed" || !strings.Contains(r.Message, "p.hcl:") || len(r.Diagnostics) == 0 || r.Digest != first.Digest {
		t.Errorf("broken: %+v", r)
	}
	if d.Generation() != first {
		t.Error("the last good configuration is not in force any more")
	}
	if value(t, d.Metrics.ReloadOK) != 0 || !strings.Contains(w.log.text(), "level=ERROR") {
		t.Error("the failure is not loud")
	}
	if last := d.LastReload(); last.Code != r.Code {
		t.Errorf("last reload: %+v", last)
	}
	w.write(map[string]string{"p.hcl": pipeline("p", "elsewhere"), "q.hcl": pipeline("q", "out")})
	r = d.Reload(t.Context())
	if !r.OK || !r.Changed || r.Digest == first.Digest || d.Generation().Pipeline("q") == nil {
		t.Errorf("good: %+v", r)
	}
	if value(t, d.Metrics.ReloadOK) != 1 || value(t, d.Metrics.Pipelines) != 2 {
		t.Error("the metrics do not tell")
	}
	if digest, err := w.store.LastGood(t.Context()); err != nil || digest != r.Digest {
		t.Errorf("last good = %s, %v", digest, err)
	}
}

func TestMassRemoval(t *testing.T) {
	w := newWorld(t, project("a", "b", "c", "d"))
	d := w.loaded()
	w.remove("a.hcl")
	w.remove("b.hcl")
	if r := d.Reload(t.Context()); !r.OK {
		t.Fatalf("half of them may go: %+v", r)
	}
	w.write(project("a", "b"))
	if r := d.Reload(t.Context()); !r.OK {
		t.Fatal(r)
	}
	for _, name := range []string{"a.hcl", "b.hcl", "c.hcl"} {
		w.remove(name)
	}
	began := time.Now()
	refused := func(what string) {
		t.Helper()
		if r := d.Reload(t.Context()); r.OK || r.Code != "mass-removal-refused" || !strings.Contains(r.Message, "3 of 4") {
			t.Fatalf("%s: %+v", what, r)
		}
	}
	refused("three of four are gone")
	refused("and again")
	if d.suspectStands() {
		t.Error("it has not stood for 60 s")
	}
	// What is broken meanwhile does not stand.
	d.suspect.since = began.Add(-time.Hour)
	w.write(map[string]string{"x.hcl": broken})
	if r := d.Reload(t.Context()); r.Code != "reload-failed" {
		t.Fatalf("broken: %+v", r)
	}
	w.remove("x.hcl")
	refused("it was broken in between")
	// Nor does what changes.
	d.suspect.since = began.Add(-time.Hour)
	w.write(map[string]string{"main.hcl": "locals {\n  x = 1\n}\n"})
	refused("it changed in between")
	d.suspect.since = began.Add(-time.Hour)
	if !d.suspectStands() {
		t.Error("it stands")
	}
	if r := d.Reload(t.Context()); !r.OK || !r.Changed || len(d.Generation().Pipelines) != 1 {
		t.Fatalf("after it stood: %+v", r)
	}
}

func TestAllowMassRemoval(t *testing.T) {
	w := newWorld(t, project("a", "b", "c", "d"))
	d := w.loaded()
	d.AllowMassRemoval = true
	for _, name := range []string{"a.hcl", "b.hcl", "c.hcl", "d.hcl"} {
		w.remove(name)
	}
	if r := d.Reload(t.Context()); !r.OK || len(d.Generation().Pipelines) != 0 {
		t.Fatalf("%+v", r)
	}
	// An empty tree is no configuration, whatever is allowed.
	w.remove("main.hcl")
	if r := d.Reload(t.Context()); r.OK || r.Code != "reload-failed" {
		t.Fatalf("empty: %+v", r)
	}
}

// The daemon itself looks again at what it refused.
func TestMassRemovalIsTakenInTheEnd(t *testing.T) {
	w := newWorld(t, project("a", "b", "c"))
	d := w.daemon("test")
	d.stands = 300 * time.Millisecond
	r := w.run(d)
	for _, name := range []string{"a.hcl", "b.hcl", "c.hcl"} {
		w.remove(name)
	}
	w.until("it is refused", func() bool {
		return r.LastReload().Code == "mass-removal-refused" || len(r.Generation().Pipelines) == 0
	})
	if !strings.Contains(w.log.text(), "mass-removal-refused") {
		t.Error("it was taken at once")
	}
	w.until("it is taken", func() bool { return len(r.Generation().Pipelines) == 0 })
}

func TestUnreadable(t *testing.T) {
	w := newWorld(t, project("p"))
	d := w.loaded()
	first := d.Generation()
	if err := os.Rename(w.dir, w.dir+".away"); err != nil {
		t.Fatal(err)
	}
	if r := d.Reload(t.Context()); r.OK || r.Code != "reload-failed" || d.Generation() != first {
		t.Errorf("without a directory: %+v", r)
	}
	if err := os.Mkdir(w.dir, 0o700); err != nil { // an unmounted volume
		t.Fatal(err)
	}
	d.AllowMassRemoval = true
	if r := d.Reload(t.Context()); r.OK || d.Generation() != first {
		t.Errorf("with an empty one: %+v", r)
	}
	if err := os.Remove(w.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.dir+".away", w.dir); err != nil {
		t.Fatal(err)
	}
	if r := d.Reload(t.Context()); !r.OK || r.Changed {
		t.Errorf("back again: %+v", r)
	}
}

// Edits take effect by themselves: of the files, of SQL that they read, and of
// SQL that they miss.
func TestEditsAreSeen(t *testing.T) {
	files := project("p")
	files["q.hcl"] = strings.Replace(pipeline("q", "out"), "sink \"file\"", "transform \"sql\" \"t\" {\n    query_file = \"t.sql\"\n  }\n  sink \"file\"", 1)
	files["q.hcl"] = strings.Replace(files["q.hcl"], "input = source.orders", "input = transform.t", 1)
	files["t.sql"] = "SELECT id FROM ${source.orders}"
	w := newWorld(t, files)
	r := w.run(w.daemon("test"))
	seen := func(what string, ok bool, change map[string]string) {
		t.Helper()
		before, last := r.Generation().Digest, r.LastReload().At
		w.write(change)
		w.until(what, func() bool {
			l := r.LastReload()
			return l.At.After(last) && l.OK == ok && (r.Generation().Digest != before) == ok
		})
	}
	seen("a new pipeline is there", true, map[string]string{"r.hcl": pipeline("r", "out")})
	seen("other SQL is there", true, map[string]string{"t.sql": "SELECT total FROM ${source.orders}"})
	seen("SQL is broken", false, map[string]string{"t.sql": "SELECT ${"})
	seen("SQL is mended", true, map[string]string{"t.sql": "SELECT 1 AS x FROM ${source.orders}"})
	seen("the SQL of a new pipeline is missing", false, map[string]string{"s.hcl": strings.NewReplacer(`"q"`, `"s"`, "t.sql", "sql/new.sql", "out/q", "out/s").Replace(files["q.hcl"])})
	seen("it is there", true, map[string]string{"sql/new.sql": "SELECT 2 AS x FROM ${source.orders}"})
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if ok, _ := r.Ready(); ok {
		t.Error("a daemon that has ended is ready")
	}
}

func TestRemovedPipelines(t *testing.T) {
	w := newWorld(t, project("p", "q", "r"))
	d := w.loaded()
	w.queue("P", "p", 0)
	w.queue("Q1", "q", 0)
	w.queue("Q2", "q", 1)
	w.remove("q.hcl")
	if r := d.Reload(t.Context()); !r.OK {
		t.Fatal(r)
	}
	got := map[string]string{}
	for _, r := range w.runs() {
		got[r.ID] = string(r.Status) + " " + r.Reason
	}
	want := map[string]string{"P": "queued ", "Q1": "cancelled definition_removed", "Q2": "cancelled definition_removed"}
	if !maps.Equal(got, want) {
		t.Errorf("runs = %v, want %v", got, want)
	}
}

// A pipeline that went while no daemon was there takes its queued runs along.
func TestRemovedWhileNobodyWatched(t *testing.T) {
	w := newWorld(t, project("p", "q", "r"))
	w.loaded()
	w.queue("Q", "q", 0)
	w.remove("q.hcl")
	w.run(w.daemon("test"))
	if r := w.untilStatus("Q", state.Cancelled); r.Reason != "definition_removed" {
		t.Errorf("reason = %q", r.Reason)
	}
}

// busyOnce is a store that is locked when a generation is to be saved, once.
type busyOnce struct {
	state.Store
	busy atomic.Bool
}

func (b *busyOnce) SaveGeneration(ctx context.Context, digest string, files map[string][]byte, now time.Time) error {
	if b.busy.Swap(false) {
		return problem.New("state-busy", "busy", nil)
	}
	return b.Store.SaveGeneration(ctx, digest, files, now)
}

// A load that fails for a reason that passes is tried again without a change
// of the files.
func TestReloadIsTriedAgain(t *testing.T) {
	w := newWorld(t, project("p"))
	d := w.daemon("test")
	store := &busyOnce{Store: w.store}
	d.Options.Store = store
	r := w.run(d)
	first := r.Generation().Digest
	store.busy.Store(true)
	w.write(map[string]string{"p.hcl": pipeline("p", "elsewhere")})
	w.until("the files are in force", func() bool { return r.Generation().Digest != first })
	if store.busy.Load() {
		t.Error("the store was never busy")
	}
}

// A changed variable file is taken as a changed configuration is.
func TestVariableFileIsReloaded(t *testing.T) {
	values := filepath.Join(t.TempDir(), "prod.wbvars")
	set := func(text string) {
		if err := os.WriteFile(values, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("dir = \"one\"\n")
	files := project("p")
	files["v.hcl"] = "variable \"dir\" {}\n"
	files["p.hcl"] = pipeline("p", "${var.dir}")
	w := newWorld(t, files)
	d := w.daemon("test")
	d.VarFiles = []string{values}
	r := w.run(d)
	bound := func() string {
		b, err := r.Generation().Pipeline("p").Bind(compile.RunValues{ID: "R", Slot: time.Now(), Attempt: 1})
		if err != nil {
			t.Fatal(err)
		}
		out, err := b.Output(b.Pipeline.Steps[len(b.Pipeline.Steps)-1].Address)
		if err != nil {
			t.Fatal(err)
		}
		return out.Name
	}
	if got := bound(); !strings.HasPrefix(got, "one") {
		t.Fatalf("the sink writes %s", got)
	}
	set("dir = \"two\"\n")
	w.until("the new value is in force", func() bool { return strings.HasPrefix(bound(), "two") })
	set("dir = \n")
	w.until("a broken file is told of", func() bool { return !r.LastReload().OK })
	if got := bound(); !strings.HasPrefix(got, "two") {
		t.Errorf("a broken variable file changed the sink to %s", got)
	}
}
