package plan

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"waybill/internal/dataset"
	"waybill/runner"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/sources"
)

// maxLocal is the size up to which a file of the project is read for its
// columns.
const maxLocal = 256 << 20

// LocalColumns reads the files of the project that a pipeline's sources name and
// that promise no columns, and tells those that the engine finds. dir is a
// directory for copies. A file that cannot be read is left out: its proof says
// so.
func (p Plan) LocalColumns(ctx context.Context, job engine.Job, dir string, pipeline *compile.Pipeline) (map[string]dataset.Schema, error) {
	b, err := pipeline.Bind(p.values())
	if err != nil {
		return nil, nil //nolint:nilerr // the plan has it
	}
	out := map[string]dataset.Schema{}
	for _, s := range pipeline.Steps {
		if s.Family != compile.Source || s.Kind != "file" || b.Contract(s.Address) != nil {
			continue
		}
		columns, err := localColumns(ctx, job, filepath.Join(dir, p.Pipeline, s.Address), b, s)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err == nil && columns != nil {
			out[s.Address] = columns
		}
	}
	return out, nil
}

func localColumns(ctx context.Context, job engine.Job, dir string, b *compile.Bound, s *compile.Step) (dataset.Schema, error) {
	source, err := b.Source(s.Address)
	if err != nil {
		return nil, err
	}
	if sized, ok := source.(interface{ Size() (int64, error) }); ok {
		if size, err := sized.Size(); err != nil || size > maxLocal {
			return nil, err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory for a copy: %w", err)
	}
	ds, err := source.Extract(ctx, sources.Request{Dir: dir, Attempt: "plan", Save: func(context.Context, []byte) error { return nil }, Progress: func(sources.Progress) {}})
	if err != nil {
		return nil, err
	}
	return runner.AttachSource(ctx, job, s, nil, ds)
}
