package sandbox

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// newSecretsManager is Secrets Manager, as far as its secrets are read.
func newSecretsManager(c *Config) Service {
	began := time.Now()
	return Service{Name: "secretsmanager", Protocol: JSONProtocol, Handle: func(_ context.Context, call *Call) (any, error) {
		if call.Operation != "GetSecretValue" {
			return nil, unknownOperation(call)
		}
		return getSecretValue(c.Secrets, call, began)
	}}
}

func unknownOperation(c *Call) *APIError {
	return refusal("UnknownOperationException", "The sandbox has no operation %s", c.Operation)
}

func refusal(code, format string, args ...any) *APIError {
	return &APIError{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// mayRead asks the caller's policies. resource is how the refusal names it.
func mayRead(c *Call, action, arn, resource string) error {
	ok, explicit := c.Principal.Allowed(action, arn)
	switch {
	case ok:
		return nil
	case explicit:
		return refusal("AccessDeniedException", "User: %s is not authorized to perform: %s on resource: %s with an explicit deny in an identity-based policy", c.Principal.ARN, action, resource)
	}
	return refusal("AccessDeniedException", "User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %[2]s action", c.Principal.ARN, action, resource)
}

func mayDecrypt(c *Call, key string) bool {
	if key == "" {
		return true
	}
	ok, _ := c.Principal.Allowed("kms:Decrypt", key)
	return ok
}

type getSecretInput struct{ SecretId, VersionId, VersionStage string }

type getSecretAnswer struct {
	ARN, Name, VersionId, SecretString string
	VersionStages                      []string
	CreatedDate                        float64
}

func getSecretValue(secrets []Secret, c *Call, began time.Time) (any, error) {
	in, err := readJSON[getSecretInput](c.Body)
	if err != nil {
		return nil, err
	}
	if in.SecretId == "" {
		return nil, refusal("ValidationException", "1 validation error detected: Value null at 'secretId' failed to satisfy constraint: Member must not be null")
	}
	asked := Secret{Name: in.SecretId, Region: c.Region, Account: c.Principal.Account}
	i := slices.IndexFunc(secrets, func(s Secret) bool {
		if strings.HasPrefix(in.SecretId, "arn:") {
			return s.Region == c.Region && (in.SecretId == s.ARN() || in.SecretId == s.arnWithoutSuffix())
		}
		return s.Name == asked.Name && s.Region == asked.Region && s.Account == asked.Account
	})
	resource := asked.arnWithoutSuffix()
	switch {
	case i >= 0:
		resource = secrets[i].ARN()
	case strings.HasPrefix(in.SecretId, "arn:"):
		resource = in.SecretId
	}
	if err := mayRead(c, "secretsmanager:GetSecretValue", resource, in.SecretId); err != nil {
		return nil, err
	}
	if parsed, err := arn.Parse(in.SecretId); err == nil && parsed.AccountID != c.Principal.Account {
		return nil, refusal("AccessDeniedException", "User: %s is not authorized to perform: secretsmanager:GetSecretValue on resource: %s because no resource-based policy allows the secretsmanager:GetSecretValue action", c.Principal.ARN, in.SecretId)
	}
	if i < 0 {
		return nil, refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	return secrets[i].answer(c, in, began)
}

// answer gives the version that is asked for.
func (s Secret) answer(c *Call, in getSecretInput, began time.Time) (any, error) {
	out := getSecretAnswer{ARN: s.ARN(), Name: s.Name, SecretString: s.Value, VersionId: s.versionID("AWSCURRENT"), VersionStages: []string{"AWSCURRENT"}, CreatedDate: float64(began.Unix())}
	previous := s.versionID("AWSPREVIOUS")
	if s.Previous != "" && (in.VersionStage == "AWSPREVIOUS" || in.VersionId == previous) {
		out.SecretString, out.VersionId, out.VersionStages = s.Previous, previous, []string{"AWSPREVIOUS"}
	}
	switch {
	case in.VersionStage != "" && in.VersionStage != out.VersionStages[0]:
		return nil, refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", in.VersionStage)
	case in.VersionId != "" && in.VersionId != out.VersionId:
		return nil, refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", in.VersionId)
	case !mayDecrypt(c, s.KMSKey):
		return nil, refusal("AccessDeniedException", "Access to KMS is not allowed")
	}
	return out, nil
}

// versionID is the id of a version, the same at every start.
func (s Secret) versionID(stage string) string {
	text := strings.ToLower(uniqueID(s.ARN()+stage) + uniqueID(stage+s.ARN()))
	return fmt.Sprintf("%s-%s-%s-%s-%s", text[:8], text[8:12], text[12:16], text[16:20], text[20:32])
}

// newParameterStore is the Parameter Store, as far as parameters are read one
// by one.
func newParameterStore(c *Config) Service {
	began := time.Now()
	return Service{Name: "ssm", Protocol: JSONProtocol, Handle: func(_ context.Context, call *Call) (any, error) {
		if call.Operation != "GetParameter" {
			return nil, unknownOperation(call)
		}
		return getParameter(c.Parameters, call, began)
	}}
}

type getParameterInput struct {
	Name           string
	WithDecryption bool
}

type getParameterAnswer struct{ Parameter parameterAnswer }

type parameterAnswer struct {
	ARN, Name, Type, Value, DataType string
	Selector                         string `json:",omitempty"`
	Version                          int
	LastModifiedDate                 float64
}

func getParameter(parameters []Parameter, c *Call, began time.Time) (any, error) {
	in, err := readJSON[getParameterInput](c.Body)
	if err != nil {
		return nil, err
	}
	account, name, selector := c.Principal.Account, in.Name, ""
	if parsed, err := arn.Parse(in.Name); err == nil {
		account, name = parsed.AccountID, strings.TrimPrefix(parsed.Resource, "parameter")
	}
	if i := strings.IndexByte(name, ':'); i >= 0 {
		name, selector = name[:i], name[i:]
	}
	if !parameterNameRule.MatchString(name) {
		return nil, refusal("ValidationException", "Invalid parameter name. Please use correct syntax for referencing a version/label  <name>:<version/label>")
	}
	resource := parameterARN(c.Region, account, name)
	if err := mayRead(c, "ssm:GetParameter", resource, resource); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(parameters, func(p Parameter) bool { return p.ARN() == resource && account == c.Principal.Account })
	if i < 0 {
		return nil, refusal("ParameterNotFound", "")
	}
	p := parameters[i]
	if selector != "" && selector != ":1" {
		return nil, refusal("ParameterVersionNotFound", "Systems Manager could not find version %s of %s. Verify the version and try again.", selector[1:], name)
	}
	out := parameterAnswer{ARN: p.ARN(), Name: p.Name, Type: p.Type, Value: p.Value, DataType: "text", Selector: selector, Version: 1, LastModifiedDate: float64(began.Unix())}
	if p.Type == "SecureString" {
		switch {
		case !in.WithDecryption: // what is stored, which nobody can read
			out.Value = base64.StdEncoding.EncodeToString([]byte(randomText(len(p.Value))))
		case !mayDecrypt(c, p.KMSKey):
			return nil, refusal("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
		}
	}
	return getParameterAnswer{out}, nil
}
