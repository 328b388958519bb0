package identity

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
	"github.com/hashicorp/hcl/v2"

	"waybill/internal/problem"
	"waybill/internal/schema"
)

// checkWebIdentity looks at a web_identity block, and wants no other source of
// credentials beside it.
func checkWebIdentity(w *WebIdentity, values *schema.Values) hcl.Diagnostics {
	if w == nil {
		return nil
	}
	var diags hcl.Diagnostics
	for _, other := range []string{"profile", "access_key_id", "secret_access_key", "session_token"} {
		if values.Set(other) {
			diags = append(diags, values.Error(other, "conflicting-attributes", other+" and web_identity exclude each other",
				"Both say where the credentials come from. Keep one of them."))
		}
	}
	c := roleCheck{role: Role{ARN: w.RoleARN, Duration: w.Duration, Policy: w.Policy}, values: values, path: "web_identity."}
	c.arn()
	c.duration(false)
	c.rest()
	if c.given("token_file") && !filepath.IsAbs(w.TokenFile) {
		summary := fmt.Sprintf("token_file: %q is not an absolute path", w.TokenFile)
		if w.TokenFile == "" {
			summary = "token_file is empty"
		}
		c.report("token_file", "invalid-value", summary,
			`Name the token's file on the machine that waybill runs on, for instance env("AWS_WEB_IDENTITY_TOKEN_FILE"). A token in the project would be kept in git.`)
	}
	return append(diags, c.diags...)
}

// webIdentityProblem explains why a token did not open its role.
func (c *Config) webIdentityProblem(err error) error {
	if p := problem.As(err); p != nil {
		return p // the token could not be read
	}
	w, a := c.WebIdentity, ReadAnswer(err)
	if wrong := c.parameterProblem(a, w.RoleARN, w.Duration, "web_identity"); wrong != nil {
		return wrong
	}
	var p *problem.Problem
	switch a.Code {
	case "InvalidIdentityToken", "IDPRejectedClaim":
		p = problem.New("web-identity-token-rejected", fmt.Sprintf("STS does not accept the token in %s for the role %s", w.TokenFile, w.RoleARN), a)
		p.Remedy = w.rejectedSteps()
	case "ExpiredTokenException", "ExpiredToken":
		p = problem.New("web-identity-token-expired", fmt.Sprintf("the token in %s has expired, so the role %s cannot be assumed", w.TokenFile, w.RoleARN), a)
	case "IDPCommunicationError":
		p = problem.New("web-identity-provider-unreachable", fmt.Sprintf("STS cannot reach the provider of the token in %s", w.TokenFile), a)
	default:
		if p = Classify(err); p.Code == "assume-role-denied" {
			p = w.denied(a)
		} else {
			p.Summary = fmt.Sprintf("%s, so the role %s cannot be assumed", p.Summary, w.RoleARN)
		}
	}
	p.Where = c.Where
	return p
}

func (w *WebIdentity) denied(a *Answer) *problem.Problem {
	t := w.token()
	p := problem.New("assume-role-denied", fmt.Sprintf("STS does not let the bearer of the token in %s assume the role %s", w.TokenFile, w.RoleARN), a)
	p.Cause = "The role does not exist, its trust policy does not name the token's issuer as Federated, or its conditions want another subject or audience. STS does not tell which."
	p.Remedy = []string{
		fmt.Sprintf("Compare role_arn with the role's ARN, letter by letter: %s", w.RoleARN),
		"Ask the role's owner for the trust policy below. It is made for this token: " + t.says(),
	}
	p.Snippet = w.trustPolicy(t)
	return p
}

func (w *WebIdentity) rejectedSteps() []string {
	t := w.token()
	account := orText(accountOf(w.RoleARN), "the role's account")
	return []string{
		"Compare what the token says with what is expected: " + t.says(),
		fmt.Sprintf("In IAM of %s there must be an identity provider for the token's issuer, with the token's audience among its client ids. For STS that is most often sts.amazonaws.com.", account),
		"Check that the file holds the token itself (three parts between dots), and the id token, not an access token.",
	}
}

// A bearer is what a token says about itself. It is shown, since trust policies
// are made of it; the signature, which makes it a secret, is not kept.
type bearer struct {
	issuer, subject string
	audience        []string
}

// token reads what the token says, as far as it can be read. STS judges it,
// not we, so the signature is not looked at.
func (w *WebIdentity) token() bearer {
	text, err := readTokenFile(w.TokenFile)
	if err != nil || len(text) > maxToken {
		return bearer{}
	}
	var c jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(text, &c); err != nil {
		return bearer{}
	}
	return bearer{issuer: c.Issuer, subject: c.Subject, audience: c.Audience}
}

func (b bearer) says() string {
	if b.issuer == "" && b.subject == "" {
		return "nothing that can be read, so it is no JWT"
	}
	return fmt.Sprintf("issuer %s, subject %s, audience %s", b.issuer, b.subject, strings.Join(b.audience, ", "))
}

// trustPolicy is the trust policy, as JSON, that lets the bearer of the token
// into the role.
func (w *WebIdentity) trustPolicy(b bearer) string {
	partition, account := "aws", orText(accountOf(w.RoleARN), "<account>")
	if parts := strings.SplitN(w.RoleARN, ":", 3); len(parts) == 3 && parts[1] != "" {
		partition = parts[1]
	}
	provider := orText(strings.TrimPrefix(b.issuer, "https://"), "<the token's issuer>")
	audience := "sts.amazonaws.com"
	if len(b.audience) > 0 && !slices.Contains(b.audience, audience) {
		audience = b.audience[0]
	}
	return allowTrust(statement{
		Principal: map[string]string{"Federated": fmt.Sprintf("arn:%s:iam::%s:oidc-provider/%s", partition, account, provider)},
		Action:    "sts:AssumeRoleWithWebIdentity",
		Condition: map[string]map[string]string{"StringEquals": {provider + ":aud": audience, provider + ":sub": orText(b.subject, "<the token's subject>")}},
	})
}
