package sandbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"go.uber.org/goleak"

	"waybill/internal/problem"
	"waybill/internal/sandbox"
	"waybill/internal/sandbox/sandboxtest"
)

func writeWorld(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "world.sandbox.hcl"), []byte(world), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestStopLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	p, err := sandbox.Start(t.Context(), writeWorld(t), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.DataDir); err != nil {
		t.Fatalf("the sandbox works without its directory: %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if !gone(p.PID()) {
		t.Error("the process is still there")
	}
	if _, err := os.Stat(p.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary directory is still there: %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://")); err == nil {
		conn.Close()
		t.Error("something still listens")
	}
}

// TestSignals holds that a signal ends the sandbox in order.
func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p, err := sandbox.Start(t.Context(), writeWorld(t), sandbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(p.PID(), sig); err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		if err := p.Stop(); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
		if _, err := os.Stat(p.DataDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v: the temporary directory is still there: %v", sig, err)
		}
	}
}

func TestDataDirKeepsBuckets(t *testing.T) {
	ctx := t.Context()
	dir, data := writeWorld(t), filepath.Join(t.TempDir(), "data")
	for round := range 2 {
		p, err := sandbox.Start(ctx, dir, sandbox.Options{DataDir: data, JournalPath: filepath.Join(data, "requests")})
		if err != nil {
			t.Fatal(err)
		}
		c := s3Client(t, p, "")
		if round == 0 {
			err = put(ctx, c, "lake", "kept", "text")
		} else if text, gerr := get(ctx, c, "lake", "kept"); gerr != nil || text != "text" {
			err = fmt.Errorf("read %q: %w", text, gerr)
		}
		if err := errors.Join(err, p.Stop()); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	entries, err := sandbox.ReadJournal(filepath.Join(data, "requests"))
	if err != nil || len(entries) != 2 {
		t.Errorf("the journal goes on after a restart: %v, %v", entries, err)
	}
}

// TestParentKilled starts a process that starts a sandbox, kills it without
// warning, and waits for the sandbox to follow.
func TestParentKilled(t *testing.T) {
	parent := exec.Command(os.Args[0], "-test.run=^TestHelperParent$", "-test.v")
	parent.Env = append(os.Environ(), "SANDBOX_HELPER_DIR="+writeWorld(t))
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var child struct {
		PID     int
		DataDir string
	}
	lines := bufio.NewScanner(out)
	for child.PID == 0 && lines.Scan() {
		_ = json.Unmarshal(lines.Bytes(), &child) // other lines are the test's own
	}
	if child.PID == 0 {
		t.Fatal("the helper started no sandbox")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // "signal: killed"
	deadline := time.Now().Add(20 * time.Second)
	for !gone(child.PID) && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond) // an orphan can only be polled
	}
	if !gone(child.PID) {
		_ = syscall.Kill(child.PID, syscall.SIGKILL)
		t.Fatal("the sandbox outlived its parent")
	}
	if _, err := os.Stat(child.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary directory is still there: %v", err)
	}
}

// TestHelperParent is the parent of TestParentKilled, in a process of its own.
func TestHelperParent(t *testing.T) {
	dir := os.Getenv("SANDBOX_HELPER_DIR")
	if dir == "" {
		t.SkipNow() // only TestParentKilled runs it
	}
	p, err := sandbox.Start(context.Background(), dir, sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	line, _ := json.Marshal(map[string]any{"PID": p.PID(), "DataDir": p.DataDir})
	fmt.Printf("\n%s\n", line)
	<-p.Done()
}

func TestStartFailures(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name string
		o    sandbox.Options
		says string
	}{
		{"no such program", sandbox.Options{Command: []string{"/nonexistent/waybill"}}, "no such file"},
		{"a program that ends", sandbox.Options{Command: []string{"/bin/false"}}, "ended at once"},
		{"address in use", sandbox.Options{Listen: taken.Addr().String()}, "address already in use"},
		{"not loopback", sandbox.Options{Listen: "0.0.0.0:0"}, "loopback addresses only"},
		{"data directory is a file", sandbox.Options{DataDir: os.Args[0]}, "not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := sandbox.Start(t.Context(), writeWorld(t), tt.o)
			if err == nil {
				_ = p.Stop()
				t.Fatal("it started")
			}
			if pr := problem.As(err); pr == nil || pr.Code != "sandbox-failed" || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want a problem that says %q", err, tt.says)
			}
		})
	}
}

// last returns the newest entry of the journal.
func last(t *testing.T, p *sandbox.Process) sandbox.Entry {
	t.Helper()
	entries := sandboxtest.Journal(t, p)
	if len(entries) == 0 {
		t.Fatal("the journal is empty")
	}
	return entries[len(entries)-1]
}

func TestJournal(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	runner := s3Client(t, p, "")
	if err := put(ctx, runner, "lake", "a/b", "twelve bytes"); err != nil {
		t.Fatal(err)
	}
	e := last(t, p)
	if e.Service != "s3" || e.Operation != "PutObject" || e.Bucket != "lake" || e.Key != "a/b" || e.Status != 200 || e.BytesIn != 12 ||
		e.Principal != "arn:aws:iam::111122223333:user/runner" || e.Header["x-amz-meta-delivery-id"] != "d1" || e.RequestID == "" || e.Region != "us-east-1" {
		t.Errorf("put: %+v", e)
	}
	if _, err := get(ctx, runner, "lake", "a/b"); err != nil {
		t.Fatal(err)
	}
	if e = last(t, p); e.Operation != "GetObject" || e.BytesOut != 12 {
		t.Errorf("get: %+v", e)
	}
	if err := put(ctx, s3Client(t, p, "nobody"), "lake", "a/b", "x"); err == nil {
		t.Fatal("nobody could put")
	}
	if e = last(t, p); e.Status != 403 || e.Code != "AccessDenied" || !strings.HasSuffix(e.Principal, "user/nobody") || !strings.Contains(e.Message, "s3:PutObject") {
		t.Errorf("denied: %+v", e)
	}
	assume(t, p, "arn:aws:iam::123456789012:role/Inbox", externalID("acme-7f3a"))
	if e = last(t, p); e.Service != "sts" || e.Operation != "AssumeRole" || e.Params["ExternalId"] != "acme-7f3a" || e.Status != 200 {
		t.Errorf("assume: %+v", e)
	}
	_, err := sts.NewFromConfig(sandboxtest.Config(t, p, "nobody")).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/Inbox"), RoleSessionName: aws.String("x1")})
	if e = last(t, p); err == nil || e.Code != "AccessDenied" || e.Status != 403 {
		t.Errorf("not assumed: %+v, %v", e, err)
	}
}

func TestOperationsInJournal(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	c := s3Client(t, p, "")
	bucket, key := aws.String("lake"), aws.String("k")
	var want []string
	did := func(operation string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", operation, err)
		}
		want = append(want, operation)
	}
	_, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket})
	did("HeadBucket", err)
	_, err = c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: bucket})
	did("GetBucketLocation", err)
	did("PutObject", put(ctx, c, "lake", "k", "x"))
	_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key})
	did("HeadObject", err)
	_, err = c.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: bucket, Key: key})
	did("GetObjectTagging", err)
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("k2"), CopySource: aws.String("lake/k")})
	did("CopyObject", err)
	up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	did("CreateMultipartUpload", err)
	_, err = c.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	did("UploadPart", err)
	_, err = c.ListParts(ctx, &s3.ListPartsInput{Bucket: bucket, Key: key, UploadId: up.UploadId})
	did("ListParts", err)
	_, err = c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId})
	did("AbortMultipartUpload", err)
	_, err = c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: bucket})
	did("ListMultipartUploads", err)
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	did("ListObjectsV2", err)
	_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key})
	did("DeleteObject", err)
	_, err = c.ListBuckets(ctx, &s3.ListBucketsInput{})
	did("ListBuckets", err)
	var got []string
	for _, e := range sandboxtest.Journal(t, p) {
		got = append(got, e.Operation)
	}
	if !slices.Equal(got, want) {
		t.Errorf("journal:\n%v\nwant:\n%v", got, want)
	}
}

func TestFaultStatus(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	c := s3Client(t, p, "")
	sandboxtest.Faults(t, p, sandbox.Fault{Service: "s3", Operation: "PutObject", Key: "in/*", After: 1, Times: 2, Code: "SlowDown"})
	codes := func() (out []string) {
		for range 4 {
			err := put(ctx, c, "lake", "in/k", "x")
			if err == nil {
				out = append(out, "ok")
				continue
			}
			wantCode(t, err, "SlowDown", 503)
			out = append(out, "slow")
		}
		return out
	}
	if got := codes(); !slices.Equal(got, []string{"ok", "slow", "slow", "ok"}) {
		t.Errorf("got %v", got)
	}
	if err := put(ctx, c, "lake", "out/k", "x"); err != nil {
		t.Errorf("the rule is for other keys: %v", err)
	}
	sandboxtest.Faults(t, p, sandbox.Fault{Service: "sts", Operation: "AssumeRole", Code: "Throttling", Message: "Rate exceeded"})
	_, err := sts.NewFromConfig(sandboxtest.Config(t, p, "")).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/Next"), RoleSessionName: aws.String("x1")})
	wantCode(t, err, "Throttling", 400)
	if e := last(t, p); e.Fault != "status" || e.Code != "Throttling" {
		t.Errorf("the journal doesn't tell of the fault: %+v", e)
	}
	sandboxtest.Faults(t, p)
	assume(t, p, "arn:aws:iam::111122223333:role/Next")
}

func TestFaultCut(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	c := s3Client(t, p, "")
	sandboxtest.Faults(t, p,
		sandbox.Fault{Key: "before", Cut: sandbox.CutBefore, Times: 1},
		sandbox.Fault{Key: "after", Cut: sandbox.CutAfter, Times: 1})
	for _, tt := range []struct {
		key  string
		done bool
	}{{"before", false}, {"after", true}} {
		if err := put(ctx, c, "lake", tt.key, "x"); err == nil {
			t.Errorf("%s: the answer came through", tt.key)
		}
		e := last(t, p)
		if e.Status != 0 || e.Fault != "cut-"+tt.key {
			t.Errorf("%s: journal: %+v", tt.key, e)
		}
		if _, err := get(ctx, c, "lake", tt.key); (err == nil) != tt.done {
			t.Errorf("%s: the object is there: %v, want %v", tt.key, err == nil, tt.done)
		}
	}
}

func TestFaultSlowness(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	c := s3Client(t, p, "")
	if err := put(ctx, c, "lake", "k", strings.Repeat("x", 3000)); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Faults(t, p, sandbox.Fault{Operation: "GetObject", Delay: 50 * time.Millisecond, Times: 1}, sandbox.Fault{Operation: "GetObject", BytesPerSecond: 20_000})
	for _, atLeast := range []time.Duration{50 * time.Millisecond, 50 * time.Millisecond} {
		began := time.Now()
		if text, err := get(ctx, c, "lake", "k"); err != nil || len(text) != 3000 {
			t.Fatalf("read %d bytes, %v", len(text), err)
		}
		if took := time.Since(began); took < atLeast {
			t.Errorf("it took %s, want at least %s", took, atLeast)
		}
	}
}

func TestFaultRulesAreChecked(t *testing.T) {
	p := sandboxtest.Start(t, world)
	for _, tt := range []struct {
		fault sandbox.Fault
		says  string
	}{
		{sandbox.Fault{}, "it does nothing"},
		{sandbox.Fault{Code: "Strange"}, "give one"},
		{sandbox.Fault{Status: 500}, "needs a code"},
		{sandbox.Fault{Cut: "middle"}, `want "before" or "after"`},
		{sandbox.Fault{Key: "[", Code: "SlowDown"}, "syntax error in pattern"},
	} {
		if err := p.SetFaults(t.Context(), tt.fault); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: got %v, want %q", tt.fault, err, tt.says)
		}
	}
	resp, err := http.Get(p.Control + "/-/faults")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); strings.TrimSpace(string(text)) != "[]" {
		t.Errorf("refused rules are in force: %s", text)
	}
}
