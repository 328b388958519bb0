package typecheck_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
	"waybill/runner/engine"
	"waybill/runner/engine/enginetest"
	"waybill/runner/typecheck"
)

// elsewhere are the slips in SQL that are reported on other lines, of a
// thousand.
var elsewhere = map[string]struct {
	atMost  int
	because string
}{
	"name":   {25, "a column or table that is called differently, or is of another type, is missing where it is used, maybe in another step"},
	"clause": {10, "a bracket or keyword that ends a clause makes the one after it wrong"},
	"start":  {10, "the engine names no place, and no word that stands in the query once: it is reported where the query begins"},
}

// Every slip in SQL leaves it good, or is reported by an error at the line
// where it was made: in a file and in the configuration.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the engine about hundreds of statements")
	}
	job := enginetest.Start(t)
	files := generation(t, "testdata/mutants").Files
	if diags := checked(t, job, files); len(diags) > 0 {
		t.Fatal(diags)
	}
	count, total := map[string]int{}, 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, m := range compiletest.Mutants(name, files[name]) {
			if name == "main.hcl" && !insideQuery(files[name], m) {
				continue
			}
			all := maps.Clone(files)
			all[name] = m.Src
			diags := checked(t, job, all)
			verdict := m.Verdict(all, name, diags)
			if verdict == compiletest.Elsewhere || verdict == "renamed" {
				verdict = kind(all, diags)
			}
			if total++; elsewhere[verdict].atMost == 0 && verdict != compiletest.Good && verdict != compiletest.PointedOut {
				t.Errorf("%s:%d: %s of %q to %q is reported elsewhere:\n%s", name, m.First, m.Slip, m.Was, m.Is, listed(diags))
			}
			count[verdict]++
		}
	}
	t.Logf("%d mutants: %v", total, count)
	if total < 550 || count[compiletest.PointedOut] < total/3 {
		t.Errorf("only %d mutants, of which %d are pointed out: the search is broken", total, count[compiletest.PointedOut])
	}
	for name, e := range elsewhere {
		if count[name] > e.atMost*total/1000 {
			t.Errorf("%s: %d of %d mutants are reported elsewhere: %s", name, count[name], total, e.because)
		}
	}
}

// kind is a class of those that are reported elsewhere.
func kind(all map[string][]byte, diags hcl.Diagnostics) string {
	for _, d := range diags {
		src := all[d.Subject.Filename]
		before := strings.TrimSpace(string(src[:min(d.Subject.Start.Byte, len(src))]))
		switch code := diag.CodeOf(d); {
		case strings.Contains(d.Summary, "is not SQL"):
			return "clause"
		case code == "bare-table", code == "unknown-reference", strings.Contains(d.Summary, "column"):
			return "name"
		case code == "transform-failed" && (before == "" || strings.HasSuffix(before, "<<-SQL")):
			return "start"
		}
	}
	return compiletest.Elsewhere
}

// insideQuery reports whether a mutant changes SQL, which stands on the lines
// after a query's name.
func insideQuery(src []byte, m compiletest.Mutant) bool {
	lines := strings.Split(string(src), "\n")
	line := lines[m.First-1]
	return strings.HasPrefix(line, "      ") || strings.Contains(line, "query =")
}

func checked(t *testing.T, job engine.Job, files map[string][]byte) hcl.Diagnostics {
	t.Helper()
	vars := config.Vars{LookupEnv: func(string) (string, bool) { return "", false }}
	g, _, diags := compile.Compile(config.StoredTree("/project", files), vars, compiletest.Registries())
	if g == nil {
		return diags
	}
	diags, err := typecheck.Check(t.Context(), job, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	return diags
}

func listed(diags hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "  %v [%s]\n", d, diag.CodeOf(d))
	}
	return b.String()
}
