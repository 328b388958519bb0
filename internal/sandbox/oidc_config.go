package sandbox

import (
	"crypto"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"waybill/internal/schema"
)

// An OIDCProvider is an identity provider that an account trusts, such as an
// EKS cluster or GitHub Actions. The sandbox plays its part: it signs tokens.
type OIDCProvider struct {
	Issuer    string // the tokens' iss: "https://token.actions.githubusercontent.com"
	Account   string // 12 digits
	Audiences []string
	// SigningKey is a private key in PEM; empty: one is made at each start. It
	// opens nothing but this sandbox.
	SigningKey string
	Tokens     []OIDCToken
	Where      string // file:line
}

// name is the issuer as ARNs and condition keys write it.
func (p OIDCProvider) name() string { return strings.TrimPrefix(p.Issuer, "https://") }

// ARN is what a trust policy names as Federated.
func (p OIDCProvider) ARN() string {
	return "arn:aws:iam::" + p.Account + ":oidc-provider/" + p.name()
}

// An OIDCToken is a token that lies in a file from the start.
type OIDCToken struct {
	Name, Subject, Audience string
	Lifetime                time.Duration
	Env                     string // the variable of the environment that names the file; empty: none
}

var (
	tokenNameRule = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	envNameRule   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func oidcBlock() *schema.Block {
	return &schema.Block{
		Type:    "oidc_provider",
		Labels:  []schema.Label{{Name: "issuer", Doc: `URL of the issuer, as tokens have it in iss: "https://token.actions.githubusercontent.com".`}},
		Doc:     "An OpenID Connect provider that an account trusts. Its tokens open roles by sts:AssumeRoleWithWebIdentity, if their trust_policy names the provider as Federated.",
		Example: "oidc_provider \"https://token.actions.githubusercontent.com\" {\n  token \"ci\" {\n    subject = \"repo:acme/etl:ref:refs/heads/main\"\n  }\n}",
		Attrs: []schema.Attr{
			accountAttr("Account that has the provider. Its roles can trust it."),
			{Name: "audiences", Type: schema.Strings, Doc: `Audiences that tokens may be for. Absent: "sts.amazonaws.com".`, Example: `["sts.amazonaws.com"]`},
			{Name: "signing_key", Type: schema.String, Doc: "Private key in PEM (RSA, or EC on P-256) that tokens are signed with. It opens nothing but this sandbox. Absent: one is made at each start.", Example: `file("testdata/issuer.pem")`},
		},
		Blocks: []schema.Nested{{Block: tokenBlock(), Repeat: true}},
	}
}

func tokenBlock() *schema.Block {
	return &schema.Block{
		Type:    "token",
		Labels:  []schema.Label{{Name: "name", Doc: "Name of the token's file: letters, digits, - and _."}},
		Doc:     "A signed token in a file of the sandbox's data directory, tokens/NAME, made at each start.",
		Example: "token \"pod\" {\n  subject = \"system:serviceaccount:etl:waybill\"\n  env     = \"AWS_WEB_IDENTITY_TOKEN_FILE\"\n}",
		Attrs: []schema.Attr{
			{Name: "subject", Type: schema.String, Required: true, Doc: "Whom the token is about: its sub.", Example: `"system:serviceaccount:etl:waybill"`},
			{Name: "audience", Type: schema.String, Doc: "For whom it is: its aud. Absent: the provider's first audience.", Example: `"sts.amazonaws.com"`},
			{Name: "lifetime", Type: schema.Duration, Default: "24h", Doc: "How long it is valid.", Example: `"1s"`},
			{Name: "env", Type: schema.String, Doc: "Variable of the sandbox's environment that names the file.", Example: `"AWS_WEB_IDENTITY_TOKEN_FILE"`},
		},
	}
}

type (
	oidcValues struct {
		Issuer     string        `wb:",label"`
		Account    string        `wb:"account"`
		Audiences  []string      `wb:"audiences"`
		SigningKey string        `wb:"signing_key"`
		Tokens     []tokenValues `wb:"token"`
	}
	tokenValues struct {
		Name     string        `wb:",label"`
		Subject  string        `wb:"subject"`
		Audience string        `wb:"audience"`
		Lifetime time.Duration `wb:"lifetime"`
		Env      string        `wb:"env"`
	}
)

func (l *loader) oidcProvider(v oidcValues, b block) {
	if u, err := url.Parse(v.Issuer); err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(v.Issuer, "/") {
		b.fail("", "invalid-value", fmt.Sprintf("%q is not an issuer", v.Issuer), `Write a URL with https and without a slash at its end: "https://token.actions.githubusercontent.com".`)
	}
	b.account("account", v.Account)
	out := OIDCProvider{Issuer: v.Issuer, Account: v.Account, Audiences: v.Audiences, SigningKey: v.SigningKey, Where: b.where()}
	if len(out.Audiences) == 0 {
		out.Audiences = []string{"sts.amazonaws.com"}
	}
	if v.SigningKey != "" {
		if _, _, err := parseSigningKey(v.SigningKey); err != nil {
			b.fail("signing_key", "invalid-value", "signing_key: "+err.Error(), "Make one by: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256")
		}
	}
	for i, t := range v.Tokens {
		out.Tokens = append(out.Tokens, l.token(t, out, block{l, b.v, fmt.Sprintf("%s.token[%d]", b.path, i)}))
	}
	if b.once("oidc_provider", v.Account+" "+v.Issuer) {
		l.config.OIDCProviders = append(l.config.OIDCProviders, out)
	}
}

func (l *loader) token(v tokenValues, p OIDCProvider, b block) OIDCToken {
	b.match("", v.Name, tokenNameRule, "A token's name is 1 to 64 letters, digits, hyphens and underscores.")
	b.match("env", v.Env, envNameRule, `Write the name of a variable, such as "AWS_WEB_IDENTITY_TOKEN_FILE".`)
	b.once("token", v.Name)
	if v.Env != "" {
		b.once("token with env", v.Env)
	}
	out := OIDCToken(v)
	if out.Audience == "" {
		out.Audience = p.Audiences[0]
	}
	return out
}

// parseSigningKey reads a private key, and says how it signs.
func parseSigningKey(pem string) (crypto.Signer, jwt.SigningMethod, error) {
	if key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(pem)); err == nil {
		return key, jwt.SigningMethodRS256, nil
	}
	key, err := jwt.ParseECPrivateKeyFromPEM([]byte(pem))
	if err != nil || key.Curve.Params().BitSize != 256 {
		return nil, nil, fmt.Errorf("the text is no private key in PEM that is RSA, or EC on P-256")
	}
	return key, jwt.SigningMethodES256, nil
}
