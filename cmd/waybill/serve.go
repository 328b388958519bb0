package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/diag/report"
	"waybill/internal/version"
	"waybill/runner/daemon"
	"waybill/runner/web"
)

// serveFlags are the operator's choices.
type serveFlags struct {
	projectFlags
	dataFlags
	listen           string
	drain            time.Duration
	allowMassRemoval bool
	verbose          bool
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Run the project's pipelines on their schedules",
		Long: "Watches the project's files and runs its pipelines on their schedules until it is told to\n" +
			"stop (SIGTERM, SIGINT): then it lets running runs end, for --drain-timeout at most.\n" +
			"A changed file takes effect when it is saved; a broken one leaves the last good configuration\n" +
			"in force. Logs go to standard error as JSON.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeDir,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.projectFlags.dir = args[0]
			}
			return a.serve(cmd.Context(), &f)
		},
	}
	f.projectFlags.register(cmd)
	f.dataFlags.register(cmd)
	cmd.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8585", "loopback address for health, metrics and reload; empty: none")
	cmd.Flags().DurationVar(&f.drain, "drain-timeout", 5*time.Minute, "how long running runs may go on after a stop was asked for")
	cmd.Flags().BoolVar(&f.allowMassRemoval, "allow-mass-removal", false, "take a configuration at once that has lost over half of the pipelines")
	cmd.Flags().BoolVar(&f.verbose, "verbose", false, "log more")
	return cmd
}

func (a *app) serve(ctx context.Context, f *serveFlags) error {
	varFiles, err := absolute(f.varFiles)
	if err != nil {
		return err
	}
	listener, err := listen(f.listen)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	log := a.logger(level)
	store, spool, err := f.open(ctx, f.projectFlags.dir)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	tree, err := readTree(f.projectFlags.dir)
	if err != nil {
		return err
	}
	d := daemon.New(daemon.Options{
		Dir: tree.Root(), Vars: config.Vars{Flags: f.vars, Secret: secretReader()}, VarFiles: varFiles, Registries: registries(), Store: store,
		Runner: newRunner(store, spool, log, nil), Log: log, Metrics: daemon.NewMetrics(reg),
		AllowMassRemoval: f.allowMassRemoval, Drain: f.drain, Gone: ownerGone,
		Locked: func() {
			log.Info("waybill serves", "version", version.Version, "dir", tree.Root(), "pid", os.Getpid(), "listen", addressOf(listener))
		},
	})
	// The door and the signal stay until the daemon has drained.
	open, closeDoor := context.WithCancel(context.WithoutCancel(ctx))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer closeDoor()
		return d.Run(ctx)
	})
	group.Go(func() error { return reloadOnHangup(open, d) })
	if listener != nil {
		handler := web.Handler(door{d}, promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
		group.Go(func() error { return web.Serve(open, listener, handler) })
	}
	err = group.Wait()
	if err == nil {
		log.Info("waybill has stopped")
	}
	return err
}

func absolute(names []string) ([]string, error) {
	out := make([]string, len(names))
	for i, name := range names {
		abs, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		out[i] = abs
	}
	return out, nil
}

func addressOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// listen opens the door on a loopback address. Nobody is asked for a token
// there, so no other address is allowed.
func listen(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, mistake("--listen %q is no address: write 127.0.0.1:8585", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, mistake("--listen %s: only loopback addresses are served, since nobody is asked who they are. Use 127.0.0.1, and a reverse proxy that authenticates in front of it", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, refuse("--listen %s cannot be used: %s. Choose another address, or stop the program that listens there", address, errors.Unwrap(err))
	}
	return l, nil
}

// reloadOnHangup reloads at SIGHUP.
func reloadOnHangup(ctx context.Context, d *daemon.Daemon) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			d.Reload(ctx)
		}
	}
}

// door shows the daemon to package web.
type door struct{ *daemon.Daemon }

// reloadOutput is what POST /-/reload answers.
type reloadOutput struct {
	OK          bool                `json:"ok"`
	Changed     bool                `json:"changed"`
	Generation  string              `json:"generation"`
	Code        string              `json:"code,omitempty"`
	Message     string              `json:"message,omitempty"`
	Diagnostics []report.Diagnostic `json:"diagnostics"`
}

func (d door) ReloadNow(ctx context.Context) (bool, any) {
	r := d.Reload(context.WithoutCancel(ctx)) // a client that hangs up stops nothing
	return r.OK, reloadOutput{OK: r.OK, Changed: r.Changed, Generation: r.Digest, Code: r.Code, Message: r.Message,
		Diagnostics: report.Diagnostics(r.Diagnostics, diag.Sources{})}
}
