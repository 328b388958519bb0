package encode

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"waybill/internal/problem"
)

// keyFile reads a key that GnuPG made. They are good from 2024 on, unless their
// name says something else.
func keyFile(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/pgp", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// newKey makes a key whose private half is known.
func newKey(t testing.TB, name string) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity(name, "", name+"@example.com", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// armored writes a key as ASCII armor.
func armored(t testing.TB, blockType string, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	w, err := armor.Encode(&b, blockType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

func public(t testing.TB, e *openpgp.Entity) string {
	return armored(t, openpgp.PublicKeyType, e.Serialize)
}

func TestPGPKeys(t *testing.T) {
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	private := armored(t, openpgp.PrivateKeyType, func(w io.Writer) error { return newKey(t, "mallory").SerializePrivateWithoutSigning(w, nil) })
	acme := keyFile(t, "acme.asc")
	for name, tt := range map[string]struct {
		key  string
		says string // empty: it is good
	}{
		"RSA":             {acme, ""},
		"curve 25519":     {keyFile(t, "bolt.asc"), ""},
		"a key ring":      {keyFile(t, "both.asc"), ""},
		"two files":       {acme + "\nand a word between\n" + keyFile(t, "bolt.asc"), ""},
		"binary":          {base64.StdEncoding.EncodeToString([]byte(keyFile(t, "acme.gpg"))), ""},
		"binary in lines": {"  " + base64.StdEncoding.EncodeToString([]byte(keyFile(t, "acme.gpg")))[:64] + "\n" + base64.StdEncoding.EncodeToString([]byte(keyFile(t, "acme.gpg")))[64:], ""},
		"windows lines":   {strings.ReplaceAll(acme, "\n", "\r\n"), ""},
		"expired":         {keyFile(t, "expired.asc"), "of Old Acme <old@acme.example> expired on 2020-12-31"},
		"expired subkey":  {keyFile(t, "expired_subkey.asc"), "has an encryption subkey that expired on 2024-01-01"},
		"revoked":         {keyFile(t, "revoked.asc"), "was revoked by its owner"},
		"sign only":       {keyFile(t, "sign_only.asc"), "of Signer <sign@acme.example> can sign, but not encrypt"},
		"one bad of two":  {acme + keyFile(t, "sign_only.asc"), "can sign, but not encrypt"},
		"private":         {private, "is a private key, which only its owner may have"},
		"too new":         {public(t, newKey(t, "later")), "is valid only from"},
		"empty":           {" \n", "it is empty"},
		"a path":          {"keys/acme.asc", "it is neither ASCII armor nor base64"},
		"a message":       {strings.ReplaceAll(acme, "PUBLIC KEY BLOCK", "MESSAGE"), `it is a "PGP MESSAGE"`},
		"cut short":       {acme[:len(acme)/2], "there is no public key in it"},
		"other bytes":     {base64.StdEncoding.EncodeToString([]byte("hello")), "it cannot be read"},
		"only a line":     {"-----BEGIN PGP PUBLIC KEY BLOCK-----", "its ASCII armor is damaged"},
	} {
		err := (&PGP{PublicKey: tt.key}).Check(now)
		if tt.says == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if p := problem.As(err); p == nil || p.Code != "pgp-key-invalid" || !strings.Contains(p.Summary, tt.says) {
			t.Errorf("%s: got %v, want %s", name, err, tt.says)
		}
	}
	// What has been encrypted can be delivered after its key has expired.
	for _, name := range []string{"expired.asc", "revoked.asc"} {
		if err := (&PGP{PublicKey: keyFile(t, name)}).Check(time.Time{}); err != nil {
			t.Errorf("%s at no time: %v", name, err)
		}
	}
	if err := (&PGP{PublicKey: private}).Check(time.Time{}); err == nil {
		t.Error("a private key is taken at no time")
	}
}

func TestEncrypt(t *testing.T) {
	acme, bolt, other := newKey(t, "acme"), newKey(t, "bolt"), newKey(t, "other")
	text := strings.Repeat("some text\n", 50_000)
	for _, f := range []Format{
		{Kind: CSV, PGP: &PGP{PublicKey: public(t, acme)}},
		{Kind: CSV, Compression: Gzip, PGP: &PGP{PublicKey: public(t, acme) + public(t, bolt), Armor: true}},
		{Kind: CSV, Compression: Zip, PGP: &PGP{PublicKey: public(t, bolt) + public(t, acme)}},
		{Kind: NDJSON, PGP: &PGP{PublicKey: public(t, acme)}},
	} {
		packed, sealed := finish(t, f, text)
		if sum := sealedOf(packed); sum != sealed {
			t.Errorf("sealed as %+v, is %+v", sealed, sum)
		}
		again, _ := finish(t, f, text)
		if bytes.Equal(packed, again) {
			t.Error("two encryptions are alike")
		}
		if bytes.HasPrefix(packed, []byte("-----BEGIN PGP MESSAGE-----")) != f.PGP.Armor {
			t.Errorf("armor is not as asked for: %q", packed[:30])
		}
		got := decrypt(t, packed, f.PGP.Armor, acme)
		if f.compressed() {
			got = unpackBytes(t, got, f.Compression)
		}
		if string(got) != text {
			t.Errorf("%+v: decrypted to %d bytes", f, len(got))
		}
		if _, err := open(packed, f.PGP.Armor, other); err == nil {
			t.Error("a key that it is not for decrypts it")
		}
		packed[len(packed)/2] ^= 1
		if r, err := open(packed, f.PGP.Armor, acme); err == nil {
			if _, err = io.ReadAll(r); err == nil {
				t.Error("a changed file decrypts")
			}
		}
	}
}

// finish makes an artifact of a text.
func finish(t *testing.T, f Format, text string) ([]byte, Sealed) {
	t.Helper()
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	if err := os.WriteFile(src, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sealed, err := f.Finish(t.Context(), Work{Copied: src, Finished: dst, Entry: "a.ndjson"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(dst)
	if err != nil {
		t.Fatal(err)
	}
	return data, sealed
}

func open(packed []byte, isArmored bool, who *openpgp.Entity) (io.Reader, error) {
	var r io.Reader = bytes.NewReader(packed)
	if isArmored {
		block, err := armor.Decode(r)
		if err != nil {
			return nil, err
		}
		r = block.Body
	}
	m, err := openpgp.ReadMessage(r, openpgp.EntityList{who}, nil, nil)
	if err != nil {
		return nil, err
	}
	if m.LiteralData.FileName != "" || m.LiteralData.Time != 0 {
		return nil, errors.New("the message tells of a file's name or time")
	}
	return m.UnverifiedBody, nil
}

func decrypt(t *testing.T, packed []byte, isArmored bool, who *openpgp.Entity) []byte {
	t.Helper()
	r, err := open(packed, isArmored, who)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A key that has expired since validate ends the run before anything is sent.
func TestEncryptForAnExpiredKey(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	if err := os.WriteFile(src, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := Format{Kind: CSV, Compression: Tgz, PGP: &PGP{PublicKey: keyFile(t, "expired.asc"), Armor: true}}
	_, err := f.Finish(t.Context(), Work{Copied: src, Finished: filepath.Join(dir, "dst")})
	if p := problem.As(err); p == nil || p.Code != "pgp-key-invalid" {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// GnuPG, where it is installed, decrypts what was encrypted.
func TestGnuPGDecrypts(t *testing.T) {
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		t.Skip("gpg is not installed")
	}
	home := t.TempDir()
	key := newKey(t, "acme")
	secret := filepath.Join(home, "secret.asc")
	text := armored(t, openpgp.PrivateKeyType, func(w io.Writer) error { return key.SerializePrivateWithoutSigning(w, nil) })
	if err := os.WriteFile(secret, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) []byte {
		t.Helper()
		cmd := exec.Command(gpg, append([]string{"--homedir", home, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("gpg %v: %v\n%s", args, err, &stderr)
		}
		return out
	}
	run("--import", secret)
	t.Cleanup(func() { // its agent, which lives on; without gpgconf it ends with its directory
		if conf, err := exec.LookPath("gpgconf"); err == nil {
			_ = exec.Command(conf, "--homedir", home, "--kill", "all").Run()
		}
	})
	want := strings.Repeat("some text\n", 1000)
	for _, f := range []Format{{Kind: CSV, PGP: &PGP{PublicKey: public(t, key)}}, {Kind: CSV, PGP: &PGP{PublicKey: public(t, key), Armor: true}}} {
		packed, _ := finish(t, f, want)
		file := filepath.Join(t.TempDir(), "message")
		if err := os.WriteFile(file, packed, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := run("--decrypt", file); string(got) != want {
			t.Errorf("armor %v: gpg decrypts %d bytes, want %d", f.PGP.Armor, len(got), len(want))
		}
	}
}
