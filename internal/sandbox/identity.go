package sandbox

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/versity/versitygw/iamapi/policy"
	"github.com/versity/versitygw/iamapi/types"
)

// A Principal is somebody who signs requests: a user, or a session of a role.
type Principal struct {
	ARN     string // of the user, or of the assumed-role session
	RoleARN string // of the role, for sessions
	Account string
	ID      string // "AIDA…" or "AROA…:session"
	// SourceIdentity is set for sessions that were given one, and stays
	// through a chain of roles.
	SourceIdentity string

	tags     map[string]string
	policies []types.PolicyEntry
	session  []types.PolicyEntry // a session policy; nil: none
}

// IsSession reports whether the principal is a role session.
func (p *Principal) IsSession() bool { return p.RoleARN != "" }

// identity is the verdict of the principal's own policies.
func (p *Principal) identity(req policy.RequestContext) policy.Decision {
	return policy.EvaluateIdentityPolicies(p.policies, req)
}

// limit is the verdict of the session policy; without one nothing is limited.
func (p *Principal) limit(req policy.RequestContext) policy.Decision {
	if p.session == nil {
		return policy.DecisionAllow
	}
	return policy.EvaluateIdentityPolicies(p.session, req)
}

// Allowed reports whether the principal's own policies allow an action, and
// whether a refusal is an explicit one.
func (p *Principal) Allowed(action, resource string) (ok, explicitDeny bool) {
	req := policy.RequestContext{Action: action, Resource: resource, Condition: p.conditions(nil)}
	own, limit := p.identity(req), p.limit(req)
	denied := own == policy.DecisionDeny || limit == policy.DecisionDeny
	return own == policy.DecisionAllow && limit == policy.DecisionAllow, denied
}

// conditions adds the keys that tell who the caller is to those of a request.
func (p *Principal) conditions(request map[string][]string) map[string][]string {
	out := make(map[string][]string, len(request)+6)
	maps.Copy(out, request)
	out["aws:PrincipalArn"] = []string{p.ARN}
	out["aws:PrincipalType"] = []string{"User"}
	if p.IsSession() {
		out["aws:PrincipalArn"] = []string{p.RoleARN}
		out["aws:PrincipalType"] = []string{"AssumedRole"}
	} else {
		out["aws:username"] = []string{p.ARN[strings.LastIndexByte(p.ARN, '/')+1:]}
	}
	out["aws:PrincipalAccount"] = []string{p.Account}
	out["aws:userid"] = []string{p.ID}
	if p.SourceIdentity != "" {
		out["aws:SourceIdentity"] = []string{p.SourceIdentity}
	}
	for k, v := range p.tags {
		out["aws:PrincipalTag/"+k] = []string{v}
	}
	return out
}

// A credential is an access key with what it opens.
type credential struct {
	id, secret, token string
	expires           time.Time // zero: never
	principal         *Principal
}

// identities knows every access key of the sandbox. It is safe for concurrent
// use.
type identities struct {
	roles map[string]Role // by ARN

	mu   sync.RWMutex
	keys map[string]credential // by access key id
}

func newIdentities(c *Config) *identities {
	s := &identities{roles: map[string]Role{}, keys: map[string]credential{}}
	for _, r := range c.Roles {
		s.roles[r.ARN()] = r
	}
	for _, u := range c.Users {
		s.keys[u.AccessKeyID] = credential{id: u.AccessKeyID, secret: u.SecretKey.Reveal(),
			principal: &Principal{ARN: u.ARN(), Account: u.Account, ID: "AIDA" + uniqueID(u.ARN()), policies: entries(u.Policies)}}
	}
	return s
}

// uniqueID is the letters that follow AIDA or AROA in an identity's id.
func uniqueID(arn string) string {
	id, _ := derivedKey("id", arn)
	return strings.TrimPrefix(id, "AKIA") + "A"
}

func (s *identities) lookup(accessKeyID string) (credential, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.keys[accessKeyID]
	return c, ok
}

// principalOf returns who an access key belongs to, or nil.
func (s *identities) principalOf(accessKeyID string) *Principal {
	c, _ := s.lookup(accessKeyID)
	return c.principal
}

// open makes credentials for a session. They work until expires.
func (s *identities) open(p *Principal, expires time.Time) credential {
	c := credential{id: "ASIA" + rand.Text()[:16], secret: randomText(30), token: randomText(240), expires: expires, principal: p}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[c.id] = c
	return c
}

func (c credential) tokenMatches(token string) bool {
	return subtle.ConstantTimeCompare([]byte(c.token), []byte(token)) == 1
}

func (c credential) expired(now time.Time) bool { return !c.expires.IsZero() && now.After(c.expires) }

func randomText(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails: crypto/rand aborts the process instead
	return base64.StdEncoding.EncodeToString(b)
}
