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

// What only the environment of a run tells can be anything: no guess about it
// is a mistake, and no columns are known that may depend on it.
func TestEnvironmentIsNotGuessed(t *testing.T) {
	for name, query := range map[string]string{
		"a date":           "SELECT * FROM ${source.a} WHERE d = DATE '${env(\"WAYBILL_TEST_UNSET\")}'",
		"a number":         "SELECT * FROM ${source.a} WHERE n = CAST('${env(\"WAYBILL_TEST_UNSET\")}' AS INTEGER)",
		"a column":         "SELECT ${env(\"WAYBILL_TEST_UNSET\")} FROM ${source.a}",
		"a column by name": "SELECT ${env(\"WAYBILL_TEST_UNSET\")} AS v, 1 AS whatever FROM ${source.a}",
		"a type":           "SELECT CAST(n AS ${env(\"WAYBILL_TEST_UNSET\")}) AS v FROM ${source.a}",
		"an operator":      "SELECT * FROM ${source.a} WHERE n ${env(\"WAYBILL_TEST_UNSET\")} 3",
		"a function":       "SELECT ${env(\"WAYBILL_TEST_UNSET\")}(n) AS v FROM ${source.a}",
		"all of it":        "${env(\"WAYBILL_TEST_UNSET\")} ${source.a}",
	} {
		dir := t.TempDir()
		src := "pipeline \"p\" {\n  source \"file\" \"a\" {\n    path = \"a.csv\"\n    columns = { a = \"varchar\", n = \"bigint\", d = \"date\" }\n    format \"csv\" {}\n  }\n" +
			"  transform \"sql\" \"t\" {\n    query = <<-SQL\n      " + query + "\n    SQL\n  }\n  transform \"sql\" \"u\" {\n    query = \"SELECT whatever FROM ${transform.t}\"\n  }\n" +
			"  sink \"file\" \"o\" {\n    input = transform.u\n    path  = \"out/o.csv\"\n    format \"csv\" {}\n  }\n}\n"
		if strings.Contains(query, "SELECT *") {
			src = strings.Replace(src, "SELECT whatever", "SELECT n, d", 1)
		}
		if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		diags, err := typecheck.Check(t.Context(), enginetest.Start(t), generation(t, dir), nil)
		if err != nil || len(diags) > 0 {
			t.Errorf("%s: %v, %v", name, diags, err)
		}
	}
}
