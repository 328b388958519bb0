package typecheck

import (
	"context"
	"slices"
	"sync"

	"waybill/internal/problem"
	"waybill/runner/compile"
)

// sampleTexts stand for what only a run may know: numbers, words and dates, two
// of each, since what both of them give does not depend on them.
var sampleTexts = []string{"1", "2", "a", "b", "2026-01-31", "2026-02-01"}

// samplesOf makes a pipeline's samples when they are first asked for.
func samplesOf(p *compile.Pipeline) func() []*compile.Bound {
	return sync.OnceValue(func() []*compile.Bound {
		out := make([]*compile.Bound, len(sampleTexts))
		for i, text := range sampleTexts {
			out[i] = p.SampleWith(text)
		}
		return out
	})
}

// sampled judges a statement that depends on what only a run may know. A mistake
// is told if it comes with every sample, so that none of them is its reason. The
// columns are known as soon as two samples agree on them.
func (c *checker) sampled(ctx context.Context, s *compile.Step) error {
	var good, bad []verdict
	for _, bound := range c.samples() {
		if !bound.Ready(s.Address) {
			continue
		}
		v := c.judge(ctx, bound, s)
		switch {
		case broken(v.err):
			return v.err
		case v.err != nil:
			bad = append(bad, v)
			continue
		case slices.ContainsFunc(good, func(o verdict) bool { return slices.Equal(o.schema, v.schema) }):
			if v.schema != nil {
				c.known[s.Address] = v.schema
			}
			return nil
		}
		good = append(good, v)
	}
	if len(good) > 0 || len(bad) == 0 || slices.ContainsFunc(bad, func(v verdict) bool { return !same(v.err, bad[0].err) }) {
		return nil
	}
	return c.found(s, bad[0])
}

// same reports whether two mistakes are the same one.
func same(a, b error) bool {
	p, q := problem.As(a), problem.As(b)
	return p.Code == q.Code && p.Summary == q.Summary
}
