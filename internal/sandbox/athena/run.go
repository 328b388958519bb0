package athena

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/google/uuid"

	"waybill/runner/engine/duckdb"
)

// run takes one query from QUEUED to its end.
func (s *service) run(ctx context.Context, e *execution) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		e.finish(result{}, ctx.Err())
		return
	}
	e.begin()
	if s.reuseEarlier(e) {
		return
	}
	dir, err := s.tempDir()
	if err != nil {
		e.finish(result{}, err)
		return
	}
	r, err := s.execute(ctx, e, dir)
	if r.local == "" { // managed results stay
		s.discard(dir)
	}
	if ctx.Err() != nil {
		err = context.Canceled
	}
	e.finish(r, err)
}

func (e *execution) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.State = types.QueryExecutionStateRunning
	e.stats.QueryQueueTimeInMillis = ptr(time.Since(*e.status.SubmissionDateTime).Milliseconds())
}

// finish records how a query ended.
func (e *execution) finish(r result, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now().UTC()
	total := now.Sub(*e.status.SubmissionDateTime).Milliseconds()
	queued := int64(0)
	if q := e.stats.QueryQueueTimeInMillis; q != nil {
		queued = *q
	}
	e.status.CompletionDateTime = &now
	e.stats.TotalExecutionTimeInMillis, e.stats.EngineExecutionTimeInMillis = &total, ptr(max(0, total-queued))
	e.stats.ServiceProcessingTimeInMillis, e.stats.QueryPlanningTimeInMillis = ptr(int64(0)), ptr(int64(0))
	if e.stats.DataScannedInBytes == nil {
		e.stats.DataScannedInBytes = ptr(int64(0))
	}
	if r.manifest != "" {
		e.stats.DataManifestLocation = &r.manifest
	}
	switch {
	case err == nil:
		e.status.State, e.result = types.QueryExecutionStateSucceeded, r
	case errors.Is(err, context.Canceled):
		e.status.State, e.status.StateChangeReason = types.QueryExecutionStateCancelled, ptr("Query cancelled by user")
	case errors.Is(err, errScanLimit):
		e.status.State, e.status.StateChangeReason = types.QueryExecutionStateCancelled, ptr("Query cancelled! : Bytes scanned limit was exceeded")
	default:
		e.fail(err)
	}
}

func (e *execution) fail(err error) {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{category: categorySystem, kind: typeInternal, retryable: true, message: "GENERIC_INTERNAL_ERROR: " + err.Error()}
	}
	e.status.State, e.status.StateChangeReason = types.QueryExecutionStateFailed, &f.message
	e.status.AthenaError = &types.AthenaError{ErrorCategory: &f.category, ErrorType: &f.kind, ErrorMessage: &f.message, Retryable: f.retryable}
}

// reuseEarlier ends a query with the result of an equal one, if it asks for
// that and there is one.
func (s *service) reuseEarlier(e *execution) bool {
	if e.reuse == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Backward(s.order) {
		r, ok := s.executions[id].reusable(e)
		if !ok {
			continue
		}
		e.mu.Lock()
		e.reused, e.stats.DataScannedInBytes = true, ptr(int64(0))
		e.mu.Unlock()
		e.finish(r, nil)
		return true
	}
	return false
}

// reusable returns the result if it may serve for another query.
func (e *execution) reusable(other *execution) (result, bool) {
	if e == other || e.account != other.account || e.fingerprint != other.fingerprint {
		return result{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	fresh := e.status.State == types.QueryExecutionStateSucceeded && !e.reused && time.Since(*e.status.CompletionDateTime) <= other.reuse
	return e.result, fresh && e.result.headed
}

// execute does a query's work in dir.
func (s *service) execute(ctx context.Context, e *execution, dir string) (_ result, err error) {
	q, f := parse(e.sql, e.params)
	if f != nil {
		return result{}, f
	}
	e.classify(q)
	env := environment{config: s.host.Config, objects: newObjects(s.host, e.call), principal: e.call.Principal, region: e.call.Region,
		database: e.database, dir: dir, cutoff: e.workgroup.BytesScannedCutoff}
	if q.kind == explainStatement || q.kind == validateStatement {
		env.cutoff = 0
	}
	eng, err := openEngine(ctx, q, env)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, eng.close()) }()
	out := newObjects(s.host, e.call)
	if e.owner != "" {
		out.owner = &e.owner
	}
	switch q.kind {
	case unloadStatement:
		e.scanned(eng.scanned)
		return s.unload(ctx, e, eng, out, dir)
	case validateStatement:
		return s.publish(ctx, e, eng, out, dir, `SELECT 'true' AS "Valid"`, []column{{name: "Valid", typ: "boolean"}})
	case explainStatement:
		return s.explain(ctx, e, eng, out, dir)
	}
	e.scanned(eng.scanned)
	return s.publish(ctx, e, eng, out, dir, eng.asText(), eng.cols)
}

func (e *execution) classify(q *query) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch q.kind {
	case unloadStatement:
		e.sub = "UNLOAD"
	case explainStatement, validateStatement:
		e.kind, e.sub = types.StatementTypeUtility, "EXPLAIN"
	default:
		e.sub = "SELECT"
	}
}

func (e *execution) scanned(n int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats.DataScannedInBytes = &n
}

// publish writes the rows of an SQL text, whose columns are texts, to the
// query's result.
func (s *service) publish(ctx context.Context, e *execution, eng *engine, out *objects, dir, sql string, cols []column) (result, error) {
	path := filepath.Join(dir, "result.csv")
	rows, err := eng.copyCSV(ctx, sql, path, cols)
	if err != nil {
		return result{}, err
	}
	r := result{columns: cols, rows: rows, headed: true}
	if e.output == "" {
		r.local = path
		return r, nil
	}
	r.location = folder(e.output) + e.id + ".csv"
	if err := out.put(ctx, r.location, path, "application/octet-stream"); err != nil {
		return result{}, err
	}
	return r, s.putMetadata(ctx, out, r.location+".metadata", dir, cols)
}

func (s *service) putMetadata(ctx context.Context, out *objects, url, dir string, cols []column) error {
	infos := make([]any, len(cols))
	for i, c := range cols {
		infos[i] = wire(c.info())
	}
	text, err := json.Marshal(map[string]any{"ColumnInfo": infos})
	if err != nil {
		return fmt.Errorf("encode the result's metadata: %w", err)
	}
	path := filepath.Join(dir, "metadata")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write the result's metadata: %w", err)
	}
	return out.put(ctx, url, path, "application/octet-stream")
}

func (s *service) explain(ctx context.Context, e *execution, eng *engine, out *objects, dir string) (result, error) {
	var key, plan string
	if err := eng.conn.QueryRowContext(ctx, "EXPLAIN "+eng.q.body.String()).Scan(&key, &plan); err != nil {
		return result{}, eng.q.failed(err, len("EXPLAIN "))
	}
	return s.publish(ctx, e, eng, out, dir, "SELECT unnest(string_split("+duckdb.Literal(plan)+`, chr(10))) AS "Query Plan"`, []column{{name: "Query Plan", typ: "varchar"}})
}

// unload writes Parquet files to the destination, and a manifest that lists
// them beside the results.
func (s *service) unload(ctx context.Context, e *execution, eng *engine, out *objects, dir string) (result, error) {
	if err := eng.unloadable(); err != nil {
		return result{}, err
	}
	destination := folder(eng.q.destination)
	// The expected owner is that of the results' bucket, not of this one.
	target := newObjects(s.host, e.call)
	if err := vacant(ctx, target, destination); err != nil {
		return result{}, err
	}
	files := filepath.Join(dir, "unload")
	rows, err := eng.copyParquet(ctx, files)
	if err != nil {
		return result{}, err
	}
	r := result{rows: rows, columns: []column{{name: "rows", typ: "bigint"}}}
	var manifest strings.Builder
	if rows > 0 { // without rows Athena writes no file
		found, err := filepath.Glob(filepath.Join(files, "*.parquet"))
		if err != nil {
			return result{}, fmt.Errorf("find the unloaded files: %w", err)
		}
		for i, path := range found {
			url := fmt.Sprintf("%s%s_%05d_%s", destination, time.Now().UTC().Format("20060102_150405"), i, uuid.NewString())
			if err := target.put(ctx, url, path, "binary/octet-stream"); err != nil {
				return result{}, err
			}
			manifest.WriteString(url + "\n")
		}
	}
	return s.putManifest(ctx, e, out, dir, manifest.String(), r)
}

func (s *service) putManifest(ctx context.Context, e *execution, out *objects, dir, manifest string, r result) (result, error) {
	path := filepath.Join(dir, "manifest.csv")
	if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
		return result{}, fmt.Errorf("write the manifest: %w", err)
	}
	if e.output == "" {
		r.local = path
		return r, nil
	}
	r.manifest = folder(e.output) + e.id + "-manifest.csv"
	r.location = folder(e.output) + e.id
	if err := out.put(ctx, r.manifest, path, "application/octet-stream"); err != nil {
		return result{}, err
	}
	return r, s.putMetadata(ctx, out, r.location+".metadata", dir, r.columns)
}

// vacant checks that nothing is at the destination: Athena never mixes files.
func vacant(ctx context.Context, target *objects, destination string) error {
	keys, _, err := target.list(ctx, destination)
	if err != nil {
		return writeFailure(destination, err)
	}
	if len(keys) > 0 {
		return userFailure(typeNotReusable, "HIVE_PATH_ALREADY_EXISTS: Target directory for table '%s.default.unload' already exists: %s. You may need to manually clean the data at location '%s' before retrying. Athena will not delete data in your account.",
			catalogName, destination, destination)
	}
	return nil
}

// unloadable refuses columns that UNLOAD can't write.
func (e *engine) unloadable() error {
	engineNames := make([]string, len(e.cols))
	for i, c := range e.cols {
		engineNames[i] = c.name
	}
	if _, unnamed := e.tree.names(engineNames); len(unnamed) > 0 {
		return e.q.at(0, "MISSING_COLUMN_NAME: Column name not specified at position %d", unnamed[0]+1)
	}
	seen := map[string]bool{}
	for _, c := range e.cols {
		if seen[c.name] {
			return e.q.at(0, "DUPLICATE_COLUMN_NAME: Column name '%s' specified more than once", c.name)
		}
		seen[c.name] = true
		if name, bad := notInParquet(c.typ); bad {
			return userFailure(typeSyntax, "NOT_SUPPORTED: Unsupported Hive type: %s (column %s)", name, c.name)
		}
	}
	return nil
}
