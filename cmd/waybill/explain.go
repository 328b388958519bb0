package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/version"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "explain [CODE]",
		Short:             "Tell what an error code means and what to do about it",
		Long:              "Tells what an error code means, why it happens and what to do about it.\nWithout a code it lists all of them.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeCode,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listCodes()
			}
			return a.explain(args[0])
		},
	}
}

func (a *app) listCodes() error {
	width := 0
	for _, c := range problem.Codes() {
		width = max(width, len(c))
	}
	for _, c := range problem.Codes() {
		if _, err := fmt.Fprintf(a.out, "%-*s  %s\n", width, c, problem.Lookup(c).Title); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) explain(code string) error {
	if !problem.Known(code) {
		return mistake("no error has the code %q.%s `waybill explain` lists all codes", code, diag.Suggest(code, problem.Codes()))
	}
	e := problem.Lookup(code)
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", a.style.Bold(code), e.Title)
	if e.Cause != "" {
		fmt.Fprintf(&b, "\nWhy\n  %s\n", e.Cause)
	}
	if len(e.Remedy) > 0 {
		b.WriteString("\nWhat to do\n")
	}
	for i, r := range e.Remedy {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, r)
	}
	retried := map[problem.Class]string{
		problem.Permanent: "never: the same attempt fails again",
		problem.Transient: "yes, with growing waits",
		problem.Throttled: "yes, after longer waits",
	}
	fmt.Fprintf(&b, "\nTried again: %s\n", retried[e.Class])
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.out, "waybill %s\n", version.Version)
			return err
		},
	}
}
