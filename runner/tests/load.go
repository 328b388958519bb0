package tests

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/config"
	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/runner/compile"
)

// A Suite is all tests of a project.
type Suite struct {
	Tests   []*Test      // in order of their files and lines
	Files   int          // test files there are
	Sources diag.Sources // all files that diagnostics may point into

	// Generation is the project without a test's variables; nil if that has
	// mistakes.
	Generation *compile.Generation
	// Pipelines are those of the project, in order of their names: as they are
	// without a test's variables, and those that only exist with them.
	Pipelines []*compile.Pipeline
}

var fileSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "test", LabelNames: []string{"name"}}}}

// Load reads the test files below a project's directory, compiles the project
// for each set of variables that tests use, and checks the tests against it.
// vars are those of the command line; the environment is not read, so that a
// test says the same everywhere, and a stranger's shows nobody's secrets. Tests
// with mistakes are left out.
// Diagnostics are sorted; of the project itself they hold errors only. An error
// means that the directory could not be read.
func Load(dir string, vars config.Vars, regs compile.Registries) (*Suite, hcl.Diagnostics, error) {
	tree, err := config.ReadTests(dir)
	if err != nil {
		return nil, nil, err
	}
	vars.LookupEnv = func(string) (string, bool) { return "", false }
	l := &loader{dir: dir, vars: vars, regs: regs, tree: tree, compiled: map[string]*compiled{},
		suite: &Suite{Sources: diag.Sources{Files: map[string]*hcl.File{}, Other: map[string][]byte{}}}}
	blocks := l.parse()
	for _, b := range blocks {
		if t := l.test(b); t != nil {
			l.suite.Tests = append(l.suite.Tests, t)
		}
	}
	l.pipelines()
	return l.suite, diag.Sort(budget.First(l.diags)), nil
}

// pipelines lists what there is to test.
func (l *loader) pipelines() {
	told := l.diags
	if c := l.project(nil); c != nil { // whose mistakes are no test's
		l.suite.Generation = c.generation
	}
	l.diags = told
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(l.compiled)) { // "" comes first
		g := l.compiled[key].generation
		if g == nil {
			continue
		}
		for _, p := range g.Pipelines {
			if !seen[p.Name] {
				seen[p.Name] = true
				l.suite.Pipelines = append(l.suite.Pipelines, p)
			}
		}
	}
	slices.SortFunc(l.suite.Pipelines, func(a, b *compile.Pipeline) int { return strings.Compare(a.Name, b.Name) })
}

// Exist reports whether a project has test files.
func Exist(dir string) (bool, error) {
	tree, err := config.ReadTests(dir)
	return err == nil && len(tree.Files()) > 0, err
}

type loader struct {
	dir      string
	vars     config.Vars
	regs     compile.Registries
	tree     *config.Tree
	suite    *Suite
	compiled map[string]*compiled // by variablesKey
	meter    *budget.Meter        // for what tests say
	diags    hcl.Diagnostics
}

// compiled is the project for one set of variables.
type compiled struct {
	generation *compile.Generation // nil if there are errors
	scope      *schema.Scope       // of what tests say
	secrets    []string
}

func (l *loader) parse() hcl.Blocks {
	var blocks hcl.Blocks
	files, size := l.tree.Files(), 0
	for _, src := range files {
		size += len(src)
	}
	l.meter = budget.New(size)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file, diags := config.Parse(files[name], name)
		l.suite.Sources.Files[name] = file
		if l.diags = append(l.diags, diags...); diags.HasErrors() {
			continue
		}
		content, diags := file.Body.Content(fileSchema)
		for _, d := range diags {
			codeFileDiag(d)
		}
		l.diags = append(l.diags, diags...)
		blocks = append(blocks, l.named(content.Blocks)...)
	}
	l.suite.Files = len(files)
	return blocks
}

func codeFileDiag(d *hcl.Diagnostic) {
	d.Extra = diag.Code("wrong-labels")
	switch d.Summary {
	case "Unsupported block type":
		d.Extra, d.Summary, d.Detail = diag.Code("unknown-block"), "there is no such block at the top of a test file", "In a test file stand test blocks, and nothing else."
	case "Unsupported argument":
		d.Extra, d.Detail = diag.Code("unknown-attribute"), "In a test file stand test blocks, and nothing else."
	}
}

// named leaves out tests without a name, and those with one that is taken.
func (l *loader) named(blocks hcl.Blocks) hcl.Blocks {
	first := map[string]hcl.Range{}
	return slices.DeleteFunc(blocks, func(b *hcl.Block) bool {
		if len(b.Labels) == 0 {
			return true // reported
		}
		name := b.Labels[0]
		prev, twice := first[name]
		switch {
		case strings.TrimSpace(name) == "" || strings.ContainsAny(name, "\r\n"):
			l.report("invalid-name", b.LabelRanges[0], "a test needs a name on one line", "Write what it tests, for instance: test \"totals are per region\".")
		case twice:
			l.report("duplicate-name", b.DefRange, fmt.Sprintf("a second test is called %q", name), fmt.Sprintf("The first is on line %d. Names are unique in their file.", prev.Start.Line))
		default:
			first[name] = b.DefRange
			return false
		}
		return true
	})
}

func (l *loader) report(code diag.Code, rng hcl.Range, summary, detail string) {
	l.diags = append(l.diags, diag.Error(code, rng, summary, detail))
}

// variablesKey is a text that equal sets of variables share.
func variablesKey(vars map[string]config.GivenValue) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		fmt.Fprintf(&b, "%s=%#v\n", name, vars[name].Value)
	}
	return b.String()
}

// project compiles the project with a test's variables, once for all tests that
// have the same ones. The result is nil if it has errors.
func (l *loader) project(vars map[string]config.GivenValue) *compiled {
	key := variablesKey(vars)
	if c, ok := l.compiled[key]; ok {
		if c.generation == nil {
			return nil
		}
		return c
	}
	c := &compiled{}
	l.compiled[key] = c
	tree, err := config.ReadTree(l.dir)
	if err != nil {
		l.report("file-not-readable", hcl.Range{}, "the project cannot be read", err.Error())
		return nil
	}
	all := l.vars
	all.Values = vars
	g, project, diags := compile.Compile(tree, all, l.regs)
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		if diag.CodeOf(d) == "missing-variable" {
			d.Detail = "Tests read no environment. Give it in the test's variables, by --var, or as a default."
		}
		l.diags = append(l.diags, d)
	}
	maps.Copy(l.suite.Sources.Files, project.Files)
	maps.Copy(l.suite.Sources.Other, project.Tree.Files())
	if g == nil {
		return nil
	}
	scope, diags := project.Scope(all)
	if diags.HasErrors() {
		l.diags = append(l.diags, diags...)
		return nil
	}
	c.generation, c.scope, c.secrets = g, l.scope(scope), secretsOf(scope)
	return c
}

// scope is what tests may refer to: variables, locals, and the functions, which
// here read any file of the project.
func (l *loader) scope(of *schema.Scope) *schema.Scope {
	ctx := config.Context(l.tree, l.vars, l.meter)
	if of != nil {
		for _, name := range []string{"var", "local"} {
			ctx.Variables[name] = of.Eval.Variables[name]
		}
	}
	return &schema.Scope{Eval: ctx, ReadFile: l.tree.ReadFile}
}
