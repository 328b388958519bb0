package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// carrier is what a transform's configuration offers to tell which of its
// columns are sensitive. Names are in lower case.
type carrier interface {
	// Carry returns the sensitive columns that the transform has, given those
	// that it reads.
	Carry(sensitive map[string]bool) map[string]bool
}

// Sensitive returns those columns of a relation that the pipeline's
// sensitive_columns name and that no mask has hidden on their way, in order. A
// source has all that are named; a select renames them with the column; SQL
// passes them on under their names.
func (b *Bound) Sensitive(address string, columns dataset.Schema) []string {
	sensitive := b.carried(address, map[string]map[string]bool{})
	var out []string
	for _, c := range columns {
		if sensitive[strings.ToLower(c.Name)] {
			out = append(out, c.Name)
		}
	}
	return out
}

func (b *Bound) carried(address string, known map[string]map[string]bool) map[string]bool {
	if s, ok := known[address]; ok {
		return s
	}
	r := b.steps[address]
	out := map[string]bool{}
	if r.step.Family == Source {
		for _, name := range b.sensitive {
			out[strings.ToLower(name)] = true
		}
	}
	for _, in := range r.step.Inputs {
		maps.Copy(out, b.carried(in, known))
	}
	if c, ok := r.transform.Config.(carrier); ok {
		out = c.Carry(out)
	}
	known[address] = out
	return out
}

// SensitiveColumns lists, sorted and in lower case, the names under which
// columns of any pipeline are sensitive at some step: those that
// sensitive_columns name, and what they are renamed to. It is false if that
// cannot be told without a run.
func (g *Generation) SensitiveColumns() ([]string, bool) {
	all := map[string]bool{}
	for _, p := range g.Pipelines {
		b, diags := p.Sample()
		if diags.HasErrors() {
			return nil, false
		}
		known := map[string]map[string]bool{}
		for _, s := range p.Steps {
			if s.Family == Source || s.Family == Transform {
				maps.Copy(all, b.carried(s.Address, known))
			}
		}
	}
	return slices.Sorted(maps.Keys(all)), true
}

// Exposed returns the sensitive columns that a sink would deliver though it
// does not allow them. columns are those of its input.
func (b *Bound) Exposed(sink string, columns dataset.Schema) []string {
	r := b.steps[sink]
	if r.common.AllowSensitive {
		return nil
	}
	return slices.Clip(b.Sensitive(r.common.Input.Address, columns))
}

// SensitiveColumns is the problem of a sink that would deliver columns which it
// must not.
func SensitiveColumns(sink, input string, names []string) *problem.Problem {
	list := strings.Join(names, ", ")
	p := problem.New("sensitive-columns", fmt.Sprintf("%s must not deliver %s of %s", sink, list, input), nil)
	return p
}
