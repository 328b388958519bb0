// Package child is the side of a compute job that does the work: the hidden
// verb `engine` of our own binary. It is started with an empty environment and
// speaks package wire on standard input and output.
package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"

	"waybill/internal/problem"
	"waybill/runner/engine"
	"waybill/runner/engine/duckdb"
	"waybill/runner/engine/internal/wire"
)

// Serve answers requests until in ends or ctx is cancelled, either of which
// interrupts the request at work. It returns nil when the parent has closed
// the pipe between two requests. Before anything else it gives up what the
// process doesn't need: core dumps and most of its file descriptors.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	if err := limitProcess(); err != nil {
		return fmt.Errorf("limit the compute process: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{out: json.NewEncoder(out), requests: readRequests(ctx, cancel, in)}
	defer s.close()
	for r := range s.requests {
		if err := s.answer(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// readRequests decodes requests in a goroutine of its own, so that the end of
// the input is seen while a request is at work: the parent is gone, and so is
// the reason to go on. The goroutine ends with the input.
func readRequests(ctx context.Context, cancel context.CancelFunc, in io.Reader) <-chan wire.Request {
	requests := make(chan wire.Request)
	go func() {
		defer close(requests)
		defer cancel()
		dec := json.NewDecoder(in)
		for {
			var r wire.Request
			if dec.Decode(&r) != nil {
				return
			}
			select {
			case requests <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	return requests
}

type server struct {
	mu       sync.Mutex // progress comes from another goroutine
	out      *json.Encoder
	requests <-chan wire.Request
	db       *duckdb.Database
}

func (s *server) close() {
	if s.db != nil {
		s.db.Close() // the process ends: what could not be freed is freed by that
	}
}

func (s *server) send(r wire.Reply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Encode(r)
}

// answer serves one request. Its error means that the parent cannot be told.
func (s *server) answer(ctx context.Context, r wire.Request) error {
	result, err := s.guarded(ctx, r)
	if err != nil {
		return s.send(failure(err))
	}
	data, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encode the result of %s: %w", r.Method, err)
	}
	return s.send(wire.Reply{Result: data})
}

// guarded turns a panic into a problem that names the place but not the value:
// it could come from a cell.
func (s *server) guarded(ctx context.Context, r wire.Request) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = problem.New("engine-crashed", fmt.Sprintf("The compute process failed in %s.", r.Method), errors.New(string(debug.Stack())))
		}
	}()
	return s.do(ctx, r)
}

func failure(err error) wire.Reply {
	reply := wire.Reply{Problem: problem.Of(err)}
	var at *engine.SQLError
	if errors.As(err, &at) {
		reply.At = &wire.Position{Offset: at.At.Offset, Line: at.At.Line, Column: at.At.Column}
	}
	return reply
}

func (s *server) do(ctx context.Context, r wire.Request) (any, error) {
	if (r.Method == wire.MethodOpen) != (s.db == nil) {
		return nil, fmt.Errorf("the request %s came out of turn", r.Method)
	}
	switch r.Method {
	case wire.MethodOpen:
		return s.open(ctx, r)
	case wire.MethodAttach:
		return s.attach(ctx, r)
	case wire.MethodDefine:
		p, err := params[wire.Define](r)
		if err != nil {
			return nil, err
		}
		return s.db.Define(ctx, p.Name, p.Query, p.Relations)
	case wire.MethodJudge:
		p, err := params[wire.Define](r)
		if err != nil {
			return nil, err
		}
		return s.db.Judge(ctx, p.Name, p.Query, p.Relations)
	case wire.MethodVet:
		p, err := params[wire.Define](r)
		if err != nil {
			return nil, err
		}
		return nil, s.db.Vet(ctx, p.Query, p.Relations)
	case wire.MethodExport:
		return s.export(ctx, r)
	case wire.MethodExportFiles:
		return s.exportFiles(ctx, r)
	case wire.MethodAccept:
		p, err := params[engine.Accept](r)
		if err != nil {
			return nil, err
		}
		return s.db.Accept(ctx, p)
	case wire.MethodFooter:
		p, err := params[wire.Footer](r)
		if err != nil {
			return nil, err
		}
		return s.db.Footer(ctx, p.Path)
	}
	return s.doNamed(ctx, r)
}

// doNamed serves the methods that take a relation's name and little else.
func (s *server) doNamed(ctx context.Context, r wire.Request) (any, error) {
	p, err := params[wire.Named](r)
	if err != nil {
		return nil, err
	}
	switch r.Method {
	case wire.MethodCount:
		return s.db.Count(ctx, p.Name)
	case wire.MethodHash:
		return s.db.Hash(ctx, p.Name)
	case wire.MethodFreeze:
		return s.db.Freeze(ctx, p.Name, p.Dir)
	case wire.MethodPreview:
		schema, rows, err := s.db.Preview(ctx, p.Name, p.Limit)
		return wire.Rows{Schema: schema, Rows: rows}, err
	}
	return nil, fmt.Errorf("no request is called %q", r.Method)
}

func (s *server) open(ctx context.Context, r wire.Request) (any, error) {
	p, err := params[wire.Open](r)
	if err != nil {
		return nil, err
	}
	s.db, err = duckdb.OpenJob(ctx, duckdb.JobOptions{Dir: p.Dir, ReadDirs: p.ReadDirs, WriteDirs: p.WriteDirs,
		MemoryLimit: p.MemoryLimit, Threads: p.Threads, MaxTempSize: p.MaxTempSize})
	return nil, err
}

func (s *server) attach(ctx context.Context, r wire.Request) (any, error) {
	p, err := params[wire.Attach](r)
	if err != nil {
		return nil, err
	}
	p.Dataset.Dir = p.Dir
	return s.db.Attach(ctx, p.Name, p.Dataset)
}

func (s *server) export(ctx context.Context, r wire.Request) (any, error) {
	e, err := params[engine.Export](r)
	if err != nil {
		return nil, err
	}
	e.Progress = s.progress
	return s.db.Export(ctx, e)
}

func (s *server) exportFiles(ctx context.Context, r wire.Request) (any, error) {
	e, err := params[engine.ExportFiles](r)
	if err != nil {
		return nil, err
	}
	e.Progress = s.progress
	e.Key = func(number int, partition string) (string, error) {
		return s.ask(ctx, wire.File{Number: number, Partition: partition})
	}
	return s.db.ExportFiles(ctx, e)
}

// ask asks the parent for a file's key. While a request is at work the parent
// sends nothing but answers.
func (s *server) ask(ctx context.Context, f wire.File) (string, error) {
	if err := s.send(wire.Reply{Ask: &f}); err != nil {
		return "", err
	}
	select {
	case r, ok := <-s.requests:
		if !ok {
			return "", context.Cause(ctx)
		}
		k, err := params[wire.Key](r)
		if err == nil && k.Problem != nil {
			return "", k.Problem
		}
		return k.Key, err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// progress tells the parent. One that cannot be told has closed the pipe, and
// the end of the input ends the request.
func (s *server) progress(percent float64) {
	_ = s.send(wire.Reply{Progress: &percent})
}

func params[T any](r wire.Request) (T, error) {
	var p T
	if err := json.Unmarshal(r.Params, &p); err != nil {
		return p, fmt.Errorf("read the parameters of %s: %w", r.Method, err)
	}
	return p, nil
}
