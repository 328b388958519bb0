package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"
)

var now = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)

func testIdentities() *identities {
	return newIdentities(&Config{Users: []User{{Name: "u", Account: DefaultAccount, AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}}})
}

// signed is a request as an SDK signs it with the credential.
func signed(t interface{ Fatal(...any) }, c credential, body []byte, at time.Time) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9000/?a=b%20c", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256(body)
	err := v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: c.id, SecretAccessKey: c.secret, SessionToken: c.token}, r, hex.EncodeToString(sum[:]), "sts", "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerify(t *testing.T) {
	ids := testIdentities()
	user, _ := ids.lookup("AKIAIOSFODNN7EXAMPLE")
	session := ids.open(user.principal, now.Add(time.Minute))
	body := []byte("Action=GetCallerIdentity")
	for _, tt := range []struct {
		name   string
		cred   credential
		body   []byte
		signed time.Time
		change func(*http.Request)
		want   signatureFault
	}{
		{"right", user, body, now, nil, ""},
		{"a session", session, body, now, nil, ""},
		{"almost too old", user, body, now.Add(-5 * time.Minute), nil, ""},
		{"too old", user, body, now.Add(-5*time.Minute - time.Second), nil, faultSkew},
		{"from the future", user, body, now.Add(5*time.Minute + time.Second), nil, faultSkew},
		{"body changed", user, []byte("Action=AssumeRole"), now, nil, faultMismatch},
		{"query changed", user, body, now, func(r *http.Request) { r.URL.RawQuery = "a=b%20d" }, faultMismatch},
		{"signed header changed", user, body, now, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, faultMismatch},
		{"host changed", user, body, now, func(r *http.Request) { r.Host = "127.0.0.1:9001" }, faultMismatch},
		{"unsigned", user, body, now, func(r *http.Request) { r.Header.Del("Authorization") }, faultUnsigned},
		{"nonsense", user, body, now, func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 x") }, faultIncomplete},
		{"date of another day", user, body, now, func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260130T090000Z") }, faultIncomplete},
		{"token left out", session, body, now, func(r *http.Request) { r.Header.Del("X-Amz-Security-Token") }, faultUnknownKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := signed(t, tt.cred, body, tt.signed)
			if tt.change != nil {
				tt.change(r)
			}
			c, fault := ids.verify(r, tt.body, now)
			switch {
			case tt.want == "" && (fault != nil || c.id != tt.cred.id):
				t.Errorf("refused: %v", fault)
			case tt.want != "" && (fault == nil || fault.fault != tt.want):
				t.Errorf("got %v, want %s", fault, tt.want)
			}
		})
	}
	if _, fault := ids.verify(signed(t, session, body, now), body, now.Add(2*time.Minute)); fault == nil || fault.fault != faultExpired {
		t.Errorf("after the session's end: %v", fault)
	}
}

// TestVerifyNoForgery holds that a request with any one byte of its body
// changed isn't its signer's.
func TestVerifyNoForgery(t *testing.T) {
	ids := testIdentities()
	user, _ := ids.lookup("AKIAIOSFODNN7EXAMPLE")
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "body")
		r := signed(t, user, body, now)
		if _, fault := ids.verify(r, body, now); fault != nil {
			t.Fatalf("refused: %v", fault)
		}
		forged := bytes.Clone(body)
		forged[rapid.IntRange(0, len(body)-1).Draw(t, "at")] ^= rapid.ByteRange(1, 255).Draw(t, "flip")
		if _, fault := ids.verify(r, forged, now); fault == nil {
			t.Fatal("a forged body was accepted")
		}
	})
}
