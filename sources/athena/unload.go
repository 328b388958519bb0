package athena

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
	"golang.org/x/sync/errgroup"

	"waybill/internal/dataset"
	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/sources"
)

const (
	// stagingFolder holds what UNLOADs write, one folder for each attempt.
	stagingFolder = "waybill-staging"
	// parallelFiles is how many objects are read at a time; each of them is
	// read in parallel ranges as well.
	parallelFiles = 4
	// maxManifestBytes bounds a manifest in memory: some 100,000 paths.
	maxManifestBytes = 32 << 20
)

// unload writes the rows as Parquet to a folder of this attempt's own and
// downloads them. It returns the objects that it staged.
func (x *extraction) unload(ctx context.Context) (dataset.Dataset, []location, error) {
	staging := x.output().below(stagingFolder).below(x.req.Attempt)
	x.tok.Codec = cmp.Or(x.tok.Codec, codecFor(x.req.Codec)) // a query that is announced is not changed any more
	qe, err := x.query(ctx, stageMain, x.stmt.unloaded(staging.String(), x.tok.Codec))
	if err != nil {
		x.discardFailed(ctx, qe, staging)
		return dataset.Dataset{}, nil, err
	}
	staged, err := x.manifest(ctx, qe, staging)
	if err != nil {
		return dataset.Dataset{}, nil, err
	}
	files, err := x.download(ctx, staged)
	if err != nil {
		return dataset.Dataset{}, nil, err
	}
	ds := dataset.Dataset{Dir: x.req.Dir, Format: dataset.Parquet, Files: files, Schema: x.tok.Columns, Rows: -1, Stats: stats(qe, "UNLOAD")}
	if ds.Left() {
		staged = nil
	}
	return ds, staged, complete(&ds)
}

// codecFor is the codec that UNLOAD writes if that one is wished for. Where it
// is all the same, snappy is the quickest to read.
func codecFor(wish string) string {
	if slices.Contains([]string{"snappy", "gzip", "zstd"}, wish) {
		return wish
	}
	return "snappy"
}

// leaves reports whether staged objects stay, as the request wishes. UNLOAD
// writes timestamps as INT96, which is never delivered, so nobody would copy
// such files.
func (x *extraction) leaves() bool {
	return x.req.Leave && !slices.ContainsFunc(x.tok.Columns, func(c dataset.Column) bool { return strings.Contains(c.Type, "timestamp") })
}

// Release implements sources.Releaser. It removes exactly the objects that the
// dataset was brought from. A role that may not delete leaves them to the
// bucket's lifecycle rule.
func (s *Source) Release(ctx context.Context, ds dataset.Dataset) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cleanupTime)
	defer cancel()
	for _, f := range ds.Files {
		if f.Origin == nil {
			continue
		}
		opts := objectstore.OptionsOf(s.cfg.Connection)
		opts.ExpectedOwner = f.Origin.Owner
		err := objectstore.New(c.aws, opts).Delete(ctx, f.Origin.Bucket, f.Origin.Key)
		if err != nil && problem.ClassOf(err) == problem.Permanent {
			return nil // the others are refused as well
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// complete settles what an UNLOAD without rows leaves open: it writes no file,
// so the schema must come from elsewhere. With files, a schema that does not
// know the elements of a nested type gives way to the files' own.
func complete(ds *dataset.Dataset) error {
	bare := slices.IndexFunc(ds.Schema, func(c dataset.Column) bool { return nested(c.Type) && !strings.Contains(c.Type, "(") })
	switch {
	case len(ds.Files) > 0 && bare >= 0:
		ds.Schema = nil
	case len(ds.Files) == 0 && bare >= 0:
		return problem.New("athena-failed", fmt.Sprintf("there are no rows, and Athena does not tell the type of the elements of column %s", ds.Schema[bare].Name), nil)
	case len(ds.Files) == 0:
		ds.Rows = 0
	}
	return nil
}

// discardFailed removes what a failed UNLOAD left: its manifest tells what it
// meant to write.
func (x *extraction) discardFailed(ctx context.Context, qe *types.QueryExecution, staging location) {
	if qe == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	if staged, err := x.manifest(ctx, qe, staging); err == nil {
		x.discard(ctx, staged)
	}
}

// manifest reads the list of objects that a query wrote, sorted. Both the
// manifest and what it names must be where this attempt writes: nothing else
// is ever read or removed.
func (x *extraction) manifest(ctx context.Context, qe *types.QueryExecution, staging location) ([]location, error) {
	if qe.Statistics == nil || aws.ToString(qe.Statistics.DataManifestLocation) == "" {
		return nil, badManifest("Athena names no manifest for query "+aws.ToString(qe.QueryExecutionId), nil)
	}
	at, err := parseLocation(*qe.Statistics.DataManifestLocation)
	if err != nil {
		return nil, badManifest("the manifest's place cannot be used", err)
	}
	if !x.output().contains(at) {
		return nil, badManifest(fmt.Sprintf("the manifest %s is not below %s", at, x.output()), nil)
	}
	data, err := x.objects().Get(ctx, at.bucket, at.key, maxManifestBytes)
	if err != nil {
		return nil, err
	}
	return parseManifest(data, staging)
}

func parseManifest(data []byte, staging location) ([]location, error) {
	var out []location
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		o, err := parseLocation(line)
		if err != nil {
			return nil, badManifest("the manifest has a line that is no place in S3", err)
		}
		if !staging.contains(o) {
			return nil, badManifest(fmt.Sprintf("the manifest names %s, which is not below %s", o, staging), nil)
		}
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b location) int { return strings.Compare(a.key, b.key) })
	return slices.Compact(out), nil
}

func badManifest(summary string, err error) error {
	return problem.New("unload-manifest-invalid", summary, err)
}

// download brings objects to the attempt's directory.
func (x *extraction) download(ctx context.Context, from []location) ([]dataset.File, error) {
	files := make([]dataset.File, len(from))
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelFiles)
	for i, o := range from {
		group.Go(func() error {
			name := fmt.Sprintf("part-%05d.parquet", i)
			var err error
			files[i], err = x.bring(ctx, o, name, filepath.Join(x.req.Dir, name), x.counted(&done))
			return err
		})
	}
	return files, group.Wait()
}

// counted reports bytes as they come.
func (x *extraction) counted(done *atomic.Int64) func(int64) {
	return func(n int64) {
		x.req.Progress(sources.Progress{Phase: "downloading", Done: done.Add(n)})
	}
}
