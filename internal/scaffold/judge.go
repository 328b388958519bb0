package scaffold

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/sandbox"
	"waybill/runner/compile"
)

// Check says what is wrong with one answer, in the words in which validate
// would; nil if nothing is. The answer is judged alone, among defaults: what
// several do to each other is Judge's to say. regs are the kinds of component
// that the project may use.
//
// Errors are failures to judge, such as a full disk.
func (q Question) Check(answer string, regs compile.Registries) (*hcl.Diagnostic, error) {
	if len(q.Choices) > 0 && !slices.Contains(q.Choices, answer) {
		return diag.Error("invalid-value", hcl.Range{}, fmt.Sprintf("%q is not one of the choices", answer),
			fmt.Sprintf("There are: %s.%s", strings.Join(q.Choices, ", "), diag.Suggest(answer, q.Choices))), nil
	}
	a := Defaults()
	q.Set(&a, answer)
	p, err := Judge(a, regs)
	if err != nil || !p.Diags.HasErrors() {
		return nil, err
	}
	i := slices.IndexFunc(p.Diags, func(d *hcl.Diagnostic) bool { return d.Severity == hcl.DiagError })
	return p.Diags[i], nil
}

// A Project is a set of files that has been judged.
type Project struct {
	Files []File
	// Diags say what is wrong with the files.
	Diags hcl.Diagnostics
	// Pipeline is the one that was asked for; nil if there are errors.
	Pipeline *compile.Pipeline
}

// Judge makes the files of a project and reads them as validate and sandbox
// do, in a directory that is removed again. Variables have their defaults,
// whatever the environment says.
func Judge(a Answers, regs compile.Registries) (_ Project, err error) {
	for _, d := range []*hcl.Diagnostic{checkName(a.Name), checkPartition(a)} {
		if d != nil {
			return Project{Diags: hcl.Diagnostics{d}}, nil
		}
	}
	files, err := Render(a)
	if err != nil {
		return Project{}, err
	}
	dir, err := os.MkdirTemp("", "waybill-init-")
	if err != nil {
		return Project{}, problem.New("file-write-failed", "no temporary directory can be made", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return Project{}, problem.New("file-write-failed", "temporary files cannot be written", err)
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			return Project{}, problem.New("file-write-failed", "temporary files cannot be written", err)
		}
	}
	p := Project{Files: files}
	err = p.read(dir, a.Name, regs)
	return p, err
}

// maxFileName is the longest name of a file, in bytes, on the usual systems.
const maxFileName = 255

// checkName looks at the pipeline's name before it becomes part of paths.
func checkName(name string) *hcl.Diagnostic {
	if d := config.CheckName(name, hcl.Range{}); d != nil {
		return d
	}
	if most := maxFileName - len(".test.hcl"); len(name) > most {
		return diag.Error("invalid-name", hcl.Range{}, fmt.Sprintf("a name of %d characters is too long", len(name)),
			fmt.Sprintf("Files are called after it: use %d characters at most.", most))
	}
	return nil
}

// checkPartition refuses a role that the sandbox cannot pretend, before it says
// so in words of its own policies.
func checkPartition(a Answers) *hcl.Diagnostic {
	m := partition.FindStringSubmatch(a.RoleARN)
	if !a.assumes() || m == nil {
		return nil
	}
	return diag.Error("arn-invalid", hcl.Range{}, fmt.Sprintf("role_arn: the sandbox has no partition %s", m[1]),
		"Begin with a role in arn:aws:…, and set the real one where you run on AWS: WAYBILL_VAR_role_arn="+a.RoleARN)
}

// partition matches ARNs of roles outside of AWS's usual partition.
var partition = regexp.MustCompile(`^arn:(aws-[a-z-]+):iam::`)

// read compiles the project in a directory, tries its pipeline with the values
// of an imagined run, and loads its sandbox if it declares one. It stops at the
// first of these that finds an error.
func (p *Project) read(dir, name string, regs compile.Registries) error {
	tree, err := config.ReadTree(dir)
	if err != nil {
		return notReadable(dir, err)
	}
	unset := config.Vars{LookupEnv: func(string) (string, bool) { return "", false }}
	g, _, diags := compile.Compile(tree, unset, regs)
	if p.Diags = diags; diags.HasErrors() {
		return nil
	}
	pipeline := g.Pipeline(name)
	if _, diags := pipeline.Sample(); diags.HasErrors() {
		p.Diags = diag.Sort(append(p.Diags, diags...))
		return nil
	}
	if _, diags := sandbox.Load(dir); !undeclared(diags) {
		p.Diags = append(p.Diags, diags...)
	}
	if !p.Diags.HasErrors() {
		p.Pipeline = pipeline
	}
	return nil
}

// undeclared reports whether a sandbox was not loaded because there is none.
func undeclared(diags hcl.Diagnostics) bool {
	return len(diags) == 1 && diag.CodeOf(diags[0]) == "sandbox-not-declared"
}
