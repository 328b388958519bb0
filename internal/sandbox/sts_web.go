package sandbox

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/golang-jwt/jwt/v5"
	"github.com/versity/versitygw/iamapi/policy"
)

type webIdentityAnswer struct {
	XMLName       xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleWithWebIdentityResponse"`
	AccessKeyID   string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>AccessKeyId"`
	SecretKey     string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>SecretAccessKey"`
	SessionToken  string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>SessionToken"`
	Expiration    string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>Expiration"`
	Subject       string   `xml:"AssumeRoleWithWebIdentityResult>SubjectFromWebIdentityToken"`
	Arn           string   `xml:"AssumeRoleWithWebIdentityResult>AssumedRoleUser>Arn"`
	AssumedRoleID string   `xml:"AssumeRoleWithWebIdentityResult>AssumedRoleUser>AssumedRoleId"`
	Provider      string   `xml:"AssumeRoleWithWebIdentityResult>Provider"`
	Audience      string   `xml:"AssumeRoleWithWebIdentityResult>Audience"`
	Metadata      metadata `xml:"ResponseMetadata"`
}

// assumeRoleWithWebIdentity opens a role to the bearer of a token. The request
// is not signed: the token is all that there is.
func (s *sts) assumeRoleWithWebIdentity(c *Call) (any, error) {
	a, err := readWebAssumption(c.Form)
	if err != nil {
		return nil, err
	}
	named, _ := arn.Parse(a.roleARN) // it is one, as was read
	from, token, err := verifyToken(s.issuers, named.AccountID, c.Form.Get("WebIdentityToken"), s.now())
	if err != nil {
		return nil, err
	}
	role, ok := s.ids.roles[a.roleARN]
	if !ok || !trustsToken(role, a, from, token) {
		return nil, &APIError{Status: http.StatusForbidden, Code: "AccessDenied", Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
	}
	nobody := &Principal{}
	if err := checkDuration(a, role, nobody); err != nil {
		return nil, err
	}
	p := sessionOf(role, a, nobody)
	cred, promised := s.issue(p, role, a)
	return webIdentityAnswer{AccessKeyID: cred.id, SecretKey: cred.secret, SessionToken: cred.token, Expiration: promised.Format(time.RFC3339),
		Arn: p.ARN, AssumedRoleID: p.ID, Subject: token.Subject, Provider: from.ARN(), Audience: strings.Join(token.Audience, ","), Metadata: metadata{c.RequestID}}, nil
}

// trustsToken evaluates the statements of a role's trust policy that name the
// token's issuer.
func trustsToken(role Role, a assumption, from issuer, token jwt.RegisteredClaims) bool {
	conditions := a.conditions()
	conditions[from.name()+":sub"] = []string{token.Subject}
	conditions[from.name()+":aud"] = token.Audience
	req := policy.RequestContext{Action: "sts:AssumeRoleWithWebIdentity", Resource: role.ARN(), Condition: conditions}
	return federatedGrant(role.Trust, from.ARN(), req) == policy.DecisionAllow
}

func readWebAssumption(form url.Values) (assumption, error) {
	a := assumption{roleARN: form.Get("RoleArn"), sessionName: form.Get("RoleSessionName"), policy: form.Get("Policy")}
	var v violations
	v.text("webIdentityToken", hideToken(form), "WebIdentityToken", 4, 20000, "", nil, true)
	v.session(form)
	a.duration = v.seconds("durationSeconds", form.Get("DurationSeconds"))
	if err := v.err(); err != nil {
		return a, err
	}
	return a, a.checkDocuments()
}

// hideToken keeps a token's length and not its text, which the answer to one
// that is too long would quote.
func hideToken(form url.Values) url.Values {
	if !form.Has("WebIdentityToken") {
		return form
	}
	return url.Values{"WebIdentityToken": {strings.Repeat("*", len(form.Get("WebIdentityToken")))}}
}
