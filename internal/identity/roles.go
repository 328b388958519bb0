package identity

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"waybill/internal/problem"
)

// A baseProvider wraps the SDK's credentials below all roles: bounded in time,
// with its failures explained.
type baseProvider struct {
	source aws.CredentialsProvider
	cfg    *Config
}

func (p *baseProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if p.source == nil {
		return aws.Credentials{}, p.cfg.missing(nil)
	}
	bounded, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	creds, err := p.source.Retrieve(bounded)
	if err == nil {
		return creds, nil
	}
	if ctx.Err() != nil {
		return aws.Credentials{}, ctx.Err()
	}
	return aws.Credentials{}, p.cfg.baseProblem(err)
}

// A roleProvider assumes one role with the credentials of the link before it.
type roleProvider struct {
	renewal
	client  *sts.Client
	role    Role
	cfg     *Config
	chained bool
	inner   *stscreds.AssumeRoleProvider
}

func newRoleProvider(client *sts.Client, role Role, cfg *Config, chained bool) *roleProvider {
	p := &roleProvider{client: client, role: role, cfg: cfg, chained: chained}
	p.inner = stscreds.NewAssumeRoleProvider(client, role.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sanitiseSession(role.SessionName)
		o.Duration = orHour(role.Duration)
		if !role.ExternalID.IsZero() {
			o.ExternalID = aws.String(role.ExternalID.Reveal())
		}
		if role.SourceIdentity != "" {
			o.SourceIdentity = aws.String(role.SourceIdentity)
		}
		if role.Policy != "" {
			o.Policy = aws.String(role.Policy)
		}
		for _, k := range slices.Sorted(maps.Keys(role.SessionTags)) {
			o.Tags = append(o.Tags, types.Tag{Key: aws.String(k), Value: aws.String(role.SessionTags[k])})
		}
	})
	return p
}

// orHour replaces an unset duration by an hour: the SDK's own default is 15
// minutes, which a large upload outlives.
func orHour(d time.Duration) time.Duration {
	if d == 0 {
		return time.Hour
	}
	return d
}

// Retrieve assumes the role anew.
func (p *roleProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	return p.retrieve(ctx, p.inner, p.explain)
}

// A renewal is what providers of temporary credentials have in common: they
// are renewed in time, and used on when STS cannot be reached.
type renewal struct {
	end atomic.Pointer[time.Time] // when the last one really ends
}

func (r *renewal) retrieve(ctx context.Context, source aws.CredentialsProvider, explain func(context.Context, error) error) (aws.Credentials, error) {
	bounded, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	creds, err := source.Retrieve(bounded)
	if err == nil {
		r.end.Store(&creds.Expires)
		return creds, nil
	}
	if ctx.Err() != nil {
		return aws.Credentials{}, ctx.Err()
	}
	return aws.Credentials{}, explain(ctx, err)
}

// HandleFailToRefresh keeps a session that has not ended yet when STS cannot be
// reached to renew it, so that a short outage of STS stops no upload.
func (r *renewal) HandleFailToRefresh(_ context.Context, old aws.Credentials, err error) (aws.Credentials, error) {
	end := r.end.Load()
	if end == nil || !old.HasKeys() || problem.ClassOf(err) == problem.Permanent || !time.Now().Before(*end) {
		return aws.Credentials{}, err
	}
	old.Expires = *end
	return old, nil
}

// AdjustExpiresBy renews early, but never in the first half of what a session
// has left: one that a server made very short would be renewed for each request.
func (r *renewal) AdjustExpiresBy(creds aws.Credentials, by time.Duration) (aws.Credentials, error) {
	if !creds.CanExpire {
		return creds, nil
	}
	if half := -time.Until(creds.Expires) / 2; by < half {
		by = half
	}
	creds.Expires = creds.Expires.Add(by)
	return creds, nil
}

// callerARN asks STS who we are. It needs no permission.
func callerARN(ctx context.Context, client *sts.Client) (string, error) {
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Arn), nil
}
