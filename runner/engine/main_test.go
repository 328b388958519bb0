package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/encode"
	"waybill/runner/engine"
	"waybill/runner/engine/child"
)

// TestMain lets the test binary be the child: it has no environment, so an
// argument says so.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		os.Exit(serveChild(os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

// serveChild is the child. Its arguments make it misbehave before it serves.
func serveChild(args []string) int {
	for _, a := range args {
		switch a {
		case "stderr":
			fmt.Fprintln(os.Stderr, "fatal error: out of luck [jane@example.org]")
			return 2
		case "panic":
			panic("jane@example.org")
		case "bad_alloc":
			fmt.Fprintln(os.Stderr, "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc")
			return 134
		case "environment":
			if env := os.Environ(); len(env) > 0 {
				fmt.Fprintf(os.Stderr, "fatal error: the environment is not empty")
				return 3
			}
		case "outside":
			if code := escapes(); code != 0 {
				return code
			}
		}
	}
	if err := child.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A jobDirs is a job's directories, and its options.
type jobDirs struct {
	engine.Options
	in, out string
}

func newDirs(t testing.TB) jobDirs {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := jobDirs{in: filepath.Join(root, "in"), out: filepath.Join(root, "out")}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d.Options = engine.Options{Command: []string{exe, "engine"}, Dir: filepath.Join(root, "job"),
		ReadDirs: []string{d.in}, WriteDirs: []string{d.out}, MemoryLimit: 512 << 20, Threads: 2, MaxTempSize: 1 << 30}
	for _, dir := range []string{d.in, d.out, d.Dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func start(t testing.TB, o engine.Options) engine.Job {
	t.Helper()
	j, err := engine.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return j
}

func newJob(t testing.TB) (engine.Job, jobDirs) {
	t.Helper()
	d := newDirs(t)
	return start(t, d.Options), d
}

// define defines a relation that must be right.
func define(t testing.TB, j engine.Job, name, query string, relations ...string) dataset.Schema {
	t.Helper()
	schema, err := j.Define(t.Context(), name, query, relations)
	if err != nil {
		t.Fatalf("define %s: %v", name, err)
	}
	return schema
}

func export(t testing.TB, j engine.Job, relation, path string, f encode.Format, orderBy ...string) engine.Exported {
	t.Helper()
	out, err := j.Export(t.Context(), engine.Export{Relation: relation, Path: path, Format: f, OrderBy: orderBy})
	if err != nil {
		t.Fatalf("export %s: %v", relation, err)
	}
	return out
}

// files makes the dataset of the named files in a directory.
func files(dir string, format dataset.Format, names ...string) dataset.Dataset {
	ds := dataset.Dataset{Dir: dir, Format: format, Rows: -1}
	for _, n := range names {
		ds.Files = append(ds.Files, dataset.File{Name: n, Rows: -1})
	}
	return ds
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wantProblem fails unless err is a problem of the code whose text holds all
// of the words.
func wantProblem(t testing.TB, err error, code string, words ...string) {
	t.Helper()
	p := problem.As(err)
	if p == nil || p.Code != code {
		t.Fatalf("got %v, want a problem of code %s", err, code)
	}
	for _, w := range words {
		if !strings.Contains(p.Error(), w) {
			t.Errorf("problem %q does not say %q", p.Error(), w)
		}
	}
}

func wantAt(t testing.TB, err error, line, column int) {
	t.Helper()
	var at *engine.SQLError
	if !errors.As(err, &at) {
		t.Fatalf("got %v, want an error with a position", err)
	}
	if at.At.Line != line || at.At.Column != column {
		t.Errorf("position is %d:%d, want %d:%d", at.At.Line, at.At.Column, line, column)
	}
}

// wantNoFiles fails if a directory has any file, hidden ones included.
func wantNoFiles(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s is left in %s", e.Name(), dir)
	}
}

// table renders a preview, NULL as ∅.
func table(t testing.TB, j engine.Job, name string) string {
	t.Helper()
	_, rows, err := j.Preview(t.Context(), name, 100)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range rows {
		for i, v := range r {
			if i > 0 {
				b.WriteByte('|')
			}
			if v == nil {
				b.WriteString("∅")
			} else {
				b.WriteString(*v)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// wantNoData fails if an error shows the canary that stands for a cell value.
func wantNoData(t testing.TB, err error) {
	t.Helper()
	p := problem.As(err)
	if p == nil {
		t.Fatalf("got %v, want a problem", err)
	}
	data, jsonErr := p.MarshalJSON()
	if jsonErr != nil {
		t.Fatal(jsonErr)
	}
	if strings.Contains(string(data), "jane") || strings.Contains(err.Error(), "jane") {
		t.Errorf("the problem holds data: %s", data)
	}
}
