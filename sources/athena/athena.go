// Package athena is the source that runs a query in Amazon Athena.
//
// One attempt asks the workgroup where results go, asks Athena for the query's
// columns, chooses between UNLOAD and a result file, runs the query, and
// downloads what it wrote. Each query is announced in the resume token before
// it is started, under a request token made from the attempt, so that a crash
// at any instant leads back to the same query.
package athena

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/athena"

	"waybill/internal/component"
	"waybill/internal/dataset"
	"waybill/internal/identity"
	"waybill/internal/problem"
	"waybill/sources"
)

// Kind returns the kind "athena", whose sources share the AWS sessions of ids.
func Kind(ids *identity.Identities) sources.Kind {
	return component.New("athena", Block(), check, func(c Config, _ sources.Env) (sources.Source, error) { return New(c, ids) })
}

// A Source is one configured query. It implements sources.Source and
// sources.Describer and may be used by several goroutines.
type Source struct {
	cfg    Config
	stmt   statement
	params []string
	pace   pace
	ids    *identity.Identities
	client func(*athena.Options) // adjusts the client in tests; may be nil
}

// New makes the source of a configuration that is wholly known. It shares the
// AWS sessions of ids.
func New(c Config, ids *identity.Identities) (*Source, error) {
	text := c.Query
	if text == "" {
		text = c.QueryFile
	}
	if len(text) > maxQueryBytes {
		return nil, problem.New("athena-query-too-long", fmt.Sprintf("the query has %d bytes", len(text)), nil)
	}
	stmt, err := parseStatement(text)
	if err != nil {
		return nil, problem.New("athena-syntax", "the query cannot be sent to Athena", err)
	}
	if !stmt.reads() {
		return nil, problem.New("athena-syntax", "a source reads rows, and this query begins with "+stmt.verb, nil)
	}
	params, err := literals(c.Parameters)
	if err == nil && len(params) != stmt.placeholders {
		err = fmt.Errorf("the query has %s, and there are %s", count(stmt.placeholders, "question mark"), count(len(params), "parameter"))
	}
	if err != nil {
		return nil, problem.New("invalid-value", "the parameters cannot be sent to Athena", err)
	}
	return &Source{cfg: c, stmt: stmt, params: params, pace: defaultPace, ids: ids}, nil
}

// extraction is one call's state.
type extraction struct {
	*Source
	clients
	req sources.Request
	tok token
	// wrapped is how many lines the statement sent last has before the query's
	// own first line.
	wrapped int
}

// Extract implements sources.Source.
func (s *Source) Extract(ctx context.Context, req sources.Request) (dataset.Dataset, error) {
	if req.Limit > 0 {
		some := *s
		some.stmt = s.stmt.cut(req.Limit)
		s = &some
	}
	x, err := s.begin(ctx, req)
	if err != nil {
		return dataset.Dataset{}, err
	}
	if x.tok.Done != nil {
		return x.finished()
	}
	if x.tok.Stopped {
		return dataset.Dataset{}, interrupted()
	}
	if err := x.prepare(ctx); err != nil {
		return dataset.Dataset{}, x.explain(ctx, err)
	}
	ds, staged, err := x.fetch(ctx)
	if err != nil {
		return dataset.Dataset{}, x.explain(ctx, err)
	}
	if err := x.note(ctx, func(t *token) { t.Done = &ds }); err != nil {
		return dataset.Dataset{}, err
	}
	x.discard(ctx, staged)
	return ds, nil
}

// Describe implements sources.Describer. It runs a query that reads no rows.
func (s *Source) Describe(ctx context.Context) (dataset.Schema, error) {
	x, err := s.begin(ctx, sources.Request{
		Attempt: newAttempt(),
		Save:    func(context.Context, []byte) error { return nil },
	})
	if err != nil {
		return nil, err
	}
	if err := x.locate(ctx); err != nil {
		return nil, x.explain(ctx, err)
	}
	schema, err := x.describe(ctx)
	if err != nil {
		return nil, x.explain(ctx, err)
	}
	return schema, checkNames(schema)
}

func (s *Source) begin(ctx context.Context, req sources.Request) (*extraction, error) {
	tok, err := readToken(req.Resume)
	if err != nil {
		return nil, err
	}
	if req.Progress == nil {
		req.Progress = func(sources.Progress) {}
	}
	x := &extraction{Source: s, req: req, tok: tok}
	if tok.Done != nil {
		return x, nil
	}
	if x.clients, err = s.connect(ctx); err != nil {
		return nil, x.explain(ctx, err)
	}
	return x, nil
}

// prepare finds out where results go and how rows will be fetched.
func (x *extraction) prepare(ctx context.Context) error {
	if err := x.locate(ctx); err != nil {
		return err
	}
	if x.tok.Method != "" {
		return nil
	}
	if x.cfg.Fetch == methodResults {
		x.tok.Method = methodResults
		return nil
	}
	schema, err := x.describe(ctx)
	if err != nil {
		return err
	}
	x.tok.Method, err = x.choose(schema)
	return err
}

// fetch runs the query and downloads its rows. staged are the objects that
// served their purpose.
func (x *extraction) fetch(ctx context.Context) (ds dataset.Dataset, staged []location, err error) {
	if x.tok.Method == methodUnload {
		return x.unload(ctx)
	}
	ds, err = x.results(ctx)
	return ds, nil, err
}

// finished returns the dataset of a call that came to its end before, if its
// files are still here. Once they are gone the rows can only come from a new
// query, which is a new attempt's business.
func (x *extraction) finished() (dataset.Dataset, error) {
	ds := *x.tok.Done
	ds.Dir = x.req.Dir
	for i, path := range ds.Paths() {
		info, err := os.Stat(path)
		if err == nil && info.Size() == ds.Files[i].Size {
			continue
		}
		p := problem.New("object-not-found", fmt.Sprintf("the downloaded file %s is not there any more", filepath.Base(path)), err)
		p.Cause = "The run goes on where its spool is not, or the spool was cleaned."
		p.Remedy = []string{"Nothing: waybill runs the query again in the next attempt."}
		return dataset.Dataset{}, p
	}
	return ds, nil
}

// discard removes staged objects. A role that may not delete leaves them to
// the bucket's lifecycle rule, which is why a failure is not an error.
func (x *extraction) discard(ctx context.Context, staged []location) {
	if len(staged) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	keys := make([]string, len(staged))
	for i, o := range staged {
		keys[i] = o.key
	}
	_ = x.objects().Delete(ctx, staged[0].bucket, keys...) // all are in one folder
}

const cleanupTime = 30 * time.Second
