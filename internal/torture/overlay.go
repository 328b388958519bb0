package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The shipped program has no hook for any of this: a second one is built from
// the same files with some lines replaced (go build -overlay). It can kill
// itself at any commit of its state, and do its work wrong on demand.

//go:embed overlay/*.txt
var overlays embed.FS

// A patch replaces a text that stands in a file exactly once.
type patch struct{ file, old, new string }

var patches = []patch{
	{"runner/state/sqlite/tx.go", "\t\treturn tx.Commit()\n", `		crashPoint("before", op)
		if err := tx.Commit(); err != nil {
			return err
		}
		crashPoint("after", op)
		return nil
`},
	// receipt-first: the ledger says that an object is there before it is.
	// ledger-skipped: nothing is announced, settled or aborted.
	{"runner/deliver.go", "\treturn l.e.Store.Intend(ctx, l.e.Owner, l.id, in)\n", skipped + `	if err := l.e.Store.Intend(ctx, l.e.Owner, l.id, in); err != nil {
		return err
	}
	return l.settleEarly(ctx, in)
`},
	{"runner/deliver.go", "\treturn l.e.Store.Settle(", skipped + "\treturn l.e.Store.Settle("},
	{"runner/deliver.go", "\treturn l.e.Store.Aborted(", skipped + "\treturn l.e.Store.Aborted("},
	// manifest-first: the manifest goes up before the data that it names.
	{"sinks/order/order.go", "\tif err := c.putAll(ctx, c.missing(\"\")); err != nil {\n", `	if sabotaged("manifest-first") {
		if err := c.putAll(ctx, c.missing(sinks.Manifest)); err != nil {
			return err
		}
	}
	if err := c.putAll(ctx, c.missing("")); err != nil {
`},
	// success-kept: the old success file stands while the data is replaced.
	// stale-kept: what an earlier delivery had, and this one has not, stays.
	{"sinks/order/order.go", "\tfor _, key := range c.earlier(func(_, role string) bool { return role == sinks.Success }) {\n", `	if sabotaged("success-kept") {
		return nil
	}
	for _, key := range c.earlier(func(_, role string) bool { return role == sinks.Success }) {
`},
	{"sinks/order/order.go", "\tfor _, key := range stale {\n", `	if sabotaged("stale-kept") {
		stale = nil
	}
	for _, key := range stale {
`},
	// fired-twice: every slot brings two runs.
	{"runner/state/sqlite/slots.go", "\t\t\tfired = append(fired, r)\n", `			fired = append(fired, r)
			if sabotaged("fired-twice") {
				r.ID = twin(r.ID)
				if err := addRun(ctx, tx, r); err != nil {
					return err
				}
			}
`},
}

const skipped = "\tif sabotaged(\"ledger-skipped\") {\n\t\treturn nil\n\t}\n"

// added are new files, by the package they go to.
var added = map[string]string{"runner/state/sqlite": "sqlite", "runner": "runner", "sinks/order": "order"}

// build builds the program as it is shipped, and the one that can be told when
// to die.
func build(ctx context.Context, root, dir string) (shipped, hooked string, err error) {
	shipped, hooked = filepath.Join(dir, "waybill"), filepath.Join(dir, "waybill-hooked")
	if err := goBuild(ctx, root, shipped); err != nil {
		return "", "", err
	}
	overlay, err := writeOverlay(root, filepath.Join(dir, "overlay"))
	if err != nil {
		return "", "", err
	}
	return shipped, hooked, goBuild(ctx, root, hooked, "-overlay", overlay)
}

func goBuild(ctx context.Context, root, out string, flags ...string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build"}, flags...), "-o", out, "./cmd/waybill")...)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	return nil
}

// writeOverlay writes the changed files and the list that `go build` reads.
func writeOverlay(root, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	texts := map[string]string{}
	for _, p := range patches {
		text, ok := texts[p.file]
		if !ok {
			data, err := os.ReadFile(filepath.Join(root, p.file))
			if err != nil {
				return "", err
			}
			text = string(data)
		}
		if n := strings.Count(text, p.old); n != 1 {
			return "", fmt.Errorf("%s holds %q %d times, not once: the patches in internal/torture/overlay.go have to follow it", p.file, p.old, n)
		}
		texts[p.file] = strings.Replace(text, p.old, p.new, 1)
	}
	for pkg, name := range added {
		data, err := overlays.ReadFile("overlay/" + name + ".go.txt")
		if err != nil {
			return "", err
		}
		texts[pkg+"/torture_hooks.go"] = string(data)
	}
	replace := map[string]string{}
	for file, text := range texts {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "_")+".txt")
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}
