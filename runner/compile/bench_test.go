package compile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2/hclparse"

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

// sizes of projects: pipelines, and the files that hold them.
var sizes = []struct{ pipelines, files int }{{1_000, 100}, {10_000, 100}, {10_000, 1_000}}

// BenchmarkParse measures what HCL's parser alone takes: the baseline.
func BenchmarkParse(b *testing.B) {
	for _, s := range sizes {
		files := compiletest.Large(s.pipelines, s.files)
		b.Run(fmt.Sprintf("%d_in_%d", s.pipelines, s.files), func(b *testing.B) {
			perPipeline(b, s.pipelines, func() any {
				parser := hclparse.NewParser()
				for name, src := range files {
					if !config.IsConfig(name) {
						continue
					}
					if _, diags := parser.ParseHCL(src, name); diags.HasErrors() {
						b.Fatal(diags)
					}
				}
				return parser
			})
		})
	}
}

// BenchmarkCompile measures a reload of a large project, without asking the
// engine about its SQL.
func BenchmarkCompile(b *testing.B) {
	regs := registries()
	measure := func(name string, n int, files map[string][]byte) {
		b.Run(name, func(b *testing.B) {
			perPipeline(b, n, func() any {
				g, _, diags := compile.Compile(config.StoredTree("/project", files), config.Vars{LookupEnv: noEnv}, regs)
				if g == nil || len(g.Pipelines) != n {
					b.Fatal(diags)
				}
				return g
			})
		})
	}
	for _, s := range sizes {
		measure(fmt.Sprintf("%d_in_%d", s.pipelines, s.files), s.pipelines, compiletest.Large(s.pipelines, s.files))
	}
	for _, n := range []int{1_000, 10_000} {
		measure(fmt.Sprintf("%d_by_for_each", n), n, compiletest.Repeated(n))
	}
}

// perPipeline reports what work takes for each of n pipelines, by the clock and
// of all processors together, and the memory that its result holds.
func perPipeline(b *testing.B, n int, work func() any) {
	b.Helper()
	var took, busy time.Duration
	var held uint64
	for b.Loop() {
		before := heap()
		began, cpu := time.Now(), processorTime(b)
		result := work()
		took, busy = took+time.Since(began), busy+processorTime(b)-cpu
		held += heap() - before
		runtime.KeepAlive(result)
	}
	b.ReportMetric(float64(took.Microseconds())/float64(n*b.N), "µs/pipeline")
	b.ReportMetric(float64(busy.Microseconds())/float64(n*b.N), "cpu-µs/pipeline")
	b.ReportMetric(float64(held)/float64(1024*n*b.N), "KiB/pipeline")
}

// processorTime is what the process has used so far. It tells more than the
// clock where other work goes on.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A large project compiles without a word.
func TestThousandPipelines(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a second")
	}
	g, _, diags := compile.Compile(config.StoredTree("/project", compiletest.Large(1_000, 100)), config.Vars{LookupEnv: noEnv}, registries())
	if g == nil || len(diags) > 0 {
		t.Fatal(diags)
	}
}
