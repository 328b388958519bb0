// Package integration runs the Athena source against the sandbox: real
// signatures, policies, SQL and objects. It is a package of its own because the
// sandbox brings DuckDB, which links slowly.
package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/dataset"
	"waybill/internal/identity"
	"waybill/internal/problem"
	"waybill/internal/proof"
	"waybill/internal/sandbox"
	sandboxathena "waybill/internal/sandbox/athena"
	"waybill/internal/sandbox/sandboxtest"
	"waybill/internal/secret"
	"waybill/sources"
	"waybill/sources/athena"
	"waybill/sources/sourcetest"
)

func TestMain(m *testing.M) {
	sandboxtest.ServeIfChild(sandboxathena.New)
	os.Exit(m.Run())
}

const world = `
user "runner" {
  default = true
  statement {
    actions   = ["athena:*", "glue:*", "s3:*"]
    resources = ["*"]
  }
}
user "minimum" {
  statement {
    actions   = ["athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup", "glue:GetTable", "glue:GetTables", "glue:GetDatabase", "glue:GetDatabases"]
    resources = ["*"]
  }
  statement {
    actions   = ["s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload", "s3:PutObject"]
    resources = ["arn:aws:s3:::lake-results", "arn:aws:s3:::lake-results/*"]
  }
}
user "reader" {
  statement {
    actions   = ["athena:*", "glue:*"]
    resources = ["*"]
  }
}
user "nobody" {}
bucket "lake-results" {}
bucket "company-results" {}
bucket "lake" {}
workgroup "managed" { managed_results = true }
workgroup "enforced" {
  output_location = "s3://company-results/athena/"
  enforce         = true
}
workgroup "small" {
  output_location      = "s3://lake-results/small/"
  bytes_scanned_cutoff = 10000000
}
table "sales.orders" {
  files   = ["orders.csv"]
  format  = "csv"
  columns = ["id bigint", "total decimal(12,2)", "note varchar"]
}
table "sales.private" {
  location = "s3://lake/private/"
  format   = "csv"
  columns  = ["id bigint"]
}
`

const orders = "id,total,note\n1,2.50,\"say \"\"hi\"\"\"\n2,,\n3,100.00,a\n"

func start(t *testing.T) *sandbox.Process {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"world" + sandbox.FileSuffix: world, "orders.csv": orders} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return sandboxtest.StartDir(t, dir, sandbox.Options{})
}

// source makes a source that speaks to the sandbox as one of its users.
func source(t *testing.T, p *sandbox.Process, user string, change func(*athena.Config)) sources.Source {
	t.Helper()
	var conn *identity.Config
	for _, u := range p.Config().Users {
		if u.Name == user {
			conn = &identity.Config{Name: "lake", Region: p.Config().Region, AccessKeyID: secret.New(u.AccessKeyID), SecretAccessKey: u.SecretKey,
				Endpoint: &identity.Endpoint{S3: p.URL, STS: p.URL, Athena: p.URL, PathStyle: true}}
		}
	}
	cfg := athena.Config{Connection: conn, Catalog: "AwsDataCatalog", Database: "sales", Workgroup: "primary", Fetch: "auto",
		OutputLocation: "s3://lake-results/waybill/", Query: "SELECT id, total, note FROM orders"}
	change(&cfg)
	s, err := athena.New(cfg, identity.NewProvider())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func harness(t *testing.T, change func(*athena.Config), check func(*testing.T, dataset.Dataset)) sourcetest.Harness {
	p := start(t)
	with := func(query string) func(*testing.T) sources.Source {
		return func(t *testing.T) sources.Source {
			return source(t, p, "runner", func(c *athena.Config) {
				change(c)
				if query != "" {
					c.Query = query
				}
			})
		}
	}
	as := func(user, query string) func(*testing.T) sources.Source {
		return func(t *testing.T) sources.Source {
			return source(t, p, user, func(c *athena.Config) { change(c); c.Query = query })
		}
	}
	return sourcetest.Harness{
		New:     with(""),
		Check:   check,
		Empty:   with("SELECT id, total, note FROM orders WHERE id < 0"),
		Slow:    with("SELECT count(*) AS n FROM sequence(1, 10000000) a (x), sequence(1, 10000000) b (y) WHERE x * y % 7 = 3"),
		Started: func() int { return started(t, p) },
		Running: func() int { return running(t, p) },
		Broken: map[string]func(*testing.T) sources.Source{
			"athena-syntax":      with("SELECT id FORM orders"),
			"table-not-found":    with("SELECT id FROM ordres"),
			"column-not-found":   with("SELECT totl FROM orders"),
			"athena-denied":      as("nobody", "SELECT 1 AS one"),
			"athena-data-denied": as("minimum", "SELECT id FROM private"),
		},
	}
}

func started(t *testing.T, p *sandbox.Process) int {
	tokens := map[string]bool{}
	for _, e := range sandboxtest.Journal(t, p) {
		if e.Operation == "StartQueryExecution" && e.Status == 200 {
			tokens[e.Params["ClientRequestToken"]] = true
		}
	}
	return len(tokens)
}

func running(t *testing.T, p *sandbox.Process) int {
	t.Helper()
	client := api.NewFromConfig(sandboxtest.Config(t, p, "runner"))
	list, err := client.ListQueryExecutions(t.Context(), &api.ListQueryExecutionsInput{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, id := range list.QueryExecutionIds {
		out, err := client.GetQueryExecution(t.Context(), &api.GetQueryExecutionInput{QueryExecutionId: &id})
		if err != nil {
			t.Fatal(err)
		}
		if s := out.QueryExecution.Status.State; s == types.QueryExecutionStateQueued || s == types.QueryExecutionStateRunning {
			n++
		}
	}
	return n
}

var attempts atomic.Int64

func extract(t *testing.T, s sources.Source) (dataset.Dataset, error) {
	return s.Extract(t.Context(), sources.Request{Dir: t.TempDir(), Attempt: fmt.Sprintf("integration-%024d", attempts.Add(1)),
		Save: func(context.Context, []byte) error { return nil }})
}

const columns = "id bigint, total decimal(12,2), note varchar"

func TestUnload(t *testing.T) {
	sourcetest.Run(t, harness(t, func(*athena.Config) {}, func(t *testing.T, ds dataset.Dataset) {
		if ds.Format != dataset.Parquet || ds.Schema.String() != columns || len(ds.Files) == 0 || ds.Stats.Method != "UNLOAD" {
			t.Fatalf("got %+v", ds)
		}
		for _, path := range ds.Paths() {
			data, err := os.ReadFile(path)
			if err != nil || !bytes.HasPrefix(data, []byte("PAR1")) || !bytes.HasSuffix(data, []byte("PAR1")) {
				t.Errorf("%s is no Parquet file (%v)", path, err)
			}
		}
	}))
}

func checkCSV(t *testing.T, ds dataset.Dataset) {
	want := "\"id\",\"total\",\"note\"\n\"1\",\"2.50\",\"say \"\"hi\"\"\"\n\"2\",,\n\"3\",\"100.00\",\"a\"\n"
	if ds.Format != dataset.CSV || ds.Schema.String() != columns || len(ds.Files) != 1 {
		t.Fatalf("got %+v", ds)
	}
	if data, err := os.ReadFile(ds.Paths()[0]); err != nil || string(data) != want {
		t.Errorf("got %q (%v), want %q", data, err, want)
	}
}

func TestResultFile(t *testing.T) {
	sourcetest.Run(t, harness(t, func(c *athena.Config) { c.Query += " ORDER BY id" }, checkCSV))
}

func TestManagedResults(t *testing.T) {
	managed := func(c *athena.Config) {
		c.Workgroup, c.OutputLocation = "managed", ""
		c.Query += " ORDER BY id"
	}
	sourcetest.Run(t, harness(t, managed, checkCSV))
}

func TestEnforcedLocation(t *testing.T) {
	p := start(t)
	if _, err := extract(t, source(t, p, "runner", func(c *athena.Config) { c.Workgroup = "enforced" })); err != nil {
		t.Fatal(err)
	}
	for _, e := range sandboxtest.Journal(t, p) {
		if e.Bucket == "lake-results" {
			t.Errorf("%s reached the location that the workgroup overrides", e.Operation)
		}
	}
}

// With the minimum policy everything works; what was staged then stays.
func TestMinimumPolicyIsEnough(t *testing.T) {
	p := start(t)
	if _, err := extract(t, source(t, p, "minimum", func(*athena.Config) {})); err != nil {
		t.Fatal(err)
	}
	if n := staged(t, p); n == 0 {
		t.Error("objects were removed without s3:DeleteObject")
	}
	if _, err := extract(t, source(t, p, "runner", func(c *athena.Config) { c.OutputLocation = "s3://lake-results/other/" })); err != nil {
		t.Fatal(err)
	}
	if n := stagedBelow(t, p, "other/waybill-staging/"); n != 0 {
		t.Errorf("%d objects are left", n)
	}
}

func staged(t *testing.T, p *sandbox.Process) int {
	return stagedBelow(t, p, "waybill/waybill-staging/")
}

func stagedBelow(t *testing.T, p *sandbox.Process, prefix string) int {
	t.Helper()
	client := s3.NewFromConfig(sandboxtest.Config(t, p, "runner"), func(o *s3.Options) { o.UsePathStyle = true })
	out, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("lake-results"), Prefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Contents)
}

func TestOutputDenied(t *testing.T) {
	_, err := extract(t, source(t, start(t), "reader", func(*athena.Config) {}))
	p := problem.As(err)
	if p == nil || p.Code != "athena-output-denied" || !strings.Contains(p.Snippet, "arn:aws:s3:::lake-results/waybill/*") {
		t.Errorf("got %v", err)
	}
}

func TestParameters(t *testing.T) {
	ds, err := extract(t, source(t, start(t), "runner", func(c *athena.Config) {
		c.Query = "SELECT id FROM orders -- ?\nWHERE note = ? AND id > ? ORDER BY id"
		c.Parameters = []cty.Value{cty.StringVal(`say "hi"`), cty.NumberIntVal(0)}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(ds.Paths()[0]); string(data) != "\"id\"\n\"1\"\n" {
		t.Errorf("got %q", data)
	}
}

func TestMistakesAreFoundInTheUsersText(t *testing.T) {
	p := start(t)
	for _, fetch := range []string{"auto", "results"} {
		_, err := extract(t, source(t, p, "runner", func(c *athena.Config) {
			c.Fetch, c.Query = fetch, "\n\n  SELECT id,\n    totl\n  FROM orders"
		}))
		pe, ok := errors.AsType[*athena.PositionError](err)
		if want := (athena.Position{Line: 4, Column: 5}); !ok || pe.At != want {
			t.Errorf("%s: got %v, want a position at %v", fetch, err, want)
		}
	}
}

func TestTypesDecideTheMethod(t *testing.T) {
	p := start(t)
	for query, want := range map[string]string{
		"SELECT TIME '09:00:00' AS at":                                      "results: at time",
		"SELECT CAST(1 AS real) AS r, X'31' AS b, DATE '2026-01-31' AS day": "UNLOAD: r real, b varbinary, day date",
	} {
		ds, err := extract(t, source(t, p, "runner", func(c *athena.Config) { c.Query = query }))
		if err != nil {
			t.Errorf("%s: %v", query, err)
		} else if got := ds.Stats.Method + ": " + ds.Schema.String(); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func TestNestedRowsAreUnloaded(t *testing.T) {
	ds, err := extract(t, source(t, start(t), "runner", func(c *athena.Config) { c.Query = "SELECT id, ARRAY[1, 2] AS list FROM orders ORDER BY id" }))
	if err != nil {
		t.Fatal(err)
	}
	if ds.Format != dataset.Parquet || len(ds.Files) == 0 {
		t.Errorf("got %+v", ds)
	}
}

// A probe judges the query without reading a row, and says what is wrong.
func TestProbe(t *testing.T) {
	p := start(t)
	for _, tt := range []struct {
		name, user, query string
		change            func(*athena.Config)
		want              []string
	}{
		{"valid", "runner", "SELECT id, total FROM orders", nil,
			[]string{"identity proven", "workgroup proven", "query proven: valid, 2 columns, fetched by UNLOAD"}},
		{"an order", "minimum", "SELECT id FROM orders ORDER BY id", nil,
			[]string{"identity proven", "workgroup proven", "query proven: valid, 1 column, fetched by its result file"}},
		{"parameters", "runner", "SELECT id FROM orders WHERE id = ?", func(c *athena.Config) { c.Parameters = []cty.Value{cty.NumberIntVal(1)} },
			[]string{"identity proven", "workgroup proven", "query proven: valid, 1 column, fetched by UNLOAD"}},
		{"managed results", "runner", "SELECT id FROM orders", func(c *athena.Config) { c.Workgroup = "managed" },
			[]string{"identity proven", "workgroup proven", "query proven: valid, 1 column, fetched by its result file"}},
		{"a misspelt column", "runner", "SELECT totl FROM orders", nil,
			[]string{"identity proven", "workgroup proven", "query failed column-not-found"}},
		{"nothing allowed", "nobody", "SELECT 1 AS one", nil, []string{"identity proven", "workgroup failed athena-denied"}},
		{"no such bucket", "runner", "SELECT 1 AS one", func(c *athena.Config) { c.OutputLocation = "s3://lake-resluts/" },
			[]string{"identity proven", "workgroup proven", "results failed bucket-not-found"}},
		{"a type that has to be cast", "runner", "SELECT map(array[1], array[2]) AS m, time '10:00:00' AS t", nil,
			[]string{"identity proven", "workgroup proven", "query failed athena-type-unsupported"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := source(t, p, tt.user, func(c *athena.Config) {
				c.Query = tt.query
				if tt.change != nil {
					tt.change(c)
				}
			})
			var got []string
			for _, proof := range s.(sources.Prober).Probe(t.Context(), proof.Trial{}) {
				text := proof.Of + " " + string(proof.Verdict)
				switch {
				case proof.Problem != nil:
					text += " " + proof.Problem.Code
				case proof.Of == "query":
					text += ": " + proof.Told
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Who wants a few rows asks for no more; a mistake is still found in the user's
// own text.
func TestLimit(t *testing.T) {
	p := start(t)
	attempts := 0
	extract := func(query string) (dataset.Dataset, error) {
		attempts++
		s := source(t, p, "runner", func(c *athena.Config) { c.Query = query })
		return s.Extract(t.Context(), sources.Request{Dir: t.TempDir(), Attempt: fmt.Sprintf("limit-%026d", attempts), Limit: 2,
			Save: func(context.Context, []byte) error { return nil }})
	}
	ds, err := extract("SELECT id, total, note FROM orders ORDER BY id -- all of them")
	if err != nil || ds.Rows > 2 {
		t.Errorf("%d rows, %v", ds.Rows, err)
	}
	_, err = extract("SELECT id,\n  totl\nFROM orders")
	var at interface{ Position() (int, int) }
	if !errors.As(err, &at) {
		t.Fatalf("no position in %v", err)
	}
	if line, column := at.Position(); line != 2 || column != 3 {
		t.Errorf("the mistake is at %d:%d", line, column)
	}
}
