package file_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/sources"
	"waybill/sources/file"
	"waybill/sources/sourcetest"
)

const regions = "id;name\n1;EU\n"

func project(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "data", "regions.csv"), regions)
	write(t, filepath.Join(root, "data", "empty.csv"), "id;name\n")
	write(t, filepath.Join(filepath.Dir(root), filepath.Base(root)+"-outside.csv"), "secret\n")
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func decode(t *testing.T, text string) (func(root string) (sources.Source, error), hcl.Diagnostics) {
	t.Helper()
	f, diags := hclsyntax.ParseConfig([]byte(text), "pipeline.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	scope := &schema.Scope{Eval: &hcl.EvalContext{Variables: map[string]cty.Value{
		"run": cty.ObjectVal(map[string]cty.Value{"date": cty.UnknownVal(cty.String)}),
	}}}
	bound, diags := file.Kind().Decode(f.Body, nil, scope, nil)
	return func(root string) (sources.Source, error) { return bound.Build(sources.Env{Root: root}) }, diags
}

func source(t *testing.T, root, text string) sources.Source {
	t.Helper()
	build, diags := decode(t, text)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	s, err := build(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func csv(path string) string {
	return `path = "` + path + `"` + "\n" + `format "csv" {` + "\n" + `delimiter = ";"` + "\n}"
}

func TestFileIsASource(t *testing.T) {
	root := project(t)
	if err := os.Symlink(filepath.Join(filepath.Dir(root), filepath.Base(root)+"-outside.csv"), filepath.Join(root, "data", "link.csv")); err != nil {
		t.Fatal(err)
	}
	made := func(path string) func(*testing.T) sources.Source {
		return func(t *testing.T) sources.Source { return source(t, root, csv(path)) }
	}
	sourcetest.Run(t, sourcetest.Harness{
		New:   made("data/regions.csv"),
		Empty: made("data/empty.csv"),
		Check: func(t *testing.T, ds dataset.Dataset) {
			data, err := os.ReadFile(ds.Paths()[0])
			if err != nil || string(data) != regions {
				t.Errorf("got %q, %v", data, err)
			}
			want := &dataset.CSVOptions{Delimiter: ";", Quote: `"`, Escape: `"`, Header: true}
			if diff := cmp.Diff(want, ds.CSV); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		},
		Broken: map[string]func(*testing.T) sources.Source{
			"file-not-found":    made("data/region.csv"),
			"file-not-readable": made("data"),
			"path-outside":      made("data/link.csv"),
		},
	})
}

func request(t *testing.T) sources.Request {
	return sources.Request{Dir: t.TempDir(), Attempt: "attempt-0123456789-0123456789-0001",
		Save: func(context.Context, []byte) error { return nil }}
}

func TestMissingFileNamesItsNeighbour(t *testing.T) {
	_, err := source(t, project(t), csv("data/region.csv")).Extract(t.Context(), request(t))
	p := problem.As(err)
	if p == nil || p.Code != "file-not-found" || p.Remedy[0] != `Did you mean "regions.csv"?` {
		t.Errorf("got %+v", p)
	}
	if strings.Contains(p.Error(), os.TempDir()) {
		t.Errorf("the text names a path of this machine: %s", p.Error())
	}
}

// The copy is what a retry of the attempt reads, whatever became of the file.
func TestRetryReadsTheSameBytes(t *testing.T) {
	root := project(t)
	req := request(t)
	req.Save = func(_ context.Context, token []byte) error { req.Resume = token; return nil }
	if _, err := source(t, root, csv("data/regions.csv")).Extract(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "data", "regions.csv"), "id;name\n2;US\n3;CA\n")
	ds, err := source(t, root, csv("data/regions.csv")).Extract(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(ds.Paths()[0]); string(data) != regions {
		t.Errorf("the retry read %q", data)
	}
}

func TestSpoolThatCannotBeWritten(t *testing.T) {
	req := request(t)
	req.Dir = filepath.Join(req.Dir, "gone")
	_, err := source(t, project(t), csv("data/regions.csv")).Extract(t.Context(), req)
	if p := problem.As(err); p == nil || p.Code != "file-write-failed" || p.Class != problem.Transient {
		t.Errorf("got %v", err)
	}
}

func TestFormats(t *testing.T) {
	root := project(t)
	for text, want := range map[string]dataset.Format{
		"format \"parquet\" {}": dataset.Parquet, "format \"ndjson\" {}": dataset.NDJSON, "format \"csv\" {}": dataset.CSV,
	} {
		ds, err := source(t, root, "path = \"data/regions.csv\"\n"+text).Extract(t.Context(), request(t))
		if err != nil {
			t.Fatal(err)
		}
		if ds.Format != want || (ds.CSV != nil) != (want == dataset.CSV) {
			t.Errorf("%s: got %+v", text, ds)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, tt := range []struct {
		text string
		code diag.Code
	}{
		{"path = \"data/${run.date}.csv\"\nformat \"csv\" {}", ""},
		{"path = \"a.csv\"\nformat \"csv\" {\nnull = \"NA\"\nheader = false\n}", ""},
		{"path = \"a.csv\"", "missing-block"},
		{"path = \"../a.csv\"\nformat \"csv\" {}", "path-outside"},
		{"path = \"/etc/passwd\"\nformat \"csv\" {}", "path-outside"},
		{"path = \"a.csv\"\nformat \"xml\" {}", "unknown-kind"},
		{"path = \"a.csv\"\nformat \"parquet\" {\ndelimiter = \";\"\n}", "unknown-attribute"},
		{"path = \"a.csv\"\nformat \"csv\" {\ndelimiter = \"||\"\n}", "invalid-value"},
		{"path = \"a.csv\"\nformat \"csv\" {\ndelimiter = \"\\\"\"\n}", "invalid-value"},
		{"path = \"a.csv\"\nformat \"csv\" {\nnull = \"a,b\"\n}", "invalid-value"},
	} {
		_, diags := decode(t, tt.text)
		switch {
		case tt.code == "" && diags.HasErrors():
			t.Errorf("%s: %v", tt.text, diags)
		case tt.code != "" && (len(diags) != 1 || diag.CodeOf(diags[0]) != tt.code):
			t.Errorf("%s: got %v, want %s", tt.text, diags, tt.code)
		}
	}
}
