package athena

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/sources"
)

// resultName is the local name of a result file.
const resultName = "result.csv"

// athenaCSV is how Athena writes a result file, and how managed results are
// written here: NULL is nothing at all, the empty string a pair of quotes.
func athenaCSV() *dataset.CSVOptions {
	return &dataset.CSVOptions{Delimiter: ",", Quote: `"`, Escape: `"`, Header: true, QuotedEmpty: true}
}

// results runs the query as it is and brings its result file, with the exact
// types of its columns.
func (x *extraction) results(ctx context.Context) (dataset.Dataset, error) {
	qe, err := x.query(ctx, stageMain, x.stmt.text)
	if err != nil {
		return dataset.Dataset{}, err
	}
	schema, err := x.columns(ctx, qe)
	if err != nil {
		return dataset.Dataset{}, err
	}
	if err := checkNames(schema); err != nil {
		return dataset.Dataset{}, err
	}
	if err := unsupported(methodResults, schema, inResults); err != nil {
		return dataset.Dataset{}, err
	}
	file, err := x.resultFile(ctx, qe)
	if err != nil {
		return dataset.Dataset{}, err
	}
	return dataset.Dataset{Dir: x.req.Dir, Format: dataset.CSV, CSV: athenaCSV(), Files: []dataset.File{file}, Schema: schema,
		Rows: file.Rows, Stats: stats(qe, "results")}, nil
}

func (x *extraction) resultFile(ctx context.Context, qe *types.QueryExecution) (dataset.File, error) {
	path := filepath.Join(x.req.Dir, resultName)
	if x.tok.Place.Managed {
		return x.pages(ctx, qe, path)
	}
	var output string
	if qe.ResultConfiguration != nil {
		output = aws.ToString(qe.ResultConfiguration.OutputLocation)
	}
	from, err := parseLocation(output)
	if err != nil {
		return dataset.File{}, problem.New("athena-failed", "Athena does not tell where the result of query "+aws.ToString(qe.QueryExecutionId)+" is", err)
	}
	var done atomic.Int64
	return x.bring(ctx, from, resultName, path, x.counted(&done))
}

// pages brings a result that Athena keeps itself: a thousand rows at a time,
// written in the form of a result file.
func (x *extraction) pages(ctx context.Context, qe *types.QueryExecution, path string) (dataset.File, error) {
	f, err := os.Create(path)
	if err != nil {
		return dataset.File{}, writeFailed(err)
	}
	defer f.Close()
	w := &resultWriter{w: bufio.NewWriterSize(f, 1<<20)}
	pager := athena.NewGetQueryResultsPaginator(x.athena, &athena.GetQueryResultsInput{QueryExecutionId: qe.QueryExecutionId})
	for pager.HasMorePages() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return dataset.File{}, err
		}
		for _, row := range page.ResultSet.Rows {
			w.row(row)
		}
		x.req.Progress(sources.Progress{Phase: "downloading", Done: w.size})
	}
	if err := w.finish(f); err != nil {
		return dataset.File{}, writeFailed(err)
	}
	return dataset.File{Name: resultName, Size: w.size, Rows: max(w.rows-1, 0)}, nil // the first row holds the names
}

func writeFailed(err error) error {
	return problem.New("file-write-failed", "the query's result cannot be written to the spool", err)
}

// A resultWriter writes rows as Athena does. It keeps the first error.
type resultWriter struct {
	w    *bufio.Writer
	size int64 // bytes
	rows int64
	err  error
}

func (w *resultWriter) row(row types.Row) {
	var line strings.Builder
	for i, d := range row.Data {
		if i > 0 {
			line.WriteByte(',')
		}
		if d.VarCharValue != nil {
			line.WriteString(`"` + strings.ReplaceAll(*d.VarCharValue, `"`, `""`) + `"`)
		}
	}
	line.WriteByte('\n')
	w.rows++
	if w.err == nil {
		var n int
		n, w.err = w.w.WriteString(line.String())
		w.size += int64(n)
	}
}

func (w *resultWriter) finish(f io.Closer) error {
	if w.err == nil {
		w.err = w.w.Flush()
	}
	if s, ok := f.(interface{ Sync() error }); ok && w.err == nil {
		w.err = s.Sync()
	}
	if err := f.Close(); w.err == nil {
		w.err = err
	}
	if w.err != nil {
		return fmt.Errorf("write %s: %w", resultName, w.err)
	}
	return nil
}
