// Package arrows holds the test of which package may import which.
package arrows

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// A rule forbids imports. Paths are within the module, or of a library; one
// that ends in /... means all below it as well.
type rule struct {
	who     string   // the importing package
	except  []string // packages that the rule does not bind
	mustNot []string
	because string
}

var rules = []rule{
	{"...", []string{"runner/engine/duckdb"}, []string{"github.com/duckdb/..."},
		"DuckDB is C++ under us: one package holds it, and only the compute child and the sandbox link it in to run"},
	{"runner/engine", nil, []string{"runner/engine/duckdb", "runner/engine/child"},
		"the parent's side must not run SQL in the daemon's process"},
	{"config", nil, []string{"runner/...", "sources/...", "sinks/...", "internal/identity", "internal/objectstore", "internal/sandbox/..."},
		"config reads text; what blocks mean is compile's business"},
	{"sources/...", nil, []string{"runner/...", "config/...", "sinks/...", "internal/sandbox/..."},
		"a source gets all it needs by its contract, so that a new one can be written without knowing the house"},
	{"sinks/...", nil, []string{"runner/...", "config/...", "sources/...", "internal/sandbox/..."},
		"a sink gets all it needs by its contract, so that a new one can be written without knowing the house"},
	{"runner", nil, []string{"github.com/aws/...", "internal/identity", "internal/objectstore", "config", "internal/sandbox/..."},
		"a run knows steps, not clouds"},
	{"runner/compile", nil, []string{"runner", "runner/daemon", "runner/engine/...", "runner/state/...", "internal/sandbox/..."},
		"compiling is pure: validate must be safe on a stranger's files"},
	{"runner/tests", nil, []string{"github.com/aws/...", "internal/identity", "internal/objectstore", "sources/all", "sinks/all", "runner/daemon", "runner/state/sqlite", "internal/sandbox/...", "cmd/..."},
		"a test calls nothing outside: it must be safe on a stranger's files"},
	{"runner/daemon", nil, []string{"github.com/aws/...", "sources/all", "sinks/all", "runner/web", "cmd/..."},
		"the daemon is put together in cmd"},
	{"runner/web", nil, []string{"runner/...", "config/...", "sources/...", "sinks/..."},
		"the door sees the house through an interface of its own"},
	{"runner/schedule", nil, []string{"internal/...", "runner/...", "config/...", "github.com/..."},
		"schedules are pure arithmetic on time"},
	{"runner/dag", nil, []string{"internal/...", "runner/...", "config/...", "github.com/..."}, "a graph knows nothing of what its nodes are"},
	{"internal/dataset", nil, []string{"internal/...", "runner/...", "config/...", "github.com/..."}, "leaf nouns depend on nothing"},
	{"internal/secret", nil, []string{"internal/...", "runner/...", "config/..."}, "leaf nouns depend on nothing"},
	{"internal/diag/...", nil, []string{"runner/...", "config/...", "sources/...", "sinks/..."}, "diagnostics are text: whoever raises or shows them depends on it"},
	{"internal/vault", nil, []string{"runner/...", "config/...", "internal/identity", "github.com/aws/..."},
		"config checks references, so what parses them links no cloud"},
	{"internal/problem", nil, []string{"internal/...", "runner/...", "config/...", "github.com/..."}, "every package raises problems"},
	{"internal/picture", nil, []string{"internal/...", "runner/...", "config/...", "sources/...", "sinks/..."}, "a picture knows nothing of what it shows"},
	{"internal/sandbox/...", nil, []string{"runner/compile", "runner/daemon", "runner/state/...", "sources/...", "sinks/...", "config"},
		"the sandbox pretends to be AWS: it must share no code with what is tested against it"},
	{"internal/torture/...", nil, []string{"internal/...", "runner/...", "config/...", "sources/...", "sinks/...", "cmd/..."},
		"a judge shares no code with whom it judges: it knows the program by its command line, its files and its requests"},
	{"internal/scaffold", nil, []string{"github.com/spf13/...", "github.com/mattn/...", "runner", "runner/daemon", "runner/engine/...", "runner/state/...", "sources/all", "sinks/..."},
		"files are made the same way whoever asks for them; which kinds there are is told by the caller"},
	{"cmd/...", nil, []string{"github.com/duckdb/..."}, "SQL is the child's business"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "waybill/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p goPackage
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestArrows(t *testing.T) {
	all := packages(t)
	if len(all) < 30 {
		t.Fatalf("go list found %d packages only", len(all))
	}
	for _, r := range rules {
		bound := 0
		for _, p := range all {
			who := strings.TrimPrefix(p.ImportPath, "waybill/")
			if !matches(r.who, who) || testOnly(who) || contains(r.except, who) {
				continue
			}
			bound++
			for _, imported := range p.Imports {
				what, ours := strings.CutPrefix(imported, "waybill/")
				for _, forbidden := range r.mustNot {
					if strings.HasPrefix(forbidden, "github.com/") == ours || !matches(forbidden, what) || within(r.who, what) {
						continue
					}
					t.Errorf("%s must not import %s: %s", who, what, r.because)
				}
			}
		}
		if bound == 0 {
			t.Errorf("the rule for %s binds no package", r.who)
		}
	}
}

// testOnly reports whether a package serves tests alone, which may reach
// farther: what they test against is put together there.
func testOnly(pkg string) bool {
	last := pkg[strings.LastIndex(pkg, "/")+1:]
	return strings.HasSuffix(last, "test") || last == "integration"
}

// within reports whether a package belongs to the family that a rule binds.
func within(who, what string) bool {
	return strings.HasSuffix(who, "/...") && who != "..." && matches(who, what)
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func matches(pattern, path string) bool {
	if pattern == "..." {
		return true
	}
	prefix, below := strings.CutSuffix(pattern, "/...")
	return path == prefix || below && strings.HasPrefix(path, prefix+"/")
}
