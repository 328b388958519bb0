package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/iamapi/policy"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// gatewayIAM lets the S3 gateway ask who signs and what they may do.
// identities alone decide: the gateway's own accounts are never used.
type gatewayIAM struct {
	*identities
	// buckets tells owner and policy of a bucket. It is set once, before the
	// gateway serves.
	buckets backend.Backend
}

var (
	_ auth.IAMService         = (*gatewayIAM)(nil)
	_ auth.SigningKeyProvider = (*gatewayIAM)(nil)
	_ auth.PolicyEvaluator    = (*gatewayIAM)(nil)
	_ auth.PrincipalResolver  = (*gatewayIAM)(nil)
)

// DeriveSigningKey gives the key that a request by this access key must have
// been signed with.
func (g *gatewayIAM) DeriveSigningKey(access, token, date, region, service string) ([]byte, auth.Account, error) {
	c, ok := g.lookup(access)
	if !ok {
		return nil, auth.Account{}, auth.ErrNoSuchUser
	}
	if !c.tokenMatches(token) {
		return nil, auth.Account{}, auth.ErrInvalidSessionToken
	}
	if c.expired(time.Now()) {
		return nil, auth.Account{}, s3err.APIError{Code: "ExpiredToken", Description: "The provided token has expired.", HTTPStatusCode: http.StatusBadRequest}
	}
	key := []byte("AWS4" + c.secret)
	for _, part := range []string{date, region, service, "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	account := g.account(c)
	account.SessionToken = token
	return key, account, nil
}

func (g *gatewayIAM) account(c credential) auth.Account {
	return auth.Account{Access: c.id, Role: auth.RoleUser, Arn: c.principal.ARN, RoleArn: c.principal.RoleARN, IsSession: c.principal.IsSession()}
}

// EvaluatePolicy judges a request by the caller's policies. Within an account,
// the gateway lets either these or the bucket's policy allow; for a caller from
// another account both must, which the gateway doesn't know.
func (g *gatewayIAM) EvaluatePolicy(access, _ string, actions []auth.Action, resources []string, condition map[string][]string) (auth.PolicyEvaluation, error) {
	p := g.principalOf(access)
	if p == nil {
		return auth.PolicyEvaluation{}, auth.ErrNoSuchUser
	}
	out := auth.PolicyEvaluation{PrincipalArn: p.ARN, HasSessionPolicy: true}
	condition = p.conditions(condition)
	own := make([][]policy.Decision, len(resources))
	limit := make([][]policy.Decision, len(resources))
	for i, resource := range resources {
		home := g.bucketOf(resource)
		for _, action := range actions {
			req := policy.RequestContext{Action: string(action), Resource: resource, Condition: condition}
			o, l := home.judge(p, req)
			own[i], limit[i] = append(own[i], o), append(limit[i], l)
		}
	}
	fill(&out.Decisions, own)
	fill(&out.SessionDecisions, limit)
	return out, nil
}

// fill converts decisions to the gateway's own type of the same values, which
// it doesn't export.
func fill[T ~int](dst *[][]T, decisions [][]policy.Decision) {
	*dst = make([][]T, len(decisions))
	for i, row := range decisions {
		for _, d := range row {
			(*dst)[i] = append((*dst)[i], T(d))
		}
	}
}

// A bucketHome is where a bucket belongs, and whom it lets in.
type bucketHome struct {
	name, account, policy string
}

func (g *gatewayIAM) bucketOf(resource string) bucketHome {
	name, _, _ := strings.Cut(strings.TrimPrefix(resource, auth.ResourceArnPrefix), "/")
	home := bucketHome{name: name}
	ctx := context.Background()
	data, err := g.buckets.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &name})
	if err != nil {
		return home
	}
	if acl, err := auth.ParseACL(data); err == nil {
		home.account = acl.Owner
	}
	if doc, err := g.buckets.GetBucketPolicy(ctx, name); err == nil {
		home.policy = string(doc)
	}
	return home
}

// judge returns the verdict of the caller's policies, and the verdict that must
// be an allow as well, whatever the bucket's policy says.
func (h bucketHome) judge(p *Principal, req policy.RequestContext) (own, limit policy.Decision) {
	own, limit = p.identity(req), p.limit(req)
	if h.account == "" || h.account == p.Account || own == policy.DecisionDeny {
		return own, limit
	}
	if h.policy == "" || !resourceGrant(h.policy, p, req).any() {
		own = policy.DecisionNoMatch
	}
	if own != policy.DecisionAllow && limit == policy.DecisionAllow {
		limit = policy.DecisionNoMatch
	}
	return own, limit
}

// GetUserAccount returns the account behind an access key.
func (g *gatewayIAM) GetUserAccount(access string) (auth.Account, error) {
	c, ok := g.lookup(access)
	if !ok {
		return auth.Account{}, auth.ErrNoSuchUser
	}
	return g.account(c), nil
}

// ResolveAccounts returns those of the access keys that don't exist.
func (g *gatewayIAM) ResolveAccounts(keys []string) ([]string, error) {
	var missing []string
	for _, k := range keys {
		if g.principalOf(k) == nil {
			missing = append(missing, k)
		}
	}
	return missing, nil
}

// ResolvePrincipals returns those names that cannot be principals. Whether
// they exist isn't asked, since other accounts aren't known here.
func (g *gatewayIAM) ResolvePrincipals(names []string) ([]string, error) {
	return badPrincipals(names), nil
}

func badPrincipals(names []string) []string {
	var bad []string
	for _, n := range names {
		if !validPrincipal(n) {
			bad = append(bad, n)
		}
	}
	return bad
}

// The accounts of a sandbox are declared in files: nothing changes them.

func fixedAccounts() error {
	return s3err.APIError{Code: "NotImplemented", Description: "The accounts of a sandbox are declared in its files.", HTTPStatusCode: http.StatusNotImplemented}
}

// CreateAccount is refused.
func (g *gatewayIAM) CreateAccount(auth.Account) error { return fixedAccounts() }

// UpdateUserAccount is refused.
func (g *gatewayIAM) UpdateUserAccount(string, auth.MutableProps) error { return fixedAccounts() }

// DeleteUserAccount is refused.
func (g *gatewayIAM) DeleteUserAccount(string) error { return fixedAccounts() }

// ListUserAccounts lists none.
func (g *gatewayIAM) ListUserAccounts() ([]auth.Account, error) { return nil, nil }

// Shutdown has nothing to release.
func (g *gatewayIAM) Shutdown() error { return nil }

// accountBuckets makes buckets belong to accounts. The gateway thinks that an
// access key owns a bucket, which would give it every right on it and would
// make ExpectedBucketOwner compare access keys.
type accountBuckets struct {
	backend.Backend
	ids *identities
}

// ListBuckets lists the buckets of the caller's account.
func (b accountBuckets) ListBuckets(ctx context.Context, in s3response.ListBucketsInput) (s3response.ListAllMyBucketsResult, error) {
	if p := b.ids.principalOf(in.Owner); p != nil {
		in.Owner = p.Account
	}
	return b.Backend.ListBuckets(ctx, in)
}

// CreateBucket makes a bucket that the caller's account owns.
func (b accountBuckets) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, acl []byte) error {
	var parsed auth.ACL
	if err := json.Unmarshal(acl, &parsed); err != nil {
		return err
	}
	if p := b.ids.principalOf(parsed.Owner); p != nil {
		owned, err := json.Marshal(auth.ACL{Owner: p.Account})
		if err != nil {
			return err
		}
		acl = owned
	}
	return b.Backend.CreateBucket(ctx, in, acl)
}
