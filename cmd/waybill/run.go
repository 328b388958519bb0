package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/runner"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/state"
	"waybill/runner/state/sqlite"
)

// dataFlags say where state and spool live.
type dataFlags struct{ dir string }

func (d *dataFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.dir, "data-dir", "", "`directory` of state and spooled files (default PROJECT/.waybill)")
	completeFlag(cmd, "data-dir", completeFlagDir)
}

// path is the data directory for a project.
func (d *dataFlags) path(project string) string {
	if d.dir != "" {
		return d.dir
	}
	return filepath.Join(project, ".waybill")
}

func (d *dataFlags) open(ctx context.Context, project string) (*sqlite.Store, string, error) {
	dir, err := filepath.Abs(d.path(project))
	if err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		p := problem.New("state-readonly", fmt.Sprintf("the data directory %s cannot be made", dir), err)
		return nil, "", p
	}
	store, err := sqlite.Open(ctx, filepath.Join(dir, "waybill.db"), sqlite.Options{})
	return store, filepath.Join(dir, "spool"), err
}

// ownerName names this process in leases: machine, process, and a part that
// tells it from an earlier process of the same number.
func ownerName() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), ulid.Make())
}

// ownerGone reports whether an owner is a process of this machine that does
// not exist any more.
func ownerGone(owner string) bool {
	parts := strings.Split(owner, "/")
	host, err := os.Hostname()
	if err != nil || len(parts) != 3 || parts[0] != host {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	return err == nil && pid > 0 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// newRunner puts a runner together for this process.
func newRunner(store state.Store, spool string, log *slog.Logger, events func(runner.Event)) *runner.Runner {
	return &runner.Runner{
		Store: store, Spool: spool, Baselines: filepath.Join(filepath.Dir(spool), "baselines"), StartJob: engine.Start, EngineCommand: selfCommand("engine"),
		Jobs: runner.NewGate(1), Owner: ownerName(),
		LeaseTTL: runner.DefaultLease, Log: log, Events: events,
	}
}

func (a *app) runCommand() *cobra.Command {
	var f projectFlags
	var d dataFlags
	var at string
	var show runShow
	var dry dryFlags
	cmd := &cobra.Command{
		Use:   "run PIPELINE",
		Short: "Run a pipeline now, or for a slot",
		Long: "Runs a pipeline and delivers what it makes. Names and dates come from the slot,\n" +
			"which is now unless --at names another: running the same slot again writes the same keys.\n" +
			"With --dry-run it takes a part of the rows, shows what would come of them, and delivers nothing.\n" +
			"Exit code 0: it succeeded; 1: it did not.",
		Args:              needs("the name of a pipeline"),
		ValidArgsFunction: f.completePipeline,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("at") && at == "" { // a shell variable that is not set, most likely
				return mistake("--at is empty: give it a time, or leave it out to run for now")
			}
			if err := dry.check(cmd); err != nil {
				return err
			}
			if dry.on {
				return a.dryRun(cmd.Context(), &f, dry, args[0], at, show.json)
			}
			return a.run(cmd.Context(), &f, &d, args[0], at, show)
		},
	}
	f.register(cmd)
	d.register(cmd)
	cmd.Flags().StringVar(&at, "at", "", "`slot` to run for: 2026-11-22, 2026-11-22T09:00 (in the pipeline's time zone) or with an offset")
	show.register(cmd)
	dry.register(cmd, &f)
	return cmd
}

// runShow says how a run is shown as it goes.
type runShow struct{ json, verbose bool }

func (s *runShow) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.json, "json", false, "print each event as one JSON object a line")
	cmd.Flags().BoolVarP(&s.verbose, "verbose", "v", false, "say which short cuts each sink took, or why not")
}

func (a *app) run(ctx context.Context, f *projectFlags, d *dataFlags, name, at string, show runShow) error {
	g, err := a.load(f)
	if err != nil {
		return err
	}
	p := findPipeline(g, name)
	if p == nil {
		return noSuchPipeline(g, name)
	}
	slot, err := parseSlot(at, p.Location)
	if err != nil {
		return err
	}
	store, spool, err := d.open(ctx, f.dir)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	return a.runSlot(ctx, store, spool, g, p, slot, show)
}

// runSlot makes a run of a pipeline for a slot and carries it through.
func (a *app) runSlot(ctx context.Context, store state.Store, spool string, g *compile.Generation, p *compile.Pipeline, slot time.Time, show runShow) error {
	if err := keepHistory(ctx, store, g); err != nil {
		return err
	}
	run := state.Run{ID: ulid.Make().String(), Pipeline: p.Name, Slot: slot, Trigger: "manual",
		IntervalStart: intervalStart(p, slot), CreatedAt: time.Now().UTC()}
	return a.carry(ctx, store, spool, g, p, show, func(r *runner.Runner) (state.Run, error) {
		return store.Begin(ctx, run, r.Owner, g.Digest, time.Now().UTC(), r.LeaseTTL)
	})
}

// carry carries one run through and shows how it goes. claim makes it this
// process's, in one step: a daemon that shares the state never sees it free.
func (a *app) carry(ctx context.Context, store state.Store, spool string, g *compile.Generation, p *compile.Pipeline, show runShow, claim func(*runner.Runner) (state.Run, error)) error {
	if err := store.SaveGeneration(ctx, g.Digest, g.Files, time.Now().UTC()); err != nil {
		return err
	}
	view := a.runView(p, show)
	r := newRunner(store, spool, slog.New(slog.NewTextHandler(io.Discard, nil)), view.event)
	claimed, err := claim(r)
	if err != nil {
		return err
	}
	// An interrupt cancels the run, in order: queries are stopped, uploads
	// aborted, and the end is recorded.
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		fmt.Fprintln(a.errOut, "stopping: queries are cancelled and uploads aborted; requests under way have a few seconds")
		cancel(runner.ErrCancelRequested)
	})
	defer stop()
	done, err := r.Execute(work, claimed, p, g.Settings)
	view.close()
	if sweepErr := r.Sweep(work, g.Settings.Retention, time.Now().UTC()); sweepErr != nil && ctx.Err() == nil {
		fmt.Fprintf(a.errOut, "%s old runs could not be removed: %s\n", a.style.Yellow("Warning:"), sweepErr)
	}
	switch {
	case err != nil:
		return err
	case done.Status != state.Succeeded && done.Status != state.ConditionOff && done.Status != state.Skipped:
		return errReported
	}
	return nil
}

// keepHistory gives the history of renamed pipelines to their new names.
func keepHistory(ctx context.Context, store state.Store, g *compile.Generation) error {
	for _, m := range g.Moves {
		_, err := store.Move(ctx, m.From, m.To, runner.DeliveryID)
		if errors.Is(err, state.ErrConflict) {
			return refuse("a run of %s goes on under its old name: wait for its end", m.From)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unquotedKey is how people write an instance where quotes are a nuisance:
// daily[acme].
var unquotedKey = regexp.MustCompile(`^([^\["]+)\[([^"\]]+)\]$`)

// findPipeline returns the pipeline that a command names, or nil.
func findPipeline(g *compile.Generation, name string) *compile.Pipeline {
	if m := unquotedKey.FindStringSubmatch(name); m != nil && g.Pipeline(name) == nil {
		name = m[1] + schema.KeySuffix(m[2])
	}
	return g.Pipeline(name)
}

func noSuchPipeline(g *compile.Generation, name string) error {
	names := g.Names()
	p := problem.New("pipeline-not-found", fmt.Sprintf("no pipeline is called %q", name), nil)
	if of := slices.DeleteFunc(slices.Clone(g.Pipelines), func(p *compile.Pipeline) bool { return p.Base != name }); len(of) > 0 {
		p.Summary = fmt.Sprintf("%q stands for %s: name one of them", name, plural(len(of), "pipeline"))
		names = nil
		for _, one := range of {
			names = append(names, one.Name)
		}
	}
	const most = 12
	some := strings.Join(names[:min(most, len(names))], ", ")
	if len(names) > most {
		some += fmt.Sprintf(" and %d more", len(names)-most)
	}
	p.Cause = strings.TrimSpace(fmt.Sprintf("There are: %s.%s", some, diag.Suggest(name, names)))
	return p
}

// parseSlot reads --at; without one the slot is this second.
func parseSlot(at string, loc *time.Location) (time.Time, error) {
	if at == "" {
		return time.Now().UTC().Truncate(time.Second), nil
	}
	return parseTime("--at", at, loc)
}

// parseTime reads the time that a flag names, in loc unless it says where.
func parseTime(flag, at string, loc *time.Location) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, at); err == nil {
			return t.UTC(), nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		t, err := time.ParseInLocation(layout, at, loc)
		if err != nil {
			continue
		}
		if t.Format(layout) != at {
			return time.Time{}, mistake("%s %s does not exist in %s: clocks are set forward over it. Give an offset, such as %s", flag, at, loc, t.Format(time.RFC3339))
		}
		return t.UTC(), nil
	}
	return time.Time{}, mistake("%s %q is no time: write 2026-11-22, 2026-11-22T09:00 or 2026-11-22T09:00:00-05:00", flag, at)
}

// intervalStart is the slot before this one by the pipeline's schedules.
func intervalStart(p *compile.Pipeline, slot time.Time) time.Time {
	prev, ok := p.ScheduleSet().Prev(slot)
	if !ok {
		return time.Time{}
	}
	return prev
}
