package tests

import (
	"path/filepath"
	"strings"
	"testing"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/diag/diagtest"
	"waybill/runner/compile/compiletest"
)

// Broken test files raise exactly what they announce, at the place shown.
func TestBrokenFiles(t *testing.T) {
	t.Setenv("WAYBILL_TEST_UNSET", "what tests do not read")
	dir, want := diagtest.Project(t, filepath.Join("testdata", "broken"))
	s, got, err := Load(dir, config.Vars{}, compiletest.Registries())
	if err != nil {
		t.Fatal(err)
	}
	diagtest.Match(t, got, want)
	if len(s.Tests) != 0 {
		t.Errorf("%d tests with mistakes were loaded", len(s.Tests))
	}
	for _, d := range got {
		if s.Sources.Files[d.Subject.Filename] == nil {
			t.Errorf("no snippet can be shown of %s", d.Subject)
		}
	}
}

func TestSyntax(t *testing.T) {
	dir := project(t, map[string]string{"main.hcl": "locals {}\n", "a.test.hcl": "test \"a\" {\n  pipeline = \n}\n", ".hidden/b.test.hcl": "nonsense"})
	s, diags, err := Load(dir, config.Vars{}, compiletest.Registries())
	if err != nil || len(diags) != 1 || diag.CodeOf(diags[0]) != "syntax" || s.Files != 1 {
		t.Errorf("%d files, diagnostics %v, error %v", s.Files, diags, err)
	}
}

// A stranger's test files cannot end the process, nor keep it busy.
func TestHostileFiles(t *testing.T) {
	loop := "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : 1]]]"
	for name, text := range map[string]string{
		"brackets":       strings.Repeat("[", 200_000),
		"large":          "# " + strings.Repeat("x", 2<<20),
		"loops":          "test \"a\" {\n  pipeline = pipeline.p\n  variables = { a = " + loop + " }\n}\n",
		"loops in texts": "test \"a\" {\n  pipeline = pipeline.p\n  variables = { a = \"x${jsonencode(" + loop + ")}\" }\n}\n",
	} {
		dir := project(t, map[string]string{"main.hcl": "locals {}\n", "a.test.hcl": text})
		_, diags, err := Load(dir, config.Vars{}, compiletest.Registries())
		if err != nil || len(diags) != 1 || diag.CodeOf(diags[0]) != "too-large" || diags[0].Subject.Filename != "a.test.hcl" {
			t.Errorf("%s: diagnostics %v, error %v", name, diags, err)
		}
	}
}

// A project that is broken itself is reported once, not once for each test.
func TestBrokenProject(t *testing.T) {
	dir := project(t, map[string]string{
		"main.hcl":   "pipeline \"p\" {\n  tags = 1\n}\n",
		"a.test.hcl": "test \"a\" {\n  pipeline = pipeline.p\n}\n\ntest \"b\" {\n  pipeline = pipeline.p\n}\n",
	})
	_, diags, err := Load(dir, config.Vars{}, compiletest.Registries())
	if err != nil || len(diags) != 1 || diags[0].Subject.Filename != "main.hcl" {
		t.Errorf("diagnostics %v, error %v", diags, err)
	}
}

// A test's variables are stronger than the command line's, and each set of them
// has a project of its own.
func TestVariables(t *testing.T) {
	dir := project(t, map[string]string{
		"main.hcl": `
variable "n" {
  type = number
}

pipeline "p" {
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "out/${var.n}.csv"
    format "csv" {}
  }
}
`,
		"a.test.hcl": `
test "the command line's" {
  pipeline = pipeline.p
  given "source.in" {
    rows = [{ n = var.n }]
  }
}

test "its own" {
  pipeline  = pipeline.p
  variables = { n = 7 }
  given "source.in" {
    rows = [{ n = var.n }]
  }
}
`})
	s, diags, err := Load(dir, config.Vars{Flags: map[string]string{"n": "1"}}, compiletest.Registries())
	if err != nil || len(diags) > 0 || len(s.Tests) != 2 {
		t.Fatal(diags, err)
	}
	for i, want := range []string{"out/1.csv", "out/7.csv"} {
		out, err := s.Tests[i].bound.Output("sink.out")
		if err != nil || out.Name != want {
			t.Errorf("%s: %s, %v; want %s", s.Tests[i].Name, out.Name, err, want)
		}
	}
	// Without a value on the command line only the test with one of its own is sound.
	_, diags, err = Load(dir, config.Vars{}, compiletest.Registries())
	if err != nil || len(diags) != 1 || diag.CodeOf(diags[0]) != "missing-variable" {
		t.Errorf("diagnostics %v, error %v", diags, err)
	}
}
