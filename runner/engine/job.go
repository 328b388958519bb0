package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/engine/internal/wire"
)

// Start starts the child of a compute job and waits until its database is
// open. Cancelling ctx kills the child, at once and whatever it is doing; so
// does cancelling the context of any call, because a statement that is
// interrupted from within takes half a second and leaves files behind. After
// that every call fails.
//
// The child has no environment, a process group of its own, Options.Dir as its
// working directory and, on Linux, dies with its parent and sees no files but
// its own, those of Options and the libraries it is made of (Landlock, where
// the kernel has it).
func Start(ctx context.Context, o Options) (Job, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p, err := spawn(o)
	if err != nil {
		return nil, problem.New("engine-crashed", "The compute process could not be started.", err)
	}
	j := &job{child: p, turn: make(chan struct{}, 1), requests: json.NewEncoder(p.in), replies: json.NewDecoder(p.out)}
	j.unwatch = context.AfterFunc(ctx, func() { j.cancel(context.Cause(ctx)) })
	open := wire.Open{Dir: o.Dir, ReadDirs: o.ReadDirs, WriteDirs: o.WriteDirs, MemoryLimit: o.MemoryLimit, Threads: o.Threads, MaxTempSize: o.MaxTempSize}
	if err := j.call(ctx, wire.MethodOpen, open, nil, listener{}); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

func (o Options) check() error {
	if len(o.Command) == 0 {
		return fmt.Errorf("compute job: no command")
	}
	for _, dir := range append(append([]string{o.Dir}, o.ReadDirs...), o.WriteDirs...) {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("compute job: directory %q is not absolute", dir)
		}
	}
	return nil
}

// A job is the parent's side.
type job struct {
	child    *child
	turn     chan struct{} // holds one token while a call is at work
	requests *json.Encoder
	replies  *json.Decoder
	unwatch  func() bool
	// stopped is why we killed the child; nil as long as we did not.
	stopped atomic.Pointer[error]
}

// cancel kills the child and remembers why.
func (j *job) cancel(cause error) {
	j.stopped.CompareAndSwap(nil, &cause)
	j.child.kill()
}

// call sends one request and waits for its answer.
func (j *job) call(ctx context.Context, method string, params, result any, l listener) error {
	select {
	case j.turn <- struct{}{}:
		defer func() { <-j.turn }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return stoppedProblem(context.Cause(ctx)) // nothing has begun, so nothing need be killed
	}
	unwatch := context.AfterFunc(ctx, func() { j.cancel(context.Cause(ctx)) })
	defer unwatch()
	data, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("encode a request to the compute process: %w", err)
	}
	if err := j.requests.Encode(wire.Request{Method: method, Params: data}); err != nil {
		return j.death()
	}
	reply, err := j.answer(l)
	if err != nil {
		return j.death()
	}
	if reply.Problem != nil {
		return replyError(reply)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(reply.Result, result); err != nil {
		return fmt.Errorf("read the compute process's answer to %s: %w", method, err)
	}
	return nil
}

// A listener hears what the child says before it answers a request.
type listener struct {
	progress func(float64)
	key      func(number int, partition string) (string, error)
}

// answer reads replies up to the one that ends a request.
func (j *job) answer(l listener) (wire.Reply, error) {
	for {
		var r wire.Reply
		if err := j.replies.Decode(&r); err != nil {
			return r, err
		}
		switch {
		case r.Ask != nil:
			if err := j.tellKey(l, *r.Ask); err != nil {
				return r, err
			}
		case r.Progress == nil:
			return r, nil
		case l.progress != nil:
			l.progress(*r.Progress)
		}
	}
}

// tellKey answers the child's question where a file is to go.
func (j *job) tellKey(l listener, f wire.File) error {
	var k wire.Key
	if l.key != nil {
		key, err := l.key(f.Number, f.Partition)
		if k.Key = key; err != nil {
			k.Problem = problem.Of(err)
		}
	}
	data, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return j.requests.Encode(wire.Request{Method: wire.MethodKey, Params: data})
}

func replyError(r wire.Reply) error {
	if r.At == nil {
		return r.Problem
	}
	return &SQLError{Problem: r.Problem, At: Position(*r.At)}
}

// death tells why the child no longer answers. It makes sure of its end first:
// a child that has closed its output does nothing any more.
func (j *job) death() error {
	if cause := j.stopped.Load(); cause != nil {
		return stoppedProblem(*cause)
	}
	select {
	case <-j.child.done:
	case <-time.After(deathGrace):
		j.child.kill()
		<-j.child.done
	}
	if cause := j.stopped.Load(); cause != nil {
		return stoppedProblem(*cause)
	}
	return j.child.obituary()
}

// deathGrace is how long a child whose output has ended may take to exit by
// itself, so that its own exit status is seen and not our signal.
const deathGrace = 5 * time.Second

// errClosed is the cause of calls that come after Close.
var errClosed = errors.New("the compute job is closed")

func stoppedProblem(cause error) error {
	switch {
	case errors.Is(cause, context.DeadlineExceeded):
		return problem.New("timeout", "The computation took longer than it may and was stopped.", cause)
	case errors.Is(cause, errClosed):
		return problem.New("internal", "The compute job is closed.", cause)
	}
	if p := problem.As(cause); p != nil {
		return p
	}
	return problem.New("cancelled", "The computation was stopped.", cause)
}

// Attach implements Job.
func (j *job) Attach(ctx context.Context, name string, ds dataset.Dataset) (schema dataset.Schema, err error) {
	err = j.call(ctx, wire.MethodAttach, wire.Attach{Name: name, Dir: ds.Dir, Dataset: ds}, &schema, listener{})
	return schema, err
}

// Define implements Job.
func (j *job) Define(ctx context.Context, name, query string, relations []string) (schema dataset.Schema, err error) {
	err = j.call(ctx, wire.MethodDefine, wire.Define{Name: name, Query: query, Relations: relations}, &schema, listener{})
	return schema, err
}

// Judge implements Job.
func (j *job) Judge(ctx context.Context, name, query string, relations []string) (schema dataset.Schema, err error) {
	err = j.call(ctx, wire.MethodJudge, wire.Define{Name: name, Query: query, Relations: relations}, &schema, listener{})
	return schema, err
}

// Vet implements Job.
func (j *job) Vet(ctx context.Context, query string, relations []string) error {
	return j.call(ctx, wire.MethodVet, wire.Define{Query: query, Relations: relations}, nil, listener{})
}

// Count implements Job.
func (j *job) Count(ctx context.Context, name string) (n int64, err error) {
	err = j.call(ctx, wire.MethodCount, wire.Named{Name: name}, &n, listener{})
	return n, err
}

// Hash implements Job.
func (j *job) Hash(ctx context.Context, name string) (h Hash, err error) {
	err = j.call(ctx, wire.MethodHash, wire.Named{Name: name}, &h, listener{})
	return h, err
}

// Freeze implements Job.
func (j *job) Freeze(ctx context.Context, name, dir string) (ds dataset.Dataset, err error) {
	err = j.call(ctx, wire.MethodFreeze, wire.Named{Name: name, Dir: dir}, &ds, listener{})
	ds.Dir = dir
	return ds, err
}

// Export implements Job.
func (j *job) Export(ctx context.Context, e Export) (out Exported, err error) {
	err = j.call(ctx, wire.MethodExport, e, &out, listener{progress: e.Progress})
	return out, err
}

// ExportFiles implements Job.
func (j *job) ExportFiles(ctx context.Context, e ExportFiles) (out Exports, err error) {
	err = j.call(ctx, wire.MethodExportFiles, e, &out, listener{progress: e.Progress, key: e.Key})
	return out, err
}

// Accept implements Job.
func (j *job) Accept(ctx context.Context, a Accept) (out Accepted, err error) {
	err = j.call(ctx, wire.MethodAccept, a, &out, listener{})
	return out, err
}

// Preview implements Job.
func (j *job) Preview(ctx context.Context, name string, limit int) (dataset.Schema, [][]*string, error) {
	var out wire.Rows
	err := j.call(ctx, wire.MethodPreview, wire.Named{Name: name, Limit: limit}, &out, listener{})
	return out.Schema, out.Rows, err
}

// Footer implements Job.
func (j *job) Footer(ctx context.Context, path string) (out ParquetFooter, err error) {
	err = j.call(ctx, wire.MethodFooter, wire.Footer{Path: path}, &out, listener{})
	return out, err
}

// Close implements Job. It may be called more than once, and while a call is
// at work, which it ends.
func (j *job) Close() error {
	j.unwatch()
	j.cancel(errClosed)
	<-j.child.done
	return errors.Join(ignoreClosed(j.child.in.Close()), ignoreClosed(j.child.out.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
