package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"

	"waybill/internal/problem"
)

// A child is the process.
type child struct {
	in      *os.File // we write
	out     *os.File // we read
	process *os.Process
	stderr  tail
	oom     int64         // the kernel's count of out-of-memory kills at the start
	done    chan struct{} // closed once the process is gone and state is set
	state   *os.ProcessState
	waitErr error
}

// kill ends the process. It is safe at any time, after its end too.
func (c *child) kill() { _ = c.process.Kill() }

// spawn starts the process on a thread of its own, which lives as long as the
// process: Linux sends the death signal when the thread that started a child
// ends, and Landlock confines a thread and what it starts.
func spawn(o Options) (*child, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, childIn.Close(), in.Close())
	}
	c := &child{in: in, out: out, oom: oomKills(), done: make(chan struct{})}
	cmd := exec.Command(o.Command[0], o.Command[1:]...)
	cmd.Env = []string{} // nil would be ours
	cmd.Dir = o.Dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = childIn, childOut, &c.stderr
	cmd.WaitDelay = deathGrace
	cmd.SysProcAttr = processAttributes()
	started := make(chan error)
	go ownThread(func() { c.run(cmd, o, started) })
	err = errors.Join(<-started, childIn.Close(), childOut.Close())
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	return c, nil
}

// run starts the process, tells started, and waits for its end. It needs a
// thread of its own.
func (c *child) run(cmd *exec.Cmd, o Options, started chan<- error) {
	err := confine(o)
	if err == nil {
		err = cmd.Start()
	}
	c.process = cmd.Process
	started <- err
	if err != nil {
		return
	}
	c.waitErr = cmd.Wait()
	c.state = cmd.ProcessState
	close(c.done)
}

// obituary tells why a child ended that we did not kill.
func (c *child) obituary() error {
	how := "without a status"
	if c.state != nil {
		how = c.state.String()
	}
	last := c.stderr.summary()
	if how == "signal: killed" && oomKills() > c.oom || outOfMemory.MatchString(last) {
		return problem.New("out-of-memory", "The compute process was ended for want of memory ("+how+").", nil)
	}
	var err error
	if last != "" {
		err = errors.New(last)
	}
	return problem.New("engine-crashed", fmt.Sprintf("The compute process ended unexpectedly (%s).", how), err)
}

// tailSize is how much of the child's standard error is looked at: the last
// words, and with Go's stack dumps the first ones too.
const tailSize = 16 << 10

// A tail keeps the beginning and the end of what is written to it.
type tail struct {
	mu          sync.Mutex
	first, last []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := tailSize - len(t.first); room > 0 {
		t.first = append(t.first, p[:min(room, len(p))]...)
	}
	t.last = append(t.last, p...)
	if over := len(t.last) - tailSize; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	return len(p), nil
}

// Last words that are known to hold no cell values: the beginnings of what Go
// and the C++ runtime print before they give up. The texts of panics and of
// C++ exceptions are left out, since they may quote data.
var lastWords = regexp.MustCompile(`^(fatal error: [a-z :]+|runtime: [a-z :]+|SIG[A-Z]+: [a-z ]+|panic: runtime error: [a-z :]+|panic|terminate called after throwing an instance of '[A-Za-z_:]+'|free\(\): [a-z ]+|malloc\(\): [a-z ]+|\*\*\* stack smashing detected|[a-z ]*error while loading shared libraries: [A-Za-z0-9_.+-]+)`)

var outOfMemory = regexp.MustCompile(`bad_alloc|cannot allocate memory|out of memory`)

// summary returns the lines that lastWords recognises, as far as it does.
func (t *tail) summary() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []string
	for _, part := range [][]byte{t.first, t.last} {
		for line := range bytes.Lines(part) {
			if m := lastWords.Find(line); m != nil && (len(found) == 0 || found[len(found)-1] != string(m)) {
				found = append(found, string(m))
			}
		}
	}
	return strings.Join(found, "; ")
}
