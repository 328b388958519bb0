package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// partners copies the project of testdata/partners.
func partners(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	if err := os.CopyFS(dir, os.DirFS("testdata/partners")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// edit replaces a text in a file of a project.
func edit(t *testing.T, dir, name, old, text string) {
	t.Helper()
	before := readFile(t, filepath.Join(dir, name))
	if !strings.Contains(before, old) {
		t.Fatalf("%s does not hold %q", name, old)
	}
	writeFile(t, dir, name, strings.ReplaceAll(before, old, text))
}

// link makes a file of a data set one of a project, without copying it if the
// file system allows.
func link(t *testing.T, from, to string) {
	t.Helper()
	if os.Link(from, to) == nil {
		return
	}
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// waybillCommand is a command line of waybill as a process of its own. It sees
// nothing of our environment but what it needs.
func waybillCommand(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command("waybill", args...) // in PATH by testscript.Main
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=/nonexistent", "TZ=UTC"}, env...)
	return cmd
}

// waybill runs a command line to its end and returns what it printed and its
// exit code.
func waybill(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := waybillCommand(env, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// mustWaybill is waybill for a command line that must succeed.
func mustWaybill(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, errOut, code := waybill(t, env, args...)
	if code != 0 {
		t.Fatalf("waybill %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errOut)
	}
	return out
}

func regexpSubmatch(t *testing.T, pattern, text string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no match for %s in\n%s", pattern, text)
	}
	return m[1]
}
