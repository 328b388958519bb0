package report_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"waybill/config"
	"waybill/internal/diag/report"
)

func schema(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fixtures are the files of every broken project, by its name, and of those
// that the golden tests have.
func fixtures(t *testing.T) map[string]map[string][]byte {
	t.Helper()
	out := map[string]map[string][]byte{}
	const root = "../../../config/testdata/invalid"
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		files := map[string][]byte{}
		if e.IsDir() {
			err = readAll(os.DirFS(filepath.Join(root, e.Name())), files)
		} else {
			files["main.hcl"], err = os.ReadFile(filepath.Join(root, e.Name()))
		}
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = files
	}
	if len(out) < 60 {
		t.Fatalf("only %d fixtures", len(out))
	}
	return out
}

func readAll(dir fs.FS, files map[string][]byte) error {
	return fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = fs.ReadFile(dir, name)
		return err
	})
}

// reports are those on all broken projects, and on those of the golden tests.
func reports(t *testing.T) map[string]*report.Report {
	t.Helper()
	out := map[string]*report.Report{}
	for name, files := range fixtures(t) {
		out[name] = checked(files, config.Vars{})
		if len(out[name].Diags) == 0 {
			t.Errorf("%s has no fault", name)
		}
	}
	for _, name := range []string{"mixed", "nowhere", "empty", "valid"} {
		a, err := txtar.ParseFile("testdata/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		out[name] = checked(project(a))
	}
	return out
}

// What validate prints is what the published schema says.
func TestJSONKeepsItsSchema(t *testing.T) {
	s := schema(t, "../../../docs/reference/validate.schema.json")
	for name, r := range reports(t) {
		text := written(t, r, report.JSON)
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		highlights(t, name, text)
	}
}

// highlights looks whether each of them is a part of the code.
func highlights(t *testing.T, name, text string) {
	t.Helper()
	var out struct {
		Diagnostics []report.Diagnostic `json:"diagnostics"`
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	for _, d := range out.Diagnostics {
		if s := d.Snippet; s != nil && (s.Highlight.Start > s.Highlight.End || s.Highlight.End > len(s.Code)) {
			t.Errorf("%s: %s: the highlight %+v is no part of %q", name, d.Summary, s.Highlight, s.Code)
		}
	}
}

// A schema that takes everything would prove nothing.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t, "../../../docs/reference/validate.schema.json")
	for _, text := range []string{
		`{}`,
		`{"valid":true,"errors":0,"warnings":0,"files":1,"pipelines":[],"diagnostics":[],"more":1}`,
		`{"valid":true,"errors":0,"warnings":0,"files":1,"pipelines":["p"],"diagnostics":[]}`,
		`{"valid":true,"errors":0,"warnings":0,"files":1,"pipelines":[],"diagnostics":[{"severity":"note","code":"x","summary":"","fingerprint":"00000000000000000000000000000000:1"}]}`,
		`{"valid":true,"errors":0,"warnings":0,"files":1,"pipelines":[{"name":"p","enabled":true,"timezone":"UTC","schedules":[],"next":["tomorrow"]}],"diagnostics":[]}`,
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(v) == nil {
			t.Errorf("%s is valid", text)
		}
	}
}

// The log is what the standard and GitHub's code scanning ask for: each result
// names its rule in two ways that agree, and a file of the repository.
func TestSARIFIsAccepted(t *testing.T) {
	s := schema(t, "testdata/sarif.schema.json")
	for name, r := range reports(t) {
		text := written(t, r, report.SARIF)
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		results(t, name, r, text)
	}
}

func results(t *testing.T, name string, r *report.Report, text string) {
	t.Helper()
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
					}
				}
				PartialFingerprints map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(run.Results) != len(r.Diags) {
		t.Errorf("%s: %d results of %d diagnostics", name, len(run.Results), len(r.Diags))
	}
	var fingerprints []string
	for _, one := range run.Results {
		if got := run.Tool.Driver.Rules[one.RuleIndex].ID; got != one.RuleID {
			t.Errorf("%s: rule %d is %s, want %s", name, one.RuleIndex, got, one.RuleID)
		}
		at := one.Locations[0].PhysicalLocation
		if g := at.Region; g.EndLine < g.StartLine || g.EndLine == g.StartLine && g.EndColumn < g.StartColumn {
			t.Errorf("%s: the region %+v ends before it begins", name, g)
		}
		u, err := url.Parse(at.ArtifactLocation.URI)
		if err != nil || u.IsAbs() || strings.HasPrefix(u.Path, "/") {
			t.Errorf("%s: %s is no relative URI: %v", name, at.ArtifactLocation.URI, err)
		}
		fingerprints = append(fingerprints, one.PartialFingerprints["waybill/v1"])
	}
	slices.Sort(fingerprints)
	if len(slices.Compact(fingerprints)) != len(run.Results) {
		t.Errorf("%s: two results have the same fingerprint", name)
	}
}
