// Package revision reads the files of a project as they were in a revision of
// its git repository, without checking it out.
package revision

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strconv"
	"strings"

	"waybill/internal/problem"
)

// A Revision is the directory of a project in one commit. Nothing of it is
// written to disk.
type Revision struct {
	Commit string // its full name

	dir   string // the project's directory, which need not be at the top of the repository
	files map[string]entry
}

type entry struct {
	object string
	size   int64
	link   bool // its content is the target
}

// Open finds a revision: anything that git takes for a commit, or "origin/main..."
// for the commit at which HEAD left it. Problems have the code
// "revision-unreadable".
func Open(ctx context.Context, dir, name string) (*Revision, error) {
	r := &Revision{dir: dir}
	commit := name
	if base, ok := strings.CutSuffix(name, "..."); ok {
		out, err := r.git(ctx, nil, "merge-base", "--end-of-options", base, "HEAD")
		if err != nil {
			return nil, unreadable(name, err)
		}
		commit = strings.TrimSpace(string(out))
	}
	out, err := r.git(ctx, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{commit}")
	if err != nil {
		return nil, unreadable(name, err)
	}
	r.Commit = strings.TrimSpace(string(out))
	if r.files, err = r.list(ctx); err != nil {
		return nil, unreadable(name, err)
	}
	return r, nil
}

// list reads the names below the project's directory.
func (r *Revision) list(ctx context.Context) (map[string]entry, error) {
	out, err := r.git(ctx, nil, "ls-tree", "-r", "-z", "--long", r.Commit, "--", ".")
	if err != nil {
		return nil, err
	}
	files := map[string]entry{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		meta, name, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta) // mode, type, object, size
		if !ok || len(fields) != 4 || fields[1] != "blob" {
			continue // a submodule, or nothing at all
		}
		size, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("git told no size of %s", name)
		}
		files[name] = entry{object: fields[2], size: size, link: fields[0] == "120000"}
	}
	return files, nil
}

// Read returns the files that are wanted, by their slash-separated paths in the
// project, of at most limit bytes each. It is one question to git for all.
func (r *Revision) Read(ctx context.Context, wanted func(name string) bool, limit int64) (map[string][]byte, error) {
	var names []string
	var ask bytes.Buffer
	for name := range r.files {
		if !wanted(name) {
			continue
		}
		e, err := r.find(ctx, name, limit)
		if err != nil {
			return nil, unreadable(r.Commit, fmt.Errorf("%s: %w", name, err))
		}
		names = append(names, name)
		ask.WriteString(e.object + "\n")
	}
	if len(names) == 0 {
		return map[string][]byte{}, nil
	}
	out, err := r.git(ctx, &ask, "cat-file", "--batch")
	if err != nil {
		return nil, unreadable(r.Commit, err)
	}
	files := map[string][]byte{}
	in := bufio.NewReader(bytes.NewReader(out))
	for _, name := range names {
		if files[name], err = readObject(in); err != nil {
			return nil, unreadable(r.Commit, fmt.Errorf("%s: %w", name, err))
		}
	}
	return files, nil
}

// readObject reads one answer of cat-file --batch: "object type size", the
// content, a line end.
func readObject(in *bufio.Reader) ([]byte, error) {
	head, err := in.ReadString('\n')
	fields := strings.Fields(head)
	if err != nil || len(fields) != 3 {
		return nil, errors.New("git does not have its content: " + strings.TrimSpace(head))
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return nil, errors.New("git told no size")
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(in, data); err != nil {
		return nil, errors.New("git broke off")
	}
	_, err = in.Discard(1)
	return data, err
}

// File returns one file by its path in the project, of at most limit bytes. Its
// errors are clauses: "there is no such file".
func (r *Revision) File(ctx context.Context, name string, limit int64) ([]byte, error) {
	e, err := r.find(ctx, name, limit)
	if err != nil {
		return nil, err
	}
	return r.git(ctx, nil, "cat-file", "blob", e.object)
}

// maxLinks is how many links are followed to a file.
const maxLinks = 8

// find finds the file that a name stands for, through links to files of the
// project.
func (r *Revision) find(ctx context.Context, name string, limit int64) (entry, error) {
	e, ok := r.files[name]
	for range maxLinks {
		if !ok || !e.link {
			break
		}
		target, err := r.git(ctx, nil, "cat-file", "blob", e.object)
		if err != nil {
			return entry{}, err
		}
		if name = path.Join(path.Dir(name), string(target)); path.IsAbs(string(target)) {
			return entry{}, errors.New("the link leads out of the project's directory")
		}
		e, ok = r.files[name]
	}
	switch {
	case !ok || e.link:
		return entry{}, errors.New("there is no such file")
	case e.size > limit:
		return entry{}, fmt.Errorf("it is larger than %d MiB, which is the most that a file of a configuration may be", limit>>20)
	}
	return e, nil
}

func (r *Revision) git(ctx context.Context, in io.Reader, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", r.dir, "--no-optional-locks"}, args...)...)
	var out, told bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &told
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errNoGit
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, errors.New(strings.TrimSpace(strings.TrimPrefix(told.String(), "fatal: ")))
	}
	return out.Bytes(), nil
}

var errNoGit = errors.New("there is no program called git")

func unreadable(name string, err error) error {
	p := problem.New("revision-unreadable", fmt.Sprintf("the revision %s cannot be read", name), nil)
	if err.Error() != "" {
		p.Err = err
	}
	return p
}
