package compile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"waybill/config"
	"waybill/internal/diag/diagtest"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
)

func registries() compile.Registries {
	return compiletest.Registries()
}

func noEnv(string) (string, bool) { return "", false }

func compileDir(t testing.TB, dir string) (*compile.Generation, hcl.Diagnostics) {
	t.Helper()
	tree, err := config.ReadTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	g, _, diags := compile.Compile(tree, config.Vars{LookupEnv: noEnv}, registries())
	return g, diags
}

const fixtures = "../../config/testdata"

func TestValidFixtures(t *testing.T) {
	g, diags := compileDir(t, filepath.Join(fixtures, "valid"))
	if len(diags) > 0 {
		t.Fatalf("the valid fixtures have diagnostics: %v", diags)
	}
	for _, name := range []string{"daily_orders", "from_json"} {
		if g.Pipeline(name) == nil {
			t.Errorf("there is no pipeline %s", name)
		}
	}
	var order []string
	for _, s := range g.Pipeline("daily_orders").Steps {
		order = append(order, s.Address)
	}
	want := []string{"wait_for.export", "wait_for.upstream", "source.orders", "source.regions", "transform.by_region", "check.names", "check.some", "condition.new", "sink.acme", "sink.copy"}
	if !slices.Equal(order, want) {
		t.Errorf("order of steps = %v, want %v", order, want)
	}
}

// Each invalid fixture raises exactly the diagnostics that its comments
// announce, on those lines, with a code that the catalog explains.
func TestInvalidFixtures(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(fixtures, "invalid"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 60 {
		t.Fatalf("only %d fixtures", len(entries))
	}
	for _, entry := range entries {
		t.Run(strings.TrimSuffix(entry.Name(), ".hcl"), func(t *testing.T) {
			dir, want := diagtest.Project(t, filepath.Join(fixtures, "invalid", entry.Name()))
			_, got := compileDir(t, dir)
			diagtest.Match(t, got, want)
		})
	}
}
