package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"waybill/config"
	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/diag/report"
	"waybill/internal/problem"
	"waybill/internal/revision"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/plan"
	"waybill/runner/review"
	"waybill/runner/typecheck"
)

// planFlags are the flags of plan.
type planFlags struct {
	projectFlags
	against, at, out     string
	probe, json, exit    bool
	strict, offline, all bool
}

func (a *app) planCommand() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan [PIPELINE …]",
		Short: "Say what would happen, and prove that it will work",
		Long: "Says for each pipeline when it fires next, whom it becomes, what its queries bring and which\n" +
			"files it would write, and proves what can be proven without doing it: roles are assumed, buckets\n" +
			"looked for, queries judged by Athena without reading rows. It needs the network and credentials,\n" +
			"and is not for a stranger's pull request.\n" +
			"With --against, it says what changed since a revision of the git repository, and proves the\n" +
			"pipelines that did. \"origin/main...\" is where HEAD left origin/main.\n" +
			"Exit code 0: nothing stands in the way; 1: something does; with --detailed-exitcode, 2: nothing\n" +
			"does, and there are changes.",
		ValidArgsFunction: f.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.exit && f.against == "" {
				return mistake("--detailed-exitcode tells of changes: say --against which revision")
			}
			return a.plan(cmd.Context(), &f, args)
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.against, "against", "", "`revision` of the git repository to compare with, such as origin/main")
	flags.StringVar(&f.at, "at", "", "`slot` to plan for, if not the next: 2026-11-22, 2026-11-22T09:00 (in the pipeline's time zone) or with an offset")
	flags.BoolVar(&f.probe, "probe", false, "also try what leaves traces with whose role and bucket it is: roles without their external ids, an upload that is aborted")
	flags.BoolVar(&f.all, "all", false, "with --against: prove all pipelines, not only those that changed")
	flags.BoolVar(&f.offline, "offline", false, "prove nothing, call nobody")
	flags.BoolVar(&f.strict, "strict", false, "what works, but not as it should, stands in the way, too")
	flags.BoolVar(&f.exit, "detailed-exitcode", false, "exit with 2 if there are changes")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.StringVar(&f.out, "out", "", "also write Markdown, for a comment on a pull request, to this `file`")
	cmd.MarkFlagsMutuallyExclusive("offline", "probe")
	return cmd
}

// planned is all that plan found.
type planned struct {
	Against string          `json:"against,omitempty"` // as it was given
	Commit  string          `json:"commit,omitempty"`  // that it stands for
	Changes *review.Changes `json:"changes,omitempty"`
	// Incomparable says why the revision could not be compared with.
	Incomparable string         `json:"incomparable,omitempty"`
	Plans        []plan.Plan    `json:"plans"`
	Problems     []*hclProblem  `json:"diagnostics,omitempty"`
	Summary      plannedSummary `json:"summary"`

	diags hcl.Diagnostics
	files diag.Sources
	now   *compile.Generation
}

type plannedSummary struct {
	Added    int `json:"added"` // pipelines, as the next three
	Changed  int `json:"changed"`
	Moved    int `json:"moved"`
	Removed  int `json:"removed"`
	Problems int `json:"problems"`
	Warnings int `json:"warnings"`
}

// hclProblem is a diagnostic in JSON.
type hclProblem struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Where    string `json:"where"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
}

func (a *app) plan(ctx context.Context, f *planFlags, names []string) error {
	g, project, diags, err := f.compile()
	if err != nil {
		return err
	}
	out := &planned{Against: f.against, diags: diags, files: sourcesOf(project), now: g, Plans: []plan.Plan{}}
	if g == nil {
		out.count()
		if err := a.showPlan(f, out); err != nil {
			return err
		}
		return errReported
	}
	if f.against != "" {
		if err := a.compare(ctx, f, g, out); err != nil {
			return err
		}
	}
	wanted, err := f.wanted(g, out.Changes, names)
	if err != nil {
		return err
	}
	if err := a.makePlans(ctx, f, wanted, out); err != nil {
		return err
	}
	if err := out.judge(ctx, f, g, project); err != nil {
		return err
	}
	out.count()
	if err := a.showPlan(f, out); err != nil {
		return err
	}
	switch s := out.Summary; {
	case s.Problems > 0 || f.strict && s.Warnings > 0:
		return errReported
	case f.exit && (out.Changes == nil || !out.Changes.Empty()):
		return exitChanges
	}
	return nil
}

// compare says what changed since the revision. One whose own files are not
// valid cannot be compared with, which is no reason not to plan what mends it.
func (a *app) compare(ctx context.Context, f *planFlags, g *compile.Generation, out *planned) error {
	rev, err := revision.Open(ctx, f.dir, f.against)
	if err != nil {
		return err
	}
	out.Commit = rev.Commit
	files, err := rev.Read(ctx, config.IsConfig, config.MaxFile)
	if err != nil {
		return err
	}
	vars, err := f.variables()
	if err != nil {
		return err
	}
	root, err := filepath.Abs(f.dir)
	if err != nil {
		return fmt.Errorf("finding the project's directory: %w", err)
	}
	tree := config.FetchedTree(root, files, func(name string) ([]byte, error) { return rev.File(ctx, name, config.MaxFile) })
	old, _, diags := compile.Compile(tree, vars, registries())
	if old == nil {
		out.Incomparable = fmt.Sprintf("the files of %s are not valid (%s), so there is nothing to compare with", f.against, report.Count(diags))
		return nil
	}
	changes, err := review.Compare(old, g)
	if err != nil {
		return fmt.Errorf("comparing with %s: %w", f.against, err)
	}
	out.Changes = &changes
	return nil
}

// wanted are the pipelines to plan: those that are named, those that changed, or
// all.
func (f *planFlags) wanted(g *compile.Generation, changes *review.Changes, names []string) ([]*compile.Pipeline, error) {
	var out []*compile.Pipeline
	for _, name := range names {
		p := findPipeline(g, name)
		if p == nil {
			return nil, noSuchPipeline(g, name)
		}
		out = append(out, p)
	}
	if len(names) > 0 || changes == nil || f.all {
		if len(names) == 0 {
			out = g.Pipelines
		}
		return out, nil
	}
	for _, p := range g.Pipelines {
		if changes.Touches(p.Name) {
			out = append(out, p)
		}
	}
	return out, nil
}

// plansAtOnce bounds how many pipelines are proven side by side.
const plansAtOnce = 4

func (a *app) makePlans(ctx context.Context, f *planFlags, pipelines []*compile.Pipeline, out *planned) error {
	out.Plans = make([]plan.Plan, len(pipelines))
	var group errgroup.Group
	group.SetLimit(plansAtOnce)
	for i, p := range pipelines {
		o := plan.Options{Now: a.now(), Traces: f.probe, Quiet: f.offline}
		if f.at != "" {
			var err error
			if o.Slot, err = parseTime("--at", f.at, p.Location); err != nil {
				return err
			}
		}
		group.Go(func() error {
			out.Plans[i] = plan.Make(ctx, p, o)
			return nil
		})
	}
	_ = group.Wait() // what fails is in the plans
	return context.Cause(ctx)
}

// judge has SQL judged with the columns that the sources told, or that tests
// give.
func (out *planned) judge(ctx context.Context, f *planFlags, g *compile.Generation, project *config.Project) error {
	more, err := f.checkMore(ctx, g, project, func(job engine.Job, dir string, given typecheck.Given) error {
		for _, p := range out.Plans {
			local, err := p.LocalColumns(ctx, job, dir, g.Pipeline(p.Pipeline))
			if err != nil {
				return err
			}
			local = merged(local, p.Columns())
			for address, columns := range local {
				if given[p.Pipeline] == nil {
					given[p.Pipeline] = map[string]typecheck.Columns{}
				}
				given[p.Pipeline][address] = typecheck.Columns{Schema: columns, From: "asking it"}
			}
		}
		return nil
	})
	out.diags = diag.Sort(append(out.diags, more...))
	return err
}

func (out *planned) count() {
	s := &out.Summary
	for _, d := range out.diags {
		severity := "warning"
		if d.Severity == hcl.DiagError {
			severity = "error"
			s.Problems++
		} else {
			s.Warnings++
		}
		p := &hclProblem{Code: string(diag.CodeOf(d)), Severity: severity, Summary: d.Summary, Detail: d.Detail}
		if d.Subject != nil {
			p.Where = fmt.Sprintf("%s:%d", d.Subject.Filename, d.Subject.Start.Line)
		}
		out.Problems = append(out.Problems, p)
	}
	for _, p := range out.Plans {
		s.Problems += p.Failed()
		s.Warnings += p.Doubtful()
	}
	if out.Changes == nil {
		return
	}
	for _, p := range out.Changes.Pipelines {
		n := 1 + len(p.Alike)
		switch p.Kind {
		case review.Added:
			s.Added += n
		case review.Removed:
			s.Removed += n
		case review.Moved:
			s.Moved += n
		default:
			s.Changed += n
		}
	}
}

func (a *app) showPlan(f *planFlags, out *planned) error {
	if f.out != "" {
		if err := os.WriteFile(f.out, []byte(planMarkdown(out)), 0o644); err != nil { //nolint:gosec // it is made to be shown
			p := problem.New("file-write-failed", fmt.Sprintf("the plan cannot be written to %s", f.out), err)
			return p
		}
	}
	if f.json {
		return a.printJSON(out)
	}
	if len(out.diags) > 0 {
		style := a.style
		if err := diag.Print(a.out, out.diags, out.files, style); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(a.out, planText(out, a.style))
	return err
}

// nextOf is the first firing of a plan, if it fires.
func nextOf(p plan.Plan) (time.Time, bool) {
	if len(p.Next) == 0 {
		return time.Time{}, false
	}
	return p.Next[0], true
}

// planOf finds a pipeline's plan.
func (out *planned) planOf(name string) (plan.Plan, bool) {
	i := slices.IndexFunc(out.Plans, func(p plan.Plan) bool { return p.Pipeline == name })
	if i < 0 {
		return plan.Plan{}, false
	}
	return out.Plans[i], true
}

// merged is a with what b has on top; a may be nil.
func merged(a, b map[string]dataset.Schema) map[string]dataset.Schema {
	if a == nil {
		a = map[string]dataset.Schema{}
	}
	maps.Copy(a, b)
	return a
}
