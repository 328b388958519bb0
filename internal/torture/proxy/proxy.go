// Package proxy stands between waybill and the services it calls, and makes
// happen to chosen requests what happens on bad days.
package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A Deed is what is done to a request.
type Deed string

// The deeds. Those that begin with Kill call Hooks.Kill at that moment, those
// that begin with Cut close the client's connection.
const (
	KillBefore Deed = "kill before"        // S3 never hears of the request
	KillMid    Deed = "kill in mid-body"   // S3 gets half of the body
	KillAfter  Deed = "kill after"         // it is done, and nobody hears of it
	KillAnswer Deed = "kill in mid-answer" // half of the answer gets through
	CutBefore  Deed = "cut before"
	CutMid     Deed = "cut in mid-body"
	CutAfter   Deed = "cut after"
	CutAnswer  Deed = "cut in mid-answer"
	Delay      Deed = "delay"        // by Rule.Delay, then pass
	Repeat     Deed = "repeat"       // sent twice; the client gets the second answer
	Answer     Deed = "answer"       // with Rule.Status and Rule.Code; S3 never hears of it
	Hold       Deed = "hold"         // until Release; Hooks.Held is told
	Interrupt  Deed = "interrupt at" // Hooks.Interrupt, then pass
)

// A Rule chooses requests and says what is done to them.
type Rule struct {
	Op    string // "PutObject"; empty: any
	From  int    // the first request, counted from 1 among those of Op
	Times int    // how many from there on; 0: one
	Do    Deed
	Delay time.Duration
	// Status and Code are what Answer answers.
	Status int
	Code   string
}

func (r Rule) String() string {
	text := string(r.Do)
	if r.Do == Answer {
		text = fmt.Sprintf("answer %d %s to", r.Status, r.Code)
	}
	op := r.Op
	if op == "" {
		op = "request"
	}
	text += fmt.Sprintf(" %s %d", op, r.From)
	if r.Times > 1 {
		text += fmt.Sprintf(" and %d more", r.Times-1)
	}
	return text
}

// A Request is one that came in.
type Request struct {
	Op, Bucket, Key string
	Hit             bool // by the rule
}

// Hooks are called by the proxy, from several goroutines.
type Hooks struct {
	// Kill ends the client and returns when it is dead.
	Kill func()
	// Interrupt asks the client to end.
	Interrupt func()
	// Held is called when a request is held.
	Held func()
	// Saw is called when an object has appeared, before anybody hears of it.
	Saw func(ctx context.Context, bucket, key, announced string)
	// Gone is called when an object was removed, before anybody hears of it.
	Gone func(ctx context.Context, bucket, key string)
}

// A Proxy is made by Start.
type Proxy struct {
	URL string

	upstream *url.URL
	client   http.RoundTripper
	hooks    Hooks
	server   *http.Server
	release  chan struct{}
	once     sync.Once
	flying   sync.WaitGroup // requests that the services have

	mu       sync.Mutex
	rules    []*counted
	requests []Request
}

type counted struct {
	Rule
	seen int
}

// Start listens on a free port of loopback and passes everything on to
// upstream, except for what the rules choose.
func Start(upstream string, hooks Hooks, rules ...Rule) (*Proxy, error) {
	up, err := url.Parse(upstream)
	if err != nil {
		return nil, fmt.Errorf("the proxy's upstream: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	p := &Proxy{URL: "http://" + l.Addr().String(), upstream: up, hooks: hooks, release: make(chan struct{}),
		client: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8}}
	p.SetRules(rules...)
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = p.server.Serve(l) }() // ends with Close
	return p, nil
}

// SetRules replaces the rules; counting begins anew.
func (p *Proxy) SetRules(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
	for _, r := range rules {
		p.rules = append(p.rules, &counted{Rule: r})
	}
}

// Requests are those that came in so far.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Hits counts the requests that a rule was applied to.
func (p *Proxy) Hits() (n int) {
	for _, r := range p.Requests() {
		if r.Hit {
			n++
		}
	}
	return n
}

// Release lets go of what is held.
func (p *Proxy) Release() { p.once.Do(func() { close(p.release) }) }

// Settle waits until the services have answered all that they were sent, which
// is the longest that a request of a dead client can go on.
func (p *Proxy) Settle() { p.flying.Wait() }

// Close ends the proxy, and cuts off what is under way.
func (p *Proxy) Close() {
	p.Release()
	_ = p.server.Close() // of its listener: nothing follows from it
	p.client.(*http.Transport).CloseIdleConnections()
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := classify(r)
	rule := p.note(c)
	if rule == nil {
		rule = &Rule{}
	}
	switch rule.Do {
	case KillBefore, CutBefore:
		p.end(rule.Do == KillBefore)
	case KillMid, CutMid:
		p.half(r, rule.Do == KillMid)
	case Answer:
		_, _ = io.Copy(io.Discard, r.Body)
		c.fail(w, rule.Status, rule.Code)
		return
	case Delay:
		select {
		case <-time.After(rule.Delay):
		case <-r.Context().Done():
			p.end(false)
		}
	case Hold:
		p.hold(r)
	case Interrupt:
		p.hooks.Interrupt()
	}
	if err := p.pass(w, r, c, rule.Do); err != nil {
		p.end(false)
	}
}

// note counts a request and returns the rule that it is for.
func (p *Proxy) note(c call) *Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	var hit *Rule
	for _, rule := range p.rules {
		if rule.Op != "" && rule.Op != c.op {
			continue
		}
		rule.seen++
		if hit == nil && rule.seen >= rule.From && rule.seen < rule.From+max(1, rule.Times) {
			hit = &rule.Rule
		}
	}
	p.requests = append(p.requests, Request{Op: c.op, Bucket: c.bucket, Key: c.key, Hit: hit != nil})
	return hit
}

// end breaks the client's connection, and the client with it if kill is set.
func (p *Proxy) end(kill bool) {
	if kill {
		p.hooks.Kill()
	}
	panic(http.ErrAbortHandler)
}

// hold reads the request to its end and keeps it.
func (p *Proxy) hold(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.end(false)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.flying.Add(1)
	defer p.flying.Done()
	if p.hooks.Held != nil {
		p.hooks.Held()
	}
	<-p.release
}

var errHalf = errors.New("half is sent")

// half sends the first half of the body and breaks both connections.
func (p *Proxy) half(r *http.Request, kill bool) {
	sent := io.MultiReader(io.LimitReader(r.Body, max(1, r.ContentLength/2)), failing{})
	if resp, err := p.send(r, sent, r.ContentLength); err == nil {
		_ = resp.Body.Close() // a request without a body was answered after all
	}
	p.end(kill)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errHalf }

// send passes a request on. It goes on if the client dies, as one does that is
// on its way through a network.
func (p *Proxy) send(r *http.Request, body io.Reader, size int64) (*http.Response, error) {
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.URL.Scheme, out.URL.Host = p.upstream.Scheme, p.upstream.Host
	out.RequestURI, out.Close = "", false
	out.Body, out.ContentLength = io.NopCloser(body), size
	if size == 0 {
		out.Body = http.NoBody
	}
	out.Header.Del("Expect") // answered by our server already
	return p.client.RoundTrip(out)
}

// pass sends a request and its answer through.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, c call, do Deed) error {
	p.flying.Add(1)
	landed := sync.OnceFunc(p.flying.Done)
	defer landed()
	var body io.Reader = r.Body
	var copied []byte
	if do == Repeat {
		var err error
		if copied, err = io.ReadAll(r.Body); err != nil {
			return err
		}
		body = bytes.NewReader(copied)
	}
	status, header, answer, err := p.exchange(r, body, c)
	if err == nil && do == Repeat {
		status, header, answer, err = p.exchange(r, bytes.NewReader(copied), c)
	}
	if err != nil {
		return err
	}
	switch do {
	case KillAfter, CutAfter:
		landed()
		p.end(do == KillAfter)
	case KillAnswer, CutAnswer:
		landed()
		give(w, status, header, answer, len(answer)/2)
		_ = http.NewResponseController(w).Flush() // it is cut off in any case
		p.end(do == KillAnswer)
	}
	give(w, status, header, answer, len(answer))
	return nil
}

// exchange sends a request and reads the answer to its end.
func (p *Proxy) exchange(r *http.Request, body io.Reader, c call) (int, http.Header, []byte, error) {
	resp, err := p.send(r, body, r.ContentLength)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, nil, err
	}
	if p.hooks.Saw != nil && c.appears(resp.StatusCode, answer) {
		p.hooks.Saw(context.WithoutCancel(r.Context()), c.bucket, c.key, r.Header.Get("x-amz-meta-waybill-sha256"))
	}
	if p.hooks.Gone != nil && c.vanishes(resp.StatusCode) {
		p.hooks.Gone(context.WithoutCancel(r.Context()), c.bucket, c.key)
	}
	if r.Method == http.MethodHead {
		resp.Header.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	} else {
		resp.Header.Set("Content-Length", strconv.Itoa(len(answer)))
	}
	return resp.StatusCode, resp.Header, answer, nil
}

func give(w http.ResponseWriter, status int, header http.Header, answer []byte, n int) {
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer[:n]) // the client may be gone
}
