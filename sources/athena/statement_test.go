package athena

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseStatement(t *testing.T) {
	for _, tt := range []struct {
		name, query  string
		text, verb   string
		placeholders int
		ordered      bool
		limit        int64
	}{
		{name: "plain", query: "SELECT 1", text: "SELECT 1", verb: "SELECT", limit: -1},
		{name: "blanks and semicolons go", query: "\n  select 1 ;; \n", text: "select 1", verb: "SELECT", limit: -1},
		{name: "a final comment goes", query: "SELECT 1 -- one;", text: "SELECT 1", verb: "SELECT", limit: -1},
		{name: "a comment in front stays", query: "/* ? */ -- ?\nWITH a AS (SELECT ?) SELECT * FROM a", text: "/* ? */ -- ?\nWITH a AS (SELECT ?) SELECT * FROM a", verb: "WITH", placeholders: 1, limit: -1},
		{name: "parentheses in front", query: "((SELECT 1))", text: "((SELECT 1))", verb: "SELECT", limit: -1},
		{name: "quoted question marks", query: `SELECT '?', 'it''s ?', "a?""?", ? FROM t WHERE x = ?`, text: `SELECT '?', 'it''s ?', "a?""?", ? FROM t WHERE x = ?`, verb: "SELECT", placeholders: 2, limit: -1},
		{name: "order", query: "SELECT a FROM t order /* by */ By a", text: "SELECT a FROM t order /* by */ By a", verb: "SELECT", ordered: true, limit: -1},
		{name: "order of a window", query: "SELECT sum(a) OVER (ORDER BY b) FROM t", text: "SELECT sum(a) OVER (ORDER BY b) FROM t", verb: "SELECT", limit: -1},
		{name: "order in a CTE", query: "WITH a AS (SELECT 1 ORDER BY 1 LIMIT 5) TABLE a", text: "WITH a AS (SELECT 1 ORDER BY 1 LIMIT 5) TABLE a", verb: "WITH", limit: -1},
		{name: "order in a text", query: "SELECT 'x ORDER BY y'", text: "SELECT 'x ORDER BY y'", verb: "SELECT", limit: -1},
		{name: "limit", query: "SELECT a FROM t ORDER BY a LIMIT 10", text: "SELECT a FROM t ORDER BY a LIMIT 10", verb: "SELECT", ordered: true, limit: 10},
		{name: "limit that is a parameter", query: "SELECT a FROM t LIMIT ?", text: "SELECT a FROM t LIMIT ?", verb: "SELECT", placeholders: 1, limit: -1},
		{name: "a column called order_by", query: "SELECT order_by FROM t", text: "SELECT order_by FROM t", verb: "SELECT", limit: -1},
		{name: "a quoted order", query: `SELECT "ORDER" by FROM t`, text: `SELECT "ORDER" by FROM t`, verb: "SELECT", limit: -1},
		{name: "no SELECT", query: "DROP TABLE t", text: "DROP TABLE t", verb: "DROP", limit: -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parseStatement(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if s.text != tt.text || s.verb != tt.verb || s.placeholders != tt.placeholders || s.ordered != tt.ordered || s.limit != tt.limit {
				t.Errorf("got %+v, want %+v", s, tt)
			}
			if want := tt.verb != "DROP"; s.reads() != want {
				t.Errorf("reads: got %t, want %t", s.reads(), want)
			}
		})
	}
}

func TestParseStatementRefuses(t *testing.T) {
	for _, tt := range []struct {
		query, want string
		at          Position
	}{
		{"", "the query is empty", Position{}},
		{" ; ", "the query is empty", Position{}},
		{"-- only this", "the query is empty", Position{}},
		{"SELECT 1;\n SELECT 2", "another one follows", Position{1, 9}},
		{"SELECT 'it", "quote (') is not closed", Position{1, 8}},
		{"\n SELECT\n  \"a", `quote (") is not closed`, Position{3, 3}},
		{"SELECT 1 /* to be done", "comment is not closed", Position{1, 10}},
		{"SELECT 1) FROM (SELECT 2", "closes nothing", Position{1, 9}},
		{"SELECT (1", "not closed", Position{}},
	} {
		_, err := parseStatement(tt.query)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.query, err, tt.want)
			continue
		}
		var where Position
		if pe, ok := errors.AsType[*PositionError](err); ok {
			where = pe.At
		}
		if where != tt.at {
			t.Errorf("%q: at %v, want %v", tt.query, where, tt.at)
		}
	}
}

// Whatever stands in quotes and comments is data: it changes nothing of how a
// statement is understood, and the text that is sent is a part of the user's.
func TestQuotedTextIsOpaque(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune(`?;()'"-/* aLIMIT`)), 0, 30, -1).Draw(t, "text")
		query := "SELECT " + quoteString(text) + ", " + quoteName(text) + " /*" + strings.ReplaceAll(text, "*/", "") + " */ FROM t"
		s, err := parseStatement(query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if s.text != query || s.placeholders != 0 || s.ordered || s.limit != -1 {
			t.Fatalf("%s: got %+v", query, s)
		}
	})
}

func TestParseStatementNeverPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		query := rapid.String().Draw(t, "query")
		if s, err := parseStatement(query); err == nil && !strings.Contains(query, s.text) {
			t.Fatalf("%q is no part of %q", s.text, query)
		}
	})
}

// A position that Athena tells about a wrapped statement leads back to the
// same character of what the user wrote.
func TestPositionsLeadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		front := rapid.StringOfN(rapid.RuneFrom([]rune(" \n\t")), 0, 6, -1).Draw(t, "front")
		middle := rapid.StringOfN(rapid.RuneFrom([]rune("é a\n,")), 0, 20, -1).Draw(t, "middle")
		query := front + "SELECT " + middle + "MARK"
		s, err := parseStatement(query)
		if err != nil {
			t.Fatal(err)
		}
		want := endOf(query[:strings.Index(query, "MARK")])
		cut := s.cut(10)
		for wrapped, sent := range map[int]string{0: s.text, wrapLines: s.described(), 2 * wrapLines: cut.described()} {
			seen := endOf(sent[:strings.Index(sent, "MARK")])
			if got := s.inQuery(seen, wrapped); got != want {
				t.Fatalf("%q: %v leads to %v, want %v", sent, seen, got, want)
			}
		}
		if sent := s.unloaded("s3://b/", "zstd"); endOf(sent[:strings.Index(sent, "MARK")]) != endOf(s.described()[:strings.Index(s.described(), "MARK")]) {
			t.Fatal("the two wrappings differ in their lines")
		}
	})
}

func TestTypedStatement(t *testing.T) {
	s, err := parseStatement("SELECT 1 AS a")
	if err != nil {
		t.Fatal(err)
	}
	want := "SELECT typeof(q.\"a\"), typeof(q.\"b\"\"c\") FROM (VALUES (1)) AS one (x) LEFT JOIN (SELECT * FROM (\nSELECT 1 AS a\n) LIMIT 0) AS q ON true"
	if got := s.typed([]string{"a", `b"c`}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPlaceholders(t *testing.T) {
	for query, want := range map[string]int{
		"SELECT 1": 0, "SELECT ? FROM t WHERE a = '?' AND b > ? -- ?": 2, "SELECT ? FROM (": 0, "": 0,
	} {
		if got := Placeholders(query); got != want {
			t.Errorf("%q has %d placeholders, want %d", query, got, want)
		}
	}
}
