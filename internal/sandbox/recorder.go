package sandbox

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strconv"

	"golang.org/x/time/rate"
)

// errorHead is how much of a body is kept to read what it tells.
const errorHead = 4 << 10

// A recorder passes an answer on and tells its entry about it. The entry is
// finished before the last byte goes out, so that a client which has its answer
// finds it in the journal.
type recorder struct {
	http.ResponseWriter
	entry    *Entry
	declared int64 // Content-Length; -1: not declared
	head     []byte
	finish   func() // idempotent
}

func (w *recorder) WriteHeader(status int) {
	if status >= 200 && w.entry.Status == 0 {
		w.entry.Status = status
		w.declared = -1
		if n, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64); err == nil {
			w.declared = n
		}
		for _, name := range []string{"X-Amz-Request-Id", "X-Amzn-Requestid"} {
			if id := w.Header().Get(name); id != "" {
				w.entry.RequestID = id
			}
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.entry.Status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if room := errorHead - len(w.head); room > 0 && w.mayTell() {
		w.head = append(w.head, p[:min(room, len(p))]...)
	}
	w.entry.BytesOut += int64(len(p))
	if w.declared >= 0 && w.entry.BytesOut >= w.declared {
		w.finish()
	}
	return w.ResponseWriter.Write(p)
}

// mayTell reports whether the body can be an error, or the name of an upload:
// S3 answers some operations with 200 and an error inside.
func (w *recorder) mayTell() bool {
	return w.entry.Status >= 300 || slices.Contains([]string{"CreateMultipartUpload", "CompleteMultipartUpload", "CopyObject", "UploadPartCopy"}, w.entry.Operation)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// readHead fills in what the head of the body tells: code and message of an
// error, or the upload that was opened.
func (w *recorder) readHead() {
	var text struct {
		XMLName  xml.Name
		UploadID string `xml:"UploadId"`
		Code     string `xml:"Code"`
		Message  string `xml:"Message"`
		Nested   struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
		} `xml:"Error"`
	}
	var object struct {
		Type    string `json:"__type"`
		Message string `json:"Message"`
	}
	switch {
	case len(w.head) == 0:
	case json.Unmarshal(w.head, &object) == nil:
		w.entry.Code, w.entry.Message = object.Type, object.Message
	case xml.Unmarshal(w.head, &text) != nil:
	case text.XMLName.Local == "InitiateMultipartUploadResult":
		w.entry.UploadID = text.UploadID
	case text.XMLName.Local == "ErrorResponse":
		w.entry.Code, w.entry.Message = text.Nested.Code, text.Nested.Message
	case text.XMLName.Local == "Error":
		w.entry.Code, w.entry.Message = text.Code, text.Message
	}
}

// A countingBody counts what was read of a request's body.
type countingBody struct {
	io.ReadCloser
	n *int64
}

func (b countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	*b.n += int64(n)
	return n, err
}

// slowChunk is how many bytes a slowed body moves at a time, at most.
const slowChunk = 16 << 10

// newLimiter moves perSecond bytes in steps of at most a tenth of a second.
func newLimiter(perSecond int64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), int(max(1, min(slowChunk, perSecond/10))))
}

type slowBody struct {
	io.ReadCloser
	ctx     context.Context
	limiter *rate.Limiter
}

func (b slowBody) Read(p []byte) (int, error) {
	p = p[:min(len(p), b.limiter.Burst())]
	if err := b.limiter.WaitN(b.ctx, len(p)); err != nil {
		return 0, err
	}
	return b.ReadCloser.Read(p)
}

type slowWriter struct {
	http.ResponseWriter
	ctx     context.Context
	limiter *rate.Limiter
}

func (w slowWriter) Write(p []byte) (int, error) {
	total := 0
	for len(p) > 0 {
		chunk := p[:min(len(p), w.limiter.Burst())]
		if err := w.limiter.WaitN(w.ctx, len(chunk)); err != nil {
			return total, err
		}
		n, err := w.ResponseWriter.Write(chunk)
		total += n
		if err != nil {
			return total, err
		}
		_ = http.NewResponseController(w.ResponseWriter).Flush() // where it can't be flushed, it comes in one piece
		p = p[n:]
	}
	return total, nil
}

// Unwrap lets http.ResponseController reach the connection.
func (w slowWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A blackHole takes an answer that nobody is to see.
type blackHole struct{ header http.Header }

func (b blackHole) Header() http.Header         { return b.header }
func (b blackHole) Write(p []byte) (int, error) { return len(p), nil }
func (b blackHole) WriteHeader(int)             {}
