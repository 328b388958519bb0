package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// A tree holds the children of children, and its memory is more than that of
// its root.
func TestTree(t *testing.T) {
	cmd := exec.Command("sh", "-c", "exec 3<&0; sh -c 'echo; cat; true' <&3 & wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // the inner one has started
		t.Fatal(err)
	}
	pids := tree(os.Getpid())
	if len(pids) < 3 || pids[0] != os.Getpid() || !slices.Contains(pids, cmd.Process.Pid) {
		t.Errorf("tree = %v, want us, %d and its child", pids, cmd.Process.Pid)
	}
	done := make(chan struct{})
	time.AfterFunc(100*time.Millisecond, func() { close(done) })
	p := sample(os.Getpid(), done)
	if p.largest < 1<<20 || p.sum <= p.largest || p.tree <= p.largest || p.tree >= p.sum {
		t.Errorf("peak = %+v", p)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if own, files := resident(cmd.Process.Pid); own+files != 0 {
		t.Errorf("a process that is gone has %d bytes", own+files)
	}
}

func TestProjectHasTheRows(t *testing.T) {
	dir := t.TempDir()
	if err := writeProject(dir, 2); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(dir + "/flows/seeds.csv")
	if err != nil || string(text) != "id,name\n1,Nord\n2,Süd\n" {
		t.Errorf("seeds are %q, %v", text, err)
	}
}
