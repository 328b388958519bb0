package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"waybill/internal/diag"
	"waybill/internal/sandbox"
)

func (a *app) sandboxCommand() *cobra.Command {
	var o sandbox.Options
	cmd := &cobra.Command{
		Use:   "sandbox DIR [-- COMMAND …]",
		Short: "Serve S3, STS, Athena and secrets locally, as *.sandbox.hcl files declare them",
		Long: "Serves S3, STS, Athena, Secrets Manager and the Parameter Store on loopback, with the\n" +
			"accounts, roles, trust policies, buckets, tables and secrets that the project's\n" +
			"*.sandbox.hcl files declare, and prints the environment in which any AWS SDK or tool uses\n" +
			"them. It runs until it is interrupted.\n\n" +
			"With a command after --, it runs that in this environment and ends when the command does.",
		Example: "  waybill sandbox examples/flights\n" +
			"  waybill sandbox examples/flights -- waybill run departures -C examples/flights",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeDir,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.sandbox(cmd.Context(), args[0], args[1:], o)
		},
	}
	cmd.Flags().StringVar(&o.DataDir, "data-dir", "", "directory for buckets and journal, kept; default: a temporary one, removed at the end")
	cmd.Flags().StringVar(&o.Listen, "listen", "", "loopback address; default 127.0.0.1 and a free port")
	cmd.Flags().StringVar(&o.JournalPath, "journal", "", "file that every request is written to, one JSON object a line")
	return cmd
}

func (a *app) sandbox(ctx context.Context, dir string, command []string, o sandbox.Options) error {
	p, err := a.startSandbox(ctx, dir, o)
	if err != nil {
		return err
	}
	if len(command) > 0 {
		err := runIn(ctx, p.Env(), command)
		return errors.Join(err, p.Stop())
	}
	var b strings.Builder
	for _, e := range p.Env() {
		fmt.Fprintf(&b, "export %s\n", e)
	}
	fmt.Fprintf(a.errOut, "The sandbox serves S3, STS, Athena and secrets at %s\njournal  %s\nfaults   %s/-/faults\nSet this in the shell you work in; Ctrl-C here ends it.\n\n", p.URL, p.Journal, p.Control)
	fmt.Fprint(a.out, b.String())
	select {
	case <-ctx.Done():
	case <-p.Done():
	}
	return p.Stop()
}

// startSandbox starts a sandbox and shows what is wrong with its files.
func (a *app) startSandbox(ctx context.Context, dir string, o sandbox.Options) (*sandbox.Process, error) {
	o.Command = selfCommand(sandbox.Verb)
	p, err := sandbox.Start(ctx, dir, o)
	var diags hcl.Diagnostics
	if errors.As(err, &diags) {
		src := diag.Sources{Other: map[string][]byte{}}
		for _, d := range diags {
			if d.Subject != nil {
				if text, err := os.ReadFile(d.Subject.Filename); err == nil {
					src.Other[d.Subject.Filename] = text
				}
			}
		}
		if err := diag.Print(a.errOut, diag.Sort(diags), src, a.style); err != nil {
			return nil, err
		}
		return nil, errReported
	}
	return p, err
}

// runIn runs a command in an environment, and ends it in order when ctx ends. Its
// exit code is ours.
func runIn(ctx context.Context, env, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitCode(max(1, exit.ExitCode())) // -1 if a signal ended it
	}
	return err
}
