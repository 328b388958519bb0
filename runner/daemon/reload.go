package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/state"
)

// A ReloadResult tells how the last load went.
type ReloadResult struct {
	At          time.Time
	OK          bool
	Changed     bool   // a new generation is in force
	Digest      string // of the generation in force
	Code        string // "reload-failed", "mass-removal-refused"; empty if OK
	Message     string
	Diagnostics hcl.Diagnostics
}

// suspect is a configuration that has lost most pipelines, and since when it
// stands. Guarded by Daemon.reload.
type suspect struct {
	digest string
	since  time.Time
}

// suspectStands reports whether a refused configuration has stood long enough
// to be believed.
func (d *Daemon) suspectStands() bool {
	d.reload.Lock()
	defer d.reload.Unlock()
	return d.suspect.digest != "" && time.Since(d.suspect.since) >= d.stands
}

// LastReload is the result of the last load.
func (d *Daemon) LastReload() ReloadResult {
	if r := d.last.Load(); r != nil {
		return *r
	}
	return ReloadResult{}
}

// start takes the files as they are, or else the last good generation.
func (d *Daemon) start(ctx context.Context) error {
	result := d.Reload(ctx)
	if result.OK {
		return nil
	}
	g, err := d.lastGood(ctx)
	if err != nil {
		return err
	}
	if g == nil {
		p := problem.New("reload-failed", "the configuration is broken, and there is no earlier one to start with", nil)
		p.Cause = result.Message
		return p
	}
	d.Log.Error("starting with the last good configuration, since the files are broken", "digest", g.Digest, "problem", result.Message)
	d.use(g, true)
	d.Metrics.Stale.Set(1)
	d.Metrics.Pipelines.Set(float64(len(g.Pipelines)))
	return nil
}

// lastGood compiles the generation that the store remembers, or returns nil.
func (d *Daemon) lastGood(ctx context.Context) (*compile.Generation, error) {
	digest, err := d.Store.LastGood(ctx)
	if errors.Is(err, state.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	g, err := d.pinned(ctx, digest)
	if err != nil {
		d.Log.Error("the last good configuration cannot be used", "digest", digest, "problem", err.Error())
		return nil, nil
	}
	return g, nil
}

// pinned compiles a generation from the store.
func (d *Daemon) pinned(ctx context.Context, digest string) (*compile.Generation, error) {
	if l := d.current.Load(); l != nil && l.Digest == digest {
		return l.Generation, nil
	}
	if g, ok := d.pins.get(digest + d.varsDigest()); ok {
		return g, nil
	}
	files, err := d.Store.Generation(ctx, digest)
	if errors.Is(err, state.ErrNotFound) {
		return nil, problem.New("definition-changed", "the definition that the run began with is not stored any more", nil)
	}
	if err != nil {
		return nil, fmt.Errorf("reading generation %s: %w", digest, err)
	}
	vars, err := d.variablesInForce()
	if err != nil {
		return nil, err
	}
	g, _, diags := compile.Compile(config.StoredTree(d.Dir, files), vars.Vars, d.Registries)
	if g == nil {
		return nil, problem.New("definition-changed", "the stored definition is not valid any more: "+firstError(diags), nil)
	}
	d.pins.put(digest+d.varsDigest(), g)
	return g, nil
}

// variables are values of variables, and a digest of the files they are from.
type variables struct {
	config.Vars
	digest string
}

// readVariables reads the variable files.
func (d *Daemon) readVariables() (variables, error) {
	out := variables{Vars: d.Vars}
	out.Files = slices.Clone(out.Files)
	h := sha256.New()
	for _, name := range d.VarFiles {
		src, err := os.ReadFile(name)
		if err != nil {
			return out, problem.New("file-not-readable", fmt.Sprintf("the variable file %s cannot be read", name), err)
		}
		out.Files = append(out.Files, config.VarFile{Name: name, Src: src})
		fmt.Fprintf(h, "%d:%s", len(src), src)
	}
	out.digest = hex.EncodeToString(h.Sum(nil))
	return out, nil
}

func (d *Daemon) varsDigest() string {
	if l := d.current.Load(); l != nil {
		return l.vars.digest
	}
	return ""
}

// variablesInForce are those of the configuration in force, or, before there is
// one, those in the files.
func (d *Daemon) variablesInForce() (variables, error) {
	if l := d.current.Load(); l != nil {
		return l.vars, nil
	}
	return d.readVariables()
}

// pins keeps the generations of runs that wait or go on, so that they are not
// compiled again at every look. The zero value is ready.
type pins struct {
	mu sync.Mutex
	by map[string]*compile.Generation
}

// mostPins bounds what is kept; beyond it all are forgotten, which costs time
// only.
const mostPins = 16

func (p *pins) get(digest string) (*compile.Generation, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.by[digest]
	return g, ok
}

func (p *pins) put(digest string, g *compile.Generation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by == nil || len(p.by) >= mostPins {
		p.by = map[string]*compile.Generation{}
	}
	p.by[digest] = g
}

func firstError(diags hcl.Diagnostics) string {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			if d.Subject == nil {
				return d.Summary
			}
			return fmt.Sprintf("%s:%d: %s", d.Subject.Filename, d.Subject.Start.Line, d.Summary)
		}
	}
	return ""
}

// Reload reads the files and, if they are good, puts them in force. All the
// work that can fail comes first; then the new generation replaces the old one
// as a whole. It never leaves something in between.
func (d *Daemon) Reload(ctx context.Context) ReloadResult {
	d.reload.Lock()
	defer d.reload.Unlock()
	began := time.Now()
	g, diags, err := d.load(ctx)
	result := ReloadResult{At: began.UTC(), Diagnostics: diags}
	old := d.current.Load()
	switch {
	case err != nil:
		p := problem.Of(err)
		result.Code, result.Message = p.Code, p.Error()
	case old != nil && old.Digest == g.Digest && old.vars.digest == d.vars.digest && !old.stale:
		result.OK = true
	default:
		if err := d.save(ctx, g); err != nil {
			result.Code, result.Message = "reload-failed", err.Error()
			d.again.Store(true)
			break
		}
		result.OK, result.Changed = true, true
		// ---- nothing fails from here on ----
		d.use(g, false)
		d.announce(ctx, old, g)
	}
	if l := d.current.Load(); l != nil {
		result.Digest = l.Digest
	}
	before := d.last.Swap(&result)
	d.report(result, time.Since(began))
	if before != nil && !before.OK && result.OK && !result.Changed {
		d.Log.Info("the files are good again, and the same as what is in force", "digest", result.Digest)
	}
	return result
}

// use puts a generation in force.
func (d *Daemon) use(g *compile.Generation, stale bool) {
	d.current.Store(&loaded{Generation: g, at: time.Now().UTC(), stale: stale, vars: d.vars, moved: map[string]bool{}})
	d.Runner.Jobs.SetLimit(int(g.Settings.MaxConcurrentJobs))
}

// load compiles the files on disk, once they have come to rest.
func (d *Daemon) load(ctx context.Context) (*compile.Generation, hcl.Diagnostics, error) {
	const tries = 5
	failed := errors.New("the files kept changing while they were read")
	for range tries {
		tree, err := config.ReadTree(d.Dir)
		if err != nil { // perhaps only because a directory is being replaced
			failed = problem.New("reload-failed", fmt.Sprintf("the project in %s cannot be read", d.Dir), err)
			continue
		}
		if d.vars, err = d.readVariables(); err != nil {
			return nil, nil, err
		}
		g, _, diags := compile.Compile(tree, d.vars.Vars, d.Registries)
		asked := slices.AppendSeq(tree.Missing(), maps.Keys(tree.Files()))
		asked = slices.DeleteFunc(asked, config.IsConfig)
		d.asked.Store(&asked)
		if settled, err := tree.Settled(); err != nil || !settled {
			if ctx.Err() != nil {
				return nil, nil, context.Cause(ctx)
			}
			continue
		}
		if g == nil {
			d.suspect = suspect{} // it does not stand any more
			return nil, diags, problem.New("reload-failed", "the configuration is broken: "+firstError(diags), nil)
		}
		return g, diags, d.believe(g)
	}
	d.suspect = suspect{}
	d.again.Store(true)
	if p := problem.As(failed); p != nil {
		return nil, nil, p
	}
	return nil, nil, problem.New("reload-failed", failed.Error(), nil)
}

// believe refuses a configuration that looks like a half-done checkout, until
// it has stood for a while.
func (d *Daemon) believe(g *compile.Generation) error {
	old := d.current.Load()
	if old == nil || d.AllowMassRemoval {
		return nil
	}
	gone := 0
	for _, p := range old.Pipelines {
		renamed := slices.ContainsFunc(g.Moves, func(m compile.Move) bool { return m.From == p.Name })
		if g.Pipeline(p.Name) == nil && !renamed {
			gone++
		}
	}
	if gone*2 <= len(old.Pipelines) {
		d.suspect = suspect{}
		return nil
	}
	if d.suspect.digest == g.Digest && time.Since(d.suspect.since) >= d.stands {
		d.suspect = suspect{}
		return nil
	}
	if d.suspect.digest != g.Digest {
		d.suspect = suspect{digest: g.Digest, since: time.Now()}
	}
	return problem.New("mass-removal-refused", fmt.Sprintf("%d of %d pipelines are gone", gone, len(old.Pipelines)), nil)
}

func (d *Daemon) save(ctx context.Context, g *compile.Generation) error {
	if err := d.Store.SaveGeneration(ctx, g.Digest, g.Files, time.Now().UTC()); err != nil {
		return err
	}
	return d.Store.SetLastGood(ctx, g.Digest)
}

// announce tells the other loops of a new generation.
func (d *Daemon) announce(ctx context.Context, old *loaded, g *compile.Generation) {
	if old != nil {
		for _, p := range old.Pipelines {
			renamed := slices.ContainsFunc(g.Moves, func(m compile.Move) bool { return m.From == p.Name })
			if g.Pipeline(p.Name) != nil || renamed {
				continue
			}
			if n, err := d.Store.CancelQueued(ctx, p.Name, "definition_removed", time.Now().UTC()); err != nil {
				d.Log.Error("queued runs of a removed pipeline could not be cancelled", "pipeline", p.Name, "error", err)
			} else if n > 0 {
				d.Log.Info("queued runs of a removed pipeline are cancelled", "pipeline", p.Name, "runs", n)
			}
		}
	}
	poke(d.wakeScheduler)
	poke(d.wakeWorkers)
}

// report makes failure loud: log and metrics.
func (d *Daemon) report(r ReloadResult, took time.Duration) {
	if !r.OK {
		d.Metrics.ReloadOK.Set(0)
		what := "the configuration was not taken; the last good one goes on"
		if d.current.Load() == nil {
			what = "the configuration was not taken"
		}
		d.Log.Error(what, "code", r.Code, "problem", r.Message)
		for _, dg := range r.Diagnostics {
			where := ""
			if dg.Subject != nil {
				where = fmt.Sprintf("%s:%d", dg.Subject.Filename, dg.Subject.Start.Line)
			}
			d.Log.Error(dg.Summary, "code", string(diag.CodeOf(dg)), "where", where, "detail", dg.Detail)
		}
		return
	}
	d.Metrics.ReloadOK.Set(1)
	d.Metrics.Stale.Set(0)
	d.Metrics.ReloadAt.Set(float64(r.At.Unix()))
	d.Metrics.Pipelines.Set(float64(len(d.current.Load().Pipelines)))
	if r.Changed {
		d.Log.Info("configuration loaded", "digest", r.Digest, "pipelines", len(d.current.Load().Pipelines), "millis", took.Milliseconds())
	}
}
