package identitytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"waybill/internal/identity"
	"waybill/internal/sandbox"
)

// The identity provider that our account trusts, and whom its tokens are about.
const (
	Issuer    = "https://oidc.example.com/id/CLUSTER"
	Subject   = "system:serviceaccount:etl:waybill"
	Audience  = "sts.amazonaws.com"
	WebRole   = "arn:aws:iam::" + Ours + ":role/Runner"
	oidcTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::` + Ours + `:oidc-provider/oidc.example.com/id/CLUSTER"},
"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"oidc.example.com/id/CLUSTER:sub":"` + Subject + `","oidc.example.com/id/CLUSTER:aud":"` + Audience + `"}}}]}`
)

// webRole is what a token opens.
func webRole() sandbox.Role {
	return sandbox.Role{Name: "Runner", Account: Ours, Trust: oidcTrust, Policies: []string{allow(`"sts:AssumeRole"`, "*")}, MaxSession: 2 * time.Hour}
}

func provider(t *testing.T, key *ecdsa.PrivateKey) sandbox.OIDCProvider {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return sandbox.OIDCProvider{Issuer: Issuer, Account: Ours, Audiences: []string{Audience, "other"},
		SigningKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Token signs a token as the world's identity provider does. change may be nil.
func (w *World) Token(change func(jwt.MapClaims)) string {
	w.t.Helper()
	c := jwt.MapClaims{"iss": Issuer, "sub": Subject, "aud": Audience, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	if change != nil {
		change(c)
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodES256, c).SignedString(w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// TokenFile writes a token into a file of its own.
func (w *World) TokenFile(token string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// WebConnection is a connection by the token in a file, with roles on top.
func (w *World) WebConnection(tokenFile string, roles ...identity.Role) *identity.Config {
	c := w.connection("", "", roles)
	c.WebIdentity = &identity.WebIdentity{RoleARN: WebRole, TokenFile: tokenFile, SessionName: "waybill-test", Duration: time.Hour}
	return c
}
