// Command memory delivers eight times as much data as the engine may hold in
// memory, and measures what the whole tree of processes takes. It fails if that
// is more than memory_limit and 256 MB.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed flows/*.hcl
var fixtures embed.FS

const (
	limit  = 256 << 20   // memory_limit of flows/main.hcl
	beside = 256_000_000 // what may be taken beside it
	times  = 8
	// rowSize is at least how many bytes a row of large.csv has.
	rowSize = 52
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	scale := flag.Int("times", times, "how many times memory_limit the data is")
	only := flag.String("only", "", "measure this pipeline of flows/main.hcl alone, and what makes its data")
	parent := flag.String("dir", "", "where to work; it takes four times the data; the default is a temporary directory")
	flag.Parse()
	dir, err := os.MkdirTemp(*parent, "waybill-memory-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "waybill")
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", program, "waybill/cmd/waybill").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	project := filepath.Join(dir, "project")
	if err := writeProject(project, *scale*limit/rowSize/1_000_000+1); err != nil {
		return err
	}
	w := world{dir: dir, project: project, program: program}
	if w.env, err = w.startSandbox(); err != nil {
		return err
	}
	defer w.stopSandbox()
	return w.measure(ctx, int64(*scale)*limit, *only)
}

// writeProject makes the project, with a source file of so many lines; each
// becomes a million rows.
func writeProject(dir string, lines int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.CopyFS(dir, fixtures); err != nil {
		return err
	}
	text := "id,name\n"
	for n := range lines {
		text += fmt.Sprintf("%d,%s\n", n+1, []string{"Nord", "Süd", "Ost"}[n%3])
	}
	return os.WriteFile(filepath.Join(dir, "flows", "seeds.csv"), []byte(text), 0o600)
}

// measure runs each pipeline once, or the only one after the data is made.
func (w *world) measure(ctx context.Context, atLeast int64, only string) error {
	over := false
	for _, pipeline := range []string{"make", "to_s3", "to_file", "to_s3_files"} {
		if only != "" && pipeline != "make" && pipeline != only {
			continue
		}
		began := time.Now()
		p, err := w.runOnce(ctx, pipeline)
		if err != nil {
			return fmt.Errorf("%s: %w", pipeline, err)
		}
		fmt.Printf("%-12s tree %d MB  (resident sets add up to %d MB, the largest is %d MB)  %.0f s\n", pipeline, p.tree/1e6, p.sum/1e6, p.largest/1e6, time.Since(began).Seconds())
		over = over || p.tree > limit+beside
		if pipeline == "make" {
			info, err := os.Stat(filepath.Join(w.project, "flows", "large.csv"))
			if err != nil {
				return err
			}
			if info.Size() < atLeast {
				return fmt.Errorf("the data has %d bytes, and should have %d", info.Size(), atLeast)
			}
			fmt.Printf("%-12s %d MB of rows, %.1f times memory_limit\n", "", info.Size()/1e6, float64(info.Size())/limit)
		}
	}
	fmt.Printf("%-12s tree %d MB\n", "bound", (limit+beside)/1_000_000)
	if over {
		return errors.New("a delivery took more memory than memory_limit and 256 MB")
	}
	return nil
}

// A world is the programs and where they work.
type world struct {
	dir, project, program string
	env                   []string
	sandbox               *exec.Cmd
}

func (w *world) runOnce(ctx context.Context, pipeline string) (peak, error) {
	log, err := os.Create(filepath.Join(w.dir, pipeline+".txt"))
	if err != nil {
		return peak{}, err
	}
	defer log.Close() //nolint:errcheck // read below
	cmd := exec.CommandContext(ctx, w.program, "run", pipeline, "-C", filepath.Join(w.project, "flows"), "--at", "2001-01-01", "--data-dir", filepath.Join(w.dir, "data"))
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + w.dir, "HOME=/nonexistent", "TZ=UTC", "NO_COLOR=1"}, w.env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return peak{}, err
	}
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		close(done)
	}()
	p := sample(cmd.Process.Pid, done)
	if err := <-ended; err != nil {
		text, _ := os.ReadFile(log.Name()) // what can be read of it
		return p, fmt.Errorf("%w\n%s", err, text)
	}
	return p, nil
}

// startSandbox starts the S3 that is delivered to, which does not count, and
// returns the environment that leads to it.
func (w *world) startSandbox() (env []string, err error) {
	ready := filepath.Join(w.dir, "sandbox.txt")
	out, err := os.Create(ready)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // the sandbox writes to its own
	w.sandbox = exec.Command(w.program, "sandbox", filepath.Join(w.project, "flows"), "--data-dir", filepath.Join(w.dir, "aws"))
	w.sandbox.Stdout = out
	w.sandbox.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for us
	if err := w.sandbox.Start(); err != nil {
		return nil, err
	}
	for range 600 {
		text, err := os.ReadFile(ready)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(text), "AWS_EC2_METADATA_DISABLED=true\n") {
			for line := range strings.Lines(string(text)) {
				env = append(env, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "export "))
			}
			return env, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.New("the sandbox did not start")
}

func (w *world) stopSandbox() {
	_ = w.sandbox.Process.Signal(syscall.SIGTERM) // it may be gone
	_ = w.sandbox.Wait()                          // how it ends does not matter
}
