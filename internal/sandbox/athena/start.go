package athena

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	api "github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/google/uuid"

	"waybill/internal/sandbox"
)

const (
	maxQuery    = 262144 // bytes
	parallel    = 4      // queries that run at a time; others are QUEUED
	batchLimit  = 50     // ids of BatchGetQueryExecution
	resultsPage = 1000   // rows of GetQueryResults
)

type service struct {
	host  sandbox.Host
	began time.Time
	slots chan struct{}

	// The queries run under ctx; stop ends it, and running waits for them.
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu         sync.Mutex
	executions map[string]*execution
	order      []string
	tokens     map[string]*execution // by account and ClientRequestToken
}

func newService(host sandbox.Host) *service {
	ctx, stop := context.WithCancel(context.Background())
	return &service{host: host, began: time.Now().UTC(), slots: make(chan struct{}, parallel), ctx: ctx, stop: stop,
		executions: map[string]*execution{}, tokens: map[string]*execution{}}
}

func (s *service) close() error {
	s.stop()
	s.running.Wait()
	return nil
}

func (s *service) tempDir() (string, error) {
	dir, err := os.MkdirTemp(s.host.WorkDir, "query-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the query: %w", err)
	}
	return dir, nil
}

// discard removes a query's directory. What can't be removed goes with the
// sandbox's own.
func (s *service) discard(dir string) { _ = os.RemoveAll(dir) }

// An execution is one query and how far it is.
type execution struct {
	id, account, sql string
	params           []string
	workgroup        sandbox.Workgroup
	database         string
	output           string // the folder of the results; empty for managed ones
	owner            string // expected of the output's bucket
	call             *sandbox.Call
	fingerprint      string // of all that a repeated token must repeat
	reuse            time.Duration
	cancel           context.CancelFunc

	mu     sync.Mutex // guards what follows
	status types.QueryExecutionStatus
	stats  types.QueryExecutionStatistics
	result result
	reused bool
	kind   types.StatementType
	sub    string
}

// A result is what a succeeded query left.
type result struct {
	location string // s3://… of the CSV or manifest
	manifest string // s3://… of UNLOAD's manifest
	local    string // path of a managed result
	columns  []column
	rows     int64
	headed   bool // the first row is the header
}

func (s *service) startQueryExecution(ctx context.Context, c *sandbox.Call, in *api.StartQueryExecutionInput) (any, error) {
	if err := checkStart(in); err != nil {
		return nil, err
	}
	w, err := s.workgroup(c, in.WorkGroup)
	if err != nil {
		return nil, err
	}
	e, err := newExecution(c, w, in)
	if err != nil {
		return nil, err
	}
	if id, err := s.repeated(e, in.ClientRequestToken); id != "" || err != nil {
		return &api.StartQueryExecutionOutput{QueryExecutionId: &id}, err
	}
	if err := s.checkOutput(ctx, e); err != nil {
		return nil, err
	}
	id, err := s.enqueue(e, in.ClientRequestToken)
	return &api.StartQueryExecutionOutput{QueryExecutionId: &id}, err
}

func checkStart(in *api.StartQueryExecutionInput) error {
	if in.QueryString == nil || strings.TrimSpace(*in.QueryString) == "" {
		return invalid("1 validation error detected: Value at 'queryString' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	if n := len(*in.QueryString); n > maxQuery {
		return invalid("1 validation error detected: Value at 'queryString' failed to satisfy constraint: Member must have length less than or equal to %d", maxQuery)
	}
	if t := in.ClientRequestToken; t != nil && (len(*t) < 32 || len(*t) > 128) {
		return invalid("1 validation error detected: Value '%s' at 'clientRequestToken' failed to satisfy constraint: Member must have length between 32 and 128", *t)
	}
	for i, p := range in.ExecutionParameters {
		if len(p) < 1 || len(p) > 1024 {
			return invalid("1 validation error detected: Value at 'executionParameters.%d' failed to satisfy constraint: Member must have length between 1 and 1024", i+1)
		}
	}
	return nil
}

func newExecution(c *sandbox.Call, w sandbox.Workgroup, in *api.StartQueryExecutionInput) (*execution, error) {
	e := &execution{id: uuid.NewString(), account: c.Principal.Account, sql: *in.QueryString, params: in.ExecutionParameters, workgroup: w, call: c,
		database: "default", kind: types.StatementTypeDml}
	if qc := in.QueryExecutionContext; qc != nil {
		if qc.Database != nil && *qc.Database != "" {
			e.database = strings.ToLower(*qc.Database)
		}
		if qc.Catalog != nil && *qc.Catalog != "" && !strings.EqualFold(*qc.Catalog, shownCatalog) {
			return nil, invalid("Data catalog %s was not found", *qc.Catalog)
		}
	}
	asked, owner := "", ""
	if rc := in.ResultConfiguration; rc != nil {
		asked, owner = value(rc.OutputLocation), value(rc.ExpectedBucketOwner)
	}
	switch {
	case w.ManagedResults && asked != "":
		return nil, invalid("ResultConfiguration and ManagedQueryResultsConfiguration cannot be set together")
	case w.ManagedResults:
	case asked == "" || w.Enforce:
		e.output, e.owner = w.OutputLocation, w.ExpectedBucketOwner
	default:
		e.output, e.owner = asked, owner
	}
	if e.output == "" && !w.ManagedResults {
		return nil, invalid("No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.")
	}
	if e.output != "" && !strings.HasPrefix(e.output, "s3://") {
		return nil, invalid("outputLocation is not a valid S3 path.")
	}
	if r := in.ResultReuseConfiguration; r != nil && r.ResultReuseByAgeConfiguration != nil && r.ResultReuseByAgeConfiguration.Enabled {
		e.reuse = time.Hour
		if m := r.ResultReuseByAgeConfiguration.MaxAgeInMinutes; m != nil {
			e.reuse = time.Duration(*m) * time.Minute
		}
	}
	e.fingerprint = fmt.Sprintf("%q %q %q %q %q %q", e.sql, e.params, w.Name, e.database, e.output, e.owner)
	e.status = types.QueryExecutionStatus{State: types.QueryExecutionStateQueued, SubmissionDateTime: ptr(time.Now().UTC())}
	return e, nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// repeated returns the id of the query that a token started before.
func (s *service) repeated(e *execution, token *string) (string, error) {
	if token == nil {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first, ok := s.tokens[e.account+"/"+*token]
	switch {
	case !ok:
		return "", nil
	case first.fingerprint != e.fingerprint:
		return "", invalid("Idempotent parameters do not match")
	}
	return first.id, nil
}

// checkOutput looks at the bucket of the results before the query is taken.
func (s *service) checkOutput(ctx context.Context, e *execution) error {
	if e.output == "" {
		return nil
	}
	o := newObjects(s.host, e.call)
	if err := o.reachable(ctx, e.output); err != nil && statusOf(err) != 0 && statusOf(err) < http.StatusInternalServerError {
		bucket, _ := splitURL(e.output)
		return invalid("Unable to verify/create output bucket %s", bucket)
	}
	return nil
}

func (s *service) enqueue(e *execution, token *string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return "", errors.New("the sandbox is stopping")
	}
	key := ""
	if token != nil {
		key = e.account + "/" + *token
		if first, ok := s.tokens[key]; ok { // it came in twice at the same time
			return first.id, nil
		}
	}
	if limit := e.workgroup.ConcurrentQueries; limit > 0 && s.active(e.account) >= limit {
		return "", tooMany("CONCURRENT_QUERY_LIMIT_EXCEEDED", "You have exceeded the limit for the number of queries you can run concurrently. Please reduce the number of concurrent queries submitted by this account. Contact customer support to request a concurrent query limit increase.")
	}
	if key != "" {
		s.tokens[key] = e
	}
	ctx, cancel := context.WithCancel(s.ctx)
	e.cancel = cancel
	s.executions[e.id] = e
	s.order = append(s.order, e.id)
	s.running.Go(func() {
		defer cancel()
		s.run(ctx, e)
	})
	return e.id, nil
}

// active counts the queries of an account that run or wait. s.mu is held.
func (s *service) active(account string) int {
	n := 0
	for _, e := range s.executions {
		if e.account == account && !e.ended() {
			n++
		}
	}
	return n
}

func (e *execution) ended() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status.CompletionDateTime != nil
}

func (s *service) stopQueryExecution(_ context.Context, c *sandbox.Call, in *api.StopQueryExecutionInput) (any, error) {
	e, err := s.execution(c, value(in.QueryExecutionId))
	if err != nil {
		return nil, err
	}
	e.cancel() // a query that has ended isn't touched
	return &api.StopQueryExecutionOutput{}, nil
}

// execution finds a query of the caller's account that the caller may see.
func (s *service) execution(c *sandbox.Call, id string) (*execution, error) {
	s.mu.Lock()
	e, ok := s.executions[id]
	s.mu.Unlock()
	if !ok || e.account != c.Principal.Account {
		return nil, invalid("QueryExecution %s was not found", id)
	}
	return e, authorize(c, e.workgroup.Name)
}

func (s *service) getQueryExecution(_ context.Context, c *sandbox.Call, in *api.GetQueryExecutionInput) (any, error) {
	e, err := s.execution(c, value(in.QueryExecutionId))
	if err != nil {
		return nil, err
	}
	return &api.GetQueryExecutionOutput{QueryExecution: e.describe()}, nil
}

func (s *service) batchGetQueryExecution(_ context.Context, c *sandbox.Call, in *api.BatchGetQueryExecutionInput) (any, error) {
	if n := len(in.QueryExecutionIds); n < 1 || n > batchLimit {
		return nil, invalid("1 validation error detected: Value at 'queryExecutionIds' failed to satisfy constraint: Member must have length between 1 and %d", batchLimit)
	}
	out := &api.BatchGetQueryExecutionOutput{QueryExecutions: []types.QueryExecution{}, UnprocessedQueryExecutionIds: []types.UnprocessedQueryExecutionId{}}
	for _, id := range in.QueryExecutionIds {
		e, err := s.execution(c, id)
		if err != nil {
			refusal := &sandbox.APIError{}
			errors.As(err, &refusal)
			out.UnprocessedQueryExecutionIds = append(out.UnprocessedQueryExecutionIds, types.UnprocessedQueryExecutionId{QueryExecutionId: &id, ErrorCode: &refusal.Code, ErrorMessage: &refusal.Message})
			continue
		}
		out.QueryExecutions = append(out.QueryExecutions, *e.describe())
	}
	return out, nil
}

func (s *service) listQueryExecutions(_ context.Context, c *sandbox.Call, in *api.ListQueryExecutionsInput) (any, error) {
	w, err := s.workgroup(c, in.WorkGroup)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &api.ListQueryExecutionsOutput{QueryExecutionIds: []string{}}
	for i := len(s.order) - 1; i >= 0 && len(out.QueryExecutionIds) < batchLimit; i-- {
		if e := s.executions[s.order[i]]; e.account == c.Principal.Account && e.workgroup.Name == w.Name {
			out.QueryExecutionIds = append(out.QueryExecutionIds, e.id)
		}
	}
	return out, nil
}

// describe tells how far the query is.
func (e *execution) describe() *types.QueryExecution {
	e.mu.Lock()
	defer e.mu.Unlock()
	status, stats := e.status, e.stats
	stats.ResultReuseInformation = &types.ResultReuseInformation{ReusedPreviousResult: e.reused}
	out := &types.QueryExecution{QueryExecutionId: &e.id, Query: &e.sql, StatementType: e.kind, WorkGroup: &e.workgroup.Name, Status: &status, Statistics: &stats,
		ExecutionParameters: e.params, ResultReuseConfiguration: e.reuseConfiguration(), EngineVersion: &types.EngineVersion{SelectedEngineVersion: ptr("AUTO"), EffectiveEngineVersion: ptr("Athena engine version 3")},
		QueryExecutionContext: &types.QueryExecutionContext{Catalog: ptr(catalogName), Database: &e.database}}
	if e.sub != "" {
		out.SubstatementType = &e.sub
	}
	if e.output != "" {
		location := e.result.location
		if location == "" {
			location = folder(e.output) + e.id + ".csv"
		}
		out.ResultConfiguration = &types.ResultConfiguration{OutputLocation: &location}
		if e.owner != "" {
			out.ResultConfiguration.ExpectedBucketOwner = &e.owner
		}
	}
	return out
}

func (e *execution) reuseConfiguration() *types.ResultReuseConfiguration {
	age := &types.ResultReuseByAgeConfiguration{Enabled: e.reuse > 0}
	if age.Enabled {
		age.MaxAgeInMinutes = ptr(int32(e.reuse / time.Minute))
	}
	return &types.ResultReuseConfiguration{ResultReuseByAgeConfiguration: age}
}
