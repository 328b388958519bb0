package typecheck_test

import (
	"testing"

	"waybill/config"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
	"waybill/runner/engine/enginetest"
	"waybill/runner/typecheck"
)

// BenchmarkCheck measures validating a large project: compiling it, and asking
// the engine about its SQL, each pipeline having a statement of its own.
func BenchmarkCheck(b *testing.B) { compiletest.PerSize(b, compiletest.Large, check) }

func check(b *testing.B, n int, files map[string][]byte) any {
	g, _, diags := compile.Compile(config.StoredTree("/project", files), config.Vars{}, compiletest.Registries())
	if g == nil || len(g.Pipelines) != n {
		b.Fatal(diags)
	}
	job := enginetest.Start(b)
	if diags, err := typecheck.Check(b.Context(), job, g, nil); err != nil || len(diags) > 0 {
		b.Fatal(diags, err)
	}
	if err := job.Close(); err != nil { // its processor time counts when it has ended
		b.Fatal(err)
	}
	return g
}
