package athena

import (
	"cmp"
	"fmt"

	"waybill/internal/identity"
	"waybill/internal/objectstore"
)

// Who asks Athena.
func (c Config) Who() (*identity.Config, []identity.Role) { return c.Connection, nil }

// Needs lists what whoever asks Athena must be allowed, and what the files do
// not tell.
func (c Config) Needs() (needs []identity.Need, notes []string) {
	region, account := "*", "*"
	if c.Connection != nil {
		region = cmp.Or(c.Connection.Region, "*")
		account = cmp.Or(identity.AccountOf(c.Connection.ActsAs()), "*")
	}
	arn := func(service, format string, args ...any) string {
		return "arn:" + identity.ARNPartition(region) + ":" + service + ":" + region + ":" + account + ":" + fmt.Sprintf(format, args...)
	}
	needs = []identity.Need{{Because: "it runs its query, waits for it, stops it when a run is cancelled, and asks where results go",
		Actions:   []string{"athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution", "athena:GetWorkGroup"},
		Resources: []string{arn("athena", "workgroup/%s", c.Workgroup)}}}
	database := cmp.Or(c.Database, "*")
	tables := identity.Need{Because: "Athena looks up the tables as whoever asks", Actions: []string{"glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"},
		Resources: []string{arn("glue", "catalog"), arn("glue", "database/%s", database), arn("glue", "table/%s/*", database)}}
	if c.Catalog == "AwsDataCatalog" || c.Catalog == "" {
		needs = append(needs, tables)
	} else {
		needs = append(needs, identity.Need{Because: "the tables are in this catalog", Actions: []string{"athena:GetDataCatalog"}, Resources: []string{arn("athena", "datacatalog/%s", c.Catalog)}})
		notes = append(notes, "what the catalog "+c.Catalog+" needs by itself, such as lambda:InvokeFunction, is not in the files")
	}
	if l, err := parseFolder(c.OutputLocation); err == nil && c.OutputLocation != "" {
		needs = append(needs, results(l, region)...)
	} else {
		notes = append(notes, "results go where workgroup "+c.Workgroup+" says; its bucket's permissions are not listed, because the files do not name it")
	}
	data, note := c.dataNeeds(region)
	return append(needs, data...), append(notes, note...)
}

// results is what Athena does, as whoever asks, in the place of results.
func results(l location, region string) []identity.Need {
	bucket := objectstore.BucketARN(l.bucket, region)
	return []identity.Need{
		{Actions: []string{"s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"}, Resources: []string{bucket}, Because: "Athena looks at the bucket of results"},
		{Actions: []string{"s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"}, Resources: []string{objectstore.ObjectARN(bucket, l.key+"*")},
			Because: "Athena writes results as whoever asks, and they are read from there"},
		{Actions: []string{"s3:DeleteObject"}, Resources: []string{objectstore.ObjectARN(bucket, l.key+stagingFolder+"/*")}, Because: "what UNLOAD wrote is removed once it is read; without this a lifecycle rule has to"},
	}
}

// dataNeeds is for the tables' data, which is read as whoever asks.
func (c Config) dataNeeds(region string) (needs []identity.Need, notes []string) {
	if len(c.DataLocations) == 0 {
		return nil, []string{"the tables' data is read as the same identity: s3:GetObject and s3:ListBucket where they are. Set data_locations, and it is listed"}
	}
	for _, text := range c.DataLocations {
		l, err := parseFolder(text)
		if err != nil {
			continue // validate has said so
		}
		bucket := objectstore.BucketARN(l.bucket, region)
		needs = append(needs,
			identity.Need{Actions: []string{"s3:GetObject"}, Resources: []string{objectstore.ObjectARN(bucket, l.key+"*")}, Because: "the tables' data is read as whoever asks"},
			identity.Need{Actions: []string{"s3:ListBucket"}, Resources: []string{bucket}, Because: "the tables' data is listed as whoever asks"})
	}
	return needs, nil
}
