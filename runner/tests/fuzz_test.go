package tests

import (
	"os"
	"path/filepath"
	"testing"

	"waybill/config"
	"waybill/internal/diag/diagtest"
	"waybill/runner/compile/compiletest"
)

// FuzzTests reads any text as a test file of a good project. Whatever it is, the
// answer is tests or coded diagnostics with snippets.
func FuzzTests(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.test.hcl")
	more, err2 := filepath.Glob("../../examples/*/tests/*.test.hcl")
	if err != nil || err2 != nil || len(files) == 0 || len(more) == 0 {
		f.Fatal(err, err2)
	}
	for _, name := range append(files, more...) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("test \"a\" {\n  pipeline = pipeline.totals\n  variables = { x = [for a in [1, 2] : [for b in [1, 2] : \"${a}${b}\"]] }\n}\n"))
	dir := f.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/project")); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"passing.test.hcl", "failing.test.hcl"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			f.Fatal(err)
		}
	}
	regs := compiletest.Registries()
	f.Fuzz(func(t *testing.T, src []byte) {
		if err := os.WriteFile(filepath.Join(dir, "fuzz.test.hcl"), src, 0o600); err != nil {
			t.Fatal(err)
		}
		s, diags, err := Load(dir, config.Vars{}, regs)
		if err != nil {
			return // larger than a file may be
		}
		diagtest.Sound(t, diags, s.Sources)
	})
}
