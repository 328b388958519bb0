package report_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/diag/report"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
)

// formats are the forms of output, by the names that golden files have.
var formats = []struct {
	name  string
	write func(io.Writer, *report.Report) error
}{
	{"human.txt", func(w io.Writer, r *report.Report) error { return report.Human(w, r, diag.Style{}, false) }},
	{"report.json", report.JSON},
	{"report.sarif", report.SARIF},
	{"github.txt", report.GitHub},
}

// now is a Sunday.
var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// placeholders stand for what is ugly in a fixture.
var placeholders = strings.NewReplacer("<LONG>", strings.Repeat("0123456789", 500), "<ESC>", "\x1b", "<BEL>", "\x07", "<RLO>", "\u202e")

// checked reports on a project of these files, below shop in a repository.
func checked(files map[string][]byte, vars config.Vars) *report.Report {
	vars.LookupEnv = func(string) (string, bool) { return "", false }
	g, p, diags := compile.Compile(config.StoredTree("/repo/shop", files), vars, compiletest.Registries())
	r := &report.Report{Version: "1.2.3", Diags: diags, Now: now, Took: 230 * time.Millisecond, Files: len(p.Tree.Files()), Declared: len(p.Pipelines),
		Sources: diag.Sources{Files: p.Files, Other: p.Tree.Files()},
		Paths:   report.Paths{Root: "/repo", Work: "/repo", Project: "/repo/shop"}}
	for _, f := range vars.Files {
		r.Paths.Given = append(r.Paths.Given, f.Name)
	}
	if g == nil {
		return r
	}
	for _, p := range g.Pipelines {
		one := report.Pipeline{Name: p.Name, Disabled: !p.Enabled, Zone: p.Location}
		for _, t := range p.Triggers {
			one.Schedules = append(one.Schedules, report.Schedule{Expression: t.Expr.String(), Timezone: t.Location.String(), Description: t.Describe()})
		}
		if p.Enabled {
			one.Next = p.ScheduleSet().Upcoming(now, report.Firings)
		}
		r.Pipelines = append(r.Pipelines, one)
	}
	return r
}

// project makes a fixture's files what their names promise. What begins with
// "given/" is no part of the project but named on the command line.
func project(a *txtar.Archive) (map[string][]byte, config.Vars) {
	files := map[string][]byte{}
	vars := config.Vars{Flags: map[string]string{}}
	for _, f := range a.Files {
		name, data := placeholders.Replace(f.Name), []byte(placeholders.Replace(string(f.Data)))
		switch {
		case strings.HasPrefix(name, "want/"):
		case name == "flags":
			for line := range strings.Lines(string(data)) {
				k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
				vars.Flags[k] = v
			}
		case strings.HasPrefix(name, "given/"):
			vars.Files = append(vars.Files, config.VarFile{Name: name, Src: data})
		case name == "crlf.hcl":
			files[name] = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
		default:
			files[name] = data
		}
	}
	return files, vars
}

// TestGolden compares all formats with what the fixtures say. With
// UPDATE_GOLDEN set it writes it.
func TestGolden(t *testing.T) {
	fixtures, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(fixtures) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range fixtures {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, a)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(name, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func golden(t *testing.T, a *txtar.Archive) {
	r := checked(project(a))
	for _, f := range formats {
		got := written(t, r, f.write)
		i := indexOf(a, "want/"+f.name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			a.Files[i].Data = []byte(got)
		}
		if diff := cmp.Diff(string(a.Files[i].Data), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.name, diff)
		}
	}
}

func indexOf(a *txtar.Archive, name string) int {
	for i, f := range a.Files {
		if f.Name == name {
			return i
		}
	}
	a.Files = append(a.Files, txtar.File{Name: name})
	return len(a.Files) - 1
}

// written is what a format makes of a report; it may hold nothing that steers
// terminals, and no secret.
func written(t *testing.T, r *report.Report, write func(io.Writer, *report.Report) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, c := range b.String() {
		if c != '\n' && c != '\t' && (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)) {
			t.Errorf("the output has the character %U", c)
		}
	}
	for _, word := range []string{"canary", "##[", "##vso["} {
		if strings.Contains(b.String(), word) {
			t.Errorf("the output has %q", word)
		}
	}
	for line := range strings.Lines(b.String()) {
		if len(line) > 2000 {
			t.Errorf("the output has a line of %d bytes: %.200s…", len(line), line)
		}
	}
	return b.String()
}
