package athena_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"waybill/internal/sandbox"
	"waybill/internal/sandbox/athena"
	"waybill/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	sandboxtest.ServeIfChild(athena.New)
	os.Exit(m.Run())
}

const world = `
user "analyst" {
  default = true
  statement {
    actions   = ["athena:*", "glue:*", "s3:*", "sts:*"]
    resources = ["*"]
  }
}
user "guest" {
  statement {
    actions   = ["athena:*"]
    resources = ["*"]
  }
}
user "clerk" {
  statement {
    actions   = ["athena:*", "glue:*", "s3:GetBucketLocation", "s3:ListBucket", "s3:GetObject"]
    resources = ["*"]
  }
}
user "stranger" {}
user "blind" {
  statement {
    actions   = ["athena:*", "glue:*", "s3:GetBucketLocation", "s3:ListBucket"]
    resources = ["*"]
  }
  statement {
    actions   = ["s3:PutObject", "s3:GetObject"]
    resources = ["arn:aws:s3:::results/*"]
  }
}
bucket "results" {}
bucket "lake" {}
bucket "foreign" { account = "999999999999" }
workgroup "primary" { output_location = "s3://results/default/" }
workgroup "forced" {
  output_location = "s3://results/forced/"
  enforce         = true
}
workgroup "managed" { managed_results = true }
workgroup "frugal" {
  output_location      = "s3://results/"
  bytes_scanned_cutoff = 10000000
}
workgroup "narrow" {
  output_location    = "s3://results/"
  concurrent_queries = 1
}
workgroup "nowhere" {}
table "sales.orders" {
  files   = ["orders.csv"]
  format  = "csv"
  columns = ["id bigint", "customer varchar", "total decimal(12,2)", "placed timestamp"]
}
table "sales.cities" {
  files  = ["cities.csv"]
  format = "csv"
}
table "lake.events" {
  location = "s3://lake/events/"
  columns  = ["id bigint"]
}
`

func start(t *testing.T) *sandbox.Process {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"lake.sandbox.hcl": world,
		"orders.csv":       "id,customer,total,placed\n1,Ann,10.50,2026-01-31 09:00:00\n2,\"Bob \"\"B\"\"\",20.00,2026-02-01 10:30:00.125\n3,,5.25,\n",
		"cities.csv":       "name,people\nOslo,700000\nRome,2800000\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return sandboxtest.StartDir(t, dir, sandbox.Options{})
}

type client struct {
	t *testing.T
	*api.Client
	s3 *s3.Client
}

func newClient(t *testing.T, p *sandbox.Process, user string) client {
	cfg := sandboxtest.Config(t, p, user)
	return client{t, api.NewFromConfig(cfg), s3.NewFromConfig(cfg)}
}

// run starts a query and waits for its end.
func (c client) run(sql string, opts ...func(*api.StartQueryExecutionInput)) *types.QueryExecution {
	c.t.Helper()
	in := &api.StartQueryExecutionInput{QueryString: &sql}
	for _, o := range opts {
		o(in)
	}
	out, err := c.StartQueryExecution(c.t.Context(), in)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.wait(*out.QueryExecutionId)
}

func (c client) wait(id string) *types.QueryExecution {
	c.t.Helper()
	for {
		e := c.get(id)
		if e.Status.CompletionDateTime != nil {
			return e
		}
		select {
		case <-c.t.Context().Done():
			c.t.Fatal("the query did not end in time")
		case <-time.After(2 * time.Millisecond): // clients of Athena poll
		}
	}
}

func (c client) get(id string) *types.QueryExecution {
	c.t.Helper()
	got, err := c.GetQueryExecution(c.t.Context(), &api.GetQueryExecutionInput{QueryExecutionId: &id})
	if err != nil {
		c.t.Fatal(err)
	}
	return got.QueryExecution
}

// succeed runs a query that must succeed.
func (c client) succeed(sql string, opts ...func(*api.StartQueryExecutionInput)) *types.QueryExecution {
	c.t.Helper()
	e := c.run(sql, opts...)
	if e.Status.State != types.QueryExecutionStateSucceeded {
		c.t.Fatalf("%s: %s: %s", sql, e.Status.State, aws.ToString(e.Status.StateChangeReason))
	}
	return e
}

func (c client) object(url string) string {
	c.t.Helper()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(url, "s3://"), "/")
	out, err := c.s3.GetObject(c.t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		c.t.Fatalf("%s: %v", url, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(body)
}

// rows renders all pages of a result: a line a row, NULL as ∅.
func (c client) rows(e *types.QueryExecution, kind types.QueryResultType) []string {
	c.t.Helper()
	var out []string
	in := &api.GetQueryResultsInput{QueryExecutionId: e.QueryExecutionId, QueryResultType: kind}
	for {
		page, err := c.GetQueryResults(c.t.Context(), in)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, r := range page.ResultSet.Rows {
			var cells []string
			for _, d := range r.Data {
				if d.VarCharValue == nil {
					cells = append(cells, "∅")
				} else {
					cells = append(cells, *d.VarCharValue)
				}
			}
			out = append(out, strings.Join(cells, "|"))
		}
		if page.NextToken == nil {
			return out
		}
		in.NextToken = page.NextToken
	}
}

func group(name string) func(*api.StartQueryExecutionInput) {
	return func(in *api.StartQueryExecutionInput) { in.WorkGroup = &name }
}

func params(p ...string) func(*api.StartQueryExecutionInput) {
	return func(in *api.StartQueryExecutionInput) { in.ExecutionParameters = p }
}

func TestSelect(t *testing.T) {
	p := start(t)
	c := newClient(t, p, "")
	e := c.succeed(`SELECT id, customer, total, placed, count(*) OVER () FROM "AwsDataCatalog".sales.orders ORDER BY id`)
	want := "\"id\",\"customer\",\"total\",\"placed\",\"_col4\"\n" +
		"\"1\",\"Ann\",\"10.50\",\"2026-01-31 09:00:00.000\",\"3\"\n" +
		"\"2\",\"Bob \"\"B\"\"\",\"20.00\",\"2026-02-01 10:30:00.125\",\"3\"\n" +
		"\"3\",,\"5.25\",,\"3\"\n"
	location := *e.ResultConfiguration.OutputLocation
	if got := c.object(location); got != want {
		t.Errorf("the result is\n%s\nwant\n%s", got, want)
	}
	if location != "s3://results/default/"+*e.QueryExecutionId+".csv" {
		t.Errorf("the result is at %s", location)
	}
	if meta := c.object(location + ".metadata"); !strings.Contains(meta, `"decimal"`) {
		t.Errorf("the metadata are %s", meta)
	}
	rows := c.rows(e, "")
	if !slices.Equal(rows, []string{"id|customer|total|placed|_col4", "1|Ann|10.50|2026-01-31 09:00:00.000|3", `2|Bob "B"|20.00|2026-02-01 10:30:00.125|3`, "3|∅|5.25|∅|3"}) {
		t.Errorf("the rows are %q", rows)
	}
	if s := e.Statistics; aws.ToInt64(s.DataScannedInBytes) == 0 || s.EngineExecutionTimeInMillis == nil || e.StatementType != types.StatementTypeDml {
		t.Errorf("the statistics are %+v of a %s", s, e.StatementType)
	}
}

func TestColumnInfo(t *testing.T) {
	c := newClient(t, start(t), "")
	e := c.succeed(`SELECT CAST(1 AS bigint) a, 1 b, 'x' c, CAST(1.5 AS decimal(12,2)) d, 1e0 e, true f, DATE '2026-01-31' g, TIMESTAMP '2026-01-31 01:02:03' h,
		CAST(1 AS real) i, X'313233' j, ARRAY[1,2] k, MAP(ARRAY['k'],ARRAY['v']) l, CAST(ROW(1,'x') AS row(n integer, s varchar)) m, sum(1) n, '' o, CAST(NULL AS varchar) p,
		TIME '01:02:03' q, now() - now() IS NULL r`)
	out, err := c.GetQueryResults(t.Context(), &api.GetQueryResultsInput{QueryExecutionId: e.QueryExecutionId})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, info := range out.ResultSet.ResultSetMetadata.ColumnInfo {
		v := out.ResultSet.Rows[1].Data[i].VarCharValue
		text := "∅"
		if v != nil {
			text = *v
		}
		got = append(got, fmt.Sprintf("%s %s(%d,%d) %s", *info.Name, *info.Type, info.Precision, info.Scale, text))
	}
	want := []string{"a bigint(19,0) 1", "b integer(10,0) 1", "c varchar(2147483647,0) x", "d decimal(12,2) 1.50", "e double(17,0) 1.0", "f boolean(0,0) true",
		"g date(0,0) 2026-01-31", "h timestamp(3,0) 2026-01-31 01:02:03.000", "i float(17,0) 1.0", "j varbinary(1073741824,0) 31 32 33", "k array(0,0) [1, 2]",
		"l map(0,0) {k=v}", "m row(0,0) {n=1, s=x}", "n bigint(19,0) 1", "o varchar(2147483647,0) ", "p varchar(2147483647,0) ∅", "q time(3,0) 01:02:03.000", "r boolean(0,0) false"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPaging(t *testing.T) {
	c := newClient(t, start(t), "")
	e := c.succeed(`SELECT n, CAST(n AS varchar) || ',"' || chr(10) s FROM UNNEST(sequence(1, 2500)) AS t(n) ORDER BY n`)
	page, err := c.GetQueryResults(t.Context(), &api.GetQueryResultsInput{QueryExecutionId: e.QueryExecutionId})
	if err != nil || len(page.ResultSet.Rows) != 1000 || page.NextToken == nil {
		t.Fatalf("the first page has %d rows, %v", len(page.ResultSet.Rows), err)
	}
	rows := c.rows(e, "")
	if len(rows) != 2501 || rows[0] != "n|s" || rows[2500] != "2500|2500,\"\n" {
		t.Errorf("%d rows, from %q to %q", len(rows), rows[0], rows[len(rows)-1])
	}
	if _, err := c.GetQueryResults(t.Context(), &api.GetQueryResultsInput{QueryExecutionId: e.QueryExecutionId, MaxResults: aws.Int32(1001)}); err == nil {
		t.Error("a page of 1001 rows was given")
	}
}

func TestSingleNullColumn(t *testing.T) {
	c := newClient(t, start(t), "")
	e := c.succeed(`SELECT * FROM (VALUES ('a'), (NULL), ('')) AS t(x)`)
	if got := c.object(*e.ResultConfiguration.OutputLocation); got != "\"x\"\n\"a\"\n\n\"\"\n" {
		t.Errorf("the result is %q", got)
	}
	if rows := c.rows(e, ""); !slices.Equal(rows, []string{"x", "a", "∅", ""}) {
		t.Errorf("the rows are %q", rows)
	}
}

func TestNoRows(t *testing.T) {
	c := newClient(t, start(t), "")
	e := c.succeed(`SELECT id, customer FROM sales.orders WHERE id < 0`)
	if got := c.object(*e.ResultConfiguration.OutputLocation); got != "\"id\",\"customer\"\n" {
		t.Errorf("the result is %q", got)
	}
	if rows := c.rows(e, ""); !slices.Equal(rows, []string{"id|customer"}) {
		t.Errorf("the rows are %q", rows)
	}
}

func TestTrinoFunctions(t *testing.T) {
	c := newClient(t, start(t), "")
	for sql, want := range map[string]string{
		`date_format(TIMESTAMP '2026-01-31 14:05:09', '%Y-%m-%d %H:%i:%s')`: "2026-01-31 14:05:09",
		`date_parse('31/01/2026 14:05', '%d/%m/%Y %H:%i')`:                  "2026-01-31 14:05:00.000",
		`to_iso8601(DATE '2026-01-31')`:                                     "2026-01-31",
		`to_iso8601(TIMESTAMP '2026-01-31 14:05:09')`:                       "2026-01-31T14:05:09.000",
		`from_unixtime(0)`:                                                 "1970-01-01 00:00:00.000 UTC",
		`to_unixtime(TIMESTAMP '1970-01-01 00:01')`:                        "60.0",
		`approx_distinct(1)`:                                               "1",
		`element_at(ARRAY[1,2], 2)`:                                        "2",
		`element_at(MAP(ARRAY['a'],ARRAY[7]), 'a')`:                        "7",
		`cardinality(ARRAY[1,2])`:                                          "2",
		`cardinality(MAP(ARRAY['a'],ARRAY[7]))`:                            "1",
		`contains(ARRAY[1,2], 2)`:                                          "true",
		`json_extract_scalar('{"a":{"b":"c"}}', '$.a.b')`:                  "c",
		`regexp_like('abc', 'b.')`:                                         "true",
		`regexp_replace('aXbX', 'X', '-')`:                                 "a-b-",
		`regexp_extract('abc', 'z') IS NULL`:                               "true",
		`split_part('a,b', ',', 2)`:                                        "b",
		`concat('a', NULL) IS NULL`:                                        "true",
		`7 / 2`:                                                            "3",
		`array_join(ARRAY[1,2], '-')`:                                      "1-2",
		`transform(ARRAY[1,2], x -> x + 1)`:                                "[2, 3]",
		`filter(ARRAY[1,2], x -> x > 1)`:                                   "[2]",
		`count(*) FILTER (WHERE 1 > 0)`:                                    "1",
		`CAST('["a"]' AS json)`:                                            `["a"]`,
		`CAST(ARRAY[1] AS array(varchar))`:                                 "[1]",
		`TRY_CAST('x' AS integer) IS NULL`:                                 "true",
		`day_of_week(DATE '2026-02-01')`:                                   "7",
		`date_diff('day', DATE '2026-01-01', DATE '2026-01-31')`:           "30",
		`date_trunc('month', TIMESTAMP '2026-01-31 14:05:09')`:             "2026-01-01 00:00:00.000",
		`if(1 > 0, 'y', 'n')`:                                              "y",
		`cardinality(sequence(1, 5))`:                                      "5",
		`max_by(1, 2)`:                                                     "1",
		`date_add('month', 1, TIMESTAMP '2026-01-31 00:00:00')`:            "2026-02-28 00:00:00.000",
		`date_format(date_parse('Jan', '%b'), '%M')`:                       "January",
		`last_day_of_month(DATE '2026-02-01')`:                             "2026-02-28",
		`json_array_length(json_parse('[1,2]'))`:                           "2",
		`arrays_overlap(ARRAY[1,2], ARRAY[2,3])`:                           "true",
		`coalesce(element_at(MAP(ARRAY['a'],ARRAY['x']), 'b'), 'missing')`: "missing",
	} {
		e := c.run("SELECT " + sql)
		if e.Status.State != types.QueryExecutionStateSucceeded {
			t.Errorf("%s: %s", sql, aws.ToString(e.Status.StateChangeReason))
		} else if rows := c.rows(e, ""); len(rows) != 2 || rows[1] != want {
			t.Errorf("%s = %q, want %q", sql, rows[1:], want)
		}
	}
}

func TestFailures(t *testing.T) {
	p := start(t)
	for _, tt := range []struct {
		user, sql string
		category  int32
		kind      int32
		says      string
	}{
		{"", "SELECT * FROM sales.orderz", 2, 1006, "line 1:15: TABLE_NOT_FOUND: Table 'awsdatacatalog.sales.orderz' does not exist"},
		{"", "SELECT * FROM salez.orders", 2, 1006, "line 1:15: SCHEMA_NOT_FOUND: Schema 'salez' does not exist"},
		{"", "SELECT * FROM other.sales.orders", 2, 1006, "line 1:15: CATALOG_NOT_FOUND: Catalog 'other' does not exist"},
		{"", "SELECT x FROM sales.orders", 2, 1006, "line 1:8: COLUMN_NOT_FOUND: Column 'x' cannot be resolved"},
		{"", "SELECT id,\n  CAST(id AS varchar), missing\nFROM sales.orders", 2, 1006, "line 2:24: COLUMN_NOT_FOUND: Column 'missing'"},
		{"", "SELECT id FROM sales.orders WHERE", 2, 1006, "line 1:34: mismatched input '<EOF>'"},
		{"", "SELECT id FROM sales.orders WEHRE id = 1", 2, 1006, "line 1:35: mismatched input 'id'"},
		{"", "SELEC 1", 2, 1006, "line 1:1: mismatched input 'SELEC'"},
		{"", "SELECT nope(1)", 2, 1006, "line 1:8: FUNCTION_NOT_FOUND: Function 'nope' not registered"},
		{"", "SELECT * FROM read_csv('/etc/passwd')", 2, 1006, "FUNCTION_NOT_FOUND: Function 'read_csv' not registered"},
		{"", "SELECT * FROM '/etc/passwd'", 2, 1006, "does not exist"},
		{"", "SELECT getenv('HOME')", 2, 1006, "FUNCTION_NOT_FOUND"},
		{"", "SELECT CAST(customer AS integer) FROM sales.orders", 2, 1006, "INVALID_CAST_ARGUMENT"},
		{"", "SELECT id, count(*) FROM sales.orders", 2, 1006, "EXPRESSION_NOT_AGGREGATE"},
		{"", "SELECT 1; SELECT 2", 2, 1006, "Only one sql statement is allowed"},
		{"", "SELECT * FROM sales.orders FOR TIMESTAMP AS OF current_timestamp", 2, 1006, "time travel"},
		{"guest", "SELECT * FROM sales.orders", 2, 1500, "not authorized to perform: glue:GetTable on resource: arn:aws:glue:us-east-1:111122223333:catalog"},
		{"clerk", "SELECT 1", 2, 401, "Access denied when writing output to url: s3://results/default/"},
		{"clerk", "UNLOAD (SELECT 1 a) TO 's3://lake/u/' WITH (format='PARQUET')", 2, 401, "Access denied when writing output to url: s3://lake/u/"},
		{"", "UNLOAD (SELECT 1) TO 's3://lake/u/' WITH (format='PARQUET')", 2, 1006, "MISSING_COLUMN_NAME"},
		{"", "UNLOAD (SELECT 1 a, 2 a) TO 's3://lake/u/' WITH (format='PARQUET')", 2, 1006, "DUPLICATE_COLUMN_NAME"},
		{"", "UNLOAD (SELECT now() a) TO 's3://lake/u/' WITH (format='PARQUET')", 2, 1006, "Unsupported Hive type: timestamp(3) with time zone"},
		{"", "UNLOAD (SELECT TIME '01:02:03' a) TO 's3://lake/u/' WITH (format='PARQUET')", 2, 1006, "Unsupported Hive type: time"},
		{"", "UNLOAD (SELECT CAST('1' AS json) a) TO 's3://lake/u/' WITH (format='PARQUET')", 2, 1006, "Unsupported Hive type: json"},
		{"", "UNLOAD (SELECT 1 a) TO 's3://lake/u/' WITH (format='ORC')", 2, 1006, "unloads PARQUET, not ORC"},
		{"", "UNLOAD (SELECT 1 a) TO 's3://lake/u/'", 2, 1006, "format is required"},
		{"", "UNLOAD (SELECT 1 a) TO 's3://missing/u/' WITH (format='PARQUET')", 2, 1306, "bucket missing"},
	} {
		t.Run(tt.sql, func(t *testing.T) {
			c := newClient(t, p, tt.user)
			in := func(in *api.StartQueryExecutionInput) {}
			if tt.user == "guest" {
				in = group("managed") // the guest has no S3 at all
			}
			e := c.run(tt.sql, in)
			if e.Status.State != types.QueryExecutionStateFailed || e.Status.AthenaError == nil {
				t.Fatalf("it ended as %s: %s", e.Status.State, aws.ToString(e.Status.StateChangeReason))
			}
			a := e.Status.AthenaError
			if *a.ErrorCategory != tt.category || *a.ErrorType != tt.kind || !strings.Contains(*e.Status.StateChangeReason, tt.says) {
				t.Errorf("got %d/%d %s\nwant %d/%d %s", *a.ErrorCategory, *a.ErrorType, *e.Status.StateChangeReason, tt.category, tt.kind, tt.says)
			}
		})
	}
}

func TestUnload(t *testing.T) {
	c := newClient(t, start(t), "")
	const unload = `UNLOAD (SELECT n AS Id, CAST(n AS varchar) || 'x' AS label FROM UNNEST(sequence(1, 10)) AS t(n)) TO 's3://lake/events/' WITH (format = 'PARQUET', compression = 'ZSTD')`
	e := c.succeed(unload)
	manifest := *e.Statistics.DataManifestLocation
	if manifest != "s3://results/default/"+*e.QueryExecutionId+"-manifest.csv" {
		t.Errorf("the manifest is at %s", manifest)
	}
	files := strings.Fields(c.object(manifest))
	if len(files) != 1 || !strings.HasPrefix(files[0], "s3://lake/events/") || !strings.HasPrefix(c.object(files[0]), "PAR1") {
		t.Errorf("the manifest lists %q", files)
	}
	if rows := c.rows(e, types.QueryResultTypeDataManifest); !slices.Equal(rows, files) {
		t.Errorf("the manifest's page is %q", rows)
	}
	out, err := c.GetQueryResults(t.Context(), &api.GetQueryResultsInput{QueryExecutionId: e.QueryExecutionId})
	if err != nil || aws.ToInt64(out.UpdateCount) != 10 || len(out.ResultSet.Rows) != 0 {
		t.Errorf("the results are %+v, %v", out, err)
	}
	// What was unloaded is read again, through S3.
	read := c.succeed(`SELECT count(*), min(label), max(id) FROM lake.events`)
	if rows := c.rows(read, ""); rows[1] != "10|10x|10" {
		t.Errorf("the table has %q", rows)
	}
	again := c.run(unload)
	if !strings.Contains(aws.ToString(again.Status.StateChangeReason), "HIVE_PATH_ALREADY_EXISTS") {
		t.Errorf("a destination in use: %s %s", again.Status.State, aws.ToString(again.Status.StateChangeReason))
	}
}

func TestUnloadExtremes(t *testing.T) {
	c := newClient(t, start(t), "")
	e := c.succeed(`UNLOAD (SELECT 1 AS a WHERE false) TO 's3://lake/none/' WITH (format = 'PARQUET')`)
	list, err := c.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("lake"), Prefix: aws.String("none/")})
	if err != nil || len(list.Contents) != 0 || c.object(*e.Statistics.DataManifestLocation) != "" {
		t.Errorf("no rows left %v, %v", list.Contents, err)
	}
	e = c.succeed(`UNLOAD (SELECT n, md5(CAST(n AS varchar)) a, md5(CAST(-n AS varchar)) b FROM UNNEST(sequence(1, 600000)) AS t(n)) TO 's3://lake/many' WITH (format = 'PARQUET', compression = 'SNAPPY')`)
	if files := strings.Fields(c.object(*e.Statistics.DataManifestLocation)); len(files) < 2 {
		t.Errorf("600,000 rows are in %d file", len(files))
	}
}

func TestParameters(t *testing.T) {
	c := newClient(t, start(t), "")
	e := c.succeed(`SELECT '?' q, customer FROM sales.orders WHERE id = ? AND total > ? -- why?`, params("2", "DECIMAL '1.5'"))
	if rows := c.rows(e, ""); rows[1] != `?|Bob "B"` {
		t.Errorf("got %q", rows)
	}
	for name, p := range map[string][]string{"too few": {"2"}, "not a literal": {"2", "1 OR 1=1"}, "too many": {"1", "2", "3"}} {
		e := c.run(`SELECT customer FROM sales.orders WHERE id = ? AND total > ?`, params(p...))
		if e.Status.State != types.QueryExecutionStateFailed || !strings.Contains(*e.Status.StateChangeReason, "INVALID_PARAMETER_USAGE") {
			t.Errorf("%s: %s", name, e.Status.State)
		}
	}
}

func TestExplain(t *testing.T) {
	c := newClient(t, start(t), "")
	e := c.succeed(`EXPLAIN (TYPE VALIDATE) SELECT id FROM sales.orders`)
	if rows := c.rows(e, ""); !slices.Equal(rows, []string{"Valid", "true"}) || *e.Statistics.DataScannedInBytes != 0 {
		t.Errorf("got %q, scanned %d", rows, *e.Statistics.DataScannedInBytes)
	}
	if e := c.run(`EXPLAIN (TYPE VALIDATE) SELECT nope FROM sales.orders`); !strings.Contains(aws.ToString(e.Status.StateChangeReason), "line 1:32: COLUMN_NOT_FOUND") {
		t.Errorf("got %s", aws.ToString(e.Status.StateChangeReason))
	}
	e = c.succeed(`EXPLAIN SELECT id FROM sales.orders`)
	if rows := c.rows(e, ""); rows[0] != "Query Plan" || len(rows) < 3 {
		t.Errorf("got %q", rows)
	}
}

func wantRefusal(t *testing.T, err error, code, says string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), says) {
		t.Errorf("got %v, want %s: %s", err, code, says)
	}
}

func TestClientRequestToken(t *testing.T) {
	c := newClient(t, start(t), "")
	token := strings.Repeat("t", 32)
	begin := func(sql string) (string, error) {
		out, err := c.StartQueryExecution(t.Context(), &api.StartQueryExecutionInput{QueryString: &sql, ClientRequestToken: &token})
		if err != nil {
			return "", err
		}
		return *out.QueryExecutionId, nil
	}
	first, err := begin("SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	if second, err := begin("SELECT 1"); err != nil || second != first {
		t.Errorf("the same again is %s, %v, not %s", second, err, first)
	}
	_, err = begin("SELECT 2")
	wantRefusal(t, err, "InvalidRequestException", "Idempotent parameters do not match")
	c.wait(first)
	token = "short"
	_, err = begin("SELECT 1")
	wantRefusal(t, err, "InvalidRequestException", "clientRequestToken")
}

func TestRefusedStarts(t *testing.T) {
	p := start(t)
	for _, tt := range []struct {
		name, user string
		in         api.StartQueryExecutionInput
		code, says string
	}{
		{"not allowed", "stranger", api.StartQueryExecutionInput{QueryString: aws.String("SELECT 1")}, "AccessDeniedException", "athena:StartQueryExecution on resource: arn:aws:athena:us-east-1:111122223333:workgroup/primary"},
		{"no such workgroup", "", api.StartQueryExecutionInput{QueryString: aws.String("SELECT 1"), WorkGroup: aws.String("none")}, "InvalidRequestException", "WorkGroup none is not found"},
		{"no location", "", api.StartQueryExecutionInput{QueryString: aws.String("SELECT 1"), WorkGroup: aws.String("nowhere")}, "InvalidRequestException", "No output location provided"},
		{"no such bucket", "", api.StartQueryExecutionInput{QueryString: aws.String("SELECT 1"), ResultConfiguration: &types.ResultConfiguration{OutputLocation: aws.String("s3://missing/x")}}, "InvalidRequestException", "Unable to verify/create output bucket missing"},
		{"bucket out of reach", "", api.StartQueryExecutionInput{QueryString: aws.String("SELECT 1"), ResultConfiguration: &types.ResultConfiguration{OutputLocation: aws.String("s3://foreign/x")}}, "InvalidRequestException", "output bucket foreign"},
		{"location with managed results", "", api.StartQueryExecutionInput{QueryString: aws.String("SELECT 1"), WorkGroup: aws.String("managed"), ResultConfiguration: &types.ResultConfiguration{OutputLocation: aws.String("s3://results/x")}}, "InvalidRequestException", "cannot be set together"},
		{"query too long", "", api.StartQueryExecutionInput{QueryString: aws.String("SELECT '" + strings.Repeat("x", 262144) + "'")}, "InvalidRequestException", "262144"},
		{"other catalog", "", api.StartQueryExecutionInput{QueryString: aws.String("SELECT 1"), QueryExecutionContext: &types.QueryExecutionContext{Catalog: aws.String("hive")}}, "InvalidRequestException", "Data catalog hive"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newClient(t, p, tt.user).StartQueryExecution(t.Context(), &tt.in)
			wantRefusal(t, err, tt.code, tt.says)
		})
	}
	cfg := sandboxtest.Config(t, p, "")
	cfg.Credentials = credentials.NewStaticCredentialsProvider("AKIAUNKNOWNUNKNOWN00", "x", "")
	_, err := api.NewFromConfig(cfg).ListWorkGroups(t.Context(), &api.ListWorkGroupsInput{})
	wantRefusal(t, err, "UnrecognizedClientException", "security token")
}

func TestWorkgroups(t *testing.T) {
	p := start(t)
	c := newClient(t, p, "")
	out, err := c.GetWorkGroup(t.Context(), &api.GetWorkGroupInput{WorkGroup: aws.String("forced")})
	if err != nil || !*out.WorkGroup.Configuration.EnforceWorkGroupConfiguration || *out.WorkGroup.Configuration.ResultConfiguration.OutputLocation != "s3://results/forced/" {
		t.Fatalf("got %+v, %v", out, err)
	}
	e := c.succeed("SELECT 1", group("forced"), func(in *api.StartQueryExecutionInput) {
		in.ResultConfiguration = &types.ResultConfiguration{OutputLocation: aws.String("s3://lake/mine/")}
	})
	if got := *e.ResultConfiguration.OutputLocation; !strings.HasPrefix(got, "s3://results/forced/") {
		t.Errorf("the result is at %s", got)
	}
	e = c.succeed("SELECT 42 AS x", group("managed"))
	if rows := c.rows(e, ""); e.ResultConfiguration != nil || !slices.Equal(rows, []string{"x", "42"}) {
		t.Errorf("managed results: %+v, %q", e.ResultConfiguration, rows)
	}
	list, err := c.ListWorkGroups(t.Context(), &api.ListWorkGroupsInput{})
	if err != nil || len(list.WorkGroups) != 6 {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestScanLimit(t *testing.T) {
	c := newClient(t, start(t), "")
	c.succeed(`UNLOAD (SELECT n AS id, md5(CAST(n AS varchar)) a FROM UNNEST(sequence(1, 400000)) AS t(n)) TO 's3://lake/events/' WITH (format = 'PARQUET', compression = 'NONE')`)
	e := c.run("SELECT count(*) FROM lake.events", group("frugal"))
	if e.Status.State != types.QueryExecutionStateCancelled || !strings.Contains(*e.Status.StateChangeReason, "Bytes scanned limit was exceeded") {
		t.Errorf("it ended as %s: %s", e.Status.State, aws.ToString(e.Status.StateChangeReason))
	}
}

// hold makes results wait, so that queries stay RUNNING until release.
func hold(t *testing.T, p *sandbox.Process) {
	sandboxtest.Faults(t, p, sandbox.Fault{Service: "s3", Operation: "PutObject", Delay: time.Minute})
}

func TestStopAndConcurrency(t *testing.T) {
	ctx := t.Context()
	p := start(t)
	c := newClient(t, p, "")
	hold(t, p)
	begin := func(group string) (string, error) {
		out, err := c.StartQueryExecution(ctx, &api.StartQueryExecutionInput{QueryString: aws.String("SELECT 1"), WorkGroup: &group})
		if err != nil {
			return "", err
		}
		return *out.QueryExecutionId, nil
	}
	id, err := begin("narrow")
	if err != nil {
		t.Fatal(err)
	}
	_, err = begin("narrow")
	var many *types.TooManyRequestsException
	if !errors.As(err, &many) || many.Reason != types.ThrottleReasonConcurrentQueryLimitExceeded {
		t.Errorf("a second query: %v", err)
	}
	if _, err := c.GetQueryResults(ctx, &api.GetQueryResultsInput{QueryExecutionId: &id}); err == nil || !strings.Contains(err.Error(), "has not yet finished") {
		t.Errorf("results of a query that runs: %v", err)
	}
	if _, err := c.StopQueryExecution(ctx, &api.StopQueryExecutionInput{QueryExecutionId: &id}); err != nil {
		t.Fatal(err)
	}
	if e := c.wait(id); e.Status.State != types.QueryExecutionStateCancelled {
		t.Errorf("it ended as %s", e.Status.State)
	}
	if _, err := c.StopQueryExecution(ctx, &api.StopQueryExecutionInput{QueryExecutionId: &id}); err != nil {
		t.Errorf("stopped twice: %v", err)
	}
	if _, err := begin("primary"); err != nil { // it runs while the sandbox stops
		t.Error(err)
	}
}

func TestStopLongQuery(t *testing.T) {
	c := newClient(t, start(t), "")
	sql := "SELECT count(*) FROM UNNEST(sequence(1, 100000)) a(x), UNNEST(sequence(1, 100000)) b(y), UNNEST(sequence(1, 10)) c(z) WHERE x * y % 7 = z"
	out, err := c.StartQueryExecution(t.Context(), &api.StartQueryExecutionInput{QueryString: &sql})
	if err != nil {
		t.Fatal(err)
	}
	for c.get(*out.QueryExecutionId).Status.State == types.QueryExecutionStateQueued {
		time.Sleep(time.Millisecond) // clients of Athena poll
	}
	if _, err := c.StopQueryExecution(t.Context(), &api.StopQueryExecutionInput{QueryExecutionId: out.QueryExecutionId}); err != nil {
		t.Fatal(err)
	}
	if e := c.wait(*out.QueryExecutionId); e.Status.State != types.QueryExecutionStateCancelled {
		t.Errorf("it ended as %s: %s", e.Status.State, aws.ToString(e.Status.StateChangeReason))
	}
}

func TestBatchAndList(t *testing.T) {
	ctx := t.Context()
	c := newClient(t, start(t), "")
	a, b := c.succeed("SELECT 1"), c.succeed("SELECT 2")
	out, err := c.BatchGetQueryExecution(ctx, &api.BatchGetQueryExecutionInput{QueryExecutionIds: []string{*a.QueryExecutionId, "00000000-0000-0000-0000-000000000000", *b.QueryExecutionId}})
	if err != nil || len(out.QueryExecutions) != 2 || len(out.UnprocessedQueryExecutionIds) != 1 {
		t.Fatalf("got %+v, %v", out, err)
	}
	list, err := c.ListQueryExecutions(ctx, &api.ListQueryExecutionsInput{})
	if err != nil || !slices.Equal(list.QueryExecutionIds, []string{*b.QueryExecutionId, *a.QueryExecutionId}) {
		t.Errorf("got %+v, %v", list, err)
	}
	_, err = c.BatchGetQueryExecution(ctx, &api.BatchGetQueryExecutionInput{QueryExecutionIds: make([]string, 51)})
	wantRefusal(t, err, "InvalidRequestException", "50")
	_, err = c.GetQueryExecution(ctx, &api.GetQueryExecutionInput{QueryExecutionId: aws.String("nope")})
	wantRefusal(t, err, "InvalidRequestException", "QueryExecution nope was not found")
}

func TestResultReuse(t *testing.T) {
	c := newClient(t, start(t), "")
	reuse := func(in *api.StartQueryExecutionInput) {
		in.ResultReuseConfiguration = &types.ResultReuseConfiguration{ResultReuseByAgeConfiguration: &types.ResultReuseByAgeConfiguration{Enabled: true, MaxAgeInMinutes: aws.Int32(60)}}
	}
	first := c.succeed("SELECT count(*) FROM sales.orders")
	again := c.succeed("SELECT count(*) FROM sales.orders", reuse)
	other := c.succeed("SELECT count(*) FROM sales.cities", reuse)
	if !again.Statistics.ResultReuseInformation.ReusedPreviousResult || *again.Statistics.DataScannedInBytes != 0 || *again.ResultConfiguration.OutputLocation != *first.ResultConfiguration.OutputLocation {
		t.Errorf("it wasn't reused: %+v", again.Statistics)
	}
	if other.Statistics.ResultReuseInformation.ReusedPreviousResult {
		t.Error("another query's result was reused")
	}
	if rows := c.rows(again, ""); rows[1] != "3" {
		t.Errorf("got %q", rows)
	}
}

func TestDataPermissions(t *testing.T) {
	p := start(t)
	newClient(t, p, "").succeed(`UNLOAD (SELECT 1 AS id) TO 's3://lake/events/' WITH (format = 'PARQUET')`)
	e := newClient(t, p, "blind").run("SELECT * FROM lake.events")
	if e.Status.State != types.QueryExecutionStateFailed || *e.Status.AthenaError.ErrorType != 1501 {
		t.Errorf("it ended as %s: %s", e.Status.State, aws.ToString(e.Status.StateChangeReason))
	}
	newClient(t, p, "blind").succeed("SELECT count(*) FROM sales.orders") // local files need no permission
}

func TestSessionOfRoleQueries(t *testing.T) {
	// Athena's own requests carry the session's token.
	p := sandboxtest.Start(t, `
user "u" {
  statement {
    actions   = ["sts:*"]
    resources = ["*"]
  }
}
role "Analyst" {
  trust { principals = ["111122223333"] }
  statement {
    actions   = ["athena:*", "s3:*"]
    resources = ["*"]
  }
}
bucket "results" {}
workgroup "primary" { output_location = "s3://results/" }
`)
	cfg := sandboxtest.Config(t, p, "")
	out, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/Analyst"), RoleSessionName: aws.String("test")})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	c := client{t, api.NewFromConfig(cfg), s3.NewFromConfig(cfg)}
	if rows := c.rows(c.succeed("SELECT 1 AS one"), ""); rows[1] != "1" {
		t.Errorf("got %q", rows)
	}
	via := 0
	for _, e := range sandboxtest.Journal(t, p) {
		if e.Via == "athena" && e.Operation == "PutObject" && strings.HasSuffix(e.Principal, ":assumed-role/Analyst/test") {
			via++
		}
	}
	if via != 2 {
		t.Errorf("the journal has %d objects written by Athena for the session, want result and metadata", via)
	}
}

func TestCatalog(t *testing.T) {
	ctx := t.Context()
	c := newClient(t, start(t), "")
	dbs, err := c.ListDatabases(ctx, &api.ListDatabasesInput{CatalogName: aws.String("AwsDataCatalog")})
	if err != nil || len(dbs.DatabaseList) != 2 || *dbs.DatabaseList[1].Name != "sales" {
		t.Fatalf("got %+v, %v", dbs, err)
	}
	tables, err := c.ListTableMetadata(ctx, &api.ListTableMetadataInput{CatalogName: aws.String("AwsDataCatalog"), DatabaseName: aws.String("sales")})
	if err != nil || len(tables.TableMetadataList) != 2 {
		t.Fatalf("got %+v, %v", tables, err)
	}
	table, err := c.GetTableMetadata(ctx, &api.GetTableMetadataInput{CatalogName: aws.String("AwsDataCatalog"), DatabaseName: aws.String("sales"), TableName: aws.String("cities")})
	if err != nil {
		t.Fatal(err)
	}
	var cols []string
	for _, col := range table.TableMetadata.Columns {
		cols = append(cols, *col.Name+" "+*col.Type)
	}
	if !slices.Equal(cols, []string{"name string", "people bigint"}) {
		t.Errorf("got %q", cols)
	}
	_, err = c.GetTableMetadata(ctx, &api.GetTableMetadataInput{CatalogName: aws.String("AwsDataCatalog"), DatabaseName: aws.String("sales"), TableName: aws.String("nope")})
	wantRefusal(t, err, "MetadataException", "not found")
	if _, err := c.GetDataCatalog(ctx, &api.GetDataCatalogInput{Name: aws.String("AwsDataCatalog")}); err != nil {
		t.Error(err)
	}
	if _, err := c.GetDatabase(ctx, &api.GetDatabaseInput{CatalogName: aws.String("AwsDataCatalog"), DatabaseName: aws.String("sales")}); err != nil {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	p := start(t)
	c := newClient(t, p, "")
	sandboxtest.Faults(t, p, sandbox.Fault{Service: "athena", Operation: "StartQueryExecution", Times: 1, Code: "ThrottlingException", Message: "Rate exceeded"},
		sandbox.Fault{Service: "s3", Operation: "PutObject", Times: 1, Code: "InternalError"})
	_, err := c.StartQueryExecution(context.Background(), &api.StartQueryExecutionInput{QueryString: aws.String("SELECT 1")})
	wantRefusal(t, err, "ThrottlingException", "Rate exceeded")
	c.succeed("SELECT 1") // the SDK in Athena's place retries the 500
}

func TestEqualColumnNames(t *testing.T) {
	c := newClient(t, start(t), "")
	e := c.succeed(`SELECT 1 AS a, 2 AS A, o.*, 3 FROM (SELECT 4 AS a) o`)
	if rows := c.rows(e, ""); !slices.Equal(rows, []string{"a|a|a|_col3", "1|2|4|3"}) {
		t.Errorf("got %q", rows)
	}
}
