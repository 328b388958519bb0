package review_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/config"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
	"waybill/runner/review"
)

const base = `
variable "key" {
  type      = string
  default   = "one"
  sensitive = true
}

variable "partners" {
  type = map(string)
  default = { acme = "acme-inbox", beta = "beta-inbox" }
}

connection "aws" "lake" {
  region = "us-east-1"
}

connection "aws" "acme" {
  region = "eu-west-1"
  assume_role {
    role_arn    = "arn:aws:iam::123456789012:role/Inbox"
    external_id = var.key
  }
}

pipeline "daily" {
  schedule {
    cron     = "0 9 * * *"
    timezone = "America/New_York"
  }
  source "athena" "orders" {
    connection = connection.lake
    query      = <<-SQL
      SELECT id, total
      FROM orders
      WHERE day = ?
    SQL
    parameters = [run.date]
  }
  sink "s3" "acme" {
    input      = source.orders
    connection = connection.acme
    bucket     = "acme-inbox"
    key        = "orders/${run.date}.csv"
    format "csv" {}
  }
}

pipeline "partner" {
  for_each = var.partners
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "${each.value}/${run.date}.csv"
    format "csv" { header = true }
  }
}
`

func generation(t *testing.T, text string) *compile.Generation {
	t.Helper()
	g, _, diags := compile.Compile(config.StoredTree("/project", map[string][]byte{"main.hcl": []byte(text)}), config.Vars{}, compiletest.Registries())
	if g == nil {
		t.Fatal(diags)
	}
	return g
}

// edit replaces parts of the base's text, each of which must be there.
func edit(t *testing.T, pairs ...string) string {
	t.Helper()
	text := base
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the base has no %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// told writes changes on lines that a test can compare.
func told(c review.Changes) string {
	var b strings.Builder
	change := func(c review.Change) {
		fmt.Fprintf(&b, "  %s %s", c.Kind, c.Path)
		switch {
		case c.Hidden:
			b.WriteString(" hidden")
		case c.Query:
			fmt.Fprintf(&b, " %d → %d bytes", len(c.Old), len(c.New))
		default:
			fmt.Fprintf(&b, " %s → %s", c.Old, c.New)
		}
		fmt.Fprintf(&b, " at %s\n", c.Where)
	}
	for _, block := range c.Blocks {
		fmt.Fprintf(&b, "%s %s used by %v\n", block.Address, block.Kind, block.UsedBy)
		for _, ch := range block.Changes {
			change(ch)
		}
	}
	for _, p := range c.Pipelines {
		fmt.Fprintf(&b, "%s %s was %q alike %v renamed %q like %q\n", p.Name, p.Kind, p.Was, p.Alike, p.Renamed, p.Like)
		for _, ch := range p.Changes {
			change(ch)
		}
	}
	fmt.Fprintf(&b, "%d unchanged\n", c.Unchanged)
	return b.String()
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit []string
	}{
		{"nothing", nil},
		{"comments and literals that became locals", []string{`"acme-inbox"` + "\n    key", "local.inbox # theirs\n    key", "\nconnection \"aws\" \"lake\"", "\nlocals {\n  inbox = \"acme-inbox\"\n}\n\nconnection \"aws\" \"lake\""}},
		{"an attribute, a name of a file and a query", []string{"0 9 * * *", "0 9 * * MON-FRI", "orders/${run.date}", "orders/daily/${run.date}", "SELECT id, total", "SELECT id, totl"}},
		{"attributes that come and go", []string{`    timezone = "America/New_York"` + "\n", "", "bucket     =", "acl = \"private\"\n    bucket     ="}},
		{"a role, and a secret", []string{"role/Inbox", "role/InboxAdmin", `"one"`, `"two"`}},
		{"the label of a block", []string{`format "csv" {}`, "format \"ndjson\" {}", ".csv\"\n    format \"ndjson\"", ".ndjson\"\n    format \"ndjson\""}},
		{"a pipeline that is renamed", []string{`pipeline "daily"`, `pipeline "nightly"`}},
		{"a pipeline that is renamed and changed", []string{`pipeline "daily"`, `pipeline "nightly"`, "0 9", "0 8"}},
		{"a pipeline that is moved and changed", []string{`pipeline "daily"`, "moved {\n  from = pipeline.daily\n  to = pipeline.nightly\n}\npipeline \"nightly\"", "0 9", "0 8"}},
		{"instances that change alike", []string{"header = true", "header = false"}},
		{"an instance more", []string{`beta = "beta-inbox"`, `beta = "beta-inbox", ceta = "ceta-inbox"`}},
		{"a second schedule and another kind of step", []string{"  schedule {", "  schedule {\n    cron = \"0 7 * * *\"\n  }\n  schedule {", `source "athena" "orders"`, `source "athena" "sales"`, "source.orders", "source.sales"}},
		{"a connection more, and settings", []string{`connection "aws" "lake"`, "waybill {\n  timezone = \"Asia/Tokyo\"\n}\nconnection \"aws\" \"spare\" {\n  region = \"us-east-1\"\n}\nconnection \"aws\" \"lake\""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changes, err := review.Compare(generation(t, base), generation(t, edit(t, tt.edit...)))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, told(changes))
		})
	}
}

// Where nothing was before, everything is new, and the other way round.
func TestCompareWithNothing(t *testing.T) {
	changes, err := review.Compare(generation(t, ""), generation(t, base))
	if err != nil {
		t.Fatal(err)
	}
	if text := told(changes); strings.Contains(text, `"one"`) || !changes.Pipelines[0].Changes[0].Hidden && strings.Contains(text, "two") {
		t.Error("a secret is shown:\n" + text)
	}
	golden(t, told(changes))
	changes, err = review.Compare(generation(t, base), generation(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range changes.Pipelines {
		if p.Kind != review.Removed {
			t.Errorf("%s is %s", p.Name, p.Kind)
		}
	}
}

// golden compares with a file that is named like the test; UPDATE_GOLDEN=1
// writes it.
func golden(t *testing.T, got string) {
	t.Helper()
	_, name, _ := strings.Cut(t.Name(), "/")
	if name == "" {
		name = t.Name()
	}
	path := filepath.Join("testdata", strings.ReplaceAll(name, ",", "")+".txt")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
