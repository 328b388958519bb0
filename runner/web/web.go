// Package web is the daemon's door: health, metrics and reload over HTTP.
package web

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Daemon is what the door needs to know of the daemon.
type Daemon interface {
	// Ready reports whether work is being done, and a word on it either way.
	Ready() (bool, string)
	// ReloadNow reloads the configuration. The answer is encoded as JSON.
	ReloadNow(ctx context.Context) (ok bool, answer any)
}

// Handler serves the daemon's HTTP interface. hosts are the names under which
// it may be called beside loopback addresses: any other Host header is refused,
// so that a page in a browser cannot reach it by a name of its own.
func Handler(d Daemon, metrics http.Handler, hosts ...string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		ok, word := d.Ready()
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(word + "\n"))
	})
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("POST /-/reload", func(w http.ResponseWriter, r *http.Request) {
		ok, answer := d.ReloadNow(r.Context())
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	return knownHost(http.NewCrossOriginProtection().Handler(mux), hosts)
}

func knownHost(next http.Handler, hosts []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.ToLower(strings.Trim(host, "[]"))
		ip := net.ParseIP(host)
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) && !slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
			http.Error(w, "this name is not served here", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Serve answers on the listener until ctx ends, and then finishes what it is
// answering within a few seconds.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) }}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err := srv.Shutdown(within)
		if err != nil { // an answer took too long
			_ = srv.Close()
		}
		stopped <- err
	})
	err := srv.Serve(l)
	if stop() { // ctx is still alive: Serve failed on its own
		return err
	}
	return <-stopped
}
