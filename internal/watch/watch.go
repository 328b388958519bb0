// Package watch tells when files have changed.
//
// It watches directories, never files: editors replace files, Kubernetes flips
// a link two directories away. Events only say that it is time to look; what
// counts is whether the contents differ from those seen last. A poll finds what
// events miss, and does all the work where the system has no events to give.
package watch

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options say what to watch. Zero durations mean the defaults.
type Options struct {
	// Root is the directory to watch, with all below it.
	Root string
	// Match chooses the files that count, by their slash-separated path below
	// Root. It is not asked about names that begin with a dot.
	Match func(path string) bool
	// Extra names further files that count, absolute or relative to Root. It is
	// asked before every look, and may be nil.
	Extra func() []string
	// Seen is the digest that the caller has acted on already, as Fingerprint
	// gives it for the same root, match and extra files. If it is empty, what
	// Watch finds at first is taken as seen.
	Seen string

	Debounce time.Duration // how long it must be quiet before a look; 500 ms
	MaxBurst time.Duration // how long a look is put off at most; 5 s
	Poll     time.Duration // how often to look without any event; 15 s
	Logger   *slog.Logger  // nil: slog.Default()

	// For tests: how to open the source of events, and a hook that is called
	// after each look.
	open   func() (*fsnotify.Watcher, error)
	looked func(changed bool)
}

func (o Options) withDefaults() Options {
	setDuration(&o.Debounce, 500*time.Millisecond)
	setDuration(&o.MaxBurst, 5*time.Second)
	setDuration(&o.Poll, 15*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Extra == nil {
		o.Extra = func() []string { return nil }
	}
	if o.open == nil {
		o.open = fsnotify.NewWatcher
	}
	if o.looked == nil {
		o.looked = func(bool) {}
	}
	return o
}

func setDuration(d *time.Duration, byDefault time.Duration) {
	if *d <= 0 {
		*d = byDefault
	}
}

// Watch calls changed whenever the contents of the watched files differ from
// those it saw last, until ctx is done; then it returns nil. It calls changed
// from its own goroutine, one call at a time, and waits for it to return. A
// root that becomes unreadable is a change, and so is its return.
//
// Where the system gives no events, or not enough of them, Watch says so once
// in the log and goes on by polling.
func Watch(ctx context.Context, opts Options, changed func()) error {
	w := &watcher{Options: opts.withDefaults(), changed: changed, watched: map[string]os.FileInfo{}}
	w.last = w.Seen
	system, err := w.open()
	if err != nil {
		w.degrade(err)
		w.look()
		w.loop(ctx, nil, nil)
		return nil
	}
	defer system.Close()
	w.events = system
	w.look()
	w.loop(ctx, system.Events, system.Errors)
	return nil
}

type watcher struct {
	Options
	changed  func()
	events   *fsnotify.Watcher // nil: polling only
	watched  map[string]os.FileInfo
	last     string // what was seen last: a digest, or an error's text
	degraded bool
}

// loop looks when it has been quiet after events, when a burst of them has
// lasted too long, and when the poll is due.
func (w *watcher) loop(ctx context.Context, events <-chan fsnotify.Event, failures <-chan error) {
	poll := time.NewTicker(w.Poll)
	defer poll.Stop()
	quiet := time.NewTimer(0)
	quiet.Stop()
	defer quiet.Stop()
	var burst time.Time // when the present burst of events began; zero: none
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			now := time.Now()
			if burst.IsZero() {
				burst = now
			}
			quiet.Reset(max(0, min(w.Debounce, burst.Add(w.MaxBurst).Sub(now))))
		case err, ok := <-failures:
			if !ok {
				failures = nil
				continue
			}
			// An overflow lost events, any other failure may have: look.
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				w.degrade(err)
			}
			quiet.Reset(w.Debounce)
		case <-quiet.C:
			burst = time.Time{}
			w.look()
		case <-poll.C:
			w.look()
		}
	}
}

// look compares what is there with what was seen last.
func (w *watcher) look() {
	now := w.scan()
	differs := w.last != "" && w.last != now
	w.last = now
	if differs {
		w.changed()
	}
	w.looked(differs)
}

// maxRescans bounds how often a look begins anew because directories keep
// appearing. The poll finds the rest.
const maxRescans = 10

// scan brings the watches up to date and returns the tree's digest, or the
// error's text. Directories that were just found are watched first and read
// again after, since a file may have come between.
func (w *watcher) scan() string {
	for range maxRescans - 1 {
		t, err := scan(w.Root, w.Match, w.Extra())
		if !w.watch(t.dirs) {
			return verdict(t, err)
		}
	}
	return verdict(scan(w.Root, w.Match, w.Extra()))
}

func verdict(t *tree, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return t.digest()
}

// watch makes the watched directories those given, and reports whether any was
// added. A directory that was replaced by another of the same name is added
// anew: the system watches the directory, not its name.
func (w *watcher) watch(dirs map[string]struct{}) (added bool) {
	if w.events == nil {
		return false
	}
	alive := map[string]struct{}{}
	for _, dir := range w.events.WatchList() {
		alive[dir] = struct{}{}
	}
	for dir := range w.watched {
		if _, wanted := dirs[dir]; !wanted {
			_ = w.events.Remove(dir) // gone already, most of the time
			delete(w.watched, dir)
		}
	}
	for dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue // it went away; its parent tells when it is back
		}
		if _, ok := alive[dir]; ok {
			if before, known := w.watched[dir]; known && os.SameFile(before, info) {
				continue
			}
			_ = w.events.Remove(dir)
		}
		if err := w.events.Add(dir); err != nil {
			if !errors.Is(err, os.ErrNotExist) {
				w.degrade(err)
			}
			continue
		}
		w.watched[dir] = info
		added = true
	}
	return added
}

// degrade says once that changes are found by polling.
func (w *watcher) degrade(err error) {
	if w.degraded {
		return
	}
	w.degraded = true
	w.Logger.Warn("file changes are found by polling only, since the system gives no events for all directories",
		"dir", w.Root, "every", w.Poll.String(), "error", err.Error(),
		"remedy", "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances")
}
