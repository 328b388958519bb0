package athena

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	api "github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/sandbox"
)

func (s *service) getQueryResults(ctx context.Context, c *sandbox.Call, in *api.GetQueryResultsInput) (any, error) {
	e, err := s.execution(c, value(in.QueryExecutionId))
	if err != nil {
		return nil, err
	}
	limit := resultsPage
	if in.MaxResults != nil {
		if limit = int(*in.MaxResults); limit < 1 || limit > resultsPage {
			return nil, invalid("1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and %d", limit, resultsPage)
		}
	}
	offset := int64(0)
	if in.NextToken != nil {
		if offset, err = strconv.ParseInt(*in.NextToken, 10, 64); err != nil {
			return nil, invalid("Malformed nextToken")
		}
	}
	r, err := e.succeeded()
	if err != nil {
		return nil, err
	}
	return s.page(ctx, e, c, r, in.QueryResultType, offset, limit)
}

func (e *execution) succeeded() (result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch e.status.State {
	case types.QueryExecutionStateSucceeded:
		return e.result, nil
	case types.QueryExecutionStateFailed, types.QueryExecutionStateCancelled:
		return result{}, invalid("Query did not finish successfully. Final query state: %s", e.status.State)
	}
	return result{}, invalid("Query has not yet finished. Current state: %s", e.status.State)
}

// page answers rows from an offset of the result's file on. The offset is the
// token of the next page.
func (s *service) page(ctx context.Context, e *execution, c *sandbox.Call, r result, kind types.QueryResultType, offset int64, limit int) (any, error) {
	cols := r.columns
	url := r.location
	switch {
	case kind == types.QueryResultTypeDataManifest && !r.headed:
		cols, url = []column{{name: "path", typ: "varchar"}}, r.manifest
	case kind == types.QueryResultTypeDataManifest:
		return nil, invalid("The query has no data manifest")
	case !r.headed: // UNLOAD has no rows, but tells how many it wrote
		return &api.GetQueryResultsOutput{ResultSet: resultSet(nil, nil), UpdateCount: &r.rows}, nil
	}
	body, err := s.openResult(ctx, c, e, r, url, offset)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	in := &resultReader{in: bufio.NewReader(body), at: offset, plain: !r.headed}
	var rows []types.Row
	for len(rows) < limit {
		fields, err := in.next(len(cols))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, types.Row{Data: fields})
	}
	out := &api.GetQueryResultsOutput{ResultSet: resultSet(rows, cols), UpdateCount: ptr(int64(0))}
	if in.more() {
		out.NextToken = ptr(strconv.FormatInt(in.at, 10))
	}
	return out, nil
}

func resultSet(rows []types.Row, cols []column) *types.ResultSet {
	out := &types.ResultSet{Rows: rows, ResultSetMetadata: &types.ResultSetMetadata{ColumnInfo: []types.ColumnInfo{}}}
	if rows == nil {
		out.Rows = []types.Row{}
	}
	for _, c := range cols {
		out.ResultSetMetadata.ColumnInfo = append(out.ResultSetMetadata.ColumnInfo, c.info())
	}
	return out
}

// openResult reads the result as the caller may.
func (s *service) openResult(ctx context.Context, c *sandbox.Call, e *execution, r result, url string, offset int64) (io.ReadCloser, error) {
	if r.local != "" {
		f, err := os.Open(r.local)
		if err != nil {
			return nil, fmt.Errorf("open the result: %w", err)
		}
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return nil, errors.Join(fmt.Errorf("read the result: %w", err), f.Close())
		}
		return f, nil
	}
	o := newObjects(s.host, c)
	if e.owner != "" {
		o.owner = &e.owner
	}
	body, err := o.open(ctx, url, offset)
	switch {
	case err == nil:
		return body, nil
	case statusOf(err) == http.StatusForbidden:
		return nil, invalid("You do not seem to have access to the S3 location of your query results. Please confirm your account has access to the S3 location where your query results are saved and try again. If specifying an expected bucket owner, confirm the bucket is owned by the expected account.")
	case statusOf(err) == http.StatusNotFound:
		return nil, invalid("Could not find results")
	}
	return nil, fmt.Errorf("read the result: %w", err)
}

// A resultReader reads records as the results are written: every value is
// quoted, and what isn't quoted is NULL, which encoding/csv can't tell from the
// empty text. Manifests aren't quoted at all.
type resultReader struct {
	in    *bufio.Reader
	at    int64 // offset in the file
	plain bool
}

func (r *resultReader) more() bool {
	_, err := r.in.Peek(1)
	return err == nil
}

func (r *resultReader) readByte() (byte, error) {
	b, err := r.in.ReadByte()
	if err == nil {
		r.at++
	}
	return b, err
}

// next reads one record of so many fields.
func (r *resultReader) next(fields int) ([]types.Datum, error) {
	if !r.more() {
		return nil, io.EOF
	}
	out := make([]types.Datum, 0, fields)
	for {
		d, end, err := r.field()
		if err != nil {
			return nil, err
		}
		out = append(out, d)
		if end {
			break
		}
	}
	if len(out) != fields {
		return nil, fmt.Errorf("a record of the result has %d fields, not %d", len(out), fields)
	}
	return out, nil
}

// field reads one value and the comma or line end after it.
func (r *resultReader) field() (d types.Datum, end bool, err error) {
	var text []byte
	quoted, inside := false, false
	for {
		b, err := r.readByte()
		if errors.Is(err, io.EOF) && !inside {
			b, err = '\n', nil
		}
		if err != nil {
			return d, false, fmt.Errorf("read the result: %w", err)
		}
		switch {
		case b == '"' && !r.plain:
			if quoted && !inside { // a doubled quote
				text = append(text, '"')
			}
			quoted, inside = true, !inside
		case inside:
			text = append(text, b)
		case b == ',' && !r.plain, b == '\n':
			if quoted || r.plain {
				s := string(text)
				d.VarCharValue = &s
			}
			return d, b == '\n', nil
		default:
			text = append(text, b)
		}
	}
}
