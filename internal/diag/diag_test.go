package diag

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
)

func at(file string, line, column, endLine, endColumn int) hcl.Range {
	// Which block a place is in depends on its line alone.
	offset := len(strings.Join(strings.SplitAfter(source, "\n")[:min(line-1, 10)], ""))
	return hcl.Range{Filename: file, Start: hcl.Pos{Line: line, Column: column, Byte: offset + column}, End: hcl.Pos{Line: endLine, Column: endColumn}}
}

const source = "pipeline \"p\" {\n\tsink \"s3\" \"a\" {\n\t\tkey = \"x\"\n\t}\n}\nlocals {\n  名前 = \"é\" + 日本\r\n  last = <<X\nabc\nX\n}"

func print(t *testing.T, style Style, diags ...*hcl.Diagnostic) string {
	t.Helper()
	parser := hclparse.NewParser()
	file, _ := parser.ParseHCL([]byte(source), "main.hcl")
	var b strings.Builder
	src := Sources{Files: map[string]*hcl.File{"main.hcl": file, "broken.hcl": nil}, Other: map[string][]byte{"t.sql": []byte("SELECT *\nFROM orders")}}
	if err := Print(&b, diags, src, style); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrint(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    *hcl.Diagnostic
		want string
	}{
		{"tabs stay tabs", Error("invalid-value", at("main.hcl", 3, 3, 3, 6), "key: wrong", "Write another."), `
Error: key: wrong  [invalid-value]

  on main.hcl line 3, in pipeline "p":
     3: 		key = "x"
        		^^^
  Write another.

`},
		{"a warning without detail", Warning("unused", at("t.sql", 2, 6, 2, 12), "orders is used by nothing", ""), `
Warning: orders is used by nothing  [unused]

  on t.sql line 2:
     2: FROM orders
             ^^^^^^

`},
		{"wide characters take two places", Error("invalid-expression", at("main.hcl", 7, 14, 7, 16), "no number", ""), `
Error: no number  [invalid-expression]

  on main.hcl line 7, in locals:
     7:   名前 = "é" + 日本
                       ^^^^

`},
		{"several lines: to the end of the first", Error("syntax", at("main.hcl", 8, 10, 10, 2), "bad text", ""), `
Error: bad text  [syntax]

  on main.hcl line 8, in locals:
     8:   last = <<X
                 ^^^

`},
		{"an empty range", Error("syntax", at("main.hcl", 1, 1, 1, 1), "something is missing", ""), `
Error: something is missing  [syntax]

  on main.hcl line 1, in pipeline "p":
     1: pipeline "p" {
        ^

`},
		{"behind the end of the line", Error("syntax", at("t.sql", 2, 40, 2, 50), "eh", ""), `
Error: eh  [syntax]

  on t.sql line 2:
     2: FROM orders
                   ^

`},
		{"behind the end of the file", Error("syntax", at("t.sql", 9, 1, 9, 2), "eh", ""), `
Error: eh  [syntax]

  on t.sql line 9:
     9: 
        ^

`},
		{"a file that is not at hand", Error("syntax", at("other.hcl", 3, 1, 3, 2), "eh", "Do."), `
Error: eh  [syntax]

  on other.hcl line 3
  Do.

`},
		{"a file that could not be parsed", Error("syntax", at("broken.hcl", 3, 1, 3, 2), "eh", ""), `
Error: eh  [syntax]

  on broken.hcl line 3

`},
		{"not in a file", Error("wrong-type", hcl.Range{Filename: "--var x"}, "eh", ""), `
Error: eh  [wrong-type]

  on --var x

`},
		{"nowhere", &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "eh", Detail: "Do."}, `
Error: eh  [syntax]
  Do.

`},
		{"a long detail is wrapped, its lines stay", Error("syntax", hcl.Range{}, "eh", strings.Repeat("word ", 25)+"end\nsecond"), `
Error: eh  [syntax]
  word word word word word word word word word word word word word word word word word word word word
  word word word word word end
  second

`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := print(t, Style{}, tt.d); got != tt.want[1:] {
				t.Errorf("got:\n%s\nwant:%s", got, tt.want)
			}
		})
	}
}

func TestPrintTellsValues(t *testing.T) {
	d := about(t, `"${var.env}-${var.token}-${run.date}"`)
	d.Detail = "Write another.\n::error::no order"
	var b strings.Builder
	if err := Print(&b, hcl.Diagnostics{d}, Sources{Other: map[string][]byte{"main.hcl": []byte(`"${var.env}-${var.token}-${run.date}"`)}}, Style{}); err != nil {
		t.Fatal(err)
	}
	want := `Error: wrong  [invalid-value]

  on main.hcl line 1:
     1: "${var.env}-${var.token}-${run.date}"
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        run.date is known only in a run
        var.env is "staging"
        var.token is (sensitive)
  Write another.
  : :error::no order

`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:%s", b.String(), want)
	}
}

func TestPrintInColour(t *testing.T) {
	got := print(t, Style{Color: true}, Error("syntax", at("t.sql", 2, 1, 2, 5), "bad", ""), Warning("unused", hcl.Range{}, "odd", ""))
	want := "\x1b[31mError:\x1b[0m \x1b[1mbad\x1b[0m  \x1b[2m[syntax]\x1b[0m\n\n  on t.sql line 2:\n  \x1b[2m   2:\x1b[0m FROM orders\n        \x1b[31m^^^^\x1b[0m\n\n" +
		"\x1b[33mWarning:\x1b[0m \x1b[1modd\x1b[0m  \x1b[2m[unused]\x1b[0m\n\n"
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if (Style{Color: true}).Green("") != "" {
		t.Error("nothing is painted")
	}
}

// Text from files reaches the terminal without what steers it.
func TestPrintIsHarmless(t *testing.T) {
	var b strings.Builder
	src := Sources{Other: map[string][]byte{"x.hcl": []byte("a = \"\x1b]0;pwned\x07\"\n")}}
	if err := Print(&b, hcl.Diagnostics{Error("syntax", at("x.hcl", 1, 1, 1, 2), "no \x1b[31mred", "nor \x1b[2J\tclear")}, src, Style{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\x07") {
		t.Errorf("%q steers the terminal", b.String())
	}
}

func TestSort(t *testing.T) {
	// In the order they must come out, all different.
	sorted := hcl.Diagnostics{
		{Severity: hcl.DiagError, Summary: "nowhere"},
		Error("syntax", at("a.hcl", 2, 1, 2, 2), "x", ""),
		Error("syntax", at("a.hcl", 10, 1, 10, 2), "x", ""),
		Error("syntax", at("b.hcl", 1, 1, 1, 2), "x", "one"),
		Error("syntax", at("b.hcl", 1, 1, 1, 2), "x", "two"),
		Error("syntax", at("b.hcl", 1, 1, 1, 2), "y", ""),
		Warning("syntax", at("b.hcl", 1, 1, 1, 2), "a", ""),
		Error("syntax", at("b.hcl", 1, 2, 1, 3), "a", ""),
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		mixed := append(slices.Clone(sorted), sorted[random.IntN(len(sorted))], sorted[random.IntN(len(sorted))])
		random.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		got := Sort(mixed)
		if !slices.EqualFunc(got, sorted, func(a, b *hcl.Diagnostic) bool { return compare(a, b) == 0 }) {
			t.Fatalf("got %v", got)
		}
	}
	if len(Sort(nil)) != 0 {
		t.Error("nothing became something")
	}
}

func TestSuggest(t *testing.T) {
	for _, tt := range []struct {
		name       string
		candidates []string
		want       string
	}{
		{"buckte", []string{"key", "bucket"}, ` Did you mean "bucket"?`},
		{"BUCKET", []string{"bucket"}, ` Did you mean "bucket"?`},
		{"x", []string{"bucket"}, ""},
		{"transform.totals", []string{"transform.total_by_region", "transform.totl"}, ` Did you mean "transform.totl"?`},
		{"a", nil, ""},
		{"", []string{"bucket"}, ""},
		{"naem", []string{"same", "name"}, ` Did you mean "name"?`},
	} {
		if got := Suggest(tt.name, tt.candidates); got != tt.want {
			t.Errorf("Suggest(%q, %q) = %q", tt.name, tt.candidates, got)
		}
	}
}

func TestCodeOf(t *testing.T) {
	if CodeOf(Error("unused", hcl.Range{}, "", "")) != "unused" || CodeOf(&hcl.Diagnostic{}) != "syntax" || CodeOf(&hcl.Diagnostic{Extra: 5}) != "syntax" {
		t.Error("wrong code")
	}
}
