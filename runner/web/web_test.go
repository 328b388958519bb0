package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waybill/runner/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a daemon.
type fake struct {
	ready, ok bool
	reloads   int
	reloading func(context.Context) // called while it reloads
}

func (f *fake) Ready() (bool, string) { return f.ready, "the word" }

func (f *fake) ReloadNow(ctx context.Context) (bool, any) {
	f.reloads++
	if f.reloading != nil {
		f.reloading(ctx)
	}
	return f.ok, map[string]any{"ok": f.ok, "generation": "abc"}
}

var metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "waybill_up 1\n") })

func call(f *fake, method, path string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "127.0.0.1:8585"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	web.Handler(f, metrics, "waybill.internal").ServeHTTP(w, r)
	return w
}

func TestHandlers(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		daemon       fake
		status       int
		body         string
	}{
		{"GET", "/healthz", fake{}, 200, "ok\n"},
		{"HEAD", "/healthz", fake{}, 200, ""},
		{"GET", "/readyz", fake{ready: true}, 200, "the word\n"},
		{"GET", "/readyz", fake{}, 503, "the word\n"},
		{"GET", "/metrics", fake{}, 200, "waybill_up 1\n"},
		{"POST", "/-/reload", fake{ok: true}, 200, `{"generation":"abc","ok":true}`},
		{"POST", "/-/reload", fake{}, 422, `{"generation":"abc","ok":false}`},
		{"GET", "/-/reload", fake{}, 405, "Method Not Allowed"},
		{"POST", "/healthz", fake{}, 405, "Method Not Allowed"},
		{"GET", "/", fake{}, 404, "404"},
		{"GET", "/healthz/x", fake{}, 404, "404"},
	} {
		w := call(&tt.daemon, tt.method, tt.path, nil)
		if w.Code != tt.status || tt.method != "HEAD" && !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s %s = %d %q, want %d %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.body)
		}
		if want := map[bool]int{true: 1}[tt.method == "POST" && tt.path == "/-/reload"]; tt.daemon.reloads != want {
			t.Errorf("%s %s reloaded %d times", tt.method, tt.path, tt.daemon.reloads)
		}
		if strings.HasPrefix(tt.body, "{") && (!json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json") {
			t.Errorf("%s %s is no JSON: %q", tt.method, tt.path, w.Body)
		}
	}
}

// A page in a browser can make a name of its own lead to a loopback address;
// only the names that are known are answered.
func TestHosts(t *testing.T) {
	for host, served := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:8585": true, "127.1.2.3": true, "localhost": true, "localhost:80": true, "LocalHost:8585": true, "[::1]": true, "[::1]:8585": true,
		"waybill.internal": true, "waybill.internal:8585": true, "Waybill.Internal": true,
		"": false, "evil.example": false, "evil.example:8585": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
		"10.0.0.1": false, "0.0.0.0": false, "[::]": false, "169.254.169.254": false, "waybill.internal.evil.example": false,
	} {
		f := &fake{ok: true}
		w := call(f, "POST", "/-/reload", func(r *http.Request) { r.Host = host })
		if got := w.Code == http.StatusOK; got != served || f.reloads != map[bool]int{true: 1}[served] {
			t.Errorf("host %q: %d, %d reloads", host, w.Code, f.reloads)
		}
		if !served && w.Code != http.StatusMisdirectedRequest {
			t.Errorf("host %q: %d", host, w.Code)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	for name, tt := range map[string]struct {
		header, value string
		allowed       bool
	}{
		"a command line":         {"User-Agent", "curl/8", true},
		"the same origin":        {"Sec-Fetch-Site", "same-origin", true},
		"typed by the user":      {"Sec-Fetch-Site", "none", true},
		"another site":           {"Sec-Fetch-Site", "cross-site", false},
		"another host of a site": {"Sec-Fetch-Site", "same-site", false},
		"an older browser":       {"Origin", "https://evil.example", false},
		"its own origin":         {"Origin", "http://127.0.0.1:8585", true},
		"another port":           {"Origin", "http://127.0.0.1:9999", false},
		"a sandboxed page":       {"Origin", "null", false},
	} {
		f := &fake{ok: true}
		w := call(f, "POST", "/-/reload", func(r *http.Request) { r.Header.Set(tt.header, tt.value) })
		if (w.Code == http.StatusOK) != tt.allowed || f.reloads != map[bool]int{true: 1}[tt.allowed] {
			t.Errorf("%s: %d, %d reloads", name, w.Code, f.reloads)
		}
	}
}

// served is a door on a port of its own.
func served(t *testing.T, f *fake) (url string, stop context.CancelFunc, done chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done = make(chan error, 1)
	go func() { done <- web.Serve(ctx, l, web.Handler(f, metrics)) }()
	return "http://" + l.Addr().String(), stop, done
}

func client(t *testing.T) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

// What is being answered when the door closes is answered to its end.
func TestServe(t *testing.T) {
	entered, letGo := make(chan struct{}), make(chan struct{})
	f := &fake{ok: true, reloading: func(ctx context.Context) {
		close(entered)
		<-letGo
		if ctx.Err() != nil {
			t.Error("the request was cancelled")
		}
	}}
	url, stop, done := served(t, f)
	c := client(t)
	answered := make(chan error, 1)
	go func() {
		resp, err := c.Post(url+"/-/reload", "", nil)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			err = errors.Join(err, resp.Body.Close())
			if resp.StatusCode != http.StatusOK {
				err = errors.New(resp.Status)
			}
		}
		answered <- err
	}()
	<-entered
	stop()
	close(letGo)
	if err := <-answered; err != nil {
		t.Errorf("the answer: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve ended with %v", err)
	}
	if resp, err := client(t).Get(url + "/healthz"); err == nil {
		_ = resp.Body.Close()
		t.Error("the door is open still")
	}
}

func TestServeEndsWithItsListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := web.Serve(t.Context(), l, metrics); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve = %v", err)
	}
}
