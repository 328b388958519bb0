package s3

import (
	"slices"
	"strings"

	"waybill/internal/identity"
	"waybill/internal/objectstore"
	"waybill/sinks"
)

// Who delivers: the connection, and the roles that are assumed on top of it.
func (c Config) Who() (*identity.Config, []identity.Role) {
	conn := c.connection()
	return &conn, c.Roles
}

// Needs lists what whoever delivers must be allowed, for the keys given, in
// which "*" stands for what only a run knows. Creating, filling and completing a
// multipart upload are s3:PutObject to IAM.
func (c Config) Needs(u sinks.Use, keys []string) []identity.Need {
	bucket := c.Bucket
	if !strings.HasPrefix(bucket, "arn:") {
		bucket = objectstore.BucketARN(c.Bucket, c.connection().Region)
	}
	objects := make([]string, len(keys))
	for i, k := range keys {
		objects[i] = objectstore.ObjectARN(bucket, k)
	}
	reasons := map[string]string{
		"s3:PutObject":            "it writes its files; the requests of a multipart upload count as this one, too",
		"s3:AbortMultipartUpload": "it ends uploads that failed or that a crash left open",
		"s3:PutObjectTagging":     "its files have tags",
		"s3:PutObjectAcl":         "its files have an ACL",
		"s3:GetObject":            `it looks whether a file is there: if_exists = "` + u.IfExists + `"`,
		"s3:DeleteObject":         "it removes files of an earlier delivery of the slot, and its success file first",
	}
	var out []identity.Need
	for _, action := range c.Actions(u) {
		n := identity.Need{Actions: []string{action}, Resources: slices.Clone(objects), Because: reasons[action]}
		if action == "s3:ListBucket" {
			n.Resources, n.Because = []string{bucket}, "without it S3 answers the same for a file that is not there as for one that is forbidden"
		}
		out = append(out, n)
	}
	if e := c.Encryption; e != nil && strings.HasPrefix(e.KMSKeyID, "arn:") {
		out = append(out, identity.Need{Actions: []string{"kms:GenerateDataKey", "kms:Decrypt"}, Resources: []string{e.KMSKeyID},
			Because: "its files are encrypted with this key; uploads in parts decrypt, too"})
	}
	return out
}
