package typecheck_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/diag/diagtest"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
	"waybill/runner/engine/enginetest"
	"waybill/runner/typecheck"
)

// raisers hold the code that raises diagnostics about configuration files.
var raisers = []string{"config", "internal/budget", "internal/identity", "internal/objectstore", "internal/schema", "runner/compile", "runner/encode", "runner/transform", "sinks", "sources"}

// A site is a place in our code that raises a diagnostic.
type site struct {
	where string
	code  string         // empty if it is computed
	shape *regexp.Regexp // of the summary
	text  string         // the summary's constant parts
}

// unraised are the sites that no fixture reaches, by the constant parts of
// their summaries, and why.
var unraised = map[string]string{
	"this is no JSON":                              "JSON has no comments to announce it in: config's test of brackets raises it",
	"there are no *.hcl files here":                "no file, no comment to announce it in: the command line's stories raise it",
	"the value given by %s is no HCL expression":   "no file says it, but --var and the environment: config's tests do",
	"has elements that are not known before a run": "the library makes a set with an unknown element unknown as a whole, which is refused in the same words",
	"… wants an address":                           "of test files, whose own tests raise it",
	"%q is no schedule":                            "all errors of the schedule's parser tell their place; this is for one that did not",
}

// Every diagnostic about configuration files is raised by a fixture: not only
// each code, but each message.
func TestEveryDiagnosticHasAFixture(t *testing.T) {
	raised := raisedByFixtures(t)
	found := map[string]bool{}
	all := sites(t)
	if len(all) < 80 {
		t.Fatalf("only %d sites were found: the search is broken", len(all))
	}
	for _, s := range all {
		matches := slices.ContainsFunc(raised, func(d *hcl.Diagnostic) bool {
			return (s.code == "" || s.code == string(diag.CodeOf(d))) && s.shape.MatchString(d.Summary)
		})
		_, excused := unraised[s.text]
		switch {
		case !matches && !excused:
			t.Errorf("%s: no fixture raises [%s] %q", s.where, s.code, s.text)
		case matches && excused:
			t.Errorf("%s: %q is raised by a fixture, and excused", s.where, s.text)
		}
		found[s.text] = true
	}
	for _, text := range slices.Sorted(maps.Keys(unraised)) {
		if !found[text] {
			t.Errorf("%q is excused, and nothing raises it", text)
		}
	}
	t.Logf("%d sites, %d diagnostics of fixtures", len(all), len(raised))
}

// raisedByFixtures are the diagnostics of all fixtures.
func raisedByFixtures(t *testing.T) hcl.Diagnostics {
	t.Helper()
	var out hcl.Diagnostics
	job := enginetest.Start(t)
	for _, kind := range []string{"invalid", "sql"} {
		entries, err := os.ReadDir(filepath.Join(fixtures, kind))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			dir, _ := diagtest.Project(t, filepath.Join(fixtures, kind, entry.Name()))
			tree, err := config.ReadTree(dir)
			if err != nil {
				t.Fatal(err)
			}
			vars := config.Vars{LookupEnv: func(string) (string, bool) { return "", false }}
			g, _, diags := compile.Compile(tree, vars, compiletest.Registries())
			out = append(out, diags...)
			if kind == "sql" {
				diags, err := typecheck.Check(t.Context(), job, g, nil)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, diags...)
			}
		}
	}
	return out
}

// sites finds all calls that have a code and a summary among their arguments.
func sites(t *testing.T) []site {
	t.Helper()
	var out []site
	fset := token.NewFileSet()
	for _, dir := range raisers {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "compiletest") {
				return err
			}
			file, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if code, summary := diagnosticOf(call); summary != nil {
						text, pattern := shapeOf(summary)
						out = append(out, site{strings.TrimPrefix(fset.Position(call.Pos()).String(), "../../"), code, regexp.MustCompile("(?s)" + pattern + "$"), text})
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// diagnosticOf returns the code and the summary that a call has, if it raises a
// diagnostic.
func diagnosticOf(call *ast.CallExpr) (string, ast.Expr) {
	name := ""
	switch fun := call.Fun.(type) {
	case *ast.SelectorExpr:
		if x, ok := fun.X.(*ast.Ident); ok {
			name = x.Name + "."
		}
		name += fun.Sel.Name
	case *ast.Ident:
		name = fun.Name
	}
	if strings.HasPrefix(name, "problem.") {
		return "", nil // of a run
	}
	for i, arg := range call.Args {
		lit, ok := arg.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			continue
		}
		code, err := strconv.Unquote(lit.Value)
		if err != nil || !problem.Known(code) {
			continue
		}
		at := i + 1
		if name == "diag.Error" || name == "diag.Warning" || i == 0 && strings.HasSuffix(name, ".report") {
			at = i + 2 // after the place
		}
		if at < len(call.Args) && isText(call.Args[at]) {
			return code, call.Args[at]
		}
	}
	return "", nil
}

func isText(e ast.Expr) bool {
	text, _ := shapeOf(e)
	return text != ""
}

var verbs = regexp.MustCompile(`%[-+# 0]*[0-9]*(?:\.[0-9]+)?[a-zA-Z]`)

// shapeOf returns the constant parts of a text, and a pattern for the whole.
func shapeOf(e ast.Expr) (text, pattern string) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return s, regexp.QuoteMeta(s)
		}
	case *ast.BinaryExpr:
		a, pa := shapeOf(e.X)
		b, pb := shapeOf(e.Y)
		return a + "…" + b, pa + pb
	case *ast.CallExpr:
		if sel, ok := e.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sprintf" && len(e.Args) > 0 {
			format, _ := shapeOf(e.Args[0])
			parts := verbs.Split(format, -1)
			for i := range parts {
				parts[i] = regexp.QuoteMeta(strings.ReplaceAll(parts[i], "%%", "%"))
			}
			return format, strings.Join(parts, ".*")
		}
	}
	return "", ".*"
}
