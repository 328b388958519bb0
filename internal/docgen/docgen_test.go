package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/internal/problem"
	"waybill/internal/sandbox"
)

const root = "../.."

func TestCommittedPagesAreTheGeneratedOnes(t *testing.T) {
	all, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		committed, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(committed), all[name]); diff != "" {
			t.Errorf("%s is not what `go run ./internal/docgen` writes (-committed +generated):\n%s", name, diff)
		}
	}
}

func TestWriteMakesThePages(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	all, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range all {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %d bytes and error %v, want the page", name, len(got), err)
		}
	}
}

func TestEverythingIsDescribed(t *testing.T) {
	blocks := languageBlocks()
	for _, b := range sandbox.Schema() {
		blocks["sandbox file: "+b.Type] = b
	}
	maps.Copy(blocks, testBlocks())
	for path, b := range blocks {
		for _, missing := range undocumented(path, b) {
			t.Errorf("%s has no description", missing)
		}
		if b.Example == "" {
			t.Errorf("%s has no example", path)
		}
	}
}

func TestEveryErrorTellsWhatToDo(t *testing.T) {
	for _, code := range problem.Codes() {
		e := problem.Lookup(code)
		if e.Title == "" {
			t.Errorf("%s has no title", code)
		}
		if len(e.Remedy) == 0 {
			t.Errorf("%s does not say what to do", code)
		}
		if retried[e.Class] == "" {
			t.Errorf("%s has the class %q", code, e.Class)
		}
	}
}

func TestExamplesCallOnlyFunctionsThatExist(t *testing.T) {
	p := &page{functions: []string{"env"}}
	for example, want := range map[string]bool{`env("A")`: true, `secret("A")`: false, `[for x in y : nope(x)]`: false, `"${`: false, "5": true} {
		if got := p.callsKnown(example); got != want {
			t.Errorf("callsKnown(%s) = %v, want %v", example, got, want)
		}
	}
}

func TestCellsKeepTheTable(t *testing.T) {
	if got := cell("a|b\nc"); strings.ContainsAny(got, "\n") || got != `a\|b c` {
		t.Errorf("got %q", got)
	}
}
