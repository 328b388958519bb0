package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"waybill/internal/dataset"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

// exportFiles exports into an empty directory of its own below out.
func exportFiles(t testing.TB, j engine.Job, d jobDirs, e engine.ExportFiles) (engine.Exports, string) {
	t.Helper()
	e.Dir = filepath.Join(d.out, "files")
	if err := os.RemoveAll(e.Dir); err != nil {
		t.Fatal(err)
	}
	out, err := j.ExportFiles(t.Context(), e)
	if err != nil {
		t.Fatalf("export %s: %v", e.Relation, err)
	}
	entries, err := os.ReadDir(e.Dir)
	if err != nil || len(entries) != len(out.Files) {
		t.Errorf("%d files are there, %d are told of; %v", len(entries), len(out.Files), err)
	}
	return out, e.Dir
}

// shape tells partitions, numbers and rows of all files.
func shape(out engine.Exports) string {
	var parts []string
	for _, f := range out.Files {
		parts = append(parts, fmt.Sprintf("%s%d:%d", f.Partition, f.Number, f.Rows))
	}
	return strings.Join(parts, " ")
}

func TestFilesHaveExactlyTheirRows(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT range AS id, 'text ' || range AS s FROM range(25000)")
	for maximum, want := range map[int64]string{
		10000: "1:10000 2:10000 3:5000", 25000: "1:25000", 24999: "1:24999 2:1", 12500: "1:12500 2:12500", 99999: "1:25000",
	} {
		for _, kind := range []string{encode.Parquet, encode.CSV} {
			out, dir := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: encode.Default(kind), OrderBy: []string{"id desc"}, Layout: engine.Layout{MaxRows: maximum}})
			if got := shape(out); got != want {
				t.Errorf("%d, %s: got %s, want %s", maximum, kind, got, want)
			}
			for _, f := range out.Files {
				checkSealed(t, filepath.Join(dir, f.Name), engine.Exported{Size: f.Size, SHA256: f.SHA256})
			}
		}
	}
}

// The order holds within each file and from file to file.
func TestOrderAcrossFiles(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT (range * 7919) % 50000 AS id FROM range(50000)")
	f := encode.Default(encode.CSV)
	f.Header = false
	out, dir := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: f, OrderBy: []string{"id"}, Layout: engine.Layout{MaxRows: 12000}})
	var all, want strings.Builder
	for _, f := range out.Files {
		all.WriteString(read(t, filepath.Join(dir, f.Name)))
	}
	for i := range 50000 {
		fmt.Fprintln(&want, i)
	}
	if all.String() != want.String() {
		t.Error("the files one after the other are not in order")
	}
}

func TestFilesStayBelowTheirSize(t *testing.T) {
	j, d := newJob(t)
	// Rows grow, shrink and compress differently on the way.
	define(t, j, "t", "SELECT range AS id, CASE WHEN range < 60000 THEN 'x' WHEN range < 120000 THEN repeat(md5(range::VARCHAR), 4) ELSE repeat('y', 200) END AS s FROM range(200000)")
	gz := encode.Default(encode.CSV)
	gz.Compression = encode.Gzip
	for name, f := range map[string]encode.Format{"parquet": encode.Default(encode.Parquet), "csv": encode.Default(encode.CSV), "csv.gz": gz, "ndjson": encode.Default(encode.NDJSON)} {
		t.Run(name, func(t *testing.T) {
			const ceiling = 1 << 20
			e := engine.ExportFiles{Relation: "t", Format: f, OrderBy: []string{"id"}, Layout: engine.Layout{MaxSize: ceiling}}
			out, _ := exportFiles(t, j, d, e)
			if out.Rows() != 200000 || len(out.Files) < 2 {
				t.Errorf("%s", shape(out))
			}
			small := 0
			for _, f := range out.Files {
				if f.Size > ceiling {
					t.Errorf("file %d has %d bytes", f.Number, f.Size)
				}
				if f.Size < ceiling/3 {
					small++
				}
			}
			if small > len(out.Files)/3+1 {
				t.Errorf("%d of %d files are small: %v", small, len(out.Files), out.Files)
			}
			again, _ := exportFiles(t, j, d, e)
			if diff := cmp.Diff(out, again); diff != "" {
				t.Errorf("a second export differs:\n%s", diff)
			}
		})
	}
}

func TestRowLargerThanTheCeiling(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT range AS id, CASE WHEN range = 2 THEN repeat('z', 5000) ELSE 'a' END AS s FROM range(5)")
	out, _ := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: encode.Default(encode.CSV), OrderBy: []string{"id"}, Layout: engine.Layout{MaxSize: 1000}})
	if got, want := shape(out), "1:2 2:1 3:2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPartitions(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", `SELECT * FROM (VALUES (1, 'EU', DATE '2026-01-31', 1.5), (2, 'EU', DATE '2026-02-01', 2.5), (3, NULL, DATE '2026-01-31', 3.5),
		(4, 'a/b', NULL, 4.5), (5, '', DATE '2026-01-31', 5.5), (6, 'EU', DATE '2026-01-31', 6.5), (7, 'EU', DATE '2026-01-31', 7.5)) v(id, "Region", day, total)`)
	out, dir := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: encode.Default(encode.CSV), OrderBy: []string{"id desc"},
		Layout: engine.Layout{PartitionBy: []string{"region", "day"}, MaxRows: 2}})
	want := "Region=EU/day=2026-01-31/1:2 Region=EU/day=2026-01-31/2:1 Region=EU/day=2026-02-01/1:1 Region=a%2Fb/day=__HIVE_DEFAULT_PARTITION__/1:1 " +
		"Region=__HIVE_DEFAULT_PARTITION__/day=2026-01-31/1:2"
	if got := shape(out); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if out.Schema.Index("region") >= 0 || len(out.Schema) != 2 {
		t.Errorf("the files' schema is %s", out.Schema)
	}
	if got, want := read(t, filepath.Join(dir, out.Files[0].Name)), "id,total\n7,7.5\n6,6.5\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := read(t, filepath.Join(dir, out.Files[4].Name)), "id,total\n5,5.5\n3,3.5\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFilesOfNoRows(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT 1 AS id, 'x' AS s WHERE false")
	out, _ := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: encode.Default(encode.Parquet), Layout: engine.Layout{MaxRows: 10, MaxSize: 10}})
	if got := shape(out); got != "1:0" {
		t.Errorf("got %s, want one file without rows", got)
	}
	out, _ = exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: encode.Default(encode.Parquet), Layout: engine.Layout{PartitionBy: []string{"s"}}})
	if len(out.Files) != 0 || len(out.Schema) != 1 {
		t.Errorf("%+v, want no file", out)
	}
}

func TestFilesKeepEveryType(t *testing.T) {
	j, d := newJob(t)
	schema := define(t, j, "t", everyType)
	before, err := j.Hash(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	out, dir := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: encode.Default(encode.Parquet), Layout: engine.Layout{MaxRows: 2}})
	var names []string
	for _, f := range out.Files {
		names = append(names, f.Name)
	}
	got, err := j.Attach(t.Context(), "again", files(dir, dataset.Parquet, names...))
	if err != nil || got.String() != schema.String() {
		t.Errorf("schema became\n%s, was\n%s; %v", got, schema, err)
	}
	if after, err := j.Hash(t.Context(), "again"); err != nil || after != before {
		t.Errorf("hash became %v, was %v; %v", after, before, err)
	}
}

func TestFilesAreRefused(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "t", "SELECT range AS id, [range] AS list, range / 7 AS x FROM range(20001)")
	define(t, j, "bad", "SELECT range AS id, CASE WHEN range = 150 THEN 'NaN'::DOUBLE ELSE 1 END AS x FROM range(200)")
	ndjson := encode.Default(encode.NDJSON)
	tests := []struct {
		name string
		e    engine.ExportFiles
		code string
		word string
	}{
		{"no such column", engine.ExportFiles{Relation: "t", Layout: engine.Layout{PartitionBy: []string{"idd"}}}, "column-not-found", `Did you mean "id"?`},
		{"list", engine.ExportFiles{Relation: "t", Layout: engine.Layout{PartitionBy: []string{"list"}}}, "column-unsuitable", "array(bigint)"},
		{"floating point", engine.ExportFiles{Relation: "t", Layout: engine.Layout{PartitionBy: []string{"x"}}}, "column-unsuitable", "double"},
		{"nothing left", engine.ExportFiles{Relation: "one", Layout: engine.Layout{PartitionBy: []string{"id"}}}, "column-unsuitable", "every column"},
		{"order by nothing", engine.ExportFiles{Relation: "t", OrderBy: []string{"y"}, Layout: engine.Layout{MaxRows: 9}}, "column-not-found", "order_by"},
		{"too many by rows", engine.ExportFiles{Relation: "t", Layout: engine.Layout{MaxRows: 2}}, "too-many-files", "10000"},
		{"too many by value", engine.ExportFiles{Relation: "t", Layout: engine.Layout{PartitionBy: []string{"id"}}}, "too-many-files", "20001 rows"},
		{"not finite", engine.ExportFiles{Relation: "bad", Format: ndjson, OrderBy: []string{"id"}, Layout: engine.Layout{MaxRows: 50}}, "value-unsupported", `"x"`},
	}
	define(t, j, "one", "SELECT 1 AS id")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.e.Dir = filepath.Join(d.out, "refused")
			if tt.e.Format.Kind == "" {
				tt.e.Format = encode.Default(encode.CSV)
			}
			_, err := j.ExportFiles(t.Context(), tt.e)
			wantProblem(t, err, tt.code, tt.word)
			if entries, err := os.ReadDir(tt.e.Dir); err != nil || len(entries) > 0 {
				t.Errorf("%d files are left, %v", len(entries), err)
			}
		})
	}
	_, err := j.ExportFiles(t.Context(), engine.ExportFiles{Relation: "t", Format: ndjson, Dir: filepath.Dir(d.in), Layout: engine.Layout{MaxRows: 9}})
	wantProblem(t, err, "internal", "may not write")
	entries, err := os.ReadDir(d.Dir)
	for _, entry := range entries {
		if entry.Name() != "spill" || err != nil {
			t.Errorf("%s is left in the job's directory, %v", entry.Name(), err)
		}
	}
}

// However rows are cut, each is in one file, in order, and every file but the
// last of its partition is full by rows or by size.
func TestCutsAreExact(t *testing.T) {
	j, d := newJob(t)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 400).Draw(rt, "rows")
		layout := engine.Layout{MaxRows: rapid.Int64Range(0, 150).Draw(rt, "max rows"), MaxSize: rapid.SampledFrom([]int64{0, 300, 2000}).Draw(rt, "max size")}
		partitions := rapid.IntRange(0, 3).Draw(rt, "partitions")
		if partitions > 0 {
			layout.PartitionBy = []string{"p"}
		}
		define(t, j, "t", fmt.Sprintf("SELECT range AS id, range %% %d AS p, repeat('x', (range * 31 %% 97 + 1)::INTEGER) AS s FROM range(%d)", max(1, partitions), n))
		f := encode.Default(encode.CSV)
		f.Header = false
		out, dir := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: f, OrderBy: []string{"id"}, Layout: layout})
		last := map[string]string{}
		for i, file := range out.Files {
			full := layout.MaxRows > 0 && file.Rows == layout.MaxRows || layout.MaxSize > 0
			if end := i+1 == len(out.Files) || out.Files[i+1].Partition != file.Partition; !full && !end && layout.Cuts() {
				rt.Errorf("%s: file %d is not full", shape(out), i+1)
			}
			if layout.MaxRows > 0 && file.Rows > layout.MaxRows || layout.MaxSize > 0 && file.Size > layout.MaxSize && file.Rows > 1 {
				rt.Errorf("%s: file %d is too large", shape(out), i+1)
			}
			last[file.Partition] += read(t, filepath.Join(dir, file.Name))
		}
		for p := range max(1, partitions) {
			var want strings.Builder
			for id := p; id < n; id += max(1, partitions) {
				fmt.Fprintf(&want, "%d,", id)
				if partitions == 0 {
					want.WriteString("0,")
				}
				fmt.Fprintln(&want, strings.Repeat("x", id*31%97+1))
			}
			name := ""
			if partitions > 0 {
				name = fmt.Sprintf("p=%d/", p)
			}
			if last[name] != want.String() {
				rt.Errorf("partition %q holds %q, want %q", name, last[name], want.String())
			}
		}
	})
}
