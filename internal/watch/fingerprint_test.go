package watch

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func fingerprint(t *testing.T, root string, extra ...string) (string, map[string]string) {
	t.Helper()
	digest, files, err := Fingerprint(root, isHCL, extra...)
	must(t, err)
	return digest, files
}

func TestFingerprintFiles(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "project")
	for _, name := range []string{"a.hcl", "sub/b.hcl", "sub/c.txt", ".hidden.hcl", ".git/d.hcl", ".store/e.hcl", "sql/q.sql"} {
		write(t, filepath.Join(root, name), "text of "+name)
	}
	write(t, filepath.Join(base, "shared", "f.hcl"), "shared")
	must(t, os.Symlink(filepath.Join(root, ".store", "e.hcl"), filepath.Join(root, "e.hcl")))
	must(t, os.Symlink("../shared", filepath.Join(root, "linked")))
	must(t, os.Symlink("..", filepath.Join(root, "sub", "loop")))
	must(t, os.Symlink("nowhere", filepath.Join(root, "dangling.hcl")))
	must(t, os.Symlink("self.hcl", filepath.Join(root, "self.hcl")))
	must(t, syscall.Mkfifo(filepath.Join(root, "pipe.hcl"), 0o644))

	_, files := fingerprint(t, root, "sql/q.sql", "gone.sql")
	want := []string{"a.hcl", "dangling.hcl", "e.hcl", "gone.sql", "linked/f.hcl", "pipe.hcl", "self.hcl", "sql/q.sql", "sub/b.hcl"}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	for name, reason := range map[string]string{"dangling.hcl": "!no such file", "gone.sql": "!no such file", "pipe.hcl": "!not a regular file", "self.hcl": "!too many levels"} {
		if !strings.HasPrefix(files[name], reason) {
			t.Errorf("%s: %q, want %q", name, files[name], reason)
		}
	}
}

func TestFingerprintChanges(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a.hcl"), "one")
	write(t, filepath.Join(root, "b.hcl"), "two")
	before, _ := fingerprint(t, root)

	steps := []struct {
		name    string
		do      func()
		changed bool
	}{
		{"the same text again", func() { write(t, filepath.Join(root, "a.hcl"), "one") }, false},
		{"a file that does not match", func() { write(t, filepath.Join(root, "c.txt"), "x") }, false},
		{"other text of the same length", func() { write(t, filepath.Join(root, "a.hcl"), "eno") }, true},
		{"texts that swap places", func() {
			write(t, filepath.Join(root, "a.hcl"), "two")
			write(t, filepath.Join(root, "b.hcl"), "eno")
		}, true},
		{"a renamed file", func() { must(t, os.Rename(filepath.Join(root, "b.hcl"), filepath.Join(root, "d.hcl"))) }, true},
		{"a removed file", func() { must(t, os.Remove(filepath.Join(root, "d.hcl"))) }, true},
	}
	for _, s := range steps {
		s.do()
		after, _ := fingerprint(t, root)
		if (after != before) != s.changed {
			t.Errorf("%s: changed is %v, want %v", s.name, after != before, s.changed)
		}
		before = after
	}
}

func TestFingerprintUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can read everything")
	}
	root := t.TempDir()
	write(t, filepath.Join(root, "a.hcl"), "one")
	write(t, filepath.Join(root, "sub/b.hcl"), "two")
	before, _ := fingerprint(t, root)
	must(t, os.Chmod(filepath.Join(root, "a.hcl"), 0))
	must(t, os.Chmod(filepath.Join(root, "sub"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(root, "sub"), 0o755) })
	after, files := fingerprint(t, root)
	if after == before || files["a.hcl"] != "!permission denied" || files["sub/"] != "!permission denied" {
		t.Errorf("files %v", files)
	}
}

func TestFingerprintOfNoDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	for _, root := range []string{filepath.Join(dir, "missing"), filepath.Join(dir, "file")} {
		if digest, files, err := Fingerprint(root, isHCL); err == nil || digest != "" || files != nil {
			t.Errorf("%s: %q %v %v", root, digest, files, err)
		}
	}
}

// What must be watched: every directory, the parents of links, their targets.
func TestWatchedDirectories(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	write(t, filepath.Join(base, "trees/1/conf/a.hcl"), "one")
	write(t, filepath.Join(base, "keys/k.sql"), "one")
	must(t, os.MkdirAll(filepath.Join(base, "trees/1/conf/sub/.dot"), 0o755))
	must(t, os.Symlink("trees/1", filepath.Join(base, "current")))
	must(t, os.Symlink(filepath.Join(base, "keys", "k.sql"), filepath.Join(base, "link.sql")))
	found, err := scan(filepath.Join(base, "current/conf"), isHCL, []string{filepath.Join(base, "link.sql"), filepath.Join(base, "new/deep/x.sql")})
	must(t, err)
	var got []string
	for dir := range found.dirs {
		rel, err := filepath.Rel(base, dir)
		must(t, err)
		got = append(got, rel)
	}
	slices.Sort(got)
	if want := []string{".", "keys", "trees/1/conf", "trees/1/conf/sub"}; !slices.Equal(got, want) {
		t.Errorf("watches %q, want %q", got, want)
	}
}
