package sandbox

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"waybill/internal/schema"
)

// A Secret is a secret of Secrets Manager. What it holds opens nothing but
// what a test pretends.
type Secret struct {
	Name, Region, Account string
	Value                 string
	Previous              string // of the stage AWSPREVIOUS; empty: there is none
	KMSKey                string // ARN; empty: the account's own key for secrets, which all may use
	Where                 string // file:line
}

// ARN is the secret's ARN, which ends in six characters that the name does not
// tell.
func (s Secret) ARN() string {
	return s.arnWithoutSuffix() + "-" + uniqueID(s.Region + s.Account + s.Name)[:6]
}

func (s Secret) arnWithoutSuffix() string {
	return fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s", s.Region, s.Account, s.Name)
}

// A Parameter is a parameter of the Parameter Store of Systems Manager.
type Parameter struct {
	Name, Region, Account string
	Value                 string
	Type                  string // String, StringList or SecureString
	KMSKey                string // as in Secret
	Where                 string // file:line
}

// ARN is the parameter's ARN.
func (p Parameter) ARN() string { return parameterARN(p.Region, p.Account, p.Name) }

func parameterARN(region, account, name string) string {
	return fmt.Sprintf("arn:aws:ssm:%s:%s:parameter/%s", region, account, strings.TrimPrefix(name, "/"))
}

var (
	secretNameRule    = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]{1,512}$`)
	parameterNameRule = regexp.MustCompile(`^([A-Za-z0-9_.-]+|(/[A-Za-z0-9_.-]+)+)$`)
	kmsKeyRule        = regexp.MustCompile(`^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$`)
)

func secretBlock() *schema.Block {
	return &schema.Block{
		Type:    "secret",
		Labels:  []schema.Label{{Name: "name", Doc: "Name of the secret."}},
		Doc:     "A secret of Secrets Manager. Principals of its account may read it if their policy allows secretsmanager:GetSecretValue.",
		Example: "secret \"prod/db\" {\n  value = jsonencode({ user = \"waybill\", password = \"only pretended\" })\n}",
		Attrs: append([]schema.Attr{
			accountAttr("Account that owns the secret."),
			{Name: "value", Type: schema.String, Required: true, Doc: "The secret. It is pretended, so it may stand here.", Example: `jsonencode({ password = "only pretended" })`},
			{Name: "previous", Type: schema.String, Doc: "The value before the last rotation, of the stage AWSPREVIOUS. Absent: there is none.", Example: `"older"`},
		}, keptAttrs("secret")...),
	}
}

func parameterBlock() *schema.Block {
	return &schema.Block{
		Type:    "parameter",
		Labels:  []schema.Label{{Name: "name", Doc: `Name of the parameter: "/prod/db/password", or "password" without a path.`}},
		Doc:     "A parameter of the Parameter Store of Systems Manager. Principals of its account may read it if their policy allows ssm:GetParameter.",
		Example: "parameter \"/prod/salt\" {\n  value = \"only pretended\"\n}",
		Attrs: append([]schema.Attr{
			accountAttr("Account that owns the parameter."),
			{Name: "value", Type: schema.String, Required: true, Doc: "The parameter's value. It is pretended, so it may stand here.", Example: `"only pretended"`},
			{Name: "type", Type: schema.String, Default: "SecureString", OneOf: []string{"SecureString", "String", "StringList"}, Doc: "Type of the parameter. A SecureString is encrypted."},
		}, keptAttrs("parameter")...),
	}
}

func keptAttrs(what string) []schema.Attr {
	return []schema.Attr{
		{Name: "region", Type: schema.String, Doc: "Region of the " + what + ". Absent: the sandbox's.", Example: `"eu-west-1"`},
		{Name: "kms_key", Type: schema.String, Doc: "ARN of the KMS key that encrypts it; a reader then needs kms:Decrypt on it. Absent: the account's own key, which needs no permission.",
			Example: `"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"`},
	}
}

type (
	secretValues struct {
		Name     string `wb:",label"`
		Account  string `wb:"account"`
		Region   string `wb:"region"`
		Value    string `wb:"value"`
		Previous string `wb:"previous"`
		KMSKey   string `wb:"kms_key"`
	}
	parameterValues struct {
		Name    string `wb:",label"`
		Account string `wb:"account"`
		Region  string `wb:"region"`
		Value   string `wb:"value"`
		Type    string `wb:"type"`
		KMSKey  string `wb:"kms_key"`
	}
)

func (l *loader) secret(v secretValues, b block) {
	b.match("", v.Name, secretNameRule, "A secret's name is 1 to 512 letters, digits and /_+=.@!-")
	b.kept(v.Account, v.Region, v.KMSKey)
	if b.once("secret", strings.TrimSpace(v.Name+" of "+v.Account+" "+v.Region)) {
		l.config.Secrets = append(l.config.Secrets, Secret{Name: v.Name, Region: v.Region, Account: v.Account, Value: v.Value, Previous: v.Previous, KMSKey: v.KMSKey, Where: b.where()})
	}
}

func (l *loader) parameter(v parameterValues, b block) {
	b.match("", v.Name, parameterNameRule, `A parameter's name is letters, digits and _.-, or a path of such parts: "/prod/db".`)
	b.kept(v.Account, v.Region, v.KMSKey)
	if b.once("parameter", strings.TrimSpace(v.Name+" of "+v.Account+" "+v.Region)) {
		l.config.Parameters = append(l.config.Parameters, Parameter{Name: v.Name, Region: v.Region, Account: v.Account, Value: v.Value, Type: v.Type, KMSKey: v.KMSKey, Where: b.where()})
	}
}

func (b block) kept(account, region, key string) {
	b.account("account", account)
	b.region("region", region)
	b.match("kms_key", key, kmsKeyRule, `Write its ARN: "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-…".`)
}

// readJSON reads a request of the JSON protocol.
func readJSON[In any](body []byte) (In, error) {
	var in In
	if err := json.Unmarshal(body, &in); err != nil {
		return in, &APIError{Status: 400, Code: "SerializationException", Message: "The request is not valid JSON."}
	}
	return in, nil
}
