package runner_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

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

// A project is a directory with files, a store and a runner.
type project struct {
	t     *testing.T
	dir   string
	store *sqlite.Store
	*runner.Runner
	regs compile.Registries
	vars config.Vars
	runs int
	data []string  // directories of state and spool
	slot time.Time // of the runs that are made; zero: slot
}

func newProject(t *testing.T, files map[string]string) *project {
	t.Helper()
	p := &project{t: t, dir: t.TempDir()}
	for name, text := range files {
		p.write(name, text)
	}
	var err error
	states := t.TempDir()
	if p.store, err = sqlite.Open(t.Context(), filepath.Join(states, "waybill.db"), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.store.Close(); err != nil {
			t.Error(err)
		}
	})
	p.regs = compiletest.Registries()
	spool, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p.data = []string{states, spool}
	p.Runner = &runner.Runner{Store: p.store, Spool: spool, Baselines: filepath.Join(t.TempDir(), "baselines"), StartJob: engine.Start, EngineCommand: enginetest.Command(t),
		Jobs: runner.NewGate(1), Owner: "test", LeaseTTL: time.Minute, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	return p
}

func (p *project) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) read(name string) string {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

func (p *project) generation() *compile.Generation {
	p.t.Helper()
	tree, err := config.ReadTree(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	g, _, diags := compile.Compile(tree, p.vars, p.regs)
	if g == nil {
		p.t.Fatal(diags)
	}
	if err := p.store.SaveGeneration(p.t.Context(), g.Digest, g.Files, time.Now()); err != nil {
		p.t.Fatal(err)
	}
	return g
}

var slot = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)

// create queues a run of the pipeline "p" for the slot.
func (p *project) create() state.Run {
	p.t.Helper()
	p.runs++
	at := slot
	if !p.slot.IsZero() {
		at = p.slot
	}
	r := state.Run{ID: fmt.Sprintf("RUN%d", p.runs), Pipeline: "p", Slot: at, Trigger: "manual", Status: state.Queued, CreatedAt: time.Now()}
	if err := p.store.CreateRun(p.t.Context(), r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// execute claims a run and carries it.
func (p *project) execute(ctx context.Context, id string) (state.Run, error) {
	p.t.Helper()
	g := p.generation()
	r, err := p.store.Claim(p.t.Context(), id, p.Owner, g.Digest, time.Now(), p.LeaseTTL)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.Execute(ctx, r, g.Pipeline("p"), g.Settings)
}

// run makes a run and carries it to its end.
func (p *project) run() state.Run {
	p.t.Helper()
	r, err := p.execute(p.t.Context(), p.create().ID)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// statuses are the steps' by address.
func (p *project) statuses(run string) map[string]state.Status {
	p.t.Helper()
	steps, err := p.store.Steps(p.t.Context(), run)
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[string]state.Status{}
	for _, s := range steps {
		out[s.Address] = s.Status
	}
	return out
}

// onDay makes the following runs those of a day in February 2026.
func (p *project) onDay(day int) { p.slot = time.Date(2026, 2, day, 9, 0, 0, 0, time.UTC) }

func glob(t *testing.T, fsys fs.FS, pattern string) []string {
	t.Helper()
	found, err := fs.Glob(fsys, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(found, func(name string) bool {
		info, err := fs.Stat(fsys, name)
		return err != nil || info.IsDir()
	})
}
