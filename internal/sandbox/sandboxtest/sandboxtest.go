// Package sandboxtest runs sandboxes in tests.
//
// A test package that uses it has a TestMain that begins with ServeIfChild, so
// that its own binary can serve the sandbox:
//
//	func TestMain(m *testing.M) {
//		sandboxtest.ServeIfChild()
//		os.Exit(m.Run())
//	}
package sandboxtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"waybill/internal/sandbox"
)

// ServeIfChild serves a sandbox and exits if this process was started for
// that; otherwise it returns at once.
func ServeIfChild(services ...func(sandbox.Host) (sandbox.Service, error)) {
	if len(os.Args) < 2 || os.Args[1] != sandbox.Verb {
		return
	}
	if err := sandbox.Serve(context.Background(), os.Stdin, os.Stdout, services...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Start runs a sandbox that is declared by the text of one file, and stops it
// when the test ends.
func Start(t testing.TB, hcl string) *sandbox.Process {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "test"+sandbox.FileSuffix), []byte(hcl), 0o600); err != nil {
		t.Fatal(err)
	}
	return StartDir(t, dir, sandbox.Options{})
}

// StartDir runs the sandbox of a project, and stops it when the test ends.
func StartDir(t testing.TB, dir string, o sandbox.Options) *sandbox.Process {
	t.Helper()
	p, err := sandbox.Start(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("stop the sandbox: %v", err)
		}
	})
	return p
}

// Config is an SDK configuration for a user of the sandbox, by name; the empty
// name means the default user. It makes one attempt per call, so that tests see
// each answer.
func Config(t testing.TB, p *sandbox.Process, user string) aws.Config {
	t.Helper()
	u, ok := p.Config().DefaultUser()
	for _, candidate := range p.Config().Users {
		if candidate.Name == user {
			u, ok = candidate, true
		}
	}
	if !ok || (user != "" && u.Name != user) {
		t.Fatalf("the sandbox has no user %q", user)
	}
	return aws.Config{
		Region:       p.Config().Region,
		BaseEndpoint: aws.String(p.URL),
		Credentials:  credentials.NewStaticCredentialsProvider(u.AccessKeyID, u.SecretKey.Reveal(), ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// Journal reads what the sandbox has answered so far.
func Journal(t testing.TB, p *sandbox.Process) []sandbox.Entry {
	t.Helper()
	entries, err := sandbox.ReadJournal(p.Journal)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// Faults replaces the sandbox's fault rules.
func Faults(t testing.TB, p *sandbox.Process, list ...sandbox.Fault) {
	t.Helper()
	if err := p.SetFaults(t.Context(), list...); err != nil {
		t.Fatal(err)
	}
}
