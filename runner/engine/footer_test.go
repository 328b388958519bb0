package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"waybill/internal/dataset"
	"waybill/runner/encode"
)

// TestFooter: what a file says of itself is found, over its row groups, and
// compared as what it stands for: -10 is less than -9, and 10 more than 9.
func TestFooter(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "r", `SELECT (range - 10)::INTEGER AS id, CASE WHEN range % 2 = 0 THEN 'e' || range END AS name,
		(range / 4)::DECIMAL(12,2) AS total, DATE '2026-01-31' + range::INTEGER AS day, [range] AS tags FROM range(5000)`)
	path := filepath.Join(d.out, "a[1].parquet")
	format := encode.Default(encode.Parquet)
	format.RowGroupRows = 2048
	export(t, j, "r", path, format)
	f, err := j.Footer(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if f.Rows != 5000 || len(f.RowGroups) != 3 || f.RowGroups[0].Rows != 2048 || f.RowGroups[2].Rows != 904 || f.RowGroups[0].Bytes <= 0 || f.CreatedBy == "" {
		t.Errorf("the file has %d rows in %+v by %q", f.Rows, f.RowGroups, f.CreatedBy)
	}
	want := []struct {
		path, physical string
		nulls          int64
		least, most    string // empty: none
	}{
		{"id", "INT32", 0, "-10", "4989"}, {"name", "BYTE_ARRAY", 2500, "e0", "e998"}, {"total", "INT64", 0, "0.00", "1249.75"},
		{"day", "INT32", 0, "2026-01-31", "2039-10-09"}, {"tags, list, element", "INT64", 0, "", ""},
	}
	if len(f.Columns) != len(want) {
		t.Fatalf("columns %+v", f.Columns)
	}
	for i, w := range want {
		c := f.Columns[i]
		if c.Path != w.path || c.Physical != w.physical || c.Compression != "zstd" || c.Compressed <= 0 || c.Nulls == nil || *c.Nulls != w.nulls {
			t.Errorf("column %d is %+v, want %+v", i, c, w)
		}
		if shown(c.Min) != w.least || shown(c.Max) != w.most {
			t.Errorf("%s goes from %q to %q, want %q to %q", c.Path, shown(c.Min), shown(c.Max), w.least, w.most)
		}
	}
	if f.Columns[2].Logical != "Decimal(scale=2, precision=12)" {
		t.Errorf("total is %q", f.Columns[2].Logical)
	}
}

func shown(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// TestFooterOfAHollowFile: the footer is all that is read, so that a file can be
// looked at of which nothing else is there.
func TestFooterOfAHollowFile(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "r", "SELECT range AS id, md5(range::VARCHAR) AS text FROM range(20000)")
	path := filepath.Join(d.out, "a.parquet")
	export(t, j, "r", path, encode.Default(encode.Parquet))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[4 : len(data)-4<<10]) // the footer is shorter than 4 KiB
	write(t, d.in, "hollow.parquet", string(data))
	whole, err := j.Footer(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	hollow, err := j.Footer(t.Context(), filepath.Join(d.in, "hollow.parquet"))
	if err != nil || hollow.Rows != whole.Rows || shown(hollow.Columns[1].Max) != shown(whole.Columns[1].Max) {
		t.Errorf("got %+v, %v, want %+v", hollow, err, whole)
	}
	if schema, err := j.Attach(t.Context(), "hollow", files(d.in, dataset.Parquet, "hollow.parquet")); err != nil || schema.String() != "id bigint, text varchar" {
		t.Errorf("schema %s, %v", schema, err)
	}
	_, err = j.Footer(t.Context(), filepath.Join(d.in, "gone.parquet"))
	wantProblem(t, err, "transform-failed", "gone.parquet")
	write(t, d.in, "bad.parquet", "PAR1 this is no Parquet PAR1")
	if _, err = j.Footer(t.Context(), filepath.Join(d.in, "bad.parquet")); err == nil {
		t.Error("a file that is no Parquet has a footer")
	}
	if _, err = j.Footer(t.Context(), "/etc/passwd"); err == nil {
		t.Error("a file outside of the job's directories was read")
	}
}
