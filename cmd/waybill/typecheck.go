package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"

	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/tests"
	"waybill/runner/typecheck"
)

// toldColumns adds what sources say of their columns themselves to what is
// given. dir is for copies of files.
type toldColumns func(job engine.Job, dir string, given typecheck.Given) error

// checkSQL lets a compute job judge the SQL of a configuration. It reads no
// data but that of tests, which tells the columns of sources that promise none,
// unless they told them, and writes nothing else.
func checkSQL(ctx context.Context, g *compile.Generation, suite *tests.Suite, told toldColumns) (_ hcl.Diagnostics, err error) {
	if len(g.Pipelines) == 0 {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "waybill-validate-")
	if err != nil {
		return nil, fmt.Errorf("making a directory to check SQL in: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	job, err := engine.Start(ctx, engine.Options{Command: selfCommand("engine"), Dir: dir, MemoryLimit: 256 << 20, Threads: 1, MaxTempSize: 1 << 20})
	if err != nil {
		return nil, err
	}
	defer func() { _ = job.Close() }()
	given, err := suite.Given(ctx, job, dir)
	if err != nil {
		return nil, err
	}
	if told != nil {
		if err := told(job, filepath.Join(dir, "told"), given); err != nil {
			return nil, err
		}
	}
	return typecheck.Check(ctx, job, g, given)
}
