package identity_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"waybill/internal/identity"
	"waybill/internal/identity/identitytest"
	"waybill/internal/problem"
	"waybill/internal/sandbox"
	"waybill/internal/secret"
)

func TestMain(m *testing.M) { identitytest.Main(m) }

// retrieve becomes the identity of a connection with these roles on top.
func retrieve(t *testing.T, ids *identity.Identities, conn *identity.Config, extra ...identity.Role) (aws.Credentials, error) {
	t.Helper()
	cfg, err := ids.AWSConfig(t.Context(), conn, extra)
	if err != nil {
		return aws.Credentials{}, err
	}
	return cfg.Credentials.Retrieve(t.Context())
}

func wantProblem(t *testing.T, err error, code string, class problem.Class) *problem.Problem {
	t.Helper()
	p := identity.Classify(err)
	if p == nil || p.Code != code || p.Class != class {
		t.Fatalf("got %#v (%v), want %s, %s", p, err, code, class)
	}
	text, merr := json.Marshal(p)
	if merr != nil {
		t.Fatal(merr)
	}
	for _, leak := range []string{identitytest.CanarySecret, "operation error", "EOF", "*errors", "https response error", "retry quota"} {
		if strings.Contains(string(text), leak) || strings.Contains(err.Error(), leak) {
			t.Errorf("the problem's text holds %q: %s", leak, text)
		}
	}
	return p
}

func TestAssumesRolesOnceForAll(t *testing.T) {
	w := identitytest.Start(t)
	ids, role := identity.NewProvider(), identitytest.Role("Inbox")
	role.SessionName, role.SourceIdentity = `daily["acme"]`, ""
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := retrieve(t, ids, w.Connection(), role); err != nil {
				t.Error(err)
			}
			if _, err := retrieve(t, ids, w.Connection(role)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	calls := w.Requests("AssumeRole")
	if len(calls) != 1 {
		t.Fatalf("%d calls of AssumeRole, want 1", len(calls))
	}
	got := calls[0].Params
	if got["ExternalId"] != identitytest.ExternalID || got["DurationSeconds"] != "3600" || got["RoleSessionName"] != "daily--acme--" {
		t.Errorf("sent %v", got)
	}
	arn, err := ids.WhoAmI(t.Context(), w.Connection(role), nil)
	if want := "arn:aws:sts::" + identitytest.Partners + ":assumed-role/Inbox/daily--acme--"; err != nil || arn != want {
		t.Errorf("we are %q, %v, want %q", arn, err, want)
	}
	if _, err := ids.WhoAmI(t.Context(), w.Connection(), []identity.Role{role}); err != nil {
		t.Error(err)
	}
	if n := len(w.Requests("GetCallerIdentity")); n != 1 {
		t.Errorf("%d calls of GetCallerIdentity, want 1", n)
	}
}

func TestDistinctIdentitiesShareNothing(t *testing.T) {
	w := identitytest.Start(t)
	ids, role := identity.NewProvider(), identitytest.Role("Jump") // takes any external id
	variants := []func(*identity.Role){
		func(*identity.Role) {},
		func(r *identity.Role) { r.ExternalID = secret.PlainText("another") },
		func(r *identity.Role) { r.SessionName = "another" },
		func(r *identity.Role) { r.Duration = 15 * time.Minute },
	}
	for _, change := range variants {
		r := role
		change(&r)
		if _, err := retrieve(t, ids, w.Connection(r)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.Requests("AssumeRole")); n != len(variants) {
		t.Errorf("%d calls of AssumeRole, want one for each of %d identities", n, len(variants))
	}
}

func TestChain(t *testing.T) {
	w := identitytest.Start(t)
	ids := identity.NewProvider()
	if _, err := retrieve(t, ids, w.Connection(identitytest.Role("Jump")), identitytest.Role("Behind")); err != nil {
		t.Fatal(err)
	}
	arn, err := ids.WhoAmI(t.Context(), w.Connection(identitytest.Role("Jump"), identitytest.Role("Behind")), nil)
	if err != nil || !strings.Contains(arn, "assumed-role/Behind/") {
		t.Errorf("we are %q, %v", arn, err)
	}
	long := identitytest.Role("Behind")
	long.Duration = 2 * time.Hour
	_, err = retrieve(t, ids, w.Connection(identitytest.Role("Jump"), long))
	wantProblem(t, err, "role-chain-duration", problem.Permanent)
}

func TestRefusals(t *testing.T) {
	w := identitytest.Start(t)
	with := func(name string, change func(*identity.Role)) identity.Role {
		r := identitytest.Role(name)
		change(&r)
		return r
	}
	tests := []struct {
		name     string
		role     identity.Role
		snippet  []string
		remedies []string
	}{
		{"wrong external id", with("Inbox", func(r *identity.Role) { r.ExternalID = secret.PlainText("wrong-id") }),
			[]string{`"AWS": "` + identitytest.RunnerARN + `"`, `"sts:ExternalId": "wrong-id"`}, []string{"must be exactly: wrong-id", identitytest.RunnerARN}},
		{"no external id", with("Inbox", func(r *identity.Role) { r.ExternalID = secret.Text{} }),
			[]string{identitytest.RunnerARN}, []string{"waybill sends no external id"}},
		{"hidden external id", with("Inbox", func(r *identity.Role) { r.ExternalID = secret.HiddenText("CANARY-secret-id") }),
			[]string{`"sts:ExternalId": "<the external id>"`}, []string{"sensitive and not shown"}},
		{"no such role", with("Nobody", func(*identity.Role) {}), []string{identitytest.ExternalID}, []string{"role/Nobody"}},
		{"role that trusts another", with("Behind", func(*identity.Role) {}), []string{identitytest.RunnerARN}, []string{"role/Behind"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := retrieve(t, identity.NewProvider(), w.Connection(tt.role))
			p := wantProblem(t, err, "assume-role-denied", problem.Permanent)
			for _, s := range append(tt.snippet, "sts:AssumeRole") {
				if !strings.Contains(p.Snippet, s) {
					t.Errorf("the trust policy lacks %s:\n%s", s, p.Snippet)
				}
			}
			if !json.Valid([]byte(p.Snippet)) {
				t.Errorf("the trust policy is not JSON:\n%s", p.Snippet)
			}
			for _, s := range tt.remedies {
				if !strings.Contains(strings.Join(p.Remedy, "\n"), s) {
					t.Errorf("the remedy lacks %q: %q", s, p.Remedy)
				}
			}
			if !strings.Contains(p.Summary, tt.role.ARN) || p.Where != "main.hcl:3" {
				t.Errorf("summary %q at %q names too little", p.Summary, p.Where)
			}
			if text, _ := json.Marshal(p); strings.Contains(string(text), "CANARY") {
				t.Errorf("the hidden external id is shown: %s", text)
			}
		})
	}
}

func TestBaseCredentials(t *testing.T) {
	w := identitytest.Start(t)
	wrongKey, wrongID := w.Connection(identitytest.Role("Inbox")), w.Connection(identitytest.Role("Inbox"))
	wrongKey.SecretAccessKey = secret.New(identitytest.CanarySecret + "x")
	wrongID.AccessKeyID = secret.New("AKIANOBODY0000000001")
	for name, conn := range map[string]*identity.Config{"wrong secret": wrongKey, "unknown key": wrongID} {
		t.Run(name, func(t *testing.T) {
			_, err := retrieve(t, identity.NewProvider(), conn)
			wantProblem(t, err, "credentials-invalid", problem.Permanent)
		})
	}
}

func TestDefaultChainWithoutCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/config")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/credentials")
	_, err := retrieve(t, identity.NewProvider(), &identity.Config{Name: "lake", Where: "main.hcl:1", Region: "us-east-1"})
	if p := wantProblem(t, err, "credentials-missing", problem.Permanent); !strings.Contains(p.Summary, `connection "lake"`) {
		t.Errorf("the summary does not name the connection: %q", p.Summary)
	}
	_, err = retrieve(t, identity.NewProvider(), &identity.Config{Name: "lake", Region: "us-east-1", Profile: "analytics"})
	if p := wantProblem(t, err, "credentials-missing", problem.Permanent); !strings.Contains(p.Summary, `"analytics"`) {
		t.Errorf("the summary does not name the profile: %q", p.Summary)
	}
	_, err = retrieve(t, identity.NewProvider(), nil)
	wantProblem(t, err, "missing-attribute", problem.Permanent)
}

func TestEndpointsOfTheEnvironment(t *testing.T) {
	w := identitytest.Start(t)
	for _, e := range w.Env() {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	if _, err := retrieve(t, identity.NewProvider(), nil, identitytest.Role("Inbox")); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Requests("AssumeRole")); n != 1 {
		t.Errorf("%d calls of AssumeRole reached the sandbox, want 1", n)
	}
}

func TestTroubleWithSTS(t *testing.T) {
	tests := []struct {
		name  string
		fault sandbox.Fault
		code  string
		class problem.Class
	}{
		{"throttled", sandbox.Fault{Service: "sts", Operation: "AssumeRole", Code: "Throttling"}, "sts-throttled", problem.Throttled},
		{"cut", sandbox.Fault{Service: "sts", Operation: "AssumeRole", Cut: sandbox.CutBefore}, "sts-unreachable", problem.Transient},
		{"expired", sandbox.Fault{Service: "sts", Operation: "AssumeRole", Code: "ExpiredToken"}, "credentials-expired", problem.Transient},
		{"broken", sandbox.Fault{Service: "sts", Operation: "AssumeRole", Code: "InternalError"}, "sts-unreachable", problem.Transient},
	}
	w := identitytest.Start(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.Faults(tt.fault)
			ids := identity.NewProvider()
			_, err := retrieve(t, ids, w.Connection(identitytest.Role("Inbox")))
			if p := wantProblem(t, err, tt.code, tt.class); !strings.Contains(p.Summary, "role/Inbox") {
				t.Errorf("the summary does not name the role: %q", p.Summary)
			}
			w.Faults()
			if _, err := retrieve(t, ids, w.Connection(identitytest.Role("Inbox"))); err != nil {
				t.Errorf("a failure was kept: %v", err)
			}
		})
	}
}

func TestSTSNotThere(t *testing.T) {
	conn := &identity.Config{Name: "acme", Region: "us-east-1", AccessKeyID: secret.New("AKIA1"), SecretAccessKey: secret.New("x"),
		Roles: []identity.Role{identitytest.Role("Inbox")}, Endpoint: &identity.Endpoint{STS: "http://127.0.0.1:1"}}
	_, err := retrieve(t, identity.NewProvider(), conn)
	if p := wantProblem(t, err, "sts-unreachable", problem.Transient); !strings.Contains(p.Error(), "connection refused") {
		t.Errorf("the reason is missing: %s", p.Error())
	}
}

func TestMetadataAddressIsNeverDialled(t *testing.T) {
	conn := &identity.Config{Name: "acme", Region: "us-east-1", AccessKeyID: secret.New("AKIA1"), SecretAccessKey: secret.New("x"),
		Roles: []identity.Role{identitytest.Role("Inbox")}, Endpoint: &identity.Endpoint{STS: "http://169.254.169.254"}}
	_, err := retrieve(t, identity.NewProvider(), conn)
	if p := wantProblem(t, err, "sts-unreachable", problem.Transient); !strings.Contains(p.Error(), "metadata address") {
		t.Errorf("the address was tried: %s", p.Error())
	}
}

func TestWithoutSTSNobodyIsAsked(t *testing.T) {
	conn := &identity.Config{Region: "us-east-1", AccessKeyID: secret.New("AKIA1"), SecretAccessKey: secret.New("x"), Endpoint: &identity.Endpoint{S3: "http://127.0.0.1:1"}}
	if arn, err := identity.NewProvider().WhoAmI(t.Context(), conn, nil); arn != "" || err != nil {
		t.Errorf("got %q, %v, want nothing", arn, err)
	}
}

func TestClassifyKeepsProblems(t *testing.T) {
	p := problem.New("bucket-not-found", "x", nil)
	if identity.Classify(errors.Join(errors.New("y"), p)) != p || identity.Classify(nil) != nil {
		t.Error("a problem was classified anew")
	}
}

// TestKey: a key tells identities apart by what is no secret.
func TestKey(t *testing.T) {
	base := identity.Config{Name: "a", Region: "us-east-1", AccessKeyID: secret.New("AKIA1"), SecretAccessKey: secret.New("s1"),
		Endpoint: &identity.Endpoint{S3: "https://s3.example.com"}, Roles: []identity.Role{{ARN: "arn:aws:iam::1:role/A", ExternalID: secret.HiddenText("x1")}}}
	with := func(change func(*identity.Config)) string {
		c := base
		c.Roles = slices.Clone(base.Roles)
		endpoint := *base.Endpoint
		c.Endpoint = &endpoint
		change(&c)
		return c.Key()
	}
	for name, tt := range map[string]struct {
		change func(*identity.Config)
		same   bool
	}{
		"name":        {func(c *identity.Config) { c.Name, c.Where = "b", "main.hcl:9" }, true},
		"secret":      {func(c *identity.Config) { c.SecretAccessKey, c.SessionToken = secret.New("s2"), secret.New("t") }, true},
		"external id": {func(c *identity.Config) { c.Roles[0].ExternalID = secret.PlainText("x2") }, true},
		"Athena":      {func(c *identity.Config) { c.Endpoint.Athena = "https://athena.example.com" }, true},
		"access key":  {func(c *identity.Config) { c.AccessKeyID = secret.New("AKIA2") }, false},
		"region":      {func(c *identity.Config) { c.Region = "eu-west-1" }, false},
		"endpoint":    {func(c *identity.Config) { c.Endpoint.S3 = "https://other.example.com" }, false},
		"role":        {func(c *identity.Config) { c.Roles[0].ARN = "arn:aws:iam::1:role/B" }, false},
		"policy":      {func(c *identity.Config) { c.Roles[0].Policy = "{}" }, false},
		"no role":     {func(c *identity.Config) { c.Roles = nil }, false},
		"profile":     {func(c *identity.Config) { c.Profile = "p" }, false},
	} {
		if same := with(tt.change) == base.Key(); same != tt.same {
			t.Errorf("another %s: the same key is %v, want %v", name, same, tt.same)
		}
	}
	if (*identity.Config)(nil).Key() != (&identity.Config{}).Key() || base.Key() != (&identity.Config{Region: base.Region, AccessKeyID: base.AccessKeyID, Endpoint: base.Endpoint}).Key(base.Roles...) {
		t.Error("a connection that is not there, or a role on top of one, makes another identity")
	}
}
