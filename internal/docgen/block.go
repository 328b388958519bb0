package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"waybill/internal/reference"
	"waybill/internal/schema"
)

// A page is Markdown in the making.
type page struct {
	strings.Builder
	// functions are those that examples may call.
	functions []string
}

// generated stands at the top of every page.
const generated = "<!-- Written by `go run ./internal/docgen`; a change made here is lost. -->\n\n"

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) paragraph(text string) {
	if text != "" {
		p.line("%s\n", text)
	}
}

// block writes a block with all that it holds. level is that of its heading,
// and path leads to it: "pipeline › schedule".
func (p *page) block(level int, path string, b *schema.Block, often string) error {
	p.line("%s %s\n", strings.Repeat("#", level), path)
	p.paragraph(strings.TrimSpace(b.Doc + since(b.Since)))
	if b.Pending {
		p.paragraph(notYet)
	}
	p.paragraph(often)
	for _, l := range b.Labels {
		if l.Doc != "" {
			p.line("Label `%s`: %s\n", l.Name, l.Doc)
		}
	}
	if err := p.example(path, b.Example); err != nil {
		return err
	}
	p.attributes(b.Attrs)
	for _, v := range b.Variants {
		if err := p.block(min(level+1, 5), fmt.Sprintf("%s %q", path, v.Type), &v, ""); err != nil {
			return err
		}
	}
	for _, n := range b.Blocks {
		if err := p.block(min(level+1, 5), path+" › "+n.Block.Type, n.Block, howOften(n)); err != nil {
			return err
		}
	}
	return nil
}

// notYet is said of what is decoded and checked, and no more.
const notYet = "*Checked, but not carried out yet: a pipeline that uses it does not run.*"

func howOften(n schema.Nested) string {
	switch {
	case n.Required && n.Repeat:
		return "Required, any number."
	case n.Required:
		return "Required, once."
	case n.Repeat:
		return "Any number."
	}
	return "At most once."
}

func since(version string) string {
	if version == "" {
		return ""
	}
	return " Since " + version + "."
}

// attributes writes a table: what an attribute is, and what it means.
func (p *page) attributes(attrs []schema.Attr) {
	if len(attrs) == 0 {
		return
	}
	p.line("| attribute | type | default | meaning |")
	p.line("|---|---|---|---|")
	for _, a := range attrs {
		p.line("| `%s` | %s | %s | %s |", a.Name, a.Type.Name, cell(defaultOf(a)), cell(p.meaning(a)))
	}
	p.line("")
}

func defaultOf(a schema.Attr) string {
	switch {
	case a.Required:
		return "**required**"
	case a.Default == "":
		return ""
	}
	return "`" + a.Default + "`"
}

func (p *page) meaning(a schema.Attr) string {
	text := a.Doc
	if len(a.OneOf) > 0 {
		text += " One of `" + strings.Join(a.OneOf, "`, `") + "`."
	}
	if a.Pending {
		text += " " + notYet
	}
	if a.Sensitive {
		text += " May be a secret."
	}
	if a.NoLiteral {
		text += " A literal is refused."
	}
	if a.Example != "" && p.callsKnown(a.Example) {
		text += " Example: `" + a.Example + "`."
	}
	return text + since(a.Since)
}

// callsKnown reports whether an example is an expression that calls nothing
// but functions that exist.
func (p *page) callsKnown(example string) bool {
	expr, diags := hclsyntax.ParseExpression([]byte(example), "example", hcl.InitialPos)
	if diags.HasErrors() {
		return false
	}
	known := true
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && !slices.Contains(p.functions, call.Name) {
			known = false
		}
		return nil
	})
	return known
}

// cell makes a text fit into a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

// example writes a block's example.
func (p *page) example(path, text string) error {
	if text == "" {
		return nil
	}
	formatted, err := reference.Format(text)
	if err != nil {
		return fmt.Errorf("the example of %s: %w", path, err)
	}
	p.line("```hcl\n%s\n```\n", formatted)
	return nil
}

// undocumented lists what has no description in a block and all it holds.
func undocumented(path string, b *schema.Block) []string {
	var out []string
	if b.Doc == "" {
		out = append(out, path)
	}
	for _, a := range b.Attrs {
		if a.Doc == "" || a.Type.Name == "" {
			out = append(out, path+"."+a.Name)
		}
	}
	for _, v := range b.Variants {
		out = append(out, undocumented(path+" "+v.Type, &v)...)
	}
	for _, n := range b.Blocks {
		out = append(out, undocumented(path+"."+n.Block.Type, n.Block)...)
	}
	return out
}
