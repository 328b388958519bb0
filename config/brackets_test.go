package config

import (
	"strings"
	"testing"
)

// Where brackets do not match, the place is told by the indentation.
func TestMisplacedBrackets(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		line       int
		want       string
	}{
		"a block left open":           {"a.hcl", "a {\n  b {\n    c = 1\n\n  d = 2\n}\n", 3, "the { of line 2 is not closed; By the indentation, } is missing after this line."},
		"the last block left open":    {"a.hcl", "a {\n  b = 1\n", 2, "the { of line 1"},
		"a list left open":            {"a.hcl", "a {\n  b = [1, 2\n  c = 3\n}\n", 2, "the [ of line 2 is not closed"},
		"a call left open":            {"a.hcl", "a {\n  b = f(1, [2]\n  c = 3\n}\n", 2, "the ( of line 2"},
		"a brace opened twice":        {"a.hcl", "a {\n  b = {{\n    c = 3\n  }\n}\n", 2, "the { of line 2"},
		"a brace closed twice":        {"a.hcl", "a {\n  b = { c = 1 }}\n  d = 1\n}\n", 2, "a } too many"},
		"a brace closed once more":    {"a.hcl", "a {\n}\n}\n", 3, "a } too many"},
		"another bracket":             {"a.hcl", "a {\n  b = { c = 1 )\n}\n", 2, "a ) too many"},
		"an interpolation left open":  {"a.hcl", "a {\n  b = \"x${c\"\n  d = 1\n}\n", 2, ""},
		"a heredoc left open":         {"a.hcl", "a {\n  b = <<-SQL\n    SELECT 1\n  c = 1\n}\n", 3, "the text after <<-SQL of line 2 is not closed; By the indentation, a line with SQL alone is missing"},
		"an object of JSON left open": {"a.hcl.json", "{\n  \"a\": {\n    \"b\": 1,\n  \"c\": 2\n}\n", 3, "} is missing after this line"},
		"a brace of JSON too many":    {"a.hcl.json", "{\n  \"a\": {\"b\": {}}},\n  \"c\": 2\n}\n", 2, "a } too many"},
		"a quote of JSON":             {"a.hcl.json", "{\n  \"a\": \"\"b\",\n  \"c\": 2\n}\n", 2, "this is no JSON; Invalid character 'b'"},
		"a comma of JSON":             {"a.hcl.json", "{\n  \"a\": 1\n  \"c\": 2\n}\n", 3, ""},
		"nothing by which to tell":    {"a.hcl", "a {\nb {\nc = 1\n}\n", 1, "Where it ends cannot be told."},
	} {
		_, diags := Load(StoredTree("/p", map[string][]byte{c.file: []byte(c.text)}), Vars{})
		found := false
		for _, d := range diags {
			found = found || d.Subject != nil && d.Subject.Start.Line == c.line && strings.Contains(d.Summary+"; "+d.Detail, c.want)
		}
		if !found {
			t.Errorf("%s: %v, want %q at line %d", name, diags, c.want, c.line)
		}
	}
}

// Indentation alone is a matter of taste.
func TestMatchedBrackets(t *testing.T) {
	for _, text := range []string{
		"a {\n      b = 1\n   }\n", "a {\nb {\nc = 1 }\n  }\n", "a {\n  b = [{\n  c = 1 }, {\n  c = 2\n}]}\n", "a = <<X\n} ] )\nX\nb = \"}\"\n",
	} {
		if d, _ := misplaced([]byte(text), "a.hcl"); d != nil {
			t.Errorf("%q: %v", text, d)
		}
	}
}
