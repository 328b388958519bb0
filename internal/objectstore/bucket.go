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

// accessPoint is the ARN of an access point of one region, which S3 takes in
// place of a bucket's name.
var accessPoint = regexp.MustCompile(`^arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]{12}:accesspoint[/:][a-z0-9][a-z0-9-]{1,48}[a-z0-9]$`)

// IsAccessPoint reports whether a bucket is named by the ARN of an access point.
func IsAccessPoint(bucket string) bool { return accessPoint.MatchString(bucket) }

// CheckBucket judges the attribute "bucket" of a block.
func CheckBucket(name string, values *schema.Values) hcl.Diagnostics {
	fault := BucketFault(name)
	if !values.Known("bucket") || fault == "" {
		return nil
	}
	detail := "A bucket's name has 3 to 63 characters: lower-case letters, digits, dots and hyphens; it begins and ends with a letter or digit, and does not look like an IP address."
	if strings.HasPrefix(name, "arn:") {
		detail = `Write the bucket's name, the alias of an access point ("…-s3alias"), or the ARN of one: "arn:aws:s3:eu-west-1:123456789012:accesspoint/inbox".`
	}
	return hcl.Diagnostics{values.Error("bucket", "bucket-invalid-name", fmt.Sprintf("bucket: %q %s", name, fault), detail)}
}

// arnFault says why an ARN does not stand for a bucket here; empty if it does.
func arnFault(arn string) string {
	switch {
	case IsAccessPoint(arn):
		return ""
	case strings.HasSuffix(arn, ".mrap"):
		return "is a multi-region access point: S3 would choose which region receives the objects, and neither retries nor permissions could be relied on"
	case strings.Contains(arn, ":s3-outposts:"), strings.Contains(arn, ":s3-object-lambda:"):
		return "is on an Outpost or an Object Lambda, which take no deliveries"
	case strings.Contains(arn, ":s3:::"):
		return "is the ARN of a bucket, not its name"
	}
	return "is not the ARN of an access point"
}

// BucketFault says which of S3's naming rules a name breaks; empty if none. The
// alias of an access point is as good as a name.
func BucketFault(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return arnFault(name)
	}
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
	case strings.HasSuffix(name, "--ol-s3"), strings.HasSuffix(name, ".mrap"):
		return "ends with a suffix that S3 reserves"
	}
	return ""
}
