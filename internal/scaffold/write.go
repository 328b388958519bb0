package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"waybill/config"
	"waybill/internal/problem"
)

// InTheWay lists, in order, what stands in a directory that files are to be
// written to: files of the same paths, and configuration that would be one
// project with them. Nothing is in the way where no directory is yet.
func InTheWay(dir string, files []File) ([]string, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, notReadable(dir, err)
	case !info.IsDir():
		p := notReadable(dir, nil)
		p.Summary, p.Remedy = dir+" is a file", []string{"Name a directory, or one that is still to be made."}
		return nil, p
	}
	tree, err := config.ReadTree(dir)
	if err != nil {
		return nil, notReadable(dir, err)
	}
	names := slices.Collect(maps.Keys(tree.Files()))
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f.Path))); err == nil {
			names = append(names, f.Path)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func notReadable(dir string, err error) *problem.Problem {
	return problem.New("file-not-readable", fmt.Sprintf("the directory %s cannot be read", dir), err)
}

// Exists is the problem that something is in the way.
func Exists(dir string, names []string) error {
	const most = 12
	text := strings.Join(names[:min(most, len(names))], ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	p := problem.New("project-exists", fmt.Sprintf("%s is not empty: it has %s", dir, text), nil)
	p.Cause = "A new project would replace these files, or be read as one with them. Nothing was written."
	return p
}

// Written is what a call of Write has left on disk.
type Written struct {
	Files []File   // in the order in which they were given
	Kept  []string // files that existed, as they were

	dir  string
	made []string // directories, parents first; absolute
}

// Write puts files below a directory, which is made if need be: all of them,
// or none when it fails or ctx ends. No file is ever replaced. One that exists
// is kept if keep is set, and otherwise fails the call with "project-exists".
// Symbolic links that lead out of the directory are not followed.
func Write(ctx context.Context, dir string, files []File, keep bool) (_ *Written, err error) {
	w := &Written{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Undo())
		}
	}()
	if w.dir, err = filepath.Abs(dir); err != nil {
		return nil, notWritable(dir, err)
	}
	if err := w.makeRoot(); err != nil {
		return nil, notWritable(dir, err)
	}
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		return nil, notWritable(dir, err)
	}
	defer func() { _ = root.Close() }() // only a handle on a directory
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := w.put(root, f)
		switch {
		case errors.Is(err, fs.ErrExist) && keep:
			w.Kept = append(w.Kept, f.Path)
		case errors.Is(err, fs.ErrExist):
			return nil, Exists(dir, []string{f.Path})
		case err != nil:
			return nil, notWritable(filepath.Join(dir, filepath.FromSlash(f.Path)), err)
		default:
			w.Files = append(w.Files, f)
		}
	}
	return w, nil
}

func notWritable(name string, err error) error {
	p := problem.New("file-write-failed", fmt.Sprintf("%s cannot be written", name), cause(err))
	p.Cause = "Nothing was written."
	return p
}

// cause takes the operation and the path out of an error: the summary has
// them.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// makeRoot makes the project's directory, and notes what it made of the way
// there.
func (w *Written) makeRoot() error {
	var missing []string
	for at := w.dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break // it is there, or MkdirAll says why it cannot be looked at
		}
		missing = append(missing, at)
	}
	slices.Reverse(missing)
	w.made = missing
	return os.MkdirAll(w.dir, 0o755)
}

// put writes one file and the directories on its way. It fails with
// fs.ErrExist if there is such a file.
func (w *Written) put(root *os.Root, f File) (err error) {
	if err := w.makeParents(root, path.Dir(f.Path)); err != nil {
		return err
	}
	out, err := root.OpenFile(filepath.FromSlash(f.Path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = out.Write(f.Data)
	if err = errors.Join(err, out.Close()); err != nil {
		err = errors.Join(err, root.Remove(filepath.FromSlash(f.Path)))
	}
	return err
}

func (w *Written) makeParents(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	if err := w.makeParents(root, path.Dir(dir)); err != nil {
		return err
	}
	name := filepath.FromSlash(dir)
	err := root.Mkdir(name, 0o755)
	if err == nil {
		w.made = append(w.made, filepath.Join(w.dir, name))
		return nil
	}
	info, statErr := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrExist) && statErr != nil:
		return fmt.Errorf("%s is a link that leads nowhere, or out of the directory", dir)
	case statErr != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is a file", dir)
	}
	return nil
}

// Undo removes what was written, and the directories that were made for it
// unless somebody else has put something there meanwhile.
func (w *Written) Undo() error {
	var errs []error
	for _, f := range w.Files {
		if err := os.Remove(filepath.Join(w.dir, filepath.FromSlash(f.Path))); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	for _, dir := range slices.Backward(w.made) {
		_ = os.Remove(dir) // fails where something is left, which is not ours
	}
	w.Files, w.made = nil, nil
	return errors.Join(errs...)
}
