// Package diagtest compares diagnostics with what fixtures announce in
// comments on the offending lines:
//
//	input = source.order # ERROR unknown-reference: no source is called "order"
//
// ERROR-BELOW and WARNING-BELOW speak of the next line, for places where no
// comment can stand. In SQL the comment begins with two hyphens.
package diagtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/problem"
)

// Expected is a diagnostic that a fixture announces for one of its lines.
type Expected struct {
	File     string
	Line     int
	Severity hcl.DiagnosticSeverity
	Code     string
	Text     string // part of summary and detail
}

func (e Expected) String() string {
	return fmt.Sprintf("%s:%d [%s] %s", e.File, e.Line, e.Code, e.Text)
}

var marker = regexp.MustCompile(`(?:#|--) (ERROR|WARNING)(-BELOW)? ([a-z-]+): (.*)$`)

// Project returns a directory that holds the fixture, which is a directory or
// a single file, and what it announces.
func Project(t *testing.T, fixture string) (string, []Expected) {
	t.Helper()
	info, err := os.Stat(fixture)
	if err != nil {
		t.Fatal(err)
	}
	dir := fixture
	if !info.IsDir() {
		src, err := os.ReadFile(fixture)
		if err != nil {
			t.Fatal(err)
		}
		dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.hcl"), src, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out []Expected
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		out = append(out, announced(filepath.ToSlash(rel), string(data))...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("%s announces nothing", fixture)
	}
	return dir, out
}

func announced(file, text string) []Expected {
	var out []Expected
	for i, line := range strings.Split(text, "\n") {
		m := marker.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		e := Expected{file, i + 1, hcl.DiagError, m[3], m[4]}
		if m[1] == "WARNING" {
			e.Severity = hcl.DiagWarning
		}
		if m[2] != "" {
			e.Line++
		}
		out = append(out, e)
	}
	return out
}

// Match fails unless the diagnostics are exactly the announced ones, and the
// catalog explains each of their codes.
func Match(t *testing.T, got hcl.Diagnostics, want []Expected) {
	t.Helper()
	left := slices.Clone(got)
	for _, e := range want {
		i := slices.IndexFunc(left, func(d *hcl.Diagnostic) bool {
			return d.Subject != nil && d.Subject.Filename == e.File && d.Subject.Start.Line == e.Line && d.Severity == e.Severity &&
				string(diag.CodeOf(d)) == e.Code && strings.Contains(d.Summary+" "+d.Detail, e.Text)
		})
		if i < 0 {
			t.Errorf("missing: %s", e)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, d := range left {
		t.Errorf("unexpected: %s [%s]", d, diag.CodeOf(d))
	}
	for _, d := range got {
		if !problem.Known(string(diag.CodeOf(d))) {
			t.Errorf("the catalog does not explain the code %s", diag.CodeOf(d))
		}
		if d.Detail == "" && d.Severity == hcl.DiagError && len(d.Summary) < 20 {
			t.Errorf("a diagnostic says too little: %q", d.Summary)
		}
	}
}
