package config

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/internal/secret"
)

// A VarFile is a file of `name = value` lines in HCL.
type VarFile struct {
	Name string
	Src  []byte
}

// givenByFiles reads the values of all files of variables, the last strongest.
// Of what is sensitive no text is kept for snippets.
func (p *Project) givenByFiles(files []VarFile) (map[string]variableValue, hcl.Diagnostics) {
	out := map[string]variableValue{}
	var diags hcl.Diagnostics
	for _, f := range files {
		parsed, d := Parse(f.Src, f.Name)
		diags = append(diags, d...)
		if d.HasErrors() {
			if parsed != nil && !p.hasSensitive() { // else nobody knows where a secret stands
				p.Files[f.Name] = parsed
			}
			continue
		}
		attrs, d := parsed.Body.JustAttributes()
		diags = append(diags, d...)
		p.Files[f.Name] = p.withoutSecrets(parsed, attrs)
		for name, a := range attrs {
			val, d := schema.Literal(a.Expr, p.meter)
			diags = append(diags, p.quiet(name, d)...)
			if p.variable(name) == nil {
				diags = append(diags, p.noSuchVariable(name, a.NameRange))
			}
			out[name] = variableValue{val, a.Expr.Range()}
		}
	}
	return out, diags
}

func (p *Project) variable(name string) *Variable {
	i := slices.IndexFunc(p.Variables, func(v *Variable) bool { return v.Name == name })
	if i < 0 {
		return nil
	}
	return p.Variables[i]
}

func (p *Project) hasSensitive() bool {
	return slices.ContainsFunc(p.Variables, func(v *Variable) bool { return v.Sensitive })
}

// hides reports whether what is given for a name must not be shown: it is for a
// sensitive variable, or maybe meant for one.
func (p *Project) hides(name string) bool {
	v := p.variable(name)
	return v != nil && v.Sensitive || v == nil && p.hasSensitive()
}

// quiet takes HCL's words, which may quote it, from what is said of a value.
func (p *Project) quiet(name string, diags hcl.Diagnostics) hcl.Diagnostics {
	if !p.hides(name) {
		return diags
	}
	for _, d := range diags {
		if diag.CodeOf(d) != budget.Code {
			d.Summary, d.Detail = "this is no value", "Write it as it is, texts in quotes. More is not shown, since it is sensitive."
		}
	}
	return diags
}

// withoutSecrets is a file for snippets, whose lines and their beginnings are
// those that ranges speak of.
func (p *Project) withoutSecrets(file *hcl.File, attrs hcl.Attributes) *hcl.File {
	var hidden []hcl.Range
	for name, a := range attrs {
		if p.hides(name) {
			hidden = append(hidden, a.Expr.Range())
		}
	}
	if len(hidden) == 0 {
		return file
	}
	slices.SortFunc(hidden, func(a, b hcl.Range) int { return cmp.Compare(a.Start.Byte, b.Start.Byte) })
	var text []byte
	at := 0
	for _, r := range hidden {
		end := lineEnd(file.Bytes, r.End.Byte)
		text = append(text, file.Bytes[at:r.Start.Byte]...)
		text = append(text, secret.Placeholder...)
		text = append(text, bytes.Repeat([]byte("\n"), bytes.Count(file.Bytes[r.Start.Byte:end], []byte("\n")))...)
		at = end
	}
	out := *file
	out.Bytes = append(text, file.Bytes[at:]...)
	return &out
}

// lineEnd is where the line of a value ends: with it, comments on it are hidden.
func lineEnd(src []byte, at int) int {
	if at > 0 && src[at-1] == '\n' { // a heredoc ends with its line
		return at
	}
	if i := bytes.IndexByte(src[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(src)
}
