// Command docgen writes the reference pages below docs from the descriptions
// that the program itself works with: the schemas of the language and of the
// sandbox, and the catalog of errors. Run it in the root of the repository:
//
//	go run ./internal/docgen
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

// pages are the generated pages, by their path in the repository.
func pages() (map[string]string, error) {
	language, err := languagePage()
	if err != nil {
		return nil, err
	}
	sandbox, err := sandboxPage()
	if err != nil {
		return nil, err
	}
	tests, err := testsPage()
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"docs/reference/language.md": language,
		"docs/reference/sandbox.md":  sandbox,
		"docs/reference/tests.md":    tests,
		"docs/errors.md":             errorsPage(),
	}, nil
}

// write makes all pages below root.
func write(root string) error {
	all, err := pages()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(all[name]), 0o644); err != nil {
			return err
		}
	}
	return nil
}
