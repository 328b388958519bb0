package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waybill/runner/state"
)

// A daemon reads the secrets of its runs, and its log, its metrics, its state
// and its spool show none.
func TestServeKeepsSecrets(t *testing.T) {
	t.Parallel()
	dir, data, cloud := partners(t), t.TempDir(), t.TempDir()
	edit(t, dir, "main.hcl", "external_id = var.acme_external_id", `external_id = secret("aws-sm://acme#external_id")`)
	edit(t, dir, "main.hcl", `variable "acme_external_id"`, `variable "unused"`)
	for _, name := range []string{"aws.sandbox.hcl", "data/orders.csv"} {
		writeFile(t, cloud, name, readFile(t, filepath.Join(dir, name)))
	}
	if err := os.Remove(filepath.Join(dir, "aws.sandbox.hcl")); err != nil {
		t.Fatal(err)
	}
	edit(t, cloud, "aws.sandbox.hcl", "acme-7f3c", "canary-4711")
	edit(t, cloud, "aws.sandbox.hcl", `"glue:Get*"`, `"glue:Get*", "secretsmanager:GetSecretValue"`)
	writeFile(t, cloud, "secrets.sandbox.hcl", `secret "acme" {
  account = "111111111111"
  value   = jsonencode({ external_id = "canary-4711" })
}
`)
	p := startSandbox(t, cloud)
	scheduled(t, dir, data, p.Env())
	s := serve(t, p.Env(), dir, data, "--verbose")
	eventually(t, "the run succeeds", func() bool {
		runs := runsOfState(t, data)
		return len(runs) == 1 && runs[0].Status == state.Succeeded
	})
	_, metrics := s.get("/metrics")
	s.stop()
	if n := len(calls(t, p, "GetSecretValue")); n != 1 {
		t.Errorf("the secret was read %d times, want once", n)
	}
	checkObjects(t, p, "acme-inbox/orders/"+yearly().Format(time.DateOnly)+".csv", "birdwatch-drop/totals/"+yearly().Format(time.DateOnly)+".csv")
	for where, text := range map[string]string{"log": s.text(), "metrics": metrics} {
		if text == "" || strings.Contains(text, "canary") {
			t.Errorf("the %s: %s", where, text)
		}
	}
	for _, root := range []string{dir, data} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.Contains(readFile(t, path), "canary") {
				t.Errorf("%s holds a secret", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
