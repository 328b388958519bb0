// Package s3 delivers artifacts to a bucket, often a partner's: with a role of
// theirs, and with no more than the permission to put objects.
package s3

import (
	"waybill/internal/component"
	"waybill/internal/identity"
	"waybill/internal/objectstore"
	"waybill/internal/schema"
	"waybill/internal/secret"
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
	Checksum      string            `wb:"checksum_algorithm"`
	RequesterPays bool              `wb:"requester_pays"`
	Accelerate    bool              `wb:"accelerate"`
	Encryption    *Encryption       `wb:"encryption"`
}

// Encryption is an `encryption` block.
type Encryption struct {
	SSE         string        `wb:"sse"`
	KMSKeyID    string        `wb:"kms_key_id"`
	CustomerKey secret.String `wb:"customer_key"`
}

// sseCustomer is the method for which the key is the customer's own.
const sseCustomer = "customer"

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

// CopiesAs names the identity by which S3 can be asked to copy objects to the
// sink's place; empty if it cannot. An accelerated endpoint is for what is sent,
// and SSE-C for what S3 cannot read.
func (c Config) CopiesAs() string {
	if c.Accelerate || c.Encryption != nil && c.Encryption.SSE == sseCustomer {
		return ""
	}
	conn := c.connection()
	return conn.Key(c.Roles...)
}

// connection is who we are before the sink's own roles, in the bucket's region.
func (c Config) connection() identity.Config {
	conn := identity.Config{}
	if c.Connection != nil {
		conn = *c.Connection
	}
	if c.Region != "" {
		conn.Region = c.Region
	}
	return conn
}

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
		{Name: "bucket", Type: schema.String, Required: true, Example: `"acme-inbox"`,
			Doc: "The bucket's name, without s3:// and without a path. The alias or the ARN of an access point does as well; a multi-region one does not."},
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
		{Name: "checksum_algorithm", Type: schema.String, Default: objectstore.DefaultChecksum, OneOf: objectstore.ChecksumAlgorithms(),
			Doc: "How S3 checks what it receives, and what it keeps with the object. Of an object that goes up in parts, SHA256 and SHA1 are digests of the parts' digests."},
		{Name: "requester_pays", Type: schema.Bool, Default: "false", Doc: "Accepts that requests to a bucket with Requester Pays are charged to us."},
		{Name: "accelerate", Type: schema.Bool, Default: "false",
			Doc: "Sends by S3 Transfer Acceleration, which the bucket must have turned on. Not for names with dots, access points, or a connection with an endpoint."},
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
			{Name: "sse", Type: schema.String, Required: true, OneOf: []string{"AES256", "aws:kms", "aws:kms:dsse", sseCustomer},
				Doc: "The method. aws:kms and aws:kms:dsse need kms:GenerateDataKey and, for large files, kms:Decrypt on the key. " +
					"customer encrypts with customer_key, which S3 does not keep (SSE-C): who has lost the key has lost the objects."},
			{Name: "kms_key_id", Type: schema.String, Example: `"arn:aws:kms:eu-west-1:123456789012:key/…"`,
				Doc: "The key, as its ARN if it is in another account. Without it, the account's own key for S3."},
			{Name: "customer_key", Type: schema.String, Sensitive: true, NoLiteral: true, Example: `env("ACME_OBJECT_KEY")`,
				Doc: "The key for sse = \"customer\": 32 bytes in base64. Everybody who reads the objects needs it."},
		},
	}
}
