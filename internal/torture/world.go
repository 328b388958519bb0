package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"waybill/internal/torture/check"
)

// A world is what all trials have in common: the programs, and the services
// that they talk to.
type world struct {
	dir             string
	seed            uint64
	shipped, hooked string // programs
	url             string // of S3, STS and Athena
	env             []string
	buckets         check.Buckets
	journal         *check.Journal // nil: there is none
	trials          atomic.Int64
	sandbox         *exec.Cmd // nil: it is another S3
}

// newWorld builds the programs, writes the projects and starts the sandbox.
func newWorld(ctx context.Context, root, dir string, seed uint64) (*world, error) {
	w := &world{dir: dir, seed: seed}
	var err error
	if w.shipped, w.hooked, err = build(ctx, root, dir); err != nil {
		return nil, err
	}
	for _, f := range flows() {
		if err := f.write(filepath.Join(dir, "flows", f.name)); err != nil {
			return nil, err
		}
	}
	if o := otherS3(); o != nil {
		return w, w.useOther(ctx, o)
	}
	return w, w.startSandbox()
}

// startSandbox starts `waybill sandbox` and reads the environment it prints.
func (w *world) startSandbox() error {
	home, data := filepath.Join(w.dir, "sandbox"), filepath.Join(w.dir, "aws")
	if err := writeProject(home, sandboxFile); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(w.dir, "sandbox.txt"))
	if err != nil {
		return err
	}
	w.sandbox = exec.Command(w.shipped, "sandbox", home, "--data-dir", data)
	w.sandbox.Stderr = log
	w.sandbox.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for us
	out, err := w.sandbox.StdoutPipe()
	if err != nil {
		return err
	}
	if err := w.sandbox.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for w.url == "" || !w.has("AWS_EC2_METADATA_DISABLED") {
		if !lines.Scan() {
			return fmt.Errorf("the sandbox did not start: see %s", log.Name())
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		if name == "AWS_ENDPOINT_URL" {
			w.url = value
		}
		w.env = append(w.env, name+"="+value)
	}
	w.buckets, w.journal = check.Dir(filepath.Join(data, "s3")), check.NewJournal(filepath.Join(data, "journal.ndjson"))
	return nil
}

func (w *world) has(name string) bool {
	for _, e := range w.env {
		if strings.HasPrefix(e, name+"=") {
			return true
		}
	}
	return false
}

// environment leads a process to the services by way of a proxy.
func (w *world) environment(proxy string) []string {
	var out []string
	for _, e := range w.env {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
			e = name + "=" + proxy
		}
		out = append(out, e)
	}
	return out
}

// close ends the sandbox.
func (w *world) close() {
	if w.sandbox != nil && w.sandbox.Process != nil {
		_ = w.sandbox.Process.Signal(syscall.SIGTERM)
		_ = w.sandbox.Wait() // what it had to say is in sandbox.txt
	}
}
