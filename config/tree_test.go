package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestIsConfig(t *testing.T) {
	for name, want := range map[string]bool{
		"main.hcl": true, "a/b/main.hcl": true, "main.hcl.json": true, "with space.hcl": true,
		"main.test.hcl": false, "aws.sandbox.hcl": false, "a/aws.sandbox.hcl": false,
		".main.hcl": false, ".git/main.hcl": false, "a/.b/main.hcl": false, "..data/main.hcl": false,
		"main.json": false, "main.hcl.bak": false, "main.hcl~": false, "hcl": false, "main.HCL": false, "query.sql": false, "": false,
	} {
		if got := IsConfig(name); got != want {
			t.Errorf("IsConfig(%q) = %v", name, got)
		}
	}
}

func names(tree *Tree) []string { return slices.Sorted(maps.Keys(tree.Files())) }

func wantNames(t *testing.T, tree *Tree, want ...string) {
	t.Helper()
	if got := names(tree); !slices.Equal(got, want) {
		t.Errorf("files = %q, want %q", got, want)
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestReadTree(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"b.hcl": "", "a.hcl.json": "{}", "sub/deep/c.hcl": "", "notes.txt": "", "x.test.hcl": "", "aws.sandbox.hcl": "",
		".git/d.hcl": "", "sub/.hidden/e.hcl": "", ".f.hcl": "", "dir.hcl/g.hcl": "",
	})
	wantNames(t, readTree(t, dir), "a.hcl.json", "b.hcl", "dir.hcl/g.hcl", "sub/deep/c.hcl")
}

func TestReadTreeRefuses(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, map[string]string{"x.hcl": "secret = 1"})
	for name, tt := range map[string]struct {
		prepare func(dir string)
		want    string
	}{
		"a file that is not there": {func(dir string) { link(t, "nowhere", filepath.Join(dir, "a.hcl")) }, "a.hcl: the link leads to no file"},
		"a link out of the project": {func(dir string) { link(t, filepath.Join(outside, "x.hcl"), filepath.Join(dir, "a.hcl")) },
			"a.hcl: the link leads out of the project's directory"},
		"a circle of links": {func(dir string) { link(t, "a.hcl", filepath.Join(dir, "a.hcl")) }, "a.hcl: "},
		"a pipe, which would never end": {func(dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "a.hcl"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "a.hcl: it is not a regular file"},
		"a directory that is gone": {func(dir string) { _ = os.Remove(dir) }, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "project")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			tt.prepare(dir)
			_, err := ReadTree(dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// Kubernetes mounts a ConfigMap as links into a directory that changes by one
// rename; keys with a slash become links to directories.
func TestConfigMap(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"..2026_01/main.hcl": "one", "..2026_01/t.sql": "SELECT 1", "..2026_01/pipelines/p.hcl": "p one",
		"..2026_02/main.hcl": "two", "..2026_02/t.sql": "SELECT 2", "..2026_02/pipelines/p.hcl": "p two",
	})
	link(t, "..2026_01", filepath.Join(dir, "..data"))
	link(t, "..data/main.hcl", filepath.Join(dir, "main.hcl"))
	link(t, "..data/t.sql", filepath.Join(dir, "t.sql"))
	link(t, "..data/pipelines", filepath.Join(dir, "pipelines"))
	before := readTree(t, dir)
	wantNames(t, before, "main.hcl", "pipelines/p.hcl")
	if sql, err := before.ReadFile("t.sql"); err != nil || string(sql) != "SELECT 1" {
		t.Errorf("t.sql = %q, %v", sql, err)
	}
	link(t, "..2026_02", filepath.Join(dir, "..data_tmp"))
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if settled, err := before.Settled(); err != nil || settled {
		t.Errorf("settled = %v, %v after the flip", settled, err)
	}
	if got := string(readTree(t, dir).Files()["pipelines/p.hcl"]); got != "p two" {
		t.Errorf("after the flip p.hcl = %q", got)
	}
}

// git-sync's root is a link to the checkout of one commit.
func TestRootIsALink(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"one/main.hcl": "1", "one/sub/t.sql": "SELECT 1", "two/main.hcl": "2"})
	root := filepath.Join(dir, "current")
	link(t, "one", root)
	tree := readTree(t, root)
	wantNames(t, tree, "main.hcl")
	if sql, err := tree.ReadFile("sub/t.sql"); err != nil || string(sql) != "SELECT 1" {
		t.Errorf("t.sql = %q, %v", sql, err)
	}
	if tree.Root() != root {
		t.Errorf("root = %s: it must stay the link, which will lead elsewhere", tree.Root())
	}
	if err := os.Remove(root); err != nil {
		t.Fatal(err)
	}
	link(t, "two", root)
	if settled, err := tree.Settled(); err != nil || settled {
		t.Errorf("settled = %v, %v", settled, err)
	}
	if got := string(readTree(t, root).Files()["main.hcl"]); got != "2" {
		t.Errorf("main.hcl = %q", got)
	}
}

func TestLinkedDirectories(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, map[string]string{"x.hcl": "outside"})
	dir := t.TempDir()
	write(t, dir, map[string]string{"real/a.hcl": "a", ".kept/b.hcl": "b", "real/sub/c.hcl": "c"})
	link(t, "real", filepath.Join(dir, "again"))    // read by its own name
	link(t, ".kept", filepath.Join(dir, "shown"))   // has no name of its own
	link(t, "..", filepath.Join(dir, "real/up"))    // a circle
	link(t, outside, filepath.Join(dir, "outside")) // passed over
	link(t, "nowhere", filepath.Join(dir, "dangling"))
	wantNames(t, readTree(t, dir), "real/a.hcl", "real/sub/c.hcl", "shown/b.hcl")
}

func TestSettled(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(dir string)
		settled bool
	}{
		"nothing":            {func(string) {}, true},
		"an edit":            {func(dir string) { write(t, dir, map[string]string{"main.hcl": "b"}) }, false},
		"the same again":     {func(dir string) { write(t, dir, map[string]string{"main.hcl": "a"}) }, true},
		"an addition":        {func(dir string) { write(t, dir, map[string]string{"sub/other.hcl": ""}) }, false},
		"a removal":          {func(dir string) { _ = os.Remove(filepath.Join(dir, "second.hcl")) }, false},
		"a rename":           {func(dir string) { _ = os.Rename(filepath.Join(dir, "second.hcl"), filepath.Join(dir, "third.hcl")) }, false},
		"an edit of SQL":     {func(dir string) { write(t, dir, map[string]string{"t.sql": "SELECT 2"}) }, false},
		"SQL that went":      {func(dir string) { _ = os.Remove(filepath.Join(dir, "t.sql")) }, false},
		"SQL that came":      {func(dir string) { write(t, dir, map[string]string{"new.sql": "SELECT 3"}) }, false},
		"what nobody reads":  {func(dir string) { write(t, dir, map[string]string{"README.md": "hi"}) }, true},
		"a file that hidden": {func(dir string) { write(t, dir, map[string]string{".x.hcl": "hi"}) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"main.hcl": "a", "second.hcl": "", "t.sql": "SELECT 1"})
			tree := readTree(t, dir)
			if _, err := tree.ReadFile("t.sql"); err != nil {
				t.Fatal(err)
			}
			if _, err := tree.ReadFile("new.sql"); err == nil {
				t.Fatal("new.sql is there")
			}
			tt.change(dir)
			if got, err := tree.Settled(); err != nil || got != tt.settled {
				t.Errorf("settled = %v, %v, want %v", got, err, tt.settled)
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "gone")
	write(t, dir, map[string]string{"main.hcl": ""})
	tree := readTree(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if settled, err := tree.Settled(); settled || err == nil {
		t.Errorf("a project that is gone: settled = %v, %v", settled, err)
	}
}

// A file is read once: later changes are not seen, so that all parts of a
// configuration agree. What was missing stays missing.
func TestReadFileIsRemembered(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.hcl": "", "t.sql": "one"})
	tree := readTree(t, dir)
	empty := tree.Digest()
	if _, err := tree.ReadFile("t.sql"); err != nil {
		t.Fatal(err)
	}
	digest := tree.Digest()
	if digest == empty {
		t.Error("the digest does not cover t.sql")
	}
	_, _ = tree.ReadFile("late.sql")
	write(t, dir, map[string]string{"t.sql": "two", "late.sql": "here"})
	if data, err := tree.ReadFile("./t.sql"); err != nil || string(data) != "one" {
		t.Errorf("t.sql = %q, %v", data, err)
	}
	if _, err := tree.ReadFile("late.sql"); err == nil {
		t.Error("late.sql was read")
	}
	if got := tree.Missing(); !slices.Equal(got, []string{"late.sql"}) {
		t.Errorf("missing = %q", got)
	}
	if tree.Digest() != digest {
		t.Error("the digest changed")
	}
	tree.Seal()
	if _, err := tree.ReadFile("other.sql"); err == nil || !strings.Contains(err.Error(), "may not depend on a run") {
		t.Errorf("a sealed tree was read: %v", err)
	}
}

func TestStoredTreeReadsNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.hcl": "disk", "t.sql": "disk", "other.sql": "disk"})
	stored := map[string][]byte{"main.hcl": []byte("stored"), "t.sql": []byte("stored")}
	tree := StoredTree(dir, stored)
	for _, name := range []string{"main.hcl", "t.sql"} {
		if data, err := tree.ReadFile(name); err != nil || string(data) != "stored" {
			t.Errorf("%s = %q, %v", name, data, err)
		}
	}
	if data, err := tree.ReadFile("other.sql"); err == nil {
		t.Errorf("other.sql = %q: it was read from disk", data)
	}
	stored["main.hcl"] = nil
	if data, _ := tree.ReadFile("main.hcl"); string(data) != "stored" {
		t.Error("the tree shares the caller's map")
	}
}

func TestDigestTellsNamesFromContents(t *testing.T) {
	seen := map[string]string{}
	for _, files := range []map[string]string{
		{}, {"a": ""}, {"a": "b"}, {"ab": ""}, {"b": "a"}, {"a": "", "b": ""}, {"a": "1:b0:"}, {"a": "b", "c": "d"}, {"a": "d", "c": "b"},
	} {
		bytes := map[string][]byte{}
		for name, text := range files {
			bytes[name] = []byte(text)
		}
		d := StoredTree("/", bytes).Digest()
		if other, twice := seen[d]; twice {
			t.Errorf("%v and %s have the same digest", files, other)
		}
		seen[d] = strings.Join(names(StoredTree("/", bytes)), ",")
	}
}

// Files that are too large, alone or together, are not read.
func TestReadTreeIsBounded(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.hcl": "", "data.csv": strings.Repeat("x", MaxFile), "large.csv": strings.Repeat("x", MaxFile+1)})
	tree := readTree(t, dir)
	if _, err := tree.ReadFile("data.csv"); err != nil {
		t.Errorf("a file of the greatest size: %v", err)
	}
	if _, err := tree.ReadFile("large.csv"); err == nil || !strings.Contains(err.Error(), "larger than 4 MiB") {
		t.Errorf("a larger file: %v", err)
	}
	tree.size = MaxFiles - 1
	write(t, dir, map[string]string{"one.csv": "x", "more.csv": "xx"})
	if _, err := tree.ReadFile("more.csv"); err == nil || !strings.Contains(err.Error(), "64 MiB together") {
		t.Errorf("more than all files may have: %v", err)
	}
	if _, err := tree.ReadFile("one.csv"); err != nil {
		t.Errorf("as much as all files may have: %v", err)
	}
}
