package scaffold_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"pgregory.net/rapid"

	"waybill/internal/diag"
	"waybill/internal/scaffold"
	"waybill/runner/compile/compiletest"
	"waybill/runner/encode"
)

// question returns the question of that name.
func question(t *testing.T, name string) scaffold.Question {
	t.Helper()
	all := scaffold.Questions()
	i := slices.IndexFunc(all, func(q scaffold.Question) bool { return q.Name == name })
	if i < 0 {
		t.Fatalf("there is no question %q", name)
	}
	return all[i]
}

// every calls f with all combinations of the questions' choices, each with and
// without what can be declined, and with a query of the user's own.
func every(t *testing.T, f func(t *testing.T, a scaffold.Answers)) {
	for _, source := range question(t, "source").Choices {
		for _, sink := range question(t, "sink").Choices {
			for _, format := range question(t, "format").Choices {
				for _, variant := range []string{"", "cron", "role", "query", "ci", "bucket"} {
					a := scaffold.Defaults()
					a.Source, a.Sink, a.Format = source, sink, format
					switch variant {
					case "cron":
						a.Cron = scaffold.None
					case "role":
						a.RoleARN = scaffold.None
					case "query":
						a.Query = "SELECT * FROM orders WHERE placed_on BETWEEN CAST(? AS date) AND CAST(? AS date) LIMIT 10"
					case "ci":
						a.CI = "github"
					case "bucket":
						a.Bucket = "lake-results"
					}
					t.Run(strings.Join([]string{source, sink, format, variant}, "-"), func(t *testing.T) { f(t, a) })
				}
			}
		}
	}
}

// Every project is free of errors and of warnings, and all its HCL is formatted
// as `waybill fmt` would.
func TestEveryProject(t *testing.T) {
	regs := compiletest.Registries()
	every(t, func(t *testing.T, a scaffold.Answers) {
		p, err := scaffold.Judge(a, regs)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Diags) > 0 {
			t.Errorf("diagnostics: %v", p.Diags)
		}
		if p.Pipeline == nil || p.Pipeline.Name != a.Name || len(p.Pipeline.Triggers) == 1 == (a.Cron == scaffold.None) {
			t.Errorf("the pipeline is %+v", p.Pipeline)
		}
		for _, f := range p.Files {
			checkText(t, f)
		}
		if has := hasFile(p.Files, ".github/workflows/waybill.yml"); has != (a.CI == "github") {
			t.Errorf("a workflow is written: %v", has)
		}
		if has, want := hasFile(p.Files, "aws.sandbox.hcl"), a.Source == "athena" || a.Sink == "s3"; has != want {
			t.Errorf("a sandbox is declared: %v, want %v", has, want)
		}
	})
}

func hasFile(files []scaffold.File, path string) bool {
	return slices.ContainsFunc(files, func(f scaffold.File) bool { return f.Path == path })
}

func checkText(t *testing.T, f scaffold.File) {
	t.Helper()
	text := string(f.Data)
	if !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") || strings.Contains(text, "\n\n\n") ||
		strings.Contains(text, " \n") || strings.Contains(text, "[[") || strings.Contains(text, "<no value>") {
		t.Errorf("%s is untidy:\n%s", f.Path, text)
	}
	if !strings.HasSuffix(f.Path, ".hcl") {
		return
	}
	if _, diags := hclparse.NewParser().ParseHCL(f.Data, f.Path); diags.HasErrors() {
		t.Errorf("%s: %v", f.Path, diags)
	}
	if formatted := hclwrite.Format(f.Data); !bytes.Equal(formatted, f.Data) {
		t.Errorf("%s is not formatted:\n%s", f.Path, text)
	}
}

// The files that are written for the defaults are reviewed as text.
func TestGolden(t *testing.T) {
	for name, change := range map[string]func(*scaffold.Answers){
		"defaults": func(*scaffold.Answers) {},
		"files":    func(a *scaffold.Answers) { a.Source, a.Sink, a.Format, a.CI = "file", "file", "csv", "github" },
		"query": func(a *scaffold.Answers) {
			a.Query, a.Cron, a.RoleARN = "SELECT 1 AS one", scaffold.None, scaffold.None
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := scaffold.Defaults()
			change(&a)
			files, err := scaffold.Render(a)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, f := range files {
				fmt.Fprintf(&b, "-- %s --\n%s", f.Path, f.Data)
			}
			golden := filepath.Join("testdata", name+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("the files differ from %s; look at them, then UPDATE_GOLDEN=1. They are:\n%s", golden, b.String())
			}
		})
	}
}

// A wrong answer is refused in the words of whoever refuses it in a project.
func TestWrongAnswers(t *testing.T) {
	regs := compiletest.Registries()
	for _, tt := range []struct{ question, answer, code, says string }{
		{"name", "two words", "invalid-name", `"two words" cannot be a name`},
		{"name", "../../etc/passwd", "invalid-name", "cannot be a name"},
		{"name", `x" {`, "invalid-name", "cannot be a name"},
		{"name", "1st", "invalid-name", "cannot be a name"},
		{"name", "", "invalid-name", "cannot be a name"},
		{"name", strings.Repeat("n", 300), "invalid-name", "300 characters is too long"},
		{"source", "athna", "invalid-value", `Did you mean "athena"?`},
		{"sink", "ftp", "invalid-value", "There are: s3, file."},
		{"format", "xml", "invalid-value", "There are: parquet, csv"},
		{"cron", "0 25 * * ? *", "invalid-schedule", "hours: 25 is out of range"},
		{"cron", "sometimes", "invalid-schedule", "The AWS form has six"},
		{"cron", `0 9 * * *" }`, "invalid-schedule", ""},
		{"timezone", "Berlin", "invalid-value", `no time zone is called "Berlin"`},
		{"timezone", "${var.region}", "invalid-value", "no time zone is called"},
		{"region", "Ireland", "invalid-value", `"Ireland" is not the name of a region`},
		{"database", "Sales Data", "invalid-value", "lower case"},
		{"output-location", "lake-results/waybill", "invalid-value", "s3://"},
		{"query", "DROP TABLE orders", "athena-syntax", "DROP"},
		{"query", "SELECT 1; SELECT 2", "athena-syntax", "one statement"},
		{"query", "SELECT ${source.nope}", "", ""},
		{"bucket", "Acme_Inbox", "bucket-invalid-name", "upper-case"},
		{"bucket", "acme-inbox/reports", "bucket-invalid-name", "a path belongs into key"},
		{"role-arn", "Inbox", "arn-invalid", `"Inbox" is not the ARN of a role`},
		{"role-arn", "arn:aws:iam::123456789012:user/me", "arn-invalid", "is not the ARN of a role"},
		{"role-arn", "arn:aws-cn:iam::123456789012:role/Inbox", "arn-invalid", "the sandbox has no partition aws-cn"},
		{"external-id", "with spaces", "external-id-invalid", "character 5"},
		{"external-id", "x", "external-id-invalid", "1 characters"},
		{"ci", "gitlab", "invalid-value", `Did you mean "github"?`},
	} {
		t.Run(tt.question+" "+tt.answer, func(t *testing.T) {
			d, err := question(t, tt.question).Check(tt.answer, regs)
			if err != nil {
				t.Fatal(err)
			}
			if d == nil {
				t.Fatal("it is accepted")
			}
			if code := string(diag.CodeOf(d)); tt.code != "" && code != tt.code || !strings.Contains(d.Summary+"\n"+d.Detail, tt.says) {
				t.Errorf("it is refused as %s: %s\n%s\nwant %s with %q", code, d.Summary, d.Detail, tt.code, tt.says)
			}
		})
	}
}

func TestRightAnswers(t *testing.T) {
	regs := compiletest.Registries()
	for _, tt := range []struct{ question, answer string }{
		{"name", "a-b_C9"}, {"name", "_"}, {"name", "pipeline"}, {"name", "null"}, {"name", strings.Repeat("n", 240)},
		{"cron", "0 9 ? * MON-FRI *"}, {"cron", "*/5 * * * *"}, {"cron", "rate(1 hour)"}, {"cron", scaffold.None},
		{"timezone", "America/New_York"}, {"region", "eu-central-1"}, {"region", "us-gov-west-1"}, {"database", "sales_2026"},
		{"output-location", "s3://acme-inbox/athena/"}, // the default bucket
		{"query", "WITH t AS (SELECT 1 AS one) SELECT * FROM t"}, {"query", "SELECT id -- all of them?\nFROM orders\n"},
		{"query", "SELECT '?', id FROM orders WHERE day = ? OR day = ?"},
		{"bucket", "lake-results"}, // that of the default output location
		{"bucket", "my.bucket-1"},
		{"role-arn", "arn:aws:iam::123456789012:role/teams/data/Inbox"}, {"role-arn", "arn:aws:iam::111111111111:role/Own"}, {"role-arn", scaffold.None},
		{"external-id", "a:b/c=d@e"},
	} {
		t.Run(tt.question+" "+tt.answer, func(t *testing.T) {
			d, err := question(t, tt.question).Check(tt.answer, regs)
			if err != nil || d != nil {
				t.Errorf("it is refused: %v, %v", d, err)
			}
		})
	}
}

// Whatever is typed never ends the text that it stands in: the files stay HCL
// that can be read, and judging them does not fail.
func TestAnyAnswer(t *testing.T) {
	regs := compiletest.Registries()
	var texts []scaffold.Question
	for _, q := range scaffold.Questions() {
		if len(q.Choices) == 0 && q.Name != "name" && q.Name != "query" {
			texts = append(texts, q)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		q := rapid.SampledFrom(texts).Draw(t, "question")
		answer := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("\"\\${}%#*/?\n\r\x00 <-~abc019:")))).Draw(t, "answer")
		a := scaffold.Defaults()
		q.Set(&a, answer)
		files, err := scaffold.Render(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if _, diags := hclparse.NewParser().ParseHCL(f.Data, f.Path); strings.HasSuffix(f.Path, ".hcl") && diags.HasErrors() {
				t.Fatalf("%s: %v\n%s", f.Path, diags, f.Data)
			}
		}
		if _, err := q.Check(answer, regs); err != nil {
			t.Fatal(err)
		}
	})
}

// The formats that are offered are those that sinks write, and names of files
// end as theirs do.
func TestFormats(t *testing.T) {
	offered := question(t, "format").Choices
	var known []string
	for _, v := range encode.Block().Variants {
		if encode.Default(v.Type).Check() == nil { // others cannot be written yet
			known = append(known, v.Type)
		}
	}
	if !slices.Equal(offered, known) || len(known) == 0 {
		t.Errorf("%v are offered, and there are %v", offered, known)
	}
	for _, format := range offered {
		a := scaffold.Defaults()
		a.Format = format
		files, err := scaffold.Render(a)
		if err != nil {
			t.Fatal(err)
		}
		want := `"orders/${run.date}/report` + encode.Default(format).Extensions()[0] + `"`
		if !bytes.Contains(files[1].Data, []byte(want)) {
			t.Errorf("%s: the key is not %s:\n%s", format, want, files[1].Data)
		}
	}
}

// Whether a question applies follows from answers before it.
func TestApplies(t *testing.T) {
	for _, tt := range []struct {
		source, sink, cron, role string
		want                     string
	}{
		{"athena", "s3", "0 6 * * ? *", "arn", "name source sink format cron timezone region database output-location query bucket role-arn external-id ci"},
		{"athena", "file", "none", "arn", "name source sink format cron region database output-location query ci"},
		{"file", "s3", "none", "none", "name source sink format cron region bucket role-arn ci"},
		{"file", "file", "none", "arn", "name source sink format cron ci"},
	} {
		a := scaffold.Answers{Source: tt.source, Sink: tt.sink, Cron: tt.cron, RoleARN: tt.role}
		var got []string
		for _, q := range scaffold.Questions() {
			if q.Applies(a) {
				got = append(got, q.Name)
			} else if q.Needs() == "" {
				t.Errorf("%s does not say what it needs", q.Name)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s to %s: %v apply, want %s", tt.source, tt.sink, got, tt.want)
		}
	}
}

// Errors come before warnings when an answer is judged.
func TestCheckShowsAnError(t *testing.T) {
	d, err := question(t, "region").Check("nowhere", compiletest.Registries())
	if err != nil || d == nil || d.Severity != hcl.DiagError {
		t.Errorf("got %v, %v, want an error", d, err)
	}
}

// The day in the names that the tests expect is the one that the slot has in
// the pipeline's time zone.
func TestSlotOfTests(t *testing.T) {
	for zone, want := range map[string]string{
		"UTC": "2026-01-31T12:00:00Z", "Pacific/Kiritimati": "2026-01-30T22:00:00Z", "America/Los_Angeles": "2026-01-31T20:00:00Z",
	} {
		a := scaffold.Defaults()
		a.Timezone = zone
		files, err := scaffold.Render(a)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(files, func(f scaffold.File) bool { return f.Path == "tests/orders.test.hcl" })
		if text := string(files[i].Data); !strings.Contains(text, `scheduled_at = "`+want+`"`) || !strings.Contains(text, `"orders/2026-01-31/report.parquet"`) {
			t.Errorf("%s: want the slot %s:\n%s", zone, want, text)
		}
	}
}
