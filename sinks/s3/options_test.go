package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"waybill/internal/identity/identitytest"
	"waybill/sinks"
	"waybill/sinks/sinktest"
)

// TestOptionsAreSent: what the language offers arrives at S3, with a small file
// and with one in parts.
func TestOptionsAreSent(t *testing.T) {
	tests := []struct {
		name, options string
		header        map[string]string // of the request that makes the object
		every         map[string]string // of every request of the object
	}{
		{"none", ``, map[string]string{"x-amz-meta-waybill-delivery": "d-7f3a", "x-amz-meta-waybill-rows": "3", "content-type": "text/csv"}, nil},
		{"content type", `content_type = "application/x-acme"`, map[string]string{"content-type": "application/x-acme"}, nil},
		{"metadata", `metadata = { Tenant = "acme" }`, map[string]string{"x-amz-meta-tenant": "acme"}, nil},
		{"tags", `tags = { tenant = "a b", team = "x=y" }`, map[string]string{"x-amz-tagging": "team=x%3Dy&tenant=a+b"}, nil},
		{"storage class", `storage_class = "STANDARD_IA"`, map[string]string{"x-amz-storage-class": "STANDARD_IA"}, nil},
		{"acl", `acl = "bucket-owner-full-control"`, map[string]string{"x-amz-acl": "bucket-owner-full-control"}, nil},
		{"AES256", "encryption {\nsse = \"AES256\"\n}", map[string]string{"x-amz-server-side-encryption": "AES256"}, nil},
		{"KMS", "encryption {\nsse = \"aws:kms\"\nkms_key_id = \"k-1\"\n}",
			map[string]string{"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "k-1"}, nil},
		{"owner", `expected_bucket_owner = "` + identitytest.Partners + `"`, nil, map[string]string{"x-amz-expected-bucket-owner": identitytest.Partners}},
		{"requester pays", `requester_pays = true`, nil, map[string]string{"x-amz-request-payer": "requester"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := identitytest.Start(t)
			artifacts := []sinks.Artifact{sinktest.Artifact(t, "out/a.csv", 100, 1), sinktest.Artifact(t, "out/b.csv", 17<<20, 2)}
			if _, err := sinkTo(t, w, "Reader", identitytest.Inbox, tt.options).Deliver(t.Context(), sinktest.Delivery(&sinktest.Ledger{}, artifacts...)); err != nil {
				t.Fatal(err)
			}
			makes := w.Requests("PutObject", "CreateMultipartUpload")
			if len(makes) != 2 {
				t.Fatalf("%d objects were begun, want 2", len(makes))
			}
			for _, e := range makes {
				wantHeaders(t, e.Operation, e.Header, tt.header)
			}
			for _, e := range w.Requests("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload") {
				wantHeaders(t, e.Operation, e.Header, tt.every)
			}
		})
	}
}

func wantHeaders(t *testing.T, operation string, got, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s was sent with %s: %q, want %q", operation, name, got[name], value)
		}
	}
}

// TestOptionsStand: they are on the object afterwards, as S3 itself tells.
func TestOptionsStand(t *testing.T) {
	w := identitytest.Start(t)
	bucket, key := identitytest.Inbox, "out/a.csv"
	s := sinkTo(t, w, "Reader", bucket, `content_type = "application/x-acme"
metadata = { tenant = "acme" }
tags = { team = "growth" }
storage_class = "STANDARD"`)
	if _, err := s.Deliver(t.Context(), sinktest.Delivery(&sinktest.Ledger{}, sinktest.Artifact(t, key, 100, 1))); err != nil {
		t.Fatal(err)
	}
	head, err := w.Admin("us-east-1").HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil || *head.ContentType != "application/x-acme" || head.Metadata["tenant"] != "acme" || head.Metadata["waybill-delivery"] != "d-7f3a" {
		t.Errorf("the object is %+v, %v", head, err)
	}
	tags, err := w.Admin("us-east-1").GetObjectTagging(t.Context(), &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: &key})
	if err != nil || len(tags.TagSet) != 1 || *tags.TagSet[0].Key != "team" || *tags.TagSet[0].Value != "growth" {
		t.Errorf("the object's tags are %+v, %v", tags, err)
	}
}

// TestCustomerKey: the key goes with every request of an object, and is kept
// nowhere: not in the plan, not in the journal.
func TestCustomerKey(t *testing.T) {
	w := identitytest.Start(t)
	raw := bytes.Repeat([]byte{7}, 32)
	key, sum := base64.StdEncoding.EncodeToString(raw), md5.Sum(raw)
	t.Setenv("KEY", key)
	s := sinkTo(t, w, "Reader", identitytest.Inbox, "encryption {\nsse = \"customer\"\ncustomer_key = var.key\n}")
	artifacts := []sinks.Artifact{sinktest.Artifact(t, "out/a.csv", 100, 1), sinktest.Artifact(t, "out/b.csv", 17<<20, 2)}
	_, err := s.Deliver(t.Context(), sinktest.Delivery(&sinktest.Ledger{}, artifacts...))
	// The sandbox's S3 keeps no objects under such keys; what counts is what is sent.
	for _, e := range w.Requests("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload") {
		wantHeaders(t, e.Operation, e.Header, map[string]string{
			"x-amz-server-side-encryption-customer-algorithm": "AES256",
			"x-amz-server-side-encryption-customer-key-md5":   base64.StdEncoding.EncodeToString(sum[:]),
		})
		if e.Header["x-amz-server-side-encryption"] != "" {
			t.Errorf("%s asks for a second method: %v", e.Operation, e.Header)
		}
	}
	if n := len(w.Requests("PutObject")); n == 0 {
		t.Errorf("nothing was put: %v", err)
	}
	kept, kerr := s.(sinks.Planned).Options()
	if kerr != nil {
		t.Fatal(kerr)
	}
	journal, jerr := os.ReadFile(w.Journal)
	if jerr != nil {
		t.Fatal(jerr)
	}
	if text := string(kept) + string(journal) + fmt.Sprintf("%+v %v", s, err); strings.Contains(text, key) {
		t.Error("the key is shown")
	}
	if !strings.Contains(string(kept), `"sse":"customer"`) {
		t.Errorf("the plan does not say that a key is needed: %s", kept)
	}
}
