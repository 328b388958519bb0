package file_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/sinks"
	"waybill/sinks/file"
	"waybill/sinks/sinktest"
)

// open decodes a sink's body and builds it, as a run does.
func open(t *testing.T, body, root string) (sinks.Sink, hcl.Diagnostics) {
	t.Helper()
	f, diags := hclsyntax.ParseConfig([]byte(body), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	scope := &schema.Scope{Eval: &hcl.EvalContext{Variables: map[string]cty.Value{
		"run": cty.ObjectVal(map[string]cty.Value{"date": cty.UnknownVal(cty.String)})}}}
	bound, diags := file.Kind().Decode(f.Body, nil, scope, nil)
	if diags.HasErrors() {
		return nil, diags
	}
	s, err := bound.Build(sinks.Env{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return s, diags
}

func place(t *testing.T, root string) sinktest.Place {
	s, diags := open(t, `path = "out/${run.date}.csv"`, root)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return sinktest.Place{
		Sink: s,
		Read: func(key string) ([]byte, bool) {
			data, err := os.ReadFile(filepath.Join(root, key))
			return data, err == nil
		},
		Debris: func() []string { return list(t, root, func(name string) bool { return strings.HasPrefix(name, ".") }) },
		Writes: func() int {
			return len(list(t, root, func(name string) bool { return !strings.HasPrefix(name, ".") }))
		},
		Break: func() func() {
			must(t, os.WriteFile(filepath.Join(root, "out"), nil, 0o600)) // where a directory should be
			return func() { must(t, os.Remove(filepath.Join(root, "out"))) }
		},
		Put: func(key string, data []byte) {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, key)), 0o755))
			must(t, os.WriteFile(filepath.Join(root, key), data, 0o600))
		},
		Crash: func(l *sinktest.Ledger, a sinks.Artifact) {
			must(t, l.Intend(t.Context(), sinks.Intent{Key: a.Key, SHA256: a.SHA256, Size: a.Size}))
			sum := sha256.Sum256([]byte(sinktest.Delivery(l).ID + "\x00" + a.Key))
			must(t, os.MkdirAll(filepath.Join(root, "out"), 0o755))
			must(t, os.WriteFile(filepath.Join(root, "out", ".waybill-"+hex.EncodeToString(sum[:8])+"-DEAD.tmp"), []byte("half"), 0o600))
		},
		Verifier:  s.(sinks.Verifier),
		Overwrite: func(key string, data []byte) { must(t, os.WriteFile(filepath.Join(root, key), data, 0o600)) },
		Remove:    func(key string) { must(t, os.Remove(filepath.Join(root, key))) },
	}
}

func TestBehaviour(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{New: func(t *testing.T) sinktest.Place { return place(t, t.TempDir()) }})
}

func list(t *testing.T, root string, want func(string) bool) []string {
	var out []string
	must(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && want(e.Name()) {
			out = append(out, path)
		}
		return err
	}))
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckPath(t *testing.T) {
	tests := []struct{ body, code string }{
		{`path = "out/a.csv"`, ""},
		{`path = "out/${file.number}.csv"`, ""},
		{`path = "../${run.date}.csv"`, ""}, // not known yet: refused at delivery
		{`path = "../a.csv"`, "path-outside"},
		{`path = "/tmp/a.csv"`, "path-outside"},
		{`path = "a/../../b.csv"`, "path-outside"},
		{``, "missing-attribute"},
		{`path = run.dat`, "unknown-reference"},
		{"path = \"a\"\nmode = \"x\"", "unknown-attribute"},
	}
	for _, tt := range tests {
		_, diags := open(t, tt.body, t.TempDir())
		got := ""
		if diags.HasErrors() {
			got = string(diag.CodeOf(diags[0]))
		}
		if got != tt.code {
			t.Errorf("%s: got %q, want %q: %v", tt.body, got, tt.code, diags)
		}
	}
}

func TestStaysBelowTheProject(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(root, "link")))
	p := place(t, root)
	for _, key := range []string{"../a.csv", "/etc/a.csv", "link/a.csv", ".", ""} {
		_, err := p.Sink.Deliver(t.Context(), sinktest.Delivery(&sinktest.Ledger{}, sinktest.Artifact(t, key, 10, 1)))
		if pr := problem.As(err); pr == nil || pr.Code != "path-outside" || pr.Class != problem.Permanent {
			t.Errorf("%q: got %v, want path-outside", key, err)
		}
	}
	if left := list(t, outside, func(string) bool { return true }); len(left) > 0 {
		t.Errorf("written outside of the project: %v", left)
	}
}

func TestTakesOverWhatACrashLeft(t *testing.T) {
	root := t.TempDir()
	p := place(t, root)
	l, a := &sinktest.Ledger{}, sinktest.Artifact(t, "out/a.csv", 1000, 1)
	var temp string
	d := sinktest.Delivery(l, a)
	d.Progress = func(sinks.Progress) { temp = strings.Join(p.Debris(), " ") }
	if _, err := p.Sink.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	must(t, os.Remove(filepath.Join(root, a.Key)))
	must(t, os.WriteFile(temp, []byte("half of an earlier attempt, and longer than the artifact: "+strings.Repeat("x", 2000)), 0o600))
	if _, err := p.Sink.Deliver(t.Context(), sinktest.Delivery(&sinktest.Ledger{}, a)); err != nil {
		t.Fatal(err)
	}
	if got, _ := p.Read(a.Key); len(got) != 1000 || len(p.Debris()) > 0 {
		t.Errorf("%d bytes and debris %v, want the artifact alone", len(got), p.Debris())
	}
}

func TestProblemsNameThePath(t *testing.T) {
	root := t.TempDir()
	p := place(t, root)
	must(t, os.MkdirAll(filepath.Join(root, "out/a.csv/b"), 0o700))
	_, err := p.Sink.Deliver(t.Context(), sinktest.Delivery(&sinktest.Ledger{}, sinktest.Artifact(t, "out/a.csv", 10, 1)))
	pr := problem.As(err)
	if pr == nil || pr.Code != "file-write-failed" || pr.Class != problem.Permanent || !strings.Contains(pr.Error(), "out/a.csv cannot be written") {
		t.Errorf("got %+v", pr)
	}
	if strings.Contains(pr.Error(), ".tmp") || strings.Contains(pr.Error(), "renameat") {
		t.Errorf("the text names our own machinery: %s", pr.Error())
	}
}

func TestPlaceIsShared(t *testing.T) {
	if (file.Config{}).Place() == "" {
		t.Error("file sinks have no place, so their collisions cannot be seen")
	}
}
