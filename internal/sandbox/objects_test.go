package sandbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRedirect(t *testing.T) {
	for host, want := range map[string]struct {
		status int
		says   string
	}{
		"127.0.0.1:9000":              {http.StatusMovedPermanently, "<Endpoint>lake.s3-eu-west-1.amazonaws.com</Endpoint>"},
		"s3.us-east-1.localhost:9000": {http.StatusMovedPermanently, "<Code>PermanentRedirect</Code>"},
		"s3.eu-west-1.localhost:9000": {http.StatusBadRequest, "the region 'us-east-1' is wrong; expecting 'eu-west-1'"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://"+host+"/lake/k", nil)
		w := httptest.NewRecorder()
		redirect(w, r, "lake", "eu-west-1", "us-east-1")
		body := strings.ReplaceAll(w.Body.String(), "&#39;", "'")
		if w.Code != want.status || !strings.Contains(body, want.says) || w.Header().Get("X-Amz-Bucket-Region") != "eu-west-1" {
			t.Errorf("%s: got %d %s", host, w.Code, body)
		}
	}
}
