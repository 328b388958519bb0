package main

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// patience bounds how long one process may take; it is spent only when
// something hangs.
const patience = 3 * time.Minute

// A process is one waybill.
type process struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed when it has ended
}

// start runs a program whose output goes to the end of a log.
func start(log string, env []string, program string, args ...string) (*process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(f, "%s $ waybill %q\n", time.Now().Format(time.TimeOnly), args)
	p := &process{cmd: exec.Command(program, args...), log: f, done: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=/nonexistent", "TZ=UTC", "NO_COLOR=1"}, env...)
	p.cmd.Stdout, p.cmd.Stderr = f, f
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		fmt.Fprintf(f, "%s %s\n\n", time.Now().Format(time.TimeOnly), p.cmd.ProcessState)
		_ = f.Close()
		close(p.done)
	}()
	return p, nil
}

// kill is kill -9; it returns when the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone
	<-p.done
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// wait waits for the end; false means that patience ran out, and it was killed.
func (p *process) wait() bool {
	select {
	case <-p.done:
		return true
	case <-time.After(patience):
		p.kill()
		return false
	}
}

// killed reports whether SIGKILL ended the process.
func (p *process) killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// A victim is the process that is to be killed, which one by one are many.
type victim struct {
	mu sync.Mutex
	p  *process
}

func (v *victim) set(p *process) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.p = p
}

func (v *victim) get() *process {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.p
}

func (v *victim) kill() {
	if p := v.get(); p != nil {
		p.kill()
	}
}
