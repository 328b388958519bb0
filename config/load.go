package config

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"

	"waybill/internal/budget"
	"waybill/internal/diag"
)

// A Project is what the files of a tree say, block by block.
type Project struct {
	Tree      *Tree
	Files     map[string]*hcl.File // for snippets
	Settings  *hcl.Block           // the `waybill` block; nil if there is none
	Variables []*Variable
	// Connections, Notifiers and Pipelines are in order of their names.
	Connections []*hcl.Block // labels: kind, name
	Notifiers   []*hcl.Block // labels: kind, name
	Pipelines   []*hcl.Block // label: name
	Moves       []*hcl.Block // `moved` blocks, in the order of the files

	locals map[string]*hcl.Attribute
	values map[string]variableValue
	size   int           // of the configuration files, in bytes
	meter  *budget.Meter // for what is read before there are functions
}

var rootSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "waybill"},
	{Type: "variable", LabelNames: []string{"name"}},
	{Type: "locals"},
	{Type: "connection", LabelNames: []string{"kind", "name"}},
	{Type: "notifier", LabelNames: []string{"kind", "name"}},
	{Type: "pipeline", LabelNames: []string{"name"}},
	{Type: "moved"},
}}

// Load parses every configuration file of the tree and gives variables their
// values. The project is returned even with errors, as far as it could be
// read, so that snippets can be shown.
func Load(tree *Tree, vars Vars) (*Project, hcl.Diagnostics) {
	p := &Project{Tree: tree, locals: map[string]*hcl.Attribute{}}
	blocks, diags := p.parse()
	if len(p.Files) == 0 && !diags.HasErrors() {
		diags = append(diags, diag.Error("no-configuration", hcl.Range{}, "there are no *.hcl files here",
			"Name the directory that holds the project's files, or write a first one."))
	}
	diags = append(diags, p.sort(blocks)...)
	diags = append(diags, p.resolveVariables(vars)...)
	return p, diags
}

func (p *Project) parse() (hcl.Blocks, hcl.Diagnostics) {
	p.Files = map[string]*hcl.File{}
	var diags hcl.Diagnostics
	var blocks hcl.Blocks
	files := p.Tree.Files()
	for _, src := range files {
		p.size += len(src)
	}
	p.meter = budget.New(p.size)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !IsConfig(name) {
			continue
		}
		file, d := Parse(files[name], name)
		p.Files[name] = file
		if diags = append(diags, d...); d.HasErrors() {
			continue
		}
		content, d := file.Body.Content(rootSchema)
		for _, one := range d {
			codeRootDiag(one)
		}
		diags = append(diags, d...)
		blocks = append(blocks, content.Blocks...)
	}
	return blocks, diags
}

// Parse reads the text of a file in HCL, or in JSON if it is called so, within
// the bounds of its size and nesting. The file is there even with errors, for
// snippets. What its expressions cost is counted by the contexts of Context and
// Project.Scope; others cannot evaluate them.
func Parse(src []byte, name string) (*hcl.File, hcl.Diagnostics) {
	check, parse := budget.Config, native
	if strings.HasSuffix(name, ".json") {
		check, parse = budget.JSON, json.Parse
		src = bytes.TrimPrefix(src, []byte("\ufeff")) // as in HCL, a byte order mark says nothing
	}
	if d := check(src, name); d != nil {
		return &hcl.File{Bytes: src}, hcl.Diagnostics{d}
	}
	file, diags := parse(src, name)
	if file == nil {
		file = &hcl.File{Bytes: src}
	}
	if diags.HasErrors() || file.Body == nil {
		return file, located(diags, src, name)
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		budget.Instrument(body)
	} else {
		file.Body = budget.Body(file.Body)
	}
	return file, diags
}

func native(src []byte, name string) (*hcl.File, hcl.Diagnostics) {
	return hclsyntax.ParseConfig(src, name, hcl.InitialPos)
}

func codeRootDiag(d *hcl.Diagnostic) {
	d.Extra = diag.Code("syntax")
	switch {
	case d.Summary == "Unsupported block type":
		d.Extra = diag.Code("unknown-block")
		names := make([]string, len(rootSchema.Blocks))
		for i, b := range rootSchema.Blocks {
			names[i] = b.Type
		}
		d.Detail = fmt.Sprintf("At the top of a file stand: %s.", strings.Join(names, ", "))
		if d.Subject != nil {
			d.Summary = "there is no such block at the top of a file"
		}
	case d.Summary == "Unsupported argument":
		d.Extra = diag.Code("unknown-attribute")
		d.Detail = "At the top of a file stand blocks only."
	case strings.HasPrefix(d.Summary, "Missing ") || strings.HasPrefix(d.Summary, "Extraneous label"):
		d.Extra = diag.Code("wrong-labels")
	}
}

// sort puts blocks where they belong and refuses names that are used twice.
func (p *Project) sort(blocks hcl.Blocks) hcl.Diagnostics {
	var diags hcl.Diagnostics
	first := map[string]hcl.Range{}
	for _, b := range blocks {
		if b.Type != "locals" && b.Type != "moved" {
			if d := claimName(first, b); d != nil {
				diags = append(diags, d...)
				continue
			}
		}
		switch b.Type {
		case "waybill":
			p.Settings = b
		case "variable":
			v, d := readVariable(b, p.meter)
			diags = append(diags, d...)
			if v != nil {
				p.Variables = append(p.Variables, v)
			}
		case "locals":
			diags = append(diags, p.addLocals(b)...)
		case "connection":
			p.Connections = append(p.Connections, b)
		case "notifier":
			p.Notifiers = append(p.Notifiers, b)
		case "pipeline":
			p.Pipelines = append(p.Pipelines, b)
		case "moved":
			p.Moves = append(p.Moves, b)
		}
	}
	byName := func(a, b *hcl.Block) int { return strings.Compare(nameOf(a), nameOf(b)) }
	slices.SortStableFunc(p.Connections, byName)
	slices.SortStableFunc(p.Notifiers, byName)
	slices.SortStableFunc(p.Pipelines, byName)
	return diags
}

var namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// CheckName reports a label that cannot be used as a name in references.
func CheckName(name string, rng hcl.Range) *hcl.Diagnostic {
	if namePattern.MatchString(name) {
		return nil
	}
	return diag.Error("invalid-name", rng, fmt.Sprintf("%q cannot be a name", name),
		"Use letters, digits, _ and -, beginning with a letter or _, so that references can name it.")
}

func claimName(first map[string]hcl.Range, b *hcl.Block) hcl.Diagnostics {
	name, key := nameOf(b), b.Type
	if len(b.Labels) > 0 {
		rng := b.LabelRanges[len(b.LabelRanges)-1]
		if d := CheckName(name, rng); d != nil {
			return hcl.Diagnostics{d}
		}
		key += " " + name
	}
	if prev, ok := first[key]; ok {
		summary := fmt.Sprintf("a second %s is called %q", b.Type, name)
		if name == "" {
			summary = fmt.Sprintf("a second %q block", b.Type)
		}
		return hcl.Diagnostics{diag.Error("duplicate-name", b.DefRange, summary,
			fmt.Sprintf("The first is at %s line %d. Names of a kind are unique in the project.", prev.Filename, prev.Start.Line))}
	}
	first[key] = b.DefRange
	return nil
}

func nameOf(b *hcl.Block) string {
	if len(b.Labels) == 0 {
		return ""
	}
	return b.Labels[len(b.Labels)-1]
}

func (p *Project) addLocals(b *hcl.Block) hcl.Diagnostics {
	attrs, diags := b.Body.JustAttributes()
	for name, a := range attrs {
		if prev, ok := p.locals[name]; ok {
			diags = append(diags, diag.Error("duplicate-name", a.NameRange, fmt.Sprintf("a second local is called %q", name),
				fmt.Sprintf("The first is at %s line %d.", prev.Range.Filename, prev.Range.Start.Line)))
			continue
		}
		p.locals[name] = a
	}
	return diags
}
