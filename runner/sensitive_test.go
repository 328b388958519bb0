package runner_test

import (
	"strings"
	"testing"

	"waybill/runner/state"
)

const people = "id,Email,phone\n1,a@example.com,123\n2,b@example.com,456\n"

func personal(t *testing.T, more string) *project {
	return newProject(t, map[string]string{"people.csv": people, "main.hcl": `
pipeline "p" {
  sensitive_columns = ["email"]
  source "file" "people" {
    path = "people.csv"
    format "csv" {}
  }
` + more + `
}`})
}

func to(input, attrs string) string {
	return "sink \"file\" \"out\" {\n    input = " + input + "\n    path  = \"out.csv\"\n    " + attrs + "\n    format \"csv\" {}\n  }"
}

func TestSensitiveColumns(t *testing.T) {
	for _, tt := range []struct {
		name, steps string
		refused     string // columns
	}{
		{"as they come", to("source.people", ""), "Email of source.people"},
		{"allowed", to("source.people", "allow_sensitive = true"), ""},
		{"through SQL", `transform "sql" "t" {
    query = "SELECT id, email FROM ${source.people}"
  }
  ` + to("transform.t", ""), "Email of transform.t"},
		{"renamed by a select", `transform "select" "t" {
    input   = source.people
    columns = ["Email"]
    rename  = { Email = "contact" }
  }
  ` + to("transform.t", ""), "contact of transform.t"},
		{"not selected", `transform "select" "t" {
    input   = source.people
    columns = ["id"]
  }
  ` + to("transform.t", ""), ""},
		{"masked", `transform "mask" "t" {
    input = source.people
    hash  = ["email"]
  }
  ` + to("transform.t", ""), ""},
		{"masked, then read by SQL", `transform "mask" "m" {
    input = source.people
    hash  = ["email"]
  }
  transform "sql" "t" {
    query = "SELECT email FROM ${transform.m}"
  }
  ` + to("transform.t", ""), ""},
		{"joined with the unmasked", `transform "mask" "m" {
    input = source.people
    hash  = ["email"]
  }
  transform "sql" "t" {
    query = "SELECT m.email, p.phone FROM ${transform.m} m JOIN ${source.people} p USING (id)"
  }
  ` + to("transform.t", ""), "Email of transform.t"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := personal(t, tt.steps)
			r := p.run()
			switch {
			case tt.refused == "" && r.Status != state.Succeeded:
				t.Fatalf("the run is %s: %v", r.Status, r.Problem)
			case tt.refused != "" && (r.Status != state.Failed || r.Problem.Code != "sensitive-columns" || !strings.Contains(strings.ToLower(r.Problem.Summary), strings.ToLower(tt.refused))):
				t.Fatalf("the run is %s: %v; want %s refused", r.Status, r.Problem, tt.refused)
			}
		})
	}
}

// Samples of violating rows leave sensitive columns out.
func TestSensitiveColumnsInSamples(t *testing.T) {
	p := personal(t, `check "sql" "c" {
    query = "SELECT * FROM ${source.people}"
  }
  `+to("source.people", "allow_sensitive = true"))
	r := p.run()
	if r.Status != state.Failed || r.Problem.Code != "check-failed" {
		t.Fatalf("the run is %s: %v", r.Status, r.Problem)
	}
	if text := r.Problem.Snippet; strings.Contains(text, "example.com") || !strings.Contains(text, "(sensitive)") || !strings.Contains(text, "456") {
		t.Errorf("the sample is\n%s", text)
	}
}
