package objectstore

import (
	"crypto/md5" //nolint:gosec // S3 asks for it, as a check on the key's transport
	"encoding/base64"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"waybill/internal/secret"
)

// A CustomerKey encrypts objects with a key that S3 does not keep (SSE-C): it
// goes with every request of an object. The zero value is none.
type CustomerKey struct{ key, md5 secret.String }

// customerKeySize is what S3's one method for such keys, AES-256, takes.
const customerKeySize = 32

// NewCustomerKey reads a key in base64. Its error does not show the key.
func NewCustomerKey(text secret.String) (CustomerKey, error) {
	raw, err := base64.StdEncoding.DecodeString(text.Reveal())
	if err != nil {
		return CustomerKey{}, errors.New("it is not base64")
	}
	if len(raw) != customerKeySize {
		return CustomerKey{}, errors.New("it does not have 32 bytes")
	}
	sum := md5.Sum(raw) //nolint:gosec // see above
	return CustomerKey{key: text, md5: secret.New(base64.StdEncoding.EncodeToString(sum[:]))}, nil
}

// fill sets the three members that carry the key, if there is one.
func (k CustomerKey) fill(method, key, md5 **string) {
	if k.key.IsZero() {
		return
	}
	*method, *key, *md5 = aws.String("AES256"), aws.String(k.key.Reveal()), aws.String(k.md5.Reveal())
}
