package runner_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/internal/problem"
	"waybill/runner"
	"waybill/runner/state"
)

const salted = `
waybill {
  retry {
    max_attempts    = 3
    initial_backoff = "1ms"
    max_backoff     = "1ms"
  }
}
pipeline "p" {
  source "file" "people" {
    path = "people.csv"
    format "csv" {}
  }
  transform "mask" "private" {
    input = source.people
    hash  = ["email"]
    salt  = secret("aws-sm://salt")
  }
  sink "file" "out" {
    input = transform.private
    path  = "out.csv"
    format "csv" {}
  }
}`

// canarySalt holds what SQL and JSON write in another way.
const canarySalt = `canary'7731"x`

// noCanary fails if any part of a secret stands in a text.
func noCanary(t *testing.T, where, text string) {
	t.Helper()
	for _, leak := range []string{"canary", "7731", fmt.Sprintf("%x", "canary")} {
		if i := strings.Index(text, leak); i >= 0 {
			t.Errorf("%s shows a secret: …%q…", where, text[max(0, i-60):min(len(text), i+60)])
		}
	}
}

// A secret reaches the compute job, and nothing that stays or is shown: neither
// log, events, state nor spool, whether the run succeeds or fails.
func TestSecretsLeaveNoTrace(t *testing.T) {
	for _, tt := range []struct{ name, people string }{
		{"succeeds", "id,email\n1,jane@example.org\n"},
		{"fails in the transform", "id,mail\n1,jane@example.org\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProject(t, map[string]string{"main.hcl": salted, "people.csv": tt.people})
			p.vars.Secret = func(string) (string, error) { return canarySalt, nil }
			var log, events bytes.Buffer
			p.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			p.Events = func(e runner.Event) { _ = json.NewEncoder(&events).Encode(e) }
			r := p.run()
			if tt.name == "succeeds" {
				mustSucceed(t, r, nil)
				if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(canarySalt+"jane@example.org"))); !strings.Contains(p.read("out.csv"), sum) {
					t.Errorf("the salt is not in the hash: %s", p.read("out.csv"))
				}
			} else if r.Status != state.Failed || r.Problem == nil || !strings.Contains(r.Problem.Summary+r.Problem.Error(), "email") {
				t.Errorf("the run is %s: %+v", r.Status, r.Problem)
			}
			noCanary(t, "the log", log.String())
			noCanary(t, "an event", events.String())
			if events.Len() == 0 || log.Len() == 0 {
				t.Error("there were no events or no log")
			}
			seen := 0
			for _, dir := range append(p.data, p.dir) {
				err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
					if err != nil || d.IsDir() {
						return err
					}
					data, err := os.ReadFile(path)
					noCanary(t, path, string(data))
					seen++
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if seen < 4 { // definition, data, state and spool
				t.Errorf("only %d files were looked at", seen)
			}
		})
	}
}

// A secret that cannot be had for a moment holds the run up; one that is
// refused ends it.
func TestSecretsAreAskedForAgain(t *testing.T) {
	for _, tt := range []struct {
		code   string
		fails  int
		status state.Status
		calls  int
	}{
		{"secret-unreachable", 2, state.Succeeded, 3},
		{"secret-unreachable", 9, state.Failed, 3},
		{"secret-access-denied", 9, state.Failed, 1},
	} {
		t.Run(fmt.Sprintf("%s %d times", tt.code, tt.fails), func(t *testing.T) {
			p := newProject(t, map[string]string{"main.hcl": salted, "people.csv": "id,email\n1,jane@example.org\n"})
			calls := 0
			p.vars.Secret = func(string) (string, error) {
				if calls++; calls <= tt.fails {
					return "", problem.New(tt.code, "aws-sm://salt cannot be read", nil)
				}
				return canarySalt, nil
			}
			r := p.run()
			if r.Status != tt.status || calls != tt.calls {
				t.Errorf("%s after %d calls, want %s after %d: %+v", r.Status, calls, tt.status, tt.calls, r.Problem)
			}
			if tt.status == state.Failed && (r.Problem == nil || r.Problem.Code != tt.code || r.Problem.Where != "main.hcl:17") {
				t.Errorf("problem = %+v", r.Problem)
			}
		})
	}
}

// A resume reads the secrets again: they may have been rotated.
func TestResumeReadsSecretsAgain(t *testing.T) {
	p := newProject(t, map[string]string{"main.hcl": salted, "people.csv": "id,mail\n1,x\n"})
	calls := 0
	p.vars.Secret = func(string) (string, error) { calls++; return canarySalt, nil }
	r := p.run()
	if r.Status != state.Failed || calls != 1 {
		t.Fatalf("%s after %d calls", r.Status, calls)
	}
	if err := p.store.Reopen(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := p.execute(t.Context(), r.ID); err != nil || calls != 2 {
		t.Errorf("%d calls, %v", calls, err)
	}
}
