package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/state"
	"waybill/sinks"
)

// freeze writes a sink's artifacts and records them.
func (e *execution) freeze(ctx context.Context, job engine.Job, s *compile.Step) error {
	if _, ok := e.frozen(s.Address); ok {
		return nil
	}
	out, err := e.bound.Output(s.Address)
	if err != nil {
		return err
	}
	if _, err := e.steps.start(ctx, s.Address, e.steps.next(s.Address)); err != nil {
		return err
	}
	if err := e.refuseSensitive(ctx, job, s, out.Input); err != nil {
		return err
	}
	if _, err := e.emptyDir(s.Address); err != nil {
		return err
	}
	result, input := frozenSink{Place: out.Place, IfExists: out.IfExists}, out.Input
	if out.Mode == "diff" {
		if input, result.Diff, err = e.diff(ctx, job, s, out); err != nil {
			return err
		}
	}
	done, origins, err := e.export(ctx, job, s, out, input, &result)
	if err != nil {
		return err
	}
	if done.Rows() == 0 {
		err = Empty(s, out)
	}
	switch {
	case err == nil:
		if result.Artifacts, err = e.artifacts(s, out, done); err != nil {
			return err
		}
		for i, f := range origins { // data comes first, in the order of the files
			result.Artifacts[i].Origin = f.Origin
		}
	case !errors.Is(err, ErrNothing):
		return err
	}
	return e.recordFrozen(ctx, s.Address, result)
}

func (e *execution) emitWriting(address string, percent float64) {
	e.emit(Event{Kind: StepProgress, Step: address, Status: state.Running, Phase: "writing", Done: int64(percent), Total: 100})
}

// refuseSensitive fails a sink that would deliver columns which it must not.
func (e *execution) refuseSensitive(ctx context.Context, job engine.Job, s *compile.Step, input string) error {
	columns, _, err := job.Preview(ctx, input, 0)
	if err != nil {
		return err
	}
	if names := e.bound.Exposed(s.Address, columns); len(names) > 0 {
		return compile.SensitiveColumns(s.Address, input, names)
	}
	return nil
}

// artifacts names the files of a sink, and adds manifest and success file.
func (e *execution) artifacts(s *compile.Step, out compile.Output, done engine.Exports) ([]frozenArtifact, error) {
	list := make([]frozenArtifact, 0, len(done.Files)+2)
	for _, f := range done.Files {
		key, err := e.bound.FileName(s.Address, f.Number, f.Partition)
		if err != nil {
			return nil, err
		}
		list = append(list, frozenArtifact{File: f.Name, Artifact: sinks.Artifact{Key: key, Size: f.Size, Rows: f.Rows, SHA256: f.SHA256, ContentType: out.Format.ContentType()}})
	}
	if out.ManifestKey != "" {
		m, err := e.writeManifest(s, out, done, list)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	if out.SuccessKey != "" {
		m, err := e.writeMarker(s, "success", sinks.Artifact{Key: out.SuccessKey, Role: sinks.Success, ContentType: "application/octet-stream"}, nil)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, distinct(s, list)
}

// distinct refuses two files of one name: what validate's samples could not
// see, no delivery does either.
func distinct(s *compile.Step, list []frozenArtifact) error {
	seen := map[string]bool{}
	for _, a := range list {
		if seen[a.Key] {
			p := problem.New("key-collision", fmt.Sprintf("two files of %s would have the name %s", s.Address, a.Key), nil)
			p.Remedy = []string{"Use ${file.number} and ${file.partition} as they are in its name."}
			return p
		}
		seen[a.Key] = true
	}
	return nil
}

// recordFrozen stores the artifacts in the step, which goes on to its delivery.
func (e *execution) recordFrozen(ctx context.Context, address string, result frozenSink) error {
	var err error
	if result.Options, err = e.sinkOptions(address); err != nil {
		return err
	}
	step := e.steps.get(address)
	data, err := encodeJSON(sinkResult{frozenSink: result})
	if err != nil {
		return err
	}
	step.Result = data
	return e.steps.put(ctx, step)
}

func emptyResult(s *compile.Step, input string) error {
	p := problem.New("empty-result", fmt.Sprintf("%s has no rows, and %s must not deliver nothing", input, s.Address), nil)
	p.Cause = `The sink has if_empty = "fail".`
	p.Remedy = []string{fmt.Sprintf("Find out why %s is empty.", strings.TrimSpace(input)), `Or set if_empty to "deliver" (a file without rows) or "skip" (no file).`}
	return p
}
