package identity_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
	"waybill/internal/identity"
	"waybill/internal/schema"
	"waybill/internal/secret"
)

// check decodes and checks a connection's body and returns the codes found.
func check(t *testing.T, body string) (identity.Config, []string, hcl.Diagnostics) {
	t.Helper()
	f, diags := hclsyntax.ParseConfig([]byte(body), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %s", body, diags)
	}
	scope := &schema.Scope{Eval: &hcl.EvalContext{Variables: map[string]cty.Value{
		"var": cty.ObjectVal(map[string]cty.Value{
			"id":  cty.StringVal("CANARY id").Mark(secret.Mark{}),
			"ok":  cty.StringVal("CANARY-id").Mark(secret.Mark{}),
			"env": cty.UnknownVal(cty.String),
		}),
		"run": cty.ObjectVal(map[string]cty.Value{"pipeline": cty.UnknownVal(cty.String)}),
	}}}
	var cfg identity.Config
	values, diags := schema.Decode(f.Body, identity.Block(), scope, &cfg)
	if !diags.HasErrors() {
		diags = append(diags, identity.Check(cfg, values)...)
	}
	var codes []string
	for _, d := range diags {
		codes = append(codes, string(diag.CodeOf(d)))
		if strings.Contains(d.Summary+d.Detail, "CANARY") {
			t.Errorf("a sensitive value is in a diagnostic: %s", d)
		}
		if d.Subject == nil || d.Subject.Filename != "main.hcl" {
			t.Errorf("no place is named: %s", d)
		}
	}
	return cfg, codes, diags
}

func roleBody(lines ...string) string {
	return "assume_role {\nrole_arn = \"arn:aws:iam::123456789012:role/Inbox\"\n" + strings.Join(lines, "\n") + "\n}"
}

func webBody(lines ...string) string {
	return "web_identity {\nrole_arn = \"arn:aws:iam::123456789012:role/Runner\"\ntoken_file = \"/run/token\"\n" + strings.Join(lines, "\n") + "\n}"
}

func TestCheck(t *testing.T) {
	const id = `external_id = "acme-1"`
	sameAccount := roleBody(id) + "\n" + strings.ReplaceAll(roleBody(), "Inbox", "Next")
	tests := []struct {
		name, body string
		want       []string
	}{
		{"empty", ``, nil},
		{"full", "region = \"eu-west-1\"\n" + roleBody(id, `session_name = "waybill-${run.pipeline}"`, `duration = "15m"`), nil},
		{"unknown values", "region = var.env\n" + strings.Replace(roleBody("external_id = var.env", "session_name = var.env"), `"arn:aws:iam::123456789012:role/Inbox"`, "var.env", 1), nil},
		{"sensitive external id", roleBody("external_id = var.ok"), nil},
		{"region: zone", `region = "eu-west-1a"`, []string{"invalid-value"}},
		{"region: place", `region = "Ireland"`, []string{"invalid-value"}},
		{"region: gov", `region = "us-gov-west-1"`, nil},
		{"region: sovereign", `region = "eusc-de-east-1"`, nil},
		{"half a key", `access_key_id = "AKIA"`, []string{"missing-attribute"}},
		{"other half", `secret_access_key = var.ok`, []string{"missing-attribute"}},
		{"token alone", `session_token = var.ok`, []string{"missing-attribute"}},
		{"literal secret", "access_key_id = \"AKIA\"\nsecret_access_key = \"abc\"", []string{"literal-secret"}},
		{"key and profile", "access_key_id = \"AKIA\"\nsecret_access_key = var.ok\nprofile = \"x\"", []string{"invalid-value"}},
		{"user ARN", strings.Replace(roleBody(id), "role/", "user/", 1), []string{"arn-invalid"}},
		{"session ARN", strings.Replace(roleBody(id), "iam::", "sts::", 1), []string{"arn-invalid"}},
		{"short account", strings.Replace(roleBody(id), "123456789012", "12345", 1), []string{"arn-invalid"}},
		{"other partition, path", strings.NewReplacer("arn:aws:", "arn:aws-us-gov:", "role/", "role/team/a/").Replace(roleBody(id)), nil},
		{"no external id", roleBody(), []string{"external-id-missing"}},
		{"allowed to miss", roleBody("allow_missing_external_id = true"), nil},
		{"chain in one account", sameAccount, nil},
		{"chain into another account", strings.Replace(sameAccount, "9012:role/Next", "9999:role/Next", 1), []string{"external-id-missing"}},
		{"external id: space", roleBody(`external_id = "acme 1"`), []string{"external-id-invalid"}},
		{"external id: sensitive space", roleBody(`external_id = var.id`), []string{"external-id-invalid"}},
		{"external id: short", roleBody(`external_id = "a"`), []string{"external-id-invalid"}},
		{"external id: empty", roleBody(`external_id = ""`), []string{"external-id-invalid"}},
		{"external id: long", roleBody(`external_id = "` + strings.Repeat("a", 1225) + `"`), []string{"external-id-invalid"}},
		{"external id: longest", roleBody(`external_id = "` + strings.Repeat("a", 1224) + `"`), nil},
		{"external id: all signs", roleBody(`external_id = "aZ0_+=,.@:/-"`), nil},
		{"duration: short", roleBody(id, `duration = "10m"`), []string{"invalid-value"}},
		{"duration: long", roleBody(id, `duration = "13h"`), []string{"invalid-value"}},
		{"duration: chained", roleBody(id) + "\n" + roleBody(id, `duration = "2h"`), []string{"role-chain-duration"}},
		{"source identity", roleBody(id, `source_identity = "a b"`), []string{"invalid-value"}},
		{"policy: no JSON", roleBody(id, `policy = "{"`), []string{"session-policy-invalid"}},
		{"policy: long", roleBody(id, `policy = "`+strings.Repeat("1", 2049)+`"`), []string{"session-policy-invalid"}},
		{"tag", roleBody(id, `session_tags = { a = "`+strings.Repeat("x", 257)+`" }`), []string{"invalid-value"}},
		{"web identity: empty", "web_identity {\n}", []string{"missing-attribute", "missing-attribute"}},
		{"web identity", webBody(), nil},
		{"web identity: unknown values", "web_identity {\nrole_arn = var.env\ntoken_file = var.env\nsession_name = var.env\n}", nil},
		{"web identity: full", webBody(`session_name = "waybill-${run.pipeline}"`, `duration = "12h"`, `policy = "{}"`), nil},
		{"web identity and profile", webBody() + "\nprofile = \"x\"", []string{"conflicting-attributes"}},
		{"web identity and key", webBody() + "\naccess_key_id = \"AKIA\"\nsecret_access_key = var.ok", []string{"conflicting-attributes", "conflicting-attributes"}},
		{"web identity twice", webBody() + "\n" + webBody(), []string{"duplicate-block"}},
		{"web identity: user ARN", strings.Replace(webBody(), "role/", "user/", 1), []string{"arn-invalid"}},
		{"web identity: relative path", strings.Replace(webBody(), `"/run/`, `"run/`, 1), []string{"invalid-value"}},
		{"web identity: no path", strings.Replace(webBody(), `"/run/token"`, `""`, 1), []string{"invalid-value"}},
		{"web identity: short", webBody(`duration = "10m"`), []string{"invalid-value"}},
		{"web identity: long", webBody(`duration = "13h"`), []string{"invalid-value"}},
		{"web identity: policy", webBody(`policy = "{"`), []string{"session-policy-invalid"}},
		{"web identity: sensitive path", strings.Replace(webBody(), `"/run/token"`, "var.ok", 1), []string{"sensitive-value"}},
		{"web identity: external id", webBody(id), []string{"unknown-attribute"}},
		{"on top, in the same account", webBody() + "\n" + roleBody(), nil},
		{"on top, in another account", webBody() + "\n" + strings.Replace(roleBody(), "123456789012", "999999999999", 1), []string{"external-id-missing"}},
		{"on top, for long", webBody() + "\n" + roleBody(`duration = "2h"`), []string{"role-chain-duration"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, codes, diags := check(t, tt.body)
			if diff := cmp.Diff(tt.want, codes); diff != "" {
				t.Errorf("(-want +got)\n%s\n%v", diff, diags)
			}
		})
	}
}

func TestCheckEndpoint(t *testing.T) {
	tests := map[string]bool{
		"https://minio.example.com":        true,
		"https://minio.example.com:9000/":  true,
		"http://127.0.0.1:9000":            true,
		"http://localhost:9000":            true,
		"http://s3.localhost:9000":         true,
		"http://[::1]:9000":                true,
		"https://10.0.0.1":                 true,
		"http://minio.example.com":         false,
		"http://10.0.0.1":                  false,
		"http://localhost.example.com":     false,
		"https://169.254.169.254":          false,
		"http://169.254.170.2":             false,
		"https://[fe80::1]":                false,
		"https://[fd00:ec2::254]":          false,
		"https://[::ffff:169.254.169.254]": false,
		"https://0.0.0.0":                  false,
		"https://metadata.google.internal": false,
		"https://user:pw@example.com":      false,
		"https://example.com/?a=b":         false,
		"ftp://127.0.0.1":                  false,
		"minio.example.com":                false,
		"https://":                         false,
		"":                                 false,
		"https://\x7f":                     false,
	}
	for url, ok := range tests {
		_, codes, _ := check(t, "endpoint {\ns3 = "+quote(url)+"\n}")
		if got := len(codes) == 0; got != ok || (!ok && codes[0] != "endpoint-invalid") {
			t.Errorf("%q: %v, want allowed: %v", url, codes, ok)
		}
	}
}

func quote(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }

func TestExternalIDFaultNamesTheCharacter(t *testing.T) {
	_, _, diags := check(t, roleBody(`external_id = "acme#1"`))
	if len(diags) != 1 || !strings.Contains(diags[0].Summary, `'#' as character 5`) {
		t.Errorf("got %v", diags)
	}
}

func TestSecretsStaySecret(t *testing.T) {
	cfg, codes, diags := check(t, "access_key_id = \"AKIA\"\nsecret_access_key = var.ok\n"+roleBody("external_id = var.ok"))
	if len(codes) > 0 {
		t.Fatal(diags)
	}
	if !cfg.Roles[0].ExternalID.Hidden() || cfg.Roles[0].ExternalID.Reveal() != "CANARY-id" || cfg.SecretAccessKey.Reveal() != "CANARY-id" {
		t.Error("the values did not arrive")
	}
	plain, _, _ := check(t, roleBody(`external_id = "acme-1"`))
	if plain.Roles[0].ExternalID.Hidden() || plain.Roles[0].ExternalID.String() != "acme-1" {
		t.Error("a plain external id is hidden")
	}
}

func TestTrustPolicy(t *testing.T) {
	role := identity.Role{ARN: "arn:aws:iam::123456789012:role/Inbox", ExternalID: secret.PlainText("a<b&c")}
	want := `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "AWS": "arn:aws:iam::111122223333:role/Daemon"
      },
      "Action": "sts:AssumeRole",
      "Condition": {
        "StringEquals": {
          "sts:ExternalId": "a<b&c"
        }
      }
    }
  ]
}`
	if diff := cmp.Diff(want, identity.TrustPolicy("arn:aws:sts::111122223333:assumed-role/Daemon/i-0abc", role)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
