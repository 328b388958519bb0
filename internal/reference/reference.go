// Package reference describes the whole language for programs and for people:
// blocks, attributes, functions and the values of a run, each under an address
// such as sink.s3.bucket. It says what package schema says, with what a reader
// outside of a block misses there: the address, and the release since when.
package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"waybill/config"
	"waybill/internal/budget"
	"waybill/internal/schema"
	"waybill/runner/compile"
)

// First is the release that everything came with that names no other.
const First = "0.1.0"

// A Language is all that may stand in a project's files. As JSON it is what
// docs/reference/language.schema.json says.
type Language struct {
	Blocks    []Block    `json:"blocks"`
	Run       []Value    `json:"run"`
	Functions []Function `json:"functions"`
}

// A Block is a type of block, or one kind of it.
type Block struct {
	Address    string      `json:"address"`        // "sink.s3", "sink.s3.format.csv"
	Type       string      `json:"type"`           // "sink"
	Kind       string      `json:"kind,omitempty"` // the first label, where it chooses what the block holds: "s3"
	In         string      `json:"in"`             // "file", or the type of the block that it stands in
	Repeat     bool        `json:"repeat"`         // it may stand there more than once
	Required   bool        `json:"required"`
	Labels     []Label     `json:"labels"`
	Doc        string      `json:"doc"`
	Example    string      `json:"example,omitempty"` // HCL
	Pending    bool        `json:"pending,omitempty"` // checked, but not carried out yet
	Since      string      `json:"since"`
	Attributes []Attribute `json:"attributes"`
	Kinds      []Block     `json:"kinds"` // of a nested block whose label chooses what it holds
	Blocks     []Block     `json:"blocks"`
}

// A Label is a word between a block's type and its body.
type Label struct {
	Name string `json:"name"`
	Doc  string `json:"doc,omitempty"`
}

// An Attribute is a name with a value in a block.
type Attribute struct {
	Address   string   `json:"address"`
	Name      string   `json:"name"`
	Type      string   `json:"type"` // in words: "string", "list of strings", "duration"
	Required  bool     `json:"required"`
	Default   string   `json:"default,omitempty"` // as in HCL, without quotes
	OneOf     []string `json:"one_of,omitempty"`
	Sensitive bool     `json:"sensitive"`  // takes secrets
	NoLiteral bool     `json:"no_literal"` // refuses a value that is written in the file
	PerFile   bool     `json:"per_file"`   // evaluated for each file
	Doc       string   `json:"doc"`
	Example   string   `json:"example,omitempty"` // an HCL expression
	Pending   bool     `json:"pending,omitempty"` // checked, but not carried out yet
	Since     string   `json:"since"`
}

// A Value is an attribute of run.
type Value struct {
	Address string `json:"address"` // "run.date"
	Name    string `json:"name"`
	Type    string `json:"type"`
	Doc     string `json:"doc"` // Markdown
	Since   string `json:"since"`
}

// A Function may be called in expressions.
type Function struct {
	Address    string      `json:"address"` // "function.date_add"
	Name       string      `json:"name"`
	Group      string      `json:"group"` // the heading under which it is documented
	Signature  string      `json:"signature"`
	Parameters []Parameter `json:"parameters"`
	Doc        string      `json:"doc"` // Markdown
	Since      string      `json:"since"`
}

// A Parameter is what a function takes.
type Parameter struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Variadic bool   `json:"variadic"` // any number of them, the last parameter
}

// Describe returns the language with the kinds of components given. Only a
// defect of waybill is an error.
func Describe(regs compile.Registries) (*Language, error) {
	fns, err := functions()
	if err != nil {
		return nil, err
	}
	l := &Language{}
	var all describer
	for _, d := range compile.Reference(regs) {
		b := all.block(d.Block, place{kind: d.Kind, in: standsIn(d.Type), since: First})
		b.Repeat = d.Type != "waybill"
		l.Blocks = append(l.Blocks, b)
	}
	types := compile.RunValueTypes()
	for _, name := range slices.Sorted(maps.Keys(types)) {
		l.Run = append(l.Run, Value{Address: "run." + name, Name: name, Type: typeName(types[name]), Doc: runMeanings[name], Since: First})
	}
	for _, group := range functionGroups {
		for _, f := range group.functions {
			l.Functions = append(l.Functions, describeFunction(group.title, f, fns[f.name]))
		}
	}
	return l, all.err
}

// standsIn is where a block of compile.Reference stands.
func standsIn(blockType string) string {
	switch blockType {
	case compile.Source, compile.Transform, compile.Check, compile.Condition, compile.Sink:
		return "pipeline"
	}
	return "file"
}

// place is what a block gets from around it.
type place struct {
	prefix string // its parent's address with a dot
	kind   string
	in     string
	since  string // of its parent
}

// describer keeps the first example that is no HCL.
type describer struct{ err error }

func (d *describer) example(address, text string) string {
	out, err := Format(text)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("the example of %s: %w", address, err)
	}
	return out
}

func (d *describer) block(b *schema.Block, p place) Block {
	out := Block{
		Address: p.prefix + b.Type, Type: b.Type, Kind: p.kind, In: p.in, Doc: b.Doc,
		Since: orOlder(b.Since, p.since), Labels: []Label{}, Attributes: []Attribute{}, Kinds: []Block{}, Blocks: []Block{},
	}
	if p.kind != "" {
		out.Address += "." + p.kind
	}
	out.Example, out.Pending = d.example(out.Address, b.Example), b.Pending
	for _, l := range b.Labels {
		out.Labels = append(out.Labels, Label(l))
	}
	for _, a := range b.Attrs {
		out.Attributes = append(out.Attributes, Attribute{
			Address: out.Address + "." + a.Name, Name: a.Name, Type: a.Type.Name, Required: a.Required, Default: a.Default, OneOf: a.OneOf,
			Sensitive: a.Sensitive, NoLiteral: a.NoLiteral, PerFile: a.Late, Doc: a.Doc, Example: a.Example, Pending: a.Pending, Since: orOlder(a.Since, out.Since),
		})
	}
	for _, v := range b.Variants {
		kind := v
		kind.Type, kind.Labels = b.Type, b.Labels
		out.Kinds = append(out.Kinds, d.block(&kind, place{prefix: p.prefix, kind: v.Type, in: p.in, since: out.Since}))
	}
	for _, n := range b.Blocks {
		inner := d.block(n.Block, place{prefix: out.Address + ".", in: b.Type, since: out.Since})
		inner.Repeat, inner.Required = n.Repeat, n.Required
		out.Blocks = append(out.Blocks, inner)
	}
	return out
}

// orOlder is a release, or, if none is named, that of what is around.
func orOlder(since, around string) string {
	if since == "" {
		return around
	}
	return since
}

func describeFunction(group string, text functionText, f function.Function) Function {
	out := Function{Address: "function." + text.name, Name: text.name, Group: group, Doc: text.meaning, Since: First, Parameters: []Parameter{}}
	var names []string
	for _, p := range f.Params() {
		out.Parameters = append(out.Parameters, Parameter{Name: p.Name, Type: typeName(p.Type)})
		names = append(names, p.Name)
	}
	if v := f.VarParam(); v != nil {
		out.Parameters = append(out.Parameters, Parameter{Name: v.Name, Type: typeName(v.Type), Variadic: true})
		names = append(names, v.Name+"…")
	}
	out.Signature = text.name + "(" + strings.Join(names, ", ") + ")"
	return out
}

// typeName is a type in words.
func typeName(t cty.Type) string {
	if t == cty.DynamicPseudoType {
		return "any value"
	}
	return t.FriendlyName()
}

// functions are those that a project's expressions may call.
func functions() (map[string]function.Function, error) {
	project, diags := config.Load(config.StoredTree("/", map[string][]byte{"empty.hcl": nil}), config.Vars{})
	if diags.HasErrors() {
		return nil, diags
	}
	scope, diags := project.Scope(config.Vars{})
	if diags.HasErrors() {
		return nil, diags
	}
	fns := maps.Clone(scope.Eval.Functions)
	maps.DeleteFunc(fns, func(name string, _ function.Function) bool { return budget.Hidden(name) })
	return fns, nil
}
