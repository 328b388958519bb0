package s3

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/identity"
	"waybill/internal/objectstore"
	"waybill/internal/schema"
)

func check(c Config, values *schema.Values) hcl.Diagnostics {
	diags := identity.CheckRoles(c.Connection, c.Roles, values)
	report := func(attr, summary, detail string) {
		diags = append(diags, values.Error(attr, "invalid-value", attr+": "+summary, detail))
	}
	given := func(attr string) bool { return values.Set(attr) && values.Known(attr) }
	diags = append(diags, objectstore.CheckBucket(c.Bucket, values)...)
	if given("region") {
		diags = append(diags, identity.CheckRegion(c.Region, "region", values)...)
	}
	if given("expected_bucket_owner") && !account.MatchString(c.ExpectedOwner) {
		report("expected_bucket_owner", fmt.Sprintf("%q is not an account", c.ExpectedOwner), `An account's id has twelve digits and stands in quotes: "012345678901".`)
	}
	if fault := metadataFault(c.Metadata); given("metadata") && fault != "" {
		report("metadata", fault, "Names are letters, digits and hyphens, values printable ASCII, and all together have 2 KB at most.")
	}
	if fault := tagsFault(c.Tags); given("tags") && fault != "" {
		report("tags", fault, "S3 takes 10 tags, with keys of up to 128 and values of up to 256 characters: letters, digits, spaces, and _ . : / = + - @.")
	}
	diags = append(diags, checkEncryption(c.Encryption, values)...)
	if given("bucket") {
		diags = append(diags, checkRoute(c, values)...)
	}
	return diags
}

func checkEncryption(e *Encryption, values *schema.Values) (diags hcl.Diagnostics) {
	if e == nil {
		return nil
	}
	report := func(attr, summary, detail string) {
		diags = append(diags, values.Error("encryption."+attr, "invalid-value", attr+": "+summary, detail))
	}
	wanted := values.Set("encryption.customer_key")
	if values.Set("encryption.kms_key_id") && (e.SSE == "AES256" || e.SSE == sseCustomer) {
		report("kms_key_id", fmt.Sprintf("sse = %q uses no KMS key", e.SSE), `Set sse = "aws:kms", or take kms_key_id away.`)
	}
	switch {
	case e.SSE == sseCustomer && !wanted:
		report("sse", "\"customer\" needs a key", `Write customer_key = env("…") or secret("…"): 32 bytes in base64.`)
	case e.SSE != sseCustomer && wanted:
		report("customer_key", fmt.Sprintf("sse = %q does not use it", e.SSE), `Set sse = "customer", or take customer_key away.`)
	case wanted && values.Known("encryption.customer_key"):
		if _, err := objectstore.NewCustomerKey(e.CustomerKey); err != nil {
			report("customer_key", err.Error(), "The key is 32 random bytes, written in base64: `openssl rand -base64 32` makes one.")
		}
	}
	return diags
}

// checkRoute refuses ways to a bucket that do not go together.
func checkRoute(c Config, values *schema.Values) (diags hcl.Diagnostics) {
	report := func(attr, summary, detail string) {
		diags = append(diags, values.Error(attr, "invalid-value", attr+": "+summary, detail))
	}
	elsewhere := c.Connection != nil && c.Connection.Endpoint != nil && (c.Connection.Endpoint.S3 != "" || c.Connection.Endpoint.PathStyle)
	point := objectstore.IsAccessPoint(c.Bucket)
	switch {
	case point && elsewhere:
		report("bucket", "an access point has an address of its own", "Use a connection without s3 and path_style in its endpoint, or the bucket's name.")
	case c.Accelerate && elsewhere:
		report("accelerate", "the connection has an endpoint", "Transfer acceleration is an endpoint of its own. Use a connection without s3 and path_style in its endpoint.")
	case c.Accelerate && point:
		report("accelerate", "access points cannot be accelerated", "Use the bucket's name, or take accelerate away.")
	case c.Accelerate && strings.Contains(c.Bucket, "."):
		report("accelerate", "the bucket's name has a dot", "S3 accelerates transfers to buckets without dots only.")
	}
	return diags
}

var (
	account      = regexp.MustCompile(`^[0-9]{12}$`)
	metadataName = regexp.MustCompile(`^[a-zA-Z0-9-]{1,128}$`)
	tagText      = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]*$`)
)

// reservedMetadata is the prefix of the names that a delivery writes itself.
const reservedMetadata = "waybill-"

func metadataFault(m map[string]string) string {
	total, seen := 0, map[string]bool{}
	for name, value := range m {
		lower := strings.ToLower(name)
		total += len(name) + len(value)
		switch {
		case !metadataName.MatchString(name):
			return fmt.Sprintf("%q is not a name", name)
		case strings.HasPrefix(lower, reservedMetadata):
			return fmt.Sprintf("%q is one of waybill's own names", name)
		case seen[lower]:
			return fmt.Sprintf("%q stands twice, for S3 in lower case", lower)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			return fmt.Sprintf("the value of %q is not printable ASCII", name)
		}
		seen[lower] = true
	}
	if total > 2048-256 { // what a delivery adds has room in the rest
		return fmt.Sprintf("has %d bytes, and waybill needs 256 of S3's 2048 itself", total)
	}
	return ""
}

func tagsFault(tags map[string]string) string {
	if len(tags) > 10 {
		return fmt.Sprintf("%d tags", len(tags))
	}
	for k, v := range tags {
		if n := len([]rune(k)); n == 0 || n > 128 || len([]rune(v)) > 256 {
			return fmt.Sprintf("the tag %q is too long or has no name", k)
		}
		if !tagText.MatchString(k + v) {
			return fmt.Sprintf("the tag %q has characters that S3 refuses", k)
		}
	}
	return ""
}
