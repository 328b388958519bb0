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
	root   string // absolute
	stored bool   // files come from the store, not from root

	mu    sync.Mutex
	files map[string][]byte
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
	if strings.HasSuffix(name, ".test.hcl") || strings.HasSuffix(name, ".sandbox.hcl") {
		return false
	}
	return strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".hcl.json")
}

// ReadTree reads all configuration files below root. Directories whose name
// begins with a dot are passed over.
func ReadTree(root string) (*Tree, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	t := &Tree{root: abs, files: map[string][]byte{}}
	err = filepath.WalkDir(abs, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p == abs {
			return nil
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(abs, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !IsConfig(name) {
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		t.files[name] = data
		return nil
	})
	return t, err
}

// StoredTree makes a tree of files kept elsewhere, of the project at root. It
// reads nothing from disk.
func StoredTree(root string, files map[string][]byte) *Tree {
	return &Tree{root: root, stored: true, files: maps.Clone(files)}
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
	return again.Digest() == t.Digest(), nil
}

// ReadFile returns a file by its path relative to the project, which it may
// not leave, and remembers it as part of the configuration.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	clean := path.Clean(filepath.ToSlash(name))
	if path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
		return nil, errors.New("the path leads out of the project's directory")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if data, ok := t.files[clean]; ok {
		return data, nil
	}
	if t.stored {
		return nil, errors.New("the file is not part of the stored configuration")
	}
	data, err := readInside(t.root, clean)
	if err != nil {
		return nil, err
	}
	t.files[clean] = data
	return data, nil
}

func readInside(root, name string) ([]byte, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, plain(err)
	}
	defer func() { _ = dir.Close() }()
	data, err := dir.ReadFile(filepath.FromSlash(name))
	return data, plain(err)
}

// plain takes Go's operation name out of a path error.
func plain(err error) error {
	var pe *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file")
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
