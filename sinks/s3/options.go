package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"waybill/internal/objectstore"
	"waybill/internal/problem"
	"waybill/internal/secret"
	"waybill/sinks"
)

// options are what a delivery's plan keeps of a sink: what ends up on the
// objects, and whose bucket it must be.
type options struct {
	ContentType   string            `json:"content_type,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	StorageClass  string            `json:"storage_class,omitempty"`
	ACL           string            `json:"acl,omitempty"`
	ExpectedOwner string            `json:"expected_bucket_owner,omitempty"`
	Checksum      string            `json:"checksum_algorithm,omitempty"`
	RequesterPays bool              `json:"requester_pays,omitempty"`
	SSE           string            `json:"sse,omitempty"` // "customer": the key itself is not kept
	KMSKeyID      string            `json:"kms_key_id,omitempty"`
}

func (c Config) options() options {
	o := options{ContentType: c.ContentType, Metadata: c.Metadata, Tags: c.Tags, StorageClass: c.StorageClass, ACL: c.ACL,
		ExpectedOwner: c.ExpectedOwner, Checksum: c.Checksum, RequesterPays: c.RequesterPays}
	if c.Encryption != nil {
		o.SSE, o.KMSKeyID = c.Encryption.SSE, c.Encryption.KMSKeyID
	}
	return o
}

// Options returns what a delivery's plan keeps. See sinks.Planned.
func (s *sink) Options() (json.RawMessage, error) {
	data, err := json.Marshal(s.cfg.options())
	if err != nil {
		return nil, fmt.Errorf("encoding the options of a delivery: %w", err)
	}
	return data, nil
}

// WithOptions delivers as it was planned. See sinks.Planned.
func (s *sink) WithOptions(kept json.RawMessage) (sinks.Sink, error) {
	var o options
	if err := json.Unmarshal(kept, &o); err != nil {
		return nil, fmt.Errorf("reading the options of a delivery: %w", err)
	}
	c := s.cfg
	c.ContentType, c.Metadata, c.Tags, c.StorageClass, c.ACL = o.ContentType, o.Metadata, o.Tags, o.StorageClass, o.ACL
	c.ExpectedOwner, c.Checksum, c.RequesterPays = o.ExpectedOwner, o.Checksum, o.RequesterPays
	var key secret.String
	if c.Encryption != nil {
		key = c.Encryption.CustomerKey
	}
	if o.SSE == sseCustomer && key.IsZero() {
		return nil, problem.New("delivery-changed", "the delivery was planned with a customer_key, and there is none now", nil)
	}
	c.Encryption = nil
	if o.SSE != "" {
		c.Encryption = &Encryption{SSE: o.SSE, KMSKeyID: o.KMSKeyID, CustomerKey: key}
	}
	return &sink{cfg: c, ids: s.ids}, nil
}

// fingerprint tells deliveries with other options apart.
func (c Config) fingerprint() (string, error) {
	data, err := json.Marshal(c.options())
	if err != nil {
		return "", fmt.Errorf("encoding the options of a delivery: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]), nil
}

// clientOptions are what a sink wants of every request.
func (c Config) clientOptions(o objectstore.Options) (objectstore.Options, error) {
	o.ExpectedOwner, o.RequesterPays, o.Accelerate = c.ExpectedOwner, c.RequesterPays, c.Accelerate
	if e := c.Encryption; e != nil && e.SSE == sseCustomer {
		key, err := objectstore.NewCustomerKey(e.CustomerKey)
		if err != nil {
			return o, problem.New("invalid-value", "customer_key: "+err.Error(), nil)
		}
		o.CustomerKey = key
	}
	return o, nil
}
