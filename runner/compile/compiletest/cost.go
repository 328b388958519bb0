//go:build unix

package compiletest

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2/hclparse"

	"waybill/config"
)

// A cost is what some work takes, as a whole or for each pipeline.
type cost struct {
	clock float64 // seconds
	cpu   float64 // seconds of all processors, also of child processes that have ended
	made  float64 // bytes that were allocated
	held  float64 // bytes that the result holds
}

// PerSize measures work on projects of 1,000 and 10,000 pipelines, against
// parsing Large projects of the same sizes with HCL's parser alone.
func PerSize(b *testing.B, project func(n int) map[string][]byte, work func(b *testing.B, n int, files map[string][]byte) any) {
	var tenth cost
	for _, n := range []int{1_000, 10_000} {
		files, written, times := project(n), Large(n), 1
		if n == 1_000 {
			times = 3 // it is over soon, and more is steadier
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var parsing, whole cost
			for b.Loop() {
				for range times {
					parsing.measure(b, func() any { return Parse(b, written) })
					whole.measure(b, func() any { return work(b, n, files) })
				}
			}
			all := float64(b.N * times * n)
			parsing, whole = parsing.over(all), whole.over(all)
			whole.report(b, parsing, tenth)
			tenth = whole
		})
	}
}

// measure adds what some work costs, whose result is held until it has been
// weighed.
func (c *cost) measure(b *testing.B, work func() any) {
	b.Helper()
	before := heap()
	began, cpu := time.Now(), processorTime(b)
	result := work()
	c.clock += time.Since(began).Seconds()
	c.cpu += processorTime(b) - cpu
	after := heap()
	c.made += float64(after.TotalAlloc - before.TotalAlloc)
	c.held += float64(after.HeapAlloc) - float64(before.HeapAlloc)
	runtime.KeepAlive(result)
}

func (c cost) over(n float64) cost { return cost{c.clock / n, c.cpu / n, c.made / n, c.held / n} }

// report tells a cost in itself, against that of parsing alone, and how many
// times as much the whole costs as a project of a tenth of the size: 10 is
// linear.
func (c cost) report(b *testing.B, parsing, tenth cost) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // it says nothing here
	b.ReportMetric(c.clock*1e6, "µs/pipeline")
	b.ReportMetric(c.cpu*1e6, "cpu-µs/pipeline")
	b.ReportMetric(c.cpu/parsing.cpu, "×parsing")
	b.ReportMetric(c.made/1024, "KiB-made/pipeline")
	b.ReportMetric(c.made/parsing.made, "×parsing-made")
	b.ReportMetric(c.held/1024, "KiB-held/pipeline")
	if tenth != (cost{}) {
		b.ReportMetric(10*c.cpu/tenth.cpu, "×a-tenth")
		b.ReportMetric(10*c.made/tenth.made, "×a-tenth-made")
	}
}

// Parse is the work that others are compared with: HCL's parser, and nothing
// else.
func Parse(b *testing.B, files map[string][]byte) any {
	b.Helper()
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
}

// processorTime is what the process and its children have used so far, in
// seconds. It tells more than the clock where other work goes on.
func processorTime(b *testing.B) float64 {
	b.Helper()
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total.Seconds()
}

func heap() runtime.MemStats {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m
}
