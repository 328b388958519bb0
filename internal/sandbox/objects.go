package sandbox

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// An objectHandler serves S3 requests: it sends those for a bucket of another
// region away, and hands the rest to the gateway of their region.
type objectHandler struct {
	gateway  *objectGateway
	fallback string // the region for requests that aren't signed

	mu      sync.RWMutex
	regions map[string]string // of buckets, as far as known
}

func newObjectHandler(g *objectGateway, c *Config) *objectHandler {
	h := &objectHandler{gateway: g, fallback: c.Region, regions: map[string]string{}}
	for _, b := range c.Buckets {
		h.regions[b.Name] = b.Region
	}
	return h
}

func (h *objectHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, _ := splitPath(r.URL)
	home := h.regionOf(bucket)
	sc, signed := scopeOf(r)
	region := sc.region
	switch {
	case !signed && home != "":
		region = home
	case !signed:
		region = h.fallback
	case home != "" && region != home:
		redirect(w, r, bucket, home, region)
		return
	}
	if !regionRule.MatchString(region) {
		writeS3Error(w, r, http.StatusBadRequest, "AuthorizationHeaderMalformed", "The authorization header is malformed; a non-empty region must be provided in the credential.", nil)
		return
	}
	next, err := h.gateway.region(region)
	if err != nil {
		writeS3Error(w, r, http.StatusServiceUnavailable, "ServiceUnavailable", err.Error(), nil)
		return
	}
	next.ServeHTTP(h.watch(w, r, bucket, region), r)
}

func (h *objectHandler) regionOf(bucket string) string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.regions[bucket]
}

// redirect answers as S3 does: a region's endpoint knows where the bucket is,
// and the bucket's own endpoint knows which region was meant.
func redirect(w http.ResponseWriter, r *http.Request, bucket, home, signed string) {
	w.Header().Set("X-Amz-Bucket-Region", home)
	if slices.Contains(strings.Split(r.Host, "."), home) {
		writeS3Error(w, r, http.StatusBadRequest, "AuthorizationHeaderMalformed",
			fmt.Sprintf("The authorization header is malformed; the region '%s' is wrong; expecting '%s'", signed, home), []xmlMember{{"Region", home}})
		return
	}
	writeS3Error(w, r, http.StatusMovedPermanently, "PermanentRedirect",
		"The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
		[]xmlMember{{"Endpoint", bucket + ".s3-" + home + ".amazonaws.com"}, {"Bucket", bucket}})
}

// watch learns from the answer where a bucket was made, or that it is gone.
func (h *objectHandler) watch(w http.ResponseWriter, r *http.Request, bucket, region string) http.ResponseWriter {
	switch s3Operation(r) {
	case "CreateBucket":
		return &statusWatcher{w, func(status int) {
			if status == http.StatusOK {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.regions[bucket] = region
			}
		}}
	case "DeleteBucket":
		return &statusWatcher{w, func(status int) {
			if status == http.StatusNoContent {
				h.mu.Lock()
				defer h.mu.Unlock()
				delete(h.regions, bucket)
			}
		}}
	}
	return w
}

type statusWatcher struct {
	http.ResponseWriter
	tell func(status int)
}

func (w *statusWatcher) WriteHeader(status int) {
	w.tell(status)
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWatcher) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// An xmlMember is an element of an S3 error besides code and message.
type xmlMember struct{ name, value string }

func (m xmlMember) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(m.value, xml.StartElement{Name: xml.Name{Local: m.name}})
}

type s3Error struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Members   []xmlMember
	RequestID string `xml:"RequestId"`
	HostID    string `xml:"HostId"`
}

func writeS3Error(w http.ResponseWriter, r *http.Request, status int, code, message string, members []xmlMember) {
	id := newRequestID()
	body, _ := xml.Marshal(s3Error{Code: code, Message: message, Members: members, RequestID: id, HostID: "sandbox"}) // strings: cannot fail
	body = append([]byte(xml.Header), body...)
	h := w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("X-Amz-Request-Id", id)
	if r.Method == http.MethodHead {
		body = nil
	} else {
		h.Set("Content-Length", fmt.Sprint(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone: nothing is to be told to it then
}
