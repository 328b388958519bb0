// Package daemon keeps a project running: it reloads when files change, fires
// slots, carries runs, and drains on its way out. It owns every goroutine that
// lives longer than a run.
package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"waybill/config"
	"waybill/internal/watch"
	"waybill/runner"
	"waybill/runner/compile"
	"waybill/runner/state"
)

// Options make a daemon. All fields but the last ones are required.
type Options struct {
	Dir  string // of the project
	Vars config.Vars
	// VarFiles are read at every load, and watched; absolute paths. Their values
	// come on top of Vars.Files.
	VarFiles   []string
	Registries compile.Registries
	Store      state.Store
	// Runner is used by all workers; its Jobs are sized by the daemon.
	Runner *runner.Runner
	Log    *slog.Logger
	// Metrics receives what is worth counting.
	Metrics *Metrics

	// AllowMassRemoval takes a configuration at once that has lost over half of
	// the pipelines.
	AllowMassRemoval bool
	// Drain is how long running runs may go on after the context has ended.
	Drain time.Duration
	// Gone reports whether the owner of a lease is known to be dead, so that
	// nothing of it can be under way; nil: nobody is.
	Gone func(owner string) bool
	// Locked is called once the daemon has the store for itself; may be nil.
	Locked func()
	// Debounce and Poll are the watcher's; zero: its defaults.
	Debounce, Poll time.Duration
}

// massRemovalStands is how long content must stand that has lost most of the
// pipelines until it is believed.
const massRemovalStands = 60 * time.Second

// A Daemon is made by New and lives as long as Run.
type Daemon struct {
	Options

	current atomic.Pointer[loaded]
	reload  sync.Mutex // one load at a time
	last    atomic.Pointer[ReloadResult]
	asked   atomic.Pointer[[]string] // files that the last load asked for, beside the configuration's own
	suspect suspect
	vars    variables // of the last load; guarded by reload
	pins    pins
	again   atomic.Bool   // the last load failed for a reason that may pass
	stands  time.Duration // massRemovalStands; shorter in tests

	wakeScheduler chan struct{}
	wakeWorkers   chan struct{}
	ready         atomic.Bool

	mu     sync.Mutex
	active map[string]string // run id → pipeline, of this process
}

// loaded is the generation in force.
type loaded struct {
	*compile.Generation
	at    time.Time
	stale bool // from the store, since the files are broken
	vars  variables
	moved map[string]bool // old names whose history has been moved; the scheduler's
}

// New makes a daemon. It does nothing until Run.
func New(o Options) *Daemon {
	return &Daemon{Options: o, stands: massRemovalStands, wakeScheduler: make(chan struct{}, 1), wakeWorkers: make(chan struct{}, 1), active: map[string]string{}}
}

// Run starts with the files as they are (or, if they are broken, with the last
// good generation) and works until ctx ends; then it drains. It returns nil
// after an orderly end.
func (d *Daemon) Run(ctx context.Context) error {
	release, err := d.Store.LockDaemon(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = release() }()
	if d.Locked != nil {
		d.Locked()
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	d.ready.Store(true)
	defer d.ready.Store(false)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.watch(ctx) })
	group.Go(func() error { return d.schedule(ctx) })
	group.Go(func() error { return d.work(ctx) })
	group.Go(func() error { return d.keepHouse(ctx) })
	err = group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// watch reloads when files change. What changed between the first load and the
// fingerprint from which on changes are seen is found by loading once more.
func (d *Daemon) watch(ctx context.Context) error {
	seen, _, err := watch.Fingerprint(d.Dir, config.IsConfig, d.extraFiles()...)
	if err != nil {
		d.Log.Warn("the files could not be fingerprinted", "error", err)
	}
	d.Reload(ctx)
	return watch.Watch(ctx, watch.Options{
		Root: d.Dir, Match: config.IsConfig, Extra: d.extraFiles, Seen: seen,
		Debounce: d.Debounce, Poll: d.Poll, Logger: d.Log,
	}, func() { d.Reload(ctx) })
}

// extraFiles are the files that matter beside the configuration's own, such as
// SQL: those that the configuration in force has read, and those that the last
// load asked for. It may have failed because one of them is not there yet.
func (d *Daemon) extraFiles() []string {
	var out []string
	if asked := d.asked.Load(); asked != nil {
		out = append(out, *asked...)
	}
	for name := range d.current.Load().Files {
		if !config.IsConfig(name) {
			out = append(out, name)
		}
	}
	return append(out, d.VarFiles...)
}

// Generation is the configuration in force; nil before Run has loaded one.
func (d *Daemon) Generation() *compile.Generation {
	if l := d.current.Load(); l != nil {
		return l.Generation
	}
	return nil
}

// Ready reports whether the daemon schedules and works; if not, why.
func (d *Daemon) Ready() (bool, string) {
	switch l := d.current.Load(); {
	case !d.ready.Load():
		return false, "starting or draining"
	case l != nil && l.stale:
		return true, "the files are broken; the last good configuration is in force"
	}
	return true, "ready"
}

// poke wakes a loop that listens on ch, without waiting for it.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// keepHouse removes what is older than its retention, once an hour, and looks
// again at a configuration that was refused for what it removes.
func (d *Daemon) keepHouse(ctx context.Context) error {
	const look = 5 * time.Second
	tick := time.NewTicker(min(look, d.stands))
	defer tick.Stop()
	for swept := (time.Time{}); ; {
		if time.Since(swept) >= time.Hour {
			swept = time.Now()
			if err := d.Runner.Sweep(ctx, d.Generation().Settings.Retention, swept.UTC()); err != nil && ctx.Err() == nil {
				d.Log.Warn("old runs could not be removed", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if d.again.Swap(false) || d.suspectStands() {
			d.Reload(ctx)
		}
	}
}
