package schema

import (
	"reflect"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// A Cache keeps what decoding derives from descriptions and from Go types, so
// that it is found out once and not for each of thousands of blocks. The zero
// value is ready. It is not safe for concurrent use, and it keeps the
// descriptions it has seen: it should live as long as one pass over a project.
type Cache struct {
	fields   map[reflect.Type]map[string][]int
	bodies   map[*Block]*hcl.BodySchema
	merged   map[[2]*Block]*Block
	defaults map[*Attr]any
}

// kept returns what a map holds for a key, and makes it first if need be.
func kept[K comparable, V any](m *map[K]V, key K, build func() V) V {
	if v, ok := (*m)[key]; ok {
		return v
	}
	v := build()
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = v
	return v
}

// merge is Merge, done once for a pair of blocks.
func (c *Cache) merge(a, b *Block) *Block {
	return kept(&c.merged, [2]*Block{a, b}, func() *Block { return Merge(a, b) })
}

// bodySchema is the block in HCL's terms.
func (c *Cache) bodySchema(b *Block) *hcl.BodySchema { return kept(&c.bodies, b, b.bodySchema) }

// defaultOf is the Go value of an attribute's default. It is shared: no type
// whose values can be changed has a default.
func (c *Cache) defaultOf(at *Attr) any { return kept(&c.defaults, at, at.defaultValue) }

// fieldsOf lists the tagged fields of a struct and of those it embeds, by their
// tags: the first of each, in the order of the struct.
func (c *Cache) fieldsOf(t reflect.Type) map[string][]int {
	return kept(&c.fields, t, func() map[string][]int {
		out := map[string][]int{}
		add := func(name string, index []int) {
			if _, taken := out[name]; !taken {
				out[name] = index
			}
		}
		for i := range t.NumField() {
			f := t.Field(i)
			if tag := f.Tag.Get("wb"); tag != "" {
				add(tag, f.Index)
			}
			if f.Anonymous && f.Type.Kind() == reflect.Struct {
				for name, index := range c.fieldsOf(f.Type) {
					add(name, slices.Concat(f.Index, index))
				}
			}
		}
		return out
	})
}

// field finds the field of a struct that is tagged with a name.
func (c *Cache) field(s reflect.Value, name string) (reflect.Value, bool) {
	index, ok := c.fieldsOf(s.Type())[name]
	if !ok {
		return reflect.Value{}, false
	}
	return s.FieldByIndex(index), true
}
