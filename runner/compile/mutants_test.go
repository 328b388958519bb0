package compile_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
)

// originals are good projects whose files are mutated, each with the others
// only if it needs them.
func originals(t testing.TB) []map[string][]byte {
	t.Helper()
	var out []map[string][]byte
	for _, dir := range []string{filepath.Join(fixtures, "valid"), "../../examples/flights"} {
		g, diags := compileDir(t, dir)
		if g == nil {
			t.Fatalf("%s: %v", dir, diags)
		}
		out = append(out, g.Files)
	}
	return out
}

// alone returns the file without the others, if it is whole by itself.
func alone(files map[string][]byte, name string, regs compile.Registries) map[string][]byte {
	one := map[string][]byte{name: files[name]}
	if g, _, _ := compile.Compile(config.StoredTree("/project", one), config.Vars{LookupEnv: noEnv}, regs); g != nil && config.IsConfig(name) {
		return one
	}
	return files
}

// Every slip in a good file leaves it good, or is reported by an error at the
// line where it was made.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles thousands of files")
	}
	regs := registries()
	count, total := map[string]int{}, 0
	for _, files := range originals(t) {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			around := alone(files, name, regs)
			for _, m := range compiletest.Mutants(name, files[name]) {
				total++
				verdict, errors := compiletest.Judge(around, name, m, regs)
				count[verdict]++
				if verdict == compiletest.Elsewhere {
					t.Errorf("%s:%d: %s of %q to %q is reported elsewhere:\n%s", name, m.First, m.Slip, m.Was, m.Is, listed(errors))
				}
				if dump := os.Getenv("MUTANTS"); dump != "" && strings.Contains(verdict, dump) {
					t.Logf("%s: %s:%d: %s of %q to %q", verdict, name, m.First, m.Slip, m.Was, m.Is)
				}
			}
		}
	}
	t.Logf("%d mutants: %v", total, count)
	if total < 10_000 || count[compiletest.PointedOut] < total/2 {
		t.Errorf("only %d mutants, of which %d are pointed out: the search is broken", total, count[compiletest.PointedOut])
	}
	for _, e := range compiletest.Exceptions {
		if most := e.AtMost * total / 10_000; count[e.Name] > most {
			t.Errorf("%s: %d mutants are reported elsewhere, and at most %d may be: %s", e.Name, count[e.Name], most, e.Because)
		}
	}
}

func listed(diags hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "  %v [%s]\n", d, diag.CodeOf(d))
	}
	return b.String()
}
