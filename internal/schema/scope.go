package schema

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// A Scope is what expressions may refer to.
type Scope struct {
	// Eval holds values and functions. Run-time values are unknown, but typed,
	// until a run supplies them.
	Eval *hcl.EvalContext
	// Relations are the names that only a query may use: source.x,
	// transform.x, each made by Relation, or a map of them by their keys.
	Relations map[string]cty.Value
	// Inputs are the addresses that a Ref may name: "source.orders",
	// `transform.part["acme"]`.
	Inputs []string
	// Pipelines is `pipeline` for attributes that name pipelines: an object of
	// values made by PipelineRef, or maps of them by their keys.
	Pipelines cty.Value
	// ReadFile reads a file of the project for attributes that name one.
	ReadFile func(path string) ([]byte, error)
	// Cache serves all decoding in this scope and those made from it; nil: each
	// Decode has its own.
	Cache *Cache
}

// Merge is that of two blocks, once for all decoding in the scope.
func (s *Scope) Merge(a, b *Block) *Block {
	if s.Cache == nil {
		return Merge(a, b)
	}
	return s.Cache.merge(a, b)
}

// With returns the scope with more variables on top.
func (s *Scope) With(vars map[string]cty.Value) *Scope {
	out := *s
	out.Eval = s.Eval.NewChild()
	out.Eval.Variables = vars
	return &out
}
