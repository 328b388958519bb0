package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"waybill/internal/problem"
	"waybill/internal/proof"
)

// Probe looks whether the nearest directory that is there can be written to. It
// writes nothing. See sinks.Prober.
func (s *sink) Probe(_ context.Context, t proof.Trial) []proof.Proof {
	root, err := os.OpenRoot(s.root)
	if err != nil {
		return []proof.Proof{proof.Bad("directory", writeProblem(s.root, err))}
	}
	defer root.Close() //nolint:errcheck // only a handle on a directory
	dir := path.Dir(path.Clean(t.Key))
	for {
		info, err := root.Stat(filepath.FromSlash(dir))
		switch {
		case errors.Is(err, fs.ErrNotExist) && dir != ".":
			dir = path.Dir(dir)
			continue
		case err == nil && !info.IsDir():
			err = unix.ENOTDIR
		case err == nil:
			err = unix.Access(filepath.Join(s.root, filepath.FromSlash(dir)), unix.W_OK|unix.X_OK)
		}
		if err != nil {
			return []proof.Proof{proof.Bad("directory", notWritable(dir, err))}
		}
		return []proof.Proof{proof.Good("directory", dir+" can be written to")}
	}
}

func notWritable(dir string, err error) *problem.Problem {
	if escapes(err) {
		return writeProblem(dir, err)
	}
	return problem.New("file-write-failed", fmt.Sprintf("the directory %s cannot be written to", dir), plainError(err))
}
