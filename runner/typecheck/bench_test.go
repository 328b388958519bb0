package typecheck_test

import (
	"fmt"
	"testing"

	"waybill/config"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
	"waybill/runner/engine/enginetest"
	"waybill/runner/typecheck"
)

// BenchmarkCheck measures what the engine takes for the SQL of a large project,
// after it was compiled: one transform in each pipeline.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{100, 1_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			files := compiletest.Large(n, 100)
			g, _, diags := compile.Compile(config.StoredTree("/project", files), config.Vars{}, compiletest.Registries())
			if g == nil {
				b.Fatal(diags)
			}
			job := enginetest.Start(b)
			for b.Loop() {
				if diags, err := typecheck.Check(b.Context(), job, g, nil); err != nil || len(diags) > 0 {
					b.Fatal(diags, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n*b.N), "µs/pipeline")
		})
	}
}
