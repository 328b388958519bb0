package athena

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/athena"

	"waybill/internal/identity"
	"waybill/internal/secret"
)

// cloud is a scripted Athena and a bucket behind real HTTP. Athena speaks
// awsJson1.1; what its queries do is decided by their text.
type cloud struct {
	url string

	mu      sync.Mutex
	queries map[string]*fakeQuery
	tokens  map[string]string // request token → query id
	objects map[string][]byte // "bucket/key"
	calls   []call
	deleted []string

	// The script. Set before the first request.
	workgroup map[string]any                // configuration of the workgroup
	columns   []column                      // of the query
	types     []string                      // what typeof() tells; nil: the columns' types
	parts     map[string]string             // files that an UNLOAD writes
	manifest  func(staging string) []string // what the manifest names; nil: the parts
	csv       string                        // the result file
	rows      [][]*string                   // of a managed result, with the header row
	states    []string                      // states that a main query goes through
	failure   map[string]any                // status of a main query that fails
	answers   map[string]func(n int) *fault // by operation: the answer to its nth call, or nil
	tables    map[string][]string           // of the catalog, with their columns
}

type column struct {
	Name, Type       string
	Precision, Scale int
}

type call struct {
	Operation string
	Body      map[string]any
}

// fault is an answer other than the script's.
type fault struct {
	Status int
	Body   map[string]any
	Cut    bool // do the work, then close the connection
}

type fakeQuery struct {
	id, sql, kind string
	looks         int
	stopped       bool
	output        string
	manifest      string
	states        []string
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{
		queries: map[string]*fakeQuery{}, tokens: map[string]string{}, objects: map[string][]byte{},
		workgroup: map[string]any{}, answers: map[string]func(int) *fault{},
		states:  []string{"QUEUED", "RUNNING", "QUEUED", "RUNNING", "SUCCEEDED"},
		columns: []column{{Name: "id", Type: "bigint"}, {Name: "total", Type: "decimal", Precision: 12, Scale: 2}},
		parts:   map[string]string{"b": "PAR1 two", "a": "PAR1 one"},
		csv:     "\"id\",\"total\"\n\"1\",\"2.50\"\n",
	}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *cloud) connection() *identity.Config {
	return &identity.Config{Name: "lake", Region: "us-east-1", AccessKeyID: secret.New("AKIAEXAMPLE"), SecretAccessKey: secret.New("example"),
		Endpoint: &identity.Endpoint{S3: c.url, Athena: c.url + "/athena", PathStyle: true}}
}

// source makes a source at this cloud that looks quickly.
func (c *cloud) source(t *testing.T, change func(*Config)) *Source {
	t.Helper()
	cfg := Config{Connection: c.connection(), Catalog: "AwsDataCatalog", Database: "sales", Workgroup: "primary", Fetch: methodAuto,
		OutputLocation: "s3://lake-results/waybill/", Query: "SELECT id, total FROM orders"}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, identity.NewProvider())
	if err != nil {
		t.Fatalf("new source: %v", err)
	}
	s.pace = pace{first: time.Millisecond, max: 2 * time.Millisecond, patience: 50 * time.Millisecond, grace: 5 * time.Second}
	s.client = func(o *athena.Options) {
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxBackoff = time.Millisecond })
	}
	return s
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		c.serveAthena(w, r, strings.TrimPrefix(target, "AmazonAthena."))
		return
	}
	c.serveS3(w, r)
}

func (c *cloud) serveS3(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/")
	op := map[string]string{http.MethodGet: "GetObject", http.MethodHead: "HeadObject", http.MethodDelete: "DeleteObject"}[r.Method]
	c.calls = append(c.calls, call{Operation: op, Body: map[string]any{"key": key, "if-match": r.Header.Get("If-Match"), "owner": r.Header.Get("X-Amz-Expected-Bucket-Owner")}})
	if f := c.answer(op); f != nil {
		w.WriteHeader(f.Status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>scripted</Message></Error>", f.Body["code"])
		return
	}
	data, ok := c.objects[key]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
		return
	}
	if r.Method == http.MethodDelete {
		delete(c.objects, key)
		c.deleted = append(c.deleted, key)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, len(data)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func (c *cloud) serveAthena(w http.ResponseWriter, r *http.Request, op string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.calls = append(c.calls, call{Operation: op, Body: body})
	f := c.answer(op)
	if f != nil && !f.Cut {
		reply(w, f.Status, f.Body)
		return
	}
	status, out := c.handle(op, body)
	if f != nil {
		panic(http.ErrAbortHandler)
	}
	reply(w, status, out)
}

// answer is the scripted fault for the call that was noted last.
func (c *cloud) answer(op string) *fault {
	n := len(c.of(op))
	if script := c.answers[op]; script != nil {
		return script(n)
	}
	return nil
}

func (c *cloud) of(op string) []call {
	var out []call
	for _, k := range c.calls {
		if k.Operation == op {
			out = append(out, k)
		}
	}
	return out
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func apiError(kind, message string, more ...string) *fault {
	body := map[string]any{"__type": kind, "Message": message}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i]] = more[i+1]
	}
	status := http.StatusBadRequest
	if kind == "InternalServerException" {
		status = http.StatusInternalServerError
	}
	return &fault{Status: status, Body: body}
}

func always(f *fault) func(int) *fault { return func(int) *fault { return f } }

func (c *cloud) handle(op string, in map[string]any) (int, map[string]any) {
	id, _ := in["QueryExecutionId"].(string)
	switch op {
	case "GetWorkGroup":
		return 200, map[string]any{"WorkGroup": map[string]any{"Name": in["WorkGroup"], "State": "ENABLED", "Configuration": c.workgroup}}
	case "StartQueryExecution":
		return c.startQuery(in)
	case "GetQueryExecution":
		return 200, map[string]any{"QueryExecution": c.look(c.queries[id])}
	case "StopQueryExecution":
		c.queries[id].stopped = true
		return 200, map[string]any{}
	case "GetQueryResults":
		return 200, c.page(c.queries[id], in)
	case "ListTableMetadata":
		var list []any
		for name, cols := range c.tables {
			var columns []any
			for _, col := range cols {
				columns = append(columns, map[string]any{"Name": col})
			}
			list = append(list, map[string]any{"Name": name, "Columns": columns})
		}
		return 200, map[string]any{"TableMetadataList": list}
	}
	return 400, map[string]any{"__type": "UnknownOperationException"}
}

var unloadTo = regexp.MustCompile(`(?s)^UNLOAD \(.*\) TO 's3://([^']*)'`)

func (c *cloud) startQuery(in map[string]any) (int, map[string]any) {
	token := in["ClientRequestToken"].(string)
	sql := in["QueryString"].(string)
	if id := c.tokens[token]; id != "" {
		if c.queries[id].sql != sql {
			return 400, apiError("InvalidRequestException", "Idempotent parameters do not match").Body
		}
		return 200, map[string]any{"QueryExecutionId": id}
	}
	q := &fakeQuery{id: fmt.Sprintf("00000000-0000-0000-0000-%012d", len(c.queries)+1), sql: sql, kind: "results", states: c.states}
	if rc, ok := in["ResultConfiguration"].(map[string]any); ok {
		q.output = rc["OutputLocation"].(string)
	} else if rc, ok := c.workgroup["ResultConfiguration"].(map[string]any); ok {
		q.output = strings.TrimSuffix(rc["OutputLocation"].(string), "/") + "/"
	}
	switch {
	case strings.HasSuffix(sql, "LIMIT 0"):
		q.kind, q.states = "describe", []string{"RUNNING", "SUCCEEDED"}
	case strings.HasPrefix(sql, "SELECT typeof("):
		q.kind, q.states = "types", []string{"SUCCEEDED"}
	case strings.HasPrefix(sql, "UNLOAD"):
		q.kind = "unload"
		c.unload(q, unloadTo.FindStringSubmatch(sql)[1])
	default:
		c.objects[strings.TrimPrefix(q.output, "s3://")+q.id+".csv"] = []byte(c.csv)
	}
	c.queries[q.id], c.tokens[token] = q, q.id
	return 200, map[string]any{"QueryExecutionId": q.id}
}

func (c *cloud) unload(q *fakeQuery, staging string) {
	var lines []string
	for name, data := range c.parts {
		c.objects[staging+name] = []byte(data)
		lines = append(lines, "s3://"+staging+name)
	}
	if c.manifest != nil {
		lines = c.manifest("s3://" + staging)
	}
	q.manifest = q.output + q.id + "-manifest.csv"
	c.objects[strings.TrimPrefix(q.manifest, "s3://")] = []byte(strings.Join(lines, "\n"))
}

func (c *cloud) look(q *fakeQuery) map[string]any {
	state := q.states[min(q.looks, len(q.states)-1)]
	q.looks++
	status := map[string]any{"State": state}
	if c.failure != nil && q.kind != "describe" && q.kind != "types" && state == "SUCCEEDED" {
		status = c.failure
	}
	if q.stopped && state != "SUCCEEDED" {
		status = map[string]any{"State": "CANCELLED", "StateChangeReason": "Query cancelled by user"}
	}
	out := map[string]any{"QueryExecutionId": q.id, "Status": status,
		"Statistics": map[string]any{"DataScannedInBytes": 1234, "TotalExecutionTimeInMillis": 56, "DataManifestLocation": q.manifest}}
	if q.output != "" {
		out["ResultConfiguration"] = map[string]any{"OutputLocation": q.output + q.id + ".csv"}
	}
	return out
}

// page answers GetQueryResults. Pages of managed results have two rows, so that
// paging happens.
func (c *cloud) page(q *fakeQuery, in map[string]any) map[string]any {
	var info []any
	for _, col := range c.columns {
		info = append(info, map[string]any{"Name": col.Name, "Type": col.Type, "Precision": col.Precision, "Scale": col.Scale})
	}
	set := map[string]any{"ResultSetMetadata": map[string]any{"ColumnInfo": info}}
	out := map[string]any{"ResultSet": set}
	all := c.rows
	if q.kind == "types" {
		header, row := []*string{}, []*string{}
		for i := range c.columns {
			header, row = append(header, &c.columns[i].Name), append(row, &c.types[i])
		}
		all = [][]*string{header, row}
	}
	from := 0
	if token, ok := in["NextToken"].(string); ok {
		fmt.Sscan(token, &from)
	}
	to := min(from+2, len(all))
	var rows []any
	for _, row := range all[from:to] {
		var data []any
		for _, cell := range row {
			d := map[string]any{}
			if cell != nil {
				d["VarCharValue"] = *cell
			}
			data = append(data, d)
		}
		rows = append(rows, map[string]any{"Data": data})
	}
	set["Rows"] = rows
	if to < len(all) {
		out["NextToken"] = fmt.Sprint(to)
	}
	return out
}

func (c *cloud) started() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queries)
}

// running counts the queries that neither were stopped nor have ended.
func (c *cloud) running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, q := range c.queries {
		if !q.stopped && !slices.Contains([]string{"SUCCEEDED", "FAILED"}, q.states[min(max(q.looks-1, 0), len(q.states)-1)]) {
			n++
		}
	}
	return n
}

func (c *cloud) seen(op string) []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of(op)
}
