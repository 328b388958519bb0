package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// maxCallBody is the longest body of an STS or Athena request. A query has at
// most 256 KiB, escaped to JSON.
const maxCallBody = 2 << 20

// ViaHeader marks the requests that a service makes on a caller's behalf, with
// the service's name: the journal tells them apart by it.
const ViaHeader = "X-Sandbox-Via"

// The front takes every request of every service on one address: it tells them
// apart by what their signature is for, applies faults and writes the journal.
type front struct {
	ids      *identities
	objects  *objectHandler
	services map[string]Service
	faults   *faults
	journal  *journal
	warn     func(error)
	stopping <-chan struct{} // closed when the sandbox stops: nothing waits then
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := &Entry{Time: time.Now().UTC(), Method: r.Method, Path: r.URL.RequestURI(), UserAgent: r.UserAgent(), Via: r.Header.Get(ViaHeader), Header: notedHeaders(r.Header)}
	rec := &recorder{ResponseWriter: w, entry: e, declared: -1}
	rec.finish = sync.OnceFunc(func() {
		rec.readHead()
		e.Millis = time.Since(e.Time).Milliseconds()
		if err := f.journal.write(*e); err != nil {
			f.warn(err)
		}
	})
	defer rec.finish()
	r.Body = countingBody{r.Body, &e.BytesIn}
	f.serve(rec, r, e)
}

func (f *front) serve(w http.ResponseWriter, r *http.Request, e *Entry) {
	sc, _ := scopeOf(r)
	e.AccessKeyID, e.Region, e.RequestID = sc.keyID, sc.region, newRequestID()
	if p := f.ids.principalOf(sc.keyID); p != nil {
		e.Principal = p.ARN
	}
	service, isCall := f.services[serviceOf(r, sc)]
	var handler http.Handler
	var refuse func(w http.ResponseWriter, e *APIError)
	if isCall {
		call, err := f.readCall(r, sc, service, e)
		if err != nil {
			service.Protocol.writeError(w, e.RequestID, &APIError{Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLarge", Message: err.Error()})
			return
		}
		handler = f.callHandler(service, call)
		refuse = func(w http.ResponseWriter, err *APIError) { service.Protocol.writeError(w, e.RequestID, err) }
	} else {
		e.Service, e.Operation = "s3", s3Operation(r)
		e.Bucket, e.Key = splitPath(r.URL)
		handler = f.objects
		refuse = func(w http.ResponseWriter, err *APIError) { writeS3Error(w, r, err.Status, err.Code, err.Message, nil) }
	}
	f.withFault(handler, refuse, e).ServeHTTP(w, r)
}

// targets are the services of the JSON protocol, by what their requests name.
var targets = map[string]string{"AmazonAthena": "athena", "secretsmanager": "secretsmanager", "AmazonSSM": "ssm"}

// serviceOf tells which service a request is meant for. Unsigned requests say
// it by their form; what remains is S3's.
func serviceOf(r *http.Request, sc scope) string {
	switch {
	case sc.service != "":
		return sc.service
	case r.Header.Get("X-Amz-Target") != "":
		name, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		return targets[name]
	case r.Method == http.MethodPost && r.URL.Path == "/" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return "sts"
	}
	return "s3"
}

func (f *front) readCall(r *http.Request, sc scope, s Service, e *Entry) (*Call, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCallBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxCallBody {
		return nil, errors.New("the request is too long")
	}
	c := &Call{Body: body, Region: sc.region, RequestID: e.RequestID}
	e.Service = s.Name
	e.Operation, e.Params, c.Form = s.Protocol.operation(r, body)
	c.Operation = e.Operation
	return c, nil
}

func (f *front) callHandler(s Service, c *Call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(s.Unsigned, c.Operation) {
			cred, fault := f.ids.verify(r, c.Body, time.Now())
			if fault != nil {
				s.Protocol.writeError(w, c.RequestID, s.Protocol.refuse(fault))
				return
			}
			c.Principal = cred.principal
			c.Credentials = aws.Credentials{AccessKeyID: cred.id, SecretAccessKey: cred.secret, SessionToken: cred.token}
		}
		answer, err := s.Handle(r.Context(), c)
		if err == nil {
			err = s.Protocol.write(w, c.RequestID, answer)
		}
		if err != nil {
			s.Protocol.writeError(w, c.RequestID, f.asAPIError(err))
		}
	})
}

// asAPIError answers what a service didn't foresee as a failure of its own.
func (f *front) asAPIError(err error) *APIError {
	if e, ok := errors.AsType[*APIError](err); ok {
		return e
	}
	f.warn(err)
	return &APIError{Status: http.StatusInternalServerError, Code: "InternalServerException", Message: "The sandbox failed: " + err.Error()}
}

// withFault makes a handler behave as the rule that acts on the request says.
func (f *front) withFault(next http.Handler, refuse func(http.ResponseWriter, *APIError), e *Entry) http.Handler {
	fault := f.faults.pick(*e)
	if fault == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault.Delay > 0 {
			e.Fault = "delay"
			f.wait(r.Context(), fault.Delay)
		}
		if fault.BytesPerSecond > 0 {
			e.Fault = "rate"
			limiter := newLimiter(fault.BytesPerSecond)
			r.Body = slowBody{r.Body, r.Context(), limiter}
			w = slowWriter{w, r.Context(), limiter}
		}
		switch {
		case fault.Cut == CutBefore:
			e.Fault = "cut-before"
			panic(http.ErrAbortHandler)
		case fault.Cut == CutAfter:
			e.Fault = "cut-after"
			next.ServeHTTP(blackHole{http.Header{}}, r)
			panic(http.ErrAbortHandler)
		case fault.Code != "":
			e.Fault = "status"
			_, _ = io.Copy(io.Discard, r.Body) // as a service that fails after it took the request
			refuse(w, &APIError{Status: fault.Status, Code: fault.Code, Message: faultMessage(*fault)})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func faultMessage(f Fault) string {
	if f.Message != "" {
		return f.Message
	}
	return "A fault rule of the sandbox answers this."
}

// wait returns after d, when the client is gone, or when the sandbox stops.
func (f *front) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-f.stopping:
	}
}

// customerKey carries an encryption key, which no journal keeps.
const customerKey = "X-Amz-Server-Side-Encryption-Customer-Key"

// noted are the headers that the journal keeps, besides metadata.
var noted = []string{
	"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Md5", "Cache-Control", "Expect", "If-Match", "If-None-Match", "If-Modified-Since",
	"If-Unmodified-Since", "Range", "X-Amz-Acl", "X-Amz-Copy-Source", "X-Amz-Copy-Source-If-Match", "X-Amz-Expected-Bucket-Owner", "X-Amz-Request-Payer", "X-Amz-Source-Expected-Bucket-Owner",
	"X-Amz-Mp-Object-Size", "X-Amz-Storage-Class", "X-Amz-Tagging", "X-Amz-Content-Sha256", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Trailer", "X-Amz-Target",
}

func notedHeaders(h http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		lower := strings.ToLower(name)
		if slices.Contains(noted, name) || strings.HasPrefix(lower, "x-amz-meta-") || strings.HasPrefix(lower, "x-amz-checksum-") ||
			strings.HasPrefix(lower, "x-amz-server-side-encryption") && name != customerKey {
			out[lower] = strings.Join(values, ", ")
		}
	}
	return out
}
