package report

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// Paths tells where the files of a report are, for the forms whose paths begin
// at the root of a repository. All directories are absolute.
type Paths struct {
	Root    string   // of the repository
	Project string   // of the project: names of files are relative to it
	Work    string   // the current one: the Given are relative to it
	Given   []string // files named on the command line
}

// of returns the path of a file from the root, with slashes. A file that is not
// below the root has its absolute path.
func (p Paths) of(name string) (path string, below bool) {
	dir := p.Project
	if slices.Contains(p.Given, name) {
		dir = p.Work
	}
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(dir, filepath.FromSlash(name))
	}
	rel, err := filepath.Rel(realDir(p.Root), filepath.Join(realDir(filepath.Dir(full)), filepath.Base(full)))
	if err != nil || !filepath.IsLocal(rel) {
		return filepath.ToSlash(full), false
	}
	return filepath.ToSlash(rel), true
}

// realDir is a directory without symbolic links, as git knows it; or as it is
// named, if it does not exist.
func realDir(dir string) string {
	if r, err := filepath.EvalSymlinks(dir); err == nil {
		return r
	}
	return dir
}

// uriOf writes a path as a URI, relative if it is below the root.
func uriOf(path string, below bool) string {
	u := url.URL{Path: path}
	if !below {
		u.Scheme = "file"
		return u.String()
	}
	return strings.ReplaceAll(u.EscapedPath(), ":", "%3A") // which would end a scheme
}
