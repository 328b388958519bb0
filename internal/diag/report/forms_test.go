package report_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/diag/report"
	"waybill/internal/problem"
)

// daily is n pipelines that fire at nine.
func daily(n int) *report.Report {
	r := &report.Report{Now: now, Files: 1, Declared: n}
	for i := range n {
		p := report.Pipeline{Name: fmt.Sprintf("p%02d", i), Zone: time.UTC, Schedules: []report.Schedule{{Expression: "0 9 * * *", Timezone: "UTC"}}}
		for day := range report.Firings {
			p.Next = append(p.Next, now.AddDate(0, 0, 1+day))
		}
		r.Pipelines = append(r.Pipelines, p)
	}
	return r
}

func human(t *testing.T, r *report.Report, style diag.Style, all bool) string {
	t.Helper()
	var b strings.Builder
	if err := report.Human(&b, r, style, all); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHumanListsTwelvePipelines(t *testing.T) {
	for _, tt := range []struct {
		pipelines, listed int
		all               bool
		rest              string
	}{
		{12, 12, false, ""},
		{13, 12, false, "… and 1 more; --verbose lists all\n"},
		{40, 12, false, "… and 28 more; --verbose lists all\n"},
		{40, 40, true, ""},
	} {
		r := daily(tt.pipelines)
		r.Pipelines = append(r.Pipelines, report.Pipeline{Name: "by_hand", Zone: time.UTC}) // counts for nothing
		got := human(t, r, diag.Style{}, tt.all)
		if n := strings.Count(got, "Mon 23 Nov 10:00"); n != tt.listed {
			t.Errorf("%d pipelines: %d listed, want %d", tt.pipelines, n, tt.listed)
		}
		if strings.Contains(got, "more;") != (tt.rest != "") || !strings.Contains(got, tt.rest) {
			t.Errorf("%d pipelines: want %q in\n%s", tt.pipelines, tt.rest, got)
		}
	}
}

func TestHumanTellsFiftyMistakes(t *testing.T) {
	warning := diag.Warning("unused", hcl.Range{}, "a warning", "")
	mistakes := func(n int) hcl.Diagnostics {
		out := hcl.Diagnostics{warning, warning, warning}
		for i := range n {
			out = append(out, diag.Error("syntax", hcl.Range{}, fmt.Sprintf("mistake %d", i), ""))
		}
		return out
	}
	for _, tt := range []struct {
		mistakes, errors, warnings int
		all                        bool
		rest                       string
	}{
		{47, 47, 3, false, ""},
		{48, 48, 2, false, "… and 1 more; --verbose lists all\n"},
		{60, 50, 0, false, "… and 13 more; --verbose lists all\n"},
		{60, 60, 3, true, ""},
	} {
		got := human(t, &report.Report{Now: now, Files: 1, Diags: mistakes(tt.mistakes)}, diag.Style{}, tt.all)
		if e, w := strings.Count(got, "Error: "), strings.Count(got, "Warning: "); e != tt.errors || w != tt.warnings {
			t.Errorf("%d mistakes: %d errors and %d warnings are told", tt.mistakes, e, w)
		}
		if strings.Contains(got, "more;") != (tt.rest != "") || !strings.Contains(got, tt.rest) || !strings.Contains(got, fmt.Sprintf("%d errors", tt.mistakes)) {
			t.Errorf("%d mistakes: want %q in\n%s", tt.mistakes, tt.rest, got)
		}
	}
}

func TestHumanHasNoTableOfNothing(t *testing.T) {
	r := &report.Report{Now: now, Files: 2, Declared: 1, Took: 3*time.Minute + 20*time.Second, Pipelines: []report.Pipeline{{Name: "by_hand", Zone: time.UTC}}}
	if got, want := human(t, r, diag.Style{}, false), "valid: 2 files, 1 pipeline (3m20s)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r = daily(1)
	r.Diags = hcl.Diagnostics{diag.Error("syntax", hcl.Range{}, "x", "")}
	if got := human(t, r, diag.Style{}, false); strings.Contains(got, "PIPELINE") {
		t.Errorf("a project with errors fires:\n%s", got)
	}
}

func TestHumanInColour(t *testing.T) {
	r := daily(13)
	r.Pipelines[0].Disabled, r.Pipelines[0].Next = true, nil
	got := human(t, r, diag.Style{Color: true}, false)
	for _, want := range []string{"\x1b[32mvalid:\x1b[0m", "p00        \x1b[33mdisabled\x1b[0m           ", "\x1b[2m… and 1 more; --verbose lists all\x1b[0m"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in %q", want, got)
		}
	}
}

// in makes a report of one diagnostic, at the first line of a file.
func in(file string, paths report.Paths) *report.Report {
	at := hcl.Range{Filename: file, Start: hcl.Pos{Line: 1, Column: 1}, End: hcl.Pos{Line: 1, Column: 2}}
	return &report.Report{Diags: hcl.Diagnostics{diag.Error("syntax", at, "a, 100% b: c\r\nd", "line 1\nline 2")}, Paths: paths}
}

func TestGitHubEscapes(t *testing.T) {
	paths := report.Paths{Root: "/repo", Work: "/repo", Project: "/repo"}
	for file, want := range map[string]string{
		"main.hcl":            "main.hcl",
		"a b/c.hcl":           "a b/c.hcl",
		"50%,x:y.hcl":         "50%25%2Cx%3Ay.hcl",
		"%25.hcl":             "%2525.hcl",
		"a\nb\r\n::error::.x": "a b %3A %3Aerror%3A%3A.x",
		"日本.hcl":              "日本.hcl",
	} {
		got := written(t, in(file, paths), report.GitHub)
		line := "::error file=" + want + ",line=1,endLine=1,col=1,endColumn=2,title=waybill%3A syntax::a, 100%25 b: c d%0Aline 1%0Aline 2\n"
		if got != line+"1 error in 0 files, 0 pipelines\n" {
			t.Errorf("%q: got %s\nwant %s", file, got, line)
		}
	}
}

func TestPathsBeginAtTheRepository(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "repo", "sub", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("repo", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	dir := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	for _, tt := range []struct {
		name, file, github, uri string
		paths                   report.Paths
	}{
		{"at the root", "main.hcl", "main.hcl", "main.hcl", report.Paths{Root: dir("repo"), Work: dir("repo"), Project: dir("repo")}},
		{"below it", "x/main.hcl", "sub/x/main.hcl", "sub/x/main.hcl", report.Paths{Root: dir("repo"), Work: dir("repo", "sub"), Project: dir("repo", "sub")}},
		{"given from elsewhere", "p.wbvars", "sub/p.wbvars", "sub/p.wbvars",
			report.Paths{Root: dir("repo"), Work: dir("repo", "sub"), Project: dir("repo"), Given: []string{"p.wbvars"}}},
		{"given by its whole path", dir("repo", "p.wbvars"), "p.wbvars", "p.wbvars",
			report.Paths{Root: dir("repo"), Work: dir("repo", "sub"), Project: dir("repo"), Given: []string{dir("repo", "p.wbvars")}}},
		{"through a link", "a b.hcl", "sub/a b.hcl", "sub/a%20b.hcl", report.Paths{Root: dir("link"), Work: dir("repo"), Project: dir("repo", "sub")}},
		{"a name with a colon", "c:d?#e%.hcl", "c%3Ad?#e%25.hcl", "c%3Ad%3F%23e%25.hcl", report.Paths{Root: dir("repo"), Work: dir("repo"), Project: dir("repo")}},
		{"outside", "main.hcl", filepath.ToSlash(dir("main.hcl")), "file://" + filepath.ToSlash(dir("main.hcl")),
			report.Paths{Root: dir("repo"), Work: dir("repo"), Project: dir()}},
	} {
		r := in(tt.file, tt.paths)
		if got := written(t, r, report.GitHub); !strings.HasPrefix(got, "::error file="+tt.github+",line=1") {
			t.Errorf("%s: want %s in %s", tt.name, tt.github, got)
		}
		if got := written(t, r, report.SARIF); !strings.Contains(got, `"uri": "`+tt.uri+`"`) {
			t.Errorf("%s: want %s in %s", tt.name, tt.uri, got)
		}
	}
}

// SARIF counts columns in UTF-16, where some characters take two.
func TestSARIFColumns(t *testing.T) {
	r := in("f", report.Paths{Root: "/", Work: "/", Project: "/"})
	r.Sources.Other = map[string][]byte{"f": []byte("x = '😀 e\u0301日' y\n")}
	r.Diags[0].Subject.Start.Column, r.Diags[0].Subject.End.Column = 11, 12
	got := written(t, r, report.SARIF)
	if !strings.Contains(got, `"startColumn": 13`) || !strings.Contains(got, `"endColumn": 14`) {
		t.Error(got)
	}
}

// The text of files makes no links in SARIF.
func TestSARIFHasNoLinks(t *testing.T) {
	r := in("f", report.Paths{})
	r.Diags[0].Detail = "see [here](https://example.com)"
	if got := written(t, r, report.SARIF); strings.Contains(got, "](") {
		t.Error(got)
	}
}

func TestFingerprintsSurviveMoves(t *testing.T) {
	named := func(text string, line int, summaries ...string) []string {
		src := diag.Sources{Other: map[string][]byte{"f": []byte(text)}}
		var diags hcl.Diagnostics
		for _, s := range summaries {
			at := hcl.Pos{Line: line, Column: 1}
			diags = append(diags, diag.Error("syntax", hcl.Range{Filename: "f", Start: at, End: at}, s, ""))
		}
		var out []string
		for _, d := range report.Diagnostics(diags, src) {
			out = append(out, d.Fingerprint)
		}
		return out
	}
	before := named("a = 1\n", 1, "x", "x", "y")
	moved := named("# new\n\n  a =  1\n", 3, "x", "x", "y")
	if strings.Join(before, " ") != strings.Join(moved, " ") {
		t.Errorf("%q became %q", before, moved)
	}
	if before[0] == before[1] || before[0] == before[2] {
		t.Errorf("%q are alike", before)
	}
	if other := named("b = 1\n", 1, "x"); other[0] == before[0] {
		t.Error("another line has the same fingerprint")
	}
}

func TestFailure(t *testing.T) {
	d := report.Failure(problem.New("file-not-readable", "the directory x cannot be read", errors.New("permission denied")))
	if d.Summary != "the directory x cannot be read: permission denied" || diag.CodeOf(d) != "file-not-readable" || d.Detail == "" {
		t.Errorf("got %v [%s]", d, diag.CodeOf(d))
	}
}

// A writer that is full ends each form with its error.
func TestWriteErrors(t *testing.T) {
	for _, f := range formats {
		if err := f.write(full{}, daily(1)); !errors.Is(err, errFull) {
			t.Errorf("%s: got %v", f.name, err)
		}
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
