package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner"
	"waybill/runner/compile"
	"waybill/runner/state"
	"waybill/sinks"
)

func (a *app) runsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "runs", Short: "Look at runs, and go on with one that failed"}
	cmd.AddCommand(a.runsListCommand(), a.runsShowCommand(), a.runsRetryCommand(), a.runsCancelCommand())
	return cmd
}

// withStore opens the state of a project for one command.
func withStore(ctx context.Context, f *projectFlags, d *dataFlags, do func(store state.Store, spool string) error) error {
	store, spool, err := d.open(ctx, f.dir)
	if err != nil {
		return err
	}
	return errors.Join(do(store, spool), store.Close())
}

func registerState(cmd *cobra.Command, f *projectFlags, d *dataFlags) {
	cmd.Flags().StringVarP(&f.dir, "project", "C", ".", "`directory` of the project")
	completeFlag(cmd, "project", completeFlagDir)
	d.register(cmd)
}

// runStatuses are the states that a run can be in.
func runStatuses() []string {
	var out []string
	for _, s := range []state.Status{state.Queued, state.Running, state.Succeeded, state.Failed, state.Cancelled, state.Skipped, state.ConditionOff} {
		out = append(out, string(s))
	}
	return out
}

func (a *app) runsListCommand() *cobra.Command {
	var f projectFlags
	var d dataFlags
	var filter state.Filter
	var statuses []string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List runs, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range statuses {
				if !slices.Contains(runStatuses(), s) {
					return mistake("--status %q is no state of a run.%s There are: %s", s, diag.Suggest(s, runStatuses()), strings.Join(runStatuses(), ", "))
				}
				filter.Statuses = append(filter.Statuses, state.Status(s))
			}
			return withStore(cmd.Context(), &f, &d, func(store state.Store, _ string) error {
				runs, err := store.Runs(cmd.Context(), filter)
				if err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(runsJSON(runs))
				}
				if len(runs) == 0 && (filter.Pipeline != "" || len(filter.Statuses) > 0) {
					_, err := fmt.Fprintln(a.out, "No run is like that. `waybill runs list` shows all.")
					return err
				}
				return a.listRuns(runs)
			})
		},
	}
	registerState(cmd, &f, &d)
	cmd.Flags().StringVar(&filter.Pipeline, "pipeline", "", "only runs of this pipeline")
	cmd.Flags().StringSliceVar(&statuses, "status", nil, "only runs in these states: "+strings.Join(runStatuses(), ", "))
	completeFlag(cmd, "pipeline", f.completePipelines)
	completeValues(cmd, "status", runStatuses()...)
	cmd.Flags().IntVar(&filter.Limit, "limit", 30, "how many")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// runOutput is a run as `runs --json` prints it.
type runOutput struct {
	ID         string           `json:"id"`
	Pipeline   string           `json:"pipeline"`
	Slot       time.Time        `json:"slot"`
	Trigger    string           `json:"trigger"`
	Status     state.Status     `json:"status"`
	Reason     string           `json:"reason,omitempty"`
	Generation string           `json:"generation,omitempty"`
	StartedAt  time.Time        `json:"started_at,omitzero"`
	FinishedAt time.Time        `json:"finished_at,omitzero"`
	Problem    *problem.Problem `json:"problem,omitempty"`
	Steps      []stepOutput     `json:"steps,omitempty"`
}

type stepOutput struct {
	Step       string           `json:"step"`
	Status     state.Status     `json:"status"`
	Attempt    int              `json:"attempt"`
	StartedAt  time.Time        `json:"started_at,omitzero"`
	FinishedAt time.Time        `json:"finished_at,omitzero"`
	NextTry    time.Time        `json:"next_try,omitzero"`
	Result     json.RawMessage  `json:"result,omitempty"`
	Problem    *problem.Problem `json:"problem,omitempty"`
}

func runJSON(r state.Run) runOutput {
	return runOutput{ID: r.ID, Pipeline: r.Pipeline, Slot: r.Slot, Trigger: r.Trigger, Status: r.Status, Reason: r.Reason,
		Generation: r.Generation, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, Problem: r.Problem}
}

func runsJSON(runs []state.Run) []runOutput {
	out := make([]runOutput, len(runs))
	for i, r := range runs {
		out[i] = runJSON(r)
	}
	return out
}

func (a *app) listRuns(runs []state.Run) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(a.out, "There are no runs yet. `waybill run PIPELINE` starts one.")
		return err
	}
	t := a.table("RUN", "PIPELINE", "SLOT (UTC)", "TRIGGER", "STATUS", "TOOK", "WHAT HAPPENED")
	for _, r := range runs {
		took, what := "", r.Reason
		if !r.StartedAt.IsZero() && !r.FinishedAt.IsZero() {
			took = shortDuration(r.FinishedAt.Sub(r.StartedAt))
		}
		if r.Problem != nil {
			what = r.Problem.Code
		}
		t.AppendRow(table.Row{r.ID, r.Pipeline, r.Slot.UTC().Format("2006-01-02 15:04:05"), r.Trigger, a.colorStatus(r.Status), took, what})
	}
	_, err := fmt.Fprintln(a.out, renderTable(t))
	return err
}

func (a *app) colorStatus(s state.Status) string {
	switch s {
	case state.Succeeded:
		return a.style.Green(string(s))
	case state.Failed:
		return a.style.Red(string(s))
	case state.Running, state.Retrying:
		return a.style.Yellow(string(s))
	}
	return string(s)
}

func (a *app) table(header ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "   "
	t.SetStyle(style)
	t.AppendHeader(table.Row(header))
	return t
}

// renderTable is a table without blanks at the ends of its lines.
func renderTable(t table.Writer) string {
	lines := strings.Split(t.Render(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

func (a *app) runsShowCommand() *cobra.Command {
	var f projectFlags
	var d dataFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show RUN", Short: "Show one run: its steps, what was delivered, what failed", Args: needs("the id of a run"),
		ValidArgsFunction: completeRun(&f, &d),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(cmd.Context(), &f, &d, func(store state.Store, _ string) error {
				return a.showRun(cmd.Context(), store, args[0], asJSON)
			})
		},
	}
	registerState(cmd, &f, &d)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func findRun(ctx context.Context, store state.Store, id string) (state.Run, error) {
	r, err := store.Run(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return r, problem.New("run-not-found", fmt.Sprintf("there is no run %q", id), nil)
	}
	return r, err
}

func (a *app) showRun(ctx context.Context, store state.Store, id string, asJSON bool) error {
	r, err := findRun(ctx, store, id)
	if err != nil {
		return err
	}
	steps, err := store.Steps(ctx, id)
	if err != nil {
		return err
	}
	out := runJSON(r)
	slices.SortStableFunc(steps, byStart)
	for _, s := range steps {
		out.Steps = append(out.Steps, stepOutput{s.Address, s.Status, s.Attempt, s.StartedAt, s.FinishedAt, s.NextTry, s.Result, s.Problem})
	}
	if asJSON {
		return a.printJSON(out)
	}
	return a.showRunText(out)
}

// byStart orders steps as they began; those that did not come last.
func byStart(a, b state.Step) int {
	if a.StartedAt.IsZero() != b.StartedAt.IsZero() {
		if a.StartedAt.IsZero() {
			return 1
		}
		return -1
	}
	return a.StartedAt.Compare(b.StartedAt)
}

func (a *app) showRunText(r runOutput) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s · slot %s · run %s\n", a.style.Bold(r.Pipeline), r.Slot.UTC().Format("2006-01-02 15:04:05 UTC"), r.ID)
	fmt.Fprintf(&b, "%s   trigger %s", withReason(a.colorStatus(r.Status), r.Reason), r.Trigger)
	if !r.StartedAt.IsZero() {
		fmt.Fprintf(&b, "   started %s", r.StartedAt.Local().Format(time.DateTime))
	}
	if !r.FinishedAt.IsZero() {
		fmt.Fprintf(&b, "   took %s", shortDuration(r.FinishedAt.Sub(r.StartedAt)))
	}
	b.WriteString("\n\n")
	t := a.table("STEP", "STATUS", "ATTEMPT", "TOOK", "RESULT")
	for _, s := range r.Steps {
		took := ""
		if !s.FinishedAt.IsZero() && !s.StartedAt.IsZero() {
			took = shortDuration(s.FinishedAt.Sub(s.StartedAt))
		}
		t.AppendRow(table.Row{s.Step, a.colorStatus(s.Status), s.Attempt, took, resultText(s)})
	}
	fmt.Fprintln(&b, renderTable(t))
	if r.Problem != nil {
		fmt.Fprintf(&b, "\n%s", problemText(r.Problem, a.style))
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

// resultText tells in a few words what a step brought.
func resultText(s stepOutput) string {
	if s.Problem != nil {
		return s.Problem.Code
	}
	var r struct {
		Rows    *int64         `json:"rows"`
		Schema  []any          `json:"schema"`
		Receipt *receiptOutput `json:"receipt"`
	}
	if json.Unmarshal(s.Result, &r) != nil {
		return ""
	}
	switch {
	case r.Receipt != nil:
		urls := make([]string, len(r.Receipt.Objects))
		for i, o := range r.Receipt.Objects {
			urls[i] = fmt.Sprintf("%s  %s  %s", o.URL, holds(o), size(o.Size))
		}
		return strings.Join(urls, "\n")
	case r.Rows != nil && *r.Rows >= 0:
		return rows(*r.Rows)
	case len(r.Schema) > 0:
		return plural(len(r.Schema), "column")
	}
	return ""
}

type receiptOutput struct {
	Objects []sinks.Object `json:"objects"`
}

func (a *app) runsRetryCommand() *cobra.Command {
	var f projectFlags
	var d dataFlags
	var fresh bool
	var show runShow
	cmd := &cobra.Command{
		Use:   "retry RUN",
		Short: "Go on with a run that failed or was interrupted",
		Long: "Goes on with a run where it stopped: with the definition it began with, and with what\n" +
			"its steps have done. With --fresh it makes a new run of the same slot instead, from the\n" +
			"current files, which does every step again.",
		Args:              needs("the id of a run"),
		ValidArgsFunction: completeRun(&f, &d),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return withStore(ctx, &f, &d, func(store state.Store, spool string) error {
				if fresh {
					return a.retryFresh(ctx, &f, store, spool, args[0], show)
				}
				return a.retry(ctx, &f, store, spool, args[0], show)
			})
		},
	}
	f.register(cmd)
	d.register(cmd)
	show.register(cmd)
	cmd.Flags().BoolVar(&fresh, "fresh", false, "run the slot anew with the current files")
	return cmd
}

// retryFresh runs the slot of a run that is over once more.
func (a *app) retryFresh(ctx context.Context, f *projectFlags, store state.Store, spool, id string, show runShow) error {
	r, err := findRun(ctx, store, id)
	if err != nil {
		return err
	}
	if !r.Status.Final() {
		return refuse("run %s is %s: wait for its end, or end it by `waybill runs cancel %s`", id, r.Status, id)
	}
	g, err := a.load(f)
	if err != nil {
		return err
	}
	p := g.Pipeline(r.Pipeline)
	if p == nil {
		return noSuchPipeline(g, r.Pipeline)
	}
	return a.runSlot(ctx, store, spool, g, p, r.Slot, show)
}

func (a *app) retry(ctx context.Context, f *projectFlags, store state.Store, spool, id string, show runShow) error {
	r, err := findRun(ctx, store, id)
	if err != nil {
		return err
	}
	switch r.Status {
	case state.Running, state.Retrying:
		if r.LeaseUntil.After(time.Now()) {
			return refuse("run %s is running: the process %s carries it. `waybill runs cancel %s` asks it to stop", id, r.Owner, id)
		}
		if wait := time.Until(r.LeaseUntil.Add(runner.TakeoverGrace)); wait > 0 && !ownerGone(r.Owner) {
			return refuse("run %s was left without a sign of life, but the process %s may still end a request: go on with it in %s", id, r.Owner, shortDuration(wait))
		}
	case state.Succeeded, state.Skipped, state.ConditionOff:
		return refuse("run %s is %s: there is nothing to go on with. `waybill runs retry %s --fresh` runs its slot again", id, r.Status, id)
	}
	g, err := a.pinned(ctx, f, store, r)
	if err != nil {
		return err
	}
	p, err := a.pinnedPipeline(f, g, r.Pipeline)
	if err != nil {
		return err
	}
	return a.carry(ctx, store, spool, g, p, show, func(by *runner.Runner) (state.Run, error) {
		got, err := store.Resume(ctx, id, by.Owner, g.Digest, time.Now().UTC(), by.LeaseTTL)
		if errors.Is(err, state.ErrConflict) {
			return got, refuse("run %s was taken by another process just now; `waybill runs show %s` tells how it goes", id, id)
		}
		return got, err
	})
}

// pinnedPipeline is the pipeline that a run began with. It may have had another
// name then, which the project's files tell.
func (a *app) pinnedPipeline(f *projectFlags, pinned *compile.Generation, name string) (*compile.Pipeline, error) {
	if p := pinned.Pipeline(name); p != nil {
		return p, nil
	}
	if now, _, _, err := f.compile(); err == nil && now != nil {
		if p := now.Former(pinned, name); p != nil {
			return p, nil
		}
	}
	return nil, noSuchPipeline(pinned, name)
}

// pinned is the generation that a run began with, or the current one if it
// never began.
func (a *app) pinned(ctx context.Context, f *projectFlags, store state.Store, r state.Run) (*compile.Generation, error) {
	if r.Generation == "" {
		return a.load(f)
	}
	files, err := store.Generation(ctx, r.Generation)
	if err != nil {
		return nil, fmt.Errorf("reading the definition of run %s: %w", r.ID, err)
	}
	vars, err := f.variables()
	if err != nil {
		return nil, err
	}
	here, err := readTree(f.dir)
	if err != nil {
		return nil, err
	}
	g, project, diags := compile.Compile(config.StoredTree(here.Root(), files), vars, registries())
	if g == nil {
		if err := a.showDiags(a.errOut, diags, project); err != nil {
			return nil, err
		}
		return nil, problem.New("definition-changed", "the definition that run "+r.ID+" began with is not valid here", nil)
	}
	return g, nil
}

func (a *app) runsCancelCommand() *cobra.Command {
	var f projectFlags
	var d dataFlags
	cmd := &cobra.Command{
		Use: "cancel RUN", Short: "Ask a run to stop", Args: needs("the id of a run"),
		ValidArgsFunction: completeRun(&f, &d, state.Queued, state.Running),
		Long:              "Asks the process that carries the run to stop it: queries are stopped and uploads aborted.\nA delivery whose first object is there is carried to its end.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return withStore(ctx, &f, &d, func(store state.Store, _ string) error {
				r, err := findRun(ctx, store, args[0])
				if err != nil {
					return err
				}
				err = store.Finish(ctx, r.ID, "", state.Cancelled, "requested", nil, time.Now().UTC())
				if errors.Is(err, state.ErrConflict) { // it is not queued (any more)
					err = store.RequestCancel(ctx, r.ID)
				}
				if errors.Is(err, state.ErrConflict) {
					return refuse("run %s is over: it is %s", r.ID, r.Status)
				}
				if err == nil {
					_, err = fmt.Fprintf(a.out, "run %s is asked to stop\n", r.ID)
				}
				return err
			})
		},
	}
	registerState(cmd, &f, &d)
	return cmd
}
