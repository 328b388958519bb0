package runner_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"waybill/runner/state"
	"waybill/sinks"
)

const encrypted = `
pipeline "p" {
  source "fake" "rows" {}
  sink "fake" "one" {
    input = source.rows
    key   = "report.csv.zip.pgp"
    format "csv" {
      compression = "zip"
    }
    pgp {
      public_key = file("acme.asc")
    }
  }
}`

// crashesIn is a script whose first delivery ends with the process, when its
// object is there.
func crashesIn(crash func()) *script {
	s := &script{}
	s.deliver = func(n int, ctx context.Context, d sinks.Delivery) error {
		if n > 1 {
			return nil
		}
		a := d.Artifacts[0]
		if err := d.Ledger.Intend(ctx, sinks.Intent{Key: a.Key, SHA256: a.SHA256, Size: a.Size}); err != nil {
			return err
		}
		if err := d.Ledger.Settle(ctx, sinks.Object{Key: a.Key, SHA256: a.SHA256, Size: a.Size}); err != nil {
			return err
		}
		crash()
		return ctx.Err()
	}
	return s
}

func encryptedProject(t *testing.T, s *script) *project {
	t.Helper()
	key, err := os.ReadFile("encode/testdata/pgp/acme.asc")
	if err != nil {
		t.Fatal(err)
	}
	p := newProject(t, map[string]string{"main.hcl": encrypted, "acme.asc": string(key)})
	p.kinds(s)
	return p
}

// A run that goes on delivers the file that it encrypted, even if its key is
// gone from the project meanwhile.
func TestEncryptedFileIsFrozen(t *testing.T) {
	ctx, crash := context.WithCancel(t.Context())
	s := crashesIn(crash)
	p := encryptedProject(t, s)
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("the crashed process came to an end")
	}
	again, err := p.execute(t.Context(), r.ID)
	mustSucceed(t, again, err)
	first, second := s.deliveries[0].Artifacts[0], s.deliveries[1].Artifacts[0]
	if first.SHA256 != second.SHA256 || first.ContentType != "application/pgp-encrypted" {
		t.Errorf("the file became %+v, was %+v", second, first)
	}
}

// Without its spool it encrypts again: the file is another one, and what the
// ledger has of the first no longer counts as this one.
func TestEncryptedFileOfALostSpool(t *testing.T) {
	ctx, crash := context.WithCancel(t.Context())
	s := crashesIn(crash)
	p := encryptedProject(t, s)
	r := p.create()
	if _, err := p.execute(ctx, r.ID); err == nil {
		t.Fatal("the crashed process came to an end")
	}
	if err := os.RemoveAll(filepath.Join(p.Spool, r.ID)); err != nil {
		t.Fatal(err)
	}
	again, err := p.execute(t.Context(), r.ID)
	mustSucceed(t, again, err)
	first, second := s.deliveries[0].Artifacts[0], s.deliveries[1].Artifacts[0]
	intents := s.deliveries[1].Intents
	if first.SHA256 == second.SHA256 || len(intents) != 1 || intents[0].SHA256 != first.SHA256 {
		t.Errorf("the file is %s, was %s; intents are %+v", second.SHA256, first.SHA256, intents)
	}
	standing, err := p.Store.Standing(t.Context(), s.deliveries[1].ID)
	if err != nil || len(standing) != 1 || standing[0].SHA256 != second.SHA256 {
		t.Errorf("the ledger has %+v, %v", standing, err)
	}
}

// A key that is no good for encryption fails the run before its delivery, also
// where validate could not know it.
func TestKeyThatExpiredSinceValidate(t *testing.T) {
	s := &script{}
	p := encryptedProject(t, s)
	p.write("main.hcl", `
pipeline "p" {
  source "fake" "rows" {}
  sink "fake" "one" {
    input = source.rows
    key   = "report.csv.pgp"
    format "csv" {}
    pgp {
      public_key = env("ACME_KEY")
    }
  }
}`)
	key, err := os.ReadFile("encode/testdata/pgp/expired.asc")
	if err != nil {
		t.Fatal(err)
	}
	set := false
	p.vars.LookupEnv = func(string) (string, bool) { return string(key), set }
	g := p.generation()
	set = true
	r, err := p.store.Claim(t.Context(), p.create().ID, p.Owner, g.Digest, time.Now(), p.LeaseTTL)
	if err == nil {
		r, err = p.Execute(t.Context(), r, g.Pipeline("p"), g.Settings)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != state.Failed || r.Problem.Code != "pgp-key-invalid" || r.Problem.Where != "main.hcl:4" || len(s.deliveries) > 0 {
		t.Errorf("run %s %+v after %d deliveries", r.Status, r.Problem, len(s.deliveries))
	}
}
