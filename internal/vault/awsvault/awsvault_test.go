package awsvault_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"waybill/internal/identity"
	"waybill/internal/problem"
	"waybill/internal/vault"
	"waybill/internal/vault/awsvault"
)

const (
	caller = "arn:aws:sts::111122223333:assumed-role/waybill/i-0abc"
	canary = "CANARY-s3cret"
)

// An answer is what the fake AWS says once; the last one stays.
type answer struct {
	status int // 0: the connection is cut
	body   string
}

func refusal(status int, code, message string) answer {
	return answer{status, fmt.Sprintf(`{"__type":%q,"message":%q}`, "com.amazonaws.x#"+code, message)}
}

// A fakeAWS answers requests to Secrets Manager and the Parameter Store as it
// is told, and notes them. STS tells who the caller is.
type fakeAWS struct {
	t       *testing.T
	mu      sync.Mutex
	answers []answer
	calls   []call
}

type call struct {
	target, region string
	input          map[string]any
}

var credentialScope = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=AKIAFAKE00000000000/\d{8}/([a-z0-9-]+)/(secretsmanager|ssm|sts)/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope := credentialScope.FindStringSubmatch(r.Header.Get("Authorization"))
	if scope == nil {
		f.t.Errorf("the request is not signed: %q", r.Header.Get("Authorization"))
		return
	}
	if scope[2] == "sts" {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>%s</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`, caller)
		return
	}
	body, _ := io.ReadAll(r.Body)
	c := call{target: r.Header.Get("X-Amz-Target"), region: scope[1]}
	if err := json.Unmarshal(body, &c.input); err != nil || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		f.t.Errorf("the request is no awsJson1.1: %s %s", r.Header.Get("Content-Type"), body)
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	a := f.answers[0]
	if len(f.answers) > 1 {
		f.answers = f.answers[1:]
	}
	f.mu.Unlock()
	if a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", "11111111-2222-3333-4444-555555555555")
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// start serves a fake AWS to the SDK's default chain.
func start(t *testing.T, answers ...answer) (*fakeAWS, *vault.Resolver) {
	t.Helper()
	f := &fakeAWS{t: t, answers: answers}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIAFAKE00000000000", "AWS_SECRET_ACCESS_KEY": "CANARY-key", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "", "AWS_MAX_ATTEMPTS": "2", "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": server.URL, "AWS_ENDPOINT_URL_SSM": server.URL, "AWS_ENDPOINT_URL_STS": server.URL,
		"AWS_CONFIG_FILE": t.TempDir() + "/config", "AWS_SHARED_CREDENTIALS_FILE": t.TempDir() + "/credentials", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	return f, resolver()
}

func resolver() *vault.Resolver {
	ids := identity.NewProvider()
	return vault.New(map[string]vault.Reader{vault.SchemeSM: awsvault.SecretsManager(ids), vault.SchemeSSM: awsvault.ParameterStore(ids)})
}

func secretValue(text string) answer {
	return answer{200, fmt.Sprintf(`{"ARN":"arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf","Name":"db","SecretString":%q,"VersionStages":["AWSCURRENT"]}`, text)}
}

func parameterValue(text string) answer {
	return answer{200, fmt.Sprintf(`{"Parameter":{"Name":"/db","Type":"SecureString","Value":%q,"Version":3}}`, text)}
}

func TestWhatIsAsked(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"
	for ref, want := range map[string]struct {
		answer answer
		call   string
		value  string
	}{
		"aws-sm://db":                                {secretValue(canary), "us-east-1 secretsmanager.GetSecretValue map[SecretId:db]", canary},
		"aws-sm://db?region=eu-west-1":               {secretValue(canary), "eu-west-1 secretsmanager.GetSecretValue map[SecretId:db]", canary},
		"aws-sm://" + arn + "#b":                     {secretValue(`{"a":"x","b":"y"}`), "eu-west-1 secretsmanager.GetSecretValue map[SecretId:" + arn + "]", "y"},
		"aws-sm://db?version_stage=AWSPREVIOUS":      {secretValue("old"), "us-east-1 secretsmanager.GetSecretValue map[SecretId:db VersionStage:AWSPREVIOUS]", "old"},
		"aws-sm://db?version_id=EXAMPLE1-90ab-cdef1": {secretValue("old"), "us-east-1 secretsmanager.GetSecretValue map[SecretId:db VersionId:EXAMPLE1-90ab-cdef1]", "old"},
		"aws-ssm:///prod/db":                         {parameterValue(canary), "us-east-1 AmazonSSM.GetParameter map[Name:/prod/db WithDecryption:true]", canary},
		"aws-ssm:///prod/db:3?region=eu-west-1":      {parameterValue(canary), "eu-west-1 AmazonSSM.GetParameter map[Name:/prod/db:3 WithDecryption:true]", canary},
		"aws-ssm:///prod/db#user":                    {parameterValue(`{"user":"ann"}`), "us-east-1 AmazonSSM.GetParameter map[Name:/prod/db WithDecryption:true]", "ann"},
	} {
		t.Run(ref, func(t *testing.T) {
			f, r := start(t, want.answer)
			got, err := r.Read(t.Context(), ref)
			if err != nil || got != want.value {
				t.Fatalf("got %q, %v, want %q", got, err, want.value)
			}
			if c := fmt.Sprintf("%s %s %v", f.calls[0].region, f.calls[0].target, f.calls[0].input); len(f.calls) != 1 || c != want.call {
				t.Errorf("%d calls: %s, want %s", len(f.calls), c, want.call)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	const (
		sm, ssm = "aws-sm://prod/db", "aws-ssm:///prod/db"
		key     = "arn:aws:kms:us-east-1:999900001111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	)
	action := func(name, on string) string {
		return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %[2]s action", caller, name, on)
	}
	for _, tt := range []struct {
		name, ref string
		answer    answer
		code      string
		class     problem.Class
		says      []string
		snippet   []string
	}{
		{"no such secret", sm, refusal(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret."), "secret-not-found", problem.Permanent,
			[]string{"Secrets Manager in us-east-1 does not have it", "?region="}, nil},
		{"no such parameter", ssm, refusal(400, "ParameterNotFound", ""), "secret-not-found", problem.Permanent, []string{"the Parameter Store in us-east-1"}, nil},
		{"no such version", ssm + ":9", refusal(400, "ParameterVersionNotFound", "x"), "secret-not-found", problem.Permanent, nil, nil},
		{"denied by name", sm, refusal(400, "AccessDeniedException", action("secretsmanager:GetSecretValue", "prod/db")), "secret-access-denied", problem.Permanent,
			[]string{caller}, []string{`"Action": "secretsmanager:GetSecretValue"`, `"Resource": "arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/db-??????"`}},
		{"denied by ARN", "aws-sm://arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf#x", refusal(400, "AccessDeniedException", "no"), "secret-access-denied", problem.Permanent,
			nil, []string{`"Resource": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"`}},
		{"denied parameter", ssm + ":3", refusal(400, "AccessDeniedException", action("ssm:GetParameter", "x")), "secret-access-denied", problem.Permanent,
			nil, []string{`"Action": "ssm:GetParameter"`, `"Resource": "arn:aws:ssm:us-east-1:111122223333:parameter/prod/db"`}},
		{"denied version by ARN", "aws-ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db:3", refusal(400, "AccessDeniedException", "no"), "secret-access-denied", problem.Permanent,
			nil, []string{`"Resource": "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db"`}},
		{"denied parameter at the root", "aws-ssm://db", refusal(400, "AccessDeniedException", "no"), "secret-access-denied", problem.Permanent,
			nil, []string{`"arn:aws:ssm:us-east-1:111122223333:parameter/db"`}},
		{"a secret with the name of a service", "aws-sm://kms/ciphertext", refusal(400, "AccessDeniedException", action("secretsmanager:GetSecretValue", "kms/ciphertext")), "secret-access-denied", problem.Permanent, nil, nil},
		{"KMS through Secrets Manager", sm, refusal(400, "AccessDeniedException", "Access to KMS is not allowed"), "secret-decrypt-denied", problem.Permanent,
			[]string{caller}, []string{`"Action": "kms:Decrypt"`, `"Resource": "arn:aws:kms:us-east-1:111122223333:key/<the key`}},
		{"KMS says the key", ssm, refusal(400, "AccessDeniedException", action("kms:Decrypt", key)), "secret-decrypt-denied", problem.Permanent,
			nil, []string{`"Resource": "` + key + `"`}},
		{"KMS by the ciphertext", ssm, refusal(400, "AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access."), "secret-decrypt-denied", problem.Permanent, nil, nil},
		{"decryption failed", sm, refusal(400, "DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key."), "secret-decrypt-denied", problem.Permanent, nil, nil},
		{"key gone", ssm, refusal(400, "InvalidKeyId", "x"), "secret-decrypt-denied", problem.Permanent, nil, nil},
		{"to be deleted", sm, refusal(400, "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion."), "secret-unusable", problem.Permanent, []string{"does not hand it out"}, nil},
		{"binary", sm, answer{200, `{"Name":"db","SecretBinary":"Q0FOQVJZ"}`}, "secret-unusable", problem.Permanent, []string{"it is binary"}, nil},
		{"no parameter in the answer", ssm, answer{200, `{}`}, "secret-not-found", problem.Permanent, nil, nil},
		{"a name that AWS doesn't take", ssm, refusal(400, "ValidationException", "Parameter name: can't be prefixed with \"ssm\""), "secret-reference-invalid", problem.Permanent, nil, nil},
		{"an unknown key", sm, refusal(400, "UnrecognizedClientException", "The security token included in the request is invalid."), "credentials-invalid", problem.Permanent, nil, nil},
		{"an expired session", sm, refusal(400, "ExpiredTokenException", "The security token included in the request is expired"), "credentials-expired", problem.Transient, nil, nil},
		{"throttled for long", sm, refusal(400, "ThrottlingException", "Rate exceeded"), "secret-throttled", problem.Throttled, []string{"slow down"}, nil},
		{"broken", sm, refusal(500, "InternalServiceError", "An error occurred on the server side."), "secret-unreachable", problem.Transient, nil, nil},
		{"cut", ssm, answer{}, "secret-unreachable", problem.Transient, []string{"the Parameter Store in us-east-1 cannot be reached"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, r := start(t, tt.answer)
			_, err := r.Read(t.Context(), tt.ref)
			p := problem.As(err)
			if p == nil || p.Code != tt.code || p.Class != tt.class {
				t.Fatalf("got %#v, want %s, %s", err, tt.code, tt.class)
			}
			text, merr := json.Marshal(p)
			if merr != nil {
				t.Fatal(merr)
			}
			for _, s := range append(tt.says, strings.SplitN(tt.ref, "#", 2)[0]) {
				if !strings.Contains(p.Summary+strings.Join(p.Remedy, " "), s) {
					t.Errorf("%s does not say %q", text, s)
				}
			}
			for _, s := range tt.snippet {
				if !strings.Contains(p.Snippet, s) || !json.Valid([]byte(p.Snippet)) {
					t.Errorf("the statement lacks %s:\n%s", s, p.Snippet)
				}
			}
			for _, leak := range []string{"CANARY", "Q0FOQVJZ", "operation error", "EOF", "https response error", "retry quota"} {
				if strings.Contains(string(text)+err.Error(), leak) {
					t.Errorf("the problem's text holds %q: %s", leak, text)
				}
			}
		})
	}
}

// What passes by itself is tried again before anybody is told.
func TestTroubleThatPasses(t *testing.T) {
	for name, first := range map[string]answer{
		"throttled": refusal(400, "ThrottlingException", "Rate exceeded"),
		"broken":    refusal(500, "InternalServiceError", "x"),
		"cut":       {},
	} {
		t.Run(name, func(t *testing.T) {
			f, r := start(t, first, secretValue(canary))
			if got, err := r.Read(t.Context(), "aws-sm://db"); err != nil || got != canary || len(f.calls) != 2 {
				t.Errorf("got %q, %v after %d calls", got, err, len(f.calls))
			}
		})
	}
}

func TestWithoutCredentialsOrRegion(t *testing.T) {
	for name, tt := range map[string]struct {
		env        []string
		code, says string
	}{
		"no credentials": {[]string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, "credentials-missing", "aws-sm://db cannot be read"},
		"no region":      {[]string{"AWS_REGION"}, "missing-attribute", "aws-sm://db?region=eu-west-1"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := start(t, secretValue(canary))
			for _, variable := range tt.env {
				t.Setenv(variable, "")
			}
			_, err := resolver().Read(t.Context(), "aws-sm://db")
			p := problem.As(err)
			if p == nil || p.Code != tt.code || !strings.Contains(p.Summary+strings.Join(p.Remedy, " "), tt.says) || len(f.calls) != 0 {
				t.Errorf("%d calls, %#v, want %s with %q", len(f.calls), p, tt.code, tt.says)
			}
		})
	}
}
