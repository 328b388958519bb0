package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/schema"
)

func load(t *testing.T, files map[string]string) (*Config, hcl.Diagnostics) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(dir)
}

func TestLoad(t *testing.T) {
	c, diags := load(t, map[string]string{
		"accounts.sandbox.hcl": `
sandbox { region = "eu-west-1" }
user "first" {}
user "runner" {
  account           = "222222222222"
  access_key_id     = "AKIAIOSFODNN7EXAMPLE"
  secret_access_key = "not so secret"
  default           = true
  policy            = file("policies/runner.json")
}
role "arn:aws:iam::123456789012:role/team/Inbox" {
  trust {
    principals  = ["222222222222"]
    external_id = "acme"
  }
  max_session_duration = "2h"
}
role "Plain" { trust_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { AWS = "*" }, Action = "sts:AssumeRole" }] }) }
`,
		"lake/tables.sandbox.hcl": `
bucket "lake" {}
table "sales.orders" {
  files   = ["data/*.csv"]
  format  = "csv"
  header  = false
  columns = ["id bigint", "total DECIMAL(12,2)"]
}
workgroup "etl" {
  output_location      = "s3://lake/results/"
  bytes_scanned_cutoff = "1GB"
}
`,
		"policies/runner.json":      `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`,
		"data/a.csv":                "1,2\n",
		".hidden/bad.sandbox.hcl":   "nonsense {",
		"not-a-sandbox.hcl":         "nonsense {",
		"other/.dotted.sandbox.hcl": "nonsense {",
	})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	runner, ok := c.DefaultUser()
	if !ok || runner.ARN() != "arn:aws:iam::222222222222:user/runner" || runner.SecretKey.Reveal() != "not so secret" || len(runner.Policies) != 1 {
		t.Errorf("the default user is %+v", runner)
	}
	if first := c.Users[0]; !keyIDRule.MatchString(first.AccessKeyID) || len(first.SecretKey.Reveal()) != 40 || first.Account != DefaultAccount {
		t.Errorf("the first user is %+v", first)
	}
	inbox := c.Roles[0]
	if inbox.ARN() != "arn:aws:iam::123456789012:role/team/Inbox" || inbox.MaxSession != 2*time.Hour || !strings.Contains(inbox.Trust, `"sts:ExternalId":["acme"]`) || inbox.Where != "accounts.sandbox.hcl:11" {
		t.Errorf("the role is %+v", inbox)
	}
	if b, _ := c.Bucket("lake"); b.Region != "eu-west-1" || b.Account != DefaultAccount {
		t.Errorf("the bucket is %+v", b)
	}
	want := []Column{{"id", "bigint"}, {"total", "decimal(12,2)"}}
	if table := c.Tables[0]; cmp.Diff(want, table.Columns) != "" || table.Header || table.Files[0] != filepath.Join(c.Dir, "data", "*.csv") {
		t.Errorf("the table is %+v", table)
	}
	if len(c.Workgroups) != 2 || c.Workgroups[0].BytesScannedCutoff != 1e9 || c.Workgroups[1].Name != DefaultWorkgroup {
		t.Errorf("the workgroups are %+v", c.Workgroups)
	}
}

func TestLoadIsDeterministic(t *testing.T) {
	files := map[string]string{"a.sandbox.hcl": `user "x" {}`}
	a, _ := load(t, files)
	b, _ := load(t, files)
	if a.Users[0].AccessKeyID != b.Users[0].AccessKeyID || a.Users[0].SecretKey.Reveal() != b.Users[0].SecretKey.Reveal() {
		t.Error("a user's key differs from load to load")
	}
}

// TestDiagnostics shows what is said about mistakes: code, line and words.
func TestDiagnostics(t *testing.T) {
	const user = "user \"u\" {}\n" // the line before each text
	for _, tt := range []struct {
		name, text string
		code       diag.Code
		line       int
		says       string
	}{
		{"unknown block", "buckt \"x\" {}", "unknown-block", 2, `Did you mean "bucket"?`},
		{"unknown attribute", "bucket \"lake\" {\n  regoin = \"eu-west-1\"\n}", "unknown-attribute", 3, `Did you mean "region"?`},
		{"wrong type", "bucket \"lake\" {\n  region = [1]\n}", "wrong-type", 3, "region"},
		{"account", "bucket \"lake\" {\n  account = \"12\"\n}", "invalid-value", 3, "12 digits"},
		{"bucket name", "bucket \"Lake\" {}", "invalid-value", 2, "lower-case"},
		{"region", "bucket \"lake\" {\n  region = \"Ireland\"\n}", "invalid-value", 3, "eu-west-1"},
		{"declared twice", "bucket \"lake\" {}\nbucket \"lake\" {}", "duplicate-name", 3, "line 2"},
		{"two defaults", "user \"a\" { default = true }\nuser \"b\" { default = true }", "duplicate-name", 3, "default user"},
		{"same key", "user \"a\" { access_key_id = \"AKIAIOSFODNN7EXAMPLE\" }\nuser \"b\" { access_key_id = \"AKIAIOSFODNN7EXAMPLE\" }", "duplicate-name", 3, "access key"},
		{"key id", "user \"a\" { access_key_id = \"short\" }", "invalid-value", 2, "16 to 128"},
		{"role without trust", "role \"R\" {}", "missing-block", 2, "external_id"},
		{"trust twice", "role \"R\" {\n  trust { principals = [\"*\"] }\n  trust_policy = \"{}\"\n}", "conflicting-attributes", 4, "exclude each other"},
		{"trust policy", "role \"R\" {\n  trust_policy = jsonencode({ Statement = [{ Effect = \"Allow\", Action = \"sts:AssumeRole\" }] })\n}", "invalid-policy", 3, "Principal"},
		{"role arn", "role \"arn:aws:iam::123456789012:user/x\" {}", "invalid-value", 2, "not the ARN of a role"},
		{"role of two accounts", "role \"arn:aws:iam::123456789012:role/x\" {\n  account = \"999999999999\"\n  trust { principals = [\"*\"] }\n}", "invalid-value", 3, "Leave account out"},
		{"session too long", "role \"R\" {\n  trust { principals = [\"*\"] }\n  max_session_duration = \"13h\"\n}", "invalid-value", 4, "between 1h and 12h"},
		{"policy", "user \"a\" {\n  policy = jsonencode({ Statement = [{ Effect = \"Allow\", Action = \"PutObject\", Resource = \"*\" }] })\n}", "invalid-policy", 3, "vendor"},
		{"statement", "user \"a\" {\n  statement {\n    actions   = [\"s3:GetObject\"]\n    resources = [\"acme-inbox/*\"]\n  }\n}", "invalid-policy", 3, "ARN format"},
		{"condition", "user \"a\" {\n  statement {\n    actions   = [\"s3:GetObject\"]\n    resources = [\"*\"]\n    condition {\n      test     = \"StringEqual\"\n      variable = \"aws:PrincipalArn\"\n      values   = [\"x\"]\n    }\n  }\n}", "invalid-policy", 3, "Syntax"},
		{"effect", "user \"a\" {\n  statement {\n    effect    = \"Alow\"\n    actions   = [\"s3:GetObject\"]\n    resources = [\"*\"]\n  }\n}", "invalid-value", 4, `Did you mean "Allow"?`},
		{"bucket policy", "bucket \"lake\" {\n  policy = jsonencode({ Version = \"2012-10-17\", Statement = [{ Effect = \"Allow\", Principal = \"*\", Action = \"s3:GetObject\", Resource = \"arn:aws:s3:::pond/*\" }] })\n}", "invalid-policy", 3, "resource"},
		{"table name", "table \"orders\" { location = \"s3://lake/x/\" }\nbucket \"lake\" {}", "invalid-value", 2, "sales.orders"},
		{"table without data", "table \"a.b\" {}", "conflicting-attributes", 2, "needs files or location"},
		{"missing file", "table \"a.b\" {\n  files = [\"nope.parquet\"]\n}", "file-not-readable", 3, "nope.parquet"},
		{"file outside", "table \"a.b\" {\n  files = [\"../x.parquet\"]\n}", "invalid-value", 3, "leaves the project"},
		{"column", "table \"a.b\" {\n  location = \"s3://lake/x/\"\n  columns = [\"id\"]\n}\nbucket \"lake\" {}", "invalid-value", 4, "has no type"},
		{"cutoff", "workgroup \"w\" {\n  bytes_scanned_cutoff = \"1MB\"\n}", "invalid-value", 3, "10000000"},
		{"managed and located", "workgroup \"w\" {\n  managed_results = true\n  output_location = \"s3://lake/\"\n}\nbucket \"lake\" {}", "conflicting-attributes", 4, "exclude each other"},
		{"unknown bucket", "bucket \"lake\" {}\nworkgroup \"w\" {\n  output_location = \"s3://lak/\"\n}", "unknown-reference", 3, `Did you mean "lake"?`},
		{"no such policy file", "user \"a\" {\n  policy = file(\"nope.json\")\n}", "function-failed", 3, "no such file"},
		{"policy file outside", "user \"a\" {\n  policy = file(\"../nope.json\")\n}", "function-failed", 3, "escapes"},
		{"syntax", "bucket \"lake\" {", "syntax", 2, ""},
		{"issuer", "oidc_provider \"http://issuer.example\" {}", "invalid-value", 2, "is not an issuer"},
		{"issuer with a slash", "oidc_provider \"https://issuer.example/\" {}", "invalid-value", 2, "without a slash at its end"},
		{"issuer twice", "oidc_provider \"https://issuer.example\" {}\noidc_provider \"https://issuer.example\" {}", "duplicate-name", 3, "line 2"},
		{"signing key", "oidc_provider \"https://issuer.example\" {\n  signing_key = \"secret\"\n}", "invalid-value", 3, "no private key in PEM"},
		{"token name", "oidc_provider \"https://issuer.example\" {\n  token \"../x\" {\n    subject = \"s\"\n  }\n}", "invalid-value", 3, "A token's name"},
		{"token twice", "oidc_provider \"https://issuer.example\" {\n  token \"x\" { subject = \"s\" }\n  token \"x\" { subject = \"t\" }\n}", "duplicate-name", 4, "line 3"},
		{"token variable", "oidc_provider \"https://issuer.example\" {\n  token \"x\" {\n    subject = \"s\"\n    env = \"A-B\"\n  }\n}", "invalid-value", 5, "AWS_WEB_IDENTITY_TOKEN_FILE"},
		{"secret name", "secret \"prod db\" { value = \"x\" }", "invalid-value", 2, "A secret's name"},
		{"secret without value", "secret \"db\" {}", "missing-attribute", 2, "value"},
		{"secret twice", "secret \"db\" { value = \"x\" }\nsecret \"db\" { value = \"y\" }", "duplicate-name", 3, "db of 111122223333"},
		{"secret's key", "secret \"db\" {\n  value = \"x\"\n  kms_key = \"alias/x\"\n}", "invalid-value", 4, "Write its ARN"},
		{"secret's region", "secret \"db\" {\n  value = \"x\"\n  region = \"Ireland\"\n}", "invalid-value", 4, "eu-west-1"},
		{"parameter name", "parameter \"prod/db\" { value = \"x\" }", "invalid-value", 2, "A parameter's name"},
		{"parameter type", "parameter \"/db\" {\n  value = \"x\"\n  type = \"Secure\"\n}", "invalid-value", 4, "SecureString"},
		{"settings twice", "sandbox {}\nsandbox {}", "duplicate-block", 3, "line 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := load(t, map[string]string{"x.sandbox.hcl": user + tt.text})
			if len(diags) != 1 {
				t.Fatalf("want one diagnostic, got %d: %v", len(diags), diags)
			}
			d := diags[0]
			if diag.CodeOf(d) != tt.code || d.Subject.Start.Line != tt.line || !strings.Contains(d.Summary+" "+d.Detail, tt.says) {
				t.Errorf("got %s in line %d: %s. %s\nwant %s in line %d: …%s…", diag.CodeOf(d), d.Subject.Start.Line, d.Summary, d.Detail, tt.code, tt.line, tt.says)
			}
		})
	}
}

func TestEmptyProjects(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		code  diag.Code
	}{
		"nothing declared": {map[string]string{"main.hcl": ""}, "sandbox-not-declared"},
		"no user":          {map[string]string{"a.sandbox.hcl": `bucket "lake" {}`}, "missing-block"},
	} {
		if _, diags := load(t, tt.files); len(diags) != 1 || diag.CodeOf(diags[0]) != tt.code {
			t.Errorf("%s: %v", name, diags)
		}
	}
	if _, diags := Load(filepath.Join(t.TempDir(), "nope")); !diags.HasErrors() {
		t.Error("a directory that isn't there was loaded")
	}
}

// TestSchemaIsDocumented holds that every block and attribute says what it is,
// and that every example can be loaded.
func TestSchemaIsDocumented(t *testing.T) {
	var check func(path string, b *schema.Block)
	check = func(path string, b *schema.Block) {
		if b.Doc == "" || b.Example == "" {
			t.Errorf("%s lacks a text or an example", path)
		}
		for _, a := range b.Attrs {
			if a.Doc == "" || !strings.HasSuffix(a.Doc, ".") {
				t.Errorf("%s.%s lacks a sentence", path, a.Name)
			}
		}
		for _, n := range b.Blocks {
			check(path+"."+n.Block.Type, n.Block)
		}
	}
	var all strings.Builder
	for _, b := range Schema() {
		check(b.Type, b)
		fmt.Fprintf(&all, "%s\n", b.Example)
	}
	text := all.String() + "bucket \"lake-results\" {}\n"
	if _, diags := load(t, map[string]string{"x.sandbox.hcl": text, "data/orders.parquet": ""}); len(diags) > 0 {
		t.Errorf("the examples don't load: %v\n%s", diags, text)
	}
}

func TestHostileFiles(t *testing.T) {
	loop := "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : 1]]]"
	for name, text := range map[string]string{
		"brackets": strings.Repeat("[", 200_000),
		"loops":    "user \"a\" {\n  policy = jsonencode(" + loop + ")\n}\n",
	} {
		_, diags := load(t, map[string]string{"a.sandbox.hcl": text})
		if len(diags) == 0 || diag.CodeOf(diags[0]) != "too-large" {
			t.Errorf("%s: %v", name, diags)
		}
	}
}
