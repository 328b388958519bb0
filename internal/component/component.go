// Package component is the registry behind sources and sinks: it binds a kind's
// name to its schema, its checks and its constructor, so that adding a kind is
// one package and one line.
package component

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/schema"
)

// A Kind is one kind of component that makes a T from its configuration and an
// environment E.
type Kind[T, E any] struct {
	Name   string
	Schema *schema.Block // the kind's own attributes, without those all kinds share
	// Target names the Late attribute that names each file of a sink ("key").
	Target string

	decode func(hcl.Body, *schema.Block, *schema.Scope, any) (Bound[T, E], hcl.Diagnostics)
}

// A Bound is a component with its configuration read. Under a scope whose
// run-time values are unknown it can be inspected but not built.
type Bound[T, E any] struct {
	Config any            // the kind's own configuration struct
	Values *schema.Values // where each value came from and whether it is known
	Build  func(E) (T, error)
}

// New makes a kind. C is a struct whose fields carry `wb:"attribute"` tags.
// check looks at a decoded configuration (it must skip values that are not
// known yet) and may be nil; build makes the component once all is known.
func New[C, T, E any](name string, block *schema.Block,
	check func(C, *schema.Values) hcl.Diagnostics, build func(C, E) (T, error)) Kind[T, E] {
	return Kind[T, E]{Name: name, Schema: block,
		decode: func(body hcl.Body, whole *schema.Block, scope *schema.Scope, common any) (Bound[T, E], hcl.Diagnostics) {
			var c C
			targets := []any{&c}
			if common != nil {
				targets = append(targets, common)
			}
			values, diags := schema.Decode(body, whole, scope, targets...)
			if check != nil && !diags.HasErrors() {
				diags = append(diags, check(c, values)...)
			}
			return Bound[T, E]{Config: c, Values: values, Build: func(e E) (T, error) { return build(c, e) }}, diags
		}}
}

// WithTarget returns the kind with its Target set.
func (k Kind[T, E]) WithTarget(attr string) Kind[T, E] {
	k.Target = attr
	return k
}

// Decode reads a block's body as this kind. common describes what all kinds
// share, and into is the struct that receives that part; both may be nil.
func (k Kind[T, E]) Decode(body hcl.Body, common *schema.Block, scope *schema.Scope, into any) (Bound[T, E], hcl.Diagnostics) {
	whole := k.Schema
	if common != nil {
		whole = scope.Merge(common, k.Schema)
	}
	return k.decode(body, whole, scope, into)
}

// A Registry is the list of kinds that the language knows.
type Registry[T, E any] []Kind[T, E]

// Get returns the kind of that name.
func (r Registry[T, E]) Get(name string) (Kind[T, E], bool) {
	i := slices.IndexFunc(r, func(k Kind[T, E]) bool { return k.Name == name })
	if i < 0 {
		return Kind[T, E]{}, false
	}
	return r[i], true
}

// Names lists the kinds in order of their names.
func (r Registry[T, E]) Names() []string {
	names := make([]string, len(r))
	for i, k := range r {
		names[i] = k.Name
	}
	slices.Sort(names)
	return names
}
