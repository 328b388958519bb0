package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/diag/report"
	"waybill/internal/identity"
	"waybill/internal/problem"
	"waybill/internal/version"
	"waybill/runner/compile"
	"waybill/runner/state"
	"waybill/runner/transform"
	sinksall "waybill/sinks/all"
	sourcesall "waybill/sources/all"
)

// app is the one place where the parts are put together.
type app struct {
	in          io.Reader
	out, errOut io.Writer
	tty         bool // out is a terminal
	style       diag.Style
	now         func() time.Time
}

func newApp(in io.Reader, out, errOut io.Writer) *app {
	a := &app{in: in, out: out, errOut: errOut, tty: isTerminal(out), now: time.Now}
	a.style.Color = a.tty && os.Getenv("NO_COLOR") == ""
	return a
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// errReported ends a command whose failure has been shown already.
var errReported = errors.New("reported")

// An exitCode ends a command with it, whose reason has been shown already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitChanges is plan's for those who asked to be told of changes by it.
const exitChanges exitCode = 2

// execute runs one command line and returns its exit code: 0 for success, 1
// for a failure, 2 for a command line that cannot be understood.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	var refused *refusal
	var ended exitCode
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return 1
	case errors.As(err, &ended):
		return int(ended)
	case errors.As(err, &usage):
		fmt.Fprintf(a.errOut, "%s %s\n", a.style.Red("Error:"), usage.err)
		if usage.cmd != nil {
			fmt.Fprintf(a.errOut, "\n%s", usage.cmd.UsageString())
		}
		return 2
	case errors.As(err, &refused):
		fmt.Fprintf(a.errOut, "%s %s\n", a.style.Red("Error:"), refused.text)
		return 1
	}
	a.showProblem(problem.Of(err))
	return 1
}

// usageError is a mistake on the command line.
type usageError struct {
	cmd *cobra.Command // whose usage is shown; nil: the error says it all
	err error
}

// mistake is a usageError that says it all.
func mistake(format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...)}
}

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "waybill",
		Short: "Runs data pipelines that are declared in HCL files",
		Long: "waybill runs data pipelines that are declared in HCL files: Athena sources, SQL\n" +
			"transformations and S3 sinks with cron triggers, one IAM role for each sink.",
		Version:       version.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd, err} })
	root.SetVersionTemplate("waybill {{.Version}}\n")
	root.AddCommand(a.initCommand(), a.validateCommand(), a.planCommand(), a.probeCommand(), a.iamCommand(), a.testCommand(), a.fmtCommand(), a.runCommand(), a.serveCommand(), a.runsCommand(), a.verifyCommand(), a.inspectCommand(), a.sandboxCommand(),
		a.demoCommand(), a.graphCommand(), a.schemaCommand(), a.explainCommand(), a.versionCommand(), a.engineCommand(), a.sandboxServerCommand())
	usageOfArgs(root)
	return root
}

// usageOfArgs makes wrong arguments a usage error, in subcommands too.
func usageOfArgs(c *cobra.Command) {
	if !c.Runnable() {
		c.Args, c.RunE = unknownCommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{cmd, err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usageOfArgs(sub)
	}
}

// unknownCommand refuses what is no subcommand.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return fmt.Errorf("unknown command %q for %q.%s", args[0], cmd.CommandPath(), diag.Suggest(args[0], names))
}

// refusal ends a command that makes no sense as things are. Its text says what
// to do instead.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

// projectFlags are what every command that reads a project has.
type projectFlags struct {
	dir      string
	vars     varFlags
	varFiles []string
}

func (f *projectFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.dir, "project", "C", ".", "`directory` of the project")
	cmd.Flags().Var(&f.vars, "var", "value of a variable, `name=value` (repeatable)")
	cmd.Flags().StringArrayVar(&f.varFiles, "var-file", nil, "`file` of variable values in HCL (repeatable, the last wins)")
	completeFlag(cmd, "project", completeFlagDir)
}

func (f *projectFlags) variables() (config.Vars, error) {
	vars := config.Vars{Flags: f.vars, Secret: secretReader()}
	for _, name := range f.varFiles {
		src, err := os.ReadFile(name)
		if err != nil {
			p := problem.New("file-not-readable", fmt.Sprintf("the variable file %s cannot be read", name), err)
			p.Remedy = []string{"Correct the path given by --var-file. It is relative to the current directory."}
			return vars, p
		}
		vars.Files = append(vars.Files, config.VarFile{Name: name, Src: src})
	}
	return vars, nil
}

// registries lists every kind of component. One set of identities serves all
// of them, so that roles are assumed once.
func registries() compile.Registries {
	ids := identity.NewProvider()
	return compile.Registries{Waiters: sourcesall.Waiters(ids), Sources: sourcesall.Registry(ids), Transforms: transform.All(), Checks: transform.Checks(), Conditions: transform.Conditions(), Sinks: sinksall.Registry(ids)}
}

// compile reads a project. Diagnostics are returned, not shown.
func (f *projectFlags) compile() (*compile.Generation, *config.Project, hcl.Diagnostics, error) {
	vars, err := f.variables()
	if err != nil {
		return nil, nil, nil, err
	}
	tree, err := readTree(f.dir)
	if err != nil {
		return nil, nil, nil, err
	}
	g, p, diags := compile.Compile(tree, vars, registries())
	return g, p, diags, nil
}

func readTree(dir string) (*config.Tree, error) {
	tree, err := config.ReadTree(dir)
	var one *config.FileError
	switch {
	case err == nil:
		return tree, nil
	case errors.As(err, &one):
		p := problem.New("file-not-readable", fmt.Sprintf("%s cannot be read", one.Name), one)
		p.Remedy = []string{"A file with this name is configuration: make it a regular file below the project's directory, rename it, or take it away."}
		return nil, p
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	p := problem.New("file-not-readable", fmt.Sprintf("the project's directory %s cannot be read", dir), err)
	if err == nil {
		p.Summary = fmt.Sprintf("there is no directory %s", dir)
	}
	p.Remedy = []string{"Name the project's directory with --project DIR, and check its permissions."}
	return nil, p
}

// load compiles a project and shows its diagnostics; with errors it fails.
func (a *app) load(f *projectFlags) (*compile.Generation, error) {
	g, p, diags, err := f.compile()
	if err != nil {
		return nil, err
	}
	if err := a.showDiags(a.errOut, diags, p); err != nil {
		return nil, err
	}
	if g == nil {
		fmt.Fprintf(a.errOut, "%s in %s\n", report.Count(diags), plural(len(p.Tree.Files()), "file"))
		return nil, errReported
	}
	return g, nil
}

func (a *app) showDiags(w io.Writer, diags hcl.Diagnostics, p *config.Project) error {
	src := diag.Sources{}
	if p != nil {
		src = sourcesOf(p)
	}
	style := a.style
	style.Color = style.Color && isTerminal(w)
	return diag.Print(w, diags, src, style)
}

// showProblem writes a failure for people: what, why, what to do.
func (a *app) showProblem(p *problem.Problem) {
	fmt.Fprint(a.errOut, problemText(p, a.style))
}

func problemText(p *problem.Problem, style diag.Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s  %s\n", style.Red("Error:"), style.Bold(p.Summary), style.Faint("["+p.Code+"]"))
	if p.Where != "" {
		fmt.Fprintf(&b, "  at %s\n", p.Where)
	}
	if p.Err != nil && !strings.Contains(p.Summary, p.Err.Error()) && !errors.Is(p.Err, state.ErrConflict) {
		fmt.Fprintf(&b, "  %s\n", answerText(p.Err.Error()))
	}
	if p.Cause != "" {
		fmt.Fprintf(&b, "  %s\n", p.Cause)
	}
	for i, step := range p.Remedy {
		if len(p.Remedy) == 1 {
			fmt.Fprintf(&b, "  → %s\n", step)
		} else {
			fmt.Fprintf(&b, "  %d. %s\n", i+1, step)
		}
	}
	if p.Snippet != "" {
		fmt.Fprintf(&b, "\n    %s\n\n", strings.ReplaceAll(strings.TrimSpace(p.Snippet), "\n", "\n    "))
	}
	if problem.Known(p.Code) && p.Code != "internal" {
		fmt.Fprintf(&b, "  %s\n", style.Faint("waybill explain "+p.Code+" tells more."))
	}
	return b.String()
}

// answerText makes what a service answered a sentence.
func answerText(text string) string {
	if strings.HasPrefix(text, "answered ") {
		return "AWS " + text
	}
	return text
}

// logger writes the log of a long-running command as JSON.
func (a *app) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(a.errOut, &slog.HandlerOptions{Level: level}))
}

// selfCommand is how this program starts itself for a hidden verb.
func selfCommand(verb string) []string {
	self, err := os.Executable()
	if err != nil {
		self = "/proc/self/exe"
	}
	return []string{filepath.Clean(self), verb}
}
