package identity

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/schema"
)

// The limits of STS, from its API reference for AssumeRole.
const (
	minExternalID, maxExternalID = 2, 1224
	maxSessionName               = 64
	maxSessionTags               = 50
	maxTagKey, maxTagValue       = 128, 256
	maxSessionPolicy             = 2048
	minDuration                  = 15 * time.Minute
	maxDuration                  = 12 * time.Hour
	maxChainedDuration           = time.Hour
)

var (
	roleARN        = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/[\w+=,.@/-]{1,576}$`)
	regionName     = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	sourceIdentity = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

// Check looks at a connection as far as it is known before a run.
func Check(cfg Config, values *schema.Values) hcl.Diagnostics {
	var diags hcl.Diagnostics
	if values.Known("region") && (cfg.Region != "" || values.Empty("region")) {
		diags = append(diags, CheckRegion(cfg.Region, "region", values)...)
	}
	diags = append(diags, checkKeys(values)...)
	diags = append(diags, checkWebIdentity(cfg.WebIdentity, values)...)
	diags = append(diags, CheckRoles(&Config{WebIdentity: cfg.WebIdentity}, cfg.Roles, values)...)
	if cfg.Endpoint != nil {
		for _, e := range []struct{ name, url string }{
			{"endpoint.s3", cfg.Endpoint.S3}, {"endpoint.sts", cfg.Endpoint.STS}, {"endpoint.athena", cfg.Endpoint.Athena},
		} {
			if err := checkEndpoint(e.url); values.Set(e.name) && values.Known(e.name) && err != nil {
				diags = append(diags, values.Error(e.name, "endpoint-invalid", fmt.Sprintf("%s: %s", e.name, err),
					"Credentials travel with each request, so an endpoint is https, or http on a loopback address, and never a link-local or metadata address."))
			}
		}
	}
	return diags
}

// CheckRegion looks at the shape of a region's name, which stands at path.
func CheckRegion(region, path string, values *schema.Values) hcl.Diagnostics {
	if regionName.MatchString(region) {
		return nil
	}
	return hcl.Diagnostics{values.Error(path, "invalid-value", fmt.Sprintf("%s: %q is not the name of a region", path, region),
		`The names of regions look like "eu-west-1". An availability zone ("eu-west-1a") or a place ("Ireland") is not one.`)}
}

// checkKeys wants both halves of a key pair, and no profile beside it.
func checkKeys(values *schema.Values) hcl.Diagnostics {
	var diags hcl.Diagnostics
	id, key := values.Set("access_key_id"), values.Set("secret_access_key")
	lone := func(have, lack string) {
		diags = append(diags, values.Error(have, "missing-attribute", fmt.Sprintf("%s stands without %s", have, lack),
			"A key pair has two halves. Add the other one, or take both away and name a profile."))
	}
	switch {
	case id && !key:
		lone("access_key_id", "secret_access_key")
	case key && !id:
		lone("secret_access_key", "access_key_id")
	case values.Set("session_token") && !id:
		lone("session_token", "access_key_id")
	}
	if id && values.Set("profile") {
		diags = append(diags, values.Error("profile", "invalid-value", "profile and access_key_id exclude each other",
			"Both say where the credentials come from. Keep one of them."))
	}
	return diags
}

// CheckRoles looks at the assume_role blocks of a connection, or of a sink
// whose connection is base (nil if there is none or it is not known).
func CheckRoles(base *Config, roles []Role, values *schema.Values) hcl.Diagnostics {
	var diags hcl.Diagnostics
	previous, chained := base.last()
	for i, r := range roles {
		c := roleCheck{role: r, values: values, path: fmt.Sprintf("assume_role[%d].", i)}
		c.arn()
		c.externalID(previous)
		c.duration(chained)
		c.rest()
		diags = append(diags, c.diags...)
		previous, chained = accountOf(r.ARN), true
	}
	return diags
}

// last returns the account of the role that a connection ends in, and whether
// it ends in one at all. The account is empty if it is not known.
func (c *Config) last() (account string, isRole bool) {
	switch {
	case c == nil:
		return "", false
	case len(c.Roles) > 0:
		return accountOf(c.Roles[len(c.Roles)-1].ARN), true
	case c.WebIdentity != nil:
		return accountOf(c.WebIdentity.RoleARN), true
	}
	return "", false
}

// accountOf returns the account of a role's ARN, or nothing for a text that is
// no such ARN.
func accountOf(arn string) string {
	if m := roleARN.FindStringSubmatch(arn); m != nil {
		return m[1]
	}
	return ""
}

type roleCheck struct {
	role   Role
	values *schema.Values
	path   string
	diags  hcl.Diagnostics
}

func (c *roleCheck) report(attr string, code diag.Code, summary, detail string) {
	c.diags = append(c.diags, c.values.Error(c.path+attr, code, summary, detail))
}

func (c *roleCheck) given(attr string) bool {
	return c.values.Set(c.path+attr) && c.values.Known(c.path+attr)
}

func (c *roleCheck) arn() {
	if c.given("role_arn") && !roleARN.MatchString(c.role.ARN) {
		c.report("role_arn", "arn-invalid", fmt.Sprintf("role_arn: %q is not the ARN of a role", c.role.ARN),
			"It looks like arn:aws:iam::123456789012:role/Name, with the twelve digits of the account. The ARN of a user, a bucket or a session (arn:aws:sts::…) is not it.")
	}
}

// externalID wants one for every role that is not known to be in the account
// of the role before it. Which account the first one is called from is known
// only to STS, so that one always needs it.
func (c *roleCheck) externalID(previous string) {
	if c.given("external_id") {
		if rule := externalIDFault(c.role.ExternalID.Reveal()); rule != "" {
			c.report("external_id", "external-id-invalid", "external_id "+rule,
				"STS takes 2 to 1224 characters: letters, digits, and _ + = , . @ : / -. No spaces.")
		}
		return
	}
	sameAccount := previous != "" && previous == accountOf(c.role.ARN)
	if c.values.Set(c.path+"external_id") || c.role.AllowMissingExternalID || sameAccount || !c.values.Known(c.path+"allow_missing_external_id") {
		return
	}
	c.diags = append(c.diags, diag.Error("external-id-missing", c.values.Range(strings.TrimSuffix(c.path, ".")),
		"assume_role has no external_id",
		"An external id protects the owner of a role in another account from the confused deputy. Set external_id to the text of the trust policy's sts:ExternalId, "+
			"or allow_missing_external_id = true if the role is in your own account."))
}

// externalIDFault says which rule a text breaks, naming the character but not
// the text, which may be sensitive; empty if none.
func externalIDFault(id string) string {
	for i, r := range id {
		if strings.ContainsRune("_+=,.@:/-", r) || ('0' <= r && r <= '9') || ('a' <= r && r <= 'z') || ('A' <= r && r <= 'Z') {
			continue
		}
		if r == utf8.RuneError {
			return "is not valid UTF-8"
		}
		return fmt.Sprintf("has %q as character %d, which STS does not take", r, utf8.RuneCountInString(id[:i])+1)
	}
	if n := len(id); n < minExternalID || n > maxExternalID {
		return fmt.Sprintf("has %d characters", n)
	}
	return ""
}

func (c *roleCheck) duration(chained bool) {
	if !c.values.Known(c.path + "duration") {
		return
	}
	switch d := c.role.Duration; {
	case chained && d > maxChainedDuration:
		c.report("duration", "role-chain-duration", fmt.Sprintf("duration: a role assumed by another role cannot last %s", d),
			`AWS limits a chained session to one hour, and refuses longer ones instead of shortening them. Set duration = "1h" or less.`)
	case d < minDuration || d > maxDuration:
		c.report("duration", "invalid-value", fmt.Sprintf("duration: %s is outside of 15 minutes to 12 hours", d),
			"STS takes 900 to 43200 seconds, and no more than the role's own maximum session duration.")
	}
}

func (c *roleCheck) rest() {
	if c.given("source_identity") && !sourceIdentity.MatchString(c.role.SourceIdentity) {
		c.report("source_identity", "invalid-value", fmt.Sprintf("source_identity: STS does not take %q", c.role.SourceIdentity),
			"It takes 2 to 64 characters: letters, digits, and _ + = , . @ -.")
	}
	if c.given("policy") {
		if n := utf8.RuneCountInString(c.role.Policy); n > maxSessionPolicy {
			c.report("policy", "session-policy-invalid", fmt.Sprintf("policy has %d characters", n), "STS takes 2048 at most.")
		} else if !json.Valid([]byte(c.role.Policy)) {
			c.report("policy", "session-policy-invalid", "policy is not JSON", "Write a policy document, for instance by jsonencode({ Version = \"2012-10-17\", Statement = [ … ] }).")
		}
	}
	if len(c.role.SessionTags) > maxSessionTags {
		c.report("session_tags", "invalid-value", fmt.Sprintf("session_tags: %d tags", len(c.role.SessionTags)), "STS takes 50 at most.")
	}
	for k, v := range c.role.SessionTags {
		if n := utf8.RuneCountInString(k); n == 0 || n > maxTagKey || utf8.RuneCountInString(v) > maxTagValue {
			c.report("session_tags", "invalid-value", fmt.Sprintf("session_tags: the tag %q is too long or has no name", k),
				"A tag's key has 1 to 128 characters, its value at most 256.")
		}
	}
}

// sanitiseSession makes a text that STS takes as the name of a session.
func sanitiseSession(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (r == '_' || strings.ContainsRune("+=,.@-", r) || ('0' <= r && r <= '9') || ('a' <= r && r <= 'z') || ('A' <= r && r <= 'Z')) {
			return r
		}
		return '-'
	}, name)
	if len(clean) > maxSessionName {
		clean = clean[:maxSessionName]
	}
	if len(clean) < 2 {
		return "waybill"
	}
	return clean
}

// metadataHosts are names under which clouds serve credentials to anybody who
// can reach them.
var metadataHosts = []string{"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"}

// checkEndpoint says what is wrong with a service's URL; nil if nothing is.
func checkEndpoint(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return fmt.Errorf("%q is not a URL such as https://minio.example.com", redactUserinfo(raw))
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("a URL with a user, a query or a fragment cannot be an endpoint")
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	addr, addrErr := netip.ParseAddr(host)
	if isMetadata(host, addr) {
		return fmt.Errorf("%s is a link-local or metadata address", host)
	}
	loopback := host == "localhost" || strings.HasSuffix(host, ".localhost") || (addrErr == nil && addr.Unmap().IsLoopback())
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return fmt.Errorf("%s://%s is not https", u.Scheme, u.Host)
	}
	return nil
}

func isMetadata(host string, addr netip.Addr) bool {
	for _, m := range metadataHosts {
		if host == m {
			return true
		}
	}
	return forbiddenAddr(addr)
}

// forbiddenAddr reports whether an address serves machine metadata: the
// link-local ranges and AWS's IPv6 address for it.
func forbiddenAddr(addr netip.Addr) bool {
	a := addr.Unmap()
	return a.IsValid() && (a.IsLinkLocalUnicast() || a.IsUnspecified() || a == netip.MustParseAddr("fd00:ec2::254"))
}

// redactUserinfo keeps a password in a malformed URL out of a diagnostic.
func redactUserinfo(raw string) string {
	if i := strings.LastIndexByte(raw, '@'); i >= 0 {
		return "…" + raw[i:]
	}
	return raw
}
