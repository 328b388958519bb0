// Package file delivers artifacts to files below the project's directory.
package file

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/component"
	"waybill/internal/diag"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/sinks"
	"waybill/sinks/order"
)

// Config is what `sink "file"` takes besides what all sinks take: nothing but
// its path, which is evaluated for each file.
type Config struct{}

// Place says where paths live: all file sinks of a project share one place.
func (Config) Place() string { return "file:" }

// Clean is the path that a name leads to, so that two spellings of one path are
// found to be the same.
func (Config) Clean(name string) string { return path.Clean(filepath.ToSlash(name)) }

// Kind is `sink "file"`.
func Kind() sinks.Kind {
	return component.New("file", block(), check, func(_ Config, env sinks.Env) (sinks.Sink, error) {
		return &sink{root: env.Root}, nil
	}).WithTarget("path")
}

func block() *schema.Block {
	return &schema.Block{
		Type: "file",
		Doc: "Delivers to local files. A file appears whole or not at all and replaces one of the same name; " +
			"missing directories are made. Paths stay below the project's directory, symbolic links included.",
		Example: "sink \"file\" \"local\" {\n  input = transform.by_region\n  path  = \"out/${run.date}.csv\"\n  format \"csv\" {}\n}",
		Attrs: []schema.Attr{{Name: "path", Type: schema.String, Required: true, Late: true, Example: `"out/${run.date}.csv"`,
			Doc: "The path of each file, relative to the project's directory. With several files it uses file.number and file.partition."}},
	}
}

// check tries the path with sample names, as far as it is known.
func check(_ Config, values *schema.Values) hcl.Diagnostics {
	name, known, diags := values.Late("path").Eval("0000001", "p=1/")
	if !known || diags.HasErrors() {
		return diags
	}
	if p := checkPath(name); p != nil {
		return append(diags, values.Error("path", diag.Code(p.Code), "path: "+p.Summary, strings.Join(p.Remedy, " ")))
	}
	return diags
}

type sink struct{ root string }

// Deliver writes the artifacts one after the other. See sinks.Sink.
func (s *sink) Deliver(ctx context.Context, d sinks.Delivery) (sinks.Receipt, error) {
	root, err := os.OpenRoot(s.root)
	if err != nil {
		return sinks.Receipt{}, writeProblem(s.root, err)
	}
	defer root.Close() //nolint:errcheck // only a handle on a directory
	if err := checkPaths(d.Artifacts); err != nil {
		return sinks.Receipt{}, err
	}
	w := &writer{root: root, d: d}
	for _, a := range d.Artifacts {
		w.total += a.Size
	}
	for _, in := range d.Intents {
		if in.Settled && in.Object.Key != "" {
			w.done += in.Size
		}
	}
	w.done = min(w.done, w.total)
	return order.Deliver(ctx, d, w, 1)
}

// checkPaths refuses names that cannot be written, and what would replace
// itself. Symbolic links are os.Root's affair.
func checkPaths(artifacts []sinks.Artifact) error {
	seen := map[string]bool{}
	for _, a := range artifacts {
		if p := checkPath(a.Key); p != nil {
			return p
		}
		clean := Config{}.Clean(a.Key)
		if seen[clean] {
			return problem.New("key-collision", fmt.Sprintf("two files of this delivery have the path %s", a.Key), nil)
		}
		seen[clean] = true
	}
	return nil
}

// checkPath refuses a path that is no file's, that leads out of the project, or
// that is not a sink's to write: names with a leading dot, behind which state
// and tools keep their things, waybill's own database, and configuration.
func checkPath(name string) *problem.Problem {
	local := filepath.FromSlash(name)
	switch base := path.Base(name); {
	case strings.HasSuffix(name, "/") || strings.ContainsRune(name, 0):
		p := problem.New("invalid-value", fmt.Sprintf("%q is not the name of a file", name), nil)
		p.Remedy = []string{`Write a path that ends in a file's name, such as "out/report.csv".`}
		return p
	case !filepath.IsLocal(local) || path.Clean(name) == ".":
		return problem.New("path-outside", fmt.Sprintf("%q leads out of the project's directory", name), nil)
	case hasHidden(name), strings.HasPrefix(base, "waybill.db"), strings.HasSuffix(base, ".hcl"), strings.HasSuffix(base, ".hcl.json"), strings.HasSuffix(base, ".wbvars"):
		return problem.New("path-reserved", fmt.Sprintf("%q is not a sink's to write", name), nil)
	}
	return nil
}

// hasHidden reports whether a part of the path begins with a dot.
func hasHidden(name string) bool {
	for part := range strings.SplitSeq(path.Clean(name), "/") {
		if strings.HasPrefix(part, ".") && part != ".." {
			return true
		}
	}
	return false
}

// A writer is one call of Deliver.
type writer struct {
	root        *os.Root
	d           sinks.Delivery
	done, total int64
}

func (w *writer) progress(n int64) {
	w.done = min(w.done+n, w.total)
	if w.d.Progress != nil {
		w.d.Progress(sinks.Progress{Done: w.done, Total: w.total})
	}
}

// Put implements order.Target.
func (w *writer) Put(ctx context.Context, a sinks.Artifact, absent bool) (sinks.Object, error) {
	if ctx.Err() != nil {
		return sinks.Object{}, problem.New("cancelled", "the delivery was cancelled", ctx.Err())
	}
	if err := w.d.Ledger.Intend(ctx, sinks.Intent{Key: a.Key, SHA256: a.SHA256, Size: a.Size, Role: a.Role}); err != nil {
		return sinks.Object{}, err
	}
	path := filepath.Clean(filepath.FromSlash(a.Key))
	if err := w.place(ctx, a, path, absent); err != nil {
		// Nothing of ours has the name. If that cannot be recorded, it is
		// looked upon as perhaps there.
		_ = w.d.Ledger.Aborted(context.WithoutCancel(ctx), a.Key, "")
		return sinks.Object{}, err
	}
	if err := w.syncAbove(path, a.Key); err != nil {
		return sinks.Object{}, err
	}
	obj := w.object(a)
	return obj, w.d.Ledger.Settle(context.WithoutCancel(ctx), obj)
}

// place makes a file beside its place and gives it its name. On failure there
// is neither.
func (w *writer) place(ctx context.Context, a sinks.Artifact, path string, absent bool) error {
	if err := w.root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return writeProblem(a.Key, err)
	}
	temp, err := w.tempFile(filepath.Dir(path), a.Key)
	if err != nil {
		return writeProblem(a.Key, err)
	}
	if err = w.fill(ctx, temp, a); err == nil {
		err = w.name(temp, path, absent)
		if absent && errors.Is(err, fs.ErrExist) {
			err = w.meetOwn(ctx, temp, a)
		} else if err != nil {
			err = writeProblem(a.Key, err)
		}
	}
	if err != nil {
		_ = w.root.Remove(temp) // the first failure counts
	}
	return err
}

// tempFile chooses a temporary name that no other process has, and removes
// those that earlier attempts left: one whose owner still lives then finds
// nothing to publish, instead of publishing what we are writing.
func (w *writer) tempFile(dir, key string) (string, error) {
	prefix := tempPrefix(w.d.ID, key)
	entries, err := fs.ReadDir(w.root.FS(), filepath.ToSlash(dir))
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			if err := w.root.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
		}
	}
	return filepath.Join(dir, prefix+rand.Text()+".tmp"), nil
}

// tempPrefix is the same in every attempt. The dot keeps the files out of
// patterns such as *.csv.
func tempPrefix(delivery, key string) string {
	sum := sha256.Sum256([]byte(delivery + "\x00" + key))
	return ".waybill-" + hex.EncodeToString(sum[:8]) + "-"
}

// fill copies the artifact into the temporary file and syncs it to disk.
func (w *writer) fill(ctx context.Context, temp string, a sinks.Artifact) error {
	src, err := os.Open(a.Path)
	if err != nil {
		return unreadable(a, err)
	}
	defer src.Close() //nolint:errcheck // only read
	dst, err := w.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return writeProblem(a.Key, err)
	}
	sum := sha256.New()
	in := &reader{ctx: ctx, src: src, told: w.progress}
	n, err := io.Copy(io.MultiWriter(dst, sum), in)
	if err == nil {
		err = dst.Sync()
	}
	if closeErr := dst.Close(); err == nil {
		err = closeErr
	}
	switch {
	case in.err != nil:
		return unreadable(a, in.err)
	case ctx.Err() != nil:
		return problem.New("cancelled", fmt.Sprintf("the delivery of %s was cancelled", a.Key), ctx.Err())
	case err != nil:
		return writeProblem(a.Key, err)
	case n != a.Size || (a.SHA256 != "" && hex.EncodeToString(sum.Sum(nil)) != a.SHA256):
		return changed(a)
	}
	return nil
}

// syncAbove makes a file's name durable, and those of the directories above it,
// which may be new.
func (w *writer) syncAbove(path, key string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if err := w.syncDir(dir); err != nil {
			return writeProblem(key, err)
		}
		if dir == "." {
			return nil
		}
	}
}

func (w *writer) syncDir(name string) error {
	dir, err := w.root.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // only a handle on a directory
	return dir.Sync()
}

// A reader ends when its context does, and keeps failures of the source apart
// from those of the destination, which io.Copy mixes up.
type reader struct {
	ctx  context.Context
	src  io.Reader
	told func(int64)
	err  error
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.src.Read(p)
	if n > 0 {
		r.told(int64(n))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
