package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// An Answer is an AWS client's error in words for a reader: what the service
// said, or what kept us from reaching it. It replaces the SDK's own text, which
// repeats itself, and wraps the SDK's error.
type Answer struct {
	Status    int         // HTTP; 0 if there was no response
	Code      string      // the service's error code, "AccessDenied"
	Message   string      // the service's words
	RequestID string      // for the service's support
	Header    http.Header // of the response; nil if there was none
	err       error
}

// ReadAnswer takes an SDK error apart.
func ReadAnswer(err error) *Answer {
	a := &Answer{err: err}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		a.Code, a.Message = api.ErrorCode(), api.ErrorMessage()
	}
	if re, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		a.RequestID = re.ServiceRequestID()
	}
	if he, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && he.Response != nil {
		a.Status, a.Header = he.HTTPStatusCode(), he.Response.Header
	}
	return a
}

// Unwrap returns the SDK's error.
func (a *Answer) Unwrap() error { return a.err }

// Error says what was answered, in one sentence.
func (a *Answer) Error() string {
	if a.Status == 0 && a.Code == "" {
		return Reach(a.err)
	}
	var b strings.Builder
	b.WriteString("answered")
	if a.Status != 0 {
		fmt.Fprintf(&b, " %d", a.Status)
	}
	if a.Code != "" && a.Code != "UnknownError" {
		b.WriteString(" " + a.Code)
	}
	if a.Message != "" && a.Message != a.Code {
		b.WriteString(": " + strings.TrimSuffix(a.Message, "."))
	}
	if a.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", a.RequestID)
	}
	return b.String()
}

// Unreachable reports whether the request got no answer at all.
func (a *Answer) Unreachable() bool { return a.Status == 0 && a.Code == "" }

// Throttled reports whether the service asked us to slow down.
func (a *Answer) Throttled() bool {
	switch a.Code {
	case "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestLimitExceeded",
		"TooManyRequestsException", "TooManyRequests", "RequestThrottledException", "BandwidthLimitExceeded", "PriorRequestNotComplete":
		return true
	}
	return a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable
}

// Reach describes why a request got no answer, without Go's own words for it.
func Reach(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("the name %s cannot be resolved", dns.Name)
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the server's TLS certificate is not trusted: " + strings.TrimPrefix(cert.Err.Error(), "x509: ")
	}
	if host, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the server's TLS certificate is for another name: " + strings.TrimPrefix(host.Error(), "x509: ")
	}
	switch op, ok := errors.AsType[*net.OpError](err); {
	case isTimeout(err):
		return "there was no answer in time"
	case ok && op.Op == "dial":
		return fmt.Sprintf("no connection to %s: %s", op.Addr, syscallText(op.Err))
	case ok, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was cut"
	}
	return lastClause(err)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &t) && t.Timeout())
}

// syscallText is "connection refused" without the system call's name.
func syscallText(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		return text[i+2:]
	}
	return text
}

// lastClause returns the innermost message of an SDK error, which begins with
// the names of its layers.
func lastClause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
