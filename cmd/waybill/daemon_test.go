package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"waybill/internal/sandbox"
	"waybill/runner/state"
)

// quiet is a project whose schedule does not fire during a test.
func quiet(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	writeFile(t, dir, "main.hcl", quietHCL)
	writeFile(t, dir, "sql/totals.sql", "SELECT count(*) AS orders FROM ${source.orders}\n")
	writeFile(t, dir, "orders.csv", "id\n1\n2\n")
	return dir
}

const quietHCL = `pipeline "totals" {
  schedule {
    cron = "0 0 1 1 ? *"
  }

  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }

  transform "sql" "totals" {
    query_file = "sql/totals.sql"
  }

  sink "file" "out" {
    input = transform.totals
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}
`

func TestServeDoor(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, quiet(t), t.TempDir())
	as := func(host string) func(*http.Request) { return func(r *http.Request) { r.Host = host } }
	from := func(origin string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Origin", origin); r.Header.Set("Sec-Fetch-Site", "cross-site") }
	}
	tests := []struct {
		name, method, path string
		change             func(*http.Request)
		code               int
		body               string
	}{
		{"health", "GET", "/healthz", nil, 200, "ok"},
		{"readiness", "GET", "/readyz", nil, 200, "ready"},
		{"metrics", "GET", "/metrics", nil, 200, "\nwaybill_pipelines 1\n"},
		{"metrics of the process", "GET", "/metrics", nil, 200, "\nprocess_resident_memory_bytes "},
		{"reload", "POST", "/-/reload", nil, 200, `"ok":true`},
		{"reload by a link", "GET", "/-/reload", nil, 405, ""},
		{"a page elsewhere", "POST", "/-/reload", from("https://evil.example"), 403, ""},
		{"localhost", "GET", "/healthz", as("localhost:8585"), 200, "ok"},
		{"a name that was rebound to loopback", "GET", "/metrics", as("evil.example"), 421, "not served here"},
		{"that name, changing something", "POST", "/-/reload", as("evil.example"), 421, ""},
		{"nothing there", "GET", "/nope", nil, 404, ""},
	}
	for _, tt := range tests {
		code, body := s.do(tt.method, tt.path, tt.change)
		if code != tt.code || !strings.Contains(body, tt.body) {
			t.Errorf("%s: %s %s = %d %q, want %d with %q", tt.name, tt.method, tt.path, code, body, tt.code, tt.body)
		}
	}
	s.stop()
	if s.find(func(l logLine) bool { return l.text("msg") == "waybill has stopped" }) == nil {
		t.Error("the log does not tell that waybill has stopped")
	}
}

// A change takes effect when it is saved, in HCL and in SQL; a mistake leaves
// the last good configuration in force, loudly, until it is mended.
func TestServeReloads(t *testing.T) {
	t.Parallel()
	dir := quiet(t)
	s := serve(t, nil, dir, t.TempDir())
	_, before := s.reload()
	generation := func() string { _, r := s.reload(); return r.Generation }

	edit(t, dir, "main.hcl", "0 0 1 1 ? *", "0 0 2 1 ? *")
	s.wait("the new schedule", func(l logLine) bool {
		return l.text("msg") == "configuration loaded" && l.text("digest") != before.Generation
	})
	after := generation()
	if after == before.Generation {
		t.Error("the configuration in force is still the old one")
	}

	edit(t, dir, "sql/totals.sql", "AS orders", "AS number")
	eventually(t, "the new SQL is in force", func() bool { return s.find(loaded(before.Generation, after)) != nil })
	good := generation()

	edit(t, dir, "main.hcl", "query_file", "query_fiel")
	eventually(t, "the metric tells of the mistake", func() bool { return s.metric("waybill_config_last_reload_successful") == 0 })
	found := s.wait("the mistake with its place", func(l logLine) bool { return l.text("where") == "main.hcl:12" })
	if found.text("level") != "ERROR" || found.text("code") != "unknown-attribute" || !strings.Contains(found.text("detail"), "query_file") {
		t.Errorf("the log says %v", found)
	}
	code, answer := s.reload()
	if code != http.StatusUnprocessableEntity || answer.OK || answer.Changed || answer.Generation != good || answer.Code != "reload-failed" {
		t.Errorf("POST /-/reload = %d %+v, want 422, reload-failed and the generation %s", code, answer, good)
	}
	if len(answer.Diagnostics) == 0 || answer.Diagnostics[0].Range == nil || answer.Diagnostics[0].Range.File != "main.hcl" {
		t.Errorf("diagnostics = %+v, want the place of the mistake", answer.Diagnostics)
	}
	if code, body := s.get("/readyz"); code != http.StatusOK {
		t.Errorf("readyz = %d %q: the last good configuration goes on", code, body)
	}
	if n := s.metric("waybill_pipelines"); n != 1 {
		t.Errorf("%v pipelines are in force, want 1", n)
	}

	edit(t, dir, "main.hcl", "query_fiel", "query_file")
	eventually(t, "the metric tells that it is mended", func() bool { return s.metric("waybill_config_last_reload_successful") == 1 })
	if now := generation(); now != good {
		t.Errorf("the mended configuration is %s, want %s as before the mistake", now, good)
	}
	s.stop()
}

// loaded matches the loading of another generation than these.
func loaded(but ...string) func(logLine) bool {
	return func(l logLine) bool {
		return l.text("msg") == "configuration loaded" && !slices.Contains(but, l.text("digest"))
	}
}

func TestServeOnce(t *testing.T) {
	t.Parallel()
	dir, data := quiet(t), t.TempDir()
	first := serve(t, nil, dir, data)
	second := start(t, nil, dir, data)
	if code := second.end(); code != 1 {
		t.Errorf("exit code %d of the second daemon, want 1", code)
	}
	for _, want := range []string{"[state-locked]", strconv.Itoa(first.cmd.Process.Pid), "--data-dir"} {
		if !strings.Contains(second.text(), want) {
			t.Errorf("the second daemon does not say %q:\n%s", want, second.text())
		}
	}
	if code, _ := first.get("/healthz"); code != http.StatusOK {
		t.Errorf("the first daemon answers %d", code)
	}
	first.kill()
	serve(t, nil, dir, data).stop() // a lock does not outlive its holder
}

// With broken files a daemon starts with what was good the last time, and says
// so; without such, it does not start.
func TestServeStartsStale(t *testing.T) {
	t.Parallel()
	dir, data := quiet(t), t.TempDir()
	serve(t, nil, dir, data).stop()
	edit(t, dir, "main.hcl", "query_file", "query_fiel")

	s := serve(t, nil, dir, data)
	if s.metric("waybill_config_stale") != 1 || s.metric("waybill_config_last_reload_successful") != 0 {
		t.Error("the metrics do not tell that the configuration is stale")
	}
	if n := s.metric("waybill_pipelines"); n != 1 {
		t.Errorf("waybill_pipelines = %v, want 1: those of the last good configuration", n)
	}
	if _, body := s.get("/readyz"); !strings.Contains(body, "last good configuration") {
		t.Errorf("readyz says %q", body)
	}
	s.wait("the place of the mistake", func(l logLine) bool { return l.text("where") == "main.hcl:12" })
	edit(t, dir, "main.hcl", "query_fiel", "query_file")
	eventually(t, "the mended files are taken", func() bool { return s.metric("waybill_config_stale") == 0 })
	s.stop()

	edit(t, dir, "main.hcl", "query_file", "query_fiel")
	fresh := start(t, nil, dir, t.TempDir())
	if code := fresh.end(); code != 1 {
		t.Errorf("exit code %d without any good configuration, want 1", code)
	}
	for _, want := range []string{"[reload-failed]", "main.hcl:12"} {
		if !strings.Contains(fresh.text(), want) {
			t.Errorf("the daemon does not say %q:\n%s", want, fresh.text())
		}
	}
}

// yearly is a slot that a pipeline of once a year has missed, the latest one.
func yearly() time.Time { return time.Date(time.Now().UTC().Year(), 1, 1, 0, 0, 0, 0, time.UTC) }

// scheduled gives the partners' pipeline a schedule of once a year, whose
// latest slot is caught up by the next daemon.
func scheduled(t *testing.T, dir, data string, env []string) time.Time {
	t.Helper()
	edit(t, dir, "main.hcl", "pipeline \"orders\" {\n", `pipeline "orders" {
  schedule {
    cron            = "0 0 1 1 ? *"
    catch_up_window = "800d"
  }
`)
	backdate(t, env, dir, data, "orders", yearly().AddDate(0, 0, -10))
	return yearly()
}

// A daemon that is asked to stop carries a delivery to its end first.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	dir, data := partners(t), t.TempDir()
	p := startSandbox(t, dir)
	slot := scheduled(t, dir, data, p.Env())
	setFaults(t, p, sandbox.Fault{Operation: "PutObject", Bucket: "acme-inbox", Delay: 2 * time.Second})
	s := serve(t, p.Env(), dir, data)
	store := openStore(t, data)
	eventually(t, "the delivery begins", func() bool { return len(intents(t, store, "orders", "sink.acme", slot)) > 0 })
	s.stop()
	checkObjects(t, p, "acme-inbox/orders/"+slot.Format(time.DateOnly)+".csv", "birdwatch-drop/totals/"+slot.Format(time.DateOnly)+".csv")
	if runs := runsOfState(t, data); len(runs) != 1 || runs[0].Status != state.Succeeded {
		t.Errorf("runs = %+v, want one that succeeded", runs)
	}
}

// Kill -9 in the middle of an upload: the next daemon aborts what the first one
// left open and delivers, once, the same bytes, from the same query.
func TestServeKilledWhileItUploads(t *testing.T) {
	p := killedWhileItUploads(t, partners(t))
	if n := len(succeeded(toAcme(calls(t, p, "AbortMultipartUpload")))); n != 1 {
		t.Errorf("%d uploads were aborted, want the one that was left open", n)
	}
}

// Where the role may list the parts of an upload, the next daemon goes on with
// the one that was left open: it sends the parts that are missing, each once.
func TestServeKilledResumesTheUpload(t *testing.T) {
	dir := partners(t)
	edit(t, dir, "aws.sandbox.hcl", `["s3:PutObject", "s3:AbortMultipartUpload"]`, `["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]`)
	p := killedWhileItUploads(t, dir)
	if created, aborted := len(succeeded(calls(t, p, "CreateMultipartUpload"))), len(calls(t, p, "AbortMultipartUpload")); created != 1 || aborted != 0 {
		t.Errorf("%d uploads were opened and %d aborted, want one and none", created, aborted)
	}
	var sent int64
	for _, e := range succeeded(calls(t, p, "UploadPart")) {
		sent += e.BytesIn
	}
	objects, err := filepath.Glob(filepath.Join(p.DataDir, "s3/acme-inbox/orders/*.csv"))
	if err != nil || len(objects) != 1 {
		t.Fatalf("%q, %v", objects, err)
	}
	if info, err := os.Stat(objects[0]); err != nil || sent != info.Size() {
		t.Errorf("%d bytes of parts were sent for an object of %d: %v", sent, info.Size(), err)
	}
}

// killedWhileItUploads kills a daemon after one part of Acme's object is there
// and has another one deliver it.
func killedWhileItUploads(t *testing.T, dir string) *sandbox.Process {
	t.Helper()
	t.Parallel()
	if testing.Short() {
		t.Skip("waits until the lease of a killed process has run out")
	}
	data := t.TempDir()
	large(t, dir)
	p := startSandbox(t, dir)
	slot := scheduled(t, dir, data, p.Env())
	setFaults(t, p, sandbox.Fault{Operation: "UploadPart", Bucket: "acme-inbox", After: 1, Delay: time.Hour})
	s := serve(t, p.Env(), dir, data)
	eventually(t, "a part is there", func() bool { return len(succeeded(calls(t, p, "UploadPart"))) > 0 })
	s.kill()
	setFaults(t, p)
	day := slot.Format(time.DateOnly)
	objects, err := partnerObjects(p.DataDir)
	if err != nil || slices.Contains(objects, "acme-inbox/orders/"+day+".csv") {
		t.Fatalf("something is there already: %q, %v", objects, err)
	}

	s = serve(t, p.Env(), dir, data)
	eventually(t, "the run succeeds", func() bool { return runsOfState(t, data)[0].Status == state.Succeeded })
	s.stop()
	runs := runsOfState(t, data)
	if len(runs) != 1 || runs[0].Status != state.Succeeded || !runs[0].Slot.Equal(slot) || runs[0].Trigger != "schedule" {
		t.Errorf("runs = %+v, want the one of %s", runs, slot)
	}
	checkObjects(t, p, "acme-inbox/orders/"+day+".csv", "birdwatch-drop/totals/"+day+".csv")
	checkNoOpenUploads(t, p)
	if n := len(unloads(t, p)); n != 1 {
		t.Errorf("Athena was asked %d times for the data, want once", n)
	}
	if n := len(succeeded(calls(t, p, "CompleteMultipartUpload"))); n != 1 {
		t.Errorf("%d uploads were completed, want 1", n)
	}
	path := filepath.Join(p.DataDir, "s3/acme-inbox/orders", day+".csv")
	got := queryFile(t, path, `SELECT count(*), count(DISTINCT digest), sum(n) FROM "object"`)
	if want := "600000|600000|59999700000"; !slices.Equal(got, []string{want}) {
		t.Errorf("Acme got %q, want %s", got, want)
	}
	return p
}

// A run that was started by hand and killed while it put its object is carried
// on by the daemon of the same state.
func TestRunKilledIsTakenOver(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits until the lease of a killed process has run out")
	}
	dir, data := partners(t), t.TempDir()
	p := startSandbox(t, dir)
	setFaults(t, p, sandbox.Fault{Operation: "PutObject", Bucket: "acme-inbox", Delay: time.Hour})
	store := openStore(t, data)
	slot := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	cmd := waybillCommand(p.Env(), "run", "orders", "-C", dir, "--data-dir", data, "--at", "2001-01-01")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the delivery to Acme begins and Birdwatch has its file", func() bool {
		theirs := intents(t, store, "orders", "sink.birdwatch", slot)
		return len(intents(t, store, "orders", "sink.acme", slot)) > 0 && len(theirs) > 0 && theirs[0].Settled
	})
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	setFaults(t, p)

	s := serve(t, p.Env(), dir, data)
	eventually(t, "the run succeeds", func() bool { return runsOfState(t, data)[0].Status == state.Succeeded })
	s.stop()
	checkObjects(t, p, "acme-inbox/orders/2001-01-01.csv", "birdwatch-drop/totals/2001-01-01.csv")
	if got := readFile(t, filepath.Join(p.DataDir, "s3/acme-inbox/orders/2001-01-01.csv")); got != acmeOrders {
		t.Errorf("Acme got %q, want %q", got, acmeOrders)
	}
	if n := len(unloads(t, p)); n != 1 {
		t.Errorf("Athena was asked %d times for the data, want once", n)
	}
	if runs := runsOfState(t, data); len(runs) != 1 || runs[0].Status != state.Succeeded {
		t.Errorf("runs = %+v, want one that succeeded", runs)
	}
}
