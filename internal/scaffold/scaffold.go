// Package scaffold makes the first files of a project: which questions there
// are, which answers make sense, what the files say, and how they come to disk
// whole or not at all. It neither asks nor prints.
package scaffold

import (
	"slices"
	"strings"

	"waybill/internal/schema"
	"waybill/runner/encode"
)

// None is the answer of a question that may be declined: no schedule, no role.
const None = "none"

// The kinds of source and sink that there are templates for.
const (
	athena = "athena"
	s3     = "s3"
	file   = "file"
)

// Answers are what a project is made of. Each is the answer of the question of
// the same name; those of questions that do not apply are not looked at.
type Answers struct {
	Name     string // of the pipeline
	Source   string
	Sink     string
	Format   string // of the files that are delivered
	Cron     string // or None
	Timezone string // IANA name

	Region         string
	Database       string // of Athena
	OutputLocation string // of Athena's results: s3://bucket/prefix/
	Query          string // Athena SQL, a template; empty: one over the sample data
	Bucket         string
	RoleARN        string // or None
	ExternalID     string

	CI string // "github" or None
}

// A Question is one choice that a project needs.
type Question struct {
	Name    string   // of the flag that answers it
	Ask     string   // what people are asked; empty: it is a matter for flags alone
	Hint    string   // what answers look like; empty: the question says it
	Doc     string   // what the flag means
	Choices []string // the possible answers; empty: any text that Check lets pass
	Default string

	need  need
	field func(*Answers) *string
}

// Applies reports whether the question makes sense after the answers so far.
func (q Question) Applies(a Answers) bool { return q.need.met == nil || q.need.met(a) }

// Needs says, by flags, which other answers the question applies to; empty for
// one that always does.
func (q Question) Needs() string { return q.need.flags }

// Set notes the answer, which Check has let pass.
func (q Question) Set(a *Answers, answer string) { *q.field(a) = answer }

func (a Answers) scheduled() bool { return a.Cron != None }
func (a Answers) queries() bool   { return a.Source == athena }
func (a Answers) uploads() bool   { return a.Sink == s3 }
func (a Answers) usesAWS() bool   { return a.queries() || a.uploads() }
func (a Answers) assumes() bool   { return a.uploads() && a.RoleARN != None }

// A need is what other answers must be for a question to make sense.
type need struct {
	met   func(Answers) bool // nil: always
	flags string
}

var (
	aSchedule = need{Answers.scheduled, "a --cron"}
	anAccount = need{Answers.usesAWS, "--source athena or --sink s3"}
	aQuery    = need{Answers.queries, "--source athena"}
	anUpload  = need{Answers.uploads, "--sink s3"}
	aRole     = need{Answers.assumes, "--sink s3 with a --role-arn"}
)

// Questions are all questions in the order in which they are asked: whether one
// applies depends on answers before it alone.
func Questions() []Question {
	all := slices.Concat(pipelineQuestions(), awsQuestions(), []Question{{
		Name: "ci", Default: None, Choices: []string{None, "github"},
		Doc:   "workflow that checks the project on each push",
		field: func(a *Answers) *string { return &a.CI },
	}})
	for i, q := range all {
		if len(q.Choices) > 0 {
			all[i].Hint = strings.Join(q.Choices, ", ")
		}
	}
	return all
}

func pipelineQuestions() []Question {
	return []Question{
		{Name: "name", Ask: "What is the pipeline called?", Default: "orders",
			Doc: "name of the pipeline", field: func(a *Answers) *string { return &a.Name }},
		{Name: "source", Ask: "Where does the data come from?", Default: athena, Choices: []string{athena, file},
			Doc: "kind of the source", field: func(a *Answers) *string { return &a.Source }},
		{Name: "sink", Ask: "Where does the report go?", Default: s3, Choices: []string{s3, file},
			Doc: "kind of the sink", field: func(a *Answers) *string { return &a.Sink }},
		{Name: "format", Ask: "In which format?", Default: encode.Parquet, Choices: formats(),
			Doc: "format of the files that are delivered", field: func(a *Answers) *string { return &a.Format }},
		{Name: "cron", Ask: "When does it run?", Hint: "AWS or standard cron, rate(1 hour), or none", Default: "0 6 * * ? *",
			Doc: `schedule as AWS or standard cron or rate(…), or "none"`, field: func(a *Answers) *string { return &a.Cron }},
		{Name: "timezone", Ask: "In which time zone?", Default: "UTC", need: aSchedule,
			Doc: "time zone of the schedule, such as Europe/Berlin", field: func(a *Answers) *string { return &a.Timezone }},
	}
}

func awsQuestions() []Question {
	return []Question{
		{Name: "region", Ask: "In which AWS region?", Default: "us-east-1", need: anAccount,
			Doc: "AWS region", field: func(a *Answers) *string { return &a.Region }},
		{Name: "database", Ask: "Which Athena database is queried?", Default: "sales", need: aQuery,
			Doc: "Athena database", field: func(a *Answers) *string { return &a.Database }},
		{Name: "output-location", Ask: "Where may Athena write its results?", Default: "s3://lake-results/waybill/", need: aQuery,
			Doc: "where Athena writes its results, s3://bucket/prefix/", field: func(a *Answers) *string { return &a.OutputLocation }},
		{Name: "query", need: aQuery,
			Doc: "SQL that Athena runs; each question mark takes the run's date (default: a query of sample data)", field: func(a *Answers) *string { return &a.Query }},
		{Name: "bucket", Ask: "Which bucket is delivered to?", Default: "acme-inbox", need: anUpload,
			Doc: "bucket that is delivered to", field: func(a *Answers) *string { return &a.Bucket }},
		{Name: "role-arn", Ask: "Which role may write there?", Hint: "its ARN, or none", Default: "arn:aws:iam::222222222222:role/Inbox", need: anUpload,
			Doc: `ARN of the role that writes to the bucket, or "none"`, field: func(a *Answers) *string { return &a.RoleARN }},
		{Name: "external-id", Ask: "Which external id does its trust policy ask for?", Default: "acme-7f3c", need: aRole,
			Doc: "external id that the role's trust policy asks for", field: func(a *Answers) *string { return &a.ExternalID }},
	}
}

// formats are the kinds of file that a sink can write.
func formats() []string { return variants(encode.Block()) }

// variants are the kinds that need no more to be said than their names.
func variants(b *schema.Block) []string {
	var names []string
	for _, v := range b.Variants {
		needsMore := slices.ContainsFunc(v.Attrs, func(a schema.Attr) bool { return a.Required }) ||
			slices.ContainsFunc(v.Blocks, func(n schema.Nested) bool { return n.Required })
		if !v.Pending && !needsMore {
			names = append(names, v.Type)
		}
	}
	return names
}

// Defaults answer every question.
func Defaults() Answers {
	var a Answers
	for _, q := range Questions() {
		q.Set(&a, q.Default)
	}
	return a
}

// TryCommand runs the pipeline once without an account, in the project's
// directory.
func (a Answers) TryCommand() string {
	if a.usesAWS() {
		return "waybill sandbox . -- " + a.RunCommand()
	}
	return a.RunCommand()
}

// RunCommand runs the pipeline once, in the project's directory.
func (a Answers) RunCommand() string { return "waybill run " + a.Name }
