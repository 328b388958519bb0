package sandbox

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/hashicorp/hcl/v2"

	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/internal/secret"
)

// The rules that names follow, as AWS documents them.
var (
	accountRule   = regexp.MustCompile(`^[0-9]{12}$`)
	keyIDRule     = regexp.MustCompile(`^[A-Za-z0-9]{16,128}$`)
	iamNameRule   = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	rolePathRule  = regexp.MustCompile(`^([\w+=,.@-]+/)*[\w+=,.@-]{1,64}$`)
	regionRule    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	bucketRule    = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	tableRule     = regexp.MustCompile(`^[a-z0-9_]{1,255}$`)
	workgroupRule = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,128}$`)
	s3URLRule     = regexp.MustCompile(`^s3://[a-z0-9.-]{3,63}(/.*)?$`)
)

// minCutoff is the smallest BytesScannedCutoffPerQuery that Athena takes.
const minCutoff = 10_000_000

// collect turns the blocks of one file into parts of the configuration.
func (l *loader) collect(f fileValues, v *schema.Values) {
	if f.Settings != nil {
		l.collectSettings(*f.Settings, v)
	}
	for i, u := range f.Users {
		l.user(u, block{l, v, fmt.Sprintf("user[%d]", i)})
	}
	for i, r := range f.Roles {
		l.role(r, block{l, v, fmt.Sprintf("role[%d]", i)})
	}
	for i, p := range f.OIDCProviders {
		l.oidcProvider(p, block{l, v, fmt.Sprintf("oidc_provider[%d]", i)})
	}
	for i, b := range f.Buckets {
		l.bucket(b, block{l, v, fmt.Sprintf("bucket[%d]", i)})
	}
	for i, s := range f.Secrets {
		l.secret(s, block{l, v, fmt.Sprintf("secret[%d]", i)})
	}
	for i, p := range f.Parameters {
		l.parameter(p, block{l, v, fmt.Sprintf("parameter[%d]", i)})
	}
	for i, t := range f.Tables {
		l.table(t, block{l, v, fmt.Sprintf("table[%d]", i)})
	}
	for i, w := range f.Workgroups {
		l.workgroup(w, block{l, v, fmt.Sprintf("workgroup[%d]", i)})
	}
}

// A block is one decoded block, for reporting about it.
type block struct {
	l    *loader
	v    *schema.Values
	path string
}

func (b block) where() string { return b.v.Where(b.path) }

// at is the range of an attribute, or of the block's header when it isn't written.
func (b block) at(attr string) hcl.Range {
	if attr != "" && b.v.Set(b.path+"."+attr) {
		return b.v.Range(b.path + "." + attr)
	}
	return b.v.Range(b.path)
}

func (b block) fail(attr string, code diag.Code, summary, detail string) {
	b.l.add(diag.Error(code, b.at(attr), summary, detail))
}

// match reports a value that breaks a rule; the empty value is not judged.
func (b block) match(attr, value string, rule *regexp.Regexp, says string) {
	if value != "" && !rule.MatchString(value) {
		what := attr
		if what == "" {
			what = "name"
		}
		b.fail(attr, "invalid-value", fmt.Sprintf("%s: %q is not valid", what, value), says)
	}
}

func (b block) account(attr, value string) {
	b.match(attr, value, accountRule, "An AWS account id is 12 digits.")
}

func (b block) region(attr, value string) {
	b.match(attr, value, regionRule, `Write a region such as "eu-west-1".`)
}

// once reports a second declaration of the same thing.
func (b block) once(kind, name string) bool {
	key := kind + " " + name
	if first, ok := b.l.seen[key]; ok {
		b.fail("", "duplicate-name", fmt.Sprintf("%s %q is declared twice", kind, name),
			fmt.Sprintf("The first is in %s, line %d.", first.Filename, first.Start.Line))
		return false
	}
	b.l.seen[key] = b.at("")
	return true
}

func (l *loader) collectSettings(s settingsValues, v *schema.Values) {
	b := block{l, v, "sandbox"}
	if b.once("block", "sandbox") {
		b.region("region", s.Region)
		l.config.Region = s.Region
	}
}

func (l *loader) user(u userValues, b block) {
	b.match("", u.Name, iamNameRule, "A user name is 1 to 64 letters, digits and _+=,.@-")
	b.account("account", u.Account)
	b.match("access_key_id", u.AccessKeyID, keyIDRule, "An access key id is 16 to 128 letters and digits.")
	id, key := derivedKey(u.Account, u.Name)
	out := User{Name: u.Name, Account: u.Account, AccessKeyID: id, SecretKey: secret.New(key), Default: u.Default, Where: b.where()}
	if u.AccessKeyID != "" {
		out.AccessKeyID = u.AccessKeyID
	}
	if u.SecretKey != "" {
		out.SecretKey = secret.New(u.SecretKey)
	}
	out.Policies = b.policies(u.Policy, u.Statements)
	if !b.once("user", u.Account+"/"+u.Name) || !b.once("access key", out.AccessKeyID) {
		return
	}
	if u.Default && !b.once("default user", "") {
		return
	}
	l.config.Users = append(l.config.Users, out)
}

func (l *loader) role(r roleValues, b block) {
	out := Role{Name: r.Name, Account: r.Account, MaxSession: r.MaxSession, ExpireAfter: r.ExpireAfter, Where: b.where()}
	if strings.HasPrefix(r.Name, "arn:") {
		a, err := arn.Parse(r.Name)
		name, isRole := strings.CutPrefix(a.Resource, "role/")
		if err != nil || !isRole || a.Service != "iam" {
			b.fail("", "invalid-value", fmt.Sprintf("%q is not the ARN of a role", r.Name), `Write it as "arn:aws:iam::123456789012:role/Name", or the name alone.`)
			return
		}
		if r.Account != "" && r.Account != a.AccountID {
			b.fail("account", "invalid-value", fmt.Sprintf("account %s is not the one in the ARN, %s", r.Account, a.AccountID), "Leave account out.")
		}
		out.Name, out.Account = name, a.AccountID
	}
	if out.Account == "" {
		out.Account = DefaultAccount
	}
	b.account("account", out.Account)
	b.match("", out.Name, rolePathRule, "A role name is 1 to 64 letters, digits and _+=,.@-, after a path if need be.")
	if r.MaxSession < time.Hour || r.MaxSession > 12*time.Hour {
		b.fail("max_session_duration", "invalid-value", fmt.Sprintf("max_session_duration: %s is not between 1h and 12h", r.MaxSession), "These are the limits of IAM.")
	}
	out.Trust = b.trust(r)
	out.Policies = b.policies(r.Policy, r.Statements)
	if b.once("role", out.ARN()) {
		l.config.Roles = append(l.config.Roles, out)
	}
}

func (b block) trust(r roleValues) string {
	switch {
	case r.TrustPolicy != "" && len(r.Trust) > 0:
		b.fail("trust_policy", "conflicting-attributes", "trust_policy and trust blocks exclude each other", "Keep one of them.")
	case r.TrustPolicy == "" && len(r.Trust) == 0 && !b.v.Set(b.path+".trust_policy"):
		b.fail("", "missing-block", "nobody may assume this role", "Write: "+trustBlock().Example)
	case r.TrustPolicy != "":
		if err := checkTrustPolicy(r.TrustPolicy); err != nil {
			b.fail("trust_policy", "invalid-policy", "trust_policy: "+err.Error(), "")
		}
		return r.TrustPolicy
	}
	doc := trustDocument(r.Trust)
	if len(r.Trust) > 0 {
		if err := checkTrustPolicy(doc); err != nil {
			b.fail("trust", "invalid-policy", "trust: "+err.Error(), "")
		}
	}
	return doc
}

func (b block) policies(document string, statements []statementValues) []string {
	var out []string
	if document != "" {
		if err := checkIdentityPolicy(document); err != nil {
			b.fail("policy", "invalid-policy", "policy: "+err.Error(), "")
		}
		out = append(out, document)
	}
	for i, s := range statements {
		if s.Effect == "" || len(s.Actions) == 0 || len(s.Resources) == 0 {
			continue // reported already
		}
		doc := statementDocument(s)
		if err := checkIdentityPolicy(doc); err != nil {
			b.fail(fmt.Sprintf("statement[%d]", i), "invalid-policy", "statement: "+err.Error(), "")
		}
		out = append(out, doc)
	}
	return out
}

func (l *loader) bucket(v bucketValues, b block) {
	b.match("", v.Name, bucketRule, "A bucket name is 3 to 63 lower-case letters, digits, dots and hyphens.")
	b.account("account", v.Account)
	b.region("region", v.Region)
	if v.Policy != "" {
		if err := checkBucketPolicy(v.Policy, v.Name); err != nil {
			b.fail("policy", "invalid-policy", "policy: "+err.Error(), "")
		}
	}
	if b.once("bucket", v.Name) {
		l.config.Buckets = append(l.config.Buckets, Bucket{Name: v.Name, Region: v.Region, Account: v.Account, Policy: v.Policy, Where: b.where()})
	}
}

func (l *loader) table(v tableValues, b block) {
	database, name, ok := strings.Cut(v.Name, ".")
	if !ok || !tableRule.MatchString(database) || !tableRule.MatchString(name) {
		b.fail("", "invalid-value", fmt.Sprintf("%q is not a table", v.Name), `Write database and table in lower case: "sales.orders".`)
	}
	b.match("location", v.Location, s3URLRule, `Write it as "s3://bucket/prefix/".`)
	if (len(v.Files) == 0) == (v.Location == "") {
		b.fail("files", "conflicting-attributes", fmt.Sprintf("table %q needs files or location, and not both", v.Name), `Write: files = ["data/orders.parquet"]`)
	}
	out := Table{Catalog: "AwsDataCatalog", Database: database, Name: name, Format: v.Format, Location: v.Location,
		Columns: b.columns(v.Columns), Header: v.Header, Where: b.where()}
	for _, file := range v.Files {
		out.Files = append(out.Files, b.tableFile(file))
	}
	if b.once("table", v.Name) {
		l.config.Tables = append(l.config.Tables, out)
	}
}

func (b block) tableFile(name string) string {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		b.fail("files", "invalid-value", fmt.Sprintf("files: %q leaves the project", name), "Name files relative to the project.")
		return ""
	}
	path := filepath.Join(b.l.config.Dir, filepath.FromSlash(name))
	if found, err := filepath.Glob(path); err != nil || len(found) == 0 {
		b.fail("files", "file-not-readable", fmt.Sprintf("files: %q names no file", name), "The path is relative to the project.")
	}
	return path
}

func (b block) columns(texts []string) []Column {
	var out []Column
	for _, text := range texts {
		name, typ, ok := strings.Cut(strings.TrimSpace(text), " ")
		if !ok {
			b.fail("columns", "invalid-value", fmt.Sprintf("columns: %q has no type", text), `Write name and type: "id bigint".`)
			continue
		}
		out = append(out, Column{Name: name, Type: strings.ToLower(strings.TrimSpace(typ))})
	}
	return out
}

func (l *loader) workgroup(v workgroupValues, b block) {
	b.match("", v.Name, workgroupRule, "A workgroup name is 1 to 128 letters, digits, dots, hyphens and underscores.")
	b.match("output_location", v.OutputLocation, s3URLRule, `Write it as "s3://bucket/prefix/".`)
	b.account("expected_bucket_owner", v.ExpectedBucketOwner)
	if v.BytesScannedCutoff != 0 && v.BytesScannedCutoff < minCutoff {
		b.fail("bytes_scanned_cutoff", "invalid-value", fmt.Sprintf("bytes_scanned_cutoff: %d is below %d", v.BytesScannedCutoff, minCutoff), "Athena takes nothing smaller.")
	}
	if v.ManagedResults && v.OutputLocation != "" {
		b.fail("output_location", "conflicting-attributes", "managed_results and output_location exclude each other", "Managed results have no location.")
	}
	if b.once("workgroup", v.Name) {
		l.config.Workgroups = append(l.config.Workgroups, Workgroup{Name: v.Name, OutputLocation: v.OutputLocation, Enforce: v.Enforce,
			BytesScannedCutoff: v.BytesScannedCutoff, ManagedResults: v.ManagedResults, ConcurrentQueries: v.ConcurrentQueries,
			ExpectedBucketOwner: v.ExpectedBucketOwner, Where: b.where()})
	}
}

// checkReferences tests that the buckets which tables and workgroups name are
// declared: a misspelt one would only show at the first query.
func (l *loader) checkReferences() {
	var names []string
	for _, b := range l.config.Buckets {
		names = append(names, b.Name)
	}
	slices.Sort(names)
	check := func(kind, name, attr, url string) {
		bucket, _, _ := strings.Cut(strings.TrimPrefix(url, "s3://"), "/")
		if url != "" && s3URLRule.MatchString(url) && !slices.Contains(names, bucket) {
			l.add(diag.Warning("unknown-reference", l.seen[kind+" "+name], fmt.Sprintf("%s of %s %q: no bucket is called %q", attr, kind, name, bucket),
				strings.TrimSpace("It may be created later, but it isn't declared here."+diag.Suggest(bucket, names))))
		}
	}
	for _, t := range l.config.Tables {
		check("table", t.Database+"."+t.Name, "location", t.Location)
	}
	for _, w := range l.config.Workgroups {
		check("workgroup", w.Name, "output_location", w.OutputLocation)
	}
}
