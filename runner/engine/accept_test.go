package engine_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/internal/dataset"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

// unloaded are rows with every type that UNLOAD writes, NULLs and odd values
// among them, as DuckDB has them.
const unloaded = `SELECT range AS i64, range % 2 = 0 AS b, (range % 100)::TINYINT AS i8, range::SMALLINT AS i16, range::INTEGER AS i32,
	(range / 7)::FLOAT AS f, CASE range WHEN 5 THEN 'nan'::DOUBLE ELSE range / 3 END AS d,
	(range / 4)::DECIMAL(9,2) AS d9, (range / 4)::DECIMAL(18,4) AS d18, (range / 4)::DECIMAL(38,10) AS d38,
	CASE WHEN range % 3 > 0 THEN 'ü' || range END AS s, encode(repeat('x', (range % 5)::INTEGER)) AS bin, DATE '2026-01-31' + range::INTEGER AS day,
	TIMESTAMP '2026-01-31 09:00:00.123456' + to_seconds(range) AS at,
	[range, NULL][1:range % 3] AS list, MAP {'k' || range: range % 7} AS m, {'x': range, 'y': ['a', NULL]} AS r FROM range(3000)`

// stand writes a query's rows as a file that stands already, and attaches it.
func stand(t testing.TB, j engine.Job, d jobDirs, query string, f encode.Format) (path string, schema dataset.Schema) {
	t.Helper()
	define(t, j, "made", query)
	path = filepath.Join(d.out, "standing.parquet")
	export(t, j, "made", path, f)
	schema, err := j.Attach(t.Context(), "t", files(d.out, dataset.Parquet, "standing.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	return path, schema
}

func accept(t testing.TB, j engine.Job, a engine.Accept) engine.Accepted {
	t.Helper()
	out, err := j.Accept(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func hashOf(t *testing.T, j engine.Job, dir, name string) engine.Hash {
	t.Helper()
	if _, err := j.Attach(t.Context(), "again", files(dir, dataset.Parquet, name)); err != nil {
		t.Fatal(err)
	}
	h, err := j.Hash(t.Context(), "again")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A file that is accepted has the rows, columns and types that an export would
// have had, over every type that UNLOAD writes and each codec.
func TestAcceptIsWhatAnExportIs(t *testing.T) {
	j, d := newJob(t)
	for _, codec := range []string{encode.None, encode.Snappy, encode.Gzip, encode.Zstd} {
		f := encode.Default(encode.Parquet)
		f.Compression = codec
		path, schema := stand(t, j, d, unloaded, f)
		got := accept(t, j, engine.Accept{Relation: "t", Paths: []string{path}, Format: f})
		if got.Against != "" {
			t.Fatalf("%s: not accepted: %s", codec, got.Against)
		}
		done, dir := exportFiles(t, j, d, engine.ExportFiles{Relation: "t", Format: f})
		if diff := cmp.Diff(done.Schema, got.Schema) + cmp.Diff(schema, got.Schema); diff != "" {
			t.Errorf("%s: columns:\n%s", codec, diff)
		}
		if a, b := got.Files[0], done.Files[0]; a.Rows != b.Rows || a.Number != b.Number || a.Partition != b.Partition {
			t.Errorf("%s: %+v and %+v", codec, a, b)
		}
		if a, b := hashOf(t, j, d.out, "standing.parquet"), hashOf(t, j, dir, done.Files[0].Name); a != b {
			t.Errorf("%s: the rows differ: %+v and %+v", codec, a, b)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256(data)); got.Files[0].SHA256 != sum || got.Files[0].Size != int64(len(data)) {
			t.Errorf("%s: %+v, want SHA-256 %s of %d bytes", codec, got.Files[0], sum, len(data))
		}
	}
}

func TestAcceptRefuses(t *testing.T) {
	zstd := encode.Default(encode.Parquet)
	snappy := zstd
	snappy.Compression = encode.Snappy
	tests := []struct {
		name, query string
		declared    dataset.Schema // of the dataset
		format      encode.Format
		groups      int64
		spoil       func(t *testing.T, path string)
		says        string
	}{
		{"another codec", "SELECT 1 AS id", nil, snappy, 0, nil, "compressed with zstd instead of snappy"},
		{"another format", "SELECT 1 AS id", nil, encode.Default(encode.CSV), 0, nil, "it is no csv"},
		{"a type that was declared otherwise", "SELECT 1 AS id", dataset.Schema{{Name: "id", Type: "bigint"}}, zstd, 0, nil, "column id is INT32 instead of INT64"},
		{"another order was declared", "SELECT 1 AS a, 2 AS b", dataset.Schema{{Name: "b", Type: "integer"}, {Name: "a", Type: "integer"}}, zstd, 0, nil, "column b"},
		{"row groups", "SELECT range AS id FROM range(10000)", nil, zstd, 2048, nil, "a row group has 10000 rows instead of 2048"},
		{"a byte of data turned over", "SELECT range AS id FROM range(10)", nil, zstd, 0, func(t *testing.T, path string) { turn(t, path, 10) }, "the second reader does not take it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j, d := newJob(t)
			path, _ := stand(t, j, d, tt.query, zstd)
			if tt.declared != nil {
				ds := files(d.out, dataset.Parquet, "standing.parquet")
				ds.Schema = tt.declared
				if _, err := j.Attach(t.Context(), "t", ds); err != nil {
					t.Fatal(err)
				}
			}
			if tt.spoil != nil {
				tt.spoil(t, path)
			}
			got := accept(t, j, engine.Accept{Relation: "t", Paths: []string{path}, Format: tt.format, GroupRows: tt.groups})
			if !strings.Contains(got.Against, tt.says) || len(got.Files) > 0 {
				t.Errorf("got %+v, want %q", got, tt.says)
			}
			if left, _ := filepath.Glob(filepath.Join(d.Options.Dir, "*.parquet")); len(left) > 0 {
				t.Errorf("files are left: %v", left)
			}
		})
	}
}

// UNLOAD's timestamps are read and written anew, with all their rows.
func TestINT96IsWrittenAnew(t *testing.T) {
	j, d := newJob(t)
	data, err := os.ReadFile("../encode/testdata/int96.parquet")
	if err != nil {
		t.Fatal(err)
	}
	write(t, d.out, "int96.parquet", string(data))
	schema, err := j.Attach(t.Context(), "t", files(d.out, dataset.Parquet, "int96.parquet"))
	if err != nil || schema.String() != "id bigint, at timestamp" {
		t.Fatalf("%v, %v", schema, err)
	}
	f := encode.Default(encode.Parquet)
	got := accept(t, j, engine.Accept{Relation: "t", Paths: []string{filepath.Join(d.out, "int96.parquet")}, Format: f})
	if want := "column at is INT96 instead of INT64 timestamp(micros)"; got.Against != want {
		t.Errorf("got %q, want %q", got.Against, want)
	}
	export(t, j, "t", filepath.Join(d.out, "new.parquet"), f)
	if a, b := hashOf(t, j, d.out, "int96.parquet"), hashOf(t, j, d.out, "new.parquet"); a != b || a.Rows != 2 {
		t.Errorf("the rows differ: %+v and %+v", a, b)
	}
	footer, err := j.Footer(t.Context(), filepath.Join(d.out, "new.parquet"))
	if err != nil || footer.Columns[1].Physical != "INT64" {
		t.Errorf("%+v, %v", footer.Columns, err)
	}
}

// Several files are accepted together or not at all.
func TestAcceptSeveral(t *testing.T) {
	j, d := newJob(t)
	f := encode.Default(encode.Parquet)
	var paths, names []string
	for i := range 3 {
		define(t, j, "made", fmt.Sprintf("SELECT range + %d AS id FROM range(%d)", i*100, i+1))
		names = append(names, fmt.Sprintf("p%d.parquet", i))
		paths = append(paths, filepath.Join(d.out, names[i]))
		export(t, j, "made", paths[i], f)
	}
	if _, err := j.Attach(t.Context(), "t", files(d.out, dataset.Parquet, names...)); err != nil {
		t.Fatal(err)
	}
	got := accept(t, j, engine.Accept{Relation: "t", Paths: paths, Format: f})
	if got.Against != "" || got.Rows() != 6 || len(got.Files) != 3 || got.Files[2].Number != 3 || got.Files[2].Name != "p2.parquet" {
		t.Errorf("%+v", got)
	}
	// A file that the relation is not read from shows in the number of rows.
	got = accept(t, j, engine.Accept{Relation: "t", Paths: paths[:2], Format: f})
	if !strings.Contains(got.Against, "3 rows, and has 6") {
		t.Errorf("%+v", got)
	}
}

// turn changes a byte of a file.
func turn(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 0xff
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkAccept takes a file as it is that BenchmarkExportParquet would write
// anew. exports/op is how long it takes compared with writing the same rows, in
// the same run.
func BenchmarkAccept(b *testing.B) {
	j, d := newJob(b)
	f := encode.Default(encode.Parquet)
	path, _ := stand(b, j, d, "SELECT range AS id, range % 97 AS grp, md5(range::VARCHAR) AS text, range / 7 AS price, TIMESTAMP '2020-01-01' + to_seconds(range) AS at FROM range(1000000)", f)
	var accepting, exporting time.Duration
	var out engine.Accepted
	for b.Loop() {
		start := time.Now()
		if out = accept(b, j, engine.Accept{Relation: "t", Paths: []string{path}, Format: f}); out.Against != "" {
			b.Fatal(out.Against)
		}
		accepting += time.Since(start)
		b.StopTimer()
		start = time.Now()
		export(b, j, "t", filepath.Join(d.out, "new.parquet"), f)
		exporting += time.Since(start)
		b.StartTimer()
	}
	b.SetBytes(out.Files[0].Size)
	b.ReportMetric(float64(accepting)/float64(exporting), "exports/op")
	b.ReportMetric(float64(exporting)/float64(accepting), "times_faster")
	b.ReportMetric(float64(out.Rows())*float64(b.N)/accepting.Seconds(), "rows/s")
}
