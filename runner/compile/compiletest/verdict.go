package compiletest

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/runner/compile"
)

// An Exception is a class of slips that cannot be reported where they are made.
type Exception struct {
	Name    string
	AtMost  int // of ten thousand mutants
	Because string
	is      func(s slip) bool
}

// A slip is a mutant with what was said about it.
type slip struct {
	Mutant
	file   string
	line   string // in the mutated file
	errors hcl.Diagnostics
	files  map[string][]byte // of the mutated project
}

// Exceptions are all there are.
var Exceptions = []Exception{
	{"renamed", 150, "a name that is declared differently is missing where it is used: which of both is meant, nobody can tell; the message names both",
		func(s slip) bool {
			return s.all("unknown-reference", "invalid-index", "invalid-move") && regexp.MustCompile(`"|=|\{`).MatchString(s.line)
		}},
	{"value", 20, "a value is judged by the attribute that uses it, through a reference: a local, a variable or for_each may serve many",
		func(s slip) bool {
			return slices.ContainsFunc(s.errors, func(d *hcl.Diagnostic) bool {
				return regexp.MustCompile(`\b(local|var|each|schedule|sink)\.`).Match(s.text(d))
			})
		}},
	{"rule", 10, "a changed validation refuses a value that it allowed: the value is shown, and the place of the rule told",
		func(s slip) bool { return s.all("invalid-variable") }},
	{"another block", 10, "a block of another type is a good one, with wrong contents",
		func(s slip) bool {
			return header.MatchString(s.line) && s.all("unknown-attribute", "wrong-labels", "missing-block", "missing-attribute", "unknown-block")
		}},
	{"one line", 5, "a block that begins with an attribute on its own line is said to be wrong at the end of the attribute, which is a text of many lines",
		func(s slip) bool { return s.errors[0].Summary == "Invalid single-argument block definition" }},
}

var header = regexp.MustCompile(`^\s*\w+( "[^"]*")* \{`)

func (s slip) all(codes ...diag.Code) bool {
	return !slices.ContainsFunc(s.errors, func(d *hcl.Diagnostic) bool { return !slices.Contains(codes, diag.CodeOf(d)) })
}

// text is what stands at the place of a diagnostic.
func (s slip) text(d *hcl.Diagnostic) []byte {
	if d.Subject == nil {
		return nil
	}
	src := s.files[d.Subject.Filename]
	return src[min(d.Subject.Start.Byte, len(src)):min(d.Subject.End.Byte, len(src))]
}

// longest is how many lines a diagnostic may cover and still be said to point.
const longest = 8

// points reports whether an error shows the line that was changed, or one next
// to it.
func (s slip) points() bool {
	return slices.ContainsFunc(s.errors, func(d *hcl.Diagnostic) bool {
		return d.Subject != nil && d.Subject.Filename == s.file && d.Subject.End.Line-d.Subject.Start.Line <= longest &&
			d.Subject.Start.Line <= s.Last+1 && d.Subject.End.Line >= s.First-1
	})
}

// The verdicts on a mutant that is no exception.
const (
	Good       = "good"        // it compiles
	PointedOut = "pointed out" // an error shows the line
	Elsewhere  = "elsewhere"   // errors show other lines only
)

// Judge compiles a project in which one file is a mutant, and returns one of
// the verdicts or the name of an exception, and the errors.
func Judge(files map[string][]byte, name string, m Mutant, regs compile.Registries) (string, hcl.Diagnostics) {
	all := maps.Clone(files)
	all[name] = m.Src
	noEnv := config.Vars{LookupEnv: func(string) (string, bool) { return "", false }}
	g, _, diags := compile.Compile(config.StoredTree("/project", all), noEnv, regs)
	if g != nil {
		return Good, nil
	}
	return m.Verdict(all, name, diags), diags
}

// Verdict says whether diagnostics of a project with a mutant in it show where
// it is.
func (m Mutant) Verdict(files map[string][]byte, name string, diags hcl.Diagnostics) string {
	s := slip{Mutant: m, file: name, files: files, line: strings.Split(string(m.Src)+"\n", "\n")[m.First-1]}
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			s.errors = append(s.errors, d)
		}
	}
	switch {
	case len(s.errors) == 0:
		return Good
	case s.points():
		return PointedOut
	}
	for _, e := range Exceptions {
		if e.is(s) {
			return e.Name
		}
	}
	return Elsewhere
}
