// Package file is the source that reads a file of the project.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"waybill/internal/component"
	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/sources"
)

// Kind returns the kind "file".
func Kind() sources.Kind {
	return component.New("file", Block(), check, func(c Config, e sources.Env) (sources.Source, error) { return New(c, e) })
}

// A Source is one configured file. It implements sources.Source and may be
// used by several goroutines.
type Source struct {
	cfg  Config
	root string
}

// New makes the source of a configuration that is wholly known.
func New(c Config, e sources.Env) (*Source, error) {
	if c.Format == nil {
		return nil, problem.New("missing-block", "the file source of "+c.Path+" has no format", nil)
	}
	return &Source{cfg: c, root: e.Root}, nil
}

// Extract copies the file, so that every retry reads the same bytes: a link
// would change with the original. A copy that an earlier call announced as
// complete is used again.
func (s *Source) Extract(ctx context.Context, req sources.Request) (dataset.Dataset, error) {
	kept := string(req.Resume) == resumeCopied
	local := filepath.Join(req.Dir, s.localName())
	if info, err := os.Stat(local); kept && err == nil {
		return s.dataset(req.Dir, info.Size()), nil
	}
	size, err := s.copy(ctx, local, req.Progress)
	if err != nil {
		return dataset.Dataset{}, err
	}
	if err := req.Save(ctx, []byte(resumeCopied)); err != nil {
		return dataset.Dataset{}, err
	}
	return s.dataset(req.Dir, size), nil
}

// resumeCopied is the only state worth saving: the copy is whole and on disk.
const resumeCopied = "copied"

func (s *Source) localName() string { return "data." + s.cfg.Format.Kind }

func (s *Source) dataset(dir string, size int64) dataset.Dataset {
	ds := dataset.Dataset{
		Dir: dir, Format: dataset.Format(s.cfg.Format.Kind), Rows: -1,
		Files: []dataset.File{{Name: s.localName(), Size: size, Rows: -1}},
		Stats: dataset.Stats{ScannedBytes: size, Method: "file"},
	}
	if f := s.cfg.Format; ds.Format == dataset.CSV {
		ds.CSV = &dataset.CSVOptions{Delimiter: f.Delimiter, Quote: f.Quote, Escape: f.Escape, Header: f.Header, Null: f.Null}
	}
	return ds
}

// copy brings the file to a local one: whole, synced and under its final name,
// or not at all.
func (s *Source) copy(ctx context.Context, to string, progress func(sources.Progress)) (int64, error) {
	in, total, err := s.open()
	if err != nil {
		return 0, err
	}
	defer in.Close() //nolint:errcheck // nothing was written
	part := to + ".part"
	out, err := os.Create(part)
	if err != nil {
		return 0, writeFailed(err)
	}
	size, err := io.Copy(out, &reader{ctx: ctx, in: in, total: total, progress: progress})
	if err == nil {
		err = out.Sync()
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(part, to)
	}
	if err == nil {
		err = syncDir(filepath.Dir(to))
	}
	if err != nil {
		_ = os.Remove(part) // the failure that led here matters more
		return 0, s.copyProblem(ctx, err)
	}
	return size, nil
}

// open opens the file inside of the project and tells its size.
func (s *Source) open() (*os.File, int64, error) {
	root, err := os.OpenRoot(s.root)
	if err != nil {
		return nil, 0, problem.New("file-not-readable", "the project's directory cannot be opened", cause(err))
	}
	defer root.Close() //nolint:errcheck // nothing was written
	name := filepath.FromSlash(s.cfg.Path)
	f, err := root.Open(name)
	if err != nil {
		return nil, 0, s.openProblem(root, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, 0, problem.New("file-not-readable", s.cfg.Path+" cannot be read", cause(err))
	}
	return f, info.Size(), nil
}

func (s *Source) openProblem(root *os.Root, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p := problem.New("file-not-found", fmt.Sprintf("there is no file %s in the project", s.cfg.Path), nil)
		if hint := diag.Suggest(path.Base(s.cfg.Path), siblings(root, path.Dir(s.cfg.Path))); hint != "" {
			p.Remedy = append([]string{strings.TrimSpace(hint)}, p.Remedy...)
		}
		return p
	case !filepath.IsLocal(filepath.FromSlash(s.cfg.Path)), leaves(err):
		return problem.New("path-outside", s.cfg.Path+" leads out of the project", nil)
	default:
		return problem.New("file-not-readable", s.cfg.Path+" cannot be read", cause(err))
	}
}

// leaves reports whether a path was refused for leading out of its root. The
// standard library has no exported error for that, only this text.
func leaves(err error) bool {
	var pe *fs.PathError
	return errors.As(err, &pe) && pe.Err.Error() == "path escapes from parent"
}

// siblings lists the files of a directory of the project.
func siblings(root *os.Root, dir string) []string {
	entries, err := fs.ReadDir(root.FS(), dir)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func (s *Source) copyProblem(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return problem.New("cancelled", "reading "+s.cfg.Path+" was cancelled", context.Cause(ctx))
	}
	var failed *readError
	if errors.As(err, &failed) {
		return problem.New("file-not-readable", s.cfg.Path+" cannot be read", cause(failed.err))
	}
	return writeFailed(err)
}

func writeFailed(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return problem.New("disk-full", "the disk is full, so a source's file cannot be copied", cause(err))
	}
	return problem.New("file-write-failed", "a source's file cannot be copied to the spool", cause(err))
}

// cause is what the system said, without the operation and the absolute path.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// A reader reads until its context ends and tells what it failed at.
type reader struct {
	ctx         context.Context
	in          io.Reader
	done, total int64
	progress    func(sources.Progress)
}

type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.in.Read(p)
	r.done += int64(n)
	if r.progress != nil {
		r.progress(sources.Progress{Phase: "downloading", Done: r.done, Total: r.total})
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &readError{err}
	}
	return n, err
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
