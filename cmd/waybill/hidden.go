package main

import (
	"github.com/spf13/cobra"

	"waybill/internal/sandbox"
	"waybill/internal/sandbox/athena"
	"waybill/runner/engine/child"
)

// engineCommand serves one compute job. The runner starts it.
func (a *app) engineCommand() *cobra.Command {
	return &cobra.Command{
		Use: "engine", Short: "Serve one compute job on standard input and output", Hidden: true, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return child.Serve(cmd.Context(), a.in, a.out) },
	}
}

// sandboxServerCommand serves a sandbox. `waybill sandbox` starts it.
func (a *app) sandboxServerCommand() *cobra.Command {
	return &cobra.Command{
		Use: sandbox.Verb, Short: "Serve a sandbox as told on standard input", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sandbox.Serve(cmd.Context(), a.in, a.out, athena.New)
		},
	}
}
