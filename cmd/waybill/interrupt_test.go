package main

import (
	"bytes"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"waybill/internal/sandbox"
	"waybill/runner/state"
)

// A held is a run by hand whose uploads do not come to their end.
type held struct {
	*exec.Cmd
	out, errOut bytes.Buffer
	ended       chan struct{}
	sandbox     *sandbox.Process
	dir, data   string
	id          string
}

// hold starts a run whose artifact for Acme goes up in parts, and returns when
// the upload has begun. Nothing is delivered to anybody.
func hold(t *testing.T) *held {
	t.Helper()
	h := &held{dir: partners(t), data: t.TempDir(), ended: make(chan struct{})}
	large(t, h.dir)
	h.sandbox = startSandbox(t, h.dir)
	setFaults(t, h.sandbox, sandbox.Fault{Operation: "UploadPart", Delay: time.Hour}, sandbox.Fault{Operation: "PutObject", Bucket: "birdwatch-drop", Delay: time.Hour})
	h.Cmd = waybillCommand(h.sandbox.Env(), "run", "orders", "-C", h.dir, "--data-dir", h.data, "--at", "2001-01-01")
	h.Stdout, h.Stderr = &h.out, &h.errOut
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = h.Wait() // its exit code is in ProcessState
		close(h.ended)
	}()
	t.Cleanup(func() {
		_ = h.Process.Kill() // it may be gone
		<-h.ended
	})
	eventually(t, "the upload begins", func() bool { return len(succeeded(calls(t, h.sandbox, "CreateMultipartUpload"))) > 0 })
	h.id = runsOfState(t, h.data)[0].ID
	return h
}

// checkCancelled waits for the end and checks that nothing is left at Acme, and
// that a retry delivers.
func (h *held) checkCancelled(t *testing.T) {
	t.Helper()
	eventually(t, "the run ends", func() bool {
		select {
		case <-h.ended:
			return true
		default:
			return false
		}
	})
	if code := h.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{"sink      acme       – cancelled", "\ncancelled after ", "waybill runs retry " + h.id} {
		if !strings.Contains(h.out.String(), want) {
			t.Errorf("the output lacks %q:\n%s%s", want, h.out.String(), h.errOut.String())
		}
	}
	if r := runsOfState(t, h.data)[0]; r.Status != state.Cancelled {
		t.Errorf("the run is %s, want cancelled", r.Status)
	}
	checkNoOpenUploads(t, h.sandbox)
	setFaults(t, h.sandbox)
	mustWaybill(t, h.sandbox.Env(), "runs", "retry", h.id, "-C", h.dir, "--data-dir", h.data)
	checkObjects(t, h.sandbox, "acme-inbox/orders/2001-01-01.csv", "birdwatch-drop/totals/2001-01-01.csv")
	checkNoOpenUploads(t, h.sandbox)
}

// Ctrl-C ends a run in order: the upload is aborted, and the run can go on.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a request under way has ten seconds to end")
	}
	h := hold(t)
	if err := h.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	h.checkCancelled(t)
}

// So does `runs cancel` from another terminal.
func TestCancel(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a request under way has ten seconds to end")
	}
	h := hold(t)
	out := mustWaybill(t, nil, "runs", "cancel", h.id, "--data-dir", h.data)
	if !strings.Contains(out, "is asked to stop") {
		t.Errorf("runs cancel says %q", out)
	}
	h.checkCancelled(t)
}

// What another process carries cannot be retried meanwhile.
func TestRetryOfARunningRun(t *testing.T) {
	t.Parallel()
	h := hold(t)
	_, errOut, code := waybill(t, h.sandbox.Env(), "runs", "retry", h.id, "-C", h.dir, "--data-dir", h.data)
	if code != 1 || strings.Contains(errOut, "report it") || !strings.Contains(errOut, "running") {
		t.Errorf("exit code %d, want 1 and that the run is running:\n%s", code, errOut)
	}
	if n := len(succeeded(toAcme(calls(t, h.sandbox, "CreateMultipartUpload")))); n != 1 {
		t.Errorf("%d uploads have begun, want that of the first process", n)
	}
}
