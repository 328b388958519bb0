package encode_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/runner/encode"
	"waybill/runner/engine/duckdb"
)

// allTypes are the types that UNLOAD writes, as DuckDB has them.
const allTypes = `SELECT true AS b, 1::TINYINT AS i8, 2::SMALLINT AS i16, 3::INTEGER AS i32, 4::BIGINT AS i64, 1.5::FLOAT AS f, 2.5::DOUBLE AS d,
	1.25::DECIMAL(9,2) AS d9, 1.25::DECIMAL(18,2) AS d18, 1.25::DECIMAL(38,2) AS d38, 'x' AS s, 'x'::BLOB AS bin, DATE '2026-01-31' AS day,
	TIMESTAMP '2026-01-31 09:00:00' AS at, [1, NULL] AS list, MAP {'a': 1} AS m, {'x': 1, 'y': ['a']} AS r`

// copied writes a query's rows as Parquet with more options.
func copied(t *testing.T, query, options string) string {
	t.Helper()
	dir := t.TempDir()
	db, err := duckdb.Open(t.Context(), duckdb.Options{Dirs: []string{dir}, Threads: 1, MemoryLimit: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	path := filepath.Join(dir, "f.parquet")
	if _, err := db.ExecContext(t.Context(), "COPY ("+query+") TO "+duckdb.Literal(path)+" (FORMAT parquet"+options+")"); err != nil {
		t.Fatal(err)
	}
	return path
}

// foreign is a file that another writer wrote; see testdata/foreign.
func foreign(name string) string { return filepath.Join("testdata", name+".parquet") }

const plainQuery = "SELECT 1::BIGINT AS id, 'x' AS name, 1::DECIMAL(12,2) AS price, 1::DECIMAL(20,2) AS long"

// What another writer writes in its own way, but means the same, is no deviation.
func TestNoDeviation(t *testing.T) {
	zstd := encode.Default(encode.Parquet)
	if how, rows := zstd.Deviation(copied(t, allTypes, ", COMPRESSION zstd"), copied(t, allTypes+" LIMIT 0", ", COMPRESSION zstd"), 0); how != "" || rows != 1 {
		t.Errorf("all types: %q, %d rows", how, rows)
	}
	for _, name := range []string{"plain", "indexed"} {
		if how, rows := zstd.Deviation(foreign(name), copied(t, plainQuery+" LIMIT 0", ", COMPRESSION zstd"), 0); how != "" || rows != 1 {
			t.Errorf("%s, by another writer: %q, %d rows", name, how, rows)
		}
	}
	rows := "SELECT range AS id FROM range(10000)"
	if how, _ := zstd.Deviation(copied(t, rows, ", COMPRESSION zstd, ROW_GROUP_SIZE 4096"), copied(t, rows+" LIMIT 0", ""), 4000); how != "" {
		t.Errorf("row groups, rounded up: %q", how)
	}
}

func TestDeviation(t *testing.T) {
	tests := []struct {
		name, reference string
		file            func(*testing.T) string
		groups          int64
		says            string
	}{
		{"INT96", "SELECT 1::BIGINT AS id, TIMESTAMP '1970-01-01' AS at", other("int96"), 0, "column at is INT96 instead of INT64 timestamp(micros)"},
		{"milliseconds", "SELECT TIMESTAMP '1970-01-01' AS at", other("millis"), 0,
			"column at is INT64 timestamp(millis) instead of INT64 timestamp(micros)"},
		{"an instant", "SELECT TIMESTAMP '1970-01-01' AS at", query("SELECT TIMESTAMPTZ '1970-01-01' AS at", ""), 0,
			"column at is INT64 timestamp(micros) in UTC instead of INT64 timestamp(micros)"},
		{"cannot be NULL", "SELECT 1::BIGINT AS id", other("required"), 0, "column id is REQUIRED instead of OPTIONAL"},
		{"another codec", "SELECT 1 AS id", query("SELECT 1 AS id", ", COMPRESSION snappy"), 0, "compressed with snappy instead of zstd"},
		{"a codec that few read", "SELECT 1 AS id", query("SELECT 1 AS id", ", COMPRESSION lz4_raw"), 0, "compressed with lz4_raw"},
		{"a wider type", "SELECT 1::BIGINT AS id", query("SELECT 1::INTEGER AS id", ", COMPRESSION zstd"), 0, "column id is INT32 instead of INT64"},
		{"another scale", "SELECT 1::DECIMAL(12,2) AS d", query("SELECT 1::DECIMAL(12,3) AS d", ", COMPRESSION zstd"), 0, "decimal(12,3) instead of INT64 decimal(12,2)"},
		{"another name", "SELECT 1 AS id", query("SELECT 1 AS ID", ", COMPRESSION zstd"), 0, `column id is called "ID" instead of called "id"`},
		{"another order", "SELECT 1 AS a, 2 AS b", query("SELECT 2 AS b, 1 AS a", ", COMPRESSION zstd"), 0, `called "b"`},
		{"one column more", "SELECT 1 AS a", query("SELECT 1 AS a, 2 AS b", ", COMPRESSION zstd"), 0, "other columns"},
		{"bytes for text", "SELECT 'x' AS s", query("SELECT 'x'::BLOB AS s", ", COMPRESSION zstd"), 0, "BYTE_ARRAY instead of BYTE_ARRAY string"},
		{"other elements", "SELECT [1::BIGINT] AS l", query("SELECT ['a'] AS l", ", COMPRESSION zstd"), 0, "column l.list.element"},
		{"a dot is no level", `SELECT {'b': 1, 'c': 2} AS a`, query(`SELECT {'b': 1} AS a, 2 AS "a.c"`, ", COMPRESSION zstd"), 0, "column a.c"},
		{"newer encodings", "SELECT range AS id FROM range(9)", query("SELECT hash(range)::VARCHAR AS id FROM range(5000)", ", COMPRESSION zstd, PARQUET_VERSION v2"), 0, "instead of"},
		{"newer encodings of the same columns", "SELECT range AS id FROM range(9)", query("SELECT range AS id FROM range(5000)", ", COMPRESSION zstd, PARQUET_VERSION v2"), 0, "which not every reader knows"},
		{"metadata of its own", "SELECT 1 AS id", query("SELECT 1 AS id", ", COMPRESSION zstd, KV_METADATA {note: 'internal'}"), 0, `metadata of its own ("note")`},
		{"a page index that leads elsewhere", plainQuery, other("index"), 0, "its page index is wrong: "},
		{"large row groups", "SELECT range AS id FROM range(9)", query("SELECT range AS id FROM range(10000)", ", COMPRESSION zstd"), 4096, "a row group has 10000 rows instead of 4096"},
		{"small row groups", "SELECT range AS id FROM range(9)", query("SELECT range AS id FROM range(10000)", ", COMPRESSION zstd, ROW_GROUP_SIZE 2048"), 4096, "a row group has 2048 rows instead of 4096"},
		{"no Parquet", "SELECT 1 AS id", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, []byte("id\n1\nsomething longer\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, 0, "its footer cannot be read"},
		{"nothing", "SELECT 1 AS id", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }, 0, "its footer cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			how, rows := encode.Default(encode.Parquet).Deviation(tt.file(t), copied(t, tt.reference+" LIMIT 0", ", COMPRESSION zstd"), tt.groups)
			if !strings.Contains(how, tt.says) || rows != 0 {
				t.Errorf("got %q, %d rows; want %q", how, rows, tt.says)
			}
		})
	}
}

func query(sql, options string) func(*testing.T) string {
	return func(t *testing.T) string { return copied(t, sql, options) }
}

func other(name string) func(*testing.T) string {
	return func(*testing.T) string { return foreign(name) }
}
