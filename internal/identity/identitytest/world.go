// Package identitytest is a small pretended AWS for tests: our account with a
// user, and a partner's with roles and buckets, served by the sandbox in a
// process of its own with real signatures, policies and trust.
package identitytest

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"waybill/internal/identity"
	"waybill/internal/sandbox"
	"waybill/internal/secret"
)

// The accounts, and what must never be seen in an error or a log.
const (
	Ours         = "111122223333"
	Partners     = "123456789012"
	ExternalID   = "acme-7731"
	CanarySecret = "CANARY-secret-access-key-0000000000000000"
	RunnerARN    = "arn:aws:iam::" + Ours + ":user/runner"
	Inbox        = "acme-inbox" // in us-east-1
	FarInbox     = "acme-far"   // in eu-west-1
)

// Main runs the tests of a package, or serves the sandbox if this process was
// started for that. TestMain calls it.
func Main(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == sandbox.Verb {
		if err := sandbox.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A World is one sandbox for one test.
type World struct {
	*sandbox.Process
	t   *testing.T
	key *ecdsa.PrivateKey // of the identity provider
}

// Start begins a world that ends with the test.
func Start(t *testing.T) *World {
	t.Helper()
	t.Setenv("AWS_MAX_ATTEMPTS", "2") // the SDK's back-off is seconds long
	key := newKey(t)
	c := config(t.TempDir())
	c.OIDCProviders = []sandbox.OIDCProvider{provider(t, key)}
	p, err := sandbox.StartConfig(t.Context(), c, sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("stop the sandbox: %v", err)
		}
	})
	return &World{Process: p, t: t, key: key}
}

func config(dir string) *sandbox.Config {
	minimum := allow(`["s3:PutObject","s3:AbortMultipartUpload"]`, "arn:aws:s3:::*/*")
	assume := allow(`"sts:AssumeRole"`, "*")
	role := func(name, trust string, policies ...string) sandbox.Role {
		return sandbox.Role{Name: name, Account: Partners, Trust: trust, Policies: policies, MaxSession: 4 * time.Hour}
	}
	return &sandbox.Config{
		Dir: dir, Region: "us-east-1",
		Users: []sandbox.User{
			{Name: "runner", Account: Ours, AccessKeyID: "AKIARUNNER0000000001", SecretKey: secret.New(CanarySecret), Policies: []string{assume}, Default: true},
			{Name: "admin", Account: Partners, AccessKeyID: "AKIAADMIN00000000001", SecretKey: secret.New("adminsecret"), Policies: []string{allow(`"s3:*"`, "*")}},
		},
		Roles: []sandbox.Role{
			role("Inbox", trust(RunnerARN, ExternalID), minimum),
			role("Reader", trust(RunnerARN, ExternalID), allow(`"s3:*"`, "*")),
			role("NoPut", trust(RunnerARN, ExternalID), allow(`"s3:GetObject"`, "*")),
			role("Jump", trust(RunnerARN, ""), assume),
			role("FromWeb", trust(WebRole, ExternalID), minimum),
			webRole(),
			role("Behind", trust("arn:aws:iam::"+Partners+":role/Jump", ""), minimum),
		},
		Buckets: []sandbox.Bucket{
			{Name: Inbox, Region: "us-east-1", Account: Partners},
			{Name: FarInbox, Region: "eu-west-1", Account: Partners},
		},
	}
}

func allow(actions, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%s,"Resource":%q}]}`, actions, resource)
}

func trust(principal, externalID string) string {
	condition := ""
	if externalID != "" {
		condition = fmt.Sprintf(`,"Condition":{"StringEquals":{"sts:ExternalId":%q}}`, externalID)
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":"sts:AssumeRole"%s}]}`, principal, condition)
}

// Role is an assume_role block for one of the partner's roles.
func Role(name string) identity.Role {
	return identity.Role{ARN: "arn:aws:iam::" + Partners + ":role/" + name, ExternalID: secret.PlainText(ExternalID), SessionName: "waybill-test", Duration: time.Hour}
}

// Connection is our user's connection to this world.
func (w *World) Connection(roles ...identity.Role) *identity.Config {
	return w.connection("AKIARUNNER0000000001", CanarySecret, roles)
}

func (w *World) connection(id, key string, roles []identity.Role) *identity.Config {
	return &identity.Config{
		Name: "acme", Where: "main.hcl:3", Region: "us-east-1", AccessKeyID: secret.New(id), SecretAccessKey: secret.New(key), Roles: roles,
		Endpoint: &identity.Endpoint{S3: w.URL, STS: w.URL, PathStyle: true},
	}
}

// Admin is a client of the partner's own that may do everything in region.
func (w *World) Admin(region string) *s3.Client {
	return s3.New(s3.Options{Region: region, BaseEndpoint: aws.String(w.URL), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAADMIN00000000001", "adminsecret", "")})
}

// Faults replaces the faults in force; none means that all works.
func (w *World) Faults(list ...sandbox.Fault) {
	w.t.Helper()
	if err := w.SetFaults(w.t.Context(), list...); err != nil {
		w.t.Fatal(err)
	}
}

// Requests returns the answered requests of these operations, or all. Those of
// the partner's admin are left out.
func (w *World) Requests(operations ...string) []sandbox.Entry {
	w.t.Helper()
	all, err := sandbox.ReadJournal(w.Journal)
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e sandbox.Entry) bool {
		return e.AccessKeyID == "AKIAADMIN00000000001" || (len(operations) > 0 && !slices.Contains(operations, e.Operation))
	})
}
