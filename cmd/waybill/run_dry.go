package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/dryrun"
	"waybill/runner/engine"
)

// dryFlags are the flags of run that belong to --dry-run.
type dryFlags struct {
	on    bool
	limit int64
	rows  int
	only  string
}

// maxShown is how many rows the engine shows at most.
const maxShown = 1000

func (d *dryFlags) register(cmd *cobra.Command, f *projectFlags) {
	cmd.Flags().BoolVar(&d.on, "dry-run", false, "carry it out with a part of the rows, show what comes of it, deliver nothing")
	cmd.Flags().Int64Var(&d.limit, "limit", 1000, "with --dry-run: rows taken of each source; 0: all")
	cmd.Flags().IntVar(&d.rows, "rows", 10, "with --dry-run: rows shown")
	cmd.Flags().StringVar(&d.only, "only", "", "with --dry-run: go no further than this `step`, such as transform.by_region, and show its rows")
	completeFlag(cmd, "only", f.completeStep)
}

func (d *dryFlags) check(cmd *cobra.Command) error {
	for _, name := range []string{"limit", "rows", "only"} {
		if cmd.Flags().Changed(name) && !d.on {
			return mistake("--%s belongs to --dry-run", name)
		}
	}
	switch {
	case d.limit < 0:
		return mistake("--limit %d: how many rows is 1 or more, or 0 for all", d.limit)
	case d.rows < 0 || d.rows > maxShown:
		return mistake("--rows %d: from 0 to %d rows can be shown", d.rows, maxShown)
	}
	return nil
}

func (a *app) dryRun(ctx context.Context, f *projectFlags, d dryFlags, name, at string, asJSON bool) (err error) {
	g, err := a.load(f)
	if err != nil {
		return err
	}
	p := findPipeline(g, name)
	if p == nil {
		return noSuchPipeline(g, name)
	}
	if d.only != "" && p.Step(d.only) == nil {
		return noSuchStep(p, d.only)
	}
	slot, err := parseSlot(at, p.Location)
	if err != nil {
		return err
	}
	dir, err := realTempDir("waybill-dry-run-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	view := &dryView{app: a, pipeline: p, flags: d, json: asJSON}
	if !asJSON {
		fmt.Fprintf(a.out, "%s · slot %s · dry run%s\n", a.style.Bold(p.Name), when(slot, p.Location), d.extent())
	}
	steps, err := dryrun.Run(ctx, dryrun.Options{Pipeline: p, Settings: g.Settings, Limit: d.limit, Rows: d.rows, Only: d.only, Dir: dir,
		Run:      compile.RunValues{ID: "dry-run", Slot: slot, Attempt: 1, Trigger: "manual"},
		StartJob: engine.Start, EngineCommand: selfCommand("engine"), Done: view.step})
	if err != nil {
		return err
	}
	return view.end(steps)
}

// extent says how much of the data is used.
func (d dryFlags) extent() string {
	if d.limit == 0 {
		return " with all rows"
	}
	return fmt.Sprintf(" with at most %s of each source", rows(d.limit))
}

func noSuchStep(p *compile.Pipeline, address string) error {
	names := make([]string, len(p.Steps))
	for i, s := range p.Steps {
		names[i] = s.Address
	}
	problem := problem.New("unknown-reference", fmt.Sprintf("the pipeline %s has no %s", p.Name, address), nil)
	problem.Remedy = []string{strings.TrimSpace(fmt.Sprintf("It has: %s.%s", some(names, 20), diag.Suggest(address, names)))}
	return problem
}

// realTempDir makes a directory whose path has no symbolic links: the compute
// job is let into real directories only.
func realTempDir(pattern string) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", problem.New("file-write-failed", "no temporary directory can be made", err)
	}
	return dir, nil
}

// dryView shows a dry run as it goes.
type dryView struct {
	app      *app
	pipeline *compile.Pipeline
	flags    dryFlags
	json     bool
}

func (v *dryView) step(s dryrun.Step) {
	if v.json {
		return // all at the end
	}
	family, name, _ := strings.Cut(s.Address, ".")
	width := 0
	for _, other := range v.pipeline.Steps {
		width = max(width, len(other.Name))
	}
	style := v.app.style
	sign, text := style.Green("✓"), ""
	switch s.Status {
	case dryrun.Failed:
		sign, text = style.Red("✗"), s.Problem.Code
	case dryrun.Skipped:
		sign, text = style.Faint("–"), s.Reason
	default:
		text = dryText(s)
	}
	fmt.Fprintln(v.app.out, strings.TrimRight(fmt.Sprintf("  %-9s %-*s  %s %s", family, width, name, sign, text), " "))
	if s.Problem != nil {
		fmt.Fprint(v.app.out, problemText(s.Problem, style))
	}
}

// dryText is what came of a step that succeeded.
func dryText(s dryrun.Step) string {
	var parts []string
	switch {
	case s.Rows >= 0 && s.Cut:
		parts = append(parts, rows(s.Rows)+" and perhaps more")
	case s.Rows >= 0:
		parts = append(parts, rows(s.Rows))
	}
	if s.Reason != "" {
		parts = append(parts, s.Reason)
	}
	return strings.Join(parts, "   ")
}

// end shows rows and files, which are worth reading together.
func (v *dryView) end(steps []dryrun.Step) error {
	if v.json {
		if err := v.app.printJSON(steps); err != nil {
			return err
		}
	} else {
		for _, s := range steps {
			v.rows(s)
		}
		fmt.Fprintln(v.app.out, "\nNothing was delivered.")
	}
	if slices.ContainsFunc(steps, func(s dryrun.Step) bool { return s.Status == dryrun.Failed }) {
		return errReported
	}
	return nil
}

func (v *dryView) rows(s dryrun.Step) {
	if s.Status != dryrun.Succeeded || s.Sample == nil && len(s.Files) == 0 {
		return
	}
	title := s.Address
	if len(s.Hidden) > 0 {
		title += v.app.style.Faint("   hidden: " + strings.Join(s.Hidden, ", "))
	}
	fmt.Fprintf(v.app.out, "\n%s\n", v.app.style.Bold(title))
	if len(s.Sample) > 0 {
		fmt.Fprintln(v.app.out, v.app.rowTable(s.Columns, s.Sample).Render())
	} else if v.flags.rows > 0 && s.Sample != nil {
		fmt.Fprintf(v.app.out, "  no rows of %s\n", s.Columns)
	}
	if more := s.Rows - int64(len(s.Sample)); more > 0 && len(s.Sample) > 0 {
		fmt.Fprintf(v.app.out, "  and %s more\n", rows(more))
	}
	const most = 20
	for i, f := range s.Files {
		if i == most {
			fmt.Fprintf(v.app.out, "  and %s more\n", plural(len(s.Files)-most, "file"))
			break
		}
		if f.Size < 0 {
			fmt.Fprintf(v.app.out, "  would write  %s\n", f.Name)
		} else {
			fmt.Fprintf(v.app.out, "  would write  %s   %s  %s\n", f.Name, rows(f.Rows), size(f.Size))
		}
	}
}

// completeStep proposes the steps of the pipeline that is named.
func (f *projectFlags) completeStep(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	g, _, _, err := f.compile()
	if err != nil || g == nil || len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	p := findPipeline(g, args[0])
	if p == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, s := range p.Steps {
		out = append(out, s.Address)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
