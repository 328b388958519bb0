package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"time"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/sandbox"
	"waybill/runner/encode"
	"waybill/runner/schedule"
	athenasource "waybill/sources/athena"
)

// A File is one file of a project.
type File struct {
	Path string // slash-separated, relative to the project
	Doc  string // what it is, in a few words
	Data []byte
}

// ownAccount is ours in the sandbox, usually.
const ownAccount = "111111111111"

// sampleDay is the day of the slot that the project's tests run for.
var sampleDay = time.Date(2026, time.January, 31, 0, 0, 0, 0, time.UTC)

//go:embed templates/*.tmpl
var templates embed.FS

// layout lists the files of a project in the order in which a reader should
// meet them. The name %s is the pipeline's.
var layout = []struct {
	path, template, doc string
	applies             func(Answers) bool
}{
	{"waybill.hcl", "waybill.hcl", "settings, variables, connections", nil},
	{"pipelines/%s.hcl", "pipeline.hcl", "the pipeline: what is read, computed, checked and delivered", nil},
	{"sql/orders.sql", "orders.sql", "the query that Athena runs", Answers.queries},
	{"sql/report.sql", "report.sql", "the SQL that makes the report", nil},
	{"data/orders.csv", "orders.csv", "sample data", nil},
	{"aws" + sandbox.FileSuffix, "aws.sandbox.hcl", "the local AWS that it runs on", Answers.usesAWS},
	{"tests/%s.test.hcl", "test.hcl", "tests of the pipeline", nil},
	{"README.md", "README.md", "what to do with all this", nil},
	{".gitignore", "gitignore", "what git leaves out", nil},
	{".github/workflows/waybill.yml", "github.yml", "checks on each push", func(a Answers) bool { return a.CI == "github" }},
}

// Render makes the files of a project. The answers must have passed Judge, or
// be on their way there.
func Render(a Answers) ([]File, error) {
	parsed, err := template.New("").Delims("[[", "]]").Funcs(functions).ParseFS(templates, "templates/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("reading the templates: %w", err)
	}
	var out []File
	for _, l := range layout {
		if l.applies != nil && !l.applies(a) {
			continue
		}
		var b bytes.Buffer
		if err := parsed.ExecuteTemplate(&b, l.template+".tmpl", view{a}); err != nil {
			return nil, fmt.Errorf("writing %s: %w", l.path, err)
		}
		data := append(bytes.TrimSpace(b.Bytes()), '\n')
		if strings.HasSuffix(l.path, ".hcl") {
			data = hclwrite.Format(data)
		}
		out = append(out, File{Path: strings.Replace(l.path, "%s", a.Name, 1), Doc: l.doc, Data: data})
	}
	return out, nil
}

// functions write values as HCL, so that no answer can end the text it is in.
var functions = template.FuncMap{
	"q": quote,
	"arns": func(bucket string) string {
		return "[" + quote(bucketARN(bucket)) + ", " + quote(bucketARN(bucket)+"/*") + "]"
	},
	"objects": func(bucket string) string { return quote(bucketARN(bucket) + "/*") },
}

func quote(text string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(text)).Bytes())
}

func bucketARN(bucket string) string { return "arn:aws:s3:::" + bucket }

// view is what templates see: the answers, and what follows from them.
type view struct{ Answers }

// AWS, Athena, S3 and Role say which parts the project has.
func (v view) AWS() bool    { return v.usesAWS() }
func (v view) Athena() bool { return v.queries() }
func (v view) S3() bool     { return v.uploads() }
func (v view) Role() bool   { return v.assumes() }

// Cron is empty if there is no schedule.
func (v view) Cron() string {
	if !v.scheduled() {
		return ""
	}
	return v.Answers.Cron
}

// Query is empty if the source is not the user's own.
func (v view) Query() string {
	if !v.queries() {
		return ""
	}
	return strings.TrimSpace(v.Answers.Query)
}

// Parameters are the values of the query's question marks.
func (v view) Parameters() string {
	n := 1 // in the query of sample data
	if v.Query() != "" {
		n = athenasource.Placeholders(v.Query())
	}
	return strings.TrimSuffix(strings.Repeat("run.date, ", n), ", ")
}

// ResultsBucket is the bucket of Athena's results.
func (v view) ResultsBucket() string {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(v.OutputLocation, "s3://"), "/")
	return bucket
}

var accountOfRole = regexp.MustCompile(`^arn:[^:]*:iam::([0-9]{12}):`)

// PartnerAccount owns the bucket: the account of the role, or ours.
func (v view) PartnerAccount() string {
	if m := accountOfRole.FindStringSubmatch(v.RoleARN); v.assumes() && m != nil {
		return m[1]
	}
	return ownAccount
}

// OneBucket reports whether Athena's results and what is delivered share one.
func (v view) OneBucket() bool { return v.queries() && v.uploads() && v.ResultsBucket() == v.Bucket }

// Account is ours. A bucket that both sides write to has one owner, so then we
// are in the partner's.
func (v view) Account() string {
	if v.OneBucket() {
		return v.PartnerAccount()
	}
	return ownAccount
}

// Target is the key or path of what is delivered, for the slot's day.
func (v view) Target() string { return v.target("${run.date}") }

// TestSlot is the slot that the tests run for: noon of the sample day, where
// the pipeline has its days.
func (v view) TestSlot() string {
	loc, err := schedule.Zone(v.Timezone)
	if err != nil {
		loc = time.UTC // Judge will refuse the zone
	}
	y, m, d := sampleDay.Date()
	return time.Date(y, m, d, 12, 0, 0, 0, loc).UTC().Format(time.RFC3339)
}

// TestTarget is the Target of that slot.
func (v view) TestTarget() string { return v.target(sampleDay.Format(time.DateOnly)) }

func (v view) target(day string) string {
	name := day + "/report" + encode.Default(v.Format).Extensions()[0]
	if v.uploads() {
		return v.Name + "/" + name
	}
	return "out/" + v.Name + "/" + name
}

// SinkAddress names the sink in tests.
func (v view) SinkAddress() string {
	if v.uploads() {
		return "sink.partner"
	}
	return "sink.report"
}

// Environment is an example of how a variable is set.
func (v view) Environment() string {
	if v.uploads() {
		return "WAYBILL_VAR_bucket=…"
	}
	return "WAYBILL_VAR_database=…"
}
