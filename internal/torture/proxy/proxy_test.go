package proxy

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// What each deed does to a PUT: what the service gets, what the client sees,
// and if the client is killed.
func TestDeeds(t *testing.T) {
	tests := []struct {
		deed   Deed
		served int32 // requests that the service has answered
		status int   // 0: no whole answer
		killed bool
	}{
		{"", 1, 200, false},
		{KillBefore, 0, 0, true},
		{KillMid, 0, 0, true},
		{KillAfter, 1, 0, true},
		{KillAnswer, 1, 0, true},
		{CutBefore, 0, 0, false},
		{CutMid, 0, 0, false},
		{CutAfter, 1, 0, false},
		{CutAnswer, 1, 0, false},
		{Repeat, 2, 200, false},
		{Delay, 1, 200, false},
		{Answer, 0, 503, false},
	}
	for _, tt := range tests {
		t.Run(string(tt.deed), func(t *testing.T) {
			var served atomic.Int32
			var killed, seen atomic.Bool
			up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return // half of a request is none
				}
				served.Add(1)
				_, _ = w.Write(append(body, body...))
			}))
			defer up.Close()
			p, err := Start(up.URL, Hooks{Kill: func() { killed.Store(true) }, Saw: func(_ context.Context, bucket, key, announced string) {
				seen.Store(bucket == "inbox" && key == "a/b.csv" && announced == "sum")
			}}, Rule{Op: "PutObject", From: 1, Do: tt.deed, Status: 503, Code: "SlowDown"})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			status := put(t, p.URL+"/inbox/a/b.csv")
			p.Settle()
			if served.Load() != tt.served || status != tt.status || killed.Load() != tt.killed || seen.Load() != (tt.served > 0) {
				t.Errorf("served %d, status %d, killed %v, seen %v; want %d, %d, %v, %v", served.Load(), status, killed.Load(), seen.Load(), tt.served, tt.status, tt.killed, tt.served > 0)
			}
			if got := put(t, p.URL+"/inbox/a/b.csv"); got != 200 {
				t.Errorf("the second request is answered by %d, want 200", got)
			}
			if reqs := p.Requests(); reqs[0].Op != "PutObject" || reqs[0].Key != "a/b.csv" {
				t.Errorf("the first request is noted as %+v", reqs[0])
			}
		})
	}
}

// put returns the status of a whole answer, or 0.
func put(t *testing.T, url string) int {
	t.Helper()
	// Without GetBody the client does not repeat it by itself.
	req, err := http.NewRequest(http.MethodPut, url, io.LimitReader(strings.NewReader(strings.Repeat("x", 64<<10)), 64<<10))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 64 << 10
	req.Header.Set("x-amz-meta-waybill-sha256", "sum")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if _, err := io.ReadAll(resp.Body); err != nil {
		return 0
	}
	return resp.StatusCode
}

func TestClassify(t *testing.T) {
	tests := []struct {
		method, target, service, header, body, want string
	}{
		{"PUT", "/b/k", "s3", "", "", "PutObject"},
		{"POST", "/b/k?uploads=", "s3", "", "", "CreateMultipartUpload"},
		{"PUT", "/b/k?partNumber=1&uploadId=u", "s3", "", "x", "UploadPart"},
		{"POST", "/b/k?uploadId=u", "s3", "", "", "CompleteMultipartUpload"},
		{"DELETE", "/b/k?uploadId=u", "s3", "", "", "AbortMultipartUpload"},
		{"GET", "/b/k", "s3", "", "", "GetObject"},
		{"DELETE", "/b/k", "s3", "", "", "DeleteObject"},
		{"POST", "/", "sts", "", "Action=AssumeRole", "AssumeRole"},
		{"POST", "/", "athena", "AmazonAthena.StartQueryExecution", "", "StartQueryExecution"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20010101/us-east-1/"+tt.service+"/aws4_request, SignedHeaders=host")
		r.Header.Set("X-Amz-Target", tt.header)
		if got := classify(r); got.op != tt.want || got.service != tt.service {
			t.Errorf("%s %s = %s %s, want %s", tt.method, tt.target, got.service, got.op, tt.want)
		}
		if body, _ := io.ReadAll(r.Body); string(body) != tt.body {
			t.Errorf("%s %s: the body is %q afterwards, want %q", tt.method, tt.target, body, tt.body)
		}
	}
}
