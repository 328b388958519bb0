package athena

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/sources"
)

// A pace says how often a query is looked at.
type pace struct {
	first, max time.Duration // between two looks: grows from first to max
	patience   time.Duration // how long looks may fail before the query is given up
	grace      time.Duration // how long a request in flight may take after a cancellation
}

// defaultPace keeps below Athena's 100 GetQueryExecution a second with some
// hundred queries under way, and sees a short query's end at once.
var defaultPace = pace{first: 100 * time.Millisecond, max: 5 * time.Second, patience: 5 * time.Minute, grace: 10 * time.Second}

// newAttempt names a piece of work that no run stands behind.
func newAttempt() string { return strings.ToLower("describe-" + rand.Text()) }

// requestToken is what makes a start idempotent: the same for the same query of
// the same attempt. Athena wants 32 to 128 characters.
func requestToken(attempt, stage string) string { return attempt + "-" + stage }

// query runs one statement to its successful end, or goes on with the one that
// was started for this stage before.
func (x *extraction) query(ctx context.Context, stage, sql string) (*types.QueryExecution, error) {
	x.wrapped = x.stmt.cutLines
	if sql != x.stmt.text {
		x.wrapped += wrapLines
	}
	id, err := x.started(ctx, stage, sql)
	if err == nil {
		var qe *types.QueryExecution
		if qe, err = x.wait(ctx, id); err == nil {
			return qe, x.outcome(ctx, qe)
		}
	}
	if id != "" {
		x.stop(ctx, id)
	}
	return nil, err
}

// started returns the id of the stage's query, which it starts if need be. An
// id that comes with an error is that of a query to be stopped.
func (x *extraction) started(ctx context.Context, stage, sql string) (string, error) {
	if id := x.tok.Queries[stage]; id != "" {
		return id, nil
	}
	if err := x.keep(ctx, stage, ""); err != nil {
		return "", err
	}
	id, err := x.start(ctx, stage, sql)
	if err != nil {
		return "", err
	}
	return id, x.keep(ctx, stage, id)
}

func (x *extraction) keep(ctx context.Context, stage, id string) error {
	return x.note(ctx, func(t *token) {
		if t.Queries == nil {
			t.Queries = map[string]string{}
		}
		t.Queries[stage] = id
	})
}

// start sends the statement. A request that is under way when ctx ends is given
// time to answer: a query whose id is not known cannot be stopped.
func (x *extraction) start(ctx context.Context, stage, sql string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if len(sql) > maxQueryBytes {
		return "", tooLong(len(sql))
	}
	ctx, cancel := lingering(ctx, x.pace.grace)
	defer cancel()
	in := &athena.StartQueryExecutionInput{
		QueryString:           &sql,
		ClientRequestToken:    aws.String(requestToken(x.req.Attempt, stage)),
		WorkGroup:             &x.cfg.Workgroup,
		QueryExecutionContext: &types.QueryExecutionContext{Catalog: optional(x.cfg.Catalog), Database: optional(x.cfg.Database)},
		ResultConfiguration:   x.resultConfiguration(),
		ExecutionParameters:   x.params,
	}
	if x.cfg.ReuseResults > 0 && stage == stageMain {
		in.ResultReuseConfiguration = &types.ResultReuseConfiguration{ResultReuseByAgeConfiguration: &types.ResultReuseByAgeConfiguration{
			Enabled: true, MaxAgeInMinutes: aws.Int32(int32(x.cfg.ReuseResults / time.Minute)),
		}}
	}
	out, err := x.athena.StartQueryExecution(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.QueryExecutionId), nil
}

// wait looks at a query until it has ended. Looks that fail for a passing
// reason do not make the query fail.
func (x *extraction) wait(ctx context.Context, id string) (*types.QueryExecution, error) {
	delay, failing := x.pace.first, time.Time{}
	for {
		out, err := x.athena.GetQueryExecution(ctx, &athena.GetQueryExecutionInput{QueryExecutionId: &id})
		switch {
		case err == nil:
			failing = time.Time{}
			x.progress(out.QueryExecution)
			if ended(out.QueryExecution) {
				return out.QueryExecution, nil
			}
		case ctx.Err() != nil, problem.ClassOf(x.explain(ctx, err)) == problem.Permanent:
			return nil, err
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) > x.pace.patience:
			return nil, err
		}
		if err := pause(ctx, delay); err != nil {
			return nil, err
		}
		delay = min(delay*3/2, x.pace.max)
	}
}

func (x *extraction) progress(qe *types.QueryExecution) {
	p := sources.Progress{Phase: "running"}
	if qe.Status != nil && qe.Status.State == types.QueryExecutionStateQueued {
		p.Phase = "queued"
	}
	if qe.Statistics != nil {
		p.ScannedBytes = aws.ToInt64(qe.Statistics.DataScannedInBytes)
	}
	x.req.Progress(p)
}

func ended(qe *types.QueryExecution) bool {
	if qe.Status == nil {
		return false
	}
	switch qe.Status.State {
	case types.QueryExecutionStateSucceeded, types.QueryExecutionStateFailed, types.QueryExecutionStateCancelled:
		return true
	}
	return false
}

// stop ends a query that nobody waits for any more, and notes that it did. It
// works on a context of its own, because the caller's is over in most cases.
func (x *extraction) stop(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	if _, err := x.athena.StopQueryExecution(ctx, &athena.StopQueryExecutionInput{QueryExecutionId: &id}); err != nil {
		return // it may have ended by itself; a resumed call will see
	}
	_ = x.note(ctx, func(t *token) { t.Stopped = true })
}

// stats tells what a query cost.
func stats(qe *types.QueryExecution, method string) dataset.Stats {
	st := dataset.Stats{QueryID: aws.ToString(qe.QueryExecutionId), Method: method}
	if s := qe.Statistics; s != nil {
		st.ScannedBytes = aws.ToInt64(s.DataScannedInBytes)
		st.QueryMillis = aws.ToInt64(s.TotalExecutionTimeInMillis)
		st.Reused = s.ResultReuseInformation != nil && s.ResultReuseInformation.ReusedPreviousResult
	}
	return st
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// lingering returns a context that outlives ctx by at most grace.
func lingering(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if pause(out, grace) == nil {
			cancel()
		}
	})
	return out, func() {
		stop()
		cancel()
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
