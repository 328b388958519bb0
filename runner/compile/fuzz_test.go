package compile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/runner/compile"
)

// FuzzLoad gives the compiler any text, as HCL or as JSON. Whatever it is, the
// answer is a generation or coded diagnostics with snippets, and a stored
// generation compiles to the same.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join(fixtures, "*", "*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(data, strings.HasSuffix(path, ".json"))
		}
	}
	regs := registries()
	f.Fuzz(func(t *testing.T, src []byte, json bool) {
		name := "main.hcl"
		if json {
			name += ".json"
		}
		tree := config.StoredTree("/project", map[string][]byte{name: src, "sql/t.sql": []byte("SELECT * FROM ${source.orders}")})
		g, project, diags := compile.Compile(tree, config.Vars{LookupEnv: noEnv}, regs)
		if (g == nil) != diags.HasErrors() {
			t.Fatalf("generation %v with diagnostics %v", g != nil, diags)
		}
		var shown strings.Builder
		if err := diag.Print(&shown, diags, diag.Sources{Files: project.Files}, diag.Style{}); err != nil {
			t.Fatal(err)
		}
		for _, d := range diags {
			if code := string(diag.CodeOf(d)); !problem.Known(code) {
				t.Errorf("the catalog does not explain %q of %s", code, d)
			}
			if text := d.Summary + d.Detail; strings.Contains(text, "goroutine ") || strings.Contains(text, "runtime error") {
				t.Errorf("a diagnostic tells of our code: %s", text)
			}
		}
		if g == nil {
			return
		}
		again, _, diags := compile.Compile(config.StoredTree("/project", g.Files), config.Vars{LookupEnv: noEnv}, regs)
		if again == nil || again.Digest != g.Digest {
			t.Fatalf("stored and compiled again it is another: %v", diags)
		}
		for _, p := range g.Pipelines {
			run := compile.RunValues{ID: "R", Slot: time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC), Attempt: 1, Trigger: "manual"}
			b, err := p.Bind(run)
			if err != nil {
				continue
			}
			for _, s := range p.Steps {
				_ = b.SQLRange(s.Address, 1, 1)
			}
		}
	})
}
