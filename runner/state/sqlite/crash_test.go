package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/runner/state"
	"waybill/sinks"
)

const (
	crashPipelines = 4 // written to at once, by a goroutine each
	crashSlots     = 3 // fired together, so that half of them would show
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestKill kills a process that writes, again and again, and checks that
// everything it was told is durable is there, and nothing is there by half.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openStore(t, path)
	for n := range crashPipelines {
		if err := s.SetWatermark(t.Context(), crashMark(pipelineName(n), 0)); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	acked := map[string]bool{}
	for range 6 {
		killWhileWriting(t, path, 40+rand.IntN(200), acked)
		checkAfterCrash(t, path, acked)
	}
}

func pipelineName(n int) string { return fmt.Sprint("p", n) }

func crashMark(pipeline string, round int) state.Watermark {
	return state.Watermark{Pipeline: pipeline, Schedule: "x", At: epoch.Add(time.Duration(round*crashSlots) * time.Second)}
}

// crashChild writes until it is killed. It prints a line for each change, after
// the store has returned from it.
func crashChild(path string, out io.Writer) error {
	s, err := Open(context.Background(), path, Options{})
	if err != nil {
		return err
	}
	if _, err := s.LockDaemon(context.Background()); err != nil {
		return err
	}
	var line sync.Mutex
	ack := func(words ...string) {
		line.Lock()
		defer line.Unlock()
		_, _ = fmt.Fprintln(out, strings.Join(words, " "))
	}
	failed := make(chan error)
	for n := range crashPipelines {
		go func() { failed <- crashWrite(s, pipelineName(n), ack) }()
	}
	return <-failed
}

// crashWrite fires slots and runs them, for ever.
func crashWrite(s *Store, pipeline string, ack func(...string)) error {
	ctx := context.Background()
	w, err := s.Watermark(ctx, pipeline)
	if err != nil {
		return err
	}
	for round := int(w.At.Sub(epoch)/time.Second) / crashSlots; ; round++ {
		var runs []state.Run
		for i := 1; i <= crashSlots; i++ {
			runs = append(runs, state.Run{ID: fmt.Sprintf("%s-%06d-%d", pipeline, round, i), Pipeline: pipeline,
				Slot: crashMark(pipeline, round).At.Add(time.Duration(i) * time.Second), Trigger: "schedule", Status: state.Queued})
		}
		if _, err := s.Fire(ctx, crashMark(pipeline, round), crashMark(pipeline, round+1), runs); err != nil {
			return err
		}
		ack("fired", pipeline, strconv.Itoa(round+1))
		for _, r := range runs {
			if err := crashRun(ctx, s, r.ID, ack); err != nil {
				return err
			}
		}
	}
}

// crashRun takes one run through the store, as a runner does.
func crashRun(ctx context.Context, s *Store, id string, ack func(...string)) error {
	step := state.Step{Run: id, Address: "sink.a", Attempt: 1, Status: state.Running}
	obj := sinks.Object{Key: "k", SHA256: "x"}
	for _, change := range []struct {
		name string
		do   func() error
	}{
		{"claimed", func() error {
			_, err := s.Claim(ctx, id, "w", "g", epoch, time.Minute)
			return err
		}},
		{"step", func() error { return s.PutStep(ctx, "w", step) }},
		{"planned", func() error {
			_, err := s.Plan(ctx, "w", state.Delivery{ID: "d-" + id, Run: id, Slot: epoch, Plan: json.RawMessage(`1`)})
			return err
		}},
		{"intended", func() error { return s.Intend(ctx, "w", "d-"+id, sinks.Intent{Key: "k", UploadID: "u"}) }},
		{"settled", func() error { return s.Settle(ctx, "w", "d-"+id, obj) }},
		{"delivered", func() error { return s.Deliver(ctx, "w", "d-"+id, json.RawMessage(`2`), step, epoch) }},
		{"finished", func() error { return s.Finish(ctx, id, "w", state.Succeeded, "", nil, epoch) }},
	} {
		if err := change.do(); err != nil {
			return err
		}
		ack(change.name, id)
	}
	return nil
}

// killWhileWriting runs a child until it has acknowledged so many changes, kills
// it, and adds all that it has acknowledged to acked.
func killWhileWriting(t *testing.T, path string, changes int, acked map[string]bool) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+path)
	var stderr strings.Builder
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		acked[lines.Text()] = true
		if n == 0 {
			checkLocked(t, path, child.Process.Pid)
		}
		if n == changes {
			if err := child.Process.Kill(); err != nil { // and read on, what came before
				t.Fatal(err)
			}
		}
	}
	err = child.Wait()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child ended by itself: %v %s", err, stderr.String())
	}
}

// checkLocked checks that the child is the daemon.
func checkLocked(t *testing.T, path string, pid int) {
	t.Helper()
	s := openStore(t, path)
	defer closeStore(t, s)
	_, err := s.LockDaemon(t.Context())
	if !errors.Is(err, state.ErrConflict) || !strings.Contains(err.Error(), fmt.Sprintf("(process %d)", pid)) {
		t.Errorf("got error %v, want that process %d has the lock", err, pid)
	}
}

func checkAfterCrash(t *testing.T, path string, acked map[string]bool) {
	t.Helper()
	s := openStore(t, path)
	defer closeStore(t, s)
	var verdict string
	if err := s.reader.QueryRow(`PRAGMA integrity_check`).Scan(&verdict); err != nil || verdict != "ok" {
		t.Fatalf("integrity: %s %v", verdict, err)
	}
	release, err := s.LockDaemon(t.Context()) // the dead don't hold locks
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release() }()
	for line := range acked {
		words := strings.Fields(line)
		if !isThere(t, s, words) {
			t.Errorf("acknowledged and lost: %s", line)
		}
	}
	checkWhole(t, s)
}

// isThere reports whether the store holds the change that a child acknowledged.
func isThere(t *testing.T, s *Store, words []string) bool {
	t.Helper()
	what, id := words[0], words[1]
	if what == "fired" {
		round, err := strconv.Atoi(words[2])
		w, errMark := s.Watermark(t.Context(), id)
		return err == nil && errMark == nil && !w.At.Before(crashMark(id, round).At)
	}
	r, err := s.Run(t.Context(), id)
	if err != nil {
		return false
	}
	d, _ := s.Delivery(t.Context(), "d-"+id)
	intents, _ := s.Intents(t.Context(), "d-"+id)
	steps, _ := s.Steps(t.Context(), id)
	switch what {
	case "claimed":
		return r.Claims > 0
	case "step":
		return len(steps) == 1
	case "planned":
		return d.Run == id
	case "intended":
		return len(intents) == 1
	case "settled":
		return len(intents) == 1 && intents[0].Settled && intents[0].Object.SHA256 == "x"
	case "delivered":
		return d.Done
	case "finished":
		return r.Status == state.Succeeded
	}
	t.Fatalf("what is %q?", what)
	return false
}

// checkWhole checks that what belongs together is there together.
func checkWhole(t *testing.T, s *Store) {
	t.Helper()
	count := func(query string, args ...any) (n int) {
		t.Helper()
		if err := s.reader.QueryRow(query, args...).Scan(&n); err != nil && !errors.Is(err, sql.ErrNoRows) {
			t.Fatal(err)
		}
		return n
	}
	for n := range crashPipelines {
		w, err := s.Watermark(t.Context(), pipelineName(n))
		if err != nil {
			t.Fatal(err)
		}
		want := int(w.At.Sub(epoch) / time.Second)
		runs := count(`SELECT count(*) FROM runs WHERE pipeline = ?`, w.Pipeline)
		slots := count(`SELECT count(*) FROM slots WHERE pipeline = ?`, w.Pipeline)
		if runs != want || slots != want {
			t.Errorf("%s: %d slots by the watermark, %d slots, %d runs", w.Pipeline, want, slots, runs)
		}
	}
	if n := count(`SELECT count(*) FROM deliveries JOIN steps USING (run) WHERE done <> (steps.status = 'succeeded')`); n != 0 {
		t.Errorf("%d deliveries and their steps disagree", n)
	}
	if n := count(`SELECT count(*) FROM runs JOIN deliveries ON run = runs.id WHERE runs.status = 'succeeded' AND NOT done`); n != 0 {
		t.Errorf("%d runs succeeded without their delivery", n)
	}
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
