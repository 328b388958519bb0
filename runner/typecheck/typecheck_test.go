package typecheck_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"waybill/config"
	"waybill/internal/diag/diagtest"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
	"waybill/runner/engine/enginetest"
	"waybill/runner/typecheck"
)

func TestMain(m *testing.M) {
	enginetest.ServeIfChild()
	goleak.VerifyTestMain(m)
}

func generation(t testing.TB, dir string) *compile.Generation {
	t.Helper()
	tree, err := config.ReadTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	regs := compiletest.Registries()
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
	job := enginetest.Start(t)
	for _, entry := range entries {
		t.Run(strings.TrimSuffix(entry.Name(), ".hcl"), func(t *testing.T) {
			dir, want := diagtest.Project(t, filepath.Join(fixtures, "sql", entry.Name()))
			got, err := typecheck.Check(t.Context(), job, generation(t, dir), nil)
			if err != nil {
				t.Fatal(err)
			}
			diagtest.Match(t, got, want)
		})
	}
}

func TestValid(t *testing.T) {
	diags, err := typecheck.Check(t.Context(), enginetest.Start(t), generation(t, filepath.Join(fixtures, "valid")), nil)
	if err != nil || len(diags) > 0 {
		t.Errorf("diagnostics of the valid fixtures: %v, %v", diags, err)
	}
}

// What is unknown in one pipeline is not taken from the one before it.
func TestPipelinesDoNotMix(t *testing.T) {
	dir := t.TempDir()
	pipeline := func(name, contract, column string) string {
		return fmt.Sprintf("pipeline %q {\n  source \"file\" \"a\" {\n    path = \"a.csv\"\n%s    format \"csv\" {}\n  }\n  transform \"sql\" \"t\" {\n    query = \"SELECT %s FROM ${source.a}\"\n  }\n  sink \"file\" \"o\" {\n    input = transform.t\n    path  = \"out/%s.csv\"\n    format \"csv\" {}\n  }\n}\n", name, contract, column, name)
	}
	src := pipeline("a", "    columns = { x = \"bigint\" }\n", "x") + pipeline("b", "", "y") + pipeline("c", "    columns = { z = \"bigint\" }\n", "z")
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	diags, err := typecheck.Check(t.Context(), enginetest.Start(t), generation(t, dir), nil)
	if err != nil || len(diags) > 0 {
		t.Errorf("diagnostics: %v, %v", diags, err)
	}
}
