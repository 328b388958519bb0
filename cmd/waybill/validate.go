package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner/compile"
)

func (a *app) validateCommand() *cobra.Command {
	var f projectFlags
	var asJSON, strict bool
	cmd := &cobra.Command{
		Use:   "validate [DIR]",
		Short: "Check the files without calling anything",
		Long: "Checks the project's files: syntax, names, references, types, schedules, keys, and SQL, whose\n" +
			"columns and types are checked wherever sources promise theirs.\n" +
			"It calls no network and runs nothing, so it is safe on a stranger's pull request.\n" +
			"Exit code 0: valid; 1: errors, or warnings with --strict.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.dir = args[0]
			}
			return a.validate(cmd.Context(), &f, asJSON, strict)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as one JSON object")
	cmd.Flags().BoolVar(&strict, "strict", false, "fail on warnings too")
	return cmd
}

func (a *app) validate(ctx context.Context, f *projectFlags, asJSON, strict bool) error {
	began := time.Now()
	g, p, diags, err := f.compile()
	if err != nil && asJSON {
		return errors.Join(a.printJSON(unreadable(problem.Of(err))), errReported)
	}
	if err != nil {
		return err
	}
	if g != nil {
		found, err := f.checkMore(ctx, g, p)
		if err != nil {
			return err
		}
		if found.HasErrors() {
			g = nil
		}
		diags = diag.Sort(append(diags, found...))
	}
	if asJSON {
		err = a.validateJSON(g, diags)
	} else {
		err = a.validateText(g, p, diags, time.Since(began))
	}
	if err != nil {
		return err
	}
	if g == nil || strict && len(diags) > 0 {
		return errReported
	}
	return nil
}

func (a *app) validateText(g *compile.Generation, p *config.Project, diags hcl.Diagnostics, took time.Duration) error {
	if err := a.showDiags(a.out, diags, p); err != nil {
		return err
	}
	summary := countDiags(diags)
	if len(diags) == 0 {
		summary = a.style.Green("valid:")
	}
	pipelines := 0
	if g != nil {
		pipelines = len(g.Pipelines)
	} else {
		pipelines = len(p.Pipelines)
	}
	_, err := fmt.Fprintf(a.out, "%s %s, %s (%s)\n", summary, plural(len(p.Tree.Files()), "file"), plural(pipelines, "pipeline"), shortDuration(took))
	return err
}

// validateOutput is what `validate --json` prints.
type validateOutput struct {
	Valid       bool         `json:"valid"`
	Errors      int          `json:"errors"`
	Warnings    int          `json:"warnings"`
	Pipelines   []string     `json:"pipelines"`
	Diagnostics []diagOutput `json:"diagnostics"`
}

type diagOutput struct {
	Severity string       `json:"severity"`
	Code     string       `json:"code"`
	Summary  string       `json:"summary"`
	Detail   string       `json:"detail,omitempty"`
	Range    *rangeOutput `json:"range,omitempty"`
}

type rangeOutput struct {
	File  string    `json:"file"`
	Start posOutput `json:"start"`
	End   posOutput `json:"end"`
}

type posOutput struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

func (a *app) validateJSON(g *compile.Generation, diags hcl.Diagnostics) error {
	out := validateOutput{Valid: g != nil, Pipelines: []string{}, Diagnostics: []diagOutput{}}
	out.Errors, out.Warnings = tally(diags)
	if g != nil {
		for _, p := range g.Pipelines {
			out.Pipelines = append(out.Pipelines, p.Name)
		}
	}
	for _, d := range diags {
		out.Diagnostics = append(out.Diagnostics, diagJSON(d))
	}
	return a.printJSON(out)
}

// unreadable is the output for a project that could not be read at all.
func unreadable(p *problem.Problem) validateOutput {
	return validateOutput{Errors: 1, Pipelines: []string{}, Diagnostics: []diagOutput{{Severity: "error", Code: p.Code, Summary: p.Summary, Detail: strings.Join(p.Remedy, " ")}}}
}

func diagJSON(d *hcl.Diagnostic) diagOutput {
	out := diagOutput{Severity: "error", Code: string(diag.CodeOf(d)), Summary: d.Summary, Detail: d.Detail}
	if d.Severity == hcl.DiagWarning {
		out.Severity = "warning"
	}
	if r := d.Subject; r != nil && r.Filename != "" {
		out.Range = &rangeOutput{r.Filename, posOutput(r.Start), posOutput(r.End)}
	}
	return out
}

func tally(diags hcl.Diagnostics) (errs, warnings int) {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			errs++
		} else {
			warnings++
		}
	}
	return errs, warnings
}

func countDiags(diags hcl.Diagnostics) string {
	errs, warnings := tally(diags)
	switch {
	case errs > 0 && warnings > 0:
		return plural(errs, "error") + " and " + plural(warnings, "warning") + " in"
	case errs > 0:
		return plural(errs, "error") + " in"
	}
	return plural(warnings, "warning") + " in"
}
