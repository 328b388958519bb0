package sandbox

import "waybill/internal/schema"

// The blocks of a sandbox file. Everything that decodes, suggests and documents
// the language reads these.

func fileBlock() *schema.Block {
	return &schema.Block{
		Type: "file",
		Doc:  "A sandbox file (*.sandbox.hcl) declares a few pretended AWS accounts, on which a project can be run and tested without AWS.",
		Blocks: []schema.Nested{
			{Block: settingsBlock()},
			{Block: userBlock(), Repeat: true},
			{Block: roleBlock(), Repeat: true},
			{Block: oidcBlock(), Repeat: true},
			{Block: bucketBlock(), Repeat: true},
			{Block: tableBlock(), Repeat: true},
			{Block: workgroupBlock(), Repeat: true},
			{Block: secretBlock(), Repeat: true},
			{Block: parameterBlock(), Repeat: true},
		},
	}
}

// Schema describes the sandbox language, for its reference documentation.
func Schema() []*schema.Block {
	file := fileBlock()
	out := make([]*schema.Block, len(file.Blocks))
	for i, n := range file.Blocks {
		out[i] = n.Block
	}
	return out
}

func accountAttr(doc string) schema.Attr {
	return schema.Attr{Name: "account", Type: schema.String, Doc: doc + " 12 digits.", Default: DefaultAccount, Example: `"123456789012"`}
}

func policyAttr(doc string) schema.Attr {
	return schema.Attr{Name: "policy", Type: schema.String, Doc: doc, Example: `jsonencode({ Version = "2012-10-17", Statement = [] })`}
}

func settingsBlock() *schema.Block {
	return &schema.Block{
		Type:    "sandbox",
		Doc:     "Settings of the sandbox as a whole. At most one in all files.",
		Example: "sandbox {\n  region = \"eu-west-1\"\n}",
		Attrs: []schema.Attr{
			{Name: "region", Type: schema.String, Default: DefaultRegion, Doc: "Region of the environment, and of buckets that name none.", Example: `"eu-west-1"`},
		},
	}
}

func userBlock() *schema.Block {
	return &schema.Block{
		Type:    "user",
		Labels:  []schema.Label{{Name: "name", Doc: "Name of the IAM user."}},
		Doc:     "An IAM user with an access key. Without a policy it may do nothing but ask who it is.",
		Example: "user \"runner\" {\n  account = \"111122223333\"\n  statement {\n    actions   = [\"sts:AssumeRole\"]\n    resources = [\"*\"]\n  }\n}",
		Attrs: []schema.Attr{
			accountAttr("Account that the user belongs to."),
			{Name: "access_key_id", Type: schema.String, Doc: "Access key id, 16 to 128 letters and digits. Made from account and name when absent.", Example: `"AKIAIOSFODNN7EXAMPLE"`},
			{Name: "secret_access_key", Type: schema.String, Doc: "Secret access key. It opens nothing but this sandbox, so it may stand here. Made from account and name when absent.", Example: `"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"`},
			{Name: "default", Type: schema.Bool, Default: "false", Doc: "Whether the sandbox's environment carries this user's credentials. Without a default user, the first one's."},
			policyAttr("IAM policy of the user, as JSON, in addition to the statement blocks."),
		},
		Blocks: []schema.Nested{{Block: statementBlock(), Repeat: true}},
	}
}

func roleBlock() *schema.Block {
	return &schema.Block{
		Type:    "role",
		Labels:  []schema.Label{{Name: "name", Doc: "Name of the role, or its whole ARN."}},
		Doc:     "An IAM role that sts:AssumeRole can assume, or sts:AssumeRoleWithWebIdentity if its trust_policy names an oidc_provider.",
		Example: "role \"Inbox\" {\n  account = \"123456789012\"\n  trust {\n    principals  = [\"111122223333\"]\n    external_id = \"acme-7f3a\"\n  }\n  statement {\n    actions   = [\"s3:PutObject\", \"s3:AbortMultipartUpload\"]\n    resources = [\"arn:aws:s3:::acme-inbox/*\"]\n  }\n}",
		Attrs: []schema.Attr{
			{Name: "account", Type: schema.String, Doc: "Account of the role, 12 digits. Absent when the label is an ARN, otherwise " + DefaultAccount + ".", Example: `"123456789012"`},
			{Name: "trust_policy", Type: schema.String, Doc: "Trust policy as JSON, instead of trust blocks.", Example: `jsonencode({ Version = "2012-10-17", Statement = [] })`},
			{Name: "max_session_duration", Type: schema.Duration, Default: "1h", Doc: "Longest session that may be asked for, 1h to 12h.", Example: `"12h"`},
			{Name: "expire_after", Type: schema.Duration, Doc: "Sessions stop working after this time although STS promised longer, to rehearse ExpiredToken.", Example: `"2s"`},
			policyAttr("IAM policy of the role, as JSON, in addition to the statement blocks."),
		},
		Blocks: []schema.Nested{{Block: trustBlock(), Repeat: true}, {Block: statementBlock(), Repeat: true}},
	}
}

func trustBlock() *schema.Block {
	return &schema.Block{
		Type:    "trust",
		Doc:     "Lets principals assume the role, with session tags and a source identity.",
		Example: "trust {\n  principals  = [\"111122223333\"]\n  external_id = \"acme-7f3a\"\n}",
		Attrs: []schema.Attr{
			{Name: "principals", Type: schema.Strings, Required: true, Doc: "ARNs of users, roles or sessions, account ids, or \"*\".", Example: `["arn:aws:iam::111122223333:user/runner"]`},
			{Name: "external_id", Type: schema.String, Doc: "The external id that a caller must send. Absent: none is checked.", Example: `"acme-7f3a"`},
		},
	}
}

func statementBlock() *schema.Block {
	return &schema.Block{
		Type:    "statement",
		Doc:     "A statement of an IAM policy.",
		Example: "statement {\n  actions   = [\"s3:PutObject\"]\n  resources = [\"arn:aws:s3:::acme-inbox/*\"]\n}",
		Attrs: []schema.Attr{
			{Name: "effect", Type: schema.String, Default: "Allow", OneOf: []string{"Allow", "Deny"}, Doc: "What the statement does."},
			{Name: "actions", Type: schema.Strings, Required: true, Doc: "Actions, with * and ? as wildcards.", Example: `["s3:GetObject"]`},
			{Name: "resources", Type: schema.Strings, Required: true, Doc: "ARNs, with * and ? as wildcards, or \"*\".", Example: `["arn:aws:s3:::acme-inbox/*"]`},
		},
		Blocks: []schema.Nested{{Block: conditionBlock(), Repeat: true}},
	}
}

func conditionBlock() *schema.Block {
	return &schema.Block{
		Type:    "condition",
		Doc:     "A condition that must hold as well.",
		Example: "condition {\n  test     = \"StringEquals\"\n  variable = \"aws:PrincipalAccount\"\n  values   = [\"111122223333\"]\n}",
		Attrs: []schema.Attr{
			{Name: "test", Type: schema.String, Required: true, Doc: "IAM condition operator.", Example: `"StringEquals"`},
			{Name: "variable", Type: schema.String, Required: true, Doc: "IAM condition key.", Example: `"aws:PrincipalAccount"`},
			{Name: "values", Type: schema.Strings, Required: true, Doc: "Values of which one must match.", Example: `["111122223333"]`},
		},
	}
}

func bucketBlock() *schema.Block {
	return &schema.Block{
		Type:    "bucket",
		Labels:  []schema.Label{{Name: "name", Doc: "Name of the bucket."}},
		Doc:     "An S3 bucket that exists from the start.",
		Example: "bucket \"acme-inbox\" {\n  account = \"123456789012\"\n  region  = \"eu-west-1\"\n}",
		Attrs: []schema.Attr{
			accountAttr("Account that owns the bucket."),
			{Name: "region", Type: schema.String, Doc: "Region of the bucket. Absent: the sandbox's. A request signed for another region is refused, as by S3.", Example: `"eu-west-1"`},
			policyAttr("Bucket policy as JSON. Principals of other accounts need one."),
		},
	}
}

func tableBlock() *schema.Block {
	return &schema.Block{
		Type:    "table",
		Labels:  []schema.Label{{Name: "name", Doc: `Database and table: "sales.orders".`}},
		Doc:     "A table of the data catalog that Athena queries.",
		Example: "table \"sales.orders\" {\n  files  = [\"data/orders.parquet\"]\n  format = \"parquet\"\n}",
		Attrs: []schema.Attr{
			{Name: "files", Type: schema.Strings, Doc: "Files or glob patterns, relative to the project. Either files or location.", Example: `["data/orders-*.parquet"]`},
			{Name: "location", Type: schema.String, Doc: "Prefix in a bucket of the sandbox. The caller then needs s3:GetObject on the data.", Example: `"s3://lake/orders/"`},
			{Name: "format", Type: schema.String, Default: "parquet", OneOf: []string{"parquet", "csv"}, Doc: "Format of the data."},
			{Name: "columns", Type: schema.Strings, Doc: "Names and Athena types of a CSV table's columns, in order. Absent: detected from the data.", Example: `["id bigint", "total decimal(12,2)"]`},
			{Name: "header", Type: schema.Bool, Default: "true", Doc: "Whether the first line of a CSV file names the columns."},
		},
	}
}

func workgroupBlock() *schema.Block {
	return &schema.Block{
		Type:    "workgroup",
		Labels:  []schema.Label{{Name: "name", Doc: "Name of the workgroup."}},
		Doc:     "Settings of an Athena workgroup. \"" + DefaultWorkgroup + "\" exists in any case.",
		Example: "workgroup \"primary\" {\n  output_location = \"s3://lake-results/\"\n}",
		Attrs: []schema.Attr{
			{Name: "output_location", Type: schema.String, Doc: "Where results go when the query doesn't say, or doesn't decide.", Example: `"s3://lake-results/"`},
			{Name: "enforce", Type: schema.Bool, Default: "false", Doc: "Whether the workgroup's location overrides the query's."},
			{Name: "managed_results", Type: schema.Bool, Default: "false", Doc: "Whether Athena keeps the results itself; they can then only be read by GetQueryResults."},
			{Name: "bytes_scanned_cutoff", Type: schema.Size, Doc: "Queries that would scan more are cancelled. At least 10,000,000 bytes, as in Athena.", Example: `"1GB"`},
			{Name: "concurrent_queries", Type: schema.Int, Doc: "How many queries may run or wait at a time; more are refused with TooManyRequestsException.", Example: `20`},
			{Name: "expected_bucket_owner", Type: schema.String, Doc: "Account that must own the bucket of the results. 12 digits.", Example: `"111122223333"`},
		},
	}
}
