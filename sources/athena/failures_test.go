package athena

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"waybill/internal/problem"
)

func failed(reason string, more ...any) map[string]any {
	cause := map[string]any{"ErrorMessage": reason}
	for i := 0; i+1 < len(more); i += 2 {
		cause[more[i].(string)] = more[i+1]
	}
	return map[string]any{"State": "FAILED", "StateChangeReason": reason, "AthenaError": cause}
}

func TestFailedQueries(t *testing.T) {
	for _, tt := range []struct {
		name    string
		status  map[string]any
		code    string
		class   problem.Class
		at      Position
		summary string // a part of it
		snippet string // a part of it
	}{
		{name: "syntax", status: failed("line 2:8: mismatched input 'FORM'. Expecting: ',', 'FROM'", "ErrorCategory", 2, "ErrorType", 1006),
			code: "athena-syntax", class: problem.Permanent, at: Position{1, 8}, summary: "line 1, column 8: mismatched input 'FORM'"},
		{name: "column", status: failed("COLUMN_NOT_FOUND: line 3:5: Column 'totl' cannot be resolved or requester is not authorized to access requested resources", "ErrorCategory", 2, "ErrorType", 1006),
			code: "column-not-found", class: problem.Permanent, at: Position{2, 5}, summary: "Column 'totl'"},
		{name: "column, by an older engine", status: failed("SYNTAX_ERROR: line 2:8: Column 'totl' cannot be resolved"),
			code: "column-not-found", class: problem.Permanent, at: Position{1, 8}},
		{name: "column, the position first", status: failed("line 2:8: COLUMN_NOT_FOUND: Column 'totl' cannot be resolved"),
			code: "column-not-found", class: problem.Permanent, at: Position{1, 8}, summary: "query at line 1, column 8: Column 'totl' cannot be resolved"},
		{name: "table", status: failed("TABLE_NOT_FOUND: line 2:23: Table 'awsdatacatalog.sales.ordres' does not exist"),
			code: "table-not-found", class: problem.Permanent, at: Position{1, 23}},
		{name: "schema", status: failed("SCHEMA_NOT_FOUND: line 2:23: Schema 'sale' does not exist"), code: "table-not-found", class: problem.Permanent, at: Position{1, 23}},
		{name: "types", status: failed("TYPE_MISMATCH: line 2:1: Cannot apply operator: date = varchar"), code: "athena-syntax", class: problem.Permanent, at: Position{1, 1}},
		{name: "a line of the wrapping", status: failed("line 1:8: something about our own line"), code: "athena-syntax", class: problem.Permanent},
		{name: "a type of UNLOAD", status: failed("NOT_SUPPORTED: Unsupported Hive type: time(3)"), code: "athena-type-unsupported", class: problem.Permanent},
		{name: "output, by words", status: failed("Access denied when writing output to url: s3://lake-results/waybill/x.csv . Please ensure you are allowed to access the S3 bucket.", "ErrorCategory", 2, "ErrorType", 401),
			code: "athena-output-denied", class: problem.Permanent, snippet: "arn:aws:s3:::lake-results/waybill/*"},
		{name: "output, by bucket", status: failed("Unable to verify/create output bucket lake-results"), code: "athena-output-denied", class: problem.Permanent, snippet: "s3:ListMultipartUploadParts"},
		{name: "data", status: failed("Permission denied on S3 path: s3://lake-data/orders/day=1", "ErrorCategory", 2, "ErrorType", 1501),
			code: "athena-data-denied", class: problem.Permanent, summary: "bucket lake-data", snippet: "arn:aws:s3:::lake-data/*"},
		{name: "data, by an ARN", status: failed(`HIVE_CANNOT_OPEN_SPLIT: User is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::lake-data/orders/1.parquet" because no identity-based policy allows it (Access Denied)`),
			code: "athena-data-denied", class: problem.Permanent, snippet: "arn:aws:s3:::lake-data\""},
		{name: "data in the results bucket", status: failed("Permission denied on S3 path: s3://lake-results/orders/1"), code: "athena-data-denied", class: problem.Permanent},
		{name: "catalog", status: failed("User: arn:aws:sts::111122223333:assumed-role/a/b is not authorized to perform: glue:GetTable on resource: arn:aws:glue:us-east-1:111122223333:catalog", "ErrorType", 1500),
			code: "athena-glue-denied", class: problem.Permanent, snippet: "table/sales/*"},
		{name: "catalog, without words for it", status: failed("Insufficient permissions to execute the query.", "ErrorType", 1500), code: "athena-glue-denied", class: problem.Permanent},
		{name: "a key", status: failed("User: a is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:111122223333:key/k1 (Access Denied)"),
			code: "athena-denied", class: problem.Permanent, snippet: "key/k1"},
		{name: "a bucket with a telling name", status: failed("Permission denied on S3 path: s3://my-glue-bucket/x"), code: "athena-data-denied", class: problem.Permanent},
		{name: "Lake Formation", status: failed("Insufficient Lake Formation permission(s) on orders"), code: "athena-glue-denied", class: problem.Permanent},
		{name: "exhausted", status: failed("Query exhausted resources at this scale factor", "ErrorCategory", 1, "ErrorType", 0), code: "athena-exhausted", class: problem.Transient},
		{name: "exhausted, by words", status: failed("Query exhausted resources at this scale factor"), code: "athena-exhausted", class: problem.Transient},
		{name: "capacity", status: failed("no capacity", "ErrorType", 1602), code: "athena-exhausted", class: problem.Transient},
		{name: "timeout", status: failed("Query timeout", "ErrorCategory", 2, "ErrorType", 210), code: "athena-timeout", class: problem.Permanent},
		{name: "bucket", status: failed("The specified bucket does not exist (Bucket: s3://gone-bucket/x)", "ErrorType", 1306), code: "bucket-not-found", class: problem.Permanent, summary: "gone-bucket"},
		{name: "Glue throttled", status: failed("Rate exceeded", "ErrorType", 1401), code: "athena-throttled", class: problem.Throttled},
		{name: "S3 throttled", status: failed("Please reduce your request rate", "ErrorType", 1403), code: "s3-slow-down", class: problem.Throttled},
		{name: "system", status: failed("GENERIC_INTERNAL_ERROR: oops", "ErrorCategory", 1, "ErrorType", 100), code: "athena-unavailable", class: problem.Transient},
		{name: "retryable", status: failed("oops", "ErrorCategory", 3, "ErrorType", 233, "Retryable", true), code: "athena-unavailable", class: problem.Transient},
		{name: "data that is bad", status: failed("HIVE_BAD_DATA: Error parsing field value 'jane@example.com' for field 2", "ErrorCategory", 2, "ErrorType", 1106), code: "athena-failed", class: problem.Permanent},
		{name: "cancelled by somebody", status: map[string]any{"State": "CANCELLED", "StateChangeReason": "Query was cancelled by user"}, code: "athena-cancelled", class: problem.Permanent},
		{name: "scan limit", status: map[string]any{"State": "CANCELLED", "StateChangeReason": "Query cancelled! : Bytes scanned limit was exceeded"},
			code: "athena-scan-limit", class: problem.Permanent, summary: "read 1234 bytes, and workgroup primary allows 10000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			c.workgroup["BytesScannedCutoffPerQuery"] = 10000000
			c.failure = tt.status
			_, err := c.source(t, nil).Extract(t.Context(), request(t))
			p := problem.As(err)
			if p == nil {
				t.Fatalf("no problem: %v", err)
			}
			if p.Code != tt.code || p.Class != tt.class || !strings.Contains(p.Summary, tt.summary) || !strings.Contains(p.Snippet, tt.snippet) {
				t.Errorf("got %s, %s: %s\n%s", p.Code, p.Class, p.Error(), p.Snippet)
			}
			if strings.Contains(p.Error(), "jane@") {
				t.Errorf("a cell's value is told: %s", p.Error())
			}
			var where Position
			if pe, ok := errors.AsType[*PositionError](err); ok {
				where = pe.At
			}
			if where != tt.at {
				t.Errorf("position: got %v, want %v", where, tt.at)
			}
			if p.Snippet != "" && !json.Valid([]byte(p.Snippet)) {
				t.Errorf("the statement is no JSON: %s", p.Snippet)
			}
		})
	}
}

func TestRefusedRequests(t *testing.T) {
	for _, tt := range []struct {
		name      string
		operation string
		answer    *fault
		code      string
		class     problem.Class
		snippet   string
		wait      time.Duration
	}{
		{name: "concurrency", operation: "StartQueryExecution", answer: apiError("TooManyRequestsException", "limit exceeded", "Reason", "CONCURRENT_QUERY_LIMIT_EXCEEDED"),
			code: "athena-concurrency-limit", class: problem.Throttled, wait: 2 * time.Minute},
		{name: "rate", operation: "StartQueryExecution", answer: apiError("ThrottlingException", "Rate exceeded"), code: "athena-throttled", class: problem.Throttled, wait: 10 * time.Second},
		{name: "rate, another name", operation: "GetWorkGroup", answer: apiError("TooManyRequestsException", "Rate exceeded"), code: "athena-throttled", class: problem.Throttled, wait: 10 * time.Second},
		{name: "denied", operation: "StartQueryExecution", answer: apiError("AccessDeniedException", "User: arn:aws:iam::111122223333:user/a is not authorized to perform: athena:StartQueryExecution on resource: arn:aws:athena:us-east-1:111122223333:workgroup/primary because no policy allows it"),
			code: "athena-denied", class: problem.Permanent, snippet: "arn:aws:athena:us-east-1:111122223333:workgroup/primary"},
		{name: "denied by the catalog", operation: "StartQueryExecution", answer: apiError("AccessDeniedException", "User: a is not authorized to perform: glue:GetDatabase on resource: arn:aws:glue:us-east-1:111122223333:catalog"),
			code: "athena-glue-denied", class: problem.Permanent, snippet: "glue:GetDatabases"},
		{name: "key", operation: "GetWorkGroup", answer: apiError("UnrecognizedClientException", "The security token included in the request is invalid."), code: "credentials-invalid", class: problem.Permanent},
		{name: "expired", operation: "GetWorkGroup", answer: apiError("ExpiredTokenException", "The security token included in the request is expired"), code: "credentials-expired", class: problem.Transient},
		{name: "workgroup", operation: "GetWorkGroup", answer: apiError("InvalidRequestException", "WorkGroup primary is not found."), code: "athena-workgroup-invalid", class: problem.Permanent},
		{name: "no output", operation: "StartQueryExecution", answer: apiError("InvalidRequestException", "No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input."), code: "athena-output-missing", class: problem.Permanent},
		{name: "output bucket", operation: "StartQueryExecution", answer: apiError("InvalidRequestException", "Unable to verify/create output bucket lake-results"), code: "athena-output-denied", class: problem.Permanent, snippet: "s3:PutObject"},
		{name: "another query", operation: "StartQueryExecution", answer: apiError("InvalidRequestException", "Idempotent parameters do not match"), code: "athena-reuse-conflict", class: problem.Permanent},
		{name: "syntax at start", operation: "StartQueryExecution", answer: apiError("InvalidRequestException", "line 2:1: mismatched input 'SELEC'"), code: "athena-syntax", class: problem.Permanent},
		{name: "system", operation: "StartQueryExecution", answer: apiError("InternalServerException", "oops"), code: "athena-unavailable", class: problem.Transient},
		{name: "unknown", operation: "StartQueryExecution", answer: apiError("InvalidRequestException", "something new"), code: "athena-failed", class: problem.Permanent},
		{name: "result is gone", operation: "HeadObject", answer: &fault{Status: 404}, code: "object-not-found", class: problem.Transient},
		{name: "result is not ours to read", operation: "GetObject", answer: &fault{Status: 403, Body: map[string]any{"code": "AccessDenied"}}, code: "bucket-access-denied", class: problem.Permanent, snippet: "s3:GetObject"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			c.answers[tt.operation] = always(tt.answer)
			_, err := c.source(t, nil).Extract(t.Context(), request(t))
			p := problem.As(err)
			if p == nil {
				t.Fatalf("no problem: %v", err)
			}
			if p.Code != tt.code || p.Class != tt.class || !strings.Contains(p.Snippet, tt.snippet) {
				t.Errorf("got %s, %s: %s\n%s", p.Code, p.Class, p.Error(), p.Snippet)
			}
			var wait time.Duration
			var after interface{ RetryAfter() time.Duration }
			if errors.As(err, &after) {
				wait = after.RetryAfter()
			}
			if wait != tt.wait {
				t.Errorf("wait: got %s, want %s", wait, tt.wait)
			}
		})
	}
}

func TestUnreachableAthena(t *testing.T) {
	c := newCloud(t)
	s := c.source(t, func(cfg *Config) { cfg.Connection.Endpoint.Athena = "http://127.0.0.1:1" })
	_, err := s.Extract(t.Context(), request(t))
	p := problem.As(err)
	if p == nil || p.Code != "athena-unreachable" || p.Class != problem.Transient {
		t.Fatalf("got %v", err)
	}
	for _, word := range []string{"EOF", "*url", "operation error", "dial tcp"} {
		if strings.Contains(p.Error(), word) {
			t.Errorf("the text has %q, which is not the user's language: %s", word, p.Error())
		}
	}
}

func TestNoPlaceForResults(t *testing.T) {
	c := newCloud(t)
	_, err := c.source(t, func(cfg *Config) { cfg.OutputLocation = "" }).Extract(t.Context(), request(t))
	if p := problem.As(err); p == nil || p.Code != "athena-output-missing" {
		t.Errorf("got %v", err)
	}
	if len(c.queries) > 0 {
		t.Error("a query was started")
	}
}

func TestHints(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"TABLE_NOT_FOUND: line 2:1: Table 'awsdatacatalog.sales.ordres' does not exist", `Did you mean "orders"?`},
		{"COLUMN_NOT_FOUND: line 2:1: Column 'totl' cannot be resolved", `Did you mean "total"?`},
	} {
		c := newCloud(t)
		c.tables = map[string][]string{"orders": {"id", "total"}, "regions": {"totl_"}}
		c.failure = failed(tt.text)
		_, err := c.source(t, nil).Extract(t.Context(), request(t))
		if p := problem.As(err); p == nil || p.Remedy[0] != tt.want {
			t.Errorf("%s: got %+v", tt.text, p)
		}
	}
}

// A failed UNLOAD leaves what its manifest names; nothing else is touched.
func TestFailedUnloadIsCleanedUp(t *testing.T) {
	c := newCloud(t)
	c.failure = failed("oops", "ErrorCategory", 2, "ErrorType", 100)
	if _, err := c.source(t, nil).Extract(t.Context(), request(t)); err == nil {
		t.Fatal("no error")
	}
	if len(c.deleted) != 2 {
		t.Errorf("deleted: %v", c.deleted)
	}
}
