package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A call is a request as the services understand it.
type call struct {
	service     string // s3, sts, athena
	op          string
	bucket, key string
}

// classify names a request by its signature, path and query. It may read the
// body, and puts it back.
func classify(r *http.Request) call {
	c := call{service: service(r.Header.Get("Authorization"))}
	switch c.service {
	case "sts":
		body, _ := io.ReadAll(r.Body) // what is missing is missed by the service
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body))
		c.op = form.Get("Action")
	case "s3":
		c.bucket, c.key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		c.op = objectOperation(r.Method, r.URL.Query())
	default:
		_, c.op, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	}
	return c
}

// service is the fourth part of the credential's scope.
func service(authorization string) string {
	_, rest, _ := strings.Cut(authorization, "Credential=")
	scope, _, _ := strings.Cut(rest, ",")
	if parts := strings.Split(scope, "/"); len(parts) == 5 {
		return parts[3]
	}
	return "s3"
}

func objectOperation(method string, q url.Values) string {
	switch {
	case method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case method == http.MethodPut && q.Has("partNumber"):
		return "UploadPart"
	case method == http.MethodPost && q.Has("uploadId"):
		return "CompleteMultipartUpload"
	case method == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload"
	}
	return map[string]string{http.MethodPut: "PutObject", http.MethodGet: "GetObject", http.MethodHead: "HeadObject", http.MethodDelete: "DeleteObject"}[method]
}

// appears reports whether an answer says that an object is there now.
func (c call) appears(status int, answer []byte) bool {
	return status == http.StatusOK && (c.op == "PutObject" || c.op == "CompleteMultipartUpload" && !bytes.Contains(answer, []byte("<Error")))
}

// vanishes reports whether an answer says that no object is there any more.
func (c call) vanishes(status int) bool {
	return status == http.StatusNoContent && c.op == "DeleteObject"
}

// fail answers with an error as the service would write it.
func (c call) fail(w http.ResponseWriter, status int, code string) {
	const message = "so it was decided"
	body := fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message><RequestId>1</RequestId></Error>`, code, message)
	w.Header().Set("Content-Type", "application/xml")
	switch c.service {
	case "sts":
		body = fmt.Appendf(nil, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Receiver</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>`, code, message)
	case "athena":
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		body, _ = json.Marshal(map[string]string{"__type": code, "message": message}) // strings: cannot fail
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}
