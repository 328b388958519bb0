package encode_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/encode"
	"waybill/runner/engine/duckdb"
)

var recordSchema = dataset.Schema{{Name: "id", Type: "bigint"}, {Name: "name", Type: "varchar"}, {Name: "price", Type: "decimal(9,2)"}, {Name: "tags", Type: "array(varchar)"}}

const (
	records      = 1000
	recordsQuery = "SELECT range AS id, CASE WHEN range % 2 > 0 THEN repeat('n', range % 7) || range END AS name, range::DECIMAL(9,2) AS price, ['a', 'b'][1:range % 3] AS tags FROM range(1000)"
)

// parquetOf writes rows to a Parquet file with a codec, by its name in SQL.
func parquetOf(t *testing.T, query, codec string) string {
	t.Helper()
	dir := t.TempDir()
	db, err := duckdb.Open(t.Context(), duckdb.Options{Dirs: []string{dir}, Threads: 1, MemoryLimit: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "f.parquet")
	if _, err := db.ExecContext(t.Context(), "COPY ("+query+") TO "+duckdb.Literal(path)+" (FORMAT parquet, COMPRESSION "+codec+")"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestVerifyParquet(t *testing.T) {
	for name, codec := range map[string]string{encode.None: "uncompressed", encode.Snappy: "snappy", encode.Gzip: "gzip", encode.Zstd: "zstd"} {
		if err := encode.VerifyParquet(parquetOf(t, recordsQuery, codec), encode.Meant{Schema: recordSchema, Rows: records, Codec: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Names that the second reader confuses are no fault of the file.
	odd := parquetOf(t, `SELECT 1::BIGINT AS "a b", 'x' AS "a.b", {'é': 1::BIGINT, '1': 2::BIGINT} AS "select"`, "zstd")
	schema := dataset.Schema{{Name: "a b", Type: "bigint"}, {Name: "a.b", Type: "varchar"}, {Name: "select", Type: "row(é bigint, \"1\" bigint)"}}
	if err := encode.VerifyParquet(odd, encode.Meant{Schema: schema, Rows: 1}); err != nil {
		t.Error(err)
	}
}

func TestVerifyParquetRefuses(t *testing.T) {
	path := parquetOf(t, recordsQuery, "snappy")
	good := encode.Meant{Schema: recordSchema, Rows: records, Codec: encode.Snappy}
	with := func(i int, name, typ string) dataset.Schema {
		s := append(dataset.Schema{}, recordSchema...)
		s[i] = dataset.Column{Name: name, Type: typ}
		return s
	}
	for says, want := range map[string]encode.Meant{
		"1000 rows instead of 999":  {Schema: recordSchema, Rows: 999},
		"4 columns instead of 3":    {Schema: recordSchema[:3], Rows: records},
		`called "id" instead`:       {Schema: with(0, "ID", "bigint"), Rows: records},
		"type bigint instead":       {Schema: with(0, "id", "double"), Rows: records},
		"decimal(9,2) instead":      {Schema: with(2, "price", "decimal(9,3)"), Rows: records},
		"type array instead of map": {Schema: with(3, "tags", "map(varchar, bigint)"), Rows: records},
		"SNAPPY instead of zstd":    {Schema: recordSchema, Rows: records, Codec: encode.Zstd},
	} {
		wantInvalid(t, encode.VerifyParquet(path, want), says)
	}
	// The second reader finds no values in these, and no error.
	for _, codec := range []string{"lz4_raw", "brotli"} {
		wantInvalid(t, encode.VerifyParquet(parquetOf(t, recordsQuery, codec), encode.Meant{Schema: recordSchema, Rows: records}), "compressed with")
	}
	if err := encode.VerifyParquet(path+"x", good); err == nil {
		t.Error("a file that is not there was verified")
	}
}

// TestVerifyDamagedParquet damages a good file in ways that were always caught
// when this was measured.
func TestVerifyDamagedParquet(t *testing.T) {
	path := parquetOf(t, recordsQuery, "zstd")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := encode.Meant{Schema: recordSchema, Rows: records, Codec: encode.Zstd}
	footer := int(binary.LittleEndian.Uint32(whole[len(whole)-8:]))
	damaged := map[string][]byte{
		"empty":             {},
		"short":             whole[:11],
		"no footer":         whole[:len(whole)-footer],
		"no magic":          append(append([]byte{}, whole[:len(whole)-4]...), "PAR2"...),
		"zeroed first page": zeroed(whole, 4, 200),
		"zeroed footer":     zeroed(whole, len(whole)-8-footer, footer),
		"huge footer":       append(append([]byte{}, whole[:len(whole)-8]...), 0xff, 0xff, 0xff, 0x7f, 'P', 'A', 'R', '1'),
		"pages cut out":     append(append([]byte("PAR1"), whole[len(whole)/2:len(whole)-8-footer]...), whole[len(whole)-8-footer:]...),
	}
	for name, data := range damaged {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { wantInvalid(t, encode.VerifyParquet(path, want), "") })
	}
}

func zeroed(data []byte, from, n int) []byte {
	out := append([]byte{}, data...)
	clear(out[from : from+n])
	return out
}

func wantInvalid(t *testing.T, err error, says string) {
	t.Helper()
	if p := problem.As(err); p == nil || p.Code != "artifact-invalid" || !strings.Contains(p.Error(), says) {
		t.Errorf("got %v, want artifact-invalid that says %q", err, says)
	}
}
