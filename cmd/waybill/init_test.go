package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"

	"waybill/internal/scaffold"
)

// A terminal is one that a person sits at, with a command that runs on it.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	keys *os.File // what is typed goes here
	done chan struct{}

	mu     sync.Mutex
	screen bytes.Buffer
	read   int // how much of the screen has been read
}

// onTerminal starts a command line of waybill on a terminal of its own.
func onTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	x := &terminal{t: t, cmd: waybillCommand([]string{"NO_COLOR=1", "TERM=dumb"}, args...), done: make(chan struct{})}
	keys, err := pty.StartWithSize(x.cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	x.keys = keys
	go x.watch()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill() // it may be gone
		<-x.done
		_ = keys.Close()
	})
	return x
}

// watch keeps what the command prints until it ends.
func (x *terminal) watch() {
	defer close(x.done)
	buf := make([]byte, 4096)
	for {
		n, err := x.keys.Read(buf) // EIO once the command has gone
		x.mu.Lock()
		x.screen.Write(buf[:n])
		x.mu.Unlock()
		if err != nil {
			_ = x.cmd.Wait() // its exit code is in ProcessState
			return
		}
	}
}

// sees waits until a text appears behind what was seen before, and returns what
// stands before it.
func (x *terminal) sees(text string) string {
	x.t.Helper()
	before := ""
	eventually(x.t, fmt.Sprintf("the terminal shows %q", text), func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		rest := strings.ReplaceAll(x.screen.String(), "\r\n", "\n")[x.read:]
		i := strings.Index(rest, text)
		if i < 0 {
			return false
		}
		before = rest[:i]
		x.read += i + len(text)
		return true
	})
	return before
}

func (x *terminal) types(keys string) {
	x.t.Helper()
	if _, err := io.WriteString(x.keys, keys); err != nil {
		x.t.Fatal(err)
	}
}

// answers waits for a question and answers it.
func (x *terminal) answers(question, answer string) {
	x.t.Helper()
	x.sees(question)
	x.sees("] ")
	x.types(answer + "\n")
}

// ends waits for the end of the command and returns its exit code.
func (x *terminal) ends() int {
	x.t.Helper()
	eventually(x.t, "the command ends", func() bool {
		select {
		case <-x.done:
			return true
		default:
			return false
		}
	})
	return x.cmd.ProcessState.ExitCode()
}

// On a terminal every question is asked that no flag answers, and until its
// answer is right.
func TestInitAsks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "shop")
	x := onTerminal(t, "init", dir, "--region", "eu-west-1")
	x.sees("A new project in " + dir)
	x.answers("What is the pipeline called? [orders", "two words")
	x.sees(`✗ "two words" cannot be a name`)
	x.answers("What is the pipeline called? [orders", "weekly")
	x.answers("Where does the data come from? athena, file [athena", "file")
	x.answers("Where does the report go? s3, file [s3", "")
	x.answers("In which format? ", "csv")
	x.answers("When does it run? AWS or standard cron, rate(1 hour), or none [0 6 * * ? *", "0 25 * * ? *")
	x.sees("✗ hours: 25 is out of range")
	x.answers("When does it run?", "  0 9 ? * MON-FRI *  ")
	x.answers("In which time zone? [UTC", "Europe/Berlin")
	x.answers("Which bucket is delivered to? [acme-inbox", "Reports")
	x.sees(`✗ bucket: "Reports" has upper-case letters`)
	x.answers("Which bucket is delivered to?", "reports-inbox")
	x.answers("Which role may write there? its ARN, or none [arn:", "")
	x.answers("Which external id does its trust policy ask for? [acme-7f3c", "")
	if skipped := x.sees("Wrote 8 files to "); strings.Contains(skipped, "?") {
		t.Errorf("more is asked: %s", skipped)
	}
	x.sees("weekly runs at 09:00 on weekdays, Berlin time, once `waybill serve` is started.")
	x.sees("waybill sandbox . -- waybill run weekly")
	if code := x.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	mustWaybill(t, nil, "validate", "--strict", dir)
	for name, want := range map[string]string{
		"pipelines/weekly.hcl": `cron = "0 9 ? * MON-FRI *"`, "waybill.hcl": `default     = "eu-west-1"`, "aws.sandbox.hcl": `bucket "reports-inbox"`,
	} {
		if text := readFile(t, filepath.Join(dir, name)); !strings.Contains(text, want) {
			t.Errorf("%s lacks %s:\n%s", name, want, text)
		}
	}
}

// Whoever gives up before the end leaves nothing behind.
func TestInitGivenUp(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]string{"Ctrl-C": "\x03", "Ctrl-C in an answer": "or\x03", "Ctrl-D": "\x04"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			x := onTerminal(t, "init", filepath.Join(parent, "shop"))
			x.answers("What is the pipeline called?", "")
			x.sees("Where does the data come from?")
			x.sees("] ")
			x.types(keys)
			x.sees("Error: stopped. Nothing was written.")
			if code := x.ends(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if _, err := os.Stat(filepath.Join(parent, "shop")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the directory is there: %v", err)
			}
		})
	}
}

// What stands in the way is said before anything is asked, and --yes asks
// nothing on a terminal either.
func TestInitOnATerminalWithoutQuestions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "waybill.hcl", "")
	x := onTerminal(t, "init", dir)
	if asked := x.sees("is not empty: it has waybill.hcl"); strings.Contains(asked, "?") {
		t.Errorf("it asks first: %s", asked)
	}
	if code := x.ends(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	x = onTerminal(t, "init", filepath.Join(dir, "new"), "--yes")
	if asked := x.sees("Wrote 9 files"); strings.Contains(asked, "?") {
		t.Errorf("it asks in spite of --yes: %s", asked)
	}
	if code := x.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A project of every format that sinks write runs as it stands.
func TestInitFormats(t *testing.T) {
	t.Parallel()
	questions := scaffold.Questions()
	i := slices.IndexFunc(questions, func(q scaffold.Question) bool { return q.Name == "format" })
	for _, format := range questions[i].Choices {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "shop")
			mustWaybill(t, nil, "init", dir, "--yes", "--source", "file", "--sink", "file", "--format", format)
			mustWaybill(t, nil, "validate", "--strict", dir)
			mustWaybill(t, nil, "fmt", "--check", dir)
			out := mustWaybill(t, nil, "run", "orders", "-C", dir, "--at", "2026-02-01")
			if !regexp.MustCompile(`delivered +\S+/out/orders/2026-02-01/report\.\w+ +4 rows`).MatchString(out) {
				t.Errorf("the run says:\n%s", out)
			}
		})
	}
}
