package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"waybill/internal/problem"
	"waybill/internal/secret"
)

const (
	// refreshBefore is how long before its end a session is renewed, so that
	// no request of a long upload is signed with one about to end.
	refreshBefore = 5 * time.Minute
	// refreshJitter is the share of refreshBefore by which processes that
	// began together drift apart.
	refreshJitter = 0.1
	// resolveTimeout bounds one look for credentials: the default chain may
	// ask a metadata service or run a program.
	resolveTimeout = 30 * time.Second
	// explainTimeout bounds the question who we are, when it is asked only to
	// explain a failure.
	explainTimeout = 5 * time.Second
)

// Identities hands out credentials. It keeps one cache for each combination of
// base credentials, role chain, external ids and session names, so that all
// steps of a process share their sessions. Safe for concurrent use.
type Identities struct {
	mu     sync.Mutex
	bases  map[string]aws.Config
	caches map[string]*aws.CredentialsCache
	names  map[string]string // ARN by cache
}

// NewProvider returns an empty set of identities. A process needs one.
func NewProvider() *Identities {
	return &Identities{bases: map[string]aws.Config{}, caches: map[string]*aws.CredentialsCache{}, names: map[string]string{}}
}

// AWSConfig returns what an AWS client of this connection needs: region,
// HTTP client, and credentials that have assumed the connection's roles and
// then the extra ones. Nothing is sent yet: errors of STS come with the first
// use of the credentials, as problems. cfg may be nil: the default chain.
func (ids *Identities) AWSConfig(ctx context.Context, cfg *Config, extra []Role) (aws.Config, error) {
	out, _, err := ids.resolve(ctx, cfg, extra)
	return out, err
}

// WhoAmI returns the ARN of the identity that AWSConfig would give, as STS
// tells it. It is asked once for each identity. With an S3 endpoint of its own
// and no STS endpoint there is nobody to ask, and the ARN is empty.
func (ids *Identities) WhoAmI(ctx context.Context, cfg *Config, extra []Role) (string, error) {
	out, key, err := ids.resolve(ctx, cfg, extra)
	if err != nil {
		return "", err
	}
	if cfg != nil && cfg.Endpoint != nil && cfg.Endpoint.S3 != "" && cfg.Endpoint.STS == "" {
		return "", nil
	}
	ids.mu.Lock()
	arn, ok := ids.names[key]
	ids.mu.Unlock()
	if ok {
		return arn, nil
	}
	arn, err = callerARN(ctx, stsClient(out, cfg))
	if err != nil {
		return "", Classify(err)
	}
	ids.mu.Lock()
	defer ids.mu.Unlock()
	ids.names[key] = arn
	return arn, nil
}

func (ids *Identities) resolve(ctx context.Context, cfg *Config, extra []Role) (aws.Config, string, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	out, key, err := ids.base(ctx, cfg)
	if err != nil {
		return aws.Config{}, "", err
	}
	for i, role := range slices.Concat(cfg.Roles, extra) {
		key = digest(key, role.identity())
		out.Credentials = ids.cache(key, func() aws.CredentialsProvider {
			return newRoleProvider(stsClient(out, cfg), role, cfg, i > 0 || cfg.WebIdentity != nil)
		})
	}
	return out, key, nil
}

// base loads the configuration below all roles, once for each distinct block.
func (ids *Identities) base(ctx context.Context, cfg *Config) (aws.Config, string, error) {
	key := cfg.identity()
	ids.mu.Lock()
	defer ids.mu.Unlock()
	if out, ok := ids.bases[key]; ok {
		return out.Copy(), key, nil
	}
	out, err := awsconfig.LoadDefaultConfig(ctx, cfg.options()...)
	if err != nil {
		return aws.Config{}, "", cfg.loadProblem(err)
	}
	if out.Region == "" {
		return aws.Config{}, "", noRegion(cfg)
	}
	if cfg.Endpoint != nil {
		out.HTTPClient = guardedClient()
	}
	if cfg.WebIdentity != nil {
		out.Credentials = newCache(newWebIdentityProvider(stsClient(out, cfg), cfg))
	} else {
		out.Credentials = newCache(&baseProvider{source: out.Credentials, cfg: cfg})
	}
	ids.bases[key] = out
	return out.Copy(), key, nil
}

func (ids *Identities) cache(key string, provider func() aws.CredentialsProvider) *aws.CredentialsCache {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	c, ok := ids.caches[key]
	if !ok {
		c = newCache(provider())
		ids.caches[key] = c
	}
	return c
}

func newCache(p aws.CredentialsProvider) *aws.CredentialsCache {
	return aws.NewCredentialsCache(p, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = refreshBefore
		o.ExpiryWindowJitterFrac = refreshJitter
	})
}

func (c *Config) options() []func(*awsconfig.LoadOptions) error {
	var opts []func(*awsconfig.LoadOptions) error
	if c.Region != "" {
		opts = append(opts, awsconfig.WithRegion(c.Region))
	}
	if c.Profile != "" {
		opts = append(opts, awsconfig.WithSharedConfigProfile(c.Profile))
	}
	if c.WebIdentity != nil { // nothing else is looked for, and its request is not signed
		opts = append(opts, awsconfig.WithCredentialsProvider(aws.AnonymousCredentials{}))
	}
	if !c.AccessKeyID.IsZero() {
		opts = append(opts, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
			c.AccessKeyID.Reveal(), c.SecretAccessKey.Reveal(), c.SessionToken.Reveal())))
	}
	return opts
}

// identity is a digest of all that tells this base from another. The secret
// takes part: a new secret for the same key is another identity.
func (c *Config) identity() string {
	e := Endpoint{}
	if c.Endpoint != nil {
		e = *c.Endpoint
	}
	return digest(c.Region, c.Profile, c.AccessKeyID.Reveal(), c.SecretAccessKey.Reveal(), c.SessionToken.Reveal(), e.S3, e.STS, e.Athena, c.WebIdentity.identity())
}

// Key is equal for two connections, each with more roles on top, that lead to
// the same identity, in the same region and at the same endpoints of S3 and STS.
// It may be stored: no secret takes part in it, and so it proves nothing. c may
// be nil.
func (c *Config) Key(more ...Role) string {
	if c == nil {
		c = &Config{}
	}
	bare := *c
	bare.SecretAccessKey, bare.SessionToken = secret.String{}, secret.String{}
	if c.Endpoint != nil {
		bare.Endpoint = &Endpoint{S3: c.Endpoint.S3, STS: c.Endpoint.STS}
	}
	key := bare.identity()
	for _, role := range slices.Concat(c.Roles, more) {
		role.ExternalID = secret.Text{}
		key = digest(key, role.identity())
	}
	return key
}

// identity is a digest of all that tells this link of a chain from another.
func (r Role) identity() string {
	parts := []string{r.ARN, r.ExternalID.Reveal(), sanitiseSession(r.SessionName), r.Duration.String(), r.SourceIdentity, r.Policy}
	for _, k := range slices.Sorted(maps.Keys(r.SessionTags)) {
		parts = append(parts, k, r.SessionTags[k])
	}
	return digest(parts...)
}

// digest joins texts so that no two lists give the same result, and so that no
// secret stands in a map's key.
func digest(parts ...string) string {
	text, _ := json.Marshal(parts) // strings always marshal
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func stsClient(base aws.Config, cfg *Config) *sts.Client {
	return sts.NewFromConfig(base, func(o *sts.Options) {
		if cfg != nil && cfg.Endpoint != nil && cfg.Endpoint.STS != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint.STS)
		}
	})
}

// guardedClient dials no metadata address, whatever a configured host's name
// resolves to.
func guardedClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err == nil && forbiddenAddr(ap.Addr()) {
				return &net.AddrError{Err: "a link-local or metadata address cannot be an endpoint", Addr: address}
			}
			return nil
		}
	})
}

func noRegion(cfg *Config) *problem.Problem {
	p := problem.New("missing-attribute", cfg.Label()+" has no region", nil)
	p.Cause = "Requests are signed for a region, and neither the connection, nor its profile, nor AWS_REGION names one."
	p.Remedy = []string{`Set region in the connection, for instance region = "eu-west-1".`}
	p.Where = cfg.Where
	return p
}
