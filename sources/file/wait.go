package file

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/component"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/sources"
)

type waitConfig struct {
	Path string `wb:"path"`
}

// WaiterKind is `wait_for "file"`: a file of the project is there.
func WaiterKind() sources.WaiterKind {
	block := &schema.Block{
		Doc:     "Waits until a file is there, before any source is read.",
		Example: "wait_for \"file\" \"export\" {\n  path = \"data/${run.date}/_SUCCESS\"\n}",
		Attrs: []schema.Attr{
			{Name: "path", Type: schema.String, Required: true, Example: `"data/${run.date}/_SUCCESS"`, Doc: "The file, relative to the project, which it may not leave."},
		},
	}
	check := func(c waitConfig, v *schema.Values) hcl.Diagnostics { return checkPath(c.Path, v) }
	return component.New("file", block, check, func(c waitConfig, env sources.Env) (sources.Waiter, error) {
		return &waiter{root: env.Root, path: c.Path}, nil
	})
}

type waiter struct{ root, path string }

// What implements sources.Waiter.
func (w *waiter) What() string { return w.path }

// Ready implements sources.Waiter.
func (w *waiter) Ready(context.Context) (bool, error) {
	root, err := os.OpenRoot(w.root)
	if err != nil {
		return false, problem.New("file-not-readable", "the project's directory cannot be opened", err)
	}
	defer func() { _ = root.Close() }()
	_, err = root.Stat(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, problem.New("file-not-readable", w.path+" cannot be looked at", err)
	}
	return true, nil
}
