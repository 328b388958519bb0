package sandbox

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/versity/versitygw/iamapi/policy"
)

// Limits of STS.
const (
	defaultSession = time.Hour
	maxChained     = time.Hour // of a role that a role assumed
)

// sts is the security token service.
type sts struct {
	ids     *identities
	issuers []issuer
	now     func() time.Time
}

func newSTS(ids *identities, issuers []issuer) Service {
	s := &sts{ids: ids, issuers: issuers, now: time.Now}
	return Service{Name: "sts", Protocol: QueryProtocol, Handle: s.handle, Unsigned: []string{"AssumeRoleWithWebIdentity"}}
}

func (s *sts) handle(_ context.Context, c *Call) (any, error) {
	switch c.Operation {
	case "GetCallerIdentity":
		return callerIdentity(c), nil
	case "AssumeRole":
		return s.assumeRole(c)
	case "AssumeRoleWithWebIdentity":
		return s.assumeRoleWithWebIdentity(c)
	}
	return nil, &APIError{Status: http.StatusBadRequest, Code: "InvalidAction", Message: fmt.Sprintf("Could not find operation %s for version 2011-06-15", c.Operation)}
}

type metadata struct {
	RequestID string `xml:"RequestId"`
}

type callerIdentityAnswer struct {
	XMLName  xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Arn      string   `xml:"GetCallerIdentityResult>Arn"`
	UserID   string   `xml:"GetCallerIdentityResult>UserId"`
	Account  string   `xml:"GetCallerIdentityResult>Account"`
	Metadata metadata `xml:"ResponseMetadata"`
}

func callerIdentity(c *Call) callerIdentityAnswer {
	return callerIdentityAnswer{Arn: c.Principal.ARN, UserID: c.Principal.ID, Account: c.Principal.Account, Metadata: metadata{c.RequestID}}
}

type assumeRoleAnswer struct {
	XMLName        xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleResponse"`
	AccessKeyID    string   `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
	SecretKey      string   `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
	SessionToken   string   `xml:"AssumeRoleResult>Credentials>SessionToken"`
	Expiration     string   `xml:"AssumeRoleResult>Credentials>Expiration"`
	Arn            string   `xml:"AssumeRoleResult>AssumedRoleUser>Arn"`
	AssumedRoleID  string   `xml:"AssumeRoleResult>AssumedRoleUser>AssumedRoleId"`
	SourceIdentity string   `xml:"AssumeRoleResult>SourceIdentity,omitempty"`
	Metadata       metadata `xml:"ResponseMetadata"`
}

// An assumption is an AssumeRole request, read.
type assumption struct {
	roleARN, sessionName, externalID, policy, sourceIdentity string
	duration                                                 time.Duration
	tags                                                     map[string]string
}

func (s *sts) assumeRole(c *Call) (any, error) {
	a, err := readAssumption(c.Form)
	if err != nil {
		return nil, err
	}
	role, err := s.authorize(c.Principal, a)
	if err != nil {
		return nil, err
	}
	if err := checkDuration(a, role, c.Principal); err != nil {
		return nil, err
	}
	p := sessionOf(role, a, c.Principal)
	cred, promised := s.issue(p, role, a)
	return assumeRoleAnswer{AccessKeyID: cred.id, SecretKey: cred.secret, SessionToken: cred.token, Expiration: promised.Format(time.RFC3339),
		Arn: p.ARN, AssumedRoleID: p.ID, SourceIdentity: p.SourceIdentity, Metadata: metadata{c.RequestID}}, nil
}

// issue opens a session. It may end earlier than is promised.
func (s *sts) issue(p *Principal, role Role, a assumption) (cred credential, promised time.Time) {
	promised = s.now().Add(a.duration).UTC().Truncate(time.Second)
	ends := promised
	if role.ExpireAfter > 0 {
		ends = s.now().Add(role.ExpireAfter)
	}
	return s.ids.open(p, ends), promised
}

func sessionOf(role Role, a assumption, caller *Principal) *Principal {
	name := role.Name[strings.LastIndexByte(role.Name, '/')+1:]
	p := &Principal{
		ARN:     fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", role.Account, name, a.sessionName),
		RoleARN: role.ARN(), Account: role.Account, ID: "AROA" + uniqueID(role.ARN()) + ":" + a.sessionName,
		SourceIdentity: a.sourceIdentity, tags: a.tags, policies: entries(role.Policies),
	}
	if p.SourceIdentity == "" {
		p.SourceIdentity = caller.SourceIdentity
	}
	if a.policy != "" {
		p.session = entries([]string{a.policy})
	}
	return p
}

// authorize decides whether the caller may assume the role with these
// parameters. A role that doesn't exist is refused in the same words.
func (s *sts) authorize(caller *Principal, a assumption) (Role, error) {
	role, ok := s.ids.roles[a.roleARN]
	actions := []string{"sts:AssumeRole"}
	if len(a.tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if a.sourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	for _, action := range actions {
		if !ok || !mayAssume(caller, role, a, action) {
			return Role{}, &APIError{Status: http.StatusForbidden, Code: "AccessDenied",
				Message: fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", caller.ARN, action, a.roleARN)}
		}
	}
	return role, nil
}

// mayAssume combines the role's trust policy with the caller's own policies.
// The trust policy must let the caller in. If it names the caller itself and
// both are in one account, that is enough; otherwise the caller's own policies
// must allow the action as well.
func mayAssume(caller *Principal, role Role, a assumption, action string) bool {
	req := policy.RequestContext{Action: action, Resource: role.ARN(), Condition: caller.conditions(a.conditions())}
	trust := resourceGrant(role.Trust, caller, req)
	own, limit := caller.identity(req), caller.limit(req)
	switch {
	case trust.denied(), !trust.any(), own == policy.DecisionDeny, limit != policy.DecisionAllow:
		return false
	case trust.direct == policy.DecisionAllow && caller.Account == role.Account:
		return true
	}
	return own == policy.DecisionAllow
}

func (a assumption) conditions() map[string][]string {
	out := map[string][]string{"sts:RoleSessionName": {a.sessionName}}
	if a.externalID != "" {
		out["sts:ExternalId"] = []string{a.externalID}
	}
	if a.sourceIdentity != "" {
		out["sts:SourceIdentity"] = []string{a.sourceIdentity}
	}
	for k, v := range a.tags {
		out["aws:RequestTag/"+k] = []string{v}
		out["aws:TagKeys"] = append(out["aws:TagKeys"], k)
	}
	return out
}

func checkDuration(a assumption, role Role, caller *Principal) error {
	switch {
	case caller.IsSession() && a.duration > maxChained:
		return validationError("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case a.duration > role.MaxSession:
		return validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return nil
}

func validationError(message string) *APIError {
	return &APIError{Status: http.StatusBadRequest, Code: "ValidationError", Message: message}
}

func readAssumption(form url.Values) (assumption, error) {
	a := assumption{roleARN: form.Get("RoleArn"), sessionName: form.Get("RoleSessionName"), externalID: form.Get("ExternalId"),
		policy: form.Get("Policy"), sourceIdentity: form.Get("SourceIdentity"), duration: defaultSession}
	var v violations
	v.session(form)
	v.text("externalId", form, "ExternalId", 2, 1224, `[\w+=,.@:\/-]*`, externalIDRule, false)
	v.text("sourceIdentity", form, "SourceIdentity", 2, 64, `[\w+=,.@-]*`, sessionNameRule, false)
	a.duration = v.seconds("durationSeconds", form.Get("DurationSeconds"))
	a.tags = v.tags(form)
	if err := v.err(); err != nil {
		return a, err
	}
	return a, a.checkDocuments()
}

// checkDocuments looks into the role's ARN and the session policy.
func (a *assumption) checkDocuments() error {
	if parsed, err := arn.Parse(a.roleARN); err != nil || parsed.Service != "iam" || !strings.HasPrefix(parsed.Resource, "role/") {
		return validationError(a.roleARN + " is invalid")
	}
	if a.policy != "" {
		if err := checkIdentityPolicy(a.policy); err != nil {
			return &APIError{Status: http.StatusBadRequest, Code: "MalformedPolicyDocument", Message: err.Error()}
		}
		a.policy = compactJSON(a.policy)
	}
	return nil
}

func compactJSON(text string) string {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	out, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return string(out)
}

// seconds reads a duration between a quarter of an hour and half a day.
func (v *violations) seconds(name, text string) time.Duration {
	if text == "" {
		return defaultSession
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		v.add(text, name, "Member must be an integer")
	case n < 900:
		v.add(text, name, "Member must have value greater than or equal to 900")
	case n > 43200:
		v.add(text, name, "Member must have value less than or equal to 43200")
	}
	return time.Duration(n) * time.Second
}
