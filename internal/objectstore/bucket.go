package objectstore

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/schema"
)

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// CheckBucket judges the attribute "bucket" of a block.
func CheckBucket(name string, values *schema.Values) hcl.Diagnostics {
	fault := BucketFault(name)
	if !values.Known("bucket") || fault == "" {
		return nil
	}
	return hcl.Diagnostics{values.Error("bucket", "bucket-invalid-name", fmt.Sprintf("bucket: %q %s", name, fault),
		"A bucket's name has 3 to 63 characters: lower-case letters, digits, dots and hyphens; it begins and ends with a letter or digit, and does not look like an IP address.")}
}

// BucketFault says which of S3's naming rules a name breaks; empty if none.
func BucketFault(name string) string {
	_, ipErr := netip.ParseAddr(name)
	switch {
	case strings.Contains(name, "/"):
		return "is not only a name: a path belongs into key"
	case name != strings.ToLower(name):
		return "has upper-case letters"
	case len(name) < 3 || len(name) > 63:
		return fmt.Sprintf("has %d characters", len(name))
	case !bucketName.MatchString(name):
		return "has characters that a bucket's name cannot have, or not there"
	case strings.Contains(name, ".."):
		return "has two dots in a row"
	case ipErr == nil:
		return "looks like an IP address"
	case strings.HasPrefix(name, "xn--"), strings.HasPrefix(name, "sthree-"), strings.HasPrefix(name, "amzn-s3-demo-"):
		return "begins with a prefix that S3 reserves"
	case strings.HasSuffix(name, "-s3alias"), strings.HasSuffix(name, "--ol-s3"), strings.HasSuffix(name, ".mrap"):
		return "ends with a suffix that S3 reserves"
	}
	return ""
}
