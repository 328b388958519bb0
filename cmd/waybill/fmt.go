package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"waybill/internal/budget"
	"waybill/internal/diag"
	"waybill/internal/problem"
)

// fmtFlags say what becomes of a file that is not formatted.
type fmtFlags struct {
	check, diff bool
}

func (a *app) fmtCommand() *cobra.Command {
	var f fmtFlags
	cmd := &cobra.Command{
		Use:   "fmt [PATH …]",
		Short: "Format HCL files",
		Long: "Formats *.hcl and *.wbvars files in place: those named, those below the directories named,\n" +
			"or those below the current directory. - formats standard input to standard output.\n" +
			"Prints the names of files that it changed. Exit code 1: a file is not HCL, or with --check,\n" +
			"one is not formatted.",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "-" {
				return a.fmtStdin(f)
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			return a.fmtPaths(args, f)
		},
	}
	cmd.Flags().BoolVar(&f.check, "check", false, "change nothing; exit with 1 if a file is not formatted")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "print what changes")
	return cmd
}

func (a *app) fmtStdin(f fmtFlags) error {
	src, err := io.ReadAll(a.in)
	if err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	out, err := a.format(src, "<stdin>")
	if err != nil {
		return err
	}
	changed := !bytes.Equal(src, out)
	switch {
	case f.diff:
		_, err = a.out.Write(diff.Diff("<stdin>", src, "<stdin>", out))
	case !f.check:
		_, err = a.out.Write(out)
	}
	if err == nil && f.check && changed {
		return errReported
	}
	return err
}

func (a *app) fmtPaths(paths []string, f fmtFlags) error {
	failed := false
	for _, path := range paths {
		files, err := a.formattable(path)
		var usage *usageError
		if errors.As(err, &usage) {
			return err
		}
		if err != nil {
			return problem.New("file-not-readable", fmt.Sprintf("%s cannot be read", path), err)
		}
		for _, name := range files {
			changed, err := a.fmtFile(name, f)
			if err != nil && err != errReported { //nolint:errorlint // our own sentinel, never wrapped
				return err
			}
			failed = failed || err != nil || changed && f.check
		}
	}
	if failed {
		return errReported
	}
	return nil
}

// formattable lists the files that a path on the command line stands for. A
// link that is named stands for the file it leads to; others are passed over.
func (a *app) formattable(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Mode().IsRegular() && strings.HasSuffix(path, ".json"):
		return nil, mistake("%s is JSON, which fmt does not format", path)
	case info.Mode().IsRegular():
		real, err := filepath.EvalSymlinks(path)
		return []string{real}, err
	case !info.IsDir():
		return nil, errors.New("it is no regular file")
	}
	var files []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(d.Name(), ".") && p != path
		switch {
		case err != nil:
			return err
		case d.IsDir() && hidden:
			return fs.SkipDir
		case d.IsDir() || hidden || !strings.HasSuffix(p, ".hcl") && !strings.HasSuffix(p, ".wbvars"):
		case d.Type().IsRegular():
			files = append(files, p)
		case d.Type()&fs.ModeSymlink != 0:
			_, err = fmt.Fprintf(a.errOut, "%s is a link, and left as it is\n", p)
		default:
			_, err = fmt.Fprintf(a.errOut, "%s is no regular file, and left as it is\n", p)
		}
		return err
	})
	return files, err
}

func (a *app) fmtFile(name string, f fmtFlags) (changed bool, err error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return false, problem.New("file-not-readable", fmt.Sprintf("%s cannot be read", name), err)
	}
	out, err := a.format(src, name)
	if err != nil || bytes.Equal(src, out) {
		return false, err
	}
	if _, err := fmt.Fprintln(a.out, name); err != nil {
		return true, err
	}
	if f.diff {
		if _, err := a.out.Write(diff.Diff(name, src, name, out)); err != nil {
			return true, err
		}
	}
	if f.check || f.diff {
		return true, nil
	}
	return true, replaceFile(name, out)
}

// format returns the formatted text, or shows why there is none.
func (a *app) format(src []byte, name string) ([]byte, error) {
	if _, diags := budget.Parse(src, name); diags.HasErrors() {
		if err := diag.Print(a.errOut, diag.Sort(diags), diag.Sources{Other: map[string][]byte{name: src}}, a.style); err != nil {
			return nil, err
		}
		return nil, errReported
	}
	return hclwrite.Format(src), nil
}

// replaceFile writes a file as a whole or not at all, with the permissions it
// had.
func replaceFile(name string, data []byte) (err error) {
	info, err := os.Stat(name)
	if err != nil {
		return problem.New("file-not-readable", fmt.Sprintf("%s cannot be read", name), err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".fmt-*")
	if err != nil {
		return problem.New("file-write-failed", fmt.Sprintf("%s cannot be written", name), err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
			err = problem.New("file-write-failed", fmt.Sprintf("%s cannot be written", name), err)
		}
	}()
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Chmod(info.Mode().Perm())
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	return err
}
