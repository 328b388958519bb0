package budget

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Parse parses a file of HCL that anybody may have written. What Config refuses
// is not parsed; the file is then nil. The body is instrumented: its
// expressions must be evaluated with the functions of a Meter.
func Parse(src []byte, name string) (*hcl.File, hcl.Diagnostics) {
	if d := Config(src, name); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	file, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if !diags.HasErrors() {
		Instrument(file.Body.(*hclsyntax.Body))
	}
	return file, diags
}

// ParseExpression is Parse for a text that is one expression, which begins at
// start.
func ParseExpression(src []byte, name string, start hcl.Pos) (hclsyntax.Expression, hcl.Diagnostics) {
	if d := Config(src, name); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	expr, diags := hclsyntax.ParseExpression(src, name, start)
	if !diags.HasErrors() {
		Template(expr)
	}
	return expr, diags
}

// ParseTemplate is ParseExpression for a template.
func ParseTemplate(src []byte, name string, start hcl.Pos) (hclsyntax.Expression, hcl.Diagnostics) {
	if d := TemplateText(src, name, start); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	expr, diags := hclsyntax.ParseTemplate(src, name, start)
	if !diags.HasErrors() {
		Template(expr)
	}
	return expr, diags
}
