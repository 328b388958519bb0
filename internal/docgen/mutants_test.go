package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2/hclwrite"

	"waybill/runner/compile/compiletest"
)

// Slips in the examples of the language reference are reported where they are
// made, as those in whole projects are. The examples have every block and
// attribute of the language.
func TestMutantsOfTheExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles thousands of files")
	}
	regs := registries()
	count, total, seen := map[string]int{}, 0, 0
	blocks := languageBlocks()
	for _, path := range slices.Sorted(maps.Keys(blocks)) {
		for _, e := range examples(t, path, blocks[path]) {
			files := project(t, e.text)
			files["example.hcl"] = hclwrite.Format(files["example.hcl"])
			for _, m := range compiletest.Mutants("example.hcl", files["example.hcl"]) {
				if seen++; seen%5 != 0 {
					continue
				}
				total++
				verdict, diags := compiletest.Judge(files, "example.hcl", m, regs)
				count[verdict]++
				if verdict == compiletest.Elsewhere {
					t.Errorf("%s: line %d: %s of %q to %q is reported elsewhere: %v in\n%s", e.path, m.First, m.Slip, m.Was, m.Is, diags, m.Src)
				}
			}
		}
	}
	t.Logf("%d mutants: %v", total, count)
	if total < 2500 || count[compiletest.PointedOut] < total/2 {
		t.Errorf("only %d mutants, of which %d are pointed out: the search is broken", total, count[compiletest.PointedOut])
	}
	for _, e := range compiletest.Exceptions {
		if most := 1 + 2*e.AtMost*total/10_000; count[e.Name] > most {
			t.Errorf("%s: %d mutants are reported elsewhere, and at most %d may be: %s", e.Name, count[e.Name], most, e.Because)
		}
	}
}
