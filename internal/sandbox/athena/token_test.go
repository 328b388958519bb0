package athena

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sqlish draws texts that are made of what SQL is made of, in any order.
func sqlish() *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{"SELECT", " ", "\n", "'", "''", "'it''s'", `"`, `"a ""b"""`, "--", "-- c\n", "/*", "*/", "(", ")", ",", "?", "CAST(", "AS", "array(varchar)", "1.5e3", "X'31'", "é", "x", ".", ";", "filter(", "date_parse(", "\xff"})
	return rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOf(piece).Draw(t, "pieces"), "") })
}

func TestTokensAreTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sql := sqlish().Draw(t, "sql")
		var back strings.Builder
		for _, tok := range tokenize(sql) {
			if tok.at != back.Len() || tok.text == "" {
				t.Fatalf("token %q is said to be at %d, but is at %d", tok.text, tok.at, back.Len())
			}
			back.WriteString(tok.text)
		}
		if back.String() != sql {
			t.Fatalf("%q became %q", sql, back.String())
		}
	})
}

func TestParseNeverPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.SampledFrom([]string{"", "SELECT ", "UNLOAD (", "UNLOAD (SELECT 1) TO 's3://b/' WITH (", "EXPLAIN (TYPE VALIDATE) "}).Draw(t, "prefix")
		q, f := parse(prefix+sqlish().Draw(t, "sql"), nil)
		if (q == nil || q.body == nil) && f == nil {
			t.Fatal("neither a query nor a failure")
		}
		if f != nil && f.message == "" {
			t.Fatal("a failure without a message")
		}
	})
}

func TestSourcePositions(t *testing.T) {
	q, f := parse("SELECT\n  CAST(a AS array(varchar)),\n  CAST(b AS row(x integer, y map(varchar, double))), X'31', missing FROM t", nil)
	if f != nil {
		t.Fatal(f)
	}
	rewritten := q.body.String()
	if !strings.Contains(rewritten, "VARCHAR[]") || !strings.Contains(rewritten, "STRUCT") || !strings.Contains(rewritten, "unhex('31')") {
		t.Errorf("it became %s", rewritten)
	}
	for word, want := range map[string]string{"a AS": "2:8", "b AS": "3:8", "missing": "3:61", "FROM": "3:69"} {
		line, column := lineColumn(q.sql, q.body.source(strings.Index(rewritten, word)))
		if got := fmt.Sprintf("%d:%d", line, column); got != want {
			t.Errorf("%s is said to be at %s, want %s", word, got, want)
		}
	}
}

func TestIsLiteral(t *testing.T) {
	for text, want := range map[string]bool{
		"1": true, "-1.5": true, "'x'": true, "'it''s'": true, "DATE '2026-01-31'": true, "NULL": true, "true": true, "DECIMAL '1.5'": true,
		"": false, "x": false, "1 OR 1=1": false, "'a' || 'b'": false, "(1)": false, "1; DROP TABLE x": false, "'x' -- c": true, "SELECT 'x'": false, "- 'x'": false,
	} {
		if isLiteral(text) != want {
			t.Errorf("isLiteral(%s) is %v", text, !want)
		}
	}
}

func TestInnerTypes(t *testing.T) {
	for typ, want := range map[string]string{
		"bigint": "", "decimal(12,2)": "12;2", "array(map(varchar, array(bigint)))": "map(varchar, array(bigint))",
		`row(a integer, "b (x, y" decimal(3,1))`: `a integer;"b (x, y" decimal(3,1)`, "map(varchar, double)": "varchar;double",
	} {
		if got := strings.Join(innerTypes(typ), ";"); got != want {
			t.Errorf("%s has %q, want %q", typ, got, want)
		}
	}
	if name, typ := rowField(`"b ""x""" decimal(3,1)`); name != `b "x"` || typ != "decimal(3,1)" {
		t.Errorf("got %q of %q", name, typ)
	}
}

// TestResultReader holds that any table of texts and NULLs comes back as it was
// written, from any record on.
func TestResultReader(t *testing.T) {
	cell := rapid.Ptr(rapid.StringOf(rapid.SampledFrom([]rune("ab,\"\n\r é'"))), true)
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 4).Draw(t, "width")
		rows := rapid.SliceOf(rapid.SliceOfN(cell, width, width)).Draw(t, "rows")
		var file strings.Builder
		offsets := []int64{}
		for _, row := range rows {
			offsets = append(offsets, int64(file.Len()))
			file.WriteString(csvLine(row))
		}
		from := 0
		if len(rows) > 0 {
			from = rapid.IntRange(0, len(rows)-1).Draw(t, "from")
			r := &resultReader{in: bufio.NewReader(strings.NewReader(file.String()[offsets[from]:])), at: offsets[from]}
			for i, want := range rows[from:] {
				if r.at != offsets[from+i] {
					t.Fatalf("record %d is at %d, not %d", from+i, offsets[from+i], r.at)
				}
				got, err := r.next(width)
				if err != nil {
					t.Fatal(err)
				}
				for c := range want {
					if (got[c].VarCharValue == nil) != (want[c] == nil) || want[c] != nil && *got[c].VarCharValue != *want[c] {
						t.Fatalf("record %d, field %d: got %v, want %v", from+i, c, got[c].VarCharValue, want[c])
					}
				}
			}
			if _, err := r.next(width); !errors.Is(err, io.EOF) {
				t.Fatalf("after the last record: %v", err)
			}
		}
	})
}

func csvLine(row []*string) string {
	cells := make([]string, len(row))
	for i, c := range row {
		if c != nil {
			cells[i] = `"` + strings.ReplaceAll(*c, `"`, `""`) + `"`
		}
	}
	return strings.Join(cells, ",") + "\n"
}
