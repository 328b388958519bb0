// Package s3 delivers artifacts to a bucket, often a partner's: with a role of
// theirs, and with no more than the permission to put objects.
package s3

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"waybill/internal/component"
	"waybill/internal/identity"
	"waybill/internal/objectstore"
	"waybill/internal/schema"
	"waybill/sinks"
)

// Config is what `sink "s3"` takes besides what all sinks take.
type Config struct {
	Connection    *identity.Config  `wb:"connection"`
	Roles         []identity.Role   `wb:"assume_role"`
	Bucket        string            `wb:"bucket"`
	Region        string            `wb:"region"`
	ContentType   string            `wb:"content_type"`
	Metadata      map[string]string `wb:"metadata"`
	Tags          map[string]string `wb:"tags"`
	StorageClass  string            `wb:"storage_class"`
	ACL           string            `wb:"acl"`
	ExpectedOwner string            `wb:"expected_bucket_owner"`
	Encryption    *Encryption       `wb:"encryption"`
}

// Encryption is an `encryption` block.
type Encryption struct {
	SSE      string `wb:"sse"`
	KMSKeyID string `wb:"kms_key_id"`
}

// Place says where keys live, so that two sinks of one place can be compared.
// It is empty while the bucket is not known.
func (c Config) Place() string {
	if c.Bucket == "" {
		return ""
	}
	return "s3://" + c.Bucket
}

// Role is the ARN of the role that writes; empty if none is assumed.
func (c Config) Role() string { return c.Connection.ActsAs(c.Roles...) }

// Kind is `sink "s3"`. All sinks made by it share their sessions through ids.
func Kind(ids *identity.Identities) sinks.Kind {
	return component.New("s3", block(), check, func(c Config, _ sinks.Env) (sinks.Sink, error) {
		return &sink{cfg: c, ids: ids}, nil
	}).WithTarget("key")
}

func block() *schema.Block {
	return &schema.Block{
		Type: "s3",
		Doc: "Delivers files to an S3 bucket. Each object appears whole or not at all, under exactly the key given; a retry writes the same bytes under the same key. " +
			"The permissions s3:PutObject and s3:AbortMultipartUpload on the keys are enough (they cover CreateMultipartUpload, UploadPart and CompleteMultipartUpload).",
		Example: example,
		Attrs:   attrs(),
		Blocks:  []schema.Nested{{Block: identity.AssumeRoleBlock(), Repeat: true}, {Block: encryptionBlock()}},
	}
}

func attrs() []schema.Attr {
	return []schema.Attr{
		{Name: "connection", Type: schema.Capsule("connection", identity.CapsuleType), Example: "connection.acme",
			Doc: "Who we are. Without it, whoever the SDK's default credential chain finds. assume_role blocks in the sink come on top of the connection's own."},
		{Name: "bucket", Type: schema.String, Required: true, Example: `"acme-inbox"`, Doc: "The bucket's name, without s3:// and without a path."},
		{Name: "key", Type: schema.String, Required: true, Late: true, Example: `"reports/${run.date}/by_region.parquet"`,
			Doc: "The key of the object: exactly this, nothing is appended. With several files it uses file.number and file.partition."},
		{Name: "region", Type: schema.String, Example: `"eu-west-1"`, Doc: "The bucket's region, if it is not the connection's."},
		{Name: "content_type", Type: schema.String, Example: `"text/csv"`, Doc: "The objects' Content-Type. Without it, the format's own."},
		{Name: "metadata", Type: schema.StringMap, Example: `{ source = "waybill" }`,
			Doc: "The objects' user metadata (x-amz-meta-…), 2 KB at most, in printable ASCII. waybill adds waybill-delivery, waybill-sha256 and waybill-rows."},
		{Name: "tags", Type: schema.StringMap, Example: `{ tenant = "acme" }`, Doc: "The objects' tags, 10 at most. Needs s3:PutObjectTagging too."},
		{Name: "storage_class", Type: schema.String, Example: `"STANDARD_IA"`, Doc: "The objects' storage class. Without it, STANDARD.",
			OneOf: []string{"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY", "EXPRESS_ONEZONE"}},
		{Name: "acl", Type: schema.String, Example: `"bucket-owner-full-control"`,
			Doc:   "A canned ACL, for buckets whose Object Ownership asks for one. Other values than bucket-owner-full-control need s3:PutObjectAcl too.",
			OneOf: []string{"bucket-owner-full-control", "bucket-owner-read", "private"}},
		{Name: "expected_bucket_owner", Type: schema.String, Example: `"123456789012"`,
			Doc: "The account that must own the bucket: twelve digits. S3 refuses everything if it is another, so a bucket's name that somebody else took over receives nothing."},
	}
}

const example = `sink "s3" "acme" {
  input      = transform.by_region
  connection = connection.acme
  bucket     = "acme-inbox"
  key        = "reports/${run.date}/by_region.parquet"
  format "parquet" {}
}`

func encryptionBlock() *schema.Block {
	return &schema.Block{
		Type: "encryption", Doc: "Encryption at rest, if it is not to be the bucket's default.",
		Example: "encryption {\n  sse        = \"aws:kms\"\n  kms_key_id = \"arn:aws:kms:eu-west-1:123456789012:key/…\"\n}",
		Attrs: []schema.Attr{
			{Name: "sse", Type: schema.String, Required: true, OneOf: []string{"AES256", "aws:kms", "aws:kms:dsse"},
				Doc: "The method. aws:kms needs kms:GenerateDataKey and, for large files, kms:Decrypt on the key."},
			{Name: "kms_key_id", Type: schema.String, Example: `"arn:aws:kms:eu-west-1:123456789012:key/…"`,
				Doc: "The key, as its ARN if it is in another account. Without it, the account's own key for S3."},
		},
	}
}

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
		report("tags", fault, "S3 takes 10 tags, with keys of up to 128 and values of up to 256 characters.")
	}
	if e := c.Encryption; e != nil && given("encryption.kms_key_id") && e.SSE == "AES256" {
		report("encryption.kms_key_id", "sse = \"AES256\" uses no KMS key", `Set sse = "aws:kms", or take kms_key_id away.`)
	}
	return diags
}

var (
	account      = regexp.MustCompile(`^[0-9]{12}$`)
	metadataName = regexp.MustCompile(`^[a-zA-Z0-9-]{1,128}$`)
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
	}
	return ""
}
