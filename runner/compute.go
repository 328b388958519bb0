package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/retry"
	"waybill/runner/state"
)

// compute transforms the extracted data and freezes every sink's artifacts, in
// one compute job. A job that dies is started again by the project's policy.
func (e *execution) compute(ctx context.Context) error {
	if e.allFrozen() {
		return nil
	}
	if err := e.Jobs.Enter(ctx); err != nil {
		return err
	}
	defer e.Jobs.Leave()
	var failed *stepError
	notify := func(attempt int, err error, next time.Time) {
		e.log.Warn("the compute job is started again", "attempt", attempt, "next", next, "problem", err.Error())
		if failed != nil {
			e.emit(Event{Kind: StepChanged, Step: failed.address, Status: state.Retrying, Attempt: attempt, Problem: e.locate(failed.address, err), NextTry: &next})
		}
	}
	err := retry.Do(ctx, e.settings.RetryPolicy(), 1, time.Now(), notify, func(ctx context.Context, _ int) error {
		failed = nil
		err := e.computeOnce(ctx)
		if se, ok := err.(*stepError); ok { //nolint:errorlint // never wrapped
			failed = se
		}
		return err
	})
	if err == nil || interrupted(ctx) {
		return err
	}
	if errors.Is(err, errConditionUnmet) {
		return err
	}
	if failed != nil {
		status, cause := state.Failed, failed.err
		if ctx.Err() != nil {
			status, cause = state.Cancelled, context.Cause(ctx)
		}
		e.steps.end(ctx, failed.address, status, "", cause)
		err = e.locate(failed.address, cause)
	}
	e.skipRest(ctx, "a step before it failed", compile.Transform, compile.Check, compile.Condition, compile.Sink)
	return err
}

// stepError is an error with the step that it happened in.
type stepError struct {
	address string
	err     error
}

func (s *stepError) Error() string { return s.err.Error() }
func (s *stepError) Unwrap() error { return s.err }

// frozen returns what a sink's step has frozen, if all of it is still there.
func (e *execution) frozen(address string) (sinkResult, bool) {
	s := e.steps.get(address)
	if len(s.Result) == 0 {
		return sinkResult{}, false
	}
	var out sinkResult
	if decode(s.Result, &out) != nil {
		return out, false
	}
	if out.Receipt != nil {
		return out, true
	}
	for i, a := range out.Artifacts {
		out.Artifacts[i].Path = filepath.Join(e.dir(address), a.File)
		if info, err := os.Stat(out.Artifacts[i].Path); err != nil || info.Size() != a.Size {
			return out, false
		}
	}
	if d := out.Diff; d != nil && d.Size > 0 { // the rows that are to be kept, too
		if info, err := os.Stat(filepath.Join(e.diffDir(address), "part-0000001.parquet")); err != nil || info.Size() != d.Size {
			return out, false
		}
	}
	return out, true
}

// allFrozen reports whether every check has passed and every sink has its
// artifacts.
func (e *execution) allFrozen() bool {
	for _, s := range e.pipeline.Steps {
		switch s.Family {
		case compile.Check, compile.Condition:
			if e.steps.get(s.Address).Status != state.Succeeded {
				return false
			}
		case compile.Sink:
			if _, ok := e.frozen(s.Address); !ok {
				return false
			}
		}
	}
	return true
}

// computeOnce is one compute job from start to end.
func (e *execution) computeOnce(ctx context.Context) error {
	job, err := e.startJob(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = job.Close() }()
	work := map[string]func(context.Context, engine.Job, *compile.Step) error{
		compile.Source: e.attach, compile.Transform: e.define, compile.Check: e.check, compile.Condition: e.condition, compile.Sink: e.freeze,
	}
	// No condition is asked about data that a check refuses, and nothing is
	// written before both have been heard.
	for _, families := range [][]string{{compile.Source, compile.Transform}, {compile.Check}, {compile.Condition}, {compile.Sink}} {
		for _, s := range e.pipeline.Steps {
			if !slices.Contains(families, s.Family) {
				continue
			}
			err := work[s.Family](ctx, job, s)
			if errors.Is(err, errConditionUnmet) {
				return err
			}
			if err != nil {
				return &stepError{e.blame(s, err), err}
			}
		}
	}
	return nil
}

// blame is the step that a failure belongs to. Transforms are computed when
// their rows are written, so a mistake in one shows at the sink.
func (e *execution) blame(s *compile.Step, err error) string {
	p := problem.As(err)
	late := s.Family != compile.Source && s.Family != compile.Transform
	switch {
	case p != nil && p.Code == "file-malformed":
		if only, ok := e.onlyTextSource(); ok {
			return only
		}
	case !late || p == nil || p.Code != "transform-failed" || errors.As(err, new(*engine.SQLError)) || len(s.Inputs) == 0:
		return s.Address
	}
	if len(s.Inputs) == 0 {
		return s.Address
	}
	if in := e.pipeline.Step(s.Inputs[0]); in.Family == compile.Transform {
		return in.Address
	}
	return s.Address
}

// onlyTextSource is the one source of the pipeline whose data is text, if there
// is just one: it is what a malformed file belongs to, wherever it is read.
func (e *execution) onlyTextSource() (string, bool) {
	var found []string
	for _, s := range e.pipeline.Steps {
		var ds dataset.Dataset
		if s.Family == compile.Source && decode(e.steps.get(s.Address).Result, &ds) == nil && ds.Format != dataset.Parquet {
			found = append(found, s.Address)
		}
	}
	if len(found) != 1 {
		return "", false
	}
	return found[0], true
}

func (e *execution) startJob(ctx context.Context) (engine.Job, error) {
	o := engine.Options{
		Command: e.EngineCommand, Dir: filepath.Join(e.Spool, e.run.ID, "job"),
		MemoryLimit: e.settings.Engine.MemoryLimit, Threads: int(e.settings.Engine.Threads), MaxTempSize: e.settings.Engine.MaxTempSize,
	}
	if err := os.RemoveAll(o.Dir); err != nil {
		return nil, diskProblem(err)
	}
	if err := ensureDir(o.Dir); err != nil {
		return nil, err
	}
	for _, s := range e.pipeline.Steps {
		if s.Family == compile.Wait {
			continue
		}
		dir := e.dir(s.Address)
		if err := ensureDir(dir); err != nil {
			return nil, err
		}
		switch s.Family {
		case compile.Source:
			o.ReadDirs = append(o.ReadDirs, dir)
		case compile.Transform, compile.Sink:
			o.WriteDirs = append(o.WriteDirs, dir)
		}
	}
	return e.StartJob(ctx, o)
}

func (e *execution) attach(ctx context.Context, job engine.Job, s *compile.Step) error {
	var ds dataset.Dataset
	if err := decode(e.steps.get(s.Address).Result, &ds); err != nil {
		return err
	}
	ds.Dir = e.dir(s.Address)
	_, err := AttachSource(ctx, job, s, e.bound.Contract(s.Address), ds)
	return err
}

// define makes a transform readable. Where two steps read it, its rows are
// frozen, so that both see the same.
func (e *execution) define(ctx context.Context, job engine.Job, s *compile.Step) error {
	dir := e.dir(s.Address)
	done, ok := stored(e.steps, s.Address, func(r transformResult) bool { return r.Frozen != nil && intact(*r.Frozen, dir) })
	if ok {
		done.Frozen.Dir = dir
		if _, err := job.Attach(ctx, s.Address, *done.Frozen); err != nil {
			return err
		}
		e.emit(Event{Kind: StepChanged, Step: s.Address, Status: state.Succeeded, Reused: true, Rows: known(done.Frozen.Rows), Columns: len(done.Schema)})
		return nil
	}
	if _, err := e.steps.start(ctx, s.Address, e.steps.next(s.Address)); err != nil {
		return err
	}
	query, err := e.bound.SQL(s.Address)
	if err != nil {
		return err
	}
	schema, err := job.Define(ctx, s.Address, query, s.Inputs)
	if err != nil {
		return err
	}
	result, ev := transformResult{Schema: schema}, Event{Columns: len(schema)}
	if e.pipeline.Freezes(s) {
		if dir, err = e.emptyDir(s.Address); err != nil {
			return err
		}
		ds, err := job.Freeze(ctx, s.Address, dir)
		if err != nil {
			return err
		}
		result.Frozen, ev.Rows, ev.Bytes = &ds, known(ds.Rows), ds.Bytes()
	}
	return e.steps.succeed(ctx, s.Address, result, ev)
}
