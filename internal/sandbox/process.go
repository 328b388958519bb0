package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"waybill/internal/problem"
	"waybill/internal/secret"
)

// Verb is the hidden verb of our binary that serves a sandbox.
const Verb = "sandbox-server"

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second // after it, the process is killed
	maxStderr    = 4 << 10          // of the child's complaints, for the error
)

// Options start a sandbox in a process of its own.
type Options struct {
	// Command is the program and arguments that serve the sandbox by Serve;
	// empty: our own executable with Verb.
	Command []string
	// DataDir, Listen and JournalPath are as in RunOptions.
	DataDir, Listen, JournalPath string
	// Stderr receives what the process logs; nil: it is kept for errors only.
	Stderr io.Writer
}

// A Process is a running sandbox. Its methods are safe for concurrent use.
type Process struct {
	Endpoints
	config *Config
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *headBuffer
	done   chan struct{} // closed when the process has ended
	err    error         // how; valid after done

	stop sync.Once
}

// request is what the parent tells its child on standard input.
type request struct {
	Config  *Config           `json:"config"`
	Secrets map[string]string `json:"secrets"` // by access key id
	Options RunOptions        `json:"options"`
}

// Start loads the sandbox files below dir and serves them in a child process.
// It returns when all services answer. A mistake in the files is an
// hcl.Diagnostics. The process ends with Stop, or when this process ends,
// however that happens; ctx bounds the start only.
func Start(ctx context.Context, dir string, o Options) (*Process, error) {
	c, diags := Load(dir)
	if diags.HasErrors() {
		return nil, diags
	}
	return StartConfig(ctx, c, o)
}

// StartConfig is Start for a configuration that is loaded already.
func StartConfig(ctx context.Context, c *Config, o Options) (*Process, error) {
	command := o.Command
	if len(command) == 0 {
		command = []string{"/proc/self/exe", Verb}
	}
	complaints := &headBuffer{max: maxStderr}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = childEnv()
	cmd.Stderr = complaints
	if o.Stderr != nil {
		cmd.Stderr = io.MultiWriter(o.Stderr, complaints)
	}
	// A signal from the terminal is for the parent, which then stops us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, startProblem(err, complaints)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, startProblem(err, complaints)
	}
	if err := cmd.Start(); err != nil {
		return nil, startProblem(err, complaints)
	}
	p := &Process{config: c, cmd: cmd, stdin: stdin, stderr: complaints, done: make(chan struct{})}
	ready := make(chan Endpoints, 1)
	go p.watch(out, ready)
	if err := p.begin(ctx, stdin, c, o, ready); err != nil {
		return nil, startProblem(errors.Join(err, p.Stop()), complaints)
	}
	return p, nil
}

// childEnv is what the child inherits: where temporary files go, and coverage.
func childEnv() []string {
	env := []string{}
	for _, name := range []string{"TMPDIR", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// watch reads the child's announcements until it ends.
func (p *Process) watch(out io.Reader, ready chan<- Endpoints) {
	in := bufio.NewScanner(out)
	for in.Scan() {
		var e Endpoints
		if json.Unmarshal(in.Bytes(), &e) == nil && e.URL != "" {
			ready <- e
			break
		}
	}
	_, _ = io.Copy(io.Discard, out) // ends when the child does
	p.err = p.cmd.Wait()
	close(p.done)
}

func (p *Process) begin(ctx context.Context, stdin io.Writer, c *Config, o Options, ready <-chan Endpoints) error {
	req := request{Config: c, Secrets: map[string]string{}, Options: RunOptions{DataDir: o.DataDir, Listen: o.Listen, JournalPath: o.JournalPath}}
	for _, u := range c.Users {
		req.Secrets[u.AccessKeyID] = u.SecretKey.Reveal()
	}
	if err := json.NewEncoder(stdin).Encode(req); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, os.ErrClosed) {
		return err
	}
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case p.Endpoints = <-ready:
		return nil
	case <-p.done:
		return fmt.Errorf("the sandbox process ended at once")
	case <-timeout.C:
		return fmt.Errorf("the sandbox process did not answer within %s", startTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func startProblem(err error, complaints *headBuffer) error {
	p := problem.New("sandbox-failed", "the local sandbox could not be started", err)
	if text := complaints.String(); text != "" {
		p.Summary = "the local sandbox could not be started: " + text
	}
	return p
}

// Env is the environment that lets any AWS SDK or tool work in the sandbox as
// its default user: "NAME=value".
func (p *Process) Env() []string {
	u, _ := p.config.DefaultUser()
	env := []string{
		"AWS_ACCESS_KEY_ID=" + u.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + u.SecretKey.Reveal(),
		"AWS_REGION=" + p.config.Region,
		"AWS_DEFAULT_REGION=" + p.config.Region,
		"AWS_ENDPOINT_URL=" + p.URL,
		"AWS_ENDPOINT_URL_S3=" + p.URL,
		"AWS_ENDPOINT_URL_STS=" + p.URL,
		"AWS_ENDPOINT_URL_ATHENA=" + p.URL,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + p.URL,
		"AWS_ENDPOINT_URL_SSM=" + p.URL,
		"AWS_EC2_METADATA_DISABLED=true",
	}
	for _, provider := range p.config.OIDCProviders {
		for _, t := range provider.Tokens {
			if t.Env != "" {
				env = append(env, t.Env+"="+tokenPath(p.DataDir, t.Name))
			}
		}
	}
	return env
}

// Config is what the sandbox was started with.
func (p *Process) Config() *Config { return p.config }

// PID is the number of the sandbox's process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// SetFaults replaces all fault rules. None: everything works again.
func (p *Process) SetFaults(ctx context.Context, list ...Fault) error {
	if list == nil {
		list = []Fault{}
	}
	body, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode the fault rules: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, p.Control+"/-/faults", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("set the fault rules: %w", err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("set the fault rules: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxStderr))
		return fmt.Errorf("set the fault rules: %s", strings.TrimSpace(string(text)))
	}
	return nil
}

// Stop ends the sandbox and waits for it. It may be called again, and after
// the process has ended by itself.
func (p *Process) Stop() error {
	p.stop.Do(func() {
		_ = p.stdin.Close() // the child takes it as the end of its parent
	})
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("the sandbox ended badly: %w: %s", p.err, p.stderr)
		}
		return nil
	case <-timeout.C:
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("the sandbox did not stop within %s and was killed", stopTimeout)
	}
}

// Serve is the child's side of Start: it reads the request from in, runs the
// sandbox with the services given and announces its endpoints on out. It
// returns when ctx ends, at SIGTERM or SIGINT, or when in is closed, which
// happens at the latest when the parent dies.
func Serve(ctx context.Context, in io.Reader, out io.Writer, services ...func(Host) (Service, error)) error {
	ctx, unregister := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer unregister() // not before the end: a second signal must not cut the cleaning up short
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dec := json.NewDecoder(in)
	var req request
	if err := dec.Decode(&req); err != nil {
		return fmt.Errorf("read what to serve: %w", err)
	}
	for i, u := range req.Config.Users {
		req.Config.Users[i].SecretKey = secret.New(req.Secrets[u.AccessKeyID])
	}
	go func() {
		_, _ = io.Copy(io.Discard, in) // ends with the parent
		cancel()
	}()
	o := req.Options
	o.Services = services
	var announce error
	o.Ready = func(e Endpoints) {
		if announce = json.NewEncoder(out).Encode(e); announce != nil {
			cancel()
		}
	}
	return errors.Join(Run(ctx, req.Config, o), announce)
}

// A headBuffer keeps the beginning of what is written to it.
type headBuffer struct {
	max int

	mu   sync.Mutex
	text []byte
}

func (b *headBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if room := b.max - len(b.text); room > 0 {
		b.text = append(b.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (b *headBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(string(b.text))
}
