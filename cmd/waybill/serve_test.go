package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"waybill/runner"
	"waybill/runner/state"
	"waybill/runner/state/sqlite"
	"waybill/sinks"
)

// patience bounds every wait for something to be observed; a busy machine may
// need much of it, and none of it is spent when things go well.
const patience = time.Minute

// eventually looks again and again until ok, and fails the test when patience
// has run out. what completes the sentence "… did not happen".
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not happen within %s", what, patience)
		}
		<-tick.C
	}
}

// A served is a `waybill serve` in a process of its own.
type served struct {
	t   *testing.T
	cmd *exec.Cmd
	url string // of its door

	mu     sync.Mutex
	log    []logLine
	raw    strings.Builder
	exited chan struct{} // closed when the process has ended and all of its log is read
}

type logLine map[string]any

func (l logLine) text(key string) string {
	s, _ := l[key].(string)
	return s
}

// start runs `waybill serve DIR --data-dir DATA` and kills it at the end of the
// test, if it is still there.
func start(t *testing.T, env []string, dir, data string, args ...string) *served {
	t.Helper()
	s := &served{t: t, exited: make(chan struct{})}
	s.cmd = waybillCommand(env, append([]string{"serve", dir, "--data-dir", data, "--listen", "127.0.0.1:0"}, args...)...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.read(stderr)
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("log of the daemon:\n%s", s.text())
		}
	})
	return s
}

// serve is start for a daemon that comes up.
func serve(t *testing.T, env []string, dir, data string, args ...string) *served {
	t.Helper()
	s := start(t, env, dir, data, args...)
	s.url = "http://" + s.wait("waybill serves", func(l logLine) bool { return l.text("msg") == "waybill serves" }).text("listen")
	eventually(t, "the daemon is ready", func() bool { code, _ := s.get("/readyz"); return code == http.StatusOK })
	return s
}

func (s *served) read(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l logLine
		_ = json.Unmarshal(lines.Bytes(), &l) // what is not JSON is text for people
		s.mu.Lock()
		s.raw.WriteString(lines.Text() + "\n")
		if l != nil {
			s.log = append(s.log, l)
		}
		s.mu.Unlock()
	}
	_ = s.cmd.Wait() // its exit code is in ProcessState
	close(s.exited)
}

func (s *served) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

func (s *served) find(match func(logLine) bool) logLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.log {
		if match(l) {
			return l
		}
	}
	return nil
}

// wait returns the first log line that matches.
func (s *served) wait(what string, match func(logLine) bool) (found logLine) {
	s.t.Helper()
	eventually(s.t, "in the log: "+what, func() bool {
		found = s.find(match)
		return found != nil
	})
	return found
}

// end waits until the process has ended and returns its exit code.
func (s *served) end() int {
	s.t.Helper()
	eventually(s.t, "the daemon ends", func() bool {
		select {
		case <-s.exited:
			return true
		default:
			return false
		}
	})
	return s.cmd.ProcessState.ExitCode()
}

// stop asks the daemon to end, and checks that it does so in order.
func (s *served) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if code := s.end(); code != 0 {
		s.t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
}

// kill is kill -9.
func (s *served) kill() {
	_ = s.cmd.Process.Kill() // it may be gone
	<-s.exited
}

func (s *served) do(method, path string, change func(*http.Request)) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Close = true
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

func (s *served) get(path string) (int, string) {
	s.t.Helper()
	return s.do(http.MethodGet, path, nil)
}

// metric is the value of one metric without labels.
func (s *served) metric(name string) float64 {
	s.t.Helper()
	_, body := s.get("/metrics")
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(body)
	if m == nil {
		s.t.Fatalf("there is no metric %s", name)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// reload posts /-/reload.
func (s *served) reload() (int, reloadOutput) {
	s.t.Helper()
	code, body := s.do(http.MethodPost, "/-/reload", nil)
	var out reloadOutput
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		s.t.Fatalf("POST /-/reload answered %d %q: %v", code, body, err)
	}
	return code, out
}

// openStore opens the state of a data directory beside the daemon.
func openStore(t *testing.T, data string) *sqlite.Store {
	t.Helper()
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), filepath.Join(data, "waybill.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// runsOfState lists the runs that a data directory knows, as `runs list --json`
// prints them.
func runsOfState(t *testing.T, data string) []runOutput {
	t.Helper()
	var runs []runOutput
	if err := json.Unmarshal([]byte(mustWaybill(t, nil, "runs", "list", "--data-dir", data, "--json")), &runs); err != nil {
		t.Fatal(err)
	}
	return runs
}

// backdate makes a daemon believe, the next time it starts, that it has seen
// the pipeline's schedule before, and nothing since then.
func backdate(t *testing.T, env []string, dir, data, pipeline string, since time.Time) {
	t.Helper()
	s := serve(t, env, dir, data)
	store := openStore(t, data)
	var seen state.Watermark
	eventually(t, "the daemon has seen the schedule", func() bool {
		var err error
		seen, err = store.Watermark(t.Context(), pipeline)
		return err == nil
	})
	s.stop()
	seen.At = since
	if err := store.SetWatermark(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
}

// intents are what the ledger holds for a sink and slot.
func intents(t *testing.T, store *sqlite.Store, pipeline, sink string, slot time.Time) []sinks.Intent {
	t.Helper()
	list, err := store.Intents(t.Context(), runner.DeliveryID(pipeline, sink, slot))
	if err != nil {
		t.Fatal(err)
	}
	return list
}
