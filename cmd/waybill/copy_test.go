package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"waybill/internal/sandbox"
	"waybill/runner/state"
)

// copying makes a project whose sink has what UNLOAD writes copied to a bucket
// of our own, in two parts.
func copying(t *testing.T) string {
	t.Helper()
	dir := partners(t)
	edit(t, dir, "aws.sandbox.hcl", `"arn:aws:s3:::lake-results/*"]`, `"arn:aws:s3:::lake-results/*", "arn:aws:s3:::own-inbox", "arn:aws:s3:::own-inbox/*"]`)
	edit(t, dir, "aws.sandbox.hcl", "bucket \"lake-results\" {", "bucket \"own-inbox\" {\n  account = \"111111111111\"\n}\n\nbucket \"lake-results\" {")
	writeFile(t, dir, "lake.hcl", `
pipeline "lake" {
  source "athena" "large" {
    connection      = connection.lake
    output_location = "s3://lake-results/waybill/"
    query           = "SELECT n, md5(to_utf8(CAST(n AS varchar))) AS a, sha256(to_utf8(CAST(n AS varchar))) AS b FROM UNNEST(sequence(1, 200000)) AS t(n)"
  }
  sink "s3" "own" {
    input      = source.large
    connection = connection.lake
    bucket     = "own-inbox"
    key        = "${run.date}/large.parquet"
    format "parquet" {}
  }
}
`)
	return dir
}

// stagedFiles are the objects that UNLOADs have left.
func stagedFiles(t *testing.T, p *sandbox.Process) (found []string) {
	t.Helper()
	root := filepath.Join(p.DataDir, "s3", "lake-results", "waybill", "waybill-staging")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			found = append(found, path)
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return found
}

// Kill -9 around every request of a copy: the next process goes on with what is
// there, the object has the frozen bytes, and nothing is left behind.
func TestKilledWhileS3Copies(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("five runs that are killed")
	}
	dir := copying(t)
	p := startSandbox(t, dir)
	copies := func() int { return len(succeeded(calls(t, p, "UploadPartCopy"))) }
	tests := []struct {
		name  string
		fault sandbox.Fault
	}{
		{"before the upload has an id", sandbox.Fault{Operation: "CreateMultipartUpload"}},
		{"before the first part", sandbox.Fault{Operation: "UploadPartCopy"}},
		{"before the upload is completed", sandbox.Fault{Operation: "CompleteMultipartUpload"}},
		{"before what was staged is removed", sandbox.Fault{Operation: "DeleteObject"}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data, before := t.TempDir(), copies()
			store := openStore(t, data)
			at := time.Date(2001, 1, 1+i, 0, 0, 0, 0, time.UTC)
			tt.fault.Delay = time.Hour
			setFaults(t, p, tt.fault)
			cmd := waybillCommand(p.Env(), "run", "lake", "-C", dir, "--data-dir", data, "--at", at.Format(time.DateOnly))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the request is under way", func() bool {
				in := intents(t, store, "lake", "sink.own", at)
				switch tt.fault.Operation {
				case "CreateMultipartUpload":
					return len(in) > 0
				case "UploadPartCopy":
					return len(in) > 0 && in[len(in)-1].UploadID != ""
				case "CompleteMultipartUpload":
					return copies() == before+2
				}
				return len(in) > 0 && in[0].Settled && in[0].Object.Key != ""
			})
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // killed
			setFaults(t, p)
			if n := len(stagedFiles(t, p)); n != 1 {
				t.Errorf("%d staged files are there, want the one that may still be copied", n)
			}
			id := runsOfState(t, data)[0].ID
			run, err := store.Run(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Renew(t.Context(), id, run.Owner, time.Unix(0, 0), 0); err != nil { // rather than wait for the lease
				t.Fatal(err)
			}
			mustWaybill(t, p.Env(), "runs", "retry", id, "-C", dir, "--data-dir", data)
			if got := runsOfState(t, data); len(got) != 1 || got[0].Status != state.Succeeded {
				t.Errorf("runs = %+v, want one that succeeded", got)
			}
			if out := mustWaybill(t, p.Env(), "verify", "lake", "-C", dir, "--data-dir", data, "--bytes"); !strings.Contains(out, "1 object: 1 as delivered") {
				t.Errorf("verify says %s", out)
			}
			if n := copies() - before; n != 2 {
				t.Errorf("%d parts were copied, want each once", n)
			}
			if n := len(calls(t, p, "UploadPart")); n != 0 {
				t.Errorf("%d parts were sent", n)
			}
			if n := len(unloads(t, p)); n != i+1 {
				t.Errorf("Athena was asked %d times for the data, want once for each run", n)
			}
			if left := stagedFiles(t, p); len(left) > 0 {
				t.Errorf("staged files are left: %v", left)
			}
		})
	}
	// Whatever was opened is completed or aborted, but for the upload whose id
	// nobody was told.
	open, err := openUploads(p.DataDir)
	if err != nil || len(open) > 1 {
		t.Errorf("open uploads: %q, %v", open, err)
	}
}
