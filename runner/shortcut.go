package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"waybill/internal/dataset"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/sources"
)

// frozenShortcut is what a sink's step records of the short cut that it took,
// or of why it took none.
type frozenShortcut struct {
	From    string `json:"from,omitempty"` // the step whose files they are; empty: rows were written
	Against string `json:"against,omitempty"`
	Files   int    `json:"files,omitempty"`
	Sent    string `json:"sent,omitempty"` // why the destination cannot copy them
}

// notes says it for people.
func (f *frozenShortcut) notes() []string {
	switch {
	case f == nil:
		return nil
	case f.From == "":
		return []string{"rows written anew: " + f.Against}
	}
	took := fmt.Sprintf("took the file of %s as it is", f.From)
	if f.Files != 1 {
		took = fmt.Sprintf("took the %d files of %s as they are", f.Files, f.From)
	}
	if f.Sent != "" {
		return []string{took, "sent: " + f.Sent}
	}
	return []string{took}
}

// export makes a sink's files: those that stand already, if they are as the
// sink wants them, or else new ones.
func (e *execution) export(ctx context.Context, job engine.Job, s *compile.Step, out compile.Output, input string, result *frozenSink) (engine.Exports, []dataset.File, error) {
	plan := e.bound.Shortcut(s.Address)
	result.Shortcut = &frozenShortcut{Against: plan.Against}
	if plan.From != "" {
		done, files, err := e.takeFiles(ctx, job, s, out, plan, result.Shortcut)
		if err != nil || result.Shortcut.From != "" {
			return done, files, err
		}
	}
	done, err := job.ExportFiles(ctx, engine.ExportFiles{Relation: input, Dir: e.dir(s.Address), Format: out.Format, OrderBy: out.OrderBy,
		Layout: engine.Layout{MaxRows: out.MaxFileRows, MaxSize: out.MaxFileSize, PartitionBy: out.PartitionBy},
		Key: func(number int, partition string) (string, error) {
			return e.bound.FileName(s.Address, number, partition)
		},
		Progress: func(percent float64) { e.emitWriting(s.Address, percent) }})
	return done, nil, err
}

// takeFiles makes files that stand already the sink's own, or records why it
// cannot. They are judged by what they hold, and verified like any that were
// written for the sink.
func (e *execution) takeFiles(ctx context.Context, job engine.Job, s *compile.Step, out compile.Output, plan compile.Shortcut, taken *frozenShortcut) (engine.Exports, []dataset.File, error) {
	ds, err := e.filesOf(plan.From)
	if err != nil {
		return engine.Exports{}, nil, err
	}
	if taken.Against = misfit(ds, plan); taken.Against != "" {
		return engine.Exports{}, nil, nil
	}
	got, err := job.Accept(ctx, engine.Accept{Relation: plan.From, Paths: ds.Paths(), Format: out.Format, GroupRows: plan.GroupRows})
	if err != nil {
		return engine.Exports{}, nil, err
	}
	if got.Against != "" {
		taken.Against = fmt.Sprintf("a file of %s will not do: %s", plan.From, got.Against)
		return engine.Exports{}, nil, nil
	}
	if err := linkAll(ds.Paths(), e.dir(s.Address), got.Files); err != nil {
		return engine.Exports{}, nil, diskProblem(err)
	}
	taken.From, taken.Files, taken.Sent = plan.From, len(got.Files), plan.Sent
	if !plan.Copy {
		return got.Exports, nil, nil
	}
	return got.Exports, ds.Files, nil
}

// filesOf are the files of a source, or of a transform that was frozen.
func (e *execution) filesOf(address string) (dataset.Dataset, error) {
	var ds dataset.Dataset
	data := e.steps.get(address).Result
	if e.pipeline.Step(address).Family == compile.Source {
		err := decode(data, &ds)
		ds.Dir = e.dir(address)
		return ds, err
	}
	var r transformResult
	if err := decode(data, &r); err != nil || r.Frozen == nil {
		return ds, err
	}
	ds = *r.Frozen
	ds.Dir = e.dir(address)
	return ds, nil
}

// misfit says why a sink cannot have just these files; empty if it can. With
// max_file_size several will do, as long as they are not the pieces of what
// would be one file.
func misfit(ds dataset.Dataset, plan compile.Shortcut) string {
	n := len(ds.Files)
	switch {
	case n == 0:
		return plan.From + " has no rows, and so no file"
	case ds.Format != dataset.Parquet:
		return fmt.Sprintf("%s brought %s", plan.From, ds.Format)
	case n > 1 && plan.MaxSize == 0:
		return fmt.Sprintf("%s has %d files, and the sink delivers one", plan.From, n)
	case n > 1 && ds.Bytes() <= plan.MaxSize:
		return fmt.Sprintf("%s has %d files, which max_file_size lets be one", plan.From, n)
	case n > engine.MaxFiles:
		return fmt.Sprintf("%s has %d files, and a delivery %d at most", plan.From, n, engine.MaxFiles)
	}
	for _, f := range ds.Files {
		if plan.MaxSize > 0 && f.Size > plan.MaxSize {
			return fmt.Sprintf("a file of %s is larger than max_file_size", plan.From)
		}
	}
	return ""
}

// linkAll gives files names in a sink's directory, durably, in their order.
func linkAll(from []string, dir string, files []engine.ExportedFile) error {
	for i := range files {
		files[i].Name = fmt.Sprintf("part-%07d.parquet", i+1)
		if err := linkOrCopy(from[i], filepath.Join(dir, files[i].Name), files[i].SHA256); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// linkOrCopy gives a file that never changes another name. Where there are no
// links it is copied, and the copy compared.
func linkOrCopy(from, to, sha string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return copyVerified(from, to, sha)
}

func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// releaseAll has sources remove what they left for sinks to copy: the run needs
// it no more. A retry sends what it would have had copied. Failures are told and
// nothing else, because a lifecycle rule can do the same.
func (e *execution) releaseAll(ctx context.Context) {
	if e.bound == nil || e.steps == nil {
		return
	}
	for _, s := range e.pipeline.Steps {
		if s.Family != compile.Source {
			continue
		}
		step := e.steps.get(s.Address)
		var ds dataset.Dataset
		if len(step.Result) == 0 || decode(step.Result, &ds) != nil || !ds.Left() {
			continue
		}
		err := e.releaseFiles(ctx, s.Address, ds)
		if err == nil {
			for i := range ds.Files {
				ds.Files[i].Origin = nil
			}
			if step.Result, err = encodeJSON(ds); err == nil {
				err = e.steps.put(ctx, step)
			}
		}
		if err != nil {
			e.log.Warn("what a source left could not be removed", "step", s.Address, "error", err)
		}
	}
}

func (e *execution) releaseFiles(ctx context.Context, address string, ds dataset.Dataset) error {
	src, err := e.bound.Source(address)
	if err != nil {
		return err
	}
	if r, ok := src.(sources.Releaser); ok {
		return r.Release(ctx, ds)
	}
	return nil
}
