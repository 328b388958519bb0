package runner_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/runner/state"
)

// checked has a check of each kind; VAR is replaced in the tests.
const checked = `
pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "select" "some" {
    input   = source.orders
    columns = ["id", "region_id"]
    rename  = { region_id = "region" }
  }
  check "row_count" "enough" {
    input = transform.some
    min   = 1
    max   = 3
  }
  check "not_null" "filled" {
    input   = transform.some
    columns = ["id", "region"]
  }
  check "unique" "ids" {
    input    = transform.some
    columns  = ["id"]
    severity = "warn"
  }
  check "sql" "positive" {
    query = "SELECT * FROM ${source.orders} WHERE CAST(total AS bigint) < 0"
  }
  sink "file" "out" {
    input    = transform.some
    path     = "out.csv"
    order_by = ["id"]
    format "csv" {}
  }
}
`

func TestChecks(t *testing.T) {
	tests := []struct {
		name, orders string
		failed       string // the step that fails the run
		says         []string
		delivered    string
	}{
		{"all hold", ordersCSV, "", nil, "id,region\n1,7\n2,7\n3,8\n"},
		{"too many rows", ordersCSV + "4,7,1\n", "check.enough", []string{"transform.some must have at least 1 and at most 3 rows", "rows\n4"}, ""},
		{"too few rows", "id,region_id,total\n", "check.enough", []string{"rows\n0"}, ""},
		{"a NULL", "id,region_id,total\n1,,5\n", "check.filled", []string{"has NULL in id or region", "id  region\n1   NULL"}, ""},
		{"twice the same, warned only", "id,region_id,total\n1,7,5\n1,7,5\n", "", nil, "id,region\n1,7\n1,7\n"},
		{"a query with rows", "id,region_id,total\n1,7,-5\n", "check.positive", []string{"its query returned rows", "-5"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProject(t, map[string]string{"main.hcl": checked, "orders.csv": tt.orders})
			r := p.run()
			if tt.failed == "" {
				mustSucceed(t, r, nil)
				if got := p.read("out.csv"); got != tt.delivered {
					t.Errorf("out = %q, want %q", got, tt.delivered)
				}
				return
			}
			if r.Status != state.Failed || r.Problem.Code != "check-failed" || !strings.HasPrefix(r.Problem.Summary, tt.failed) {
				t.Fatalf("run %s: %v", r.Status, r.Problem)
			}
			text := r.Problem.Summary + "\n" + r.Problem.Snippet
			for _, s := range tt.says {
				if !strings.Contains(text, s) {
					t.Errorf("%q does not say %q", text, s)
				}
			}
			if _, err := os.Stat(filepath.Join(p.dir, "out.csv")); err == nil {
				t.Error("something was delivered")
			}
		})
	}
}

func TestMask(t *testing.T) {
	t.Setenv("WAYBILL_VAR_salt", "canary-salt")
	p := newProject(t, map[string]string{"main.hcl": `
variable "salt" {
  sensitive = true
}
pipeline "p" {
  source "file" "people" {
    path = "people.csv"
    format "csv" {}
  }
  transform "mask" "private" {
    input  = source.people
    hash   = ["email"]
    redact = ["age"]
    drop   = ["notes"]
    salt   = var.salt
  }
  sink "file" "out" {
    input    = transform.private
    path     = "out.csv"
    order_by = ["id"]
    format "csv" {}
  }
}`, "people.csv": "id,email,age,notes\n1,jane@example.org,41,x\n2,jane@example.org,52,y\n3,,63,z\n"})
	mustSucceed(t, p.run(), nil)
	// The hash is that of the salt and the value together.
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("canary-salt"+"jane@example.org")))
	lines := strings.Split(p.read("out.csv"), "\n")
	first, second := strings.Split(lines[1], ","), strings.Split(lines[2], ",")
	if lines[0] != "id,email,age" || first[1] != sum || second[1] != sum || first[2] != "" || lines[3] != "3,," {
		t.Errorf("out = %q", lines)
	}
	steps, err := p.store.Steps(t.Context(), "RUN1")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if strings.Contains(string(s.Result), "canary-salt") {
			t.Errorf("the salt is stored with %s", s.Address)
		}
	}
	want := map[string]state.Status{"source.people": state.Succeeded, "transform.private": state.Succeeded, "sink.out": state.Succeeded}
	if got := p.statuses("RUN1"); !maps.Equal(got, want) {
		t.Errorf("steps = %v", got)
	}
}
