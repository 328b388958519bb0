// Package enginetest runs compute jobs in tests.
//
// A test package that uses it has a TestMain that begins with ServeIfChild, so
// that its own binary can serve the jobs:
//
//	func TestMain(m *testing.M) {
//		enginetest.ServeIfChild()
//		os.Exit(m.Run())
//	}
package enginetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"waybill/runner/engine"
	"waybill/runner/engine/child"
)

const verb = "engine"

// ServeIfChild serves a compute job and exits if this process was started for
// that; otherwise it returns at once.
func ServeIfChild() {
	if len(os.Args) < 2 || os.Args[1] != verb {
		return
	}
	if err := child.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Command starts this test's binary as a compute job.
func Command(t testing.TB) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, verb}
}

// Start starts a job without data, which ends with the test.
func Start(t testing.TB) engine.Job {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	job, err := engine.Start(t.Context(), engine.Options{Command: Command(t), Dir: dir, MemoryLimit: 256 << 20, Threads: 1, MaxTempSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = job.Close() })
	return job
}
