// Package schema describes the blocks and attributes of the language, once:
// decoding, suggestions, and the reference documentation all come from the
// same description.
package schema

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// A Block describes one type of block.
type Block struct {
	Type    string // "source"
	Labels  []Label
	Doc     string // one or more sentences
	Example string // HCL
	Since   string // version that introduced it; empty: as old as its parent
	Attrs   []Attr
	Blocks  []Nested

	// Pending blocks are decoded and checked, but this version cannot do what
	// they ask for. See Values.Pending.
	Pending bool

	// Variants, if set, are chosen by the first label ("csv" in
	// `format "csv" {}`), and hold the attributes of each choice.
	Variants []Block
}

// A Label is a word after the block's type.
type Label struct {
	Name string // "kind", "name"
	Doc  string
}

// Nested says how often a block may stand in its parent.
type Nested struct {
	Block    *Block
	Repeat   bool // any number; otherwise at most one
	Required bool
}

// An Attr describes one attribute.
type Attr struct {
	Name     string
	Type     Type
	Doc      string // one or more sentences: meaning, unit, source of a rule
	Default  string // what an absent attribute means, written as in HCL but without quotes
	Example  string // HCL expression
	Since    string
	OneOf    []string // the only values allowed
	Required bool

	// Sensitive attributes accept values made by sensitive() and from sensitive
	// variables. All others refuse them.
	Sensitive bool
	// NoLiteral attributes refuse a value written in plain text in the file.
	NoLiteral bool
	// Late attributes fill no field: Values.Late gives them as an Expr, to be
	// evaluated once per file with file.number and file.partition known.
	Late bool
	// Outer attributes fill no field either. They decide which blocks there
	// are, so they are evaluated before the block is decoded, in the scope
	// around it.
	Outer bool
	// Pending attributes are decoded and checked, but this version cannot do
	// what any other value than the default asks for. See Values.Pending.
	Pending bool
}

// Merge returns a block with what a and b have together, under a's type,
// labels and doc. Names must not collide.
func Merge(a, b *Block) *Block {
	out := *a
	out.Attrs = append(append([]Attr{}, a.Attrs...), b.Attrs...)
	out.Blocks = append(append([]Nested{}, a.Blocks...), b.Blocks...)
	if b.Doc != "" {
		out.Doc = b.Doc
	}
	if b.Example != "" {
		out.Example = b.Example
	}
	seen := map[string]bool{}
	for _, at := range out.Attrs {
		if seen[at.Name] {
			panic(fmt.Sprintf("schema: %s: attribute %q twice", out.Type, at.Name))
		}
		seen[at.Name] = true
	}
	return &out
}

// variant returns the block that a label chooses, or nil.
func (b *Block) variant(label string) *Block {
	for i := range b.Variants {
		if b.Variants[i].Type == label {
			return &b.Variants[i]
		}
	}
	return nil
}

// labelNames lists the labels' names as HCL's decoder wants them.
func (b *Block) labelNames() []string {
	names := make([]string, len(b.Labels))
	for i, l := range b.Labels {
		names[i] = l.Name
	}
	return names
}

// bodySchema is the block in HCL's terms.
func (b *Block) bodySchema() *hcl.BodySchema {
	s := &hcl.BodySchema{}
	for _, a := range b.Attrs {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: a.Name, Required: a.Required})
	}
	for _, n := range b.Blocks {
		s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: n.Block.Type, LabelNames: n.Block.labelNames()})
	}
	return s
}
