// Package config reads a project's HCL files: which blocks there are and where
// they stand, what variables and locals are worth, which functions exist. What
// the blocks mean is the business of runner/compile.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A Tree is a project's files as they were when they were first read. Reading
// a file twice gives the same bytes, so that all parts of a configuration
// agree, and everything that was read can be stored and read again later.
type Tree struct {
	root   string                            // absolute
	sealed bool                              // nothing more is read
	fetch  func(name string) ([]byte, error) // reads one more file

	mu      sync.Mutex
	size    int // of the files, in bytes
	files   map[string][]byte
	missing map[string]error // files that were asked for and could not be read
}

// IsConfig reports whether a slash-separated path below the project is a
// configuration file. Names that begin with a dot, tests and sandbox files are
// not.
func IsConfig(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return false
		}
	}
	if strings.HasSuffix(name, TestSuffix) || strings.HasSuffix(name, ".sandbox.hcl") {
		return false
	}
	return strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".hcl.json")
}

// ReadTree reads all configuration files below root, which may be a symbolic
// link (git-sync). Names that begin with a dot are passed over, but links lead
// into such directories (Kubernetes' ..data): a link to a directory of the
// project is followed, and each directory is read once, by its own name where
// it has one. Nothing outside of the project is read: a configuration file that
// links there is an error, and a directory that does is passed over.
func ReadTree(root string) (*Tree, error) { return readFiles(root, IsConfig) }

// TestSuffix ends the names of test files.
const TestSuffix = ".test.hcl"

// ReadTests reads all test files below root, as ReadTree reads configuration.
// The tree also gives the other files of the project that tests name.
func ReadTests(root string) (*Tree, error) {
	return readFiles(root, func(name string) bool { return strings.HasSuffix(name, TestSuffix) })
}

func readFiles(root string, wanted func(string) bool) (*Tree, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	dir, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, err
	}
	t := &Tree{root: abs, fetch: func(name string) ([]byte, error) { return readInside(abs, name) }, files: map[string][]byte{}, missing: map[string]error{}}
	r := &treeReader{tree: t, dir: dir, root: real, wanted: wanted, visited: map[string]bool{}}
	if err := r.list(".", "."); err != nil {
		return nil, err
	}
	for len(r.links) > 0 {
		next := r.links[0]
		r.links = r.links[1:]
		if err := r.list(next.name, next.real); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// A FileError says why one file of a project, or a directory in it, cannot be
// read.
type FileError struct {
	Name string // slash-separated, below the project
	Err  error
}

func (e *FileError) Error() string { return e.Name + ": " + e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// File is the name: a report can point at it.
func (e *FileError) File() string { return e.Name }

// treeReader is one walk through a project.
type treeReader struct {
	tree    *Tree
	dir     *os.Root
	root    string // without symbolic links
	wanted  func(name string) bool
	visited map[string]bool
	links   []linkedDir // directories to read after those that are no links
}

// linkedDir is a directory by the name it has in the project and by the one it
// has without symbolic links, both slash-separated and relative to the root.
type linkedDir struct{ name, real string }

func (r *treeReader) list(name, real string) error {
	if r.visited[real] {
		return nil
	}
	r.visited[real] = true
	entries, err := fs.ReadDir(r.dir.FS(), real)
	switch {
	case err != nil && name == ".":
		return plain(err)
	case err != nil:
		return &FileError{name, plain(err)}
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		child, at := path.Join(name, e.Name()), path.Join(real, e.Name())
		switch {
		case e.IsDir():
			err = r.list(child, at)
		case e.Type()&fs.ModeSymlink != 0:
			err = r.link(child, at)
		case r.wanted(child):
			err = r.read(child, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// link reads the configuration file that a link leads to, or notes the
// directory.
func (r *treeReader) link(name, at string) error {
	full, err := filepath.EvalSymlinks(filepath.Join(r.root, filepath.FromSlash(at)))
	if err != nil {
		if r.wanted(name) {
			return &FileError{name, errors.New("the link leads to no file")}
		}
		return nil
	}
	rel, err := filepath.Rel(r.root, full)
	if err != nil || !filepath.IsLocal(rel) {
		if info, err := os.Stat(full); r.wanted(name) && (err != nil || !info.IsDir()) {
			return &FileError{name, errors.New("the link leads out of the project's directory")}
		}
		return nil
	}
	real := filepath.ToSlash(rel)
	info, err := r.dir.Stat(rel)
	switch {
	case err == nil && info.IsDir():
		r.links = append(r.links, linkedDir{name, real})
	case r.wanted(name):
		return r.read(name, real)
	}
	return nil
}

func (r *treeReader) read(name, real string) error {
	data, err := readRegular(r.dir, real)
	if err == nil {
		err = r.tree.keep(name, data)
	}
	if err != nil {
		return &FileError{name, err}
	}
	return nil
}

// keep makes a file part of the configuration.
func (t *Tree) keep(name string, data []byte) error {
	if t.size+len(data) > MaxFiles {
		return fmt.Errorf("with it, the files of the configuration would have more than %d MiB together", MaxFiles>>20)
	}
	t.size += len(data)
	t.files[name] = data
	return nil
}

// readRegular reads a file, but no pipe or device, which might never end.
func readRegular(dir *os.Root, name string) ([]byte, error) {
	name = filepath.FromSlash(name)
	info, err := dir.Stat(name)
	if err != nil {
		return nil, plain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("it is larger than %d MiB, which is the most that a file of a configuration may be", MaxFile>>20)
	}
	data, err := dir.ReadFile(name)
	return data, plain(err)
}

// Stored reports whether nothing is read from the project's directory any more.
func (t *Tree) Stored() bool { return t.sealed }

// StoredTree makes a tree of files kept elsewhere, of the project at root. It
// reads nothing from disk.
func StoredTree(root string, files map[string][]byte) *Tree {
	return &Tree{root: root, sealed: true, files: maps.Clone(files), missing: map[string]error{}}
}

// FetchedTree makes a tree of the configuration files given, of the project at
// root, that reads the other files it is asked for by fetch.
func FetchedTree(root string, files map[string][]byte, fetch func(name string) ([]byte, error)) *Tree {
	return &Tree{root: root, fetch: fetch, files: maps.Clone(files), missing: map[string]error{}}
}

// Seal ends reading from disk: from here on there are the files that were read
// so far and no others, so that a run does the same now and when its
// configuration comes from the store.
func (t *Tree) Seal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sealed = true
}

// Root is the project's directory, absolute.
func (t *Tree) Root() string { return t.root }

// Settled reports whether the files on disk are still those that were read, so
// that the tree is one state of the project and not a mixture of two.
func (t *Tree) Settled() (bool, error) {
	again, err := ReadTree(t.root)
	if err != nil {
		return false, err
	}
	for name := range t.Files() {
		if _, err := again.ReadFile(name); err != nil {
			return false, nil //nolint:nilerr // a file that went away is a change, not a failure
		}
	}
	for _, name := range t.Missing() {
		if _, err := again.ReadFile(name); err == nil {
			return false, nil
		}
	}
	return again.Digest() == t.Digest(), nil
}

// ReadFile returns a file by its path relative to the project, which it may
// not leave, and remembers it as part of the configuration.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	clean := path.Clean(filepath.ToSlash(name))
	if path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
		return nil, errOutside
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if data, ok := t.files[clean]; ok {
		return data, nil
	}
	if err, ok := t.missing[clean]; ok {
		return nil, err
	}
	if t.sealed {
		return nil, errors.New("it was not read when the configuration was loaded: the names of its files may not depend on a run")
	}
	data, err := t.fetch(clean)
	if err != nil {
		t.missing[clean] = err
		return nil, err
	}
	if err := t.keep(clean, data); err != nil {
		return nil, err
	}
	return data, nil
}

func readInside(root, name string) ([]byte, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, plain(err)
	}
	defer func() { _ = dir.Close() }()
	return readRegular(dir, name)
}

var errOutside = errors.New("the path leads out of the project's directory")

// plain takes Go's operation name out of a path error.
func plain(err error) error {
	var pe *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file")
	case errors.As(err, &pe) && pe.Err.Error() == "path escapes from parent": // os.Root exports no value for it
		return errOutside
	case errors.As(err, &pe):
		return fmt.Errorf("%s", pe.Err)
	}
	return err
}

// Files returns all files read so far, by path.
func (t *Tree) Files() map[string][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.files)
}

// Missing lists the files that were asked for and could not be read, in order:
// when one of them appears, the configuration may say something else.
func (t *Tree) Missing() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.missing))
}

// Digest identifies the contents of all files read so far.
func (t *Tree) Digest() string {
	files := t.Files()
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%d:%s%d:", len(name), name, len(files[name]))
		h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}
