package s3

import (
	"waybill/internal/identity"
	"waybill/internal/objectstore"
)

// Who waits.
func (c waitConfig) Who() (*identity.Config, []identity.Role) { return c.Connection, nil }

// Needs lists what whoever waits must be allowed. key is the object's, in which
// "*" stands for what only a run knows.
func (c waitConfig) Needs(key string) []identity.Need {
	region := c.Region
	if region == "" && c.Connection != nil {
		region = c.Connection.Region
	}
	bucket := objectstore.BucketARN(c.Bucket, region)
	return []identity.Need{
		{Actions: []string{"s3:GetObject"}, Resources: []string{objectstore.ObjectARN(bucket, key)}, Because: "it looks whether the object is there"},
		{Actions: []string{"s3:ListBucket"}, Resources: []string{bucket}, Because: "without it S3 answers the same for an object that is not there as for one that is forbidden"},
	}
}
