package identity

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"pgregory.net/rapid"

	"waybill/internal/secret"
)

// A clockedSTS issues sessions by the bubble's clock.
type clockedSTS struct {
	lasts time.Duration
	down  bool
	calls int
}

func (s *clockedSTS) Do(*http.Request) (*http.Response, error) {
	if s.down {
		return nil, errors.New("down")
	}
	s.calls++
	body := fmt.Sprintf(`<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA%d</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, s.calls, time.Now().Add(s.lasts).UTC().Format(time.RFC3339))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// session makes a cache of one role's sessions on a server.
func session(server *clockedSTS) *aws.CredentialsCache {
	client := sts.New(sts.Options{Region: "us-east-1", HTTPClient: server, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "x", "")})
	return newCache(newRoleProvider(client, Role{ARN: "arn:aws:iam::123456789012:role/R", SessionName: "s"}, &Config{}, false))
}

func wantKey(t *testing.T, cache *aws.CredentialsCache, want string) {
	t.Helper()
	if got, err := cache.Retrieve(t.Context()); err != nil || got.AccessKeyID != want {
		t.Errorf("got %q, %v, want %q", got.AccessKeyID, err, want)
	}
}

func TestRenewedFiveMinutesBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &clockedSTS{lasts: time.Hour}
		cache := session(server)
		wantKey(t, cache, "ASIA1")
		time.Sleep(54 * time.Minute)
		wantKey(t, cache, "ASIA1")
		time.Sleep(90 * time.Second) // the jitter takes up to 30 seconds
		wantKey(t, cache, "ASIA2")
	})
}

func TestSessionOutlivesAnOutageOfSTS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &clockedSTS{lasts: time.Hour}
		cache := session(server)
		wantKey(t, cache, "ASIA1")
		server.down = true
		time.Sleep(57 * time.Minute)
		wantKey(t, cache, "ASIA1")
		time.Sleep(4 * time.Minute)
		if _, err := cache.Retrieve(t.Context()); Classify(err) == nil || Classify(err).Code != "sts-unreachable" {
			t.Errorf("a session that has ended was handed out, or %v", err)
		}
		server.down = false
		wantKey(t, cache, "ASIA2")
	})
}

func TestShortSessionsAreNotRenewedForEachRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &clockedSTS{lasts: 4 * time.Minute}
		cache := session(server)
		wantKey(t, cache, "ASIA1")
		time.Sleep(time.Minute)
		wantKey(t, cache, "ASIA1")
		time.Sleep(90 * time.Second)
		wantKey(t, cache, "ASIA2")
	})
}

// The rules as STS's API reference writes them.
var (
	stsExternalID  = regexp.MustCompile(`^[a-zA-Z0-9_+=,.@:/-]{2,}$`) // and 1224 at most
	stsSessionName = regexp.MustCompile(`^[a-zA-Z0-9_+=,.@-]{2,64}$`)
)

func TestTextRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9_+=,.@:/-]{0,80}`)).Draw(t, "text")
		if fault := externalIDFault(text); (fault == "") != (stsExternalID.MatchString(text) && len(text) <= 1224) {
			t.Errorf("external id %q: %q", text, fault)
		}
		name := sanitiseSession(text)
		if !stsSessionName.MatchString(name) {
			t.Errorf("session name %q became %q", text, name)
		}
		if stsSessionName.MatchString(text) && name != text {
			t.Errorf("session name %q was changed to %q", text, name)
		}
	})
}

func TestDigestTellsListsApart(t *testing.T) {
	if digest("a", "b") == digest("ab") || digest("a", "") == digest("a") {
		t.Error("two identities share one key")
	}
	with := func(change func(*Config)) string {
		c := Config{Region: "r", AccessKeyID: secret.New("id"), SecretAccessKey: secret.New("key")}
		change(&c)
		return c.identity()
	}
	same := with(func(*Config) {})
	if same != with(func(c *Config) { c.Name, c.Where = "x", "y" }) {
		t.Error("a connection's name makes another identity")
	}
	if same == with(func(c *Config) { c.SecretAccessKey = secret.New("new") }) {
		t.Error("a new secret is the same identity")
	}
	seen := map[string]bool{same: true}
	for _, w := range []WebIdentity{{RoleARN: "r"}, {RoleARN: "s"}, {RoleARN: "r", TokenFile: "/t"}, {RoleARN: "r", SessionName: "name"}, {RoleARN: "r", Duration: time.Hour}, {RoleARN: "r", Policy: "{}"}} {
		key := with(func(c *Config) { c.WebIdentity = &w })
		if seen[key] {
			t.Errorf("%+v is the identity of another", w)
		}
		seen[key] = true
	}
}

// A tokenSTS opens roles to tokens by the bubble's clock, and notes the tokens.
type tokenSTS struct {
	clockedSTS
	tokens []string
}

func (s *tokenSTS) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Header.Get("Authorization") != "" {
		return nil, fmt.Errorf("the request is signed, or no form: %w", err)
	}
	s.tokens = append(s.tokens, form.Get("WebIdentityToken"))
	answer, err := s.clockedSTS.Do(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(text), "AssumeRole", "AssumeRoleWithWebIdentity")))
	return answer, err
}

// The token's file is read again at each renewal: whoever writes it renews it
// more often than sessions end. A renewal that fails leaves the session in use.
func TestTokenIsReadAtEachRenewal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	synctest.Test(t, func(t *testing.T) {
		server := &tokenSTS{clockedSTS: clockedSTS{lasts: time.Hour}}
		client := sts.New(sts.Options{Region: "us-east-1", HTTPClient: server, RetryMaxAttempts: 1})
		cache := newCache(newWebIdentityProvider(client, &Config{WebIdentity: &WebIdentity{RoleARN: "arn:aws:iam::123456789012:role/R", TokenFile: path, SessionName: "s"}}))
		wantKey(t, cache, "ASIA1")
		write("  second ")
		time.Sleep(50 * time.Minute)
		wantKey(t, cache, "ASIA1")
		time.Sleep(6 * time.Minute)
		wantKey(t, cache, "ASIA2")
		server.down = true
		time.Sleep(57 * time.Minute)
		wantKey(t, cache, "ASIA2")
		time.Sleep(4 * time.Minute)
		if _, err := cache.Retrieve(t.Context()); Classify(err) == nil || Classify(err).Code != "sts-unreachable" {
			t.Errorf("a session that has ended was handed out, or %v", err)
		}
		if got := strings.Join(server.tokens[:2], ","); got != "first,second" {
			t.Errorf("sent %s", got)
		}
	})
}
