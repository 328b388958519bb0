package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fullDisks run with so much room for the state and the spool, and go on with
// more.
func fullDisks(recs []recording) (out []plan) {
	small := []int{20, 40, 80, 200, 400, 1_000}
	room := map[string][]int{"parts": {200, 12_000, 20_000, 40, 400, 1_000, 4_000, 17_500, 18_500, 30_000}, "files-again": small, "partitions-again": small, "diff-again": small}
	for n := range 10 {
		for _, r := range recs {
			if n >= len(room[r.flow.name]) {
				continue
			}
			kb := room[r.flow.name][n]
			out = append(out, plan{name: fmt.Sprintf("disk/%s/%d kB", r.flow.name, kb), flow: r.flow, first: fullDisk(kb)},
				plan{name: fmt.Sprintf("disk/%s/files of %d kB", r.flow.name, kb), flow: r.flow, first: smallFiles(kb)})
		}
	}
	return out
}

// fullDisk works in a file system that has so much room beside what is there
// already. Who may not mount one has the largest file limited instead.
func fullDisk(kb int) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		data := filepath.Dir(t.ledger)
		err := t.mount(data)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			return smallFiles(kb)(ctx, t)
		}
		if err != nil {
			return err
		}
		var used unix.Statfs_t
		if err := unix.Statfs(data, &used); err != nil {
			return err
		}
		taken := (used.Blocks - used.Bfree) * uint64(used.Bsize) / 1024
		if err := unix.Mount("tmpfs", data, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%dk", int(taken)+kb)); err != nil {
			return err
		}
		p, err := t.start(0, t.run()...)
		if err != nil {
			return err
		}
		t.await(p, 1)
		return unix.Mount("tmpfs", data, "tmpfs", unix.MS_REMOUNT, "size=300m")
	}
}

// mount moves the data directory to a file system of its own.
func (t *trial) mount(data string) error {
	before := data + ".before"
	err := os.Rename(data, before)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(before, 0o700)
	}
	if err == nil {
		err = os.MkdirAll(data, 0o700)
	}
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", data, "tmpfs", 0, "size=300m"); err != nil {
		return errors.Join(err, os.Remove(data), os.Rename(before, data))
	}
	t.clean = func() error { return unix.Unmount(data, 0) }
	return os.CopyFS(data, os.DirFS(before))
}

// smallFiles lets no file grow beyond a size, as a quota would.
func smallFiles(kb int) func(context.Context, *trial) error {
	return func(_ context.Context, t *trial) error {
		limited := append([]string{"-c", `ulimit -f "$1"; shift; exec "$@"`, "bash", fmt.Sprint(kb), t.shipped}, t.run()...)
		p, err := start(t.log, t.environment(t.proxy.URL), "bash", append(limited, "--data-dir", filepath.Dir(t.ledger))...)
		if err != nil {
			return err
		}
		t.victim.set(p)
		t.await(p, 1)
		return nil
	}
}
