package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"waybill/internal/problem"
	"waybill/internal/schema"
)

// WebIdentity is a `web_identity` block: the credentials below all roles are
// those of a role that a token of an identity provider opens.
type WebIdentity struct {
	RoleARN     string        `wb:"role_arn"`
	TokenFile   string        `wb:"token_file"`
	SessionName string        `wb:"session_name"`
	Duration    time.Duration `wb:"duration"`
	Policy      string        `wb:"policy"`
}

func webIdentityBlock() *schema.Block {
	return &schema.Block{
		Type: "web_identity",
		Doc: "A role that is opened by a token of an OpenID Connect provider, such as an EKS cluster or GitHub Actions, instead of keys. The roles of assume_role blocks are assumed on top of it. " +
			"The token's file is read again whenever the session is renewed.",
		Example: "web_identity {\n  role_arn   = \"arn:aws:iam::123456789012:role/waybill\"\n  token_file = env(\"AWS_WEB_IDENTITY_TOKEN_FILE\")\n}",
		Attrs: []schema.Attr{
			{Name: "role_arn", Type: schema.String, Required: true, Example: `"arn:aws:iam::123456789012:role/waybill"`, Doc: "The ARN of the role."},
			{Name: "token_file", Type: schema.String, Required: true, Example: `"/var/run/secrets/eks.amazonaws.com/serviceaccount/token"`,
				Doc: "The absolute path of the file that holds the token, on the machine that waybill runs on."},
			{Name: "session_name", Type: schema.String, Default: "waybill", Example: `"waybill-${run.pipeline}"`,
				Doc: "The name of the session, which the role's owner sees in CloudTrail. Characters that STS refuses become hyphens, and it is cut after 64."},
			{Name: "duration", Type: schema.Duration, Default: "1h", Example: `"1h"`, Doc: "How long a session lasts: 15 minutes to 12 hours, and no longer than the role allows."},
			{Name: "policy", Type: schema.String, Example: `file("policies/inbox-only.json")`,
				Doc: "A session policy in JSON, at most 2048 characters: the session may do what both this and the role's own policy allow."},
		},
	}
}

// identity is a digest of all that tells one web identity from another. What
// the file holds takes no part: it changes while the identity stays.
func (w *WebIdentity) identity() string {
	if w == nil {
		return ""
	}
	return digest(w.RoleARN, w.TokenFile, sanitiseSession(w.SessionName), w.Duration.String(), w.Policy)
}

// A webIdentityProvider opens a role with the token in a file.
type webIdentityProvider struct {
	renewal
	cfg   *Config
	inner *stscreds.WebIdentityRoleProvider
}

func newWebIdentityProvider(client *sts.Client, cfg *Config) *webIdentityProvider {
	w := cfg.WebIdentity
	inner := stscreds.NewWebIdentityRoleProvider(client, w.RoleARN, tokenFile{cfg}, func(o *stscreds.WebIdentityRoleOptions) {
		o.RoleSessionName = sanitiseSession(w.SessionName)
		o.Duration = orHour(w.Duration)
		if w.Policy != "" {
			o.Policy = aws.String(w.Policy)
		}
	})
	return &webIdentityProvider{cfg: cfg, inner: inner}
}

// Retrieve reads the token and opens the role anew.
func (p *webIdentityProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	return p.retrieve(ctx, p.inner, func(_ context.Context, err error) error { return p.cfg.webIdentityProblem(err) })
}

// maxToken is the longest token that STS takes, in characters.
const maxToken = 20000

// A tokenFile reads the token of a connection's web identity. Its errors are
// problems, which hold no part of the token.
type tokenFile struct{ cfg *Config }

// GetIdentityToken returns the token, without the white space around it.
func (t tokenFile) GetIdentityToken() ([]byte, error) {
	text, err := readTokenFile(t.cfg.WebIdentity.TokenFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, t.unreadable("does not exist", nil)
	case err != nil:
		return nil, t.unreadable("cannot be read", err)
	case text == "":
		return nil, t.unreadable("is empty", nil)
	case len(text) > maxToken:
		return nil, t.unreadable(fmt.Sprintf("is longer than the %d characters that STS takes", maxToken), nil)
	}
	return []byte(text), nil
}

// readTokenFile reads no more than shows that a token is too long. It does not
// wait for the writer of a pipe.
func readTokenFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", withoutPath(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, 2*maxToken))
	return strings.TrimSpace(string(data)), withoutPath(err)
}

// withoutPath takes the path out of an error: it is told anyway.
func withoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

func (t tokenFile) unreadable(how string, err error) *problem.Problem {
	w := t.cfg.WebIdentity
	p := problem.New("web-identity-token-unreadable", fmt.Sprintf("the token file %s %s, so the role %s cannot be assumed", w.TokenFile, how, w.RoleARN), err)
	p.Where = t.cfg.Where
	return p
}
