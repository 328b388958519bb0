package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/diag/report"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/tests"
)

// testFlags are the flags of `waybill test`.
type testFlags struct {
	projectFlags
	run         string
	junit       string
	json        bool
	failFast    bool
	coverage    bool
	coverageMin float64
}

func (a *app) testCommand() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test [DIR]",
		Short: "Run the tests of *.test.hcl files",
		Long: "Runs pipelines over the data that *.test.hcl files give them, and compares what comes of it with\n" +
			"what they expect. The real transforms, checks, conditions, formats and key templates work; sources\n" +
			"and sinks are not called, so it needs no network and no AWS and is safe on a stranger's pull request.\n" +
			"Exit code 0: all tests passed; 1: one did not, or a file has a mistake.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.dir = args[0]
			}
			f.coverage = f.coverage || cmd.Flags().Changed("coverage-min")
			return a.test(cmd.Context(), &f)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.run, "run", "", "run only tests whose name matches a `regexp`")
	cmd.Flags().StringVar(&f.junit, "junit", "", "write a JUnit report to a `file`")
	cmd.Flags().BoolVar(&f.json, "json", false, "print each result as one JSON object a line")
	cmd.Flags().BoolVar(&f.failFast, "fail-fast", false, "run no more tests after one that failed")
	cmd.Flags().BoolVar(&f.coverage, "coverage", false, "list the steps that no test looks at")
	cmd.Flags().Float64Var(&f.coverageMin, "coverage-min", 0, "fail if less than this `percentage` of all steps is covered")
	return cmd
}

func (a *app) test(ctx context.Context, f *testFlags) error {
	pattern, err := regexp.Compile(f.run)
	if err != nil {
		return mistake("--run %q is no regular expression: %s", f.run, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if f.coverageMin < 0 || f.coverageMin > 100 {
		return mistake("--coverage-min wants a percentage from 0 to 100, not %g", f.coverageMin)
	}
	suite, err := a.loadTests(f)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(suite.Tests), func(t *tests.Test) bool { return !pattern.MatchString(t.Name) })
	switch {
	case len(suite.Tests) == 0:
		fmt.Fprintf(a.errOut, "There are no tests in %s. They stand in files such as orders%s; see `waybill help test`.\n", f.dir, ".test.hcl")
	case len(chosen) == 0:
		return refuse("no test matches --run %q; there are %s", f.run, plural(len(suite.Tests), "test"))
	}
	return a.runTests(ctx, f, suite, chosen)
}

// loadTests reads and checks the tests. A mistake in one of them is shown, and
// none is run.
func (a *app) loadTests(f *testFlags) (*tests.Suite, error) {
	vars, err := f.variables()
	if err != nil {
		return nil, err
	}
	if _, err := readTree(f.dir); err != nil { // says what is wrong with the directory
		return nil, err
	}
	suite, diags, err := tests.Load(f.dir, vars, registries())
	if err != nil {
		return nil, problem.New("file-not-readable", "the tests cannot be read", err)
	}
	style := a.style
	style.Color = style.Color && isTerminal(a.errOut)
	if err := diag.Print(a.errOut, diags, suite.Sources, style); err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		fmt.Fprintf(a.errOut, "%s in %s; no test was run\n", report.Count(diags), plural(suite.Files, "test file"))
		return nil, errReported
	}
	return suite, nil
}

// checkMore judges what a project without errors says beside its
// configuration: its tests, and its SQL. What sources told of their columns
// counts for more than what tests give. The tests' files become part of the
// project's, for snippets.
func (f *projectFlags) checkMore(ctx context.Context, g *compile.Generation, p *config.Project, told toldColumns) (hcl.Diagnostics, error) {
	vars, err := f.variables()
	if err != nil {
		return nil, err
	}
	suite, diags := &tests.Suite{}, hcl.Diagnostics(nil)
	exist, err := tests.Exist(f.dir)
	if exist {
		suite, diags, err = tests.Load(f.dir, vars, registries())
	}
	if err != nil {
		return nil, problem.New("file-not-readable", "the tests cannot be read", err)
	}
	maps.Copy(p.Files, suite.Sources.Files)
	sql, err := checkSQL(ctx, g, suite, told)
	return append(diags, sql...), err
}

func (a *app) runTests(ctx context.Context, f *testFlags, suite *tests.Suite, chosen []*tests.Test) error {
	began := time.Now()
	view := &testView{app: a, json: f.json}
	r := tests.Runner{StartJob: engine.Start, EngineCommand: selfCommand("engine"), FailFast: f.failFast}
	runErr := r.Run(ctx, chosen, view.result)
	if ctx.Err() != nil {
		fmt.Fprintln(a.errOut, "interrupted: the tests under way were stopped")
		return errReported
	}
	if runErr != nil {
		return runErr
	}
	failed := view.summary(time.Since(began))
	if f.junit != "" {
		if err := writeJUnit(f.junit, view.results); err != nil {
			return err
		}
	}
	if f.coverage {
		failed = !a.showCoverage(tests.Cover(suite, view.results), f.coverageMin, f.json) || failed
	}
	if failed {
		return errReported
	}
	return nil
}

func writeJUnit(name string, results []tests.Result) error {
	out, err := os.Create(name)
	if err == nil {
		err = errors.Join(tests.WriteJUnit(out, results), out.Close())
	}
	if err != nil {
		return problem.New("file-write-failed", fmt.Sprintf("the report %s cannot be written", name), err)
	}
	return nil
}

// testView shows results as they come.
type testView struct {
	*app
	json    bool
	file    string
	results []tests.Result
}

// testOutput is what `test --json` prints for each test.
type testOutput struct {
	Test     string          `json:"test"`
	File     string          `json:"file"`
	Line     int             `json:"line"`
	Pipeline string          `json:"pipeline"`
	Status   string          `json:"status"` // passed, failed, skipped
	Millis   int64           `json:"millis"`
	Failures []tests.Failure `json:"failures,omitempty"`
	Notes    []string        `json:"notes,omitempty"`
}

func (v *testView) result(r tests.Result) {
	v.results = append(v.results, r)
	if v.json {
		enc := json.NewEncoder(v.out)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(testOutput{Test: r.Test.Name, File: r.Test.File, Line: r.Test.Line, Pipeline: r.Test.Pipeline.Name,
			Status: statusOf(r), Millis: r.Took.Milliseconds(), Failures: r.Failures, Notes: r.Notes})
		return
	}
	if r.Test.File != v.file {
		v.file = r.Test.File
		fmt.Fprintln(v.out, v.style.Bold(v.file))
	}
	mark, name := v.style.Green("✓"), r.Test.Name
	switch statusOf(r) {
	case "failed":
		mark = v.style.Red("✗")
	case "skipped":
		fmt.Fprintf(v.out, "  %s %s\n", v.style.Faint("–"), v.style.Faint(name+"   skipped"))
		return
	}
	fmt.Fprintf(v.out, "  %s %s   %s\n", mark, name, v.style.Faint(shortDuration(r.Took)))
	for _, n := range r.Notes {
		fmt.Fprintf(v.out, "      %s %s\n", v.style.Yellow("!"), n)
	}
	for _, f := range r.Failures {
		fmt.Fprintf(v.out, "      %s\n", strings.ReplaceAll(v.failure(f), "\n", "\n      "))
	}
}

func statusOf(r tests.Result) string {
	switch {
	case r.Skipped:
		return "skipped"
	case r.Passed():
		return "passed"
	}
	return "failed"
}

// failure colours the marks in front of what is missing and what is too much.
func (v *testView) failure(f tests.Failure) string {
	lines := strings.Split(f.String(), "\n")
	lines[0] = v.style.Faint(f.Where) + strings.TrimPrefix(lines[0], f.Where)
	for i, line := range lines[1:] {
		switch rest := strings.TrimPrefix(line, "  "); {
		case strings.HasPrefix(rest, "-"):
			lines[i+1] = "  " + v.style.Red(rest)
		case strings.HasPrefix(rest, "+"):
			lines[i+1] = "  " + v.style.Green(rest)
		case strings.HasPrefix(rest, "~ "):
			lines[i+1] = "  " + v.style.Yellow("~") + rest[1:]
		}
	}
	return strings.Join(lines, "\n")
}

// summary prints the last line and reports whether a test failed.
func (v *testView) summary(took time.Duration) (failed bool) {
	count := map[string]int{}
	for _, r := range v.results {
		count[statusOf(r)]++
	}
	if v.json || len(v.results) == 0 {
		return count["failed"] > 0
	}
	parts := []string{v.style.Green(fmt.Sprintf("%d passed", count["passed"]))}
	if count["failed"] > 0 {
		parts = append(parts, v.style.Red(fmt.Sprintf("%d failed", count["failed"])))
	}
	if count["skipped"] > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", count["skipped"]))
	}
	fmt.Fprintf(v.out, "\n%s: %s (%s)\n", plural(len(v.results), "test"), strings.Join(parts, ", "), shortDuration(took))
	return count["failed"] > 0
}

// showCoverage prints how much of each pipeline is covered and what is not, and
// reports whether it is enough.
func (a *app) showCoverage(all []tests.Coverage, least float64, asJSON bool) bool {
	percent := tests.Percent(all)
	out := a.out
	if asJSON {
		out = a.errOut
	}
	width := len("all")
	for _, c := range all {
		width = max(width, len(c.Pipeline.Name))
	}
	line := func(name string, percent float64, covered, steps int) {
		fmt.Fprintf(out, "  %-*s   %5.1f %%   %d of %s\n", width, name, percent, covered, plural(steps, "step"))
	}
	fmt.Fprintf(out, "\n%s\n", a.style.Bold("coverage"))
	covered, steps := 0, 0
	for _, c := range all {
		line(c.Pipeline.Name, tests.Percent([]tests.Coverage{c}), c.Covered, c.Covered+len(c.Missing))
		for _, s := range c.Missing {
			fmt.Fprintf(out, "    %s %s   %s\n", a.style.Yellow("○"), s.Address, a.style.Faint(s.Where))
		}
		covered, steps = covered+c.Covered, steps+c.Covered+len(c.Missing)
	}
	if len(all) != 1 {
		line("all", percent, covered, steps)
	}
	if percent < least {
		fmt.Fprintf(a.errOut, "%s %.1f %% of all steps are covered, and --coverage-min asks for %g %%\n", a.style.Red("Error:"), percent, least)
		return false
	}
	return true
}
