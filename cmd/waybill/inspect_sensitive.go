package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"waybill/runner/inspect"
)

// isProject reports whether a directory looks like the root of a project,
// without reading what is below it: that might be a whole disk.
func isProject(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		name := e.Name()
		if name == ".waybill" && e.IsDir() || !e.IsDir() && !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".hcl.json")) {
			return true
		}
	}
	return false
}

// projectOf is the directory of the project that a file or object is looked at
// in: this one, or else the nearest that the file is in. If there is none, it is
// alone.
func projectOf(name, here string) (dir string, alone bool) {
	if isProject(here) {
		return here, false
	}
	path, err := filepath.Abs(name)
	if _, _, object := splitURL(name); object || err != nil {
		return here, true
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if isProject(dir) {
			return dir, false
		}
		if dir == filepath.Dir(dir) {
			return here, true
		}
	}
}

// hideSensitive asks for the columns that the project declares sensitive not to
// be shown, wherever they occur. Of a project that cannot be read nobody knows
// which they are, so nothing is shown.
func (a *app) hideSensitive(f *projectFlags, req *inspect.Request) error {
	g, _, diags, err := f.compile()
	if err != nil {
		return err
	}
	known := g != nil && !diags.HasErrors()
	if known {
		req.HideToo, known = g.SensitiveColumns()
	}
	if !known {
		req.HideAll = true
		fmt.Fprintf(a.errOut, "%s the project in %s has errors, so nobody knows which columns are sensitive, and no values are shown; `waybill validate` tells more, --reveal shows them\n",
			a.style.Yellow("Warning:"), f.dir)
	}
	return nil
}
