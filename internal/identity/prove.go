package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"waybill/internal/problem"
	"waybill/internal/proof"
	"waybill/internal/secret"
)

// Prove becomes the identity that AWSConfig gives, link by link, and says who
// that is. With traces, it also tries each role without its external id: a role
// that can be had so does not protect its owner from being confused about who
// asks.
func (ids *Identities) Prove(ctx context.Context, cfg *Config, extra []Role, traces bool) []proof.Proof {
	own := Config{}
	if cfg != nil {
		own = *cfg
	}
	chain := slices.Concat(own.Roles, extra)
	own.Roles = nil
	var names []string
	var out []proof.Proof
	for i := 0; i <= len(chain); i++ {
		name, err := ids.become(ctx, &own, chain[:i])
		if err != nil {
			return append(out, proof.Bad("identity", err))
		}
		if name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return append(out, proof.Good("identity", "the credentials are there; no STS tells whose they are"))
	}
	out = append(out, proof.Good("identity", strings.Join(names, " → ")))
	for i, role := range chain {
		if traces && !role.ExternalID.IsZero() {
			out = append(out, ids.withoutExternalID(ctx, &own, chain[:i], role))
		}
	}
	return out
}

// become takes on a chain's identity and returns its ARN, if there is an STS to
// tell it.
func (ids *Identities) become(ctx context.Context, cfg *Config, chain []Role) (string, error) {
	out, err := ids.AWSConfig(ctx, cfg, chain)
	if err != nil {
		return "", err
	}
	if _, err := out.Credentials.Retrieve(ctx); err != nil {
		return "", Classify(err)
	}
	return ids.WhoAmI(ctx, cfg, chain)
}

// withoutExternalID tries to assume a role as somebody would who does not know
// its external id.
func (ids *Identities) withoutExternalID(ctx context.Context, cfg *Config, before []Role, role Role) proof.Proof {
	bare := role
	bare.ExternalID = secret.Text{}
	err := ids.assume(ctx, cfg, append(slices.Clone(before), bare))
	p := problem.As(err)
	switch {
	case err == nil:
		return proof.Doubt("external id", ids.notEnforced(ctx, cfg, before, role))
	case p != nil && p.Code == "assume-role-denied":
		return proof.Good("external id", fmt.Sprintf("%s refuses who does not know it", role.ARN))
	}
	return proof.Bad("external id", err)
}

// assume asks for the last role's session anew, past the cache.
func (ids *Identities) assume(ctx context.Context, cfg *Config, chain []Role) error {
	last := len(chain) - 1
	base, err := ids.AWSConfig(ctx, cfg, chain[:last])
	if err != nil {
		return err
	}
	_, err = newRoleProvider(stsClient(base, cfg), chain[last], cfg, last > 0 || cfg.WebIdentity != nil).Retrieve(ctx)
	return err
}

func (ids *Identities) notEnforced(ctx context.Context, cfg *Config, before []Role, role Role) *problem.Problem {
	p := problem.New("external-id-not-enforced", fmt.Sprintf("the role %s can be assumed without its external id", role.ARN), nil)
	p.Where = cfg.Where
	self, _ := ids.WhoAmI(ctx, cfg, before) // it was told a moment ago
	p.Snippet = TrustPolicy(self, role)
	return p
}
