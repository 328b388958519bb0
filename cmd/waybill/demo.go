package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waybill/internal/dataset"
	"waybill/internal/sandbox"
	"waybill/runner/engine"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo DIR",
		Short: "Run every pipeline of a project in its sandbox and show what arrived",
		Long: "Starts the project's sandbox, runs every pipeline once, and shows the objects that then stand\n" +
			"in the buckets: who wrote them, how many rows they have, and the first ones.\nNo AWS account is used.",
		Args:              needs("the directory of a project"),
		ValidArgsFunction: completeDir,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.demo(cmd.Context(), args[0]) },
	}
}

func (a *app) demo(ctx context.Context, dir string) (err error) {
	work, err := os.MkdirTemp("", "waybill-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	p, err := a.startSandbox(ctx, dir, sandbox.Options{DataDir: filepath.Join(work, "sandbox")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	if err := useSandbox(p); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "A sandbox serves S3, STS and Athena at %s, as %s declares them.\n\n", p.URL, filepath.Join(dir, "*.sandbox.hcl"))
	f := projectFlags{dir: dir}
	g, err := a.load(&f)
	if err != nil {
		return err
	}
	for _, pl := range g.Pipelines {
		data := dataFlags{dir: filepath.Join(work, "data")}
		if err := a.run(ctx, &f, &data, pl.Name, "", runShow{}); err != nil {
			return err
		}
		fmt.Fprintln(a.out)
	}
	return a.showDelivered(ctx, p, work)
}

// useSandbox makes this process a client of the sandbox.
func useSandbox(p *sandbox.Process) error {
	for _, e := range p.Env() {
		name, value, _ := strings.Cut(e, "=")
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// showDelivered lists what the journal says was written by assumed roles, and
// looks into it.
func (a *app) showDelivered(ctx context.Context, p *sandbox.Process, work string) error {
	entries, err := sandbox.ReadJournal(p.Journal)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.out, a.style.Bold("What stands in the partners' buckets now"))
	for _, e := range entries {
		delivered := e.Operation == "PutObject" || e.Operation == "CompleteMultipartUpload"
		if !delivered || e.Status != 200 || e.Via != "" {
			continue
		}
		if err := a.showObject(ctx, p, e, work); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) showObject(ctx context.Context, p *sandbox.Process, e sandbox.Entry, work string) error {
	path := filepath.Join(p.DataDir, "s3", e.Bucket, filepath.FromSlash(e.Key))
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at s3://%s/%s: %w", e.Bucket, e.Key, err)
	}
	fmt.Fprintf(a.out, "\n  s3://%s/%s   %s\n  written by %s\n", e.Bucket, e.Key, size(info.Size()), e.Principal)
	schema, first, n, err := preview(ctx, path, work)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "  %s; the first ones:\n\n", rows(n))
	header := make([]any, len(schema))
	for i, c := range schema {
		header[i] = c.Name
	}
	t := a.table(header...)
	for _, r := range first {
		t.AppendRow(cells(r))
	}
	fmt.Fprintf(a.out, "    %s\n", strings.ReplaceAll(renderTable(t), "\n", "\n    "))
	return nil
}

func cells(row []*string) []any {
	out := make([]any, len(row))
	for i, v := range row {
		out[i] = "∅"
		if v != nil {
			out[i] = *v
		}
	}
	return out
}

// previewFormats tells a delivered file's format by its extension.
var previewFormats = []struct {
	extension string
	format    dataset.Format
}{{".parquet", dataset.Parquet}, {".csv", dataset.CSV}, {".ndjson", dataset.NDJSON}}

// preview reads a file's columns, first rows and number of rows.
func preview(ctx context.Context, path, work string) (dataset.Schema, [][]*string, int64, error) {
	i := slices.IndexFunc(previewFormats, func(f struct {
		extension string
		format    dataset.Format
	}) bool {
		return strings.HasSuffix(path, f.extension)
	})
	if i < 0 {
		return nil, nil, 0, fmt.Errorf("%s has a format that cannot be shown", filepath.Base(path))
	}
	job := filepath.Join(work, "preview")
	if err := os.MkdirAll(job, 0o700); err != nil {
		return nil, nil, 0, err
	}
	j, err := engine.Start(ctx, engine.Options{Command: selfCommand("engine"), Dir: job, ReadDirs: []string{filepath.Dir(path)}, MemoryLimit: 256 << 20, Threads: 1, MaxTempSize: 1 << 30})
	if err != nil {
		return nil, nil, 0, err
	}
	defer func() { _ = j.Close() }()
	ds := dataset.Dataset{Dir: filepath.Dir(path), Format: previewFormats[i].format, Rows: -1, Files: []dataset.File{{Name: filepath.Base(path), Rows: -1}}}
	if ds.Format == dataset.CSV {
		ds.CSV = &dataset.CSVOptions{Header: true}
	}
	if _, err := j.Attach(ctx, "object", ds); err != nil {
		return nil, nil, 0, err
	}
	n, err := j.Count(ctx, "object")
	if err != nil {
		return nil, nil, 0, err
	}
	schema, rows, err := j.Preview(ctx, "object", 4)
	return schema, rows, n, err
}
