package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// A completion proposes words for the command line. Shells ask for them, so
// that it prints nothing and fails silently.
type completion = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeValues proposes the values that a flag may have.
func completeValues(cmd *cobra.Command, flag string, values ...string) {
	completeFlag(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeFlag sets a flag's completion. Its error is that there is no such
// flag; TestFlagsComplete would find that nothing completes it.
func completeFlag(cmd *cobra.Command, flag string, complete completion) {
	_ = cmd.RegisterFlagCompletionFunc(flag, complete)
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
