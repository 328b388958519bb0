package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxDirs bounds a walk, so that a link to the root of a disk is an error and
// not an hour of reading.
const maxDirs = 20_000

// Fingerprint reads every file below root whose path match accepts, and the
// extra files, and returns a digest of their paths and contents.
//
// Paths are slash-separated and relative to root, or as given for extra files
// that are absolute. Files and directories whose name begins with a dot are
// left out, but symlinks lead into such directories (Kubernetes' ..data). A
// directory that several links lead to is read once.
//
// files holds the SHA-256 of each file's content in hexadecimal, or, after an
// exclamation mark, why it could not be read: that a file has become unreadable
// is a change too. The error is about root itself: it is missing, it cannot be
// listed, or there is far too much below it.
func Fingerprint(root string, match func(path string) bool, extra ...string) (digest string, files map[string]string, err error) {
	t, err := scan(root, match, extra)
	if err != nil {
		return "", nil, err
	}
	return t.digest(), t.files, nil
}

// A tree is what one walk found.
type tree struct {
	files map[string]string   // as Fingerprint returns them
	dirs  map[string]struct{} // real paths of all directories in which a change matters
}

func (t *tree) digest() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		fmt.Fprintf(h, "%d %s %s\n", len(name), name, t.files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A walker fills a tree.
type walker struct {
	*tree
	match   func(string) bool
	visited map[string]struct{} // real paths of the directories that were listed
}

// scan walks root. Even when it fails, the tree's dirs are those to watch for
// the failure to end.
func scan(root string, match func(string) bool, extra []string) (*tree, error) {
	w := walker{
		tree:    &tree{files: map[string]string{}, dirs: map[string]struct{}{}},
		match:   match,
		visited: map[string]struct{}{},
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return w.tree, fmt.Errorf("finding %s: %w", root, err)
	}
	real, err := w.follow(abs)
	if err != nil {
		return w.tree, err
	}
	if err := w.list(real, ""); err != nil {
		return w.tree, err
	}
	for _, name := range extra {
		w.extra(abs, name)
	}
	return w.tree, nil
}

// extra reads one file that need not match.
func (w *walker) extra(root, name string) {
	full := filepath.FromSlash(name)
	if !filepath.IsAbs(full) {
		full = filepath.Join(root, full)
	}
	name = filepath.ToSlash(name)
	if _, ok := w.files[name]; !ok {
		w.files[name] = w.read(full)
	}
}

// list walks one directory, given by its real path and its path below root.
func (w *walker) list(real, below string) error {
	if _, ok := w.visited[real]; ok {
		return nil
	}
	if len(w.visited) == maxDirs {
		return fmt.Errorf("more than %d directories: is this the right one?", maxDirs)
	}
	w.visited[real] = struct{}{}
	w.dirs[real] = struct{}{}
	entries, err := os.ReadDir(real)
	if err != nil {
		if below == "" {
			return err
		}
		w.files[below+"/"] = reason(err)
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := w.entry(filepath.Join(real, e.Name()), path.Join(below, e.Name()), e); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) entry(full, below string, e fs.DirEntry) error {
	switch {
	case e.IsDir():
		return w.list(full, below)
	case e.Type()&fs.ModeSymlink != 0:
		if info, err := os.Stat(full); err == nil && info.IsDir() {
			real, err := w.follow(full)
			if err != nil {
				w.files[below+"/"] = reason(err)
				return nil
			}
			return w.list(real, below)
		}
	}
	if w.match(below) {
		w.files[below] = w.read(full)
	}
	return nil
}

// read returns what Fingerprint says about a file.
func (w *walker) read(full string) string {
	real, err := w.follow(full)
	if err != nil {
		return reason(err)
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		return reason(err)
	case !info.Mode().IsRegular():
		return "!not a regular file" // reading a pipe would wait for ever
	}
	f, err := os.Open(real)
	if err != nil {
		return reason(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return reason(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// reason is the part of an error that doesn't change with the path.
func reason(err error) string {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	return "!" + err.Error()
}

// maxLinks is how many symlinks lead to a file at most, as in Linux.
const maxLinks = 40

// follow resolves a path link by link, and notes each directory in which a
// change could lead elsewhere: the parent of every link, the directory of the
// target, or of what is missing the nearest directory that exists.
func (w *walker) follow(full string) (string, error) {
	links := 0
	at, rest := "/", strings.TrimLeft(full, "/")
	for rest != "" {
		name, tail, _ := strings.Cut(rest, "/")
		next := filepath.Join(at, name) // at is free of links, so its ".." is the real one
		info, err := os.Lstat(next)
		if err != nil {
			w.dirs[at] = struct{}{}
			return "", err
		}
		tail = strings.TrimLeft(tail, "/")
		if info.Mode()&fs.ModeSymlink == 0 {
			if tail == "" && !info.IsDir() {
				w.dirs[at] = struct{}{}
			}
			at, rest = next, tail
			continue
		}
		w.dirs[at] = struct{}{}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "follow", Path: full, Err: syscall.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = strings.TrimLeft(target+"/"+tail, "/")
	}
	return at, nil
}
