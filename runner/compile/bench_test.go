package compile_test

import (
	"os"
	"path/filepath"
	"testing"

	"waybill/config"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
)

func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkParse and BenchmarkCompile measure a reload of a large project, ten
// pipelines in each file: what HCL's parser alone takes, and all but the
// engine's judgement of the SQL, which runner/typecheck measures.
func BenchmarkParse(b *testing.B) {
	parse := func(b *testing.B, _ int, files map[string][]byte) any { return compiletest.Parse(b, files) }
	compiletest.PerSize(b, compiletest.Large, parse)
}

func BenchmarkCompile(b *testing.B) { compiletest.PerSize(b, compiletest.Large, compileAll) }

// BenchmarkCompileRepeated is BenchmarkCompile of one block with for_each. It is
// compared with parsing as many blocks.
func BenchmarkCompileRepeated(b *testing.B) { compiletest.PerSize(b, compiletest.Repeated, compileAll) }

func compileAll(b *testing.B, n int, files map[string][]byte) any {
	g, _, diags := compile.Compile(config.StoredTree("/project", files), config.Vars{LookupEnv: noEnv}, compiletest.Registries())
	if g == nil || len(g.Pipelines) != n {
		b.Fatal(diags)
	}
	return g
}

// A large project compiles without a word.
func TestThousandPipelines(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a second")
	}
	g, _, diags := compile.Compile(config.StoredTree("/project", compiletest.Large(1_000)), config.Vars{LookupEnv: noEnv}, registries())
	if g == nil || len(diags) > 0 {
		t.Fatal(diags)
	}
}
