package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"waybill/internal/problem"
	"waybill/runner/state"
)

// A completion proposes words for the command line. Shells ask for them, so
// that it prints nothing, changes nothing, and fails silently.
type completion = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeFlag sets a flag's completion. The only error is that there is no
// such flag, or that it has one already; then the stories of completion fail.
func completeFlag(cmd *cobra.Command, flag string, complete completion) {
	_ = cmd.RegisterFlagCompletionFunc(flag, complete)
}

// completeValues proposes the values that a flag may have.
func completeValues(cmd *cobra.Command, flag string, values ...string) {
	completeFlag(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeDir proposes directories, for the first argument or for a flag.
func completeDir(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeFlagDir proposes directories for a flag, whatever the arguments are.
func completeFlagDir(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeCode proposes the codes of errors.
func completeCode(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if len(args) == 0 {
		for _, c := range problem.Codes() {
			out = append(out, cobra.CompletionWithDesc(c, problem.Lookup(c).Title))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completePipelines proposes the project's pipelines that are not named yet.
func (f *projectFlags) completePipelines(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	for _, p := range f.pipelineNames() {
		if !slices.Contains(args, p.name) {
			out = append(out, cobra.CompletionWithDesc(p.name, p.description))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completePipeline proposes pipelines for the only argument.
func (f *projectFlags) completePipeline(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return f.completePipelines(cmd, nil, typed)
}

type namedPipeline struct{ name, description string }

// pipelineNames lists the project's pipelines, also of one with errors, as far
// as it can be read.
func (f *projectFlags) pipelineNames() []namedPipeline {
	g, project, _, err := f.compile()
	var out []namedPipeline
	switch {
	case err != nil:
	case g != nil:
		for _, p := range g.Pipelines {
			out = append(out, namedPipeline{p.Name, p.Description})
		}
	case project != nil:
		for _, b := range project.Pipelines {
			out = append(out, namedPipeline{name: b.Labels[0]})
		}
	}
	return out
}

// completeRun proposes the latest runs in one of the states given, or in any,
// for the only argument.
func completeRun(f *projectFlags, d *dataFlags, in ...state.Status) completion {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		if _, err := os.Stat(filepath.Join(d.path(f.dir), "waybill.db")); err != nil || len(args) > 0 {
			return nil, directive // opening it would make it
		}
		var out []cobra.Completion
		err := withStore(ctx, f, d, func(store state.Store, _ string) error {
			runs, err := store.Runs(ctx, state.Filter{Statuses: in, Limit: 30})
			for _, r := range runs {
				out = append(out, cobra.CompletionWithDesc(r.ID, r.Pipeline+" "+string(r.Status)))
			}
			return err
		})
		if err != nil {
			return nil, directive
		}
		return out, directive
	}
}
