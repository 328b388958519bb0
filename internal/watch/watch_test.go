package watch

import (
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
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func isHCL(name string) bool { return strings.HasSuffix(name, ".hcl") }

// patience is how long a test waits for what must happen. It is no part of
// what is tested: a test that passes never waits so long.
const patience = 30 * time.Second

// A rig is a directory and a Watch over it. Looks happen on events only, unless
// the options say otherwise.
type rig struct {
	t       *testing.T
	root    string
	changes chan struct{}
	looks   chan bool
}

func start(t *testing.T, root string, adjust func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, root: root, changes: make(chan struct{}, 1000), looks: make(chan bool, 1000)}
	opts := Options{Root: root, Match: isHCL, Debounce: 20 * time.Millisecond, MaxBurst: time.Hour, Poll: time.Hour,
		Logger: slog.New(slog.DiscardHandler), looked: func(changed bool) { r.looks <- changed }}
	if adjust != nil {
		adjust(&opts)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Watch(ctx, opts, func() { r.changes <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Watch: %v", err)
			}
		case <-time.After(patience):
			t.Error("Watch does not return")
		}
	})
	r.look() // the first one sets the watches
	return r
}

// look waits for one look and returns whether it found a change.
func (r *rig) look() bool {
	r.t.Helper()
	select {
	case changed := <-r.looks:
		return changed
	case <-time.After(patience):
		r.t.Fatal("no look")
		return false
	}
}

// expectChange waits for a look that finds a change.
func (r *rig) expectChange() {
	r.t.Helper()
	for !r.look() {
	}
	<-r.changes
}

func (r *rig) path(name string) string { return filepath.Join(r.root, filepath.FromSlash(name)) }

func (r *rig) write(name, text string) {
	r.t.Helper()
	write(r.t, r.path(name), text)
}

func write(t *testing.T, full, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(full), 0o755))
	must(t, os.WriteFile(full, []byte(text), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSaveStyles(t *testing.T) {
	styles := map[string]func(t *testing.T, full, text string){
		"truncate and write": write,
		"write in place": func(t *testing.T, full, text string) {
			f, err := os.OpenFile(full, os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt([]byte(text), 0)
			must(t, err)
			must(t, f.Close())
		},
		"rename over": func(t *testing.T, full, text string) {
			write(t, full+".tmp", text)
			must(t, os.Rename(full+".tmp", full))
		},
		"move away and write anew, as vim": func(t *testing.T, full, text string) {
			must(t, os.Rename(full, full+"~"))
			write(t, full, text)
			must(t, os.Remove(full+"~"))
		},
		"remove and write": func(t *testing.T, full, text string) {
			must(t, os.Remove(full))
			write(t, full, text)
		},
		"append": func(t *testing.T, full, text string) {
			f, err := os.OpenFile(full, os.O_WRONLY|os.O_APPEND, 0)
			must(t, err)
			_, err = f.WriteString(text)
			must(t, err)
			must(t, f.Close())
		},
	}
	for name, save := range styles {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, filepath.Join(root, "a.hcl"), "one")
			r := start(t, root, nil)
			for _, text := range []string{"two", "six"} { // a watch on the file itself would miss the second
				save(t, r.path("a.hcl"), text)
				r.expectChange()
			}
		})
	}
}

func TestSameContentIsNoChange(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a.hcl"), "one")
	r := start(t, root, nil)
	for _, touch := range []func(){
		func() { // by renaming: a look between truncating and writing would rightly find a change
			r.write("a.hcl.tmp", "one")
			must(t, os.Rename(r.path("a.hcl.tmp"), r.path("a.hcl")))
		},
		func() { must(t, os.Chtimes(r.path("a.hcl"), time.Time{}, time.Unix(1, 0))) },
		func() { r.write("notes.txt", "not configuration") },
		func() { r.write(".hidden.hcl", "x") },
		func() { must(t, os.Mkdir(r.path("empty"), 0o755)) },
	} {
		touch()
		if r.look() {
			t.Error("a change is reported")
		}
	}
	if len(r.changes) > 0 {
		t.Error("changed was called")
	}
}

func TestDirectories(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	r.write("team/daily/a.hcl", "one")
	r.expectChange()
	r.write("team/daily/a.hcl", "two") // the new directories are watched themselves
	r.expectChange()
	must(t, os.Rename(r.path("team"), r.path("crew")))
	r.expectChange()
	r.write("crew/daily/a.hcl", "three")
	r.expectChange()
	must(t, os.RemoveAll(r.path("crew")))
	r.expectChange()
	r.write("crew/daily/a.hcl", "four") // the same names, other directories
	r.expectChange()
}

func TestRootComesAndGoes(t *testing.T) {
	root := filepath.Join(t.TempDir(), "mount", "project")
	r := start(t, root, nil)
	r.write("a.hcl", "one")
	r.expectChange()
	must(t, os.RemoveAll(filepath.Dir(root)))
	r.expectChange()
	r.write("a.hcl", "one")
	r.expectChange()
}

// Kubernetes writes a ConfigMap into a dotted directory, and swaps a link.
func TestConfigMapSwap(t *testing.T) {
	root := t.TempDir()
	publish := func(version, text string) {
		write(t, filepath.Join(root, version, "a.hcl"), text)
		must(t, os.Symlink(version, filepath.Join(root, "..data_tmp")))
		must(t, os.Rename(filepath.Join(root, "..data_tmp"), filepath.Join(root, "..data")))
	}
	publish("..2026_01_01", "one")
	must(t, os.Symlink("..data/a.hcl", filepath.Join(root, "a.hcl")))
	r := start(t, root, nil)
	for i, text := range []string{"two", "three"} {
		publish(fmt.Sprintf("..2026_02_0%d", i+1), text)
		r.expectChange()
	}
	write(t, filepath.Join(root, "..2026_02_02", "a.hcl"), "in place")
	r.expectChange()
}

// git-sync checks out beside, and flips the link that is the root.
func TestRootIsAFlippedLink(t *testing.T) {
	base := t.TempDir()
	flip := func(commit string) {
		must(t, os.Symlink("trees/"+commit, filepath.Join(base, "tmp")))
		must(t, os.Rename(filepath.Join(base, "tmp"), filepath.Join(base, "current")))
	}
	write(t, filepath.Join(base, "trees/aaa/conf/a.hcl"), "one")
	write(t, filepath.Join(base, "trees/bbb/conf/a.hcl"), "two")
	flip("aaa")
	r := start(t, filepath.Join(base, "current", "conf"), nil)
	flip("bbb")
	r.expectChange()
	write(t, filepath.Join(base, "trees/bbb/conf/a.hcl"), "three")
	r.expectChange()
	flip("aaa")
	r.expectChange()
}

func TestExtraFiles(t *testing.T) {
	base := t.TempDir()
	root, shared := filepath.Join(base, "project"), filepath.Join(base, "shared", "query.sql")
	write(t, filepath.Join(root, "a.hcl"), "one")
	write(t, filepath.Join(root, "sql/x.sql"), "select 1")
	write(t, filepath.Join(root, "sql/y.sql"), "select 1")
	r := start(t, root, func(o *Options) {
		o.Extra = func() []string { return []string{"sql/x.sql", shared, "not/there.sql"} }
	})
	r.write("sql/y.sql", "nobody reads it")
	if r.look() {
		t.Error("a file that nobody reads is a change")
	}
	r.write("sql/x.sql", "select 2")
	r.expectChange()
	write(t, shared, "select 3") // outside of the root, and missing until now
	r.expectChange()
	r.write("not/there.sql", "select 4")
	r.expectChange()
}

// When looks happen, in fake time: events at these milliseconds make a
// directory look at those.
func TestWhenToLook(t *testing.T) {
	ms := func(times ...int) []int { return times }
	tests := []struct {
		name      string
		events    []int
		overflows []int
		until     int
		want      []int
	}{
		{"after half a second of quiet", ms(1000), nil, 9000, ms(1500)},
		{"each event begins the wait anew", ms(1000, 1400, 1800), nil, 9000, ms(2300)},
		{"two bursts", ms(1000, 3000), nil, 9000, ms(1500, 3500)},
		{"a long burst is not waited out", ms(1000, 1400, 1800, 2200, 2600, 3000, 3400, 3800, 4200, 4600, 5000, 5400, 5800, 6200), nil, 9000, ms(6000, 6700)},
		{"lost events count as one", nil, ms(1000), 9000, ms(1500)},
		{"and the poll needs none", nil, nil, 31000, ms(15000, 30000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var got []int
				opts := Options{Root: root, Match: isHCL, looked: func(bool) { got = append(got, int(time.Since(began).Milliseconds())) }}
				w := &watcher{Options: opts.withDefaults()}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(tt.until)*time.Millisecond)
				defer cancel()
				events, failures := make(chan fsnotify.Event), make(chan error)
				for _, at := range tt.events {
					time.AfterFunc(time.Duration(at)*time.Millisecond, func() { events <- fsnotify.Event{Name: root} })
				}
				for _, at := range tt.overflows {
					time.AfterFunc(time.Duration(at)*time.Millisecond, func() { failures <- fsnotify.ErrEventOverflow })
				}
				w.loop(ctx, events, failures)
				if !slices.Equal(got, tt.want) {
					t.Errorf("looks at %v, want %v", got, tt.want)
				}
			})
		})
	}
}

func TestChangeWhileChangedRuns(t *testing.T) {
	root := t.TempDir()
	entered, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	ctx, cancel := context.WithCancel(t.Context())
	done, ready, second := make(chan error, 1), make(chan bool, 1000), make(chan struct{}, 10)
	go func() {
		done <- Watch(ctx, Options{Root: root, Match: isHCL, Debounce: time.Millisecond, Poll: time.Hour, looked: func(c bool) { ready <- c }}, func() {
			first := false
			once.Do(func() { first = true })
			if !first {
				second <- struct{}{}
				return
			}
			close(entered)
			<-goOn
		})
	}()
	<-ready
	write(t, filepath.Join(root, "a.hcl"), "one")
	<-entered
	write(t, filepath.Join(root, "a.hcl"), "two")
	close(goOn)
	<-second
	cancel()
	must(t, <-done)
}

func TestSeenDecidesWhatIsNew(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a.hcl"), "one")
	digest, _, err := Fingerprint(root, isHCL)
	must(t, err)
	write(t, filepath.Join(root, "a.hcl"), "changed before Watch began")
	changed := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Watch(ctx, Options{Root: root, Match: isHCL, Seen: digest, Poll: time.Hour}, func() { changed <- struct{}{} })
	}()
	<-changed
	cancel()
	must(t, <-done)
}

// logs collects messages.
type logs struct {
	slog.Handler
	lines chan string
}

func (l logs) Enabled(context.Context, slog.Level) bool { return true }
func (l logs) Handle(_ context.Context, r slog.Record) error {
	l.lines <- r.Message
	return nil
}

func TestPollingWhereThereAreNoEvents(t *testing.T) {
	root := t.TempDir()
	l := logs{lines: make(chan string, 100)}
	r := start(t, root, func(o *Options) {
		o.Poll, o.Logger = 5*time.Millisecond, slog.New(l)
		o.open = func() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") }
	})
	r.write("a/b.hcl", "one")
	r.expectChange()
	r.write("a/b.hcl", "two")
	r.expectChange()
	if got := <-l.lines; !strings.Contains(got, "polling") || len(l.lines) > 0 {
		t.Errorf("logged %q and %d more, want one warning", got, len(l.lines))
	}
}

// A watcher that refuses directories, as the kernel does at its limit, leaves
// the rest to the poll.
func TestPollingWhereWatchesAreRefused(t *testing.T) {
	root := t.TempDir()
	l := logs{lines: make(chan string, 100)}
	r := start(t, root, func(o *Options) {
		o.Poll, o.Logger = 5*time.Millisecond, slog.New(l)
		o.open = func() (*fsnotify.Watcher, error) {
			w, err := fsnotify.NewWatcher()
			if err == nil {
				err = w.Close() // every Add fails from here on
			}
			return w, err
		}
	})
	r.write("a.hcl", "one")
	r.expectChange()
	r.write("a.hcl", "two")
	r.expectChange()
	if len(l.lines) != 1 {
		t.Errorf("%d warnings, want one", len(l.lines))
	}
}

func TestPollFindsWhatEventsMiss(t *testing.T) {
	root := t.TempDir()
	r := start(t, root, func(o *Options) { o.Debounce, o.MaxBurst, o.Poll = time.Hour, time.Hour, 10*time.Millisecond })
	r.write("a.hcl", "one")
	r.expectChange()
}
