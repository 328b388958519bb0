package tests

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/runner/engine"
	"waybill/runner/engine/enginetest"
	"waybill/runner/typecheck"
)

// golden compares a text with a file of testdata, which UPDATE_GOLDEN=1 writes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// of returns the tests of one file.
func of(s *Suite, file string) []*Test {
	return slices.DeleteFunc(slices.Clone(s.Tests), func(t *Test) bool { return t.File != file })
}

func told(results []Result) string {
	var b strings.Builder
	for _, r := range results {
		b.WriteString(r.Test.Name + "\n")
		for _, n := range r.Notes {
			b.WriteString("! " + n + "\n")
		}
		for _, f := range r.Failures {
			b.WriteString(f.String() + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestRun(t *testing.T) {
	s := suite(t, filepath.Join("testdata", "project"))
	all := results(t, newRunner(t), s)
	var failing, passing []Result
	for i, r := range all {
		if r.Test != s.Tests[i] {
			t.Fatalf("result %d is of %q, want %q", i, r.Test.Name, s.Tests[i].Name)
		}
		all[i].Took = 0
		if r.Test.File == "failing.test.hcl" {
			failing = append(failing, all[i])
		} else {
			passing = append(passing, all[i])
		}
	}
	for _, r := range passing {
		if !r.Passed() {
			t.Errorf("%q failed:\n%s", r.Test.Name, told([]Result{r}))
		}
	}
	for _, r := range failing {
		if r.Passed() {
			t.Errorf("%q passed", r.Test.Name)
		}
	}
	golden(t, "failing.txt", told(failing))
	var junit bytes.Buffer
	if err := WriteJUnit(&junit, append(slices.Clone(failing[1:4]), passing[:2]...)); err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.xml", junit.String())
	for _, text := range []string{told(all), junit.String()} {
		if strings.Contains(text, "pepper-and-salt") {
			t.Error("a sensitive value is shown")
		}
	}
}

func TestCoverage(t *testing.T) {
	s := suite(t, filepath.Join("testdata", "project"))
	s.Tests = slices.DeleteFunc(s.Tests, func(t *Test) bool { return t.Name != "too few rows" && t.Name != "types come out as they went in" })
	var missing []string
	all := Cover(s, results(t, newRunner(t), s))
	for _, c := range all {
		for _, step := range c.Missing {
			missing = append(missing, c.Pipeline.Name+" "+step.Address)
		}
	}
	// A check or condition is covered by being asked; the failed check leaves
	// nothing for the sink that no expectation names.
	want := []string{"masked source.people", "masked transform.hidden", "masked sink.parquet", "totals transform.whole", "totals sink.packed"}
	slices.Sort(want)
	slices.Sort(missing)
	if !slices.Equal(missing, want) {
		t.Errorf("uncovered: %q, want %q", missing, want)
	}
	if got := Percent(all); got != 68.75 { // 11 of 16
		t.Errorf("%f %% are covered", got)
	}
	if Percent(nil) != 100 {
		t.Error("nothing is not covered")
	}
}

func TestFailFast(t *testing.T) {
	s := suite(t, filepath.Join("testdata", "project"))
	s.Tests = of(s, "failing.test.hcl")
	r := newRunner(t)
	r.FailFast, r.Parallel = true, 4
	for i, one := range results(t, r, s) {
		if failed := len(one.Failures) > 0; failed != (i == 0) || one.Skipped == failed {
			t.Errorf("test %d: failed %v, skipped %v", i, failed, one.Skipped)
		}
	}
}

// When the context ends, so do the children, and nothing is left on disk.
func TestInterrupt(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	s := suite(t, filepath.Join("testdata", "project"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := newRunner(t)
	started := 0
	r.StartJob = func(ctx context.Context, o engine.Options) (engine.Job, error) {
		job, err := engine.Start(ctx, o)
		cancel()
		started++
		return job, err
	}
	r.Parallel = 1
	err := r.Run(ctx, s.Tests, func(Result) {})
	if !errors.Is(err, context.Canceled) || started != 1 {
		t.Errorf("%d jobs were started, error %v", started, err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A job that cannot be started is no test's failure.
func TestNoEngine(t *testing.T) {
	s := suite(t, filepath.Join("testdata", "project"))
	r := newRunner(t)
	r.EngineCommand = []string{filepath.Join(t.TempDir(), "nothing")}
	if err := r.Run(t.Context(), s.Tests, func(Result) {}); err == nil {
		t.Error("no error")
	}
}

func TestNothingToRun(t *testing.T) {
	if err := newRunner(t).Run(t.Context(), nil, func(Result) { t.Error("a result of nothing") }); err != nil {
		t.Error(err)
	}
}

// The columns of sources that promise none come from the tests, unless tests
// differ.
func TestGiven(t *testing.T) {
	const source = "  source \"file\" %s {\n    path = \"a.csv\"\n    format \"csv\" {}\n  }\n"
	dir := project(t, map[string]string{
		"main.hcl": "pipeline \"p\" {\n" + strings.ReplaceAll(source, "%s", `"a"`) + strings.ReplaceAll(source, "%s", `"b"`) +
			"  transform \"sql\" \"t\" {\n    query = \"SELECT a.x + a.yy AS z FROM ${source.a} a\"\n  }\n" +
			"  transform \"sql\" \"u\" {\n    query = \"SELECT nope FROM ${source.b}\"\n  }\n" +
			"  sink \"file\" \"t\" {\n    input = transform.t\n    path = \"t.csv\"\n    format \"csv\" {}\n  }\n" +
			"  sink \"file\" \"u\" {\n    input = transform.u\n    path = \"u.csv\"\n    format \"csv\" {}\n  }\n}\n",
		"a.csv": "x,y\n1,2.5\n",
		"a.test.hcl": `
test "one" {
  pipeline = pipeline.p
  given "source.a" {
    file = "a.csv"
  }
  given "source.b" {
    rows = [{ x = 1 }]
  }
}

test "two" {
  pipeline = pipeline.p
  given "source.a" {
    rows = [{ x = 2, y = 2.5 }]
    columns = { y = "decimal(18,1)", x = "bigint" }
  }
  given "source.b" {
    rows = [{ x = "another type" }]
  }
}
`})
	s := suite(t, dir)
	jobDir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	job, err := engine.Start(t.Context(), engine.Options{Command: enginetest.Command(t), Dir: jobDir, MemoryLimit: 256 << 20, Threads: 1, MaxTempSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close() //nolint:errcheck // a test's
	given, err := s.Given(t.Context(), job, jobDir)
	if err != nil {
		t.Fatal(err)
	}
	if got := given["p"]; len(got) != 1 || got["source.a"].Schema.String() != "x bigint, y decimal(18,1)" || got["source.a"].From != "the test at a.test.hcl:4" {
		t.Errorf("given: %v", given)
	}
	diags, err := typecheck.Check(t.Context(), job, s.Generation, given)
	if err != nil || len(diags) != 1 {
		t.Fatalf("diagnostics %v, error %v", diags, err)
	}
	if d := diags[0]; !strings.Contains(d.Summary, "yy") || !strings.Contains(d.Detail, "The columns of source.a come from the test at a.test.hcl:4") {
		t.Errorf("got %s: %s", d.Summary, d.Detail)
	}
}
