package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"waybill/internal/problem"
)

// Classify turns an error of STS, or of getting credentials, into a problem.
// One that is a problem already stays as it is, and nil stays nil. What it
// cannot name is permanent only if STS answered so.
func Classify(err error) *problem.Problem {
	if err == nil {
		return nil
	}
	if p := problem.As(err); p != nil {
		return p
	}
	if errors.Is(err, context.Canceled) {
		return problem.New("cancelled", "the request to STS was cancelled", nil)
	}
	a := ReadAnswer(err)
	code, summary := stsCode(a)
	return problem.New(code, summary, a)
}

// stsCode reads the answers that mean the same for every call.
func stsCode(a *Answer) (code, summary string) {
	switch {
	case a.Unreachable():
		return "sts-unreachable", "STS cannot be reached"
	case a.Throttled():
		return "sts-throttled", "STS asks us to slow down"
	case ExpiredCode(a.Code):
		return "credentials-expired", "the credentials have expired"
	case InvalidCode(a.Code):
		return "credentials-invalid", "AWS does not accept the credentials"
	case a.Status >= 500:
		return "sts-unreachable", "STS had an error of its own"
	}
	return "assume-role-denied", "STS refused the request"
}

// ExpiredCode reports whether a service's error code means that credentials
// are past their end.
func ExpiredCode(code string) bool {
	return code == "ExpiredToken" || code == "ExpiredTokenException" || code == "TokenRefreshRequired" || code == "RequestExpired"
}

// InvalidCode reports whether a service's error code means that credentials
// are unknown or do not fit together.
func InvalidCode(code string) bool {
	switch code {
	case "InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidToken", "UnrecognizedClientException",
		"InvalidSignatureException", "MissingAuthenticationToken", "IncompleteSignature", "RequestTimeTooSkewed", "AuthFailure":
		return true
	}
	return false
}

// explain turns STS's refusal of an AssumeRole into a problem that names the
// role, ourselves, and the trust policy that would let us in.
func (p *roleProvider) explain(ctx context.Context, err error) error {
	if pr := problem.As(err); pr != nil {
		return pr // from the link before this one
	}
	a := ReadAnswer(err)
	pr := Classify(err)
	pr.Where = p.cfg.Where
	if wrong := p.cfg.parameterProblem(a, p.role.ARN, p.role.Duration, "assume_role"); wrong != nil {
		return wrong
	}
	if pr.Code == "assume-role-denied" {
		return p.denied(ctx, a)
	}
	pr.Summary = fmt.Sprintf("%s, so the role %s cannot be assumed", pr.Summary, p.role.ARN)
	return pr
}

// parameterProblem explains what STS says of a session's policy, tags and
// length; nil if it speaks of something else.
func (c *Config) parameterProblem(a *Answer, role string, duration time.Duration, block string) error {
	var pr *problem.Problem
	switch {
	case a.Code == "MalformedPolicyDocument" || a.Code == "PackedPolicyTooLarge":
		pr = problem.New("session-policy-invalid", fmt.Sprintf("STS cannot use the session policy or tags for the role %s", role), a)
	case a.Code == "ValidationError" && strings.Contains(a.Message, "DurationSeconds"):
		pr = problem.New("role-chain-duration", fmt.Sprintf("the role %s cannot be assumed for %s", role, orHour(duration)), a)
		if !strings.Contains(a.Message, "chaining") {
			pr.Cause = "The session would last longer than the role's own maximum."
			pr.Remedy = []string{fmt.Sprintf("Lower duration in the %s block, or ask the role's owner to raise its maximum session duration.", block)}
		}
	default:
		return nil
	}
	pr.Where = c.Where
	return pr
}

// denied is the failure that partners meet first, so it says all there is to
// compare. Who we are is asked from STS; if that fails too, AWS's own message
// often says it.
func (p *roleProvider) denied(ctx context.Context, a *Answer) *problem.Problem {
	bounded, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	self, err := callerARN(bounded, p.client)
	if err != nil || self == "" {
		self = callerFromMessage(a.Message)
	}
	shown := self
	if shown == "" {
		shown = "this identity"
	}
	pr := problem.New("assume-role-denied", fmt.Sprintf("STS does not let %s assume the role %s", shown, p.role.ARN), a)
	pr.Where = p.cfg.Where
	pr.Cause = "The role does not exist, its trust policy does not name the identity we are, or it asks for another external id than ours. STS does not tell which."
	pr.Remedy = []string{
		fmt.Sprintf("Compare role_arn with the role's ARN, letter by letter: %s", p.role.ARN),
		fmt.Sprintf("Ask the role's owner to name this Principal in the trust policy: %s", orText(principalOf(self), "the identity that waybill runs as")),
		p.externalIDStep(),
		"The policy of our own identity must allow sts:AssumeRole on the role, too.",
	}
	pr.Snippet = TrustPolicy(self, p.role)
	return pr
}

func (p *roleProvider) externalIDStep() string {
	switch id := p.role.ExternalID; {
	case id.IsZero():
		return "waybill sends no external id. If the trust policy asks for sts:ExternalId, set external_id."
	case id.Hidden():
		return "Compare external_id with the sts:ExternalId of the trust policy's condition. Its value is sensitive and not shown here."
	default:
		return fmt.Sprintf("The sts:ExternalId of the trust policy's condition must be exactly: %s", id)
	}
}

// callerFromMessage reads "User: ARN is not authorized to perform: …".
func callerFromMessage(message string) string {
	rest, ok := strings.CutPrefix(message, "User: ")
	if !ok {
		return ""
	}
	arn, _, _ := strings.Cut(rest, " ")
	return arn
}

// missing says that there are no credentials below the roles.
func (c *Config) missing(err error) *problem.Problem {
	p := problem.New("credentials-missing", c.Label()+" gives no AWS credentials", err)
	p.Where = c.Where
	if c.Profile != "" {
		p.Cause = fmt.Sprintf("The profile %q has no credentials that work.", c.Profile)
		p.Remedy = []string{fmt.Sprintf("Run `aws sts get-caller-identity --profile %s` where waybill runs, and mend the profile until it works.", c.Profile)}
	}
	return p
}

// baseProblem explains why the credentials below all roles cannot be had. The
// SDK's text is kept out: a credential process may print what it likes.
func (c *Config) baseProblem(err error) *problem.Problem {
	if p := problem.As(err); p != nil {
		return p
	}
	a := ReadAnswer(err)
	if a.Code == "" && !isTimeout(err) {
		return c.missing(nil)
	}
	code, summary := stsCode(a)
	if code == "assume-role-denied" {
		code, summary = "credentials-missing", "the credentials were refused"
	}
	p := problem.New(code, fmt.Sprintf("%s: %s", c.Label(), summary), a)
	p.Where = c.Where
	return p
}

// loadProblem explains why the SDK could not read its own configuration.
func (c *Config) loadProblem(err error) *problem.Problem {
	p := c.missing(nil)
	if _, ok := errors.AsType[awsconfig.SharedConfigProfileNotExistError](err); ok {
		p.Summary = fmt.Sprintf("%s: there is no profile %q", c.Label(), c.Profile)
		p.Cause = "The shared AWS configuration files (~/.aws/config and ~/.aws/credentials, or AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE) do not have it."
		return p
	}
	p.Summary = c.Label() + ": the SDK cannot read its configuration"
	p.Cause = "A file or an environment variable of the AWS SDK holds what it does not understand: " + lastClause(err) + "."
	return p
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
