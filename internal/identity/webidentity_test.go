package identity_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"waybill/internal/identity"
	"waybill/internal/identity/identitytest"
	"waybill/internal/problem"
	"waybill/internal/sandbox"
)

func TestWebIdentity(t *testing.T) {
	w := identitytest.Start(t)
	// Neither keys nor a profile of the environment get in the way.
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY0000000001")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	ids, path := identity.NewProvider(), w.TokenFile(w.Token(nil)+"\n")
	conn := w.WebConnection(path)
	conn.WebIdentity.SessionName, conn.WebIdentity.Duration = `daily["acme"]`, 2*time.Hour
	for range 2 {
		if _, err := retrieve(t, ids, conn); err != nil {
			t.Fatal(err)
		}
	}
	calls := w.Requests("AssumeRoleWithWebIdentity")
	if len(calls) != 1 || calls[0].Params["DurationSeconds"] != "7200" || calls[0].Params["RoleSessionName"] != "daily--acme--" || calls[0].AccessKeyID != "" {
		t.Errorf("calls: %+v", calls)
	}
	arn, err := ids.WhoAmI(t.Context(), conn, nil)
	if want := "arn:aws:sts::" + identitytest.Ours + ":assumed-role/Runner/daily--acme--"; err != nil || arn != want {
		t.Errorf("we are %q, %v, want %q", arn, err, want)
	}
}

// The chain of assume_role blocks begins where the token leads.
func TestRolesOnTopOfAWebIdentity(t *testing.T) {
	w := identitytest.Start(t)
	ids, path := identity.NewProvider(), w.TokenFile(w.Token(nil))
	arn, err := ids.WhoAmI(t.Context(), w.WebConnection(path), []identity.Role{identitytest.Role("FromWeb")})
	if err != nil || !strings.Contains(arn, identitytest.Partners+":assumed-role/FromWeb/") {
		t.Errorf("we are %q, %v", arn, err)
	}
	_, err = retrieve(t, ids, w.WebConnection(path, identitytest.Role("Inbox"))) // which trusts the user only
	p := wantProblem(t, err, "assume-role-denied", problem.Permanent)
	if !strings.Contains(p.Snippet, `"AWS": "`+identitytest.WebRole+`"`) {
		t.Errorf("the trust policy does not name the role that we are:\n%s", p.Snippet)
	}
	long := identitytest.Role("FromWeb")
	long.Duration = 2 * time.Hour
	_, err = retrieve(t, ids, w.WebConnection(path, long))
	wantProblem(t, err, "role-chain-duration", problem.Permanent)
}

func TestWebIdentityRefusals(t *testing.T) {
	w := identitytest.Start(t)
	with := func(name string, value any) string { return w.Token(func(c jwt.MapClaims) { c[name] = value }) }
	const provider = `"Federated": "arn:aws:iam::` + identitytest.Ours + `:oidc-provider/oidc.example.com/id/CLUSTER"`
	for _, tt := range []struct {
		name, token string
		change      func(*identity.WebIdentity)
		code        string
		class       problem.Class
		says        []string
		snippet     []string
	}{
		{"another subject", with("sub", "system:serviceaccount:etl:other"), nil, "assume-role-denied", problem.Permanent,
			[]string{"bearer of the token", identitytest.WebRole, "subject system:serviceaccount:etl:other"},
			[]string{provider, `"Action": "sts:AssumeRoleWithWebIdentity"`, `"oidc.example.com/id/CLUSTER:sub": "system:serviceaccount:etl:other"`, `"oidc.example.com/id/CLUSTER:aud": "sts.amazonaws.com"`}},
		{"an audience that only the provider takes", with("aud", "other"), nil, "assume-role-denied", problem.Permanent, nil, []string{`CLUSTER:aud": "other"`}},
		{"no such role", w.Token(nil), func(i *identity.WebIdentity) { i.RoleARN += "s" }, "assume-role-denied", problem.Permanent, []string{"role/Runners"}, []string{provider}},
		{"another audience", with("aud", "https://github.com/acme"), nil, "web-identity-token-rejected", problem.Permanent, []string{"audience https://github.com/acme", "client ids", "sts.amazonaws.com"}, nil},
		{"another issuer", with("iss", "https://gitlab.com"), nil, "web-identity-token-rejected", problem.Permanent, []string{"issuer https://gitlab.com", "identity provider", identitytest.Ours}, nil},
		{"a role of another account", w.Token(nil), func(i *identity.WebIdentity) { i.RoleARN = "arn:aws:iam::" + identitytest.Partners + ":role/Inbox" }, "web-identity-token-rejected", problem.Permanent, nil, nil},
		{"no JWT", "CANARY-no-jwt", nil, "web-identity-token-rejected", problem.Permanent, []string{"it is no JWT"}, nil},
		{"expired", with("exp", time.Now().Add(-time.Hour).Unix()), nil, "web-identity-token-expired", problem.Transient, []string{"has expired", "renewed"}, nil},
		{"longer than the role allows", w.Token(nil), func(i *identity.WebIdentity) { i.Duration = 3 * time.Hour }, "role-chain-duration", problem.Permanent, []string{"for 3h0m0s", "web_identity block"}, nil},
		{"policy", w.Token(nil), func(i *identity.WebIdentity) { i.Policy = `{"Statement":[]}` }, "session-policy-invalid", problem.Permanent, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := w.WebConnection(w.TokenFile(tt.token))
			if tt.change != nil {
				tt.change(conn.WebIdentity)
			}
			_, err := retrieve(t, identity.NewProvider(), conn)
			p := wantProblem(t, err, tt.code, tt.class)
			for _, s := range tt.says {
				if !strings.Contains(p.Summary+" "+strings.Join(p.Remedy, " "), s) {
					t.Errorf("%q %q does not say %q", p.Summary, p.Remedy, s)
				}
			}
			for _, s := range tt.snippet {
				if !strings.Contains(p.Snippet, s) || !json.Valid([]byte(p.Snippet)) {
					t.Errorf("the trust policy lacks %s:\n%s", s, p.Snippet)
				}
			}
			noToken(t, p, tt.token)
			if p.Where != "main.hcl:3" {
				t.Errorf("no place is named: %q", p.Where)
			}
		})
	}
}

// noToken fails if a problem shows a token, or the signature that makes it one.
func noToken(t *testing.T, p *problem.Problem, token string) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range append(strings.Split(token, "."), "CANARY") {
		if part != "" && strings.Contains(string(text)+p.Error(), part) {
			t.Errorf("a part of the token is shown: %s", text)
		}
	}
}

func TestWebIdentityTokenFile(t *testing.T) {
	w := identitytest.Start(t)
	dir := t.TempDir()
	for _, tt := range []struct{ name, path, says string }{
		{"missing", filepath.Join(dir, "none"), "does not exist"},
		{"empty", w.TokenFile(" \n"), "is empty"},
		{"a directory", dir, "cannot be read"},
		{"too long", w.TokenFile(strings.Repeat("CANARY", 4000)), "longer than the 20000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := retrieve(t, identity.NewProvider(), w.WebConnection(tt.path))
			p := wantProblem(t, err, "web-identity-token-unreadable", problem.Permanent)
			if !strings.Contains(p.Summary, tt.says) || !strings.Contains(p.Summary, tt.path) || !strings.Contains(p.Summary, identitytest.WebRole) {
				t.Errorf("the summary is %q", p.Summary)
			}
			noToken(t, p, "")
		})
	}
	if n := len(w.Requests("AssumeRoleWithWebIdentity")); n != 0 {
		t.Errorf("STS was asked %d times without a token", n)
	}
	// A file that comes late is found: failures are not kept.
	path, ids := filepath.Join(dir, "late"), identity.NewProvider()
	_, err := retrieve(t, ids, w.WebConnection(path))
	wantProblem(t, err, "web-identity-token-unreadable", problem.Permanent)
	if err := os.WriteFile(path, []byte(w.Token(nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := retrieve(t, ids, w.WebConnection(path)); err != nil {
		t.Error(err)
	}
}

func TestWebIdentityTrouble(t *testing.T) {
	w := identitytest.Start(t)
	fault := func(code string, status int) sandbox.Fault {
		return sandbox.Fault{Service: "sts", Operation: "AssumeRoleWithWebIdentity", Code: code, Status: status}
	}
	for name, tt := range map[string]struct {
		fault sandbox.Fault
		code  string
		class problem.Class
	}{
		"provider down":  {fault("IDPCommunicationError", 400), "web-identity-provider-unreachable", problem.Transient},
		"claim rejected": {fault("IDPRejectedClaim", 403), "web-identity-token-rejected", problem.Permanent},
		"throttled":      {fault("Throttling", 400), "sts-throttled", problem.Throttled},
		"broken":         {fault("InternalError", 500), "sts-unreachable", problem.Transient},
		"cut":            {sandbox.Fault{Service: "sts", Operation: "AssumeRoleWithWebIdentity", Cut: sandbox.CutBefore}, "sts-unreachable", problem.Transient},
		"region":         {fault("RegionDisabledException", 403), "assume-role-denied", problem.Permanent},
	} {
		t.Run(name, func(t *testing.T) {
			w.Faults(tt.fault)
			ids, token := identity.NewProvider(), w.Token(nil)
			conn := w.WebConnection(w.TokenFile(token))
			_, err := retrieve(t, ids, conn)
			noToken(t, wantProblem(t, err, tt.code, tt.class), token)
			w.Faults()
			if _, err := retrieve(t, ids, conn); err != nil {
				t.Errorf("a failure was kept: %v", err)
			}
		})
	}
}

func TestWebIdentityTrustPolicy(t *testing.T) {
	w := identitytest.Start(t)
	conn := w.WebConnection(w.TokenFile(w.Token(func(c jwt.MapClaims) { c["sub"] = "x" })))
	_, err := retrieve(t, identity.NewProvider(), conn)
	want := `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/CLUSTER"
      },
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "oidc.example.com/id/CLUSTER:aud": "sts.amazonaws.com",
          "oidc.example.com/id/CLUSTER:sub": "x"
        }
      }
    }
  ]
}`
	if diff := cmp.Diff(want, wantProblem(t, err, "assume-role-denied", problem.Permanent).Snippet); diff != "" {
		t.Error(diff)
	}
}
