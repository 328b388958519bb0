package compile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/config"
	"waybill/internal/problem"
	"waybill/runner/compile"
)

// twoPartners is a project of two pipelines, each with a connection and a salt
// of its own. The name of the connection of the second depends on a variable.
const twoPartners = `
variable "partner" {
  default = "blue"
}
connection "aws" "acme" {
  region            = "us-east-1"
  access_key_id     = secret("aws-sm://acme#id")
  secret_access_key = secret("aws-sm://acme#key")
}
connection "aws" "blue" {
  region            = "us-east-1"
  access_key_id     = secret("aws-sm://blue#id")
  secret_access_key = secret("aws-sm://blue#key")
}
pipeline "acme" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "mask" "private" {
    input = source.orders
    hash  = ["email"]
    salt  = secret("env://SALT")
  }
  sink "s3" "out" {
    input      = transform.private
    connection = connection.acme
    bucket     = "acme-inbox"
    key        = "orders.csv"
    format "csv" {}
  }
}
pipeline "blue" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "s3" "out" {
    input      = source.orders
    connection = connection[var.partner]
    bucket     = "blue-inbox"
    key        = "orders.csv"
    format "csv" {}
  }
}
`

// withSecrets compiles a project whose secrets are read by a function. It
// returns what was read, which is nothing yet.
func withSecrets(t *testing.T, text string, read func(string) (string, error)) (*compile.Generation, func() []string) {
	t.Helper()
	seen := []string{}
	vars := config.Vars{LookupEnv: noEnv, Secret: func(ref string) (string, error) {
		seen = append(seen, ref)
		return read(ref)
	}}
	g, _, diags := compile.Compile(config.StoredTree("/project", map[string][]byte{"main.hcl": []byte(text)}), vars, registries())
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return g, func() []string { out := seen; seen = []string{}; return out }
}

// A run reads the secrets of its own steps and connections, and no others;
// nothing but a run reads any.
func TestWhichSecretsARunReads(t *testing.T) {
	g, read := withSecrets(t, twoPartners, func(ref string) (string, error) { return "value of " + ref, nil })
	for _, p := range g.Pipelines {
		if _, diags := p.Sample(); diags.HasErrors() {
			t.Fatal(diags)
		}
	}
	if got := read(); len(got) > 0 {
		t.Errorf("before a run, %q were read", got)
	}
	b, err := g.Pipeline("acme").Bind(compile.RunValues{Slot: at("2026-01-31T09:00:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"aws-sm://acme#id", "aws-sm://acme#key", "env://SALT"}, read()); diff != "" {
		t.Error(diff)
	}
	sql, err := b.SQL("transform.private")
	if err != nil || !strings.Contains(sql, "'value of env://SALT'") {
		t.Errorf("the salt is not in %s, %v", sql, err)
	}
	if _, err := g.Pipeline("blue").Bind(compile.RunValues{Slot: at("2026-01-31T09:00:00Z")}); err != nil {
		t.Fatal(err)
	}
	if got := read(); len(got) != 4 { // which connection it is cannot be told from the text
		t.Errorf("read %q, want those of both connections", got)
	}
}

// What keeps a secret from being read is told as it was explained, with the
// place in the file.
func TestSecretThatCannotBeRead(t *testing.T) {
	denied := problem.New("secret-access-denied", "aws-sm://acme may not be read", nil)
	denied.Remedy, denied.Snippet = []string{"Add it."}, "{}"
	late := problem.New("secret-throttled", "slow down", nil)
	for _, want := range []*problem.Problem{denied, late} {
		g, _ := withSecrets(t, twoPartners, func(string) (string, error) { return "", want })
		_, err := g.Pipeline("acme").Bind(compile.RunValues{Slot: at("2026-01-31T09:00:00Z")})
		p := problem.As(err)
		if p == nil || p.Where != "main.hcl:7" {
			t.Fatalf("got %+v (%v)", p, err)
		}
		told := *p
		told.Where = ""
		if diff := cmp.Diff(*want, told); diff != "" || want.Where != "" {
			t.Errorf("%s\n%+v", diff, want)
		}
	}
}
