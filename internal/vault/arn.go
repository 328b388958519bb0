package vault

import (
	"regexp"
	"strings"
)

var (
	partitionName = regexp.MustCompile(`^aws(-[a-z]+)*$`)
	accountID     = regexp.MustCompile(`^[0-9]{12}$`)
)

func isARN(name string) bool { return strings.HasPrefix(name, "arn:") }

// arn checks an ARN part by part and takes the region from it. resource is
// what its last part begins with.
func (p *parser) arn(text, service, resource, example string) {
	detail := "For example: " + p.ref.Scheme + "://" + example + "."
	parts := strings.SplitN(text, ":", 6)
	if len(parts) < 6 {
		p.fail(detail, "%q is not an ARN: it has %d of 6 parts", text, len(parts))
		return
	}
	switch {
	case !partitionName.MatchString(parts[1]):
		p.fail(detail, "%q is not an ARN: there is no partition %q", text, parts[1])
	case parts[2] != service:
		p.fail(detail, "the ARN is one of %s, not of %s", parts[2], service)
	case !regionName.MatchString(parts[3]):
		p.fail(detail, "the ARN's region %q is not the name of one", parts[3])
	case !accountID.MatchString(parts[4]):
		p.fail(detail, "the ARN's account %q is not 12 digits", parts[4])
	case len(parts[5]) <= len(resource) || !strings.HasPrefix(parts[5], resource):
		p.fail(detail, "the last part of the ARN, %q, does not begin with %s and a name", parts[5], resource)
	case p.ref.Region != "" && p.ref.Region != parts[3]:
		p.fail("Leave the option out: an ARN says its region.", "the ARN is in %s, the option region says %s", parts[3], p.ref.Region)
	default:
		p.resource(parts[5][len(resource):], detail)
	}
	p.ref.Region = parts[3]
}

// resource checks the name in an ARN.
func (p *parser) resource(name, detail string) {
	// A field of ECS's own notation, arn:…:secret:name:field:stage:version.
	if p.ref.Scheme == SchemeSM && strings.Contains(name, ":") {
		p.fail("Write the field behind a #, and the rest as options: aws-sm://arn…?version_stage=AWSPREVIOUS#field.", "the ARN goes on behind the secret's name")
		return
	}
	rule, takes := secretName, "letters, digits and / _ + = . @ ! -"
	if p.ref.Scheme == SchemeSSM {
		name, _, _ = strings.Cut(name, ":")
		rule, takes = paramName, "letters, digits and _ . -, in parts between slashes"
	}
	if !rule.MatchString(name) {
		p.fail("A name has "+takes+". "+detail, "the ARN ends in %q, which is not a name that AWS takes", name)
	}
}
