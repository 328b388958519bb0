package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/runner/state"
)

const contracted = `
pipeline "p" {
  source "file" "orders" {
    path    = "orders.FORMAT"
    columns = { id = "bigint", total = "decimal(12,2)" }
    format "FORMAT" {}
  }
  transform "sql" "kinds" {
    query = "SELECT typeof(id) AS id, typeof(total) AS total, id AS n FROM ${source.orders}"
  }
  sink "file" "out" {
    input = transform.kinds
    path  = "out.csv"
    format "csv" {}
  }
}
`

func contractProject(t *testing.T, format, data string) *project {
	return newProject(t, map[string]string{"main.hcl": strings.ReplaceAll(contracted, "FORMAT", format), "orders." + format: data})
}

// Text is read with the types that the contract promises, whatever its columns'
// order.
func TestContractTypesText(t *testing.T) {
	for format, data := range map[string]string{"csv": "total,id\n10,1\n", "ndjson": `{"total": 10, "id": 1}` + "\n"} {
		p := contractProject(t, format, data)
		mustSucceed(t, p.run(), nil)
		if got, want := p.read("out.csv"), "id,total,n\nBIGINT,\"DECIMAL(12,2)\",1\n"; got != want {
			t.Errorf("%s: out = %q, want %q", format, got, want)
		}
	}
}

func TestContractBroken(t *testing.T) {
	tests := map[string]struct{ data, shows string }{
		"another name":     {"id,totl\n1,10\n", "totl"},
		"a column missing": {"id\n1\n", "total"},
		"one too many":     {"id,total,x\n1,10,2\n", "x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := contractProject(t, "csv", tt.data)
			r := p.run()
			if r.Status != state.Failed || r.Problem.Code != "contract-broken" {
				t.Fatalf("run %s: %v", r.Status, r.Problem)
			}
			if text := r.Problem.Summary + r.Problem.Cause + r.Problem.Snippet; !strings.Contains(text, tt.shows) {
				t.Errorf("%q does not show %q", text, tt.shows)
			}
			if _, err := os.Stat(filepath.Join(p.dir, "out.csv")); err == nil {
				t.Error("something was delivered")
			}
		})
	}
}

// Parquet has types of its own, which must be the promised ones.
func TestContractOfParquet(t *testing.T) {
	p := newProject(t, map[string]string{"orders.csv": "id,total\n1,10\n", "main.hcl": `
pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "orders.parquet"
    format "parquet" {}
  }
}`})
	mustSucceed(t, p.run(), nil)
	p.write("main.hcl", strings.ReplaceAll(contracted, "FORMAT", "parquet"))
	r := p.run()
	if r.Status != state.Failed || r.Problem.Code != "contract-broken" || !strings.Contains(r.Problem.Snippet, "≠ total decimal(12,2)   total bigint") {
		t.Errorf("run %s: %v\n%s", r.Status, r.Problem, r.Problem.Snippet)
	}
}
