package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/internal/secret"
)

// Vars says where variables get their values, the strongest first: Values (set
// by whoever compiles, such as a test), Flags (from
// --var name=value), Files (contents of --var-file by name, the last strongest),
// the environment (WAYBILL_VAR_name), the default in the block.
type Vars struct {
	Values map[string]GivenValue
	Flags  map[string]string
	Files  []VarFile
	// LookupEnv reads the environment, also for env(); nil: os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// RunTime makes an unset env() an error instead of an unknown value, and
	// has secrets read.
	RunTime bool
	// Sample, unless it is empty, stands for each env() that is unset and each
	// secret(), for looking at what is made of them. RunTime is then not set.
	Sample string
	// Secret reads what secret() refers to. It is called only if RunTime is
	// set. Its errors, which must not hold any part of a secret, may be
	// *problem.Problem; they reach who binds the definition.
	Secret func(reference string) (string, error)
}

// A GivenValue is a value with the place where it was written.
type GivenValue struct {
	Value cty.Value
	Range hcl.Range
}

func (v Vars) lookupEnv(name string) (string, bool) {
	if v.LookupEnv == nil {
		return os.LookupEnv(name)
	}
	return v.LookupEnv(name)
}

// A Variable is a `variable` block.
type Variable struct {
	Name        string
	Description string
	Sensitive   bool
	Range       hcl.Range

	ty          cty.Type
	defaults    *typeexpr.Defaults
	def         cty.Value // cty.NilVal if there is none
	defRange    hcl.Range
	validations []validation
}

type validation struct {
	condition, message hcl.Expression
}

type variableValue struct {
	value cty.Value
	rng   hcl.Range
}

// VariableBlock describes the `variable` block.
var VariableBlock = &schema.Block{
	Type:    "variable",
	Labels:  []schema.Label{{Name: "name", Doc: "Used as var.name."}},
	Doc:     "A value that is given from outside: by --var name=value, by --var-file, by the environment variable WAYBILL_VAR_name, or else by its default.",
	Example: "variable \"env\" {\n  type    = string\n  default = \"dev\"\n}",
}

var variableSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "type"}, {Name: "default"}, {Name: "description"}, {Name: "sensitive"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "validation"}},
}

func readVariable(b *hcl.Block, meter *budget.Meter) (*Variable, hcl.Diagnostics) {
	content, diags := b.Body.Content(variableSchema)
	for _, d := range diags {
		d.Extra = diag.Code("unknown-attribute")
		if d.Summary == "Unsupported block type" {
			d.Extra = diag.Code("unknown-block")
		}
	}
	v := &Variable{Name: b.Labels[0], Range: b.DefRange, ty: cty.DynamicPseudoType}
	text := func(name string, ty cty.Type, set func(cty.Value)) {
		if a, ok := content.Attributes[name]; ok {
			val, d := schema.Literal(a.Expr, meter)
			conv, err := convert.Convert(val, ty)
			if d.HasErrors() || err != nil || conv.IsNull() {
				diags = append(diags, diag.Error("wrong-type", a.Expr.Range(), fmt.Sprintf("%s wants a plain %s", name, ty.FriendlyName()), "It is read before any variable has a value, so it may not refer to one."))
				return
			}
			set(conv)
		}
	}
	text("description", cty.String, func(c cty.Value) { v.Description = c.AsString() })
	text("sensitive", cty.Bool, func(c cty.Value) { v.Sensitive = c.True() })
	if a, ok := content.Attributes["type"]; ok {
		ty, def, d := typeexpr.TypeConstraintWithDefaults(a.Expr)
		diags = append(diags, coded(d, "wrong-type")...)
		v.ty, v.defaults = ty, def
	}
	if a, ok := content.Attributes["default"]; ok {
		val, d := schema.Literal(a.Expr, meter)
		diags = append(diags, d...)
		if !d.HasErrors() {
			v.defRange = v.shown(a.Expr.Range())
			conv, d := v.convert(val, v.defRange)
			diags = append(diags, d...)
			v.def = conv
		}
	}
	vals, d := readValidations(content.Blocks)
	v.validations = vals
	return v, append(diags, d...)
}

func readValidations(blocks hcl.Blocks) ([]validation, hcl.Diagnostics) {
	var out []validation
	var diags hcl.Diagnostics
	for _, b := range blocks {
		content, d := b.Body.Content(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "condition", Required: true}, {Name: "error_message", Required: true}}})
		for _, one := range d {
			one.Extra = diag.Code("unknown-attribute")
			if strings.HasPrefix(one.Summary, "Missing ") {
				one.Extra = diag.Code("missing-attribute")
			} else if strings.Contains(one.Summary, "block") {
				one.Extra = diag.Code("unknown-block")
			}
		}
		diags = append(diags, d...)
		if !d.HasErrors() {
			out = append(out, validation{content.Attributes["condition"].Expr, content.Attributes["error_message"].Expr})
		}
	}
	return out, diags
}

func coded(diags hcl.Diagnostics, code diag.Code) hcl.Diagnostics {
	for _, d := range diags {
		d.Extra = code
	}
	return diags
}

// convert gives a value the variable's type, with the type's defaults.
func (v *Variable) convert(val cty.Value, rng hcl.Range) (cty.Value, hcl.Diagnostics) {
	if v.defaults != nil && !val.IsNull() {
		val = v.defaults.Apply(val)
	}
	conv, err := convert.Convert(val, v.ty)
	if err != nil {
		return cty.DynamicVal, hcl.Diagnostics{diag.Error("wrong-type", rng,
			fmt.Sprintf("variable %q wants %s", v.Name, typeexpr.TypeString(v.ty)), upper(err.Error())+".")}
	}
	return conv, nil
}

// shown is where a snippet may point for a value that stands there: that of a
// sensitive variable is not shown.
func (v *Variable) shown(value hcl.Range) hcl.Range {
	if v.Sensitive {
		return v.Range
	}
	return value
}

// resolveVariables finds each variable's value.
func (p *Project) resolveVariables(vars Vars) hcl.Diagnostics {
	p.values = map[string]variableValue{}
	given, diags := p.givenByFiles(vars.Files)
	diags = append(diags, p.unknownFlags(vars.Flags)...)
	for name, v := range vars.Values {
		if p.variable(name) == nil {
			diags = append(diags, p.noSuchVariable(name, v.Range))
		}
	}
	for _, v := range p.Variables {
		val, d := v.resolve(vars, given, p.meter)
		diags = append(diags, d...)
		if val.value == cty.NilVal {
			val.value = cty.UnknownVal(v.ty)
		}
		if v.Sensitive {
			val.value = val.value.Mark(secret.Mark{})
		}
		p.values[v.Name] = val
	}
	if diags.HasErrors() {
		return diags
	}
	return append(diags, p.validateVariables(vars)...)
}

func (v *Variable) resolve(vars Vars, files map[string]variableValue, meter *budget.Meter) (variableValue, hcl.Diagnostics) {
	if given, ok := vars.Values[v.Name]; ok {
		conv, diags := v.convert(given.Value, v.shown(given.Range))
		return variableValue{conv, v.shown(given.Range)}, diags
	}
	if text, ok := vars.Flags[v.Name]; ok {
		return v.fromText(text, "--var "+v.Name, meter)
	}
	if val, ok := files[v.Name]; ok {
		conv, diags := v.convert(val.value, val.rng)
		return variableValue{conv, val.rng}, diags
	}
	if text, ok := vars.lookupEnv("WAYBILL_VAR_" + v.Name); ok {
		return v.fromText(text, "WAYBILL_VAR_"+v.Name, meter)
	}
	if v.def != cty.NilVal {
		return variableValue{v.def, v.defRange}, nil
	}
	return variableValue{}, hcl.Diagnostics{diag.Error("missing-variable", v.Range, fmt.Sprintf("variable %q has no value", v.Name),
		fmt.Sprintf("Give it by --var %s=…, by the environment variable WAYBILL_VAR_%s, or write a default.", v.Name, v.Name))}
}

// fromText reads a value from the command line or the environment: as it
// stands where the type is a string, as an HCL expression otherwise.
func (v *Variable) fromText(text, origin string, meter *budget.Meter) (variableValue, hcl.Diagnostics) {
	rng := hcl.Range{Filename: origin}
	val := cty.StringVal(text)
	if v.ty != cty.String && !v.ty.IsPrimitiveType() && v.ty != cty.DynamicPseudoType {
		expr, diags := budget.ParseExpression([]byte(text), origin, hcl.InitialPos)
		if !diags.HasErrors() {
			val, diags = schema.Literal(expr, meter)
		}
		if diags.HasErrors() && diag.CodeOf(diags[0]) == budget.Code {
			return variableValue{}, diags[:1]
		}
		if diags.HasErrors() {
			return variableValue{}, hcl.Diagnostics{diag.Error("wrong-type", v.Range, fmt.Sprintf("the value given by %s is no HCL expression", origin), "Write it as in a file, for instance: '[\"a\", \"b\"]'.")}
		}
	}
	conv, diags := v.convert(val, v.Range)
	return variableValue{conv, rng}, diags
}

func (p *Project) unknownFlags(flags map[string]string) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if p.variable(name) == nil {
			diags = append(diags, p.noSuchVariable(name, hcl.Range{Filename: "--var " + name}))
		}
	}
	return diags
}

func (p *Project) noSuchVariable(name string, rng hcl.Range) *hcl.Diagnostic {
	var names []string
	if p.meter.Compare(len(p.Variables)) {
		for _, v := range p.Variables {
			names = append(names, v.Name)
		}
	}
	return diag.Error("unknown-reference", rng, fmt.Sprintf("no variable is called %q", name), strings.TrimSpace("The project declares none of this name."+diag.Suggest(name, names)))
}

func (p *Project) validateVariables(vars Vars) hcl.Diagnostics {
	var diags hcl.Diagnostics
	ctx := p.context(vars) // with one budget for all
	for _, v := range p.Variables {
		for _, val := range v.validations {
			holds, d := val.holds(ctx)
			diags = append(diags, d...)
			if d.HasErrors() || holds {
				continue
			}
			text := "The condition of its validation does not hold."
			if msg, d := schema.Eval(val.message, ctx); !d.HasErrors() {
				if msg, marks := msg.Unmark(); len(marks) == 0 && msg.Type() == cty.String && msg.IsWhollyKnown() && !msg.IsNull() {
					text = msg.AsString()
				}
			}
			rng := v.Range
			if given := p.values[v.Name].rng; given.End.Byte > 0 { // it stands in a file
				rng = given
			}
			rule := val.condition.Range()
			diags = append(diags, diag.About(diag.Error("invalid-variable", rng, fmt.Sprintf("the value of variable %q is not allowed", v.Name), fmt.Sprintf("%s The rule is at %s line %d.", text, rule.Filename, rule.Start.Line)), val.condition, ctx))
		}
	}
	return diags
}

// holds evaluates the condition. One that is not known yet holds.
func (v validation) holds(ctx *hcl.EvalContext) (bool, hcl.Diagnostics) {
	val, diags := schema.Eval(v.condition, ctx)
	if diags.HasErrors() {
		return false, diags
	}
	val, _ = val.UnmarkDeep()
	ok, err := convert.Convert(val, cty.Bool)
	if err != nil || ok.IsNull() {
		return false, append(diags, diag.About(diag.Error("wrong-type", v.condition.Range(), "the condition is neither true nor false", "It is "+describe(val)+"."), v.condition, ctx))
	}
	return !ok.IsKnown() || ok.True(), diags
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
