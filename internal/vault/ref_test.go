package vault_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"waybill/internal/vault"
)

func TestParse(t *testing.T) {
	const smARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
	const ssmARN = "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/prod/db"
	for text, want := range map[string]vault.Ref{
		"env://DB_PASSWORD":          {Scheme: "env", Name: "DB_PASSWORD"},
		"file:///run/secrets/x":      {Scheme: "file", Name: "/run/secrets/x"},
		"file:///run/secrets/..data": {Scheme: "file", Name: "/run/secrets/..data"},
		"aws-sm://prod/db":           {Scheme: "aws-sm", Name: "prod/db"},
		"aws-sm:///prod/db":          {Scheme: "aws-sm", Name: "/prod/db"},
		"aws-sm://prod/db#password":  {Scheme: "aws-sm", Name: "prod/db", Field: "password"},
		"aws-sm://a@b!c#x%20%3F%25":  {Scheme: "aws-sm", Name: "a@b!c", Field: "x ?%"},
		"aws-sm://db?region=eu-west-1&version_stage=AWSPREVIOUS#user": {Scheme: "aws-sm", Name: "db", Region: "eu-west-1", Stage: "AWSPREVIOUS", Field: "user"},
		"aws-sm://db?version_id=EXAMPLE1-90ab-cdef":                   {Scheme: "aws-sm", Name: "db", Version: "EXAMPLE1-90ab-cdef"},
		"aws-sm://" + smARN:                          {Scheme: "aws-sm", Name: smARN, Region: "eu-west-1"},
		"aws-sm://" + smARN + "?region=eu-west-1#a":  {Scheme: "aws-sm", Name: smARN, Region: "eu-west-1", Field: "a"},
		"aws-ssm:///prod/db/password":                {Scheme: "aws-ssm", Name: "/prod/db/password"},
		"aws-ssm://password":                         {Scheme: "aws-ssm", Name: "password"},
		"aws-ssm:///prod/db:3?region=eu-west-1#user": {Scheme: "aws-ssm", Name: "/prod/db:3", Region: "eu-west-1", Field: "user"},
		"aws-ssm://" + ssmARN:                        {Scheme: "aws-ssm", Name: ssmARN, Region: "us-gov-west-1"},
		"aws-ssm://" + ssmARN + ":current":           {Scheme: "aws-ssm", Name: ssmARN + ":current", Region: "us-gov-west-1"},
	} {
		got, err := vault.Parse(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
		again, err := vault.Parse(got.Whole().String())
		if err != nil || again != got.Whole() {
			t.Errorf("%s is written %s, which is %+v, %v", text, got.Whole(), again, err)
		}
	}
}

func TestParseMistakes(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
	with := func(old, new string) string { return "aws-sm://" + strings.Replace(arn, old, new, 1) }
	for _, tt := range []struct{ text, summary, detail string }{
		{"", "does not say where", "env://NAME"},
		{"CANARY-password", "does not say where", "not the secret itself"},
		{"CANARY password://x", "not read from such a place", "aws-sm"},
		{"aws-smm://x", "not read from aws-smm://", `Did you mean "aws-sm"?`},
		{"vault://x", "not read from vault://", "There are: aws-sm, aws-ssm, env, file."},
		{"env://", `"" is not the name`, "env://DB_PASSWORD"},
		{"env://DB-PASSWORD", `"DB-PASSWORD" is not the name`, ""},
		{"env://A?region=x", "is not the name", ""},
		{"file://", "names no file", "three slashes"},
		{"file://run/secrets/x", "is not an absolute path", "three slashes"},
		{"file:///run/secrets/", "is a directory", ""},
		{"file:///run/../etc/x", "goes through ..", ""},
		{"file:///run/x#password", "takes no options and no field", ""},
		{"aws-sm://", "names no secret", "aws-sm://prod/db"},
		{"aws-sm://#x", "names no secret", ""},
		{"aws-sm://prod db", `"prod db" is not a name`, "letters, digits"},
		{"aws-sm://db#", "field behind # cannot be read", "#password"},
		{"aws-sm://db#a%zz", "field behind # cannot be read", "%25"},
		{"aws-sm://db#a?region=eu-west-1", "options stand behind the field", "aws-sm://db?region=eu-west-1#field"},
		{"aws-sm://db?", "options of the reference cannot be read", "?region="},
		{"aws-sm://db?region=%zz", "options of the reference cannot be read", ""},
		{"aws-sm://db?regoin=eu-west-1", `no option "regoin"`, `Did you mean "region"?`},
		{"aws-sm://db?region=Ireland", `"Ireland" is not the name of a region`, ""},
		{"aws-sm://db?region=eu-west-1&region=eu-west-2", "the option region stands twice", ""},
		{"aws-sm://db?version_stage=", "version_stage", "AWSPREVIOUS"},
		{"aws-sm://arn:aws:secretsmanager:eu-west-1", "it has 4 of 6 parts", arn},
		{with("aws:", "azure:"), `no partition "azure"`, arn},
		{with("secretsmanager", "ssm"), "one of ssm, not of secretsmanager", arn},
		{with("eu-west-1", "eu-west-1a"), `region "eu-west-1a"`, ""},
		{with("123456789012", "12345"), `account "12345" is not 12 digits`, ""},
		{with("secret:", "secret/"), "does not begin with secret:", ""},
		{with("secret:prod/db-AbCdEf", "secret:"), "does not begin with secret: and a name", ""},
		{with("db-AbCdEf", "db-AbCdEf:password::"), "goes on behind the secret's name", "#field"},
		{with("prod/db", "prod db"), "not a name that AWS takes", ""},
		{"aws-sm://" + arn + "?region=us-east-1", "the ARN is in eu-west-1, the option region says us-east-1", "Leave the option out"},
		{"aws-ssm://", "names no parameter", ""},
		{"aws-ssm://prod/db", "has no leading slash", "aws-ssm:///prod/db"},
		{"aws-ssm:///prod//db", "is not a name", ""},
		{"aws-ssm:///prod/db:", "neither a version nor a label", ""},
		{"aws-ssm:///prod/db?version_stage=x", `no option "version_stage"`, "There are: region."},
		{"aws-ssm://" + arn, "one of secretsmanager, not of ssm", "parameter/prod/db"},
	} {
		_, err := vault.Parse(tt.text)
		form, ok := errors.AsType[*vault.FormError](err)
		if !ok || !strings.Contains(form.Summary, tt.summary) || !strings.Contains(form.Detail, tt.detail) {
			t.Errorf("%s: %#v, want %q and %q", tt.text, err, tt.summary, tt.detail)
		} else if strings.Contains(form.Summary+form.Detail, "CANARY") {
			t.Errorf("%s is shown: %s %s", tt.text, form.Summary, form.Detail)
		}
	}
}

// Whatever is written, it is a reference that means the same when it is
// written again, or a mistake that says something.
func TestParseAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "env://", "file://", "file:///", "aws-sm://", "aws-ssm://", "aws-ssm:///", "aws-sm://arn:aws:"}).Draw(t, "scheme") +
			rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z/:#?=&%.-]{0,30}`)).Draw(t, "rest")
		ref, err := vault.Parse(text)
		if err != nil {
			if form, ok := errors.AsType[*vault.FormError](err); !ok || form.Summary == "" || form.Detail == "" {
				t.Errorf("%q: %#v", text, err)
			}
			return
		}
		if again, err := vault.Parse(ref.Whole().String()); err != nil || again != ref.Whole() {
			t.Errorf("%q is written %q, which is %+v, %v", text, ref.Whole(), again, err)
		}
	})
}
