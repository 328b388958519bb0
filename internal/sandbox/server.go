package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	headerTimeout = 10 * time.Second
	drainTimeout  = 2 * time.Second // for requests under way when the sandbox stops
)

// RunOptions say where a sandbox listens and keeps its data.
type RunOptions struct {
	// DataDir holds the buckets; they are there again the next time. Empty: a
	// new temporary directory, removed at the end.
	DataDir string `json:"data_dir,omitempty"`
	// Listen is the loopback address of all services; empty: 127.0.0.1 with a
	// free port.
	Listen string `json:"listen,omitempty"`
	// JournalPath is the file that requests are written to, appended if it
	// exists; empty: journal.ndjson in the data directory.
	JournalPath string `json:"journal_path,omitempty"`

	// Services are started besides S3, STS and those that keep secrets.
	Services []func(Host) (Service, error) `json:"-"`
	// Ready is called once, when all is served.
	Ready func(Endpoints) `json:"-"`
	Log   *slog.Logger    `json:"-"` // nil: slog.Default
}

// Endpoints tell where a running sandbox is found.
type Endpoints struct {
	URL     string `json:"url"`     // of all services, told apart by what requests are signed for
	Control string `json:"control"` // of /-/faults
	DataDir string `json:"data_dir"`
	Journal string `json:"journal"`
}

// Run serves a sandbox until ctx ends. It changes the working directory, and
// S3 can be served once in a process, so it belongs into a process of its own:
// see Start. It returns nil after an orderly end.
func Run(ctx context.Context, c *Config, o RunOptions) (err error) {
	dir, cleanup, err := dataDir(o.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup()) }()
	s := &server{config: c, options: o, dir: dir, log: o.Log}
	if s.log == nil {
		s.log = slog.Default()
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.serve(ctx)
}

func dataDir(dir string) (path string, cleanup func() error, err error) {
	if dir == "" {
		dir, err = os.MkdirTemp("", "waybill-sandbox-")
		if err != nil {
			return "", nil, fmt.Errorf("make a directory for the sandbox: %w", err)
		}
		return dir, func() error {
			// Nobody may stand in a directory that is to go.
			return errors.Join(os.Chdir(os.TempDir()), os.RemoveAll(dir))
		}, nil
	}
	dir, err = filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", nil, fmt.Errorf("make the data directory: %w", err)
	}
	return dir, func() error { return nil }, nil
}

// A server is one running sandbox; its fields are set as it opens.
type server struct {
	config    *Config
	options   RunOptions
	dir       string
	log       *slog.Logger
	faults    faults
	journal   *journal
	gateway   *objectGateway
	services  map[string]Service // doesn't change while requests are served
	closers   []func() error     // of services that run
	listeners []net.Listener     // of the services, and of the control endpoint
}

func (s *server) open(ctx context.Context) error {
	path := s.options.JournalPath
	if path == "" {
		path = filepath.Join(s.dir, "journal.ndjson")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("find the journal: %w", err)
	}
	s.options.JournalPath = path
	if s.journal, err = openJournal(path); err != nil {
		return err
	}
	for _, addr := range []string{s.options.Listen, ""} {
		if err := s.listen(ctx, addr); err != nil {
			return err
		}
	}
	ids := newIdentities(s.config)
	issuers, err := newIssuers(s.config.OIDCProviders)
	if err != nil {
		return err
	}
	if err := writeTokens(issuers, s.dir, time.Now()); err != nil {
		return err
	}
	if s.gateway, err = newObjectGateway(s.dir, ids); err != nil {
		return err
	}
	for _, b := range s.config.Buckets {
		if err := s.gateway.createBucket(ctx, b); err != nil {
			return err
		}
	}
	return s.openServices(ids, issuers)
}

func (s *server) listen(ctx context.Context, addr string) error {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || (host != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return fmt.Errorf("the sandbox listens on loopback addresses only, not on %q", addr)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	s.listeners = append(s.listeners, l)
	return nil
}

func (s *server) openServices(ids *identities, issuers []issuer) error {
	s.services = map[string]Service{}
	for _, own := range []Service{newSTS(ids, issuers), newSecretsManager(s.config), newParameterStore(s.config)} {
		s.services[own.Name] = own
	}
	for i, open := range s.options.Services {
		work := filepath.Join(s.dir, fmt.Sprintf("service-%d", i))
		if err := os.MkdirAll(work, 0o700); err != nil {
			return fmt.Errorf("make a service's directory: %w", err)
		}
		service, err := open(Host{Config: s.config, Endpoint: s.endpoints().URL, ObjectDir: filepath.Join(s.dir, "s3"), WorkDir: work})
		if err != nil {
			return err
		}
		s.services[service.Name] = service
		if service.Close != nil {
			s.closers = append(s.closers, service.Close)
		}
	}
	return nil
}

func (s *server) endpoints() Endpoints {
	return Endpoints{URL: "http://" + s.listeners[0].Addr().String(), Control: "http://" + s.listeners[1].Addr().String(), DataDir: s.dir, Journal: s.options.JournalPath}
}

func (s *server) serve(ctx context.Context) error {
	front := &front{ids: s.gateway.iam.identities, objects: newObjectHandler(s.gateway, s.config), services: s.services,
		faults: &s.faults, journal: s.journal, stopping: ctx.Done(), warn: func(err error) { s.log.Error("sandbox", "error", err) }}
	servers := []*http.Server{{Handler: front}, {Handler: s.control()}}
	ended := make(chan error, len(servers))
	for i, srv := range servers {
		srv.ReadHeaderTimeout = headerTimeout
		srv.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
		go func() { ended <- srv.Serve(s.listeners[i]) }()
	}
	if s.options.Ready != nil {
		s.options.Ready(s.endpoints())
	}
	var err error
	running := len(servers)
	select {
	case <-ctx.Done():
	case err = <-ended:
		running--
	}
	err = errors.Join(err, s.closeServices()) // they make requests to us
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	for _, srv := range servers {
		if srv.Shutdown(drain) != nil {
			_ = srv.Close() // what is still under way is cut off
		}
	}
	for range running {
		<-ended
	}
	return err
}

// close releases whatever open opened, in the opposite order.
func (s *server) close() error {
	errs := []error{s.closeServices()}
	if s.gateway != nil {
		errs = append(errs, s.gateway.stop())
	}
	for _, l := range s.listeners {
		_ = l.Close() // closed already if it was served
	}
	if s.journal != nil {
		errs = append(errs, s.journal.close())
	}
	return errors.Join(errs...)
}

// closeServices ends the services, once.
func (s *server) closeServices() error {
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// control serves the fault rules: GET lists them, PUT replaces them.
func (s *server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/faults", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.faults.list()) // the client may be gone
	})
	mux.HandleFunc("PUT /-/faults", func(w http.ResponseWriter, r *http.Request) {
		var list []Fault
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCallBody))
		dec.DisallowUnknownFields()
		err := dec.Decode(&list)
		if err == nil {
			err = s.faults.set(list)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
