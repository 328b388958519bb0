package typecheck_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"waybill/config"
	"waybill/internal/diag/diagtest"
	"waybill/internal/identity"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/engine/child"
	"waybill/runner/transform"
	"waybill/runner/typecheck"
	sinksall "waybill/sinks/all"
	sourcesall "waybill/sources/all"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		if err := child.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func startJob(t testing.TB) engine.Job {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	job, err := engine.Start(t.Context(), engine.Options{Command: []string{self, "engine"}, Dir: dir, MemoryLimit: 256 << 20, Threads: 1, MaxTempSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = job.Close() })
	return job
}

func generation(t testing.TB, dir string) *compile.Generation {
	t.Helper()
	tree, err := config.ReadTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	ids := identity.NewProvider()
	regs := compile.Registries{Sources: sourcesall.Registry(ids), Transforms: transform.All(), Checks: transform.Checks(), Conditions: transform.Conditions(), Sinks: sinksall.Registry(ids)}
	g, _, diags := compile.Compile(tree, config.Vars{}, regs)
	if g == nil {
		t.Fatal(diags)
	}
	return g
}

const fixtures = "../../config/testdata"

// Each fixture raises exactly what it announces, in the user's own SQL. All of
// them share a job, as the pipelines of a project do.
func TestFixtures(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(fixtures, "sql"))
	if err != nil {
		t.Fatal(err)
	}
	job := startJob(t)
	for _, entry := range entries {
		t.Run(strings.TrimSuffix(entry.Name(), ".hcl"), func(t *testing.T) {
			dir, want := diagtest.Project(t, filepath.Join(fixtures, "sql", entry.Name()))
			got, err := typecheck.Check(t.Context(), job, generation(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			diagtest.Match(t, got, want)
		})
	}
}

func TestValid(t *testing.T) {
	diags, err := typecheck.Check(t.Context(), startJob(t), generation(t, filepath.Join(fixtures, "valid")))
	if err != nil || len(diags) > 0 {
		t.Errorf("diagnostics of the valid fixtures: %v, %v", diags, err)
	}
}

// What is unknown in one pipeline is not taken from the one before it.
func TestPipelinesDoNotMix(t *testing.T) {
	dir := t.TempDir()
	pipeline := func(name, contract, column string) string {
		return fmt.Sprintf("pipeline %q {\n  source \"file\" \"a\" {\n    path = \"a.csv\"\n%s    format \"csv\" {}\n  }\n  transform \"sql\" \"t\" {\n    query = \"SELECT %s FROM ${source.a}\"\n  }\n  sink \"file\" \"o\" {\n    input = transform.t\n    path  = \"%s.csv\"\n    format \"csv\" {}\n  }\n}\n", name, contract, column, name)
	}
	src := pipeline("a", "    columns = { x = \"bigint\" }\n", "x") + pipeline("b", "", "y") + pipeline("c", "    columns = { z = \"bigint\" }\n", "z")
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	diags, err := typecheck.Check(t.Context(), startJob(t), generation(t, dir))
	if err != nil || len(diags) > 0 {
		t.Errorf("diagnostics: %v, %v", diags, err)
	}
}
