package athena

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/identity"
	"waybill/internal/problem"
)

// A WaitError is a failure that passes by itself, but not at once. It is found
// in the chain of a problem by errors.As.
type WaitError struct {
	After time.Duration // the shortest wait that makes sense
	Err   error
}

// Error returns what failed.
func (e *WaitError) Error() string { return e.Err.Error() }

// Unwrap returns what failed.
func (e *WaitError) Unwrap() error { return e.Err }

// RetryAfter returns the shortest wait before the next try.
func (e *WaitError) RetryAfter() time.Duration { return e.After }

// Queries end in minutes, so that is how long a full account is left alone;
// request rates recover in seconds.
const (
	concurrencyWait = 2 * time.Minute
	throttleWait    = 10 * time.Second
)

// explain makes a problem of any error that an extraction can meet. Problems
// that are already in the chain (credentials, S3) are taken as they are.
func (x *extraction) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return halted(ctx)
	}
	if p := problem.As(err); p != nil {
		return p
	}
	a := identity.ReadAnswer(err)
	if a.Unreachable() {
		return problem.New("athena-unreachable", fmt.Sprintf("Athena in %s cannot be reached", x.aws.Region), a)
	}
	return x.apiProblem(ctx, a)
}

// halted explains a call that its caller ended.
func halted(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return problem.New("timeout", "the query was stopped, because its source took longer than it may", context.Cause(ctx))
	}
	return problem.New("cancelled", "the query was stopped, because the run was cancelled", context.Cause(ctx))
}

// interrupted explains an attempt whose query we stopped ourselves when the
// call before was cancelled: only another attempt can bring the rows.
func interrupted() error {
	p := problem.New("athena-cancelled", "the query was stopped when the run was interrupted", nil)
	p.Cause = "waybill stops a query that it does not wait for any more."
	p.Remedy = []string{"Nothing: waybill runs the query again in the next attempt."}
	p.Class = problem.Transient
	return p
}

func tooLong(bytes int) error {
	return problem.New("athena-query-too-long", fmt.Sprintf("the query has %d bytes, with what waybill puts around it", bytes), nil)
}

// apiProblem explains what an Athena request answered.
func (x *extraction) apiProblem(ctx context.Context, a *identity.Answer) error {
	switch {
	case a.Code == "TooManyRequestsException":
		return tooMany(a)
	case a.Throttled():
		return throttled(a)
	case identity.ExpiredCode(a.Code):
		return problem.New("credentials-expired", x.cfg.Connection.Label()+" uses credentials that have expired", a)
	case identity.InvalidCode(a.Code):
		return problem.New("credentials-invalid", "Athena does not accept the credentials of "+x.cfg.Connection.Label(), a)
	case strings.HasPrefix(a.Code, "AccessDenied"):
		return x.requestDenied(a)
	case a.Code == "InvalidRequestException":
		return x.invalidRequest(ctx, a)
	case a.Status >= 500, strings.HasPrefix(a.Code, "Internal"):
		return problem.New("athena-unavailable", "Athena had an error of its own", a)
	default:
		return x.refused(ctx, a)
	}
}

func tooMany(a *identity.Answer) error {
	typed, ok := errors.AsType[*types.TooManyRequestsException](a)
	if ok && typed.Reason == types.ThrottleReasonConcurrentQueryLimitExceeded || strings.Contains(strings.ToLower(a.Message), "concurren") {
		return problem.New("athena-concurrency-limit", "the account runs as many queries as it may; waiting at least "+concurrencyWait.String(),
			&WaitError{After: concurrencyWait, Err: a})
	}
	return throttled(a)
}

func throttled(err error) error {
	return problem.New("athena-throttled", "Athena gets more requests than it takes; waiting at least "+throttleWait.String(),
		&WaitError{After: throttleWait, Err: err})
}

// invalidRequest explains what is wrong with a start: the statement's text, the
// workgroup, or the place for results.
func (x *extraction) invalidRequest(ctx context.Context, a *identity.Answer) error {
	lower := strings.ToLower(a.Message)
	switch {
	case strings.Contains(lower, "idempotent"):
		return problem.New("athena-reuse-conflict", "Athena has another query under the token of this attempt", a)
	case strings.Contains(lower, "no output location"):
		return problem.New("athena-output-missing", "Athena has no place for the result", a)
	case strings.Contains(lower, "workgroup"):
		return problem.New("athena-workgroup-invalid", fmt.Sprintf("workgroup %s in %s cannot be used", x.cfg.Workgroup, x.aws.Region), a)
	case strings.Contains(lower, "output bucket"), strings.Contains(lower, "output location"):
		return x.outputDenied(a.Message, a)
	}
	return x.refused(ctx, a)
}

var deniedAction = regexp.MustCompile(`not authorized to perform: ([a-zA-Z0-9-]+:[a-zA-Z0-9*]+)(?: on resource: (\S+))?`)

// requestDenied explains that a request to Athena itself was not allowed.
func (x *extraction) requestDenied(a *identity.Answer) error {
	action, resource := "athena:*", "*"
	if m := deniedAction.FindStringSubmatch(a.Message); m != nil {
		action = m[1]
		if m[2] != "" {
			resource = strings.TrimRight(m[2], ".,")
		}
	}
	if strings.HasPrefix(action, "glue:") {
		return x.glueDenied(a.Message, a)
	}
	p := problem.New("athena-denied", fmt.Sprintf("%s may not do %s in workgroup %s", x.cfg.Connection.Label(), action, x.cfg.Workgroup), a)
	actions := []string{"athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup"}
	if !strings.HasPrefix(action, "athena:") {
		actions = []string{action}
	} else if resource == "*" {
		resource = fmt.Sprintf("arn:aws:athena:%s:*:workgroup/%s", x.aws.Region, x.cfg.Workgroup)
	}
	p.Snippet = identity.AllowStatement(resource, actions...)
	return p
}

// statementJSON is a policy statement, ready to paste.
func statementJSON(actions []string, resources ...string) string {
	doc := struct {
		Effect   string
		Action   []string
		Resource []string
	}{"Allow", actions, resources}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return ""
	}
	return string(text)
}

// outputDenied explains that Athena cannot write its results.
func (x *extraction) outputDenied(text string, err error) error {
	out := x.output()
	p := problem.New("athena-output-denied", fmt.Sprintf("Athena cannot write results to %s", out), messageError(text, err))
	p.Snippet = statementJSON([]string{"s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads",
		"s3:ListMultipartUploadParts", "s3:AbortMultipartUpload", "s3:PutObject"},
		"arn:aws:s3:::"+out.bucket, "arn:aws:s3:::"+out.bucket+"/"+out.key+"*")
	return p
}

// dataDenied explains that Athena cannot read a table's objects.
func dataDenied(from location, text string) error {
	p := problem.New("athena-data-denied", fmt.Sprintf("Athena cannot read the data in bucket %s", from.bucket), errors.New(text))
	p.Snippet = statementJSON([]string{"s3:GetObject", "s3:ListBucket"}, "arn:aws:s3:::"+from.bucket, "arn:aws:s3:::"+from.bucket+"/*")
	if from.bucket == "" {
		p.Summary = "Athena cannot read the data of a table"
		p.Snippet = statementJSON([]string{"s3:GetObject", "s3:ListBucket"}, "arn:aws:s3:::BUCKET", "arn:aws:s3:::BUCKET/*")
	}
	return p
}

// glueDenied explains that Athena cannot read the catalog.
func (x *extraction) glueDenied(text string, err error) error {
	p := problem.New("athena-glue-denied", fmt.Sprintf("Athena cannot read database %s of the Glue catalog", orAny(x.cfg.Database)), messageError(text, err))
	arn := "arn:aws:glue:" + x.aws.Region + ":*:"
	p.Snippet = statementJSON([]string{"glue:GetTable", "glue:GetTables", "glue:GetDatabase", "glue:GetDatabases"},
		arn+"catalog", arn+"database/"+orAny(x.cfg.Database), arn+"table/"+orAny(x.cfg.Database)+"/*")
	return p
}

func orAny(s string) string {
	if s == "" {
		return "*"
	}
	return s
}

// messageError is err, or an error that says text.
func messageError(text string, err error) error {
	if err != nil {
		return err
	}
	return errors.New(text)
}
