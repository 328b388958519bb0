package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"golang.org/x/sys/unix"
)

const (
	maxCopySize       = 5 << 30 // of one CopyObject, as in S3
	maxParts          = 10_000  // of a multipart upload, as in S3
	maxConnections    = 1024
	maxActiveRequests = 512
)

// An objectGateway serves S3 for all regions, from one directory. A gateway
// server checks that requests are signed for its one region, so there is one
// server for each region that requests are signed for, all on the same
// backend.
type objectGateway struct {
	iam  *gatewayIAM
	be   backend.Backend
	root middlewares.RootUserConfig // signs nothing: a secret that nobody is told

	mu      sync.Mutex
	regions map[string]*regionGateway
	stopped bool
}

type regionGateway struct {
	proxy  *httputil.ReverseProxy
	client *http.Transport
	server *s3api.S3ApiServer
	done   chan error
}

// newObjectGateway opens the buckets below dir. It changes the working
// directory of the process, as the posix backend does.
func newObjectGateway(dir string, ids *identities) (*objectGateway, error) {
	files := filepath.Join(dir, "s3")
	if err := os.MkdirAll(files, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the buckets: %w", err)
	}
	opts := posix.PosixOpts{CopyObjectThreshold: maxCopySize}
	store, err := metadataStore(dir, files, &opts)
	if err != nil {
		return nil, err
	}
	be, err := posix.New(files, store, opts)
	if err != nil {
		return nil, fmt.Errorf("open the buckets: %w", err)
	}
	owned := accountBuckets{Backend: be, ids: ids}
	return &objectGateway{be: owned, iam: &gatewayIAM{identities: ids, buckets: be}, regions: map[string]*regionGateway{},
		root: middlewares.RootUserConfig{Access: "ROOT" + rand.Text(), Secret: rand.Text()}}, nil
}

// metadataStore keeps objects' metadata in extended attributes where the file
// system has them, and in a directory of its own where not.
func metadataStore(dir, files string, opts *posix.PosixOpts) (meta.MetadataStorer, error) {
	if err := unix.Setxattr(files, "user.waybill", []byte("1"), 0); err == nil {
		return meta.XattrMeta{}, nil
	}
	opts.SideCarDir = filepath.Join(dir, "meta")
	if err := os.MkdirAll(opts.SideCarDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the metadata: %w", err)
	}
	store, err := meta.NewSideCar(opts.SideCarDir)
	if err != nil {
		return nil, fmt.Errorf("open the metadata: %w", err)
	}
	return store, nil
}

// createBucket makes a declared bucket unless an earlier run left it.
func (g *objectGateway) createBucket(ctx context.Context, b Bucket) error {
	acl, err := json.Marshal(auth.ACL{Owner: b.Account})
	if err != nil {
		return err
	}
	in := &s3.CreateBucketInput{Bucket: &b.Name, ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{}}
	if _, err := g.be.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.Name}); err != nil {
		if err := g.be.CreateBucket(ctx, in, acl); err != nil {
			return fmt.Errorf("create bucket %s: %w", b.Name, err)
		}
	}
	if b.Policy == "" {
		err = g.be.DeleteBucketPolicy(ctx, b.Name)
	} else {
		err = g.be.PutBucketPolicy(ctx, b.Name, []byte(b.Policy))
	}
	if err != nil {
		return fmt.Errorf("set the policy of bucket %s: %w", b.Name, err)
	}
	return nil
}

// region returns the handler of requests that are signed for a region,
// starting its server at the first of them.
func (g *objectGateway) region(name string) (http.Handler, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return nil, errors.New("the sandbox is stopping")
	}
	if r, ok := g.regions[name]; ok {
		return r.proxy, nil
	}
	r, err := g.start(name)
	if err != nil {
		return nil, err
	}
	g.regions[name] = r
	return r.proxy, nil
}

func (g *objectGateway) start(region string) (*regionGateway, error) {
	// An abstract socket: it leaves no file, and nobody can guess its name.
	socket := "@waybill-sandbox-" + rand.Text()
	listening := make(chan struct{})
	server, err := s3api.New(g.be, g.root, region, g.iam, nil, nil, nil, nil,
		s3api.WithConcurrencyLimiter(maxConnections, maxActiveRequests), s3api.WithMpMaxParts(maxParts), s3api.WithQuiet(),
		s3api.WithKeepAlive(), s3api.WithDisableACL(), s3api.WithOnListen(func() { close(listening) }))
	if err != nil {
		return nil, fmt.Errorf("start S3 for %s: %w", region, err)
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeMultiPort([]string{socket}) }()
	select {
	case <-listening:
	case err := <-done:
		return nil, fmt.Errorf("start S3 for %s: %w", region, err)
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "unix", socket)
			return patientConn{conn}, err
		},
		DisableCompression:  true,
		MaxIdleConnsPerHost: maxActiveRequests,
		IdleConnTimeout:     30 * time.Second,
	}
	return &regionGateway{proxy: newProxy(transport), client: transport, server: server, done: done}, nil
}

// A patientConn carries a request to a server that may refuse it before it has
// read the whole of it, and then closes: what is left of the request is let go,
// and the answer is read. Without that the refusal would come out as a broken
// pipe.
type patientConn struct{ net.Conn }

func (c patientConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return len(p), nil
	}
	return n, err
}

// newProxy hands a request on as it was signed: host, path and query stay what
// they are to the byte.
func newProxy(transport *http.Transport) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "s3"
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Expect") // answered here already
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() != nil {
				panic(http.ErrAbortHandler) // the client is gone: nobody reads an answer
			}
			writeS3Error(w, r, http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again. ("+err.Error()+")", nil)
		},
	}
}

// stop ends all servers and waits for them.
func (g *objectGateway) stop() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = true
	var errs []error
	for name, r := range g.regions {
		r.client.CloseIdleConnections()
		if err := r.server.ShutDown(); err != nil {
			errs = append(errs, fmt.Errorf("stop S3 for %s: %w", name, err))
			continue
		}
		<-r.done // an error, always: that its listener is closed
	}
	g.be.Shutdown()
	return errors.Join(errs...)
}
