package awsvault

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"waybill/internal/identity"
	"waybill/internal/problem"
	"waybill/internal/vault"
)

// A service is what explanations have to know of one.
type service struct {
	title  string // "Secrets Manager"
	name   string // in ARNs: "secretsmanager"
	action string // the IAM action that reads
	prefix string // of the last part of its ARNs
	suffix string // what follows the name there
}

var (
	secretsManager = service{title: "Secrets Manager", name: "secretsmanager", action: "secretsmanager:GetSecretValue", prefix: "secret:", suffix: "-??????"}
	parameterStore = service{title: "the Parameter Store", name: "ssm", action: "ssm:GetParameter", prefix: "parameter"}
)

// A failure is a request that was not answered with a secret.
type failure struct {
	service service
	ref     vault.Ref
	region  string
	answer  *identity.Answer
	err     error
}

// problem explains the failure. whoami tells our ARN, or nothing; it is called
// only where the explanation needs it.
func (f failure) problem(whoami func() string) *problem.Problem {
	if p := problem.As(f.err); p != nil {
		return problem.As(place(f.ref, p)) // from getting credentials
	}
	switch code := f.code(); code {
	case "secret-access-denied":
		return f.denied(whoami())
	case "secret-decrypt-denied":
		return f.decrypt(whoami())
	case "secret-not-found":
		p := vault.NotFound(f.ref, fmt.Sprintf("%s in %s does not have it", f.service.title, f.region), f.answer)
		p.Remedy = []string{
			"Compare the name in the reference with the one in AWS, letter by letter.",
			fmt.Sprintf("It was looked for in %s: name another region by ?region=, and another account by the whole ARN.", f.region),
		}
		return p
	default:
		return problem.New(code, f.summary(code), f.answer)
	}
}

func (f failure) summary(code string) string {
	says := map[string]string{
		"secret-throttled":         f.service.title + " asks us to slow down",
		"secret-unreachable":       f.service.title + " in " + f.region + " cannot be reached",
		"credentials-expired":      "the credentials have expired",
		"credentials-invalid":      "AWS does not accept the credentials",
		"secret-unusable":          f.service.title + " does not hand it out",
		"secret-reference-invalid": f.service.title + " does not take the reference",
	}
	return fmt.Sprintf("%s cannot be read: %s", f.ref, says[code])
}

// code is the catalog's word for what AWS answered.
func (f failure) code() string {
	a := f.answer
	switch {
	case a.Throttled():
		return "secret-throttled"
	case a.Unreachable():
		return "secret-unreachable"
	case identity.ExpiredCode(a.Code):
		return "credentials-expired"
	case identity.InvalidCode(a.Code):
		return "credentials-invalid"
	case f.aboutKMS():
		return "secret-decrypt-denied"
	}
	switch a.Code {
	case "ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound":
		return "secret-not-found"
	case "AccessDeniedException", "AccessDenied":
		return "secret-access-denied"
	case "ValidationException", "InvalidParameterException":
		return "secret-reference-invalid"
	}
	if a.Status >= http.StatusInternalServerError {
		return "secret-unreachable"
	}
	return "secret-unusable" // InvalidRequestException of a secret that is to be deleted, among others
}

// saysKMS knows what both services say of a key. No name of a secret can hold
// any of it.
var saysKMS = regexp.MustCompile(`(?i)\bkms:decrypt\b|access to kms\b|the ciphertext refers to`)

// aboutKMS reports whether it is the key that is refused. Both services say so
// in several ways.
func (f failure) aboutKMS() bool {
	switch f.answer.Code {
	case "DecryptionFailure", "InvalidKeyId", "KMSAccessDeniedException":
		return true
	case "AccessDeniedException", "AccessDenied":
		return saysKMS.MatchString(f.answer.Message)
	}
	return false
}

func (f failure) denied(caller string) *problem.Problem {
	p := problem.New("secret-access-denied", fmt.Sprintf("%s does not let %s read %s", f.service.title, orText(caller, "this identity"), f.ref), f.answer)
	p.Remedy = []string{
		fmt.Sprintf("Add the statement below to a policy of %s.", orText(caller, "the identity that waybill runs as")),
		"If it has the statement, look for a Deny in the secret's own policy, in a permissions boundary or in a service control policy. A secret of another account needs to be shared with us by its own policy, too.",
	}
	p.Snippet = identity.AllowStatement(f.resource(caller), f.service.action)
	return p
}

var keyARN = regexp.MustCompile(`arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+`)

func (f failure) decrypt(caller string) *problem.Problem {
	p := problem.New("secret-decrypt-denied", fmt.Sprintf("%s may not be decrypted by %s", f.ref, orText(caller, "this identity")), f.answer)
	partition, account := home(caller)
	key := fmt.Sprintf("arn:%s:kms:%s:%s:key/<the key that the secret is encrypted with>", partition, f.region, account)
	if told := keyARN.FindString(f.answer.Message); told != "" {
		key = told
	}
	p.Snippet = identity.AllowStatement(key, "kms:Decrypt")
	return p
}

// resource is the ARN that a policy names for the secret. Secrets Manager puts
// a hyphen and six random characters behind the names of its secrets.
func (f failure) resource(caller string) string {
	name := f.ref.Name
	if strings.HasPrefix(name, "arn:") {
		head, parameter, _ := strings.Cut(name, ":parameter/")
		if parameter != "" {
			parameter, _, _ = strings.Cut(parameter, ":") // without the version
			return head + ":parameter/" + parameter
		}
		return name
	}
	if f.ref.Scheme == vault.SchemeSSM {
		name, _, _ = strings.Cut(name, ":") // the version
		name = "/" + strings.TrimPrefix(name, "/")
	}
	partition, account := home(caller)
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s%s%s", partition, f.service.name, f.region, account, f.service.prefix, name, f.service.suffix)
}

// home returns the partition and account of an ARN, as far as it is known.
func home(caller string) (partition, account string) {
	a, err := arn.Parse(caller)
	if err != nil {
		return "aws", "<account>"
	}
	return a.Partition, a.AccountID
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
