package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/internal/dataset"
	"waybill/internal/sandbox"
	"waybill/runner/engine"
)

// startSandbox serves the sandbox of a project while the test runs, with a data
// directory that can be looked into.
func startSandbox(t *testing.T, project string) *sandbox.Process {
	t.Helper()
	p, err := sandbox.Start(t.Context(), project, sandbox.Options{Command: selfCommand(sandbox.Verb), DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("stop the sandbox: %v", err)
		}
	})
	return p
}

// partnerObjects lists "BUCKET/KEY" of what stands in a sandbox's buckets, in
// order, except in those of our own lake.
func partnerObjects(dataDir string) ([]string, error) {
	var out []string
	buckets := os.DirFS(filepath.Join(dataDir, "s3"))
	err := fs.WalkDir(buckets, ".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != "." && (strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(path, "lake-")):
			return fs.SkipDir
		case !e.IsDir() && strings.Contains(path, "/"):
			out = append(out, path)
		}
		return nil
	})
	slices.Sort(out)
	return out, err
}

// openUploads lists the multipart uploads that the journal saw begin and not
// end.
func openUploads(dataDir string) ([]string, error) {
	entries, err := sandbox.ReadJournal(filepath.Join(dataDir, "journal.ndjson"))
	if err != nil {
		return nil, err
	}
	open := map[string]int{}
	for _, e := range entries {
		if e.Status < 200 || e.Status > 299 {
			continue
		}
		switch e.Operation {
		case "CreateMultipartUpload":
			open[e.Bucket+"/"+e.Key]++
		case "CompleteMultipartUpload", "AbortMultipartUpload":
			open[e.Bucket+"/"+e.Key]--
		}
	}
	var out []string
	for object, n := range open {
		if n > 0 {
			out = append(out, object)
		}
	}
	return out, nil
}

// callsOf lists the requests of one operation that clients sent, without those
// that Athena sends for itself.
func callsOf(journal, operation string) ([]sandbox.Entry, error) {
	entries, err := sandbox.ReadJournal(journal)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, func(e sandbox.Entry) bool { return e.Operation != operation || e.Via != "" }), nil
}

// calls is callsOf for a running sandbox.
func calls(t *testing.T, p *sandbox.Process, operation string) []sandbox.Entry {
	t.Helper()
	out, err := callsOf(p.Journal, operation)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// readRows reads the first rows of a file by the engine.
func readRows(path, work string) (dataset.Schema, [][]*string, error) {
	j, err := attachFile(context.Background(), path, work)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = j.Close() }()
	return j.Preview(context.Background(), "object", 100)
}

// attachFile starts a compute job that reads one file as "object".
func attachFile(ctx context.Context, path, work string) (engine.Job, error) {
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	j, err := engine.Start(ctx, engine.Options{Command: selfCommand("engine"), Dir: work, ReadDirs: []string{filepath.Dir(path)},
		MemoryLimit: 512 << 20, Threads: 2, MaxTempSize: 1 << 30})
	if err != nil {
		return nil, err
	}
	format := dataset.Format(strings.TrimPrefix(filepath.Ext(path), "."))
	ds := dataset.Dataset{Dir: filepath.Dir(path), Format: format, Rows: -1, Files: []dataset.File{{Name: filepath.Base(path), Rows: -1}}}
	if format == dataset.CSV {
		ds.CSV = &dataset.CSVOptions{Header: true}
	}
	if _, err := j.Attach(ctx, "object", ds); err != nil {
		_ = j.Close()
		return nil, err
	}
	return j, nil
}
