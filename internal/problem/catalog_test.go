package problem_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"waybill/internal/problem"
)

func TestEntries(t *testing.T) {
	for _, code := range problem.Codes() {
		e := problem.Lookup(code)
		if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(code) {
			t.Errorf("the code %q is not in kebab-case", code)
		}
		if e.Title == "" || strings.HasSuffix(e.Title, ".") {
			t.Errorf("%s: the title %q is no clause", code, e.Title)
		}
		if len(e.Remedy) == 0 {
			t.Errorf("%s has no remedy", code)
		}
		for _, r := range append(slices.Clone(e.Remedy), e.Cause) {
			if r != strings.TrimSpace(r) || strings.HasPrefix(r, "Set s3://") || strings.Contains(r, "TODO") {
				t.Errorf("%s: %q", code, r)
			}
		}
		if !slices.Contains([]problem.Class{problem.Permanent, problem.Transient, problem.Throttled}, e.Class) {
			t.Errorf("%s has the class %q", code, e.Class)
		}
	}
}

// Every code that the sources raise is explained, and every code that is
// explained can be raised.
func TestCatalogIsComplete(t *testing.T) {
	raised, mentioned := map[string][]string{}, map[string]bool{}
	fset := token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && d.Name() != "../.." || d.Name() == "testdata"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		catalog := strings.Contains(filepath.ToSlash(path), "internal/problem/catalog")
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				for _, code := range codesOf(n) {
					raised[code] = append(raised[code], fset.Position(n.Pos()).String())
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && !catalog {
					mentioned[text] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(raised) < 50 {
		t.Fatalf("only %d codes were found: the search is broken", len(raised))
	}
	for _, code := range slices.Sorted(maps.Keys(raised)) {
		if !problem.Known(code) {
			t.Errorf("the catalog does not explain %q, raised at %s", code, raised[code][0])
		}
	}
	for _, code := range problem.Codes() {
		if !mentioned[code] {
			t.Errorf("nothing raises %s", code)
		}
	}
}

// codeAt is which argument of a call is a code.
var codeAt = map[string]int{"problem.New": 0, "diag.Error": 0, "diag.Warning": 0, "diag.Code": 0}

// codesOf returns the codes that a call names as literals.
func codesOf(call *ast.CallExpr) []string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	i, ok := codeAt[exprName(sel)]
	if !ok && sel.Sel.Name == "Error" && len(call.Args) == 4 { // schema.Values.Error(path, code, summary, detail)
		i, ok = 1, true
	}
	if !ok || len(call.Args) <= i {
		return nil
	}
	lit, ok := call.Args[i].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return nil
	}
	code, err := strconv.Unquote(lit.Value)
	if err != nil {
		return nil
	}
	return []string{code}
}

func exprName(sel *ast.SelectorExpr) string {
	if x, ok := sel.X.(*ast.Ident); ok {
		return x.Name + "." + sel.Sel.Name
	}
	return ""
}
