package revision_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/config"
	"waybill/internal/problem"
	"waybill/internal/revision"
)

// repository makes one with two commits and a branch that goes its own way. The
// project is its folder "p".
func repository(t *testing.T) (dir string) {
	t.Helper()
	top := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", top, "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "main")
	write("elsewhere.hcl", "outside")
	write("p/main.hcl", "one\n")
	write("p/sql/ä b.sql", "SELECT 1\n")
	if err := os.Symlink("sql/ä b.sql", filepath.Join(top, "p/linked.sql")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(top, "p/out.sql")); err != nil {
		t.Fatal(err)
	}
	git("add", ".")
	git("commit", "-qm", "one")
	git("branch", "work")
	write("p/main.hcl", "two\n")
	git("commit", "-qam", "two")
	git("checkout", "-q", "work")
	write("p/main.hcl", "three\n")
	git("commit", "-qam", "three")
	write("p/main.hcl", "not committed\n")
	return filepath.Join(top, "p")
}

func TestFilesOfARevision(t *testing.T) {
	dir := repository(t)
	for name, want := range map[string]string{"main": "two\n", "HEAD": "three\n", "HEAD^": "one\n", "main...": "one\n"} {
		r, err := revision.Open(t.Context(), dir, name)
		if err != nil {
			t.Fatal(err)
		}
		files, err := r.Read(t.Context(), config.IsConfig, 1<<20)
		if err != nil || len(files) != 1 || string(files["main.hcl"]) != want {
			t.Errorf("%s: %q, %v, want %q", name, files, err, want)
		}
		if len(r.Commit) != 40 {
			t.Errorf("the commit is %q", r.Commit)
		}
	}
}

func TestFileOfARevision(t *testing.T) {
	r, err := revision.Open(t.Context(), repository(t), "main")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"sql/ä b.sql": "SELECT 1\n", "linked.sql": "SELECT 1\n",
		"out.sql": "leads out", "none.sql": "no such file", "../elsewhere.hcl": "no such file",
	} {
		data, err := r.File(t.Context(), name, 100)
		if string(data) != want && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %q, %v, want %q", name, data, err, want)
		}
	}
	if _, err := r.File(t.Context(), "sql/ä b.sql", 3); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a file beyond the limit: %v", err)
	}
	if _, err := r.Read(t.Context(), func(string) bool { return true }, 100); err == nil {
		t.Error("a link out of the project is read")
	}
}

func TestNoRevision(t *testing.T) {
	dir := repository(t)
	for _, tt := range []struct{ dir, name string }{{dir, "nowhere"}, {dir, "nowhere..."}, {dir, "--help"}, {dir, ""}, {t.TempDir(), "main"}} {
		_, err := revision.Open(t.Context(), tt.dir, tt.name)
		if p := problem.As(err); p == nil || p.Code != "revision-unreadable" {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	t.Setenv("PATH", "")
	_, err := revision.Open(t.Context(), dir, "main")
	if p := problem.As(err); p == nil || p.Err == nil || !slices.Contains([]string{"there is no program called git"}, p.Err.Error()) {
		t.Errorf("without git: %v", err)
	}
}
