package tests

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"waybill/config"
	"waybill/runner/compile/compiletest"
	"waybill/runner/engine"
	"waybill/runner/engine/enginetest"
)

func TestMain(m *testing.M) {
	enginetest.ServeIfChild()
	goleak.VerifyTestMain(m)
}

// suite loads a project whose tests are without mistakes.
func suite(t *testing.T, dir string) *Suite {
	t.Helper()
	s, diags, err := Load(dir, config.Vars{}, compiletest.Registries())
	if err != nil || diags.HasErrors() {
		t.Fatal(err, diags)
	}
	return s
}

// project writes a project into a directory of its own.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func newRunner(t *testing.T) Runner {
	return Runner{StartJob: engine.Start, EngineCommand: enginetest.Command(t)}
}

// results runs all tests of a suite.
func results(t *testing.T, r Runner, s *Suite) []Result {
	t.Helper()
	var out []Result
	if err := r.Run(t.Context(), s.Tests, func(one Result) { out = append(out, one) }); err != nil {
		t.Fatal(err)
	}
	return out
}
