package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"waybill/internal/problem"
)

// Env reads env://NAME by a function such as os.LookupEnv.
func Env(lookup func(string) (string, bool)) Reader { return envReader(lookup) }

type envReader func(string) (string, bool)

func (lookup envReader) Read(_ context.Context, ref Ref) (string, error) {
	text, ok := lookup(ref.Name)
	if !ok {
		p := NotFound(ref, "the environment variable is not set", nil)
		p.Remedy = []string{fmt.Sprintf("Set %s in the environment that waybill runs in.", ref.Name)}
		return "", p
	}
	return text, nil
}

// Files reads file:///path: regular files of this machine, without one line end
// at their end. Links are followed, since Kubernetes mounts secrets as such.
func Files() Reader { return fileReader{} }

type fileReader struct{}

func (fileReader) Read(_ context.Context, ref Ref) (string, error) {
	// Asked before it is opened: opening a pipe waits for its writer.
	info, err := os.Stat(ref.Name)
	if err != nil {
		return "", fileProblem(ref, err)
	}
	if !info.Mode().IsRegular() {
		return "", unusable(ref, "it is not a regular file")
	}
	f, err := os.Open(ref.Name)
	if err != nil {
		return "", fileProblem(ref, err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+3)) // longer ones are refused by their length
	if err != nil {
		return "", fileProblem(ref, err)
	}
	return withoutLineEnd(string(data)), nil
}

// withoutLineEnd takes away the one line end that editors and echo write.
func withoutLineEnd(text string) string {
	if without, ok := strings.CutSuffix(text, "\n"); ok {
		return strings.TrimSuffix(without, "\r")
	}
	return text
}

func fileProblem(ref Ref, err error) *problem.Problem {
	cause := err
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		cause = path.Err // the path stands in the reference
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p := NotFound(ref, "there is no such file", nil)
		p.Remedy = []string{fmt.Sprintf("Put the secret into %s on the machine that waybill runs on, or correct the path.", ref.Name)}
		return p
	case errors.Is(err, fs.ErrPermission):
		p := problem.New("secret-access-denied", fmt.Sprintf("%s may not be read", ref), cause)
		p.Cause = fmt.Sprintf("The file's or a directory's permissions keep out the user that waybill runs as (uid %d).", os.Getuid())
		p.Remedy = []string{fmt.Sprintf("Let that user read %s, and nobody else.", ref.Name)}
		return p
	}
	return problem.New("secret-unusable", fmt.Sprintf("%s cannot be read", ref), cause)
}
