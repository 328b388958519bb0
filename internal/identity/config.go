// Package identity answers who we are when we talk to AWS: it reads connection
// blocks, assumes roles in a chain, keeps the sessions fresh, and explains what
// STS refuses.
package identity

import (
	"reflect"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"

	"waybill/internal/schema"
	"waybill/internal/secret"
)

// Config is a `connection "aws"` block. The zero value is the SDK's default
// credential chain in the region of the environment.
type Config struct {
	Name  string // the block's label; set by the compiler
	Where string // file:line of the block; set by the compiler

	Region          string        `wb:"region"`
	Profile         string        `wb:"profile"`
	AccessKeyID     secret.String `wb:"access_key_id"`
	SecretAccessKey secret.String `wb:"secret_access_key"`
	SessionToken    secret.String `wb:"session_token"`
	WebIdentity     *WebIdentity  `wb:"web_identity"`
	Roles           []Role        `wb:"assume_role"`
	Endpoint        *Endpoint     `wb:"endpoint"`
}

// A Role is an `assume_role` block: one link of a chain.
type Role struct {
	ARN                    string            `wb:"role_arn"`
	ExternalID             secret.Text       `wb:"external_id"`
	AllowMissingExternalID bool              `wb:"allow_missing_external_id"`
	SessionName            string            `wb:"session_name"`
	Duration               time.Duration     `wb:"duration"`
	SessionTags            map[string]string `wb:"session_tags"`
	SourceIdentity         string            `wb:"source_identity"`
	Policy                 string            `wb:"policy"`
}

// Endpoint is an `endpoint` block: where AWS is, if not at AWS. Empty URLs are
// the SDK's own, which its environment variables may set too.
type Endpoint struct {
	S3        string `wb:"s3"`
	STS       string `wb:"sts"`
	Athena    string `wb:"athena"`
	PathStyle bool   `wb:"path_style"`
}

// CapsuleType is the type of a connection as a value of the language, for
// `connection = connection.lake`. It wraps a *Config.
var CapsuleType = cty.Capsule("connection", reflect.TypeFor[Config]())

// Label names the connection for a reader: `connection "lake"`, or the default
// chain when there is no block.
func (c *Config) Label() string {
	if c.Name == "" {
		return "the SDK's default credential chain"
	}
	return `connection "` + c.Name + `"`
}

// ActsAs is the ARN of the role that somebody with this connection and, on top
// of it, more roles ends up with; empty if none is assumed or its name is not
// known yet. c may be nil.
func (c *Config) ActsAs(more ...Role) string {
	chain := more
	if c != nil {
		chain = append(slices.Clone(c.Roles), more...)
	}
	if len(chain) == 0 {
		return ""
	}
	return chain[len(chain)-1].ARN
}

// Block describes `connection "aws"`.
func Block() *schema.Block {
	return &schema.Block{
		Type: "aws",
		Doc: "Who waybill is when it talks to AWS. Without keys, profile and web_identity it is whoever the SDK's default chain finds: " +
			"environment variables, shared files, web identity, container and instance roles. The roles of the assume_role blocks are assumed on top of that, in their order.",
		Example: connectionExample,
		Attrs: []schema.Attr{
			{Name: "region", Type: schema.String, Example: `"eu-west-1"`,
				Doc: "The AWS region of all requests, STS included. Without it, the region of the profile or of AWS_REGION."},
			{Name: "profile", Type: schema.String, Example: `"analytics"`,
				Doc: "A profile of the shared AWS configuration files. Not together with access_key_id or web_identity."},
			{Name: "access_key_id", Type: schema.String, Example: `env("ACME_KEY_ID")`, Sensitive: true,
				Doc: "An access key. Needs secret_access_key too. Not together with profile or web_identity."},
			{Name: "secret_access_key", Type: schema.String, Example: `env("ACME_SECRET")`, Sensitive: true, NoLiteral: true,
				Doc: "The access key's secret."},
			{Name: "session_token", Type: schema.String, Example: `env("ACME_TOKEN")`, Sensitive: true, NoLiteral: true,
				Doc: "The token of temporary credentials. waybill cannot renew these; prefer an assume_role block."},
		},
		Blocks: []schema.Nested{{Block: webIdentityBlock()}, {Block: AssumeRoleBlock(), Repeat: true}, {Block: endpointBlock()}},
	}
}

const connectionExample = `connection "aws" "acme" {
  region = "eu-west-1"
  assume_role {
    role_arn    = "arn:aws:iam::123456789012:role/Inbox"
    external_id = var.acme_external_id
  }
}`

// AssumeRoleBlock describes `assume_role`, in connections and in sinks.
func AssumeRoleBlock() *schema.Block {
	return &schema.Block{
		Type: "assume_role",
		Doc: "A role to assume. Several blocks are a chain: each role is assumed with the credentials of the one before. " +
			"Sessions are shared by all steps that assume the same role in the same way, and renewed five minutes before they end.",
		Example: "assume_role {\n  role_arn    = \"arn:aws:iam::123456789012:role/Inbox\"\n  external_id = var.acme_external_id\n}",
		Attrs: []schema.Attr{
			{Name: "role_arn", Type: schema.String, Required: true, Example: `"arn:aws:iam::123456789012:role/Inbox"`,
				Doc: "The ARN of the role."},
			{Name: "external_id", Type: schema.String, Example: "var.acme_external_id", Sensitive: true,
				Doc: "The external id that the role's trust policy asks for: 2 to 1224 characters of letters, digits, and _ + = , . @ : / -. " +
					"Required for a role of another account, unless allow_missing_external_id is true: without it, anybody who knows the ARN could have waybill write there."},
			{Name: "allow_missing_external_id", Type: schema.Bool, Default: "false",
				Doc: "Permits a role without external_id: for a role of our own account, or one whose trust policy protects it in another way."},
			{Name: "session_name", Type: schema.String, Default: "waybill", Example: `"waybill-${run.pipeline}"`,
				Doc: "The name of the session, which the role's owner sees in CloudTrail. Characters that STS refuses become hyphens, and it is cut after 64."},
			{Name: "duration", Type: schema.Duration, Default: "1h", Example: `"1h"`,
				Doc: "How long a session lasts: 15 minutes to 12 hours, and no longer than the role allows. A role assumed by another role: at most 1 hour."},
			{Name: "session_tags", Type: schema.StringMap, Example: `{ tenant = "acme" }`,
				Doc: "Tags of the session, at most 50. The trust policy must allow sts:TagSession."},
			{Name: "source_identity", Type: schema.String, Example: `"waybill"`,
				Doc: "The source identity of the session: 2 to 64 characters. It cannot be changed further down a chain. The trust policy must allow sts:SetSourceIdentity."},
			{Name: "policy", Type: schema.String, Example: `file("policies/inbox-only.json")`,
				Doc: "A session policy in JSON, at most 2048 characters: the session may do what both this and the role's own policy allow."},
		},
	}
}

func endpointBlock() *schema.Block {
	url := "Use https, or http on a loopback address."
	return &schema.Block{
		Type:    "endpoint",
		Doc:     "Addresses of services that speak the AWS protocols but are not at AWS.",
		Example: "endpoint {\n  s3         = \"https://minio.example.com\"\n  path_style = true\n}",
		Attrs: []schema.Attr{
			{Name: "s3", Type: schema.String, Example: `"https://minio.example.com"`, Doc: "The address of S3. " + url},
			{Name: "sts", Type: schema.String, Example: `"https://sts.example.com"`, Doc: "The address of STS. " + url},
			{Name: "athena", Type: schema.String, Example: `"https://athena.example.com"`, Doc: "The address of Athena. " + url},
			{Name: "path_style", Type: schema.Bool, Default: "false", Doc: "Puts the bucket into the path of a URL instead of the host's name."},
		},
	}
}
