package scaffold_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/internal/problem"
	"waybill/internal/scaffold"
)

// few are files in several directories, in an order that makes them.
var few = []scaffold.File{
	{Path: "one.hcl", Data: []byte("1\n")},
	{Path: "a/two.sql", Data: []byte("2\n")},
	{Path: "a/b/three.csv", Data: []byte("3\n")},
	{Path: ".four", Data: []byte("4\n")},
}

// below lists what is in a directory, with the contents of files; directories
// end with a slash. A directory that is not there holds nothing.
func below(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			out[name+"/"] = ""
			return nil
		}
		text, err := os.ReadFile(path)
		out[name] = string(text)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWrite(t *testing.T) {
	parent := t.TempDir()
	w, err := scaffold.Write(t.Context(), filepath.Join(parent, "far", "away"), few, false)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"far/": "", "far/away/": "", "far/away/a/": "", "far/away/a/b/": "",
		"far/away/one.hcl": "1\n", "far/away/a/two.sql": "2\n", "far/away/a/b/three.csv": "3\n", "far/away/.four": "4\n"}
	if diff := cmp.Diff(want, below(t, parent)); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
	if len(w.Files) != len(few) || len(w.Kept) > 0 {
		t.Errorf("it says that it wrote %v and kept %v", w.Files, w.Kept)
	}
	if err := w.Undo(); err != nil {
		t.Fatal(err)
	}
	if left := below(t, parent); len(left) > 0 {
		t.Errorf("after Undo there are %v", left)
	}
}

// What somebody else put into our directories meanwhile stays.
func TestUndoLeavesTheRest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	w, err := scaffold.Write(t.Context(), dir, few, false)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "a/mine.txt", "mine")
	if err := os.Remove(filepath.Join(dir, "one.hcl")); err != nil {
		t.Fatal(err)
	}
	if err := w.Undo(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a/": "", "a/mine.txt": "mine"}, below(t, dir)); diff != "" {
		t.Errorf("after Undo (-want +got):\n%s", diff)
	}
}

// Whatever goes wrong in the middle, the directory is as it was.
func TestWriteFails(t *testing.T) {
	for _, tt := range []struct {
		name      string
		prepare   func(t *testing.T, dir string)
		keep      bool
		code, why string
	}{
		{"a file exists", func(t *testing.T, dir string) { put(t, dir, "a/b/three.csv", "old") }, false, "project-exists", "a/b/three.csv"},
		{"a link that leads nowhere exists", func(t *testing.T, dir string) { symlink(t, "nowhere", filepath.Join(dir, ".four")) }, false, "project-exists", ".four"},
		{"a directory's name is a file's", func(t *testing.T, dir string) { put(t, dir, "a", "old") }, false, "file-write-failed", "a is a file"},
		{"a file's name is a file's, and kept, but below is more", func(t *testing.T, dir string) { put(t, dir, "a/b", "old") }, true, "file-write-failed", "a/b is a file"},
		{"a directory is a link that leads nowhere", func(t *testing.T, dir string) { symlink(t, "nowhere", filepath.Join(dir, "a")) }, true, "file-write-failed", "leads nowhere"},
		{"a directory is a link that leads out", func(t *testing.T, dir string) { symlink(t, t.TempDir(), filepath.Join(dir, "a")) }, true, "file-write-failed", "out of the directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.prepare(t, dir)
			before := names(t, dir)
			_, err := scaffold.Write(t.Context(), dir, few, tt.keep)
			if p := problem.As(err); p == nil || p.Code != tt.code || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("the error is %v, want %s with %q", err, tt.code, tt.why)
			}
			if diff := cmp.Diff(before, names(t, dir)); diff != "" {
				t.Errorf("the directory has changed (-before +after):\n%s", diff)
			}
		})
	}
}

func symlink(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

// names lists what is in a directory, without looking behind links.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		out = append(out, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A directory in which nobody may write, not even root.
func TestWriteWherePermissionLacks(t *testing.T) {
	for _, dir := range []string{"/proc/self/shop", "/proc/self"} {
		_, err := scaffold.Write(t.Context(), dir, few, false)
		p := problem.As(err)
		if p == nil || p.Code != "file-write-failed" || !strings.Contains(p.Summary, dir) {
			t.Errorf("%s: the error is %v, want file-write-failed with its name", dir, err)
		}
	}
}

// endsAfter is a context that is cancelled once it has been looked at n times.
type endsAfter struct {
	context.Context
	n *int
}

func (c endsAfter) Err() error {
	if *c.n--; *c.n < 0 {
		return context.Canceled
	}
	return nil
}

func TestWriteInterrupted(t *testing.T) {
	for n := range few {
		parent, left := t.TempDir(), n
		_, err := scaffold.Write(endsAfter{t.Context(), &left}, filepath.Join(parent, "shop"), few, false)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after %d files: the error is %v", n, err)
		}
		if left := below(t, parent); len(left) > 0 {
			t.Errorf("after %d files there are %v", n, left)
		}
	}
}

func TestWriteKeeps(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a/two.sql", "mine")
	w, err := scaffold.Write(t.Context(), dir, few, true)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.Kept, []string{"a/two.sql"}) || below(t, dir)["a/two.sql"] != "mine" {
		t.Errorf("kept %v; a/two.sql says %q", w.Kept, below(t, dir)["a/two.sql"])
	}
	if err := w.Undo(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a/": "", "a/two.sql": "mine"}, below(t, dir)); diff != "" {
		t.Errorf("after Undo (-want +got):\n%s", diff)
	}
}

func TestInTheWay(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "other/main.hcl", "")
	put(t, dir, "a/two.sql", "")
	put(t, dir, "notes.txt", "")
	symlink(t, "nowhere", filepath.Join(dir, ".four"))
	got, err := scaffold.InTheWay(dir, few)
	if want := []string{".four", "a/two.sql", "other/main.hcl"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("in the way: %v, %v, want %v", got, err, want)
	}
	if got, err := scaffold.InTheWay(filepath.Join(dir, "none"), few); err != nil || len(got) > 0 {
		t.Errorf("in the way of a directory that is not there: %v, %v", got, err)
	}
	_, err = scaffold.InTheWay(filepath.Join(dir, "notes.txt"), few)
	if err == nil || !strings.Contains(err.Error(), "notes.txt is a file") {
		t.Errorf("a file as directory: %v", err)
	}
}

// A long list is cut.
func TestExists(t *testing.T) {
	err := scaffold.Exists("shop", strings.Fields(strings.Repeat("x ", 15)))
	if !strings.HasSuffix(err.Error(), "x and 3 more") {
		t.Error(err)
	}
}
