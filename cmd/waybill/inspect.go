package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waybill/internal/dataset"
	"waybill/internal/schema"
	"waybill/runner/engine"
	"waybill/runner/inspect"
)

func (a *app) inspectCommand() *cobra.Command {
	var f projectFlags
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect FILE|s3://BUCKET/KEY",
		Short: "Show what a Parquet, CSV or NDJSON file holds: columns, statistics, first rows",
		Long: "Shows a file's columns with their Athena types, its rows, size and compression, what a\n" +
			"Parquet file's statistics say, and the first rows. Of an object it also shows which delivery\n" +
			"it says it is of. Types of CSV and NDJSON are those that its values look like. The data is\n" +
			"read in a confined process; an object is copied to a temporary directory first. Of a Parquet\n" +
			"object above --max-size only the footer is read: all but the first rows.\n" +
			"Values of columns that the project's sensitive_columns name are not shown. The project is\n" +
			"that of --project, of the current directory, or of one that the file is in.",
		Args: needs("a file or an object"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if !cmd.Flags().Changed("project") {
				f.dir, o.alone = projectOf(args[0], f.dir)
			}
			return a.inspect(cmd.Context(), &f, o, args[0])
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&o.connection, "connection", "", "`name` of the connection by which to read an object (default: the SDK's credentials)")
	cmd.Flags().IntVar(&o.rows, "rows", 10, "how many of the first rows, at most 1000; 0 for none")
	cmd.Flags().StringSliceVar(&o.hide, "hide", nil, "`column` whose values are not shown (repeatable)")
	cmd.Flags().StringVar(&o.format, "format", "", "how to read it, if its name does not tell: parquet, csv or ndjson")
	cmd.Flags().StringVar(&o.delimiter, "delimiter", "", "`character` between the values of CSV")
	cmd.Flags().StringVar(&o.maxSize, "max-size", "256MiB", "`size` up to which an object is read whole")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&o.reveal, "reveal", false, "show the values of the project's sensitive columns, too")
	completeValues(cmd, "format", inspectFormats()...)
	completeFlag(cmd, "connection", f.completeConnections)
	return cmd
}

type inspectOptions struct {
	connection, format, delimiter, maxSize string
	rows                                   int
	hide                                   []string
	reveal, json                           bool
	alone                                  bool  // there is no project
	limit                                  int64 // maxSize in bytes
}

func inspectFormats() []string {
	return []string{string(dataset.Parquet), string(dataset.CSV), string(dataset.NDJSON)}
}

const mostRows = 1000 // what the compute job gives at most

func (o *inspectOptions) check() (err error) {
	switch {
	case o.rows < 0 || o.rows > mostRows:
		return mistake("--rows %d: it is 0 to %d", o.rows, mostRows)
	case o.format != "" && !slices.Contains(inspectFormats(), o.format):
		return mistake("--format %q is not known. There are: %s", o.format, strings.Join(inspectFormats(), ", "))
	}
	if o.delimiter == `\t` {
		o.delimiter = "\t"
	}
	if o.limit, err = schema.ParseSize(o.maxSize); err != nil {
		return mistake("--max-size %q is no size: write 256MiB or 2GB", o.maxSize)
	}
	return nil
}

// inspected is what `inspect --json` prints.
type inspected struct {
	inspect.Report
	Object *objectOutput `json:"object,omitempty"`
}

func (a *app) inspect(ctx context.Context, f *projectFlags, o inspectOptions, name string) error {
	work, err := os.MkdirTemp("", "waybill-inspect-")
	if err != nil {
		return fmt.Errorf("making a directory to read the file in: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	req := inspect.Request{Name: name, Format: dataset.Format(o.format), Delimiter: o.delimiter, Rows: o.rows, Hide: o.hide}
	if !o.reveal && !o.alone {
		if err := a.hideSensitive(f, &req); err != nil {
			return err
		}
	}
	out := inspected{}
	if bucket, key, ok := splitURL(name); ok {
		out.Object, err = a.fetchObject(ctx, f, o, bucket, key, work, &req)
	} else {
		req.Path, err = filepath.Abs(name)
	}
	if err != nil {
		return err
	}
	if out.Report, err = readByJob(ctx, work, req); err != nil {
		return err
	}
	if o.json {
		return a.printJSON(out)
	}
	_, err = fmt.Fprint(a.out, a.inspectText(out))
	return err
}

// readByJob looks at a file in a compute job, which may read its directory.
func readByJob(ctx context.Context, work string, req inspect.Request) (inspect.Report, error) {
	dir := filepath.Join(work, "job")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return inspect.Report{}, fmt.Errorf("making a directory to read the file in: %w", err)
	}
	if path, err := filepath.EvalSymlinks(req.Path); err == nil {
		req.Path = path // what the job may read is the place where it is
	}
	job, err := engine.Start(ctx, engine.Options{Command: selfCommand("engine"), Dir: dir, ReadDirs: []string{filepath.Dir(req.Path)},
		MemoryLimit: 512 << 20, Threads: 2, MaxTempSize: 1 << 30})
	if err != nil {
		return inspect.Report{}, err
	}
	defer func() { _ = job.Close() }()
	return inspect.File(ctx, job, req)
}
