package athena

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/identity"
	"waybill/internal/schema"
)

// Config is what a user writes in a source "athena" block.
type Config struct {
	Connection          *identity.Config `wb:"connection"`
	Catalog             string           `wb:"catalog"`
	Database            string           `wb:"database"`
	Workgroup           string           `wb:"workgroup"`
	OutputLocation      string           `wb:"output_location"` // s3://bucket/prefix/; empty: the workgroup's
	Query               string           `wb:"query"`
	QueryFile           string           `wb:"query_file"` // the rendered text, not the path
	Parameters          []cty.Value      `wb:"parameters"`
	Fetch               string           `wb:"fetch"`
	ReuseResults        time.Duration    `wb:"reuse_results"` // 0: never
	ExpectedBucketOwner string           `wb:"expected_bucket_owner"`
	DataLocations       []string         `wb:"data_locations"` // s3://bucket/prefix/
}

// Role is the ARN of the role that asks Athena; empty if none is assumed.
func (c Config) Role() string { return c.Connection.ActsAs() }

// ReadsAs names the identity that reads what UNLOAD stages in S3.
func (c Config) ReadsAs() string { return c.Connection.Key() }

// maxReuse is the oldest result that Athena reuses: 10,080 minutes.
const maxReuse = 7 * 24 * time.Hour

// Block describes the attributes of a source "athena".
func Block() *schema.Block {
	return &schema.Block{
		Type: "athena",
		Doc:  "Runs one query in Amazon Athena and brings its rows. The query only reads: SELECT, WITH, VALUES or TABLE.",
		Example: `source "athena" "orders" {
  connection = connection.lake
  database   = "sales"
  query_file = "sql/orders.sql"
  parameters = [run.date]
}`,
		Attrs: []schema.Attr{
			{Name: "connection", Type: schema.Capsule("connection", identity.CapsuleType), Required: true, Example: "connection.lake",
				Doc: "The AWS connection that runs the query and reads its result."},
			{Name: "catalog", Type: schema.String, Default: "AwsDataCatalog", Example: `"AwsDataCatalog"`,
				Doc: "The data catalog in which table names without a catalog are looked up."},
			{Name: "database", Type: schema.String, Example: `"sales"`,
				Doc: "The database in which table names without a database are looked up. Without it every table needs its database in the query."},
			{Name: "workgroup", Type: schema.String, Default: "primary", Example: `"primary"`,
				Doc: "The workgroup that the query runs in: letters, digits and . _ -, at most 128. Its enforced settings take precedence over output_location."},
			{Name: "output_location", Type: schema.String, Example: `"s3://lake-results/waybill/"`,
				Doc: "Where Athena writes results. May be absent if the workgroup has a location. What UNLOAD writes below it is removed after the download, or after the run if a sink may have S3 copy it from there; result files stay, as reuse_results needs them."},
			{Name: "query", Type: schema.Query, Example: `"SELECT * FROM orders WHERE day = ?"`,
				Doc: "The SQL text, at most 262,144 bytes. Exactly one of query and query_file is set."},
			{Name: "query_file", Type: schema.QueryFile, Example: `"sql/orders.sql"`,
				Doc: "The path of a file that holds the SQL text, a template. Exactly one of query and query_file is set."},
			{Name: "parameters", Type: schema.List, Example: "[run.date, 10]",
				Doc: "Values for the question marks of the query, in order. Each is a string, a number, a bool or null and is sent as an SQL literal of at most 1,024 characters, never spliced into the text. A string is a varchar: compare a date column with CAST(? AS date)."},
			{Name: "fetch", Type: schema.String, Default: methodAuto, OneOf: []string{methodAuto, methodUnload, methodResults}, Example: `"auto"`,
				Doc: `How rows are brought. "unload" writes Parquet and keeps all its types, but neither order nor time, json, uuid and timestamps with a time zone. "results" reads Athena's result file, which has these but no nested types. "auto" asks Athena for the columns first and unloads, unless the query has a type or an unnamed column that UNLOAD lacks, a top-level ORDER BY, a LIMIT of at most 10,000, reuse_results, or a workgroup with managed results.`},
			{Name: "reuse_results", Type: schema.Duration, Example: `"60m"`,
				Doc: "Let Athena answer with the result of the very same query if it is not older than this: whole minutes, at most 7d. Implies a result file."},
			{Name: "expected_bucket_owner", Type: schema.String, Example: `"123456789012"`,
				Doc: "The account that must own the bucket of output_location. It does not cover an enforced location of the workgroup."},
			{Name: "data_locations", Type: schema.Strings, Example: `["s3://lake-data/orders/"]`,
				Doc: "Where the tables' data is, for `waybill iam`: Athena reads it with our permissions, and only the catalog knows where it is. It changes nothing in a run."},
		},
	}
}

var (
	workgroupName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,128}$`)
	accountID     = regexp.MustCompile(`^\d{12}$`)
)

// check looks at what is known of a configuration before a run.
func check(c Config, v *schema.Values) hcl.Diagnostics {
	diags := checkSettings(c, v)
	path, text := "query", c.Query
	if v.Set("query_file") {
		path, text = "query_file", c.QueryFile
	}
	if v.Set("query") == v.Set("query_file") {
		return append(diags, v.Error(path, "missing-attribute", "want exactly one of query and query_file",
			`Write the SQL as query = "…", or put it into a file and name that with query_file.`))
	}
	if v.Known(path) {
		diags = append(diags, checkQuery(path, text, c, v)...)
	}
	return diags
}

func checkSettings(c Config, v *schema.Values) hcl.Diagnostics {
	var diags hcl.Diagnostics
	refuse := func(path, summary, detail string) {
		diags = append(diags, v.Error(path, "invalid-value", summary, detail))
	}
	if v.Known("workgroup") && !workgroupName.MatchString(c.Workgroup) {
		refuse("workgroup", fmt.Sprintf("%q cannot be a workgroup", c.Workgroup), "A workgroup's name has 1 to 128 letters, digits, dots, underscores and hyphens.")
	}
	if v.Set("output_location") && v.Known("output_location") {
		if _, err := parseLocation(c.OutputLocation); err != nil {
			refuse("output_location", err.Error(), "Write s3://bucket/prefix/.")
		}
	}
	if v.Set("expected_bucket_owner") && v.Known("expected_bucket_owner") && !accountID.MatchString(c.ExpectedBucketOwner) {
		refuse("expected_bucket_owner", "expected_bucket_owner is not an account id", "An AWS account id has 12 digits.")
	}
	if v.Known("data_locations") {
		for _, l := range c.DataLocations {
			if _, err := parseLocation(l); err != nil {
				refuse("data_locations", err.Error(), "Write s3://bucket/prefix/.")
			}
		}
	}
	if c.ReuseResults > maxReuse || c.ReuseResults%time.Minute != 0 {
		refuse("reuse_results", "reuse_results is not what Athena takes", `Athena counts it in minutes: write "1m" to "7d".`)
	}
	if c.ReuseResults > 0 && c.Fetch == methodUnload {
		refuse("reuse_results", "an UNLOAD is never reused", `Remove reuse_results, or set fetch = "results" or "auto".`)
	}
	return diags
}

func checkQuery(path, text string, c Config, v *schema.Values) hcl.Diagnostics {
	if len(text) > maxQueryBytes {
		return hcl.Diagnostics{v.Error(path, "athena-query-too-long", fmt.Sprintf("the query has %d bytes", len(text)),
			fmt.Sprintf("Athena takes at most %d. Make the query shorter, for instance by a view in the catalog.", maxQueryBytes))}
	}
	stmt, err := parseStatement(text)
	if err != nil {
		return hcl.Diagnostics{v.Error(path, "athena-syntax", "the query cannot be sent to Athena", "The SQL text, "+err.Error()+".")}
	}
	if !stmt.reads() {
		return hcl.Diagnostics{v.Error(path, "athena-syntax", fmt.Sprintf("a source cannot run %s", stmt.verb),
			"A source reads rows: its query begins with SELECT, WITH, VALUES or TABLE.")}
	}
	if set := v.Set("parameters"); set && !v.Known("parameters") {
		return nil
	}
	if _, err := literals(c.Parameters); err != nil {
		return hcl.Diagnostics{v.Error("parameters", "invalid-value", "parameters cannot be sent to Athena", sentence(err.Error()))}
	}
	if n := len(c.Parameters); n != stmt.placeholders {
		return hcl.Diagnostics{v.Error("parameters", "invalid-value", "parameters do not fit the query",
			fmt.Sprintf("The query has %s outside of quotes and comments, and there are %s.", count(stmt.placeholders, "question mark"), count(n, "parameter")))}
	}
	return nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// sentence makes a clause one.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
