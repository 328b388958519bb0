package tests

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"waybill/internal/dataset"
	"waybill/runner/engine"
	"waybill/runner/typecheck"
)

// Given tells the columns of the sources that promise none, as tests give them.
// Where tests do not agree, nothing is told. Types that stand nowhere are found
// by the job, which reads the files below dir, its own directory.
func (s *Suite) Given(ctx context.Context, job engine.Job, dir string) (typecheck.Given, error) {
	out := typecheck.Given{}
	type source struct{ pipeline, address string }
	differ := map[source]bool{}
	for i, t := range s.Tests {
		for address, g := range t.given {
			at := source{t.Pipeline.Name, address}
			if differ[at] || t.bound.Contract(address) != nil {
				continue
			}
			schema, err := g.columns(ctx, job, filepath.Join(dir, "given", fmt.Sprint(i), address))
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err != nil {
				continue // the test itself will say so
			}
			if out[at.pipeline] == nil {
				out[at.pipeline] = map[string]typecheck.Columns{}
			}
			if known, ok := out[at.pipeline][address]; ok && !sameColumns(known.Schema, schema) {
				differ[at] = true
				delete(out[at.pipeline], address)
				continue
			}
			if _, ok := out[at.pipeline][address]; !ok {
				out[at.pipeline][address] = typecheck.Columns{Schema: schema, From: "the test at " + whereOf(g.rng)}
			}
		}
	}
	return out, nil
}

// columns are those that the engine would find in the data.
func (g *given) columns(ctx context.Context, job engine.Job, dir string) (dataset.Schema, error) {
	if len(g.schema) > 0 {
		return g.schema, nil
	}
	ds, err := g.write(dir)
	if err != nil {
		return nil, err
	}
	return job.Attach(ctx, "given:", ds)
}

func sameColumns(a, b dataset.Schema) bool {
	key := func(s dataset.Schema) []string {
		out := make([]string, len(s))
		for i, c := range s {
			out[i] = strings.ToLower(c.Name) + " " + canonicalType(c.Type)
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(key(a), key(b))
}
