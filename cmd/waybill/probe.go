package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waybill/internal/diag"
	"waybill/internal/identity"
	"waybill/internal/problem"
	"waybill/internal/proof"
	"waybill/runner/compile"
	"waybill/runner/plan"
)

func (a *app) probeCommand() *cobra.Command {
	var f projectFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "probe [PIPELINE] ADDRESS",
		Short: "Prove that a connection, a source or a sink works",
		Long: "Proves one path: connection.NAME, or source.NAME or sink.NAME of a pipeline, whose name may be\n" +
			"left out where only one pipeline has such a step. It assumes the roles, with and without their\n" +
			"external ids, looks for the bucket, begins an upload and aborts it, has the query judged. No\n" +
			"object changes and no row is read, but a partner sees it in the audit log.\n" +
			"Exit code 0: Success; 1: it does not work, and what to do is said.",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: f.completeProbe,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.probe(cmd.Context(), &f, args, asJSON)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) probe(ctx context.Context, f *projectFlags, args []string, asJSON bool) error {
	g, err := a.load(f)
	if err != nil {
		return err
	}
	step, err := a.probed(ctx, g, args)
	if err != nil {
		return err
	}
	out := &planned{now: g, Plans: []plan.Plan{{Steps: []plan.Step{step}}}}
	out.count()
	if asJSON {
		err = a.printJSON(step)
	} else {
		_, err = fmt.Fprint(a.out, probeText(step, a.style))
	}
	if err == nil && out.Summary.Problems > 0 {
		return errReported
	}
	return err
}

// probed proves what an address names.
func (a *app) probed(ctx context.Context, g *compile.Generation, args []string) (plan.Step, error) {
	address := args[len(args)-1]
	if name, ok := strings.CutPrefix(address, "connection."); ok && len(args) == 1 {
		return probeConnection(ctx, g, name)
	}
	p, err := owner(g, args)
	if err != nil {
		return plan.Step{}, err
	}
	made := plan.Make(ctx, p, plan.Options{Now: a.now(), Traces: true, Only: address})
	if made.Problem != nil {
		return plan.Step{}, made.Problem
	}
	i := slices.IndexFunc(made.Steps, func(s plan.Step) bool { return s.Address == address })
	return made.Steps[i], nil
}

// probeConnection becomes who the connection is.
func probeConnection(ctx context.Context, g *compile.Generation, name string) (plan.Step, error) {
	c, err := g.Connection(name)
	if err != nil {
		return plan.Step{}, err
	}
	if c == nil {
		p := problem.New("unknown-reference", fmt.Sprintf("no connection is called %q", name), nil)
		p.Remedy = []string{strings.TrimSpace(fmt.Sprintf("There are: %s.%s", strings.Join(g.ConnectionNames(), ", "), diag.Suggest(name, g.ConnectionNames())))}
		return plan.Step{}, p
	}
	return plan.Step{Address: "connection." + name, Kind: "aws", Where: c.Where, Proofs: identity.NewProvider().Prove(ctx, c, nil, true)}, nil
}

// owner finds the pipeline whose source or sink is meant.
func owner(g *compile.Generation, args []string) (*compile.Pipeline, error) {
	address := args[len(args)-1]
	provable := func(s *compile.Step) bool { return s.Family == compile.Source || s.Family == compile.Sink }
	among := g.Pipelines
	if len(args) == 2 {
		p := findPipeline(g, args[0])
		if p == nil {
			return nil, noSuchPipeline(g, args[0])
		}
		among = []*compile.Pipeline{p}
	}
	var with []*compile.Pipeline
	var addresses, names []string
	for _, p := range among {
		for _, s := range p.Steps {
			if !provable(s) {
				continue
			}
			if !slices.Contains(addresses, s.Address) {
				addresses = append(addresses, s.Address)
			}
			if s.Address == address {
				with, names = append(with, p), append(names, p.Name)
			}
		}
	}
	switch len(with) {
	case 1:
		return with[0], nil
	case 0:
		p := problem.New("unknown-reference", fmt.Sprintf("there is no %s", address), nil)
		p.Remedy = []string{strings.TrimSpace(fmt.Sprintf("There are: %s, and connections.%s", some(addresses, 12), diag.Suggest(address, addresses)))}
		return nil, p
	}
	return nil, mistake("%s is in several pipelines: say in which: `waybill probe %s %s`. There are: %s", address, names[0], address, some(names, 12))
}

// probeText is the proofs of one step, and Success if nothing failed.
func probeText(s plan.Step, style diag.Style) string {
	v := &planView{}
	v.step(s)
	text := paintedLines(v.lines, style)
	if slices.ContainsFunc(s.Proofs, func(p proof.Proof) bool { return p.Verdict == proof.Failed }) {
		return text
	}
	return text + "\n" + style.Green("Success") + "\n"
}

// completeProbe proposes connections, pipelines and the steps of one.
func (f *projectFlags) completeProbe(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	g, _, _, err := f.compile()
	if err != nil || g == nil || len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	among := g.Pipelines
	if len(args) == 1 {
		p := findPipeline(g, args[0])
		if p == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		among = []*compile.Pipeline{p}
	} else {
		for _, name := range g.ConnectionNames() {
			out = append(out, "connection."+name)
		}
		for _, p := range g.Pipelines {
			out = append(out, cobra.CompletionWithDesc(p.Name, p.Description))
		}
	}
	for _, p := range among {
		for _, s := range p.Steps {
			if s.Family == compile.Source || s.Family == compile.Sink {
				out = append(out, s.Address)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), cobra.ShellCompDirectiveNoFileComp
}
