// Package budget bounds what evaluating a configuration may cost. HCL has no
// such bounds: loops in loops, texts made of texts and deep brackets let a file
// of a few lines take all memory, or end the process. Validating a stranger's
// files must not.
//
// What multiplies is charged to a Meter: Instrument puts hidden calls around
// it, which the functions of Meter.Functions answer. See docs/decisions.
package budget

import (
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
)

// Code is the code of everything that this package refuses.
const Code diag.Code = "too-large"

// Bounds of a single value.
const (
	MaxElements = 200_000 // with all that they hold
	MaxText     = 8 << 20 // bytes, of all texts in it
	MaxDepth    = 200
	MaxSource   = 1 << 20 // bytes of a configuration file
	maxExponent = 1 << 14 // of a number, in bits: it has below 5,000 digits
)

// units is what a Meter has to spend: a unit is a byte copied or some
// nanoseconds of work, so that all of them are some seconds.
const units = 500_000_000

// What things cost, in units.
const (
	perElement    = 200  // given to a function
	perNumber     = 1000 // more, since numbers are written with all their digits
	perIteration  = 4000 // of a loop, with the element that it makes
	perTextByte   = 2
	perLoopByte   = 20     // of source that a loop evaluates for each element
	perSourceByte = 5      // evaluated
	perBlock      = 10_000 // made by for_each or a dynamic block
)

// A Meter counts what a project's expressions cost. It is safe for concurrent
// use.
type Meter struct{ left, compared atomic.Int64 }

// New makes the meter for evaluating a configuration of that many bytes, each
// of which may be evaluated some times.
func New(source int) *Meter {
	m := &Meter{}
	m.left.Store(units + 20*perSourceByte*int64(source))
	return m
}

// Exceeded is the failure of what costs too much.
type Exceeded string

func (e Exceeded) Error() string { return string(e) }

// DiagCode gives the failure a code of its own. See schema.Eval.
func (Exceeded) DiagCode() diag.Code { return Code }

const (
	spent = Exceeded("the project's expressions take too much work: loops, texts or function calls multiply")
	later = Exceeded("the work that the project's expressions may take is used up")
)

// Charge takes n units. After an error nothing is left for anyone.
func (m *Meter) Charge(n int64) error {
	if m == nil {
		return nil
	}
	left := m.left.Load()
	for left >= 0 && n >= 0 && n <= left {
		if m.left.CompareAndSwap(left, left-n) {
			return nil
		}
		left = m.left.Load()
	}
	if m.left.Swap(-1) >= 0 {
		return spent
	}
	return later
}

// First drops what came of a budget that was used up elsewhere, if diagnostics
// tell where.
func First(diags hcl.Diagnostics) hcl.Diagnostics {
	is := func(e Exceeded) func(*hcl.Diagnostic) bool {
		return func(d *hcl.Diagnostic) bool { return d.Summary == string(e) }
	}
	if !slices.ContainsFunc(diags, is(spent)) {
		return diags
	}
	return slices.DeleteFunc(diags, is(later))
}

// times multiplies costs, which are not negative, without overflow.
func times(a, b int64) int64 {
	if a > 0 && b > (1<<62)/a {
		return 1 << 62
	}
	return a * b
}

// Expression charges one evaluation of the text at a place.
func (m *Meter) Expression(rng hcl.Range) error {
	return m.Charge(perSourceByte * int64(max(1, rng.End.Byte-rng.Start.Byte)))
}

// Blocks charges n blocks that for_each or a dynamic block makes.
func (m *Meter) Blocks(n int) error { return m.Charge(perBlock * int64(n)) }

// maxComparisons is how many names a project's mistakes are compared with: below
// a second's work.
const maxComparisons = 2_000_000

// Compare reports whether n more names may be looked at to suggest one. Thousands
// of mistakes in a project with thousands of names would take long otherwise, and
// nobody reads that many suggestions.
func (m *Meter) Compare(n int) bool {
	return m == nil || m.compared.Add(int64(n)) <= maxComparisons
}

var meterType = cty.Capsule("meter", reflect.TypeFor[Meter]())

// hidden begins the names that users cannot write.
const hidden = " "

const meterName = hidden + "meter"

// Hidden reports whether a name in an evaluation context is this package's own.
func Hidden(name string) bool { return name != "" && name[0] == hidden[0] }

// Value is what makes the meter known to a context, under the name given.
func (m *Meter) Value() (name string, v cty.Value) { return meterName, cty.CapsuleVal(meterType, m) }

// Of returns the meter of a context, or nil.
func Of(ctx *hcl.EvalContext) *Meter {
	for ; ctx != nil; ctx = ctx.Parent() {
		if v, ok := ctx.Variables[meterName]; ok {
			return v.EncapsulatedValue().(*Meter)
		}
	}
	return nil
}

// size is how much a value holds.
type size struct{ elements, numbers, text int }

// measure looks at a value and all that it holds, and stops where that is more
// than a value may hold. Parts that are used in many places are counted in each.
func measure(v cty.Value) (size, error) {
	var s size
	return s, s.add(v, 0)
}

func (s *size) add(v cty.Value, depth int) error {
	if depth > MaxDepth {
		return Exceeded(fmt.Sprintf("a value is nested more than %d levels deep", MaxDepth))
	}
	if s.elements++; s.elements > MaxElements {
		return Exceeded(fmt.Sprintf("a value has more than %d elements", MaxElements))
	}
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return nil
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		if s.text += len(v.AsString()); s.text > MaxText {
			return Exceeded(fmt.Sprintf("a value has more than %d MiB of text", MaxText>>20))
		}
	case ty == cty.Number:
		s.numbers++
		if f := v.AsBigFloat(); f.IsInf() || (f.MantExp(nil) > maxExponent || f.MantExp(nil) < -maxExponent) {
			return Exceeded("a number has thousands of digits")
		}
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			if ty.IsMapType() || ty.IsObjectType() {
				s.text += len(k.AsString())
			}
			if err := s.add(e, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// Result refuses a value that is larger than one may be.
func Result(v cty.Value) error {
	_, err := measure(v)
	return err
}

func (s size) cost() int64 {
	return perElement*int64(s.elements) + perNumber*int64(s.numbers) + perTextByte*int64(s.text)
}
