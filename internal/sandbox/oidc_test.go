package sandbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/golang-jwt/jwt/v5"

	"waybill/internal/sandbox"
	"waybill/internal/sandbox/sandboxtest"
)

const tokenIssuer = "https://token.actions.githubusercontent.com"

// signingKey makes a key, and its PEM.
func signingKey(t *testing.T) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// federation is an account that trusts GitHub Actions, with a role for one
// repository's main branch. The issuer's key is in issuer.pem.
const federation = `
user "nobody" {}
oidc_provider "` + tokenIssuer + `" {
  audiences   = ["sts.amazonaws.com", "other"]
  signing_key = file("issuer.pem")
  token "ci" {
    subject = "repo:acme/etl:ref:refs/heads/main"
    env     = "CI_TOKEN_FILE"
  }
  token "elsewhere" {
    subject  = "repo:acme/etl:ref:refs/heads/main"
    audience = "https://github.com/acme"
  }
  token "brief" {
    subject  = "repo:acme/etl:ref:refs/heads/main"
    lifetime = "0s"
  }
}
role "Deploy" {
  trust_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = { "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com" }
        StringLike   = { "token.actions.githubusercontent.com:sub" = "repo:acme/etl:*" }
      }
    }]
  })
  statement {
    actions   = ["s3:*", "sts:AssumeRole"]
    resources = ["*"]
  }
}
role "Plain" {
  trust { principals = ["111122223333"] }
  max_session_duration = "4h"
}
role "Foreign" {
  account = "123456789012"
  trust_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Federated = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }, Action = "sts:AssumeRoleWithWebIdentity", Condition = { StringLike = { "token.actions.githubusercontent.com:sub" = "repo:acme/*" } } }] })
}
bucket "lake" {}
`

func startFederation(t *testing.T) (*sandbox.Process, *ecdsa.PrivateKey) {
	t.Helper()
	dir := t.TempDir()
	key, text := signingKey(t)
	for name, text := range map[string]string{"issuer.pem": text, "aws.sandbox.hcl": federation} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return sandboxtest.StartDir(t, dir, sandbox.Options{}), key
}

func readToken(t *testing.T, p *sandbox.Process, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.DataDir, "tokens", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// bearer assumes a role with a token. The request is not signed.
func bearer(t *testing.T, p *sandbox.Process, role, token string, change ...func(*sts.AssumeRoleWithWebIdentityInput)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	t.Helper()
	cfg := sandboxtest.Config(t, p, "")
	cfg.Credentials = aws.AnonymousCredentials{}
	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("ci-1"), WebIdentityToken: &token}
	for _, c := range change {
		c(in)
	}
	return sts.NewFromConfig(cfg).AssumeRoleWithWebIdentity(t.Context(), in)
}

const deploy = "arn:aws:iam::111122223333:role/Deploy"

func TestWebIdentity(t *testing.T) {
	p, _ := startFederation(t)
	out, err := bearer(t, p, deploy, readToken(t, p, "ci"))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(*out.AssumedRoleUser.Arn, *out.Provider, *out.SubjectFromWebIdentityToken, *out.Audience)
	want := "arn:aws:sts::111122223333:assumed-role/Deploy/ci-1 arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com repo:acme/etl:ref:refs/heads/main sts.amazonaws.com\n"
	if got != want || time.Until(*out.Credentials.Expiration) < 59*time.Minute {
		t.Errorf("got %s until %s, want %s for an hour", got, out.Credentials.Expiration, want)
	}
	cfg := sandboxtest.Config(t, p, "")
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != *out.AssumedRoleUser.Arn {
		t.Errorf("the session is %v, %v", who, err)
	}
	// From here on it is a chain, which ends after an hour.
	_, err = sts.NewFromConfig(cfg).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/Plain"), RoleSessionName: aws.String("next"), DurationSeconds: aws.Int32(7200)})
	wantCode(t, err, "ValidationError", 400)
	for _, e := range sandboxtest.Journal(t, p) {
		if strings.Contains(fmt.Sprint(e.Params), "eyJ") {
			t.Errorf("a token is in the journal: %v", e.Params)
		}
	}
	env := strings.Join(p.Env(), "\n")
	if want := "CI_TOKEN_FILE=" + filepath.Join(p.DataDir, "tokens", "ci"); !strings.Contains(env, want) {
		t.Errorf("the environment %s lacks %s", env, want)
	}
}

func TestWebIdentityRefused(t *testing.T) {
	p, key := startFederation(t)
	other, _ := signingKey(t)
	sign := func(key *ecdsa.PrivateKey, change func(jwt.MapClaims)) string {
		c := jwt.MapClaims{"iss": tokenIssuer, "sub": "repo:acme/etl:x", "aud": "sts.amazonaws.com", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
		if change != nil {
			change(c)
		}
		text, err := jwt.NewWithClaims(jwt.SigningMethodES256, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"iss": tokenIssuer, "sub": "repo:acme/etl:x", "aud": "sts.amazonaws.com", "exp": time.Now().Add(time.Hour).Unix()}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bearer(t, p, deploy, sign(key, nil)); err != nil {
		t.Fatalf("a good token: %v", err)
	}
	seconds := func(n int32) func(*sts.AssumeRoleWithWebIdentityInput) {
		return func(in *sts.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = &n }
	}
	for _, tt := range []struct {
		name, role, token string
		change            func(*sts.AssumeRoleWithWebIdentityInput)
		code              string
		status            int
		says              string
	}{
		{"no JWT", deploy, "CANARY", nil, "InvalidIdentityToken", 400, "not a valid JWT"},
		{"a token of another key", deploy, sign(other, nil), nil, "InvalidIdentityToken", 400, "Couldn't verify"},
		{"a token without signature", deploy, unsigned, nil, "InvalidIdentityToken", 400, "Couldn't verify"},
		{"another issuer", deploy, sign(key, func(c jwt.MapClaims) { c["iss"] = "https://gitlab.com" }), nil, "InvalidIdentityToken", 400, "No OpenIDConnect provider found in your account for https://gitlab.com"},
		{"a provider of another account", "arn:aws:iam::123456789012:role/Foreign", sign(key, nil), nil, "InvalidIdentityToken", 400, "No OpenIDConnect provider"},
		{"another audience", deploy, readToken(t, p, "elsewhere"), nil, "InvalidIdentityToken", 400, "Incorrect token audience"},
		{"an audience that the role doesn't take", deploy, sign(key, func(c jwt.MapClaims) { c["aud"] = "other" }), nil, "AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"another subject", deploy, sign(key, func(c jwt.MapClaims) { c["sub"] = "repo:evil/etl:x" }), nil, "AccessDenied", 403, "Not authorized"},
		{"expired", deploy, readToken(t, p, "brief"), nil, "ExpiredTokenException", 400, "Token expired"},
		{"without an end", deploy, sign(key, func(c jwt.MapClaims) { delete(c, "exp") }), nil, "InvalidIdentityToken", 400, ""},
		{"a role that trusts users", "arn:aws:iam::111122223333:role/Plain", sign(key, nil), nil, "AccessDenied", 403, "Not authorized"},
		{"no such role", "arn:aws:iam::111122223333:role/None", sign(key, nil), nil, "AccessDenied", 403, "Not authorized"},
		{"no role", "arn:aws:iam::111122223333:user/nobody", sign(key, nil), nil, "ValidationError", 400, "is invalid"},
		{"too long", deploy, sign(key, nil), seconds(7200), "ValidationError", 400, "MaxSessionDuration"},
		{"too short", deploy, sign(key, nil), seconds(60), "ValidationError", 400, "900"},
		{"a token that is too long", deploy, strings.Repeat("CANARY", 4000), nil, "ValidationError", 400, "less than or equal to 20000"},
		{"a bad policy", deploy, sign(key, nil), func(in *sts.AssumeRoleWithWebIdentityInput) { in.Policy = aws.String("{}") }, "MalformedPolicyDocument", 400, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change := tt.change
			if change == nil {
				change = func(*sts.AssumeRoleWithWebIdentityInput) {}
			}
			_, err := bearer(t, p, tt.role, tt.token, change)
			wantCode(t, err, tt.code, tt.status)
			if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
	// Only that one operation is for everybody.
	cfg := sandboxtest.Config(t, p, "")
	cfg.Credentials = aws.AnonymousCredentials{}
	_, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	wantCode(t, err, "MissingAuthenticationToken", 403)
}
