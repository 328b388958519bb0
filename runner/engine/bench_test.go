package engine_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"waybill/internal/dataset"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

func BenchmarkExportParquet(b *testing.B) { benchmarkExport(b, encode.Default(encode.Parquet)) }

func BenchmarkExportCSV(b *testing.B) { benchmarkExport(b, encode.Default(encode.CSV)) }

func BenchmarkExportCSVGzip(b *testing.B) {
	f := encode.Default(encode.CSV)
	f.Compression = encode.Gzip
	benchmarkExport(b, f)
}

// benchmarkExport exports a million rows read from Parquet. Bytes are those of
// the artifact; copies/op is how many plain, durable copies of the same bytes
// could have been made in the time of one export, on the same disk.
func benchmarkExport(b *testing.B, f encode.Format) {
	j, d := newJob(b)
	define(b, j, "made", "SELECT range AS id, range % 97 AS grp, md5(range::VARCHAR) AS text, range / 7 AS price, TIMESTAMP '2020-01-01' + to_seconds(range) AS at FROM range(1000000)")
	export(b, j, "made", filepath.Join(d.out, "in.parquet"), encode.Default(encode.Parquet))
	if _, err := j.Attach(b.Context(), "t", files(d.out, dataset.Parquet, "in.parquet")); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(d.out, "out")
	var out engine.Exported
	var exporting, copying time.Duration
	for b.Loop() {
		start := time.Now()
		out = export(b, j, "t", path, f)
		exporting += time.Since(start)
		b.StopTimer()
		copying += copyFile(b, path, path+".copy")
		b.StartTimer()
	}
	b.SetBytes(out.Size)
	b.ReportMetric(float64(exporting)/float64(copying), "copies/op")
	b.ReportMetric(float64(out.Rows)*float64(b.N)/exporting.Seconds(), "rows/s")
}

// copyFile is the baseline: read, write, make durable.
func copyFile(b *testing.B, from, to string) time.Duration {
	b.Helper()
	start := time.Now()
	in, err := os.Open(from)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		b.Fatal(err)
	}
	// Hidden from io.Copy, or the kernel would copy by itself what Go must touch.
	if _, err := io.Copy(struct{ io.Writer }{out}, struct{ io.Reader }{in}); err != nil {
		b.Fatal(err)
	}
	if err := out.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// BenchmarkExportFiles writes ten million rows read from Parquet: as one file,
// and cut by rows and by size.
func BenchmarkExportFiles(b *testing.B) {
	j, d := newJob(b)
	define(b, j, "made", "SELECT range AS id, range % 97 AS grp, md5(range::VARCHAR) AS text, range / 7 AS price, TIMESTAMP '2020-01-01' + to_seconds(range) AS at FROM range(10000000)")
	export(b, j, "made", filepath.Join(d.out, "in.parquet"), encode.Default(encode.Parquet))
	if _, err := j.Attach(b.Context(), "t", files(d.out, dataset.Parquet, "in.parquet")); err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name   string
		layout engine.Layout
	}{{"one", engine.Layout{}}, {"a_million_rows", engine.Layout{MaxRows: 1_000_000}}, {"64MiB", engine.Layout{MaxSize: 64 << 20}}} {
		b.Run(bb.name, func(b *testing.B) {
			var n int
			for b.Loop() {
				out, _ := exportFiles(b, j, d, engine.ExportFiles{Relation: "t", Format: encode.Default(encode.Parquet), Layout: bb.layout})
				n = len(out.Files)
			}
			b.ReportMetric(float64(n), "files")
			b.ReportMetric(10_000_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
