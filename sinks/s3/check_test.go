package s3_test

import (
	"strings"
	"testing"

	"waybill/internal/diag"
	"waybill/internal/identity"
	"waybill/internal/identity/identitytest"
	"waybill/sinks/s3"
)

func TestCheck(t *testing.T) {
	role := "assume_role {\nrole_arn = \"arn:aws:iam::123456789012:role/Inbox\"\nexternal_id = \"acme-1\"\n"
	base := &identity.Config{Name: "acme", Roles: []identity.Role{identitytest.Role("Inbox")}}
	elsewhere := &identity.Config{Name: "minio", Endpoint: &identity.Endpoint{S3: "https://minio.example.com", PathStyle: true}}
	customer := func(more string) string { return "encryption {\nsse = \"customer\"\n" + more + "}" }
	t.Setenv("KEY", "not base64!")
	tests := []struct {
		name string
		conn *identity.Config
		body string
		want string // code; empty: fine
	}{
		{"plain", base, ``, ""},
		{"connection not known yet", nil, ``, ""},
		{"role on top", base, role + "}", ""},
		{"role on top for too long", base, role + "duration = \"2h\"\n}", "role-chain-duration"},
		{"role alone for long", nil, role + "duration = \"2h\"\n}", ""},
		{"role without external id", nil, "assume_role {\nrole_arn = \"arn:aws:iam::123456789012:role/Inbox\"\n}", "external-id-missing"},
		{"sensitive external id", base, strings.Replace(role, `"acme-1"`, "var.id", 1) + "}", "external-id-invalid"},
		{"region", base, `region = "eu-west-1"`, ""},
		{"wrong region", base, `region = "europe"`, "invalid-value"},
		{"owner", base, `expected_bucket_owner = "012345678901"`, ""},
		{"owner as a number", base, `expected_bucket_owner = 12345678901`, "invalid-value"},
		{"metadata", base, `metadata = { tenant = "acme" }`, ""},
		{"metadata of ours", base, `metadata = { Waybill-Delivery = "x" }`, "invalid-value"},
		{"metadata name", base, `metadata = { "a b" = "x" }`, "invalid-value"},
		{"metadata twice", base, `metadata = { a = "x", A = "y" }`, "invalid-value"},
		{"metadata in letters of any script", base, `metadata = { a = "größe" }`, "invalid-value"},
		{"metadata of 2 KB", base, `metadata = { a = "` + strings.Repeat("x", 2000) + `" }`, "invalid-value"},
		{"tags", base, `tags = { tenant = "acme" }`, ""},
		{"too many tags", base, `tags = { a="",b="",c="",d="",e="",f="",g="",h="",i="",j="",k="" }`, "invalid-value"},
		{"storage class", base, `storage_class = "STANDARD_IA"`, ""},
		{"storage class in lower case", base, `storage_class = "standard"`, "invalid-value"},
		{"acl", base, `acl = "public-read"`, "invalid-value"},
		{"encryption", base, "encryption {\nsse = \"aws:kms\"\nkms_key_id = \"k\"\n}", ""},
		{"key without KMS", base, "encryption {\nsse = \"AES256\"\nkms_key_id = \"k\"\n}", "invalid-value"},
		{"key of KMS and of the customer", base, customer("kms_key_id = \"k\"\ncustomer_key = var.later\n"), "invalid-value"},
		{"customer's key", base, customer("customer_key = var.later\n"), ""},
		{"customer without a key", base, customer(""), "invalid-value"},
		{"customer's key that is none", base, customer("customer_key = var.key\n"), "invalid-value"},
		{"customer's key in the file", base, customer("customer_key = \"AAAA\"\n"), "literal-secret"},
		{"customer's key with KMS", base, "encryption {\nsse = \"aws:kms\"\ncustomer_key = var.later\n}", "invalid-value"},
		{"checksum", base, `checksum_algorithm = "SHA256"`, ""},
		{"checksum of no known kind", base, `checksum_algorithm = "MD5"`, "invalid-value"},
		{"requester pays", base, `requester_pays = true`, ""},
		{"accelerated", base, `accelerate = true`, ""},
		{"accelerated elsewhere", elsewhere, `accelerate = true`, "invalid-value"},
		{"tag with characters that S3 refuses", base, `tags = { a = "x&y" }`, "invalid-value"},
		{"sensitive key", base, `content_type = var.id`, "sensitive-value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := decode(t, tt.conn, "connection = connection.acme\nbucket = \"acme-inbox\"\nkey = \"a-${run.date}\"\n"+tt.body)
			got := ""
			if len(diags) > 0 {
				got = string(diag.CodeOf(diags[0]))
			}
			if got != tt.want {
				t.Errorf("got %q, want %q: %v", got, tt.want, diags)
			}
		})
	}
}

func TestBucketNames(t *testing.T) {
	tests := map[string]bool{
		"acme-inbox": true, "a.b-c": true, "abc": true, "0ab": true, strings.Repeat("a", 63): true,
		"ab": false, strings.Repeat("a", 64): false, "Acme": false, "acme_inbox": false, "-acme": false, "acme-": false, "a..b": false,
		"192.168.0.1": false, "s3://acme": false, "acme/inbox": false, "xn--acme": false, "acme-s3alias": true, "": false, "größe": false,
		"arn:aws:s3:eu-west-1:123456789012:accesspoint/inbox": true, "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/inbox": true,
		"arn:aws:s3:::acme-inbox": false, "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap": false, "arn:aws:iam::123456789012:role/Inbox": false,
		"arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01/accesspoint/x": false,
	}
	for name, ok := range tests {
		_, diags := decode(t, nil, "bucket = \""+name+"\"\nkey = \"a\"")
		if (len(diags) == 0) != ok || (!ok && diag.CodeOf(diags[0]) != "bucket-invalid-name") {
			t.Errorf("%q: %v, want allowed: %v", name, diags, ok)
		}
	}
}

func TestPlace(t *testing.T) {
	if got := (s3.Config{Bucket: "b"}).Place(); got != "s3://b" {
		t.Errorf("got %q", got)
	}
	if got := (s3.Config{}).Place(); got != "" {
		t.Errorf("a bucket that is not known has the place %q", got)
	}
}
