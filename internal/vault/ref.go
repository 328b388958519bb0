// Package vault reads secrets from where their references point: what stands
// in secret("…") of the language. The values are for the caller alone: no error
// of this package holds any part of one.
package vault

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"waybill/internal/diag"
)

// The schemes of references.
const (
	SchemeEnv  = "env"     // env://NAME
	SchemeFile = "file"    // file:///run/secrets/x
	SchemeSM   = "aws-sm"  // aws-sm://name-or-arn?region=…&version_stage=…#field
	SchemeSSM  = "aws-ssm" // aws-ssm:///path/to/param?region=…
)

// Schemes lists all schemes, in order.
func Schemes() []string { return []string{SchemeSM, SchemeSSM, SchemeEnv, SchemeFile} }

// A Ref is a reference to a secret, taken apart. Its form is right; whether
// there is such a secret is known only to a Reader.
type Ref struct {
	Scheme  string // one of the constants above
	Name    string // the variable, the absolute path, the secret's name or ARN, the parameter
	Region  string // of AWS, from ?region= or the ARN; empty: the environment's
	Stage   string // aws-sm: the staging label; empty: AWSCURRENT
	Version string // aws-sm: the version's id; empty: that of the stage
	Field   string // aws-sm, aws-ssm: a field of the JSON object that the secret is; empty: the whole text
}

// Whole is the reference without its field: what is read, once for all fields.
func (r Ref) Whole() Ref {
	r.Field = ""
	return r
}

// String is the reference as it is written.
func (r Ref) String() string {
	var b strings.Builder
	b.WriteString(r.Scheme + "://" + r.Name)
	sep := "?"
	for _, o := range []struct{ name, value string }{{"region", r.Region}, {"version_stage", r.Stage}, {"version_id", r.Version}} {
		if o.value != "" && (o.name != "region" || !isARN(r.Name)) {
			b.WriteString(sep + o.name + "=" + url.QueryEscape(o.value))
			sep = "&"
		}
	}
	if r.Field != "" {
		b.WriteString("#" + url.PathEscape(r.Field))
	}
	return b.String()
}

// A FormError says what is wrong with how a reference is written.
type FormError struct {
	Summary string // one clause
	Detail  string // what to write
}

func (e *FormError) Error() string { return e.Summary }

// DiagCode gives the mistake a code of its own. See schema.Eval.
func (*FormError) DiagCode() diag.Code { return "secret-reference-invalid" }

// DiagDetail says what to write. See schema.Eval.
func (e *FormError) DiagDetail() string { return e.Detail }

func malformed(detail, format string, args ...any) error {
	return &FormError{Summary: fmt.Sprintf(format, args...), Detail: detail}
}

// Parse takes a reference apart. Errors are *FormError. A text without a known
// scheme is not repeated in them: somebody may have put the secret itself
// there.
func Parse(text string) (Ref, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return Ref{}, malformed(`Write a reference, not the secret itself: env://NAME, file:///run/secrets/name, aws-sm://name or aws-ssm:///path.`,
			"the argument of secret() does not say where the secret is kept")
	}
	parse, ok := map[string]func(*parser){SchemeEnv: (*parser).env, SchemeFile: (*parser).file, SchemeSM: (*parser).secretsManager, SchemeSSM: (*parser).parameterStore}[scheme]
	if !ok {
		known := strings.Join(Schemes(), ", ")
		if !schemeName.MatchString(scheme) {
			return Ref{}, malformed("There are: "+known+".", "secrets are not read from such a place")
		}
		return Ref{}, malformed("There are: "+known+"."+diag.Suggest(scheme, Schemes()), "secrets are not read from %s://", scheme)
	}
	p := &parser{ref: Ref{Scheme: scheme}, rest: rest}
	parse(p)
	return p.ref, p.err
}

var (
	schemeName   = regexp.MustCompile(`^[a-z][a-z0-9+.-]{0,20}$`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	regionName   = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	secretName   = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]{1,512}$`)
	paramName    = regexp.MustCompile(`^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$`)
	paramVersion = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
	stageName    = regexp.MustCompile(`^[^\s&#?]{1,256}$`)
)

// A parser reads what follows the scheme. The first mistake stays.
type parser struct {
	ref  Ref
	rest string
	err  error
}

func (p *parser) fail(detail, format string, args ...any) {
	if p.err == nil {
		p.err = malformed(detail, format, args...)
	}
}

func (p *parser) env() {
	p.ref.Name = p.rest
	if !variableName.MatchString(p.rest) {
		p.fail("A name has letters, digits and underscores: env://DB_PASSWORD.", "%q is not the name of an environment variable", p.rest)
	}
}

// file takes absolute paths only: a secret that lies in the project would lie
// in git, too, and in the state, which keeps the project's files.
func (p *parser) file() {
	p.ref.Name = p.rest
	const absolute = "Write an absolute path after file://, which makes three slashes: file:///run/secrets/name."
	switch {
	case p.rest == "":
		p.fail(absolute, "file:// names no file")
	case p.rest[0] != '/':
		p.fail(absolute+" Secrets are not read from the project: they would be kept in git.", "file://%s is not an absolute path", p.rest)
	case strings.HasSuffix(p.rest, "/"):
		p.fail("Name one file.", "%s is a directory", p.rest)
	case strings.ContainsAny(p.rest, "?#\x00"):
		p.fail("A file is read as a whole.", "file:// takes no options and no field")
	case slices.Contains(strings.Split(p.rest, "/"), ".."):
		p.fail("Write the path without it.", "%s goes through ..", p.rest)
	}
}

func (p *parser) secretsManager() {
	name := p.options("region", "version_stage", "version_id")
	p.ref.Name = name
	switch {
	case name == "":
		p.fail("Write the secret's name or ARN: aws-sm://prod/db.", "aws-sm:// names no secret")
	case isARN(name):
		p.arn(name, "secretsmanager", "secret:", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf")
	default:
		p.checkName(secretName, name, "letters, digits and / _ + = . @ ! -")
	}
}

func (p *parser) parameterStore() {
	name := p.options("region")
	p.ref.Name = name
	switch {
	case name == "":
		p.fail("Write the parameter's name: aws-ssm:///prod/db/password.", "aws-ssm:// names no parameter")
		return
	case isARN(name):
		p.arn(name, "ssm", "parameter/", "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db")
		return
	}
	plain, version, versioned := strings.Cut(name, ":")
	if versioned && !paramVersion.MatchString(version) {
		p.fail("Write aws-ssm:///prod/db:3 or aws-ssm:///prod/db:label.", "%q is neither a version nor a label of a parameter", version)
	}
	if strings.Contains(plain, "/") && plain[0] != '/' {
		p.fail("The name of a parameter in a path begins with a slash, which makes three: aws-ssm:///"+plain+".", "aws-ssm://%s has no leading slash", plain)
	}
	p.checkName(paramName, plain, "letters, digits and _ . -, in parts between slashes")
}

func (p *parser) checkName(rule *regexp.Regexp, name, takes string) {
	if !rule.MatchString(name) {
		p.fail("A name has "+takes+".", "%s: %q is not a name that AWS takes", p.ref.Scheme, name)
	}
}

// options reads ?name=value&… and #field, in the order of a URL, and returns
// what stands before them.
func (p *parser) options(known ...string) (name string) {
	rest, field, hasField := strings.Cut(p.rest, "#")
	name, query, hasQuery := strings.Cut(rest, "?")
	if hasField {
		p.field(name, field)
	}
	if !hasQuery {
		return name
	}
	values, err := url.ParseQuery(query)
	if err != nil || query == "" {
		p.fail("Options follow a question mark: ?region=eu-west-1&version_stage=AWSPREVIOUS.", "the options of the reference cannot be read")
		return name
	}
	for _, o := range slices.Sorted(maps.Keys(values)) {
		p.option(o, values[o], known)
	}
	return name
}

func (p *parser) field(name, field string) {
	if strings.Contains(field, "?") {
		p.fail("The field comes last, after the options: "+p.ref.Scheme+"://"+name+"?region=eu-west-1#field. A question mark in its name is written %3F.", "options stand behind the field")
		return
	}
	plain, err := url.PathUnescape(field)
	if err != nil || plain == "" {
		p.fail("Write the name of a field of the JSON object: "+p.ref.Scheme+"://"+name+"#password. A percent sign is written %25.", "the field behind # cannot be read")
	}
	p.ref.Field = plain
}

func (p *parser) option(name string, values, known []string) {
	if !slices.Contains(known, name) {
		p.fail("There are: "+strings.Join(known, ", ")+"."+diag.Suggest(name, known), "%s:// has no option %q", p.ref.Scheme, name)
		return
	}
	value := values[0]
	if len(values) > 1 {
		p.fail("Keep one.", "the option %s stands twice", name)
	}
	switch name {
	case "region":
		if !regionName.MatchString(value) {
			p.fail(`The names of regions look like "eu-west-1".`, "region: %q is not the name of a region", value)
		}
		p.ref.Region = value
	case "version_stage":
		p.label(name, value)
		p.ref.Stage = value
	case "version_id":
		p.label(name, value)
		p.ref.Version = value
	}
}

func (p *parser) label(name, value string) {
	if !stageName.MatchString(value) {
		p.fail("For example: version_stage=AWSPREVIOUS.", "%s: %q is not a name that AWS takes", name, value)
	}
}
