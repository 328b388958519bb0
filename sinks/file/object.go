package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"waybill/sinks"
	"waybill/sinks/order"
)

// Place implements order.Target.
func (w *writer) Place(key string) string { return key }

func (w *writer) object(a sinks.Artifact) sinks.Object {
	path := filepath.Clean(filepath.FromSlash(a.Key))
	return sinks.Object{Key: a.Key, URL: filepath.Join(w.root.Name(), path), Size: a.Size, Rows: a.Rows, SHA256: a.SHA256, Role: a.Role}
}

// name gives a finished file its name: in place of another, or, by a link, only
// where none is. A link that cannot be followed by the removal of the temporary
// name counts: the next attempt removes that.
func (w *writer) name(temp, path string, absent bool) error {
	if !absent {
		return w.root.Rename(temp, path)
	}
	if err := w.root.Link(temp, path); err != nil {
		return err
	}
	_ = w.root.Remove(temp)
	return nil
}

// meetOwn is for a file that stands where we were to write one if none did: it
// may be ours, from before a crash.
func (w *writer) meetOwn(ctx context.Context, temp string, a sinks.Artifact) error {
	_, _, ours, err := w.Look(ctx, a)
	if err != nil {
		return err
	}
	if !ours {
		return order.Exists(a.Key)
	}
	return w.root.Remove(temp)
}

// Look implements order.Target. A file has no metadata: it is ours if an
// earlier attempt announced it and it has those very bytes.
func (w *writer) Look(ctx context.Context, a sinks.Artifact) (sinks.Object, bool, bool, error) {
	path := filepath.Clean(filepath.FromSlash(a.Key))
	info, err := w.root.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return sinks.Object{}, false, false, nil
	}
	if err != nil {
		return sinks.Object{}, false, false, writeProblem(a.Key, err)
	}
	announced := slices.ContainsFunc(w.d.Intents, func(in sinks.Intent) bool { return in.Key == a.Key && in.SHA256 == a.SHA256 }) ||
		slices.ContainsFunc(w.d.Standing, func(o sinks.Object) bool { return o.Key == a.Key && o.SHA256 == a.SHA256 })
	if !announced || !info.Mode().IsRegular() || info.Size() != a.Size {
		return w.object(a), true, false, nil
	}
	sum, err := w.sum(ctx, path)
	if err != nil {
		return sinks.Object{}, false, false, writeProblem(a.Key, err)
	}
	if sum != a.SHA256 {
		return w.object(a), true, false, nil
	}
	_, err = w.tempFile(filepath.Dir(path), a.Key) // a crash may have left the other name
	if err != nil {
		return sinks.Object{}, false, false, writeProblem(a.Key, err)
	}
	return w.object(a), true, true, nil
}

func (w *writer) sum(ctx context.Context, path string) (string, error) {
	f, err := w.root.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	sum := sha256.New()
	_, err = io.Copy(sum, &reader{ctx: ctx, src: f, told: func(int64) {}})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// Remove implements order.Target. Directories stay: others may use them.
func (w *writer) Remove(_ context.Context, key string) error {
	path := filepath.Clean(filepath.FromSlash(key))
	err := w.root.Remove(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return writeProblem(key, err)
	}
	return w.syncAbove(path, key)
}

// CanRemove implements order.Target. Who may write a directory may remove from
// it.
func (w *writer) CanRemove(context.Context, string) error { return nil }
