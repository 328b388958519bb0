package athena

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/identity"
	"waybill/internal/problem"
)

// outcome says how a query that has ended came out: nil if it succeeded.
func (x *extraction) outcome(ctx context.Context, qe *types.QueryExecution) error {
	if qe.Status.State == types.QueryExecutionStateSucceeded {
		return nil
	}
	text := aws.ToString(qe.Status.StateChangeReason)
	cause := qe.Status.AthenaError
	if cause == nil {
		cause = &types.AthenaError{}
	}
	if text == "" {
		text = aws.ToString(cause.ErrorMessage)
	}
	if strings.Contains(strings.ToLower(text), "bytes scanned limit") {
		return x.scanLimit(qe)
	}
	if qe.Status.State == types.QueryExecutionStateCancelled {
		return problem.New("athena-cancelled", fmt.Sprintf("query %s was cancelled", aws.ToString(qe.QueryExecutionId)), messageError(text, nil))
	}
	if p := x.byType(int(aws.ToInt32(cause.ErrorType)), cause.ErrorType != nil, text); p != nil {
		return p
	}
	if p := x.byText(ctx, text); p != nil {
		return p
	}
	if cause.Retryable || aws.ToInt32(cause.ErrorCategory) == 1 {
		return problem.New("athena-unavailable", "the query failed for a reason inside of Athena", errors.New(withoutValues(text)))
	}
	return problem.New("athena-failed", "the query failed", errors.New(withoutValues(text)))
}

func (x *extraction) scanLimit(qe *types.QueryExecution) error {
	scanned := stats(qe, "").ScannedBytes
	summary := fmt.Sprintf("the query read %d bytes, more than workgroup %s allows", scanned, x.cfg.Workgroup)
	if x.tok.Place.Cutoff > 0 {
		summary = fmt.Sprintf("the query read %d bytes, and workgroup %s allows %d", scanned, x.cfg.Workgroup, x.tok.Place.Cutoff)
	}
	return problem.New("athena-scan-limit", summary, nil)
}

// byType explains failures that Athena's error type is sure about. The numbers
// are those of Athena's error reference.
func (x *extraction) byType(number int, known bool, text string) error {
	err := errors.New(text)
	switch {
	case !known:
		return nil
	case number <= 8, number == 1602:
		return problem.New("athena-exhausted", "Athena had too few resources for the query", err)
	case number == 206, number == 210:
		return problem.New("athena-timeout", "the query took longer than Athena allows", err)
	case (number == 401 || number == 402) && isDenied(text):
		return x.outputDenied(text, nil)
	case number == 1306:
		return noBucket(text)
	case number == 1403:
		return problem.New("s3-slow-down", "S3 asked Athena to slow down", &WaitError{After: throttleWait, Err: err})
	case number >= 1400 && number <= 1406:
		return throttled(err)
	case number == 1500 && placeIn(text).bucket == "":
		return x.glueDenied(text, nil)
	case number == 1500, number == 1501:
		return x.denied(text)
	}
	return nil
}

// byText explains failures by the words of the message, because older error
// types are not specific. It returns nil for what it does not know.
func (x *extraction) byText(ctx context.Context, text string) error {
	lower := strings.ToLower(text)
	switch {
	case isMistake(text):
		return x.mistake(ctx, text)
	case strings.Contains(lower, "query timeout"), strings.Contains(lower, "exceeded maximum time"):
		return problem.New("athena-timeout", "the query took longer than Athena allows", errors.New(text))
	case strings.Contains(lower, "exhausted resources"), strings.HasPrefix(text, "EXCEEDED_"):
		return problem.New("athena-exhausted", "Athena had too few resources for the query", errors.New(text))
	case strings.Contains(lower, "slow down"), strings.Contains(lower, "slowdown"):
		return problem.New("s3-slow-down", "S3 asked Athena to slow down", &WaitError{After: throttleWait, Err: errors.New(text)})
	case strings.Contains(lower, "bucket does not exist"), strings.Contains(lower, "nosuchbucket"):
		return noBucket(text)
	case isDenied(text):
		return x.denied(text)
	}
	return nil
}

func noBucket(text string) error {
	summary := "a bucket that the query needs does not exist"
	if from := placeIn(text); from.bucket != "" {
		summary = fmt.Sprintf("bucket %s does not exist", from.bucket)
	}
	return problem.New("bucket-not-found", summary, errors.New(text))
}

func isDenied(text string) bool {
	lower := strings.ToLower(text)
	for _, words := range []string{"access denied", "accessdenied", "permission denied", "not authorized to perform", "insufficient permissions", "lake formation permission", "unable to verify/create output bucket"} {
		if strings.Contains(lower, words) {
			return true
		}
	}
	return false
}

var (
	s3Place   = regexp.MustCompile(`s3[an]?://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([^\s"',;)\]]*))?`)
	s3ARN     = regexp.MustCompile(`arn:aws[a-z-]*:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([^\s"',;)\]]*))?`)
	outBucket = regexp.MustCompile(`output bucket:? ([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])`)
)

// placeIn finds the first place in S3 that a message names.
func placeIn(text string) location {
	for _, re := range []*regexp.Regexp{s3Place, s3ARN, outBucket} {
		if m := re.FindStringSubmatch(text); m != nil {
			l := location{bucket: m[1]}
			if len(m) > 2 {
				l.key = m[2]
			}
			return l
		}
	}
	return location{}
}

// denied tells apart what may not be read or written: the catalog, the results,
// a table's data, or a key.
func (x *extraction) denied(text string) error {
	lower := strings.ToLower(text)
	from, out := placeIn(text), x.output()
	action := deniedAction.FindStringSubmatch(text)
	writing := strings.Contains(lower, "writing") || strings.Contains(lower, "s3:putobject") || strings.Contains(lower, "output bucket")
	switch {
	case strings.Contains(lower, "glue:"), strings.Contains(lower, "aws glue"), strings.Contains(lower, "lake formation"):
		return x.glueDenied(text, nil)
	case action != nil && strings.HasPrefix(action[1], "kms:"):
		p := problem.New("athena-denied", fmt.Sprintf("the query may not do %s with a key that its data or result is encrypted by", action[1]), errors.New(text))
		p.Snippet = identity.AllowStatement(orAny(strings.Trim(action[2], `".,`)), action[1])
		return p
	case out.bucket != "" && from.bucket == out.bucket && (writing || strings.HasPrefix(from.key, out.key)):
		return x.outputDenied(text, nil)
	case writing && from.bucket == "":
		return x.outputDenied(text, nil)
	default:
		return dataDenied(from, text)
	}
}

// mistakes are the names of Trino's errors about the statement itself, and the
// code that each of them is to the user.
var mistakes = map[string]string{
	"SYNTAX_ERROR": "athena-syntax", "TABLE_NOT_FOUND": "table-not-found", "SCHEMA_NOT_FOUND": "table-not-found",
	"CATALOG_NOT_FOUND": "table-not-found", "COLUMN_NOT_FOUND": "column-not-found",
	"TYPE_MISMATCH": "athena-syntax", "FUNCTION_NOT_FOUND": "athena-syntax", "AMBIGUOUS_NAME": "athena-syntax",
	"INVALID_COLUMN_REFERENCE": "athena-syntax", "EXPRESSION_NOT_AGGREGATE": "athena-syntax", "MISSING_GROUP_BY": "athena-syntax",
	"INVALID_LITERAL": "athena-syntax", "COLUMN_TYPE_UNKNOWN": "athena-syntax", "DUPLICATE_COLUMN_NAME": "athena-syntax",
	"MISSING_COLUMN_NAME": "athena-syntax", "INVALID_PARAMETER_USAGE": "athena-syntax", "NOT_SUPPORTED": "athena-syntax",
	"INVALID_CATALOG_NAME": "athena-syntax", "INVALID_SCHEMA_NAME": "athena-syntax", "NESTED_AGGREGATION": "athena-syntax",
}

var (
	errorName = regexp.MustCompile(`(?:^|\s)([A-Z][A-Z_]{4,}): `)
	linePlace = regexp.MustCompile(`line (\d+):(\d+): ?`)
	badType   = regexp.MustCompile(`(?i)unsupported (hive |column )?type:? ?(.*)`)
	missing   = regexp.MustCompile(`(?i)(column|table|schema|database|catalog) ['"]?([^'"\s]+)['"]? (?:cannot be resolved|does not exist|not found)`)
)

// isMistake reports whether a message is about the statement's text.
func isMistake(text string) bool {
	if m := errorName.FindStringSubmatch(text); m != nil {
		_, ok := mistakes[m[1]]
		return ok
	}
	return linePlace.MatchString(text)
}

// mistake explains what is wrong with the statement, and where in the user's
// text. A statement that was sent as it is and one that was wrapped differ by
// the wrapping's first line.
func (x *extraction) mistake(ctx context.Context, text string) error {
	code := "athena-syntax"
	if m := errorName.FindStringSubmatch(text); m != nil {
		code = mistakes[m[1]]
	}
	var where Position
	if m := linePlace.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])   // digits: cannot fail but by overflow,
		column, _ := strconv.Atoi(m[2]) // which gives a position that is not there
		where = x.stmt.inQuery(Position{Line: line, Column: column}, x.wrapped)
	}
	text = strings.TrimSpace(linePlace.ReplaceAllString(errorName.ReplaceAllString(text, ""), ""))
	if badType.MatchString(text) {
		return problem.New("athena-type-unsupported", "UNLOAD cannot write a column of the query: "+text, nil)
	}
	code = refine(code, text)
	err := errors.New(text)
	p := problem.New(code, "Athena does not understand the query: "+text, err)
	if !where.IsZero() {
		p.Summary = fmt.Sprintf("Athena does not understand the query at %s: %s", where, text)
		p.Err = at(where, err)
	}
	if code == "column-not-found" {
		p.Cause = "No table of the query has it, or Lake Formation hides it from the identity that runs the query."
	}
	x.suggest(ctx, p, text)
	return p
}

// refine tells missing tables and columns from other mistakes where the error's
// name does not.
func refine(code, text string) string {
	m := missing.FindStringSubmatch(text)
	switch {
	case code != "athena-syntax" || m == nil:
		return code
	case strings.EqualFold(m[1], "column"):
		return "column-not-found"
	default:
		return "table-not-found"
	}
}

// refused explains a request that Athena rejects for the statement's sake.
func (x *extraction) refused(ctx context.Context, a *identity.Answer) error {
	switch {
	case isMistake(a.Message):
		return x.mistake(ctx, a.Message)
	case isDenied(a.Message):
		return x.denied(a.Message)
	}
	return problem.New("athena-failed", "Athena refused the request", a)
}

var quotedText = regexp.MustCompile(`'[^']*'|"[^"]*"`)

// withoutValues hides what stands in quotes: failures while rows are computed
// quote cells, which belong in no log.
func withoutValues(text string) string { return quotedText.ReplaceAllString(text, "'…'") }
