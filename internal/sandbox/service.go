package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A Service is an AWS API of small requests and answers, such as STS and
// Athena. S3 is not one. Signatures, faults and the journal are not its concern.
type Service struct {
	Name     string // as in signatures: "athena"
	Protocol Protocol
	// Handle answers a call of a verified caller with a value that the
	// protocol encodes. An *APIError is answered as such, any other error as
	// the protocol's internal failure.
	Handle func(ctx context.Context, c *Call) (any, error)
	// Unsigned are operations that take no signature. Their calls have no
	// principal and no credentials.
	Unsigned []string
	// Close ends what the service started and waits for it. It may be nil.
	Close func() error
}

// A Host is what a service may use of the sandbox that it runs in.
type Host struct {
	Config *Config
	// Endpoint is the sandbox's URL, at which the service finds S3.
	Endpoint string
	// ObjectDir is where the objects of the buckets lie as files:
	// ObjectDir/bucket/key. It is the process's working directory.
	ObjectDir string
	// WorkDir is a directory of the service's own. Absolute.
	WorkDir string
}

// A Call is one verified request.
type Call struct {
	Operation string
	Body      []byte
	Form      url.Values // of the query protocol
	Principal *Principal
	Region    string // that the request is signed for
	RequestID string
	// Credentials are the caller's own, with which a service acts on the
	// caller's behalf.
	Credentials aws.Credentials
}

// An APIError is an error that the service answers.
type APIError struct {
	Status  int
	Code    string
	Message string
	Members map[string]any // further members of a JSON error
}

func (e *APIError) Error() string { return e.Code + ": " + e.Message }

// A Protocol is how a service reads operations and writes answers.
type Protocol interface {
	// operation reads the operation's name and its parameters, for the
	// journal.
	operation(r *http.Request, body []byte) (name string, params map[string]string, form url.Values)
	// refuse gives the error for a signature that isn't accepted.
	refuse(e *signatureError) *APIError
	write(w http.ResponseWriter, requestID string, answer any) error
	writeError(w http.ResponseWriter, requestID string, e *APIError)
}

// The protocols of the services here.
var (
	JSONProtocol  Protocol = jsonProtocol{}  // awsJson1.1, of Athena and those that keep secrets
	QueryProtocol Protocol = queryProtocol{} // awsQuery, of STS
)

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the process instead
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

type jsonProtocol struct{}

func (jsonProtocol) operation(r *http.Request, body []byte) (string, map[string]string, url.Values) {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var members map[string]any
	_ = json.Unmarshal(body, &members) // the service itself reports a bad body
	params := map[string]string{}
	for k, v := range members {
		switch v := v.(type) {
		case string:
			params[k] = v
		case nil:
		default:
			text, _ := json.Marshal(v)
			params[k] = string(text)
		}
	}
	return name, params, nil
}

func (jsonProtocol) refuse(e *signatureError) *APIError {
	codes := map[signatureFault]string{faultUnsigned: "MissingAuthenticationTokenException", faultIncomplete: "IncompleteSignatureException",
		faultUnknownKey: "UnrecognizedClientException", faultExpired: "ExpiredTokenException",
		faultMismatch: "InvalidSignatureException", faultSkew: "InvalidSignatureException"}
	return &APIError{Status: http.StatusBadRequest, Code: codes[e.fault], Message: e.message}
}

func (jsonProtocol) write(w http.ResponseWriter, requestID string, answer any) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	writeBody(w, requestID, "application/x-amz-json-1.1", http.StatusOK, body)
	return nil
}

func (jsonProtocol) writeError(w http.ResponseWriter, requestID string, e *APIError) {
	members := map[string]any{"__type": e.Code, "Message": e.Message}
	for k, v := range e.Members {
		members[k] = v
	}
	body, _ := json.Marshal(members) // strings and numbers: cannot fail
	w.Header().Set("X-Amzn-Errortype", e.Code)
	writeBody(w, requestID, "application/x-amz-json-1.1", e.Status, body)
}

type queryProtocol struct{}

func (queryProtocol) operation(r *http.Request, body []byte) (string, map[string]string, url.Values) {
	form, _ := url.ParseQuery(string(body))
	if len(form) == 0 {
		form = r.URL.Query()
	}
	params := map[string]string{}
	for k := range form {
		switch k {
		case "Action", "Version":
		case "WebIdentityToken": // who has it can be its bearer
			params[k] = "…"
		default:
			params[k] = form.Get(k)
		}
	}
	return form.Get("Action"), params, form
}

func (queryProtocol) refuse(e *signatureError) *APIError {
	codes := map[signatureFault]string{faultUnsigned: "MissingAuthenticationToken", faultIncomplete: "IncompleteSignature",
		faultUnknownKey: "InvalidClientTokenId", faultExpired: "ExpiredToken",
		faultMismatch: "SignatureDoesNotMatch", faultSkew: "SignatureDoesNotMatch"}
	return &APIError{Status: http.StatusForbidden, Code: codes[e.fault], Message: e.message}
}

func (queryProtocol) write(w http.ResponseWriter, requestID string, answer any) error {
	body, err := xml.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	writeBody(w, requestID, "text/xml", http.StatusOK, body)
	return nil
}

type queryError struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

func (queryProtocol) writeError(w http.ResponseWriter, requestID string, e *APIError) {
	kind := "Sender"
	if e.Status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	body, _ := xml.Marshal(queryError{Type: kind, Code: e.Code, Message: e.Message, RequestID: requestID}) // strings: cannot fail
	writeBody(w, requestID, "text/xml", e.Status, body)
}

func writeBody(w http.ResponseWriter, requestID, contentType string, status int, body []byte) {
	h := w.Header()
	h.Set("X-Amzn-Requestid", requestID)
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone: nothing is to be told to it then
}
