package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	amzDate      = "20060102T150405Z"
	allowedSkew  = 5 * time.Minute // of STS and Athena; S3 allows 15
	signedPrefix = "AWS4-HMAC-SHA256 "
)

// A scope is what a request says about its own signature.
type scope struct {
	keyID, date, region, service string
	signedHeaders                []string
}

// scopeOf reads the Authorization header, or the query of a presigned request.
// It verifies nothing.
func scopeOf(r *http.Request) (scope, bool) {
	fields := map[string]string{}
	if auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), signedPrefix); ok {
		for _, part := range strings.Split(auth, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			fields[name] = value
		}
	} else if q := r.URL.Query(); q.Has("X-Amz-Credential") {
		fields["Credential"], fields["SignedHeaders"] = q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders")
	}
	parts := strings.Split(fields["Credential"], "/")
	if len(parts) != 5 || parts[4] != "aws4_request" {
		return scope{}, false
	}
	return scope{keyID: parts[0], date: parts[1], region: parts[2], service: parts[3],
		signedHeaders: strings.Split(fields["SignedHeaders"], ";")}, true
}

// A signatureFault says why a request isn't taken as its signer's. Services
// give these different codes.
type signatureFault string

const (
	faultUnsigned   signatureFault = "unsigned"
	faultIncomplete signatureFault = "incomplete"
	faultUnknownKey signatureFault = "unknown key"
	faultExpired    signatureFault = "expired"
	faultMismatch   signatureFault = "mismatch"
	faultSkew       signatureFault = "skew"
)

// A signatureError is a refused signature with the sentence that AWS answers.
type signatureError struct {
	fault   signatureFault
	message string
}

func (e *signatureError) Error() string { return e.message }

func refuse(fault signatureFault, format string, args ...any) *signatureError {
	return &signatureError{fault, fmt.Sprintf(format, args...)}
}

// verify checks a signed request of STS or Athena, whose bodies are small
// enough to be read whole, and returns who signed it.
func (s *identities) verify(r *http.Request, body []byte, now time.Time) (credential, *signatureError) {
	if r.Header.Get("Authorization") == "" {
		return credential{}, refuse(faultUnsigned, "Request is missing Authentication Token")
	}
	sc, ok := scopeOf(r)
	if !ok {
		return credential{}, refuse(faultIncomplete, "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.")
	}
	c, ok := s.lookup(sc.keyID)
	if !ok || !c.tokenMatches(r.Header.Get("X-Amz-Security-Token")) {
		return credential{}, refuse(faultUnknownKey, "The security token included in the request is invalid.")
	}
	if c.expired(now) {
		return credential{}, refuse(faultExpired, "The security token included in the request is expired")
	}
	at, err := time.Parse(amzDate, r.Header.Get("X-Amz-Date"))
	if err != nil || at.Format("20060102") != sc.date {
		return credential{}, refuse(faultIncomplete, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
	}
	if e := checkSkew(at, now); e != nil {
		return credential{}, e
	}
	want, err := expectedAuthorization(r, body, sc, c, at)
	if err != nil || !hmac.Equal([]byte(want), []byte(r.Header.Get("Authorization"))) {
		return credential{}, refuse(faultMismatch, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return c, nil
}

func checkSkew(at, now time.Time) *signatureError {
	switch {
	case now.Sub(at) > allowedSkew:
		return refuse(faultSkew, "Signature expired: %s is now earlier than %s (%s - 5 min.)", at.Format(amzDate), now.Add(-allowedSkew).UTC().Format(amzDate), now.UTC().Format(amzDate))
	case at.Sub(now) > allowedSkew:
		return refuse(faultSkew, "Signature not yet current: %s is still later than %s (%s + 5 min.)", at.Format(amzDate), now.Add(allowedSkew).UTC().Format(amzDate), now.UTC().Format(amzDate))
	}
	return nil
}

// expectedAuthorization signs the request once more, as its signer must have.
func expectedAuthorization(r *http.Request, body []byte, sc scope, c credential, at time.Time) (string, error) {
	q := &http.Request{Method: r.Method, Host: r.Host, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)),
		URL: &url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}}
	for _, name := range sc.signedHeaders {
		switch name {
		case "host":
		case "content-length":
			q.ContentLength = int64(len(body))
		default:
			q.Header[http.CanonicalHeaderKey(name)] = r.Header[http.CanonicalHeaderKey(name)]
		}
	}
	sum := sha256.Sum256(body)
	err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: c.id, SecretAccessKey: c.secret, SessionToken: c.token},
		q, hex.EncodeToString(sum[:]), sc.service, sc.region, at)
	return q.Header.Get("Authorization"), err
}
