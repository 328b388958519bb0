package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// An issuer is an identity provider with its key.
type issuer struct {
	OIDCProvider
	key    crypto.Signer
	method jwt.SigningMethod
}

// newIssuers gives every provider its key, and one to those that declare none.
func newIssuers(providers []OIDCProvider) ([]issuer, error) {
	var out []issuer
	for _, p := range providers {
		i := issuer{OIDCProvider: p}
		var err error
		if p.SigningKey == "" {
			i.method = jwt.SigningMethodES256
			i.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		} else {
			i.key, i.method, err = parseSigningKey(p.SigningKey)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: the key of the issuer %s: %w", p.Where, p.Issuer, err)
		}
		out = append(out, i)
	}
	return out, nil
}

func (i issuer) sign(t OIDCToken, now time.Time) (string, error) {
	return jwt.NewWithClaims(i.method, jwt.RegisteredClaims{
		Issuer: i.Issuer, Subject: t.Subject, Audience: jwt.ClaimStrings{t.Audience},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(t.Lifetime)),
	}).SignedString(i.key)
}

// tokenPath is where a declared token lies.
func tokenPath(dataDir, name string) string { return filepath.Join(dataDir, "tokens", name) }

// writeTokens signs the declared tokens and puts each into its file.
func writeTokens(issuers []issuer, dataDir string, now time.Time) error {
	for _, i := range issuers {
		for _, t := range i.Tokens {
			text, err := i.sign(t, now)
			if err != nil {
				return fmt.Errorf("sign the token %s: %w", t.Name, err)
			}
			path := tokenPath(dataDir, t.Name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
				return fmt.Errorf("write the token %s: %w", t.Name, err)
			}
		}
	}
	return nil
}

func tokenError(code, message string) *APIError {
	return &APIError{Status: http.StatusBadRequest, Code: code, Message: message}
}

// verifyToken reads a token that is meant to open a role of an account, as STS
// does: the account must have its issuer as a provider, and the provider its
// audience.
func verifyToken(issuers []issuer, account, token string, now time.Time) (issuer, jwt.RegisteredClaims, error) {
	var from issuer
	var c jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256", "ES256"}), jwt.WithTimeFunc(func() time.Time { return now }),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	_, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) {
		i := slices.IndexFunc(issuers, func(i issuer) bool { return i.Account == account && i.Issuer == c.Issuer })
		if i < 0 {
			return nil, tokenError("InvalidIdentityToken", "No OpenIDConnect provider found in your account for "+c.Issuer)
		}
		from = issuers[i]
		return from.key.Public(), nil
	})
	switch refusal, ours := errors.AsType[*APIError](err); {
	case ours:
		return from, c, refusal
	case errors.Is(err, jwt.ErrTokenExpired):
		return from, c, tokenError("ExpiredTokenException", fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), c.ExpiresAt.Unix()))
	case errors.Is(err, jwt.ErrTokenMalformed):
		return from, c, tokenError("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	case err != nil:
		return from, c, tokenError("InvalidIdentityToken", "Couldn't verify the token with the keys of your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements")
	}
	if !slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(from.Audiences, a) }) {
		return from, c, tokenError("InvalidIdentityToken", "Incorrect token audience")
	}
	return from, c, nil
}
