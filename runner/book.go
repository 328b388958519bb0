package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/state"
	"waybill/sinks"
)

// stepBook is the run's steps as the store has them, and the only way in which
// an execution changes them.
type stepBook struct {
	e  *execution
	mu sync.Mutex
	by map[string]state.Step
	// started are the steps whose running this execution has told of.
	started map[string]bool
}

func (b *stepBook) told(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.started[address]
}

func (b *stepBook) mark(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.started[address] = true
}

func (e *execution) openBook(ctx context.Context) (*stepBook, error) {
	b := &stepBook{e: e, by: map[string]state.Step{}, started: map[string]bool{}}
	steps, err := e.Store.Steps(ctx, e.run.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the steps of run %s: %w", e.run.ID, err)
	}
	for _, s := range steps {
		b.by[s.Address] = s
	}
	return b, nil
}

func (b *stepBook) get(address string) state.Step {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.by[address]
	if !ok {
		s = state.Step{Run: b.e.run.ID, Address: address, Status: state.Queued}
	}
	return s
}

// put stores a step. The store refuses it if the lease is lost.
func (b *stepBook) put(ctx context.Context, s state.Step) error {
	if err := b.e.Store.PutStep(ctx, b.e.Owner, s); err != nil {
		return fmt.Errorf("recording %s of run %s: %w", s.Address, s.Run, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.by[s.Address] = s
	return nil
}

// next is the number of the attempt that a step is to make now: the one that a
// crash cut short, or else the one after the last.
func (b *stepBook) next(address string) int {
	s := b.get(address)
	if s.Status == state.Running {
		return max(1, s.Attempt)
	}
	return s.Attempt + 1
}

// start records that an attempt of a step runs. An attempt that a crash cut
// short goes on with its token. One that follows a final status, since the run
// was reopened, begins a new series.
func (b *stepBook) start(ctx context.Context, address string, attempt int) (state.Step, error) {
	s := b.get(address)
	told := s.Status == state.Running && s.Attempt == attempt && b.told(address)
	if s.Status.Final() {
		s.Base = s.Attempt
	}
	if s.StartedAt.IsZero() || s.Status.Final() {
		s.StartedAt = time.Now().UTC() // of the first attempt in this series
	}
	if s.Attempt != attempt {
		s.Token = nil
	}
	s.Attempt, s.Status, s.Problem, s.NextTry, s.FinishedAt = attempt, state.Running, nil, time.Time{}, time.Time{}
	err := b.put(ctx, s)
	if err == nil && !told {
		b.mark(address)
		b.e.emit(Event{Kind: StepChanged, Step: address, Status: state.Running, Attempt: attempt})
	}
	return s, err
}

// retrying records that an attempt failed and another will follow.
func (b *stepBook) retrying(ctx context.Context, address string, attempt int, cause error, next time.Time) error {
	s := b.get(address)
	s.Status, s.Attempt, s.Problem, s.NextTry, s.Token = state.Retrying, attempt, b.e.locate(address, cause), next.UTC(), nil
	err := b.put(ctx, s)
	b.e.emit(Event{Kind: StepChanged, Step: address, Status: state.Retrying, Attempt: attempt, Problem: s.Problem, NextTry: &s.NextTry})
	return err
}

// succeed records a step's result.
func (b *stepBook) succeed(ctx context.Context, address string, result any, ev Event) error {
	s := b.get(address)
	data, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encoding the result of %s: %w", address, err)
	}
	s.Status, s.Result, s.Problem, s.NextTry, s.FinishedAt = state.Succeeded, data, nil, time.Time{}, time.Now().UTC()
	if s.StartedAt.IsZero() {
		s.StartedAt = s.FinishedAt
	}
	if err := b.put(ctx, s); err != nil {
		return err
	}
	b.e.emitDone(s, ev)
	return nil
}

// emitDone tells that a step is done, with how long it took.
func (e *execution) emitDone(s state.Step, ev Event) {
	ev.Kind, ev.Step, ev.Status, ev.Attempt = StepChanged, s.Address, s.Status, s.Attempt
	ev.Millis = s.FinishedAt.Sub(s.StartedAt).Milliseconds()
	e.emit(ev)
}

// end records that a step failed, was skipped or cancelled. The store is
// written even if ctx has ended.
func (b *stepBook) end(ctx context.Context, address string, status state.Status, reason string, cause error) {
	s := b.get(address)
	s.Status, s.FinishedAt, s.NextTry, s.Problem = status, time.Now().UTC(), time.Time{}, nil
	if cause != nil {
		s.Problem = b.e.locate(address, cause)
	}
	if err := b.put(context.WithoutCancel(ctx), s); err != nil {
		b.e.log.Warn("a step could not be recorded", "step", address, "error", err)
	}
	b.e.emit(Event{Kind: StepChanged, Step: address, Status: status, Attempt: s.Attempt, Reason: reason, Problem: s.Problem})
}

// locate gives a failure of a step its place in the files.
func (e *execution) locate(address string, err error) *problem.Problem {
	p := *problem.Of(err)
	if p.Where != "" {
		return &p
	}
	p.Where = e.place(address, err)
	return &p
}

func rangeText(rng hcl.Range) string { return fmt.Sprintf("%s:%d", rng.Filename, rng.Start.Line) }

// place is where the user wrote what a failure of a step is about.
func (e *execution) place(address string, err error) string {
	if e.bound != nil {
		return placeOf(e.bound, address, err)
	}
	if step := e.pipeline.Step(address); step != nil {
		return step.Where
	}
	return ""
}

// The results that steps record.

// transformResult is a transform's: what it is, and where it stands if it was
// frozen.
type transformResult struct {
	Schema dataset.Schema   `json:"schema"`
	Frozen *dataset.Dataset `json:"frozen,omitempty"`
}

// frozenSink is what a sink's step records once its artifacts are frozen, and
// what the ledger plans.
type frozenSink struct {
	Place    string `json:"place"`
	IfExists string `json:"if_exists,omitempty"`
	// Options are what the sink keeps with the plan; see sinks.Planned.
	Options   json.RawMessage  `json:"options,omitempty"`
	Artifacts []frozenArtifact `json:"artifacts"`
	Diff      *frozenDiff      `json:"diff,omitempty"` // of a sink that delivers differences
	Shortcut  *frozenShortcut  `json:"shortcut,omitempty"`
}

// frozenArtifact is an artifact with its file's name in the step's directory.
type frozenArtifact struct {
	File string `json:"file"`
	sinks.Artifact
}

// sinkResult is a sink's.
type sinkResult struct {
	frozenSink
	// Began is when the first attempt at the delivery began, in this series.
	Began   time.Time      `json:"began,omitzero"`
	Receipt *sinks.Receipt `json:"receipt,omitempty"`
	Skipped string         `json:"skipped,omitempty"` // why nothing was delivered
}

// dir is the directory of a step's files.
func (e *execution) dir(address string) string {
	return filepath.Join(e.Spool, e.run.ID, dirName(address))
}

// dirName is an address as the name of a directory. Keys may hold anything.
func dirName(address string) string {
	base, key, keyed := strings.Cut(address, "[")
	if !keyed {
		return address
	}
	sum := sha256.Sum256([]byte(key))
	return base + "." + hex.EncodeToString(sum[:8])
}

// emptyDir removes what is in a step's directory. The directory itself stays:
// a compute job may have been given access to it.
func (e *execution) emptyDir(address string) (string, error) {
	dir := e.dir(address)
	if err := ensureDir(dir); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", diskProblem(err)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return "", diskProblem(err)
		}
	}
	return dir, nil
}

func ensureDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return diskProblem(err)
	}
	return nil
}

func diskProblem(err error) error {
	if isNoSpace(err) {
		return problem.New("disk-full", "there is no room left for the files of a run", err)
	}
	return problem.New("file-write-failed", "the files of a run cannot be written", err)
}

// stored returns a step's result if the step is done and its files are still
// there as they were recorded.
func stored[T any](b *stepBook, address string, intact func(T) bool) (T, bool) {
	var out T
	s := b.get(address)
	if s.Status != state.Succeeded || json.Unmarshal(s.Result, &out) != nil {
		return out, false
	}
	return out, intact(out)
}

// intact reports whether a dataset's files are on disk with their sizes.
func intact(ds dataset.Dataset, dir string) bool {
	for _, f := range ds.Files {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil || info.Size() != f.Size {
			return false
		}
	}
	return true
}

// skipRest marks every step of the families that is not done as skipped.
func (e *execution) skipRest(ctx context.Context, reason string, families ...string) {
	for _, s := range e.pipeline.Steps {
		for _, f := range families {
			if s.Family == f && !e.steps.get(s.Address).Status.Final() {
				e.steps.end(ctx, s.Address, state.Skipped, reason, nil)
			}
		}
	}
}
