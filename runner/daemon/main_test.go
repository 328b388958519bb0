package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"waybill/config"
	"waybill/runner"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
	"waybill/runner/engine"
	"waybill/runner/engine/enginetest"
	"waybill/runner/state"
	"waybill/runner/state/sqlite"
)

func TestMain(m *testing.M) {
	enginetest.ServeIfChild()
	goleak.VerifyTestMain(m)
}

// A world is a project, a store and what happens around them.
type world struct {
	t     *testing.T
	dir   string
	store *sqlite.Store
	regs  compile.Registries
	spool string
	log   *logbook

	mu   sync.Mutex
	hold chan struct{}   // runs wait here before they compute; nil: they don't
	free func()          // lets them go
	held map[string]bool // pipelines' runs that do
}

func newWorld(t *testing.T, files map[string]string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), log: &logbook{}, held: map[string]bool{}}
	w.write(files)
	var err error
	if w.spool, err = filepath.EvalSymlinks(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if w.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "waybill.db"), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(w.log.text())
		}
	})
	w.regs = compiletest.Registries()
	return w
}

func (w *world) write(files map[string]string) {
	w.t.Helper()
	for name, text := range files {
		path := filepath.Join(w.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) remove(name string) {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.dir, name)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) exists(name string) bool {
	_, err := os.Stat(filepath.Join(w.dir, name))
	return err == nil
}

// daemon makes a daemon that does nothing yet.
func (w *world) daemon(owner string) *Daemon {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	log := slog.New(w.log)
	return New(Options{
		Dir: w.dir, Vars: config.Vars{LookupEnv: func(string) (string, bool) { return "", false }}, Registries: w.regs, Store: w.store, Log: log,
		Metrics: NewMetrics(prometheus.NewRegistry()), Drain: time.Minute, Debounce: 20 * time.Millisecond, Poll: time.Minute,
		Runner: &runner.Runner{Store: w.store, Spool: w.spool, EngineCommand: []string{self, "engine"}, Jobs: runner.NewGate(1), Owner: owner,
			LeaseTTL: time.Minute, Log: log, StartJob: w.startJob},
	})
}

// loaded is a daemon that has loaded its files but runs no loops.
func (w *world) loaded() *Daemon {
	w.t.Helper()
	d := w.daemon("test")
	if err := d.start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// startJob holds a run back while there is a hold.
func (w *world) startJob(ctx context.Context, o engine.Options) (engine.Job, error) {
	w.mu.Lock()
	hold := w.hold
	w.held[o.Dir] = true
	w.mu.Unlock()
	w.log.poke()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return engine.Start(ctx, o)
}

// holdRuns makes runs wait before they compute, until let go.
func (w *world) holdRuns() (letGo func()) {
	hold := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = hold
	w.free = sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hold = nil
		close(hold)
	})
	return w.free
}

// running is a daemon at work.
type running struct {
	*Daemon
	w    *world
	stop context.CancelFunc
	done chan error
	end  func() error // stops it and waits
}

func (w *world) run(d *Daemon) *running {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(w.t.Context()))
	r := &running{Daemon: d, w: w, stop: stop, done: make(chan error, 1)}
	go func() { r.done <- d.Run(ctx) }()
	r.end = sync.OnceValue(func() error {
		stop()
		return <-r.done
	})
	w.t.Cleanup(func() {
		if w.free != nil { // a test that failed did not get there
			w.free()
		}
		if err := r.end(); err != nil {
			w.t.Errorf("the daemon ended with %v", err)
		}
	})
	w.until("the daemon is ready", func() bool { ok, _ := d.Ready(); return ok })
	return r
}

// until waits for something to become true. It looks whenever something
// happens, and every now and then.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-w.log.changed():
		case <-deadline.C:
			w.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (w *world) runs() []state.Run {
	w.t.Helper()
	runs, err := w.store.Runs(w.t.Context(), state.Filter{Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Reverse(runs) // oldest first
	return runs
}

func (w *world) get(id string) state.Run {
	w.t.Helper()
	r, err := w.store.Run(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) untilStatus(id string, want state.Status) state.Run {
	w.t.Helper()
	w.until(fmt.Sprintf("run %s is %s", id, want), func() bool {
		got := w.get(id)
		if got.Status.Final() && got.Status != want {
			w.t.Fatalf("run %s is %s (%s): %v", id, got.Status, got.Reason, got.Problem)
		}
		return got.Status == want
	})
	return w.get(id)
}

var firstSlot = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)

// queue makes a queued run; slots are hours after firstSlot.
func (w *world) queue(id, pipeline string, slot int) {
	w.t.Helper()
	r := state.Run{ID: id, Pipeline: pipeline, Slot: firstSlot.Add(time.Duration(slot) * time.Hour), Trigger: "manual", Status: state.Queued, CreatedAt: time.Now().UTC()}
	if err := w.store.CreateRun(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
}

// pipeline is a pipeline that copies orders.csv to a directory, with further
// lines of its own.
func pipeline(name, out string, more ...string) string {
	return fmt.Sprintf(`
pipeline %q {
  %s
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "%s/%s-${formatdate("YYYYMMDDhh", run.scheduled_at)}.csv"
    format "csv" {}
  }
}
`, name, strings.Join(more, "\n  "), out, name)
}

// scheduleBlock is a schedule block with further attributes.
func scheduleBlock(cron string, attrs ...string) string {
	return fmt.Sprintf("schedule {\n    cron = %q\n    %s\n  }", cron, strings.Join(attrs, "\n    "))
}

const orders = "id,total\n1,10\n2,20\n"

// logbook is a slog.Handler that keeps all lines, and tells of each.
type logbook struct {
	mu    sync.Mutex
	lines bytes.Buffer
	moved chan struct{}
}

func (l *logbook) poke() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.moved != nil {
		close(l.moved)
		l.moved = nil
	}
}

func (l *logbook) changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.moved == nil {
		l.moved = make(chan struct{})
	}
	return l.moved
}

func (l *logbook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.String()
}

func (l *logbook) Enabled(context.Context, slog.Level) bool { return true }
func (l *logbook) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logbook) WithGroup(string) slog.Handler            { return l }

func (l *logbook) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	err := slog.NewTextHandler(&l.lines, nil).Handle(ctx, r)
	l.mu.Unlock()
	l.poke()
	return err
}

// value is what a gauge or counter shows.
func value(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetGauge().GetValue() + out.GetCounter().GetValue()
}

func mustBe(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}
