package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/internal/sandbox"
)

const acmeOrders = "id,region,total\n1,EU,10.50\n2,EU,20.00\n3,US,5.25\n"

// large makes Acme's artifact so large that it goes up in parts.
func large(t *testing.T, dir string) {
	t.Helper()
	edit(t, dir, "main.hcl", "  transform \"sql\" \"by_region\" {", `  transform "sql" "many" {
    query = "SELECT o.id, r.range AS n, md5(concat(o.id, '-', r.range)) AS digest FROM ${source.orders} o, range(200000) r"
  }

  transform "sql" "by_region" {`)
	edit(t, dir, "main.hcl", "input      = source.orders", "input      = transform.many")
	edit(t, dir, "main.hcl", `order_by   = ["id"]`, `order_by   = ["id", "n"]`)
}

func setFaults(t *testing.T, p *sandbox.Process, list ...sandbox.Fault) {
	t.Helper()
	if err := p.SetFaults(context.WithoutCancel(t.Context()), list...); err != nil {
		t.Fatal(err)
	}
}

// succeeded are the requests that were answered with success.
func succeeded(entries []sandbox.Entry) []sandbox.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e sandbox.Entry) bool { return e.Status < 200 || e.Status > 299 })
}

// toAcme are the requests for Acme's bucket.
func toAcme(entries []sandbox.Entry) []sandbox.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e sandbox.Entry) bool { return e.Bucket != "acme-inbox" })
}

func checkNoOpenUploads(t *testing.T, p *sandbox.Process) {
	t.Helper()
	open, err := openUploads(p.DataDir)
	if err != nil || len(open) > 0 {
		t.Errorf("open uploads: %q, %v", open, err)
	}
}

func checkObjects(t *testing.T, p *sandbox.Process, want ...string) {
	t.Helper()
	got, err := partnerObjects(p.DataDir)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the partners' buckets hold %q, %v; want %q", got, err, want)
	}
}

// What S3 cannot do twice and then can is delivered, once.
func TestPutFailsTwice(t *testing.T) {
	t.Parallel()
	dir := partners(t)
	p := startSandbox(t, dir)
	setFaults(t, p, sandbox.Fault{Operation: "PutObject", Bucket: "acme-inbox", Code: "SlowDown", Times: 2})
	out := mustWaybill(t, p.Env(), "run", "orders", "-C", dir, "--at", "2001-01-01")
	puts := toAcme(calls(t, p, "PutObject"))
	if len(puts) != 3 || len(succeeded(puts)) != 1 {
		t.Errorf("%d puts of which %d succeeded, want 3 and 1\n%s", len(puts), len(succeeded(puts)), out)
	}
	if got := readFile(t, filepath.Join(p.DataDir, "s3/acme-inbox/orders/2001-01-01.csv")); got != acmeOrders {
		t.Errorf("Acme got %q, want %q", got, acmeOrders)
	}
	checkObjects(t, p, "acme-inbox/orders/2001-01-01.csv", "birdwatch-drop/totals/2001-01-01.csv")
}

// As long as S3 is down the sink is tried again, as often as it says; then the
// run fails, and a retry of the run delivers without another query.
func TestPutFailsForLong(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits between attempts, as the SDK does")
	}
	dir := partners(t)
	edit(t, dir, "main.hcl", "max_attempts    = 4", "max_attempts    = 2")
	p := startSandbox(t, dir)
	setFaults(t, p, sandbox.Fault{Operation: "PutObject", Bucket: "acme-inbox", Code: "InternalError"})
	out, errOut, code := waybill(t, p.Env(), "run", "orders", "-C", dir, "--at", "2001-01-01")
	if code != 1 {
		t.Fatalf("exit code %d, want 1\n%s%s", code, out, errOut)
	}
	for _, want := range []string{"↻ attempt 1 failed: ", "[s3-failed]", "next try ", "failed after "} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "attempt 2 failed") {
		t.Errorf("a third attempt was promised, but max_attempts is 2:\n%s", out)
	}
	checkObjects(t, p, "birdwatch-drop/totals/2001-01-01.csv")

	setFaults(t, p)
	run := regexpSubmatch(t, `waybill runs retry (\w+)`, out)
	mustWaybill(t, p.Env(), "runs", "retry", run, "-C", dir)
	checkObjects(t, p, "acme-inbox/orders/2001-01-01.csv", "birdwatch-drop/totals/2001-01-01.csv")
	if n := len(unloads(t, p)); n != 1 {
		t.Errorf("Athena was asked %d times, want once", n)
	}
	if n := len(succeeded(calls(t, p, "PutObject"))); n != 2 {
		t.Errorf("%d objects were put, want one for each partner", n)
	}
}

// unloads are the queries that read the data.
func unloads(t *testing.T, p *sandbox.Process) []sandbox.Entry {
	t.Helper()
	return slices.DeleteFunc(calls(t, p, "StartQueryExecution"), func(e sandbox.Entry) bool {
		return !strings.HasPrefix(e.Params["QueryString"], "UNLOAD")
	})
}

// An upload in parts that meets trouble ends whole or not at all, and is never
// left open.
func TestPartsMeetTrouble(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("five uploads of 20 MB")
	}
	dir := partners(t)
	large(t, dir)
	edit(t, dir, "main.hcl", "max_attempts    = 4", "max_attempts    = 2")
	p := startSandbox(t, dir)
	tests := []struct {
		name      string
		fault     sandbox.Fault
		delivered bool
		code      string
	}{
		{"a part is refused once", sandbox.Fault{Operation: "UploadPart", Code: "InternalError", After: 1, Times: 1}, true, ""},
		{"the completion is done but not heard of", sandbox.Fault{Operation: "CompleteMultipartUpload", Cut: sandbox.CutAfter, Times: 1}, true, ""},
		{"the completion fails in a 200", sandbox.Fault{Operation: "CompleteMultipartUpload", Code: "InternalError", Status: 200, Times: 1}, true, ""},
		{"a part is denied", sandbox.Fault{Operation: "UploadPart", Code: "AccessDenied", After: 1}, false, "bucket-access-denied"},
		{"the connection breaks at every part", sandbox.Fault{Operation: "UploadPart", Cut: sandbox.CutBefore}, false, "s3-unreachable"},
	}
	var first string
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setFaults(t, p, tt.fault)
			day := time.Date(2001, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
			out, errOut, code := waybill(t, p.Env(), "run", "orders", "-C", dir, "--at", day)
			path := filepath.Join(p.DataDir, "s3/acme-inbox/orders", day+".csv")
			switch {
			case tt.delivered && code != 0:
				t.Fatalf("exit code %d\n%s%s", code, out, errOut)
			case tt.delivered && first == "":
				first = readFile(t, path)
				if n := strings.Count(first, "\n"); n != 600_001 {
					t.Errorf("%d lines, want 600,001", n)
				}
			case tt.delivered && readFile(t, path) != first:
				t.Error("the same rows gave other bytes")
			case !tt.delivered && (code != 1 || !strings.Contains(out, "["+tt.code+"]")):
				t.Errorf("exit code %d, want 1 with %s\n%s%s", code, tt.code, out, errOut)
			}
			objects, err := partnerObjects(p.DataDir)
			if there := slices.Contains(objects, "acme-inbox/orders/"+day+".csv"); err != nil || there != tt.delivered {
				t.Errorf("delivered: %v (%v), want %v", there, err, tt.delivered)
			}
			setFaults(t, p)
			checkNoOpenUploads(t, p)
		})
	}
}
