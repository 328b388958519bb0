package schema

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/rivo/uniseg"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"waybill/internal/budget"
	"waybill/internal/diag"
)

// Values tells, for each attribute of a decoded block, where it stands and
// whether its value is known. Paths are like "bucket", "format.delimiter" and
// "assume_role[0].role_arn".
type Values struct {
	at      map[string]*place
	body    hcl.Range
	uses    []Use
	pending []Pending
}

// Pending is a mention of something that is understood but cannot be done yet.
type Pending struct {
	Name  string // of the attribute or block
	Range hcl.Range
}

// Pending lists what the block asks for that this version cannot do.
func (v *Values) Pending() []Pending { return v.pending }

// A Use is one mention of a name, such as source.orders or connection.lake.
type Use struct {
	Root, Name string
	Range      hcl.Range
}

// Address is "root.name".
func (u Use) Address() string { return u.Root + "." + u.Name }

// Uses lists the names that the block's expressions mention, in the order of
// its attributes.
func (v *Values) Uses() []Use { return v.uses }

// addUses records what an expression mentions, and has given the value for.
func (v *Values) addUses(expr hcl.Expression, value cty.Value, relations map[string]cty.Value) {
	for _, t := range expr.Variables() {
		u := Use{Root: t.RootName(), Range: t.SourceRange()}
		if len(t) > 1 {
			u.Name = StepName(t[1])
		}
		if instances, ok := instancesOf(relations, u); ok {
			v.uses = append(v.uses, usedInstances(u, instances, value)...)
			continue
		}
		v.uses = append(v.uses, u)
	}
}

// StepName is the name that a step of a traversal takes: x of .x and ["x"]. It
// is empty for any other index.
func StepName(step hcl.Traverser) string {
	switch step := step.(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if k := step.Key; k.Type() == cty.String && k.IsKnown() && !k.IsNull() {
			return k.AsString()
		}
	}
	return ""
}

type place struct {
	rng   hcl.Range // of the value; of the header for blocks
	name  hcl.Range // of the attribute's name
	known bool
	set   bool // written by the user
	empty bool // a text without characters
	blank bool // a text of white space
	lasts time.Duration
	waits bool   // for a run
	label string // the first of a block
	attr  *Attr  // whose value it is; nil for blocks and what is not written

	source hcl.Expression   // as it is written
	expr   hcl.Expression   // that gives the text of a query
	ctx    *hcl.EvalContext // that both are evaluated in
	judge  judged
	late   Expr
	whole  hcl.Expression // of an Any attribute
	pairs  []Pair
}

// place is where an attribute or block stands; zero if it is neither written
// nor has a default.
func (v *Values) place(path string) place {
	if p := v.at[path]; p != nil {
		return *p
	}
	return place{}
}

// Known reports whether the value is there and is not waiting for a run. An
// absent attribute with a default is known; one without is not.
func (v *Values) Known(path string) bool { return v.place(path).known }

// Empty reports whether the user wrote an empty text.
func (v *Values) Empty(path string) bool { return v.place(path).empty }

// Waits reports whether a value is written and fine, and known only in a run.
func (v *Values) Waits(path string) bool { return v.place(path).waits }

// Duration is what is written for a Duration attribute; false if that is not
// known, or nothing is written.
func (v *Values) Duration(path string) (time.Duration, bool) {
	p := v.place(path)
	return p.lasts, p.set && p.known && p.attr != nil && p.attr.Type.Name == Duration.Name
}

// Blank reports whether a known text has nothing but white space.
func (v *Values) Blank(path string) bool { return v.place(path).blank }

// Set reports whether the user wrote this attribute or block.
func (v *Values) Set(path string) bool { return v.place(path).set }

// Range is where the value stands, or the block's body if it is not written.
func (v *Values) Range(path string) hcl.Range {
	if p := v.place(path); p.set {
		return p.rng
	}
	return v.body
}

// Where is Range as "file:line".
func (v *Values) Where(path string) string {
	r := v.Range(path)
	return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line)
}

// Error makes an error about a value.
func (v *Values) Error(path string, code diag.Code, summary, detail string) *hcl.Diagnostic {
	return v.Explain(path, diag.Error(code, v.Range(path), summary, detail))
}

// Explain tells a diagnostic from which expression the value at path was made.
func (v *Values) Explain(path string, d *hcl.Diagnostic) *hcl.Diagnostic {
	return v.place(path).judge.explain(d)
}

// judged is what an attribute's value was made from. It is zero where that must
// not be shown.
type judged struct {
	expr hcl.Expression
	ctx  *hcl.EvalContext
}

// judgedOf keeps the makings of a value, except of those that are secret: what
// env() gave may stand in a local, without a mark.
func judgedOf(at *Attr, expr hcl.Expression, ctx *hcl.EvalContext) judged {
	if at.Sensitive || at.NoLiteral {
		return judged{}
	}
	return judged{expr, ctx}
}

func (j judged) explain(d *hcl.Diagnostic) *hcl.Diagnostic { return diag.About(d, j.expr, j.ctx) }

// explainAll is explain for all that was found in a value.
func (j judged) explainAll(diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		j.explain(d)
	}
	return diags
}

// Late returns a Late attribute; it is zero if the attribute is absent.
func (v *Values) Late(path string) Expr { return v.place(path).late }

// AllKnown reports whether no value is waiting for a run.
func (v *Values) AllKnown() bool {
	for _, p := range v.at {
		if p.set && !p.known && p.late.IsZero() {
			return false
		}
	}
	return true
}

// Expr returns the expression of an attribute of type Any, or nil if it is
// absent: what it says in plain text has places of its own.
func (v *Values) Expr(path string) hcl.Expression { return v.place(path).whole }

// A Pair is an entry of a map, in the order of the text.
type Pair struct {
	Key, Value string
	Range      hcl.Range // of the value
}

// Pairs returns the entries of a known OrderedMap attribute in the order in
// which they are written.
func (v *Values) Pairs(path string) []Pair { return v.place(path).pairs }

// TextRange finds the place where the user wrote a part of the text of a Query
// or QueryFile attribute: length bytes from offset of the rendered text. What
// an interpolation rendered is found at the interpolation.
func (v *Values) TextRange(path string, offset, length int) hcl.Range {
	p := v.place(path)
	if p.expr == nil {
		return v.Range(path)
	}
	parts := []hclsyntax.Expression{}
	switch t := p.expr.(type) {
	case *hclsyntax.TemplateExpr:
		parts = t.Parts
	case hclsyntax.Expression:
		parts = append(parts, t)
	}
	for i, part := range parts {
		text, ok := renderedPart(part, p.ctx)
		if !ok {
			return p.expr.Range()
		}
		if offset < len(text) || i == len(parts)-1 {
			return within(part, text, min(offset, len(text)), length)
		}
		offset -= len(text)
	}
	return p.expr.Range()
}

// TextRangeAt is TextRange by line and column, both from 1, of the rendered
// text; the place ends with the word that stands there.
func (v *Values) TextRangeAt(path string, line, column int) hcl.Range {
	text := v.text(path)
	offset := 0
	for ; line > 1; line-- {
		i := strings.IndexByte(text[offset:], '\n')
		if i < 0 {
			break
		}
		offset += i + 1
	}
	for _, r := range text[offset:] {
		if column <= 1 || r == '\n' {
			break
		}
		offset += len(string(r))
		column--
	}
	length := strings.IndexFunc(text[offset:], func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
	if length < 0 {
		length = len(text) - offset
	}
	return v.TextRange(path, offset, max(1, length))
}

// text is the rendered text of a Query or QueryFile attribute.
func (v *Values) text(path string) string {
	p := v.place(path)
	if e, ok := p.expr.(hclsyntax.Expression); ok {
		text, _ := renderedPart(e, p.ctx)
		return text
	}
	return ""
}

// renderedPart is what a part of a template contributes to the text.
func renderedPart(part hclsyntax.Expression, ctx *hcl.EvalContext) (string, bool) {
	v, diags := part.Value(ctx)
	if diags.HasErrors() {
		return "", false
	}
	return asText(v)
}

// asText is a value as a template writes it, if it is known.
func asText(v cty.Value) (string, bool) {
	v, _ = v.Unmark()
	if !v.IsWhollyKnown() || v.IsNull() {
		return "", false
	}
	v, err := convert.Convert(v, cty.String)
	if err != nil {
		return "", false
	}
	return v.AsString(), true
}

// within is the place of a stretch of a part's text. Lines of an indented
// heredoc have lost their indentation, which stands in front of them in the
// file.
func within(part hclsyntax.Expression, text string, offset, length int) hcl.Range {
	rng := part.Range()
	if _, literal := part.(*hclsyntax.LiteralValueExpr); !literal {
		return rng
	}
	before := text[:offset]
	lines := strings.Count(before, "\n")
	if rng.Start.Line == rng.End.Line {
		lines = 0 // line ends are written as \n
	}
	indent := 0
	if all := strings.Count(strings.TrimSuffix(text, "\n"), "\n"); all > 0 {
		indent = max(0, (rng.End.Byte-rng.Start.Byte-len(text))/all)
	}
	rng.Start.Byte += offset + indent*lines
	if lines > 0 {
		rng.Start.Line += lines
		rng.Start.Column = 1 + indent + columns(before[strings.LastIndexByte(before, '\n')+1:])
	} else {
		rng.Start.Column += columns(before)
	}
	rng.End = rng.Start
	rng.End.Byte += length
	rng.End.Column += columns(text[offset:min(len(text), offset+length)])
	return rng
}

// columns is how wide a text is as HCL counts: characters as users see them.
func columns(text string) int { return uniseg.GraphemeClusterCount(text) }

// template reads and parses the file that a QueryFile attribute names.
func (d *decoder) template(attr *hcl.Attribute, p *place) (hcl.Expression, hcl.Diagnostics) {
	v, diags := Eval(attr.Expr, d.scope.Eval)
	if diags.HasErrors() {
		return nil, diags
	}
	path := Attr{Name: attr.Name, Type: String, Required: true}
	text, known, diags := path.convert(v, attr.Expr.Range())
	if diags.HasErrors() {
		return nil, p.judge.explainAll(diags)
	}
	fail := func(code diag.Code, summary, detail string) (hcl.Expression, hcl.Diagnostics) {
		return nil, hcl.Diagnostics{p.judge.explain(diag.Error(code, p.rng, summary, detail))}
	}
	if !known {
		return fail("invalid-value", attr.Name+" depends on run-time values", "A file must be readable before a run starts. Use a fixed path, or one made from variables.")
	}
	src, err := d.scope.ReadFile(text.(string))
	if err != nil {
		return fail("file-not-readable", fmt.Sprintf("cannot read %s", text), capitalise(err.Error())+".")
	}
	if d := budget.TemplateText(src, text.(string), hcl.InitialPos); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	expr, diags := hclsyntax.ParseTemplate(src, text.(string), hcl.InitialPos)
	for _, dg := range diags {
		codeExprDiag(dg)
	}
	if budget.Of(d.scope.Eval) != nil && !diags.HasErrors() {
		budget.Template(expr)
	}
	return expr, diags
}

// bodyCodes gives HCL's own findings about a body our codes.
var bodyCodes = map[string]diag.Code{
	"Unsupported argument":            "unknown-attribute",
	"Unsupported block type":          "unknown-block",
	"Missing required argument":       "missing-attribute",
	"Extraneous JSON object property": "unknown-attribute",
	"Attribute redefined":             "duplicate-attribute",
}

// Coded gives HCL's own findings about a body our codes, and suggests names of
// the block that describes it.
func Coded(diags hcl.Diagnostics, b *Block) hcl.Diagnostics {
	for _, d := range diags {
		if _, coded := d.Extra.(diag.Code); coded {
			continue
		}
		if d.Expression != nil { // of a dynamic block
			codeExprDiag(d)
			continue
		}
		code, ok := bodyCodes[d.Summary]
		switch {
		case ok:
		case strings.Contains(d.Summary, "dynamic"):
			code = "invalid-for-each"
		case strings.HasPrefix(d.Summary, "Missing name for"), strings.HasPrefix(d.Summary, "Extraneous label"), strings.HasPrefix(d.Summary, "Missing "):
			code = "wrong-labels"
		default:
			code = "syntax"
		}
		d.Extra = code
		if code == "unknown-attribute" || code == "unknown-block" {
			suggestFor(d, b)
		}
	}
	return diags
}

// suggestFor adds the nearest name of the block where HCL found none.
func suggestFor(d *hcl.Diagnostic, b *Block) {
	if strings.Contains(d.Detail, "Did you mean") {
		return
	}
	var names []string
	for _, a := range b.Attrs {
		names = append(names, a.Name)
	}
	for _, n := range b.Blocks {
		names = append(names, n.Block.Type)
	}
	if q := strings.Split(d.Detail, `"`); len(q) > 1 {
		d.Detail += diag.Suggest(q[1], names)
	}
}

// exprCodes gives HCL's own findings about an expression our codes.
var exprCodes = map[string]diag.Code{
	"Unsupported attribute":                "unknown-reference",
	"Unknown variable":                     "unknown-reference",
	"Call to unknown function":             "unknown-function",
	"Error in function call":               "function-failed",
	"Invalid function argument":            "function-failed",
	"Not enough function arguments":        "function-failed",
	"Too many function arguments":          "function-failed",
	"Invalid index":                        "invalid-index",
	"Invalid template interpolation value": "wrong-type",
	"Invalid dynamic for_each value":       "invalid-for-each",
	"Invalid dynamic block label":          "invalid-for-each",
}

func codeExprDiag(d *hcl.Diagnostic) {
	switch d.Extra.(type) {
	case diag.Code, diag.Failure:
		return
	}
	// A library function that panicked tells its stack; that is not for users.
	if i := strings.Index(d.Detail, "panic in function implementation"); i >= 0 {
		d.Detail = d.Detail[:i] + "it cannot work with these arguments."
	}
	if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); ok {
		var coded interface{ DiagCode() diag.Code }
		if errors.As(call.FunctionCallError(), &coded) { // the function knows better than HCL
			d.Extra, d.Summary, d.Detail = diag.Failure{Code: coded.DiagCode(), Err: call.FunctionCallError()}, call.FunctionCallError().Error(), ""
			if more, ok := coded.(interface{ DiagDetail() string }); ok {
				d.Detail = more.DiagDetail()
			}
			if e, ok := d.Expression.(*hclsyntax.FunctionCallExpr); ok && len(e.Args) == 1 { // what is wrong is the argument
				d.Subject = e.Args[0].Range().Ptr()
			}
			return
		}
	}
	if code, ok := exprCodes[d.Summary]; ok {
		d.Extra = code
		return
	}
	d.Extra = diag.Code("syntax")
	if d.EvalContext != nil {
		d.Extra = diag.Code("invalid-expression")
	}
}
