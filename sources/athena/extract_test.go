package athena

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/sources"
	"waybill/sources/sourcetest"
)

func ptr(s string) *string { return &s }

func request(t *testing.T) sources.Request {
	return sources.Request{Dir: t.TempDir(), Attempt: "attempt-0123456789-0123456789-0001",
		Save: func(context.Context, []byte) error { return nil }}
}

func content(t *testing.T, ds dataset.Dataset) []string {
	t.Helper()
	var out []string
	for _, path := range ds.Paths() {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(data))
	}
	return out
}

var ordersSchema = dataset.Schema{{Name: "id", Type: "bigint"}, {Name: "total", Type: "decimal(12,2)"}}

// harness makes the suite's sources: change is applied to each of them, script
// to each cloud.
func harness(t *testing.T, script func(*cloud), change func(*Config), check func(*testing.T, dataset.Dataset)) sourcetest.Harness {
	c := newCloud(t)
	script(c)
	slow := newCloud(t)
	script(slow)
	slow.states = []string{"QUEUED", "RUNNING"}
	empty := newCloud(t)
	script(empty)
	empty.parts, empty.csv = nil, "\"id\",\"total\"\n"
	empty.rows = empty.rows[:min(1, len(empty.rows))]
	count := func(f func(*cloud) int) func() int { return func() int { return f(c) + f(slow) } }
	return sourcetest.Harness{
		New:     func(t *testing.T) sources.Source { return c.source(t, change) },
		Check:   check,
		Empty:   func(t *testing.T) sources.Source { return empty.source(t, change) },
		Slow:    func(t *testing.T) sources.Source { return slow.source(t, change) },
		Started: count((*cloud).started), Running: func() int { return slow.running() },
		Broken: map[string]func(*testing.T) sources.Source{
			"athena-denied": func(t *testing.T) sources.Source {
				broken := newCloud(t)
				broken.answers["GetWorkGroup"] = always(apiError("AccessDeniedException", "User: arn:aws:iam::111122223333:user/a is not authorized to perform: athena:GetWorkGroup on resource: arn:aws:athena:us-east-1:111122223333:workgroup/primary"))
				return broken.source(t, change)
			},
			"athena-concurrency-limit": func(t *testing.T) sources.Source {
				broken := newCloud(t)
				broken.answers["StartQueryExecution"] = always(apiError("TooManyRequestsException", "You have exceeded the limit", "Reason", "CONCURRENT_QUERY_LIMIT_EXCEEDED"))
				return broken.source(t, change)
			},
		},
	}
}

func TestUnloadIsASource(t *testing.T) {
	sourcetest.Run(t, harness(t, func(*cloud) {}, nil, func(t *testing.T, ds dataset.Dataset) {
		if diff := cmp.Diff([]string{"PAR1 one", "PAR1 two"}, content(t, ds)); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(ordersSchema, ds.Schema); diff != "" {
			t.Errorf("schema (-want +got):\n%s", diff)
		}
		want := dataset.Stats{ScannedBytes: 1234, QueryMillis: 56, Method: "UNLOAD", QueryID: ds.Stats.QueryID}
		if ds.Format != dataset.Parquet || ds.Stats != want || ds.Stats.QueryID == "" {
			t.Errorf("got format %s and stats %+v", ds.Format, ds.Stats)
		}
	}))
}

func TestResultFileIsASource(t *testing.T) {
	ordered := func(c *Config) { c.Query += " ORDER BY id" }
	sourcetest.Run(t, harness(t, func(*cloud) {}, ordered, func(t *testing.T, ds dataset.Dataset) {
		if diff := cmp.Diff([]string{"\"id\",\"total\"\n\"1\",\"2.50\"\n"}, content(t, ds)); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		want := &dataset.CSVOptions{Delimiter: ",", Quote: `"`, Escape: `"`, Header: true, QuotedEmpty: true}
		if diff := cmp.Diff(want, ds.CSV); diff != "" {
			t.Errorf("CSV options (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(ordersSchema, ds.Schema); diff != "" {
			t.Errorf("schema (-want +got):\n%s", diff)
		}
	}))
}

func TestManagedResultIsASource(t *testing.T) {
	managed := func(c *cloud) {
		c.workgroup["ManagedQueryResultsConfiguration"] = map[string]any{"Enabled": true}
		c.rows = [][]*string{{ptr("id"), ptr("total")}, {ptr("1"), nil}, {ptr(""), ptr(`say "hi"` + "\n,")}, {nil, nil}}
	}
	sourcetest.Run(t, harness(t, managed, nil, func(t *testing.T, ds dataset.Dataset) {
		want := "\"id\",\"total\"\n\"1\",\n\"\",\"say \"\"hi\"\"\n,\"\n,\n"
		if diff := cmp.Diff([]string{want}, content(t, ds)); diff != "" {
			t.Errorf("file (-want +got):\n%s", diff)
		}
		if ds.Rows != 3 {
			t.Errorf("rows: got %d, want 3", ds.Rows)
		}
	}))
}

func TestStatementsThatAreSent(t *testing.T) {
	c := newCloud(t)
	s := c.source(t, func(cfg *Config) { cfg.ExpectedBucketOwner = "123456789012" })
	if _, err := s.Extract(t.Context(), request(t)); err != nil {
		t.Fatal(err)
	}
	var got []string
	tokens := map[string]bool{}
	for _, call := range c.seen("StartQueryExecution") {
		got = append(got, call.Body["QueryString"].(string))
		token := call.Body["ClientRequestToken"].(string)
		if len(token) < 32 || len(token) > 128 || tokens[token] {
			t.Errorf("request token %q: want 32 to 128 characters, another one for each query", token)
		}
		tokens[token] = true
		want := map[string]any{"OutputLocation": "s3://lake-results/waybill/", "ExpectedBucketOwner": "123456789012"}
		if diff := cmp.Diff(want, call.Body["ResultConfiguration"]); diff != "" {
			t.Errorf("result configuration (-want +got):\n%s", diff)
		}
	}
	want := []string{
		"SELECT * FROM (\nSELECT id, total FROM orders\n) LIMIT 0",
		"UNLOAD (SELECT * FROM (\nSELECT id, total FROM orders\n)) TO 's3://lake-results/waybill/waybill-staging/attempt-0123456789-0123456789-0001/' WITH (format = 'PARQUET', compression = 'SNAPPY')",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
	for _, call := range c.seen("GetObject") {
		if call.Body["owner"] != "123456789012" {
			t.Errorf("a read did not name the expected owner: %v", call.Body)
		}
		if strings.Contains(call.Body["key"].(string), "staging") && call.Body["if-match"] == "" {
			t.Errorf("a read did not insist on the version: %v", call.Body)
		}
	}
}

func TestEnforcedLocationWins(t *testing.T) {
	c := newCloud(t)
	c.workgroup["EnforceWorkGroupConfiguration"] = true
	c.workgroup["ResultConfiguration"] = map[string]any{"OutputLocation": "s3://company-results/athena"}
	if _, err := c.source(t, nil).Extract(t.Context(), request(t)); err != nil {
		t.Fatal(err)
	}
	for _, call := range c.seen("StartQueryExecution") {
		if call.Body["ResultConfiguration"] != nil {
			t.Errorf("a start names a location that the workgroup overrides: %v", call.Body["ResultConfiguration"])
		}
		if sql := call.Body["QueryString"].(string); strings.HasPrefix(sql, "UNLOAD") && !strings.Contains(sql, "'s3://company-results/athena/waybill-staging/") {
			t.Errorf("UNLOAD goes elsewhere: %s", sql)
		}
	}
}

func TestStagingIsRemovedByTheManifestOnly(t *testing.T) {
	c := newCloud(t)
	c.objects["lake-results/waybill/waybill-staging/attempt-0123456789-0123456789-0001/other"] = []byte("not ours")
	if _, err := c.source(t, nil).Extract(t.Context(), request(t)); err != nil {
		t.Fatal(err)
	}
	staging := "lake-results/waybill/waybill-staging/attempt-0123456789-0123456789-0001/"
	if diff := cmp.Diff([]string{staging + "a", staging + "b"}, c.deleted); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
}

func TestMissingDeletePermissionIsNoFailure(t *testing.T) {
	c := newCloud(t)
	c.answers["DeleteObject"] = always(&fault{Status: 403, Body: map[string]any{"code": "AccessDenied"}})
	if _, err := c.source(t, nil).Extract(t.Context(), request(t)); err != nil {
		t.Fatal(err)
	}
	if len(c.seen("DeleteObject")) == 0 {
		t.Error("nothing was tried to be removed")
	}
}

func TestManifestMustStayBelowStaging(t *testing.T) {
	for name, line := range map[string]string{
		"another bucket":   "s3://evil/waybill/x",
		"another attempt":  "s3://lake-results/waybill/waybill-staging/attempt-x/part",
		"the data":         "s3://lake-results/orders/part",
		"not a place":      "https://example.com/x",
		"the folder alone": "s3://lake-results/waybill/waybill-staging/attempt-0123456789-0123456789-0001/",
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			c.manifest = func(string) []string { return []string{line} }
			_, err := c.source(t, nil).Extract(t.Context(), request(t))
			if p := problem.As(err); p == nil || p.Code != "unload-manifest-invalid" {
				t.Errorf("error: got %v, want unload-manifest-invalid", err)
			}
			if len(c.deleted) > 0 {
				t.Errorf("objects were deleted: %v", c.deleted)
			}
		})
	}
}

func TestNestedTypesAreAskedFor(t *testing.T) {
	c := newCloud(t)
	c.columns = []column{{Name: "id", Type: "bigint"}, {Name: "tags", Type: "array"}, {Name: "at", Type: "row"}}
	c.types = []string{"bigint", "array(varchar(12))", `row("x" decimal(5, 1), "time" timestamp(3))`}
	ds, err := c.source(t, nil).Extract(t.Context(), request(t))
	if err != nil {
		t.Fatal(err)
	}
	want := dataset.Schema{{Name: "id", Type: "bigint"}, {Name: "tags", Type: "array(varchar)"}, {Name: "at", Type: `row(x decimal(5,1), "time" timestamp)`}}
	if diff := cmp.Diff(want, ds.Schema); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

// An engine whose typeof() answers in words of its own leaves the elements of
// nested types open: the files know them, and without files nobody does.
func TestNestedTypesThatNobodyTells(t *testing.T) {
	c := newCloud(t)
	c.columns = []column{{Name: "id", Type: "bigint"}, {Name: "tags", Type: "array"}}
	c.types = []string{"INT64", "LIST<STRING>"}
	ds, err := c.source(t, nil).Extract(t.Context(), request(t))
	if err != nil || ds.Schema != nil || len(ds.Files) != 2 {
		t.Errorf("got %+v, %v; want files and no schema", ds, err)
	}
	c.parts = nil
	req := request(t)
	req.Attempt += "-again"
	if _, err := c.source(t, nil).Extract(t.Context(), req); err == nil {
		t.Error("no rows, no types, no error")
	}
}

func TestDescribe(t *testing.T) {
	c := newCloud(t)
	schema, err := c.source(t, nil).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ordersSchema, schema); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
	if len(c.queries) != 1 {
		t.Errorf("queries: got %d, want the one that describes", len(c.queries))
	}
}

// An answer that is lost after the work is done must not lead to a second
// query: the SDK repeats the request with the same token.
func TestLostAnswerOfStartIsOneQuery(t *testing.T) {
	c := newCloud(t)
	c.answers["StartQueryExecution"] = func(n int) *fault {
		if n == 1 {
			return &fault{Cut: true}
		}
		return nil
	}
	if _, err := c.source(t, nil).Extract(t.Context(), request(t)); err != nil {
		t.Fatal(err)
	}
	if len(c.queries) != 2 || len(c.seen("StartQueryExecution")) != 3 {
		t.Errorf("got %d queries by %d starts, want 2 by 3", len(c.queries), len(c.seen("StartQueryExecution")))
	}
}

func TestThrottledLooksDoNotFailAQuery(t *testing.T) {
	c := newCloud(t)
	c.answers["GetQueryExecution"] = func(n int) *fault {
		if n >= 2 && n <= 4 { // all tries of one SDK call
			return apiError("ThrottlingException", "Rate exceeded")
		}
		return nil
	}
	if _, err := c.source(t, nil).Extract(t.Context(), request(t)); err != nil {
		t.Fatal(err)
	}
}

func TestQueryThatIsGivenUpIsStopped(t *testing.T) {
	c := newCloud(t)
	c.answers["GetQueryExecution"] = always(apiError("AccessDeniedException", "not authorized to perform: athena:GetQueryExecution"))
	_, err := c.source(t, nil).Extract(t.Context(), request(t))
	if p := problem.As(err); p == nil || p.Code != "athena-denied" {
		t.Fatalf("error: got %v, want athena-denied", err)
	}
	if n := c.running(); n != 0 {
		t.Errorf("%d queries go on", n)
	}
}

// A cancelled attempt that is resumed knows that it stopped its query itself.
func TestResumedAfterCancellationAsksForAnotherAttempt(t *testing.T) {
	c := newCloud(t)
	c.states = []string{"RUNNING"}
	ctx, cancel := context.WithCancel(t.Context())
	req := request(t)
	req.Save = func(_ context.Context, token []byte) error { req.Resume = token; return nil }
	req.Progress = func(sources.Progress) {
		if c.started() == 2 {
			cancel()
		}
	}
	if _, err := c.source(t, nil).Extract(ctx, req); err == nil {
		t.Fatal("no error")
	}
	_, err := c.source(t, nil).Extract(t.Context(), req)
	p := problem.As(err)
	if p == nil || p.Code != "athena-cancelled" || p.Class != problem.Transient {
		t.Errorf("got %+v, want a transient athena-cancelled", p)
	}
}

func TestSpoolThatIsGoneAsksForAnotherAttempt(t *testing.T) {
	c := newCloud(t)
	req := request(t)
	req.Save = func(_ context.Context, token []byte) error { req.Resume = token; return nil }
	if _, err := c.source(t, nil).Extract(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	req.Dir = t.TempDir()
	_, err := c.source(t, nil).Extract(t.Context(), req)
	if problem.ClassOf(err) != problem.Transient {
		t.Errorf("got %v, want a transient problem", err)
	}
}

func TestTokenHoldsNoSQL(t *testing.T) {
	c := newCloud(t)
	req := request(t)
	var saved []string
	req.Save = func(_ context.Context, token []byte) error { saved = append(saved, string(token)); return nil }
	s := c.source(t, func(cfg *Config) { cfg.Query = "SELECT id, total FROM orders WHERE pin = 'canary-7731'" })
	if _, err := s.Extract(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(saved, "\n"); len(saved) == 0 || strings.Contains(all, "canary") {
		t.Errorf("tokens: %s", all)
	}
}

// A start that is under way when the run is cancelled may have begun a query:
// its answer is waited for, so that the query can be stopped.
func TestCancelledDuringStartStopsTheQuery(t *testing.T) {
	c := newCloud(t)
	c.states = []string{"RUNNING"}
	ctx, cancel := context.WithCancel(t.Context())
	c.answers["StartQueryExecution"] = func(n int) *fault {
		if n == 2 {
			cancel()
		}
		return nil
	}
	req := request(t)
	req.Save = func(ctx context.Context, _ []byte) error { return ctx.Err() }
	_, err := c.source(t, nil).Extract(ctx, req)
	if p := problem.As(err); p == nil || p.Code != "cancelled" {
		t.Errorf("error: got %v", err)
	}
	if c.started() != 2 || c.running() != 0 {
		t.Errorf("%d of %d queries go on", c.running(), c.started())
	}
}

func TestDeadlineIsATimeout(t *testing.T) {
	c := newCloud(t)
	c.states = []string{"RUNNING"}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.source(t, nil).Extract(ctx, request(t))
	if p := problem.As(err); p == nil || p.Code != "timeout" {
		t.Errorf("error: got %v", err)
	}
	if c.running() != 0 {
		t.Error("the query goes on")
	}
}

// What a sink might have copied stays until it is released, and then goes by
// its own names, once however often it is asked for.
func TestStagingIsLeftUntilReleased(t *testing.T) {
	c := newCloud(t)
	s := c.source(t, func(cfg *Config) { cfg.ExpectedBucketOwner = "123456789012" })
	req := request(t)
	req.Leave, req.Codec = true, "zstd"
	ds, err := s.Extract(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	staging := "waybill/waybill-staging/attempt-0123456789-0123456789-0001/"
	origin := func(key string) *dataset.Origin {
		return &dataset.Origin{Bucket: "lake-results", Key: staging + key, ETag: `"8"`, Owner: "123456789012", Identity: s.cfg.ReadsAs()}
	}
	if diff := cmp.Diff([]*dataset.Origin{origin("a"), origin("b")}, []*dataset.Origin{ds.Files[0].Origin, ds.Files[1].Origin}); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
	if !ds.Left() || len(c.deleted) > 0 {
		t.Errorf("left: %v, deleted: %v", ds.Left(), c.deleted)
	}
	for range 2 {
		if err := s.Release(t.Context(), ds); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"lake-results/" + staging + "a", "lake-results/" + staging + "b"}, c.deleted); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
}

func TestReleaseIsNoMatterOfPermissions(t *testing.T) {
	c := newCloud(t)
	s := c.source(t, nil)
	req := request(t)
	req.Leave = true
	ds, err := s.Extract(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	c.answers["DeleteObject"] = always(&fault{Status: 403, Body: map[string]any{"code": "AccessDenied"}})
	if err := s.Release(t.Context(), ds); err != nil || len(c.seen("DeleteObject")) != 1 {
		t.Errorf("%v after %d requests, want none after the first", err, len(c.seen("DeleteObject")))
	}
	c.answers["DeleteObject"] = always(&fault{Status: 400, Body: map[string]any{"code": "RequestTimeout"}})
	if err := s.Release(t.Context(), ds); err == nil {
		t.Error("what may still succeed was given up silently")
	}
}

// UNLOAD writes timestamps as INT96: nobody takes such files as they are, so
// they are not left.
func TestTimestampsAreNotLeft(t *testing.T) {
	for _, typ := range []string{"timestamp", "array"} {
		c := newCloud(t)
		c.columns = []column{{Name: "at", Type: typ}}
		c.types = []string{map[string]string{"timestamp": "timestamp(3)", "array": "array(timestamp(3))"}[typ]}
		req := request(t)
		req.Leave = true
		ds, err := c.source(t, nil).Extract(t.Context(), req)
		if err != nil || ds.Left() || len(c.deleted) != 2 {
			t.Errorf("%s: left %v, deleted %v, %v", typ, ds.Left(), c.deleted, err)
		}
	}
}

// The codec is what is wished for as far as UNLOAD has it, and does not change
// with the wish once the query is announced: Athena would refuse its token.
func TestCodec(t *testing.T) {
	for wish, want := range map[string]string{"": "SNAPPY", "snappy": "SNAPPY", "zstd": "ZSTD", "gzip": "GZIP", "none": "SNAPPY", "lzo": "SNAPPY"} {
		c := newCloud(t)
		req := request(t)
		req.Codec, req.Leave = wish, true
		var saved []byte
		req.Save = func(_ context.Context, token []byte) error { saved = token; return nil }
		s := c.source(t, nil)
		if _, err := s.Extract(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		tok, err := readToken(saved)
		if err != nil {
			t.Fatal(err)
		}
		tok.Done, tok.Queries[stageMain] = nil, "" // as if the process had died before the answer
		if req.Resume, err = json.Marshal(tok); err != nil {
			t.Fatal(err)
		}
		req.Codec = "another"
		if _, err := s.Extract(t.Context(), req); err != nil {
			t.Errorf("%s, resumed: %v", wish, err)
		}
		for _, call := range c.seen("StartQueryExecution") {
			if sql := call.Body["QueryString"].(string); strings.HasPrefix(sql, "UNLOAD") && !strings.Contains(sql, "compression = '"+want+"'") {
				t.Errorf("%q: got %s, want %s", wish, sql, want)
			}
		}
	}
}
