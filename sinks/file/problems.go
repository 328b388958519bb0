package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"waybill/internal/problem"
	"waybill/sinks"
)

func unreadable(a sinks.Artifact, err error) *problem.Problem {
	p := problem.New("file-not-readable", fmt.Sprintf("the artifact for %s cannot be read", a.Key), plainError(err))
	p.Cause = fmt.Sprintf("The spool holds each artifact until it is delivered, and %s is gone or unreadable.", a.Path)
	p.Remedy = []string{"Run the slot anew by `waybill runs retry RUN --fresh`, and find out what removes files below --data-dir."}
	return p
}

func changed(a sinks.Artifact) *problem.Problem {
	p := problem.New("artifact-invalid", fmt.Sprintf("the file for %s changed after it was finished", a.Key), nil)
	p.Cause = fmt.Sprintf("%s no longer has the size and the SHA-256 that were recorded for it. Nothing was delivered.", a.Path)
	p.Remedy = []string{"Run the slot anew by `waybill runs retry RUN --fresh`, and find out what writes below --data-dir: another process, or a failing disk."}
	return p
}

// writeProblem says why a file could not be written. os.Root refuses a path
// that leaves the directory through a symbolic link with an error of its own.
func writeProblem(name string, err error) *problem.Problem {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return problem.New("disk-full", fmt.Sprintf("the disk is full, so %s cannot be written", name), plainError(err))
	case escapes(err):
		return problem.New("path-outside", fmt.Sprintf("%s leads out of the project's directory through a symbolic link", name), nil)
	}
	p := problem.New("file-write-failed", fmt.Sprintf("%s cannot be written", name), plainError(err))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) {
		p.Class = problem.Permanent // the same name fails again
	}
	return p
}

// escapes recognises os.Root's refusal, whose error value is not exported.
func escapes(err error) bool {
	plain := plainError(err)
	return plain != nil && plain.Error() == "path escapes from parent"
}

// plainError drops the system calls and the paths around a reason: the path is
// in the sentence, and may be one of the temporary file.
func plainError(err error) error {
	for {
		switch e := err.(type) { //nolint:errorlint // the layers are taken off one by one
		case *fs.PathError:
			err = e.Err
		case *os.LinkError:
			err = e.Err
		default:
			return err
		}
	}
}
