package compile_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/identity"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/transform"
	sinksall "waybill/sinks/all"
	sourcesall "waybill/sources/all"
)

func registries() compile.Registries {
	ids := identity.NewProvider()
	return compile.Registries{Sources: sourcesall.Registry(ids), Transforms: transform.All(), Checks: transform.Checks(), Sinks: sinksall.Registry(ids)}
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

// compileText compiles a project of one file.
func compileText(t testing.TB, text string) (*compile.Generation, hcl.Diagnostics) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return compileDir(t, dir)
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
	want := []string{"source.orders", "source.regions", "transform.by_region", "sink.acme", "sink.copy"}
	if !slices.Equal(order, want) {
		t.Errorf("order of steps = %v, want %v", order, want)
	}
}

// expected is a diagnostic that a fixture announces for one of its lines.
type expected struct {
	file     string
	line     int
	severity hcl.DiagnosticSeverity
	code     string
	text     string
}

func (e expected) String() string {
	return fmt.Sprintf("%s:%d [%s] %s", e.file, e.line, e.code, e.text)
}

var marker = regexp.MustCompile(`(?:#|--) (ERROR|WARNING)(-BELOW)? ([a-z-]+): (.*)$`)

func announced(t *testing.T, dir string) []expected {
	t.Helper()
	var out []expected
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		for i, line := range strings.Split(string(data), "\n") {
			m := marker.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			e := expected{filepath.ToSlash(rel), i + 1, hcl.DiagError, m[3], m[4]}
			if m[1] == "WARNING" {
				e.severity = hcl.DiagWarning
			}
			if m[2] != "" {
				e.line++
			}
			out = append(out, e)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
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
			dir := filepath.Join(fixtures, "invalid", entry.Name())
			if !entry.IsDir() {
				src, err := os.ReadFile(dir)
				if err != nil {
					t.Fatal(err)
				}
				dir = t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "main.hcl"), src, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want := announced(t, dir)
			if len(want) == 0 {
				t.Fatal("the fixture announces nothing")
			}
			_, got := compileDir(t, dir)
			matchDiags(t, got, want)
		})
	}
}

func matchDiags(t *testing.T, got hcl.Diagnostics, want []expected) {
	t.Helper()
	left := slices.Clone(got)
	for _, e := range want {
		i := slices.IndexFunc(left, func(d *hcl.Diagnostic) bool {
			return d.Subject != nil && d.Subject.Filename == e.file && d.Subject.Start.Line == e.line && d.Severity == e.severity &&
				string(diag.CodeOf(d)) == e.code && strings.Contains(d.Summary+" "+d.Detail, e.text)
		})
		if i < 0 {
			t.Errorf("missing: %s", e)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, d := range left {
		t.Errorf("unexpected: %s [%s]", d, diag.CodeOf(d))
	}
	for _, d := range got {
		if !problem.Known(string(diag.CodeOf(d))) {
			t.Errorf("the catalog does not explain the code %s", diag.CodeOf(d))
		}
		if d.Detail == "" && d.Severity == hcl.DiagError && len(d.Summary) < 20 {
			t.Errorf("a diagnostic says too little: %q", d.Summary)
		}
	}
}
