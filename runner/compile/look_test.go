package compile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/runner/compile"
)

const lookAround = `
variable "tenant" { default = "acme" }
locals { inbox = "${var.tenant}-inbox" }
connection "aws" "lake" { region = "us-east-1" }
connection "aws" "partner" {
  region = "eu-west-1"
  assume_role {
    role_arn                  = "arn:aws:iam::111122223333:role/Hub"
    allow_missing_external_id = true
  }
  assume_role {
    role_arn    = "arn:aws:iam::444455556666:role/Inbox"
    external_id = "xyz"
  }
}
`

func TestLooks(t *testing.T) {
	g := compiled(t, map[string]string{"around.hcl": lookAround, "p.hcl": `
pipeline "p" {
  source "athena" "lake" {
    connection = connection.lake
    query      = "SELECT 1 AS one"
    output_location = "s3://results/"
  }
  source "athena" "partner" {
    connection = connection.partner
    query      = "SELECT 1 AS one"
    output_location = "s3://results/"
  }
  check "row_count" "some" {
    input    = source.lake
    min      = 1
    severity = "warn"
  }
  sink "s3" "chained" {
    input      = source.lake
    connection = connection.partner
    bucket     = local.inbox
    key        = "${var.tenant}/${formatdate("YYYY", run.scheduled_at)}/x.csv"
    format "csv" {}
  }
  sink "s3" "own" {
    input  = source.partner
    bucket = env("BUCKET")
    key    = "own.csv"
    format "csv" {}
    assume_role {
      role_arn    = "arn:aws:iam::777788889999:role/${run.pipeline}"
      external_id = "xyz"
    }
  }
  sink "file" "out" {
    input = source.partner
    path  = "out/${run.date}.csv"
    format "csv" {}
  }
}`}, nil)
	want := map[string]compile.Look{
		"source.lake":    {},
		"source.partner": {Role: "arn:aws:iam::444455556666:role/Inbox"},
		"check.some":     {Warns: true},
		"sink.chained": {Place: "s3://acme-inbox", File: `acme/${formatdate("YYYY", run.scheduled_at)}/x.csv`,
			Role: "arn:aws:iam::444455556666:role/Inbox"},
		"sink.own": {File: "own.csv", Role: "arn:aws:iam::777788889999:role/p"},
		"sink.out": {Place: "file:", File: "out/${run.date}.csv"},
	}
	if diff := cmp.Diff(want, g.Pipeline("p").Looks()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The name of a file is shown as it is written where it needs a run, and as it
// is where not.
func TestOutlineOfNames(t *testing.T) {
	for _, tt := range []struct{ path, want string }{
		{"out.csv", "out.csv"},
		{"${run.date}", "${run.date}"},
		{"${upper(\"a\")}/${run.date}.csv", "A/${run.date}.csv"},
		{"%{ if run.date == \"2027-01-01\" }new%{ else }old%{ endif }.csv", "%{ if run.date == \"2027-01-01\" }new%{ else }old%{ endif }.csv"},
		{"${env(\"UNSET\")}.csv", "${env(\"UNSET\")}.csv"},
		{"$${x}.csv", "${x}.csv"},
	} {
		g := compiled(t, map[string]string{"p.hcl": naming(tt.path)}, nil)
		if got := g.Pipeline("p").Looks()["sink.out"].File; got != tt.want {
			t.Errorf("%s is shown as %s, want %s", tt.path, got, tt.want)
		}
	}
}

func TestOutlineOfNamesInJSON(t *testing.T) {
	g := compiled(t, map[string]string{"p.hcl.json": `{"pipeline": {"p": {
  "source": {"file": {"in": {"path": "in.csv", "format": {"csv": {}}}}},
  "sink": {"file": {"out": {"input": "source.in", "path": "out/${upper(\"a\")}/${run.date}.csv", "format": {"csv": {}}}}}
}}}`}, nil)
	if got, want := g.Pipeline("p").Looks()["sink.out"].File, "out/A/${run.date}.csv"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
