package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"waybill/internal/problem"
	"waybill/sinks"
)

// Verify reads the files, whose bytes are all that there is to compare, whether
// Bytes is set or not. Temporary files that a delivery left are open uploads.
// See sinks.Verifier.
func (s *sink) Verify(ctx context.Context, v sinks.Verification) (sinks.Verified, error) {
	root, err := os.OpenRoot(s.root)
	if err != nil {
		return sinks.Verified{}, problem.New("file-not-readable", fmt.Sprintf("the project's directory %s cannot be read", s.root), plainError(err))
	}
	defer root.Close() //nolint:errcheck // only a handle on a directory
	var out sinks.Verified
	for _, obj := range v.Objects {
		f, err := look(ctx, root, obj)
		if err != nil {
			return sinks.Verified{}, err
		}
		out.Findings = append(out.Findings, f)
	}
	for _, in := range v.Intents {
		out.Findings = append(out.Findings, leftovers(root, v.ID, in.Key)...)
	}
	return out, nil
}

func look(ctx context.Context, root *os.Root, obj sinks.Object) (sinks.Finding, error) {
	f := sinks.Finding{Key: obj.Key, URL: obj.URL, Verdict: sinks.Same}
	file, err := root.Open(filepath.FromSlash(obj.Key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Verdict, f.Differences = sinks.Missing, []string{"there is no such file"}
		return f, nil
	case err != nil:
		f.Verdict, f.Problem = sinks.Unknown, problem.New("file-not-readable", fmt.Sprintf("%s cannot be read", obj.Key), plainError(err))
		return f, nil
	}
	defer file.Close() //nolint:errcheck // only read
	sum := sha256.New()
	in := &reader{ctx: ctx, src: file, told: func(int64) {}}
	n, err := io.Copy(sum, in)
	switch {
	case ctx.Err() != nil:
		return f, problem.New("cancelled", "the verification was cancelled", ctx.Err())
	case err != nil:
		f.Verdict, f.Problem = sinks.Unknown, problem.New("file-not-readable", fmt.Sprintf("%s cannot be read", obj.Key), plainError(err))
		return f, nil
	}
	if got := hex.EncodeToString(sum.Sum(nil)); n != obj.Size || got != obj.SHA256 {
		f.Verdict = sinks.Changed
		f.Differences = []string{fmt.Sprintf("it has %d bytes with the SHA-256 %s instead of %d with %s", n, got, obj.Size, obj.SHA256)}
	}
	return f, nil
}

// leftovers are the temporary files of a delivery to this key.
func leftovers(root *os.Root, delivery, key string) []sinks.Finding {
	dir := filepath.Dir(filepath.FromSlash(key))
	entries, err := fs.ReadDir(root.FS(), filepath.ToSlash(dir))
	if err != nil {
		return nil // then there is no file either, which is told above
	}
	var out []sinks.Finding
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix(delivery, key)) {
			out = append(out, sinks.Finding{Key: key, URL: filepath.Join(root.Name(), dir, e.Name()), Verdict: sinks.Open,
				Differences: []string{"a temporary file of this delivery is left"}})
		}
	}
	return out
}
