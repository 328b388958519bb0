package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/diag/report"
	"waybill/internal/problem"
	"waybill/internal/version"
	"waybill/runner/compile"
)

// reportFormats are the values of validate's --format.
var reportFormats = []string{"human", "json", "sarif", "github"}

// validateFlags are the flags of validate.
type validateFlags struct {
	projectFlags
	format          string
	strict, verbose bool
}

func (a *app) validateCommand() *cobra.Command {
	var f validateFlags
	cmd := &cobra.Command{
		Use:   "validate [DIR]",
		Short: "Check the files without calling anything",
		Long: "Checks the project's files: syntax, names, references, types, schedules, keys, and SQL, whose\n" +
			"columns and types are checked wherever sources promise theirs. Then it says when pipelines fire next.\n" +
			"It calls no network and runs nothing, so it is safe on a stranger's pull request.\n" +
			"Exit code 0: valid; 1: errors, or warnings with --strict.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeDir,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.dir = args[0]
			}
			if !slices.Contains(reportFormats, f.format) {
				return mistake("--format %q is no format.%s There are: %s", f.format, diag.Suggest(f.format, reportFormats), strings.Join(reportFormats, ", "))
			}
			return a.validate(cmd.Context(), &f)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.format, "format", "human", "`form` of the output: "+strings.Join(reportFormats, ", "))
	cmd.Flags().BoolVar(&f.strict, "strict", false, "fail on warnings too")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "list all mistakes and the next firings of all pipelines, however many there are")
	return cmd
}

func (a *app) validate(ctx context.Context, f *validateFlags) error {
	r, err := a.check(ctx, f)
	if err != nil {
		if f.format == "human" {
			return err
		}
		r.Diags = hcl.Diagnostics{report.Failure(problem.Of(err))}
	}
	if err := a.writeReport(r, f); err != nil {
		return err
	}
	if !r.Valid() || f.strict && len(r.Diags) > 0 {
		return errReported
	}
	return nil
}

func (a *app) writeReport(r *report.Report, f *validateFlags) error {
	switch f.format {
	case "json":
		return report.JSON(a.out, r)
	case "sarif":
		return report.SARIF(a.out, r)
	case "github":
		return report.GitHub(a.out, r)
	}
	return report.Human(a.out, r, a.style, f.verbose)
}

// check validates a project. The report is returned even with an error, for
// where it would have looked.
func (a *app) check(ctx context.Context, f *validateFlags) (*report.Report, error) {
	r := &report.Report{Version: version.Version, Now: a.now()}
	began := time.Now()
	var err error
	if r.Paths, err = reportPaths(&f.projectFlags); err != nil {
		return r, err
	}
	g, p, diags, err := f.compile()
	if err != nil {
		return r, err
	}
	if g != nil {
		more, err := f.checkMore(ctx, g, p, nil)
		if err != nil {
			return r, err
		}
		diags = diag.Sort(append(diags, more...))
	}
	r.Diags, r.Sources = diags, sourcesOf(p)
	r.Files, r.Declared = len(p.Tree.Files()), len(p.Pipelines)
	if r.Valid() {
		r.Declared, r.Pipelines = len(g.Pipelines), upcoming(g, r.Now)
	}
	r.Took = time.Since(began)
	return r, nil
}

// reportPaths tells where files are in a repository: GitHub says where it has
// checked it out; elsewhere it is taken to be the current directory.
func reportPaths(f *projectFlags) (report.Paths, error) {
	work, err := os.Getwd()
	if err != nil {
		return report.Paths{}, fmt.Errorf("finding the current directory: %w", err)
	}
	p := report.Paths{Root: work, Work: work, Project: filepath.Join(work, f.dir), Given: f.varFiles}
	if filepath.IsAbs(f.dir) {
		p.Project = f.dir
	}
	if root := os.Getenv("GITHUB_WORKSPACE"); filepath.IsAbs(root) {
		p.Root = root
	}
	return p, nil
}

func sourcesOf(p *config.Project) diag.Sources {
	return diag.Sources{Files: p.Files, Other: p.Tree.Files()}
}

// upcoming tells when the pipelines fire next.
func upcoming(g *compile.Generation, now time.Time) []report.Pipeline {
	out := make([]report.Pipeline, len(g.Pipelines))
	for i, p := range g.Pipelines {
		out[i] = report.Pipeline{Name: p.Name, Disabled: !p.Enabled, Zone: p.Location}
		for _, t := range p.Triggers {
			out[i].Schedules = append(out[i].Schedules, report.Schedule{Expression: t.Expr.String(), Timezone: t.Location.String(), Description: t.Describe()})
		}
		if p.Enabled {
			out[i].Next = p.ScheduleSet().Upcoming(now, report.Firings)
		}
	}
	return out
}
