package sandbox

import (
	"time"

	"waybill/internal/secret"
)

// Defaults of a sandbox file.
const (
	DefaultRegion  = "us-east-1"
	DefaultAccount = "111122223333"
	// DefaultWorkgroup exists in every sandbox, as it does in every AWS account.
	DefaultWorkgroup = "primary"
)

// A Config is what the sandbox files of a project declare: the identities,
// buckets, tables and workgroups of a few pretended AWS accounts.
type Config struct {
	Dir        string // absolute; table files are relative to it
	Region     string // of the environment that clients get
	Users      []User
	Roles      []Role
	Buckets    []Bucket
	Tables     []Table
	Workgroups []Workgroup

	OIDCProviders []OIDCProvider
	Secrets       []Secret
	Parameters    []Parameter
}

// A User is an IAM user with one long-lived access key.
type User struct {
	Name        string
	Account     string // 12 digits
	AccessKeyID string
	SecretKey   secret.String `json:"-"`
	Policies    []string      // JSON documents
	Default     bool          // its credentials are the sandbox's environment
	Where       string        // file:line
}

// ARN is the user's principal ARN.
func (u User) ARN() string { return "arn:aws:iam::" + u.Account + ":user/" + u.Name }

// A Role is an IAM role.
type Role struct {
	Name     string // with its path, without a leading slash: "Inbox", "service/Inbox"
	Account  string // 12 digits
	Trust    string // JSON document: who may assume the role
	Policies []string
	// MaxSession is the longest session that may be asked for.
	MaxSession time.Duration
	// ExpireAfter, if set, ends sessions earlier than STS promised.
	ExpireAfter time.Duration
	Where       string // file:line
}

// ARN is the role's ARN.
func (r Role) ARN() string { return "arn:aws:iam::" + r.Account + ":role/" + r.Name }

// A Bucket is an S3 bucket that exists from the start.
type Bucket struct {
	Name    string
	Region  string
	Account string // of the owner, 12 digits
	Policy  string // JSON document; empty: none
	Where   string // file:line
}

// A Table is a table of the data catalog: local files or an S3 prefix, read
// by the Athena service.
type Table struct {
	Catalog  string // "AwsDataCatalog"
	Database string
	Name     string
	Format   string   // parquet or csv
	Files    []string // absolute paths and glob patterns; empty if Location is set
	Location string   // s3://bucket/prefix/
	Columns  []Column // needed where the files don't tell the types
	Header   bool     // CSV only: the first line names the columns
	Where    string   // file:line
}

// A Column is a column of a table, with an Athena type.
type Column struct{ Name, Type string }

// A Workgroup holds Athena settings.
type Workgroup struct {
	Name                string
	OutputLocation      string // s3://…; empty: each query names its own
	Enforce             bool   // the workgroup's location overrides the query's
	BytesScannedCutoff  int64  // 0: none
	ManagedResults      bool   // results are kept by Athena, not in a bucket
	ConcurrentQueries   int    // running plus queued; 0: no limit
	ExpectedBucketOwner string
	Where               string // file:line
}

// DefaultUser is the user whose credentials the environment carries: the one
// marked default, or else the first. A configuration that Load accepted has one.
func (c *Config) DefaultUser() (User, bool) {
	for _, u := range c.Users {
		if u.Default {
			return u, true
		}
	}
	if len(c.Users) == 0 {
		return User{}, false
	}
	return c.Users[0], true
}

// Bucket returns the declared bucket of that name.
func (c *Config) Bucket(name string) (Bucket, bool) {
	for _, b := range c.Buckets {
		if b.Name == name {
			return b, true
		}
	}
	return Bucket{}, false
}
