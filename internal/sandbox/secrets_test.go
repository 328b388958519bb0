package sandbox_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"waybill/internal/sandbox"
	"waybill/internal/sandbox/sandboxtest"
)

const (
	kmsKey  = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	keepers = `
user "reader" {
  default = true
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["arn:aws:secretsmanager:*:111122223333:secret:prod/*-??????", "arn:aws:secretsmanager:us-east-1:123456789012:*"]
  }
  statement {
    actions   = ["ssm:GetParameter"]
    resources = ["arn:aws:ssm:us-east-1:111122223333:parameter/prod/*", "arn:aws:ssm:us-east-1:111122223333:parameter/alone", "arn:aws:ssm:us-east-1:123456789012:*"]
  }
}
user "decrypter" {
  statement {
    actions   = ["secretsmanager:*", "ssm:*", "kms:Decrypt"]
    resources = ["*"]
  }
}
user "barred" {
  statement {
    actions   = ["*"]
    resources = ["*"]
  }
  statement {
    effect    = "Deny"
    actions   = ["secretsmanager:*", "ssm:*"]
    resources = ["*"]
  }
}
secret "prod/db" {
  value    = "CANARY-now"
  previous = "CANARY-before"
}
secret "prod/ireland" {
  region = "eu-west-1"
  value  = "CANARY-far"
}
secret "prod/sealed" {
  value   = "CANARY-sealed"
  kms_key = "` + kmsKey + `"
}
secret "staging/db" { value = "x" }
secret "prod/foreign" {
  account = "123456789012"
  value   = "x"
}
parameter "/prod/salt" { value = "CANARY-salt" }
parameter "/prod/list" {
  value = "a,b"
  type  = "StringList"
}
parameter "/prod/sealed" {
  value   = "CANARY-sealed"
  kms_key = "` + kmsKey + `"
}
parameter "alone" { value = "CANARY-alone" }
parameter "/staging/salt" { value = "x" }
`
)

func inRegion(cfg aws.Config, region string) aws.Config {
	if region != "" {
		cfg.Region = region
	}
	return cfg
}

func TestSecrets(t *testing.T) {
	p := sandboxtest.Start(t, keepers)
	arn := func(name string) string {
		for _, s := range p.Config().Secrets {
			if s.Name == name {
				return s.ARN()
			}
		}
		t.Fatalf("no secret %s", name)
		return ""
	}
	read := func(user, region string, in secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
		return secretsmanager.NewFromConfig(inRegion(sandboxtest.Config(t, p, user), region)).GetSecretValue(t.Context(), &in)
	}
	in := func(id string) secretsmanager.GetSecretValueInput {
		return secretsmanager.GetSecretValueInput{SecretId: &id}
	}
	stage := func(id, stage string) secretsmanager.GetSecretValueInput {
		return secretsmanager.GetSecretValueInput{SecretId: &id, VersionStage: &stage}
	}
	version := func(id, version string) secretsmanager.GetSecretValueInput {
		return secretsmanager.GetSecretValueInput{SecretId: &id, VersionId: &version}
	}
	before, err := read("", "", stage("prod/db", "AWSPREVIOUS"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, user, region string
		in                 secretsmanager.GetSecretValueInput
		want               string // or a code
		says               string
	}{
		{"by name", "", "", in("prod/db"), "CANARY-now", ""},
		{"by ARN", "", "", in(arn("prod/db")), "CANARY-now", ""},
		{"by ARN without the suffix", "decrypter", "", in("arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/db"), "CANARY-now", ""},
		{"current", "", "", stage("prod/db", "AWSCURRENT"), "CANARY-now", ""},
		{"previous", "", "", stage("prod/db", "AWSPREVIOUS"), "CANARY-before", ""},
		{"by version", "", "", version("prod/db", *before.VersionId), "CANARY-before", ""},
		{"elsewhere", "", "eu-west-1", in("prod/ireland"), "CANARY-far", ""},
		{"sealed", "decrypter", "", in("prod/sealed"), "CANARY-sealed", ""},
		{"not here", "decrypter", "us-east-1", in("prod/ireland"), "ResourceNotFoundException", "can't find the specified secret."},
		{"not there at all", "decrypter", "", in("prod/none"), "ResourceNotFoundException", "can't find the specified secret."},
		{"no such stage", "", "", stage("prod/db", "AWSPENDING"), "ResourceNotFoundException", "staging label: AWSPENDING"},
		{"no previous", "", "eu-west-1", stage("prod/ireland", "AWSPREVIOUS"), "ResourceNotFoundException", "staging label: AWSPREVIOUS"},
		{"no such version", "", "", version("prod/db", strings.Repeat("0", 32)), "ResourceNotFoundException", "VersionId"},
		{"not allowed", "", "", in("staging/db"), "AccessDeniedException", "user/reader is not authorized to perform: secretsmanager:GetSecretValue on resource: staging/db because no identity-based policy"},
		{"not allowed and not there", "", "", in("staging/none"), "AccessDeniedException", ""},
		{"barred", "barred", "", in("prod/db"), "AccessDeniedException", "explicit deny"},
		{"another account's", "", "", in(arn("prod/foreign")), "AccessDeniedException", "no resource-based policy"},
		{"another account's by name", "decrypter", "", in("prod/foreign"), "ResourceNotFoundException", ""},
		{"without the key", "", "", in("prod/sealed"), "AccessDeniedException", "Access to KMS is not allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := read(tt.user, tt.region, tt.in)
			if strings.HasPrefix(tt.want, "CANARY") {
				if err != nil || *out.SecretString != tt.want || len(out.VersionStages) != 1 || *out.VersionId == "" {
					t.Errorf("got %v, %v", out, err)
				}
				return
			}
			wantCode(t, err, tt.want, 400)
			if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
	_, err = secretsmanager.NewFromConfig(sandboxtest.Config(t, p, "")).ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})
	wantCode(t, err, "UnknownOperationException", 400)
}

func TestParameters(t *testing.T) {
	p := sandboxtest.Start(t, keepers)
	for _, tt := range []struct {
		name, user, parameter string
		plain                 bool // without decryption
		want, says            string
	}{
		{"in a path", "", "/prod/salt", false, "CANARY-salt", ""},
		{"alone", "", "alone", false, "CANARY-alone", ""},
		{"by ARN", "", "arn:aws:ssm:us-east-1:111122223333:parameter/prod/salt", false, "CANARY-salt", ""},
		{"its first version", "", "/prod/salt:1", false, "CANARY-salt", ""},
		{"not encrypted", "", "/prod/list", true, "a,b", ""},
		{"sealed", "decrypter", "/prod/sealed", false, "CANARY-sealed", ""},
		{"not there", "", "/prod/none", false, "ParameterNotFound", ""},
		{"no such version", "", "/prod/salt:2", false, "ParameterVersionNotFound", "version 2"},
		{"not allowed", "", "/staging/salt", false, "AccessDeniedException", "ssm:GetParameter on resource: arn:aws:ssm:us-east-1:111122223333:parameter/staging/salt because no identity-based"},
		{"barred", "barred", "/prod/salt", false, "AccessDeniedException", "explicit deny"},
		{"another account's", "", "arn:aws:ssm:us-east-1:123456789012:parameter/prod/salt", false, "ParameterNotFound", ""},
		{"without the key", "", "/prod/sealed", false, "AccessDeniedException", "The ciphertext refers to"},
		{"no name", "", "/prod//salt", false, "ValidationException", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := ssm.NewFromConfig(sandboxtest.Config(t, p, tt.user)).GetParameter(t.Context(), &ssm.GetParameterInput{Name: &tt.parameter, WithDecryption: aws.Bool(!tt.plain)})
			if strings.HasPrefix(tt.want, "CANARY") || tt.want == "a,b" {
				if err != nil || *out.Parameter.Value != tt.want || out.Parameter.Version != 1 {
					t.Errorf("got %v, %v", out, err)
				}
				return
			}
			wantCode(t, err, tt.want, 400)
			if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
	out, err := ssm.NewFromConfig(sandboxtest.Config(t, p, "")).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/prod/salt")})
	if err != nil || strings.Contains(*out.Parameter.Value, "CANARY") || *out.Parameter.Value == "" {
		t.Errorf("without decryption: %v, %v", out, err)
	}
}

// Values are in no journal, and faults and signatures hold for these services
// as for the others.
func TestKeepersOfSecretsAreServices(t *testing.T) {
	p := sandboxtest.Start(t, keepers)
	client := secretsmanager.NewFromConfig(sandboxtest.Config(t, p, ""))
	ask := func(ctx context.Context, c *secretsmanager.Client) error {
		_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("prod/db")})
		return err
	}
	sandboxtest.Faults(t, p, sandbox.Fault{Service: "secretsmanager", Operation: "GetSecretValue", Code: "ThrottlingException", Times: 1})
	wantCode(t, ask(t.Context(), client), "ThrottlingException", 400)
	if err := ask(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	cfg := sandboxtest.Config(t, p, "")
	cfg.Credentials = aws.AnonymousCredentials{}
	wantCode(t, ask(t.Context(), secretsmanager.NewFromConfig(cfg)), "MissingAuthenticationTokenException", 400)
	journal := sandboxtest.Journal(t, p)
	if len(journal) != 3 || journal[1].Service != "secretsmanager" || journal[1].Operation != "GetSecretValue" || journal[1].Params["SecretId"] != "prod/db" {
		t.Errorf("the journal is %+v", journal)
	}
}
