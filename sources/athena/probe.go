package athena

import (
	"context"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"waybill/internal/objectstore"
	"waybill/internal/proof"
	"waybill/sources"
)

const stageValidate = "validate"

// Probe becomes who asks Athena, reads the workgroup's settings, looks for the
// bucket of results, and has the query judged: EXPLAIN (TYPE VALIDATE), and its
// columns by a LIMIT 0. Neither reads a row. See sources.Prober.
func (s *Source) Probe(ctx context.Context, t proof.Trial) []proof.Proof {
	out := s.ids.Prove(ctx, s.cfg.Connection, nil, t.Traces)
	if out[len(out)-1].Verdict == proof.Failed {
		return out
	}
	x, err := s.begin(ctx, sources.Request{Attempt: newAttempt(), Save: func(context.Context, []byte) error { return nil }})
	if err != nil {
		return append(out, proof.Bad("identity", err))
	}
	if err := x.locate(ctx); err != nil {
		return append(out, proof.Bad("workgroup", x.explain(ctx, err)))
	}
	out = append(out, proof.Good("workgroup", x.workgroupTold()))
	if !x.tok.Place.Managed {
		if p := x.proveResults(ctx); p.Verdict == proof.Failed {
			return append(out, p)
		}
	}
	return append(out, x.proveQuery(ctx))
}

// workgroupTold is what a reader wants to know of the workgroup.
func (x *extraction) workgroupTold() string {
	told := []string{x.cfg.Workgroup}
	if x.tok.Place.Managed {
		told = append(told, "keeps results itself")
	} else {
		told = append(told, "results in "+x.tok.Place.Output)
	}
	if c := x.tok.Place.Cutoff; c > 0 {
		told = append(told, "a query may scan "+humanize.Bytes(uint64(c)))
	}
	return strings.Join(told, ", ")
}

// proveResults looks for the bucket that results go to. That it cannot be
// looked at is no proof that Athena cannot write there.
func (x *extraction) proveResults(ctx context.Context) proof.Proof {
	opts := objectstore.OptionsOf(x.cfg.Connection)
	region, err := objectstore.New(x.aws, opts).HeadBucket(ctx, x.output().bucket)
	if err != nil {
		return proof.Bad("results", err)
	}
	return proof.Good("results", region)
}

// proveQuery has Athena judge the query.
func (x *extraction) proveQuery(ctx context.Context) proof.Proof {
	if x.stmt.placeholders == 0 { // EXPLAIN takes no parameters
		if _, err := x.query(ctx, stageValidate, x.stmt.validated()); err != nil {
			return proof.Bad("query", x.explain(ctx, err))
		}
	}
	columns, err := x.describe(ctx)
	if err != nil {
		return proof.Bad("query", x.explain(ctx, err))
	}
	method, err := x.choose(columns)
	if err != nil {
		p := proof.Bad("query", err)
		p.Columns = columns
		return p
	}
	p := proof.Good("query", fmt.Sprintf("valid, %s, fetched by %s", count(len(columns), "column"), fetchNames[method]))
	p.Columns = columns
	return p
}

// fetchNames are the ways of fetching as a reader knows them.
var fetchNames = map[string]string{methodUnload: "UNLOAD", methodResults: "its result file"}
