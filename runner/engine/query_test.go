package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

// people is a relation whose values must show up in no error.
const people = "SELECT 1 AS id, 'jane@example.org' AS email, {'street': 'jane''s'} AS address"

// ask is Define or Judge, which must give the same answers.
type ask func(ctx context.Context, name, query string, relations []string) (dataset.Schema, error)

func TestMistakesInQueries(t *testing.T) {
	j, _ := newJob(t)
	define(t, j, "source.people", people)
	define(t, j, "transform.x", "SELECT 1 AS id")
	for _, c := range []struct {
		query, code, says string
		line, column      int
	}{
		{"SELECT id,\n  emial FROM \"source.people\"", "column-not-found", `Did you mean "email"?`, 2, 3},
		{"SELECT 'ééé', emial FROM \"source.people\"", "column-not-found", `"emial"`, 1, 15},
		{"SELECT id FROM people", "bare-table", "people", 1, 16},
		{"SELECT id\nFROM source.people", "bare-table", "source.people", 2, 6},
		{"SELECT id FROM \"source.people\" JOIN (SELECT * FROM information_schema.tables) ON true", "bare-table", "information_schema.tables", 1, 52},
		{"SELECT id FROM duckdb_settings", "bare-table", "duckdb_settings", 1, 16},
		{"SELECT 1 FROM \"transform.z\"", "bare-table", `Did you mean "transform.x"?`, 1, 15},
		{"WITH v AS (SELECT * FROM v) SELECT * FROM v", "bare-table", "reads v", 1, 26},
		{"SELECT (WITH p AS (SELECT 1) SELECT * FROM p), * FROM p", "bare-table", "reads p", 1, 55},
		{"SELEC id", "transform-failed", "syntax error", 1, 1},
		{"SELECT id FROM \"source.people\" WHERE", "transform-failed", "end of input", 1, 37},
		{"SELECT nofunction(id) FROM \"source.people\"", "transform-failed", "nofunction", 1, 8},
		{"SELECT sum(email) FROM \"source.people\"", "transform-failed", "sum(VARCHAR)", 1, 8},
		{"SELECT id, count(*) FROM \"source.people\"", "transform-failed", "GROUP BY", 1, 8},
	} {
		for _, ask := range []ask{j.Define, j.Judge} {
			_, err := ask(t.Context(), "transform.t", c.query, []string{"source.people", "transform.x"})
			wantProblem(t, err, c.code, c.says)
			wantAt(t, err, c.line, c.column)
		}
	}
	for _, c := range []struct{ query, says string }{
		{"SELECT 1 AS a, 2 AS A", `two columns are called "A"`},
		{"SELECT INTERVAL 1 DAY AS i", `column "i" has the type INTERVAL`},
		{"SELECT row(1, 2) AS r", "STRUCT(INTEGER, INTEGER)"},
	} {
		for _, ask := range []ask{j.Define, j.Judge} {
			_, err := ask(t.Context(), "transform.t", c.query, nil)
			wantProblem(t, err, "transform-failed", c.says)
		}
	}
	_, err := j.Define(t.Context(), "transform.t", "SELECT id FROM people", []string{"source.people"})
	if p := problem.As(err); p.Snippet != "${source.people}" {
		t.Errorf("the snippet is %q", p.Snippet)
	}
}

func TestQueriesThatAreFine(t *testing.T) {
	j, _ := newJob(t)
	define(t, j, "source.people", people)
	for query, want := range map[string]string{
		"SELECT id FROM \"source.people\"; -- done ; really\n":                                             "1\n",
		"WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b":                    "1|2\n",
		"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT sum(n) FROM t": "6\n",
		"FROM \"SOURCE.People\" SELECT address.street":                                                     "jane's\n",
		"VALUES (1, NULL)":                                       "1|∅\n",
		"SELECT unnest([1, 2]) AS u":                             "1\n2\n",
		"SELECT * FROM generate_series(1, 2) UNION ALL SELECT 3": "1\n2\n3\n",
		"SELECT * FROM (PIVOT \"source.people\" ON id IN (1) USING count(*) GROUP BY email)": "jane@example.org|1\n",
		"SELECT sum(id) AS s, sum(id) * 100000000000000000000 AS h FROM \"source.people\"":   "1|100000000000000000000\n",
	} {
		judged, err := j.Judge(t.Context(), "transform.judged", query, []string{"source.people"})
		if err != nil {
			t.Errorf("%s: judged: %v", query, err)
		}
		if defined, err := j.Define(t.Context(), "transform.t", query, []string{"source.people"}); err != nil {
			t.Errorf("%s: %v", query, err)
		} else if got := table(t, j, "transform.t"); got != want || !slices.Equal(judged, defined) {
			t.Errorf("%s: got %q of %s, want %q of %s", query, got, defined, want, judged)
		}
	}
}

// TestEscapes proves that no query reads or writes a file, changes a setting or
// looks into the engine, and that the job goes on.
func TestEscapes(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "source.people", people)
	write(t, filepath.Dir(d.in), "secret.csv", "a\ncanary\n")
	write(t, d.in, "given.csv", "a\n1\n")
	if err := os.Symlink(filepath.Join(filepath.Dir(d.in), "secret.csv"), filepath.Join(d.in, "link.csv")); err != nil {
		t.Fatal(err)
	}
	in := d.in
	for _, query := range []string{
		"SELECT * FROM read_csv('/etc/passwd')",
		"SELECT * FROM '/etc/passwd'",
		"SELECT * FROM \"/etc/passwd\"",
		"SELECT * FROM read_csv('" + in + "/given.csv')",
		"SELECT * FROM '" + in + "/given.csv'",
		"SELECT * FROM read_text('" + in + "/link.csv')",
		"SELECT * FROM read_text('" + in + "/../secret.csv')",
		"SELECT * FROM read_blob('/proc/self/environ')",
		"SELECT * FROM glob('/*')",
		"SELECT * FROM sniff_csv('/etc/passwd')",
		"SELECT * FROM parquet_metadata('" + in + "/x.parquet')",
		"SELECT * FROM query('SELECT 1')",
		"SELECT * FROM query_table('source.people')",
		"SELECT * FROM json_execute_serialized_sql('{}')",
		"SELECT * FROM enable_logging(storage = 'file', storage_path = '" + d.out + "/log')",
		"CALL enable_logging()",
		"SELECT * FROM duckdb_settings()",
		"SELECT * FROM duckdb_views()",
		"SELECT * FROM pragma_table_info('x')",
		"SELECT current_setting('temp_directory')",
		"SELECT main.current_setting('temp_directory')",
		"SELECT list_transform(['temp_directory'], lambda x: current_setting(x))",
		"SELECT 1 WHERE getenv('HOME') <> ''",
		"SELECT getvariable('x')",
		"SELECT write_log('x')",
		"COPY (SELECT 1) TO '" + d.out + "/x.csv'",
		"COPY \"source.people\" TO '" + d.out + "/x.csv'",
		"EXPORT DATABASE '" + d.out + "'",
		"ATTACH '" + d.out + "/x.db'",
		"CREATE TABLE x (a INT)",
		"CREATE MACRO f() AS 1",
		"DROP VIEW \"source.people\"",
		"INSERT INTO \"source.people\" VALUES (1)",
		"DELETE FROM \"source.people\"",
		"PRAGMA database_list",
		"SET memory_limit = '100GB'",
		"RESET lock_configuration",
		"INSTALL httpfs",
		"LOAD httpfs",
		"DESCRIBE \"source.people\"",
		"SHOW TABLES",
		"SUMMARIZE \"source.people\"",
		"EXPLAIN SELECT 1",
		"SELECT 1; SELECT 2",
		"SELECT 1; COPY (SELECT 1) TO '" + d.out + "/x.csv'",
		"SELECT $1",
		"SELECT * FROM \"raw:source.people\"",
		"",
		"-- nothing",
	} {
		for _, ask := range []ask{j.Define, j.Judge} {
			_, err := ask(t.Context(), "transform.t", query, []string{"source.people"})
			if p := problem.As(err); p == nil || p.Code != "sql-refused" && p.Code != "bare-table" {
				t.Errorf("%s: got %v, want it refused", query, err)
			}
		}
	}
	wantNoFiles(t, d.out)
	if n, err := j.Count(t.Context(), "source.people"); n != 1 || err != nil {
		t.Errorf("afterwards there are %d people, %v", n, err)
	}
	// A dataset is no way out either.
	for _, name := range []string{"../secret.csv", "link.csv"} {
		ds := files(in, dataset.CSV, name)
		ds.CSV = &dataset.CSVOptions{Header: true}
		if _, err := j.Attach(t.Context(), "x", ds); err == nil {
			t.Errorf("%s was attached", name)
		}
	}
	_, err := j.Export(t.Context(), engine.Export{Relation: "source.people", Path: filepath.Join(d.in, "..", "x.csv"), Format: encode.Default(encode.CSV)})
	wantProblem(t, err, "internal", "may not write")
}

func TestFailuresAtRunTimeSpeakOfNoValues(t *testing.T) {
	j, d := newJob(t)
	define(t, j, "people", people)
	for _, c := range []struct{ query, says string }{
		{"SELECT CAST(email AS INTEGER) AS e FROM people", "could not convert a value of column email to INTEGER"},
		{"SELECT CAST(email || 'x' AS DATE) AS e FROM people", "a text is no date"},
		{"SELECT strptime(email, '%Y') AS e FROM people", "strptime"},
		{"SELECT CAST(email AS JSON) AS e FROM people", "not valid JSON"},
		{"SELECT error(email) AS e FROM people", "refused a value"},
		{"SELECT CAST(id + 300 AS TINYINT) AS e FROM people", "out of range for the type TINYINT"},
		{"SELECT id + 9223372036854775807 AS e FROM people", "overflow in addition of BIGINT"},
		{"SELECT (SELECT unnest([email, 'b'])) AS e FROM people", "several rows"},
		{"SELECT CAST('1.5' || email AS DECIMAL(3,1)) AS e FROM people", "DECIMAL(3,1)"},
		{"SELECT email::UUID AS e FROM people", "UUID"},
	} {
		if _, err := j.Define(t.Context(), "t", c.query, []string{"people"}); err != nil {
			t.Fatalf("%s: %v", c.query, err)
		}
		_, err := j.Export(t.Context(), engine.Export{Relation: "t", Path: filepath.Join(d.out, "t.csv"), Format: encode.Default(encode.CSV)})
		wantProblem(t, err, "transform-failed", c.says)
		wantNoData(t, err)
	}
	wantNoFiles(t, d.out)
}

func TestResultTypes(t *testing.T) {
	j, _ := newJob(t)
	schema := define(t, j, "t", "SELECT 1::HUGEINT h, 1::UINTEGER u, 1::UBIGINT b, 'a'::ENUM('a', 'b') e, NULL n, TIMESTAMP_NS '2020-01-01 00:00:00.123456789' ns, [1::UTINYINT] l, MAP {'a': 1.5} m, now() z, '{}'::JSON j, uuid() id, 'x'::BLOB x, 1::FLOAT f, TIME '10:00' ti")
	want := "h decimal(38,0), u bigint, b decimal(20,0), e varchar, n integer, ns timestamp, l array(smallint), m map(varchar, decimal(2,1)), z timestamp with time zone, j json, id uuid, x varbinary, f real, ti time"
	if schema.String() != want {
		t.Errorf("types are\n%s, want\n%s", schema, want)
	}
}

func TestHash(t *testing.T) {
	j, _ := newJob(t)
	hash := func(query string) engine.Hash {
		t.Helper()
		define(t, j, "t", query)
		h, err := j.Hash(t.Context(), "t")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	base := hash("SELECT * FROM (VALUES (1, 'a'), (2, NULL), (2, NULL)) v(x, y)")
	// The digest is a promise to later versions: it must never change.
	if want := (engine.Hash{Algorithm: "md5-multiset-1", Sum: "cafdc783b69e97be28f069b1dde25bc824d68a0bf89ed4207a5d2e0150f5f658", Rows: 3}); base != want {
		t.Errorf("hash is %+v, want %+v", base, want)
	}
	if other := hash("SELECT * FROM (VALUES (2, NULL), (1, 'a'), (2, NULL)) v(x, y)"); other != base {
		t.Error("the order of rows changes the hash")
	}
	seen := map[string]string{base.Sum: "base"}
	for _, query := range []string{
		"SELECT * FROM (VALUES (1, 'a'), (2, NULL)) v(x, y)",
		"SELECT * FROM (VALUES (1, 'a'), (2, ''), (2, '')) v(x, y)",
		"SELECT * FROM (VALUES (1, 'a'), (2, 'N'), (2, 'N')) v(x, y)",
		"SELECT * FROM (VALUES (1, NULL), (2, 'a'), (2, NULL)) v(x, y)",
		"SELECT * FROM (VALUES (1, 'a'), (2, NULL), (2, NULL)) v(x, z)",
		"SELECT 'ab' AS a, 'c' AS b", "SELECT 'a' AS a, 'bc' AS b",
		"SELECT ['a, b'] AS a", "SELECT ['a', 'b'] AS a", "SELECT [NULL] AS a", "SELECT ['NULL'] AS a", "SELECT '\\x00'::BLOB AS a",
		"SELECT 1 AS a WHERE false", "SELECT '1' AS a WHERE false",
	} {
		h := hash(query)
		if before, ok := seen[h.Sum]; ok {
			t.Errorf("%s hashes like %s", query, before)
		}
		seen[h.Sum] = query
	}
}

func TestPreview(t *testing.T) {
	j, _ := newJob(t)
	define(t, j, "t", "SELECT * FROM range(5000)")
	for limit, want := range map[int]int{0: 0, 3: 3, -1: 0, 100000: 1000} {
		schema, rows, err := j.Preview(t.Context(), "t", limit)
		if err != nil || len(rows) != want || schema.String() != "range bigint" {
			t.Errorf("preview of %d: %d rows, %s, %v", limit, len(rows), schema, err)
		}
	}
	_, _, err := j.Preview(t.Context(), "nowhere", 1)
	wantProblem(t, err, "internal", "nowhere")
}
