package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"waybill/internal/sandbox"
	"waybill/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	sandboxtest.ServeIfChild()
	os.Exit(m.Run())
}

// world has a runner in one account and a partner's inbox in another.
const world = `
user "runner" {
  account = "111122223333"
  default = true
  statement {
    actions   = ["sts:AssumeRole", "s3:*"]
    resources = ["*"]
  }
}
user "nobody" {}
user "outsider" {
  account = "999999999999"
  statement {
    actions   = ["*"]
    resources = ["*"]
  }
}
role "Inbox" {
  account = "123456789012"
  trust {
    principals  = ["arn:aws:iam::111122223333:user/runner"]
    external_id = "acme-7f3a"
  }
  statement {
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["arn:aws:s3:::acme-inbox/in/*"]
  }
}
role "ReadOnly" {
  trust { principals = ["111122223333"] }
  max_session_duration = "4h"
  statement {
    actions   = ["s3:GetObject", "s3:ListBucket", "sts:AssumeRole"]
    resources = ["*"]
  }
}
role "Next" {
  trust { principals = ["111122223333"] }
  max_session_duration = "4h"
}
role "Brief" {
  trust { principals = ["111122223333"] }
  expire_after = "1ms"
  statement {
    actions   = ["s3:*"]
    resources = ["*"]
  }
}
bucket "lake" {}
bucket "acme-inbox" { account = "123456789012" }
bucket "ireland" { region = "eu-west-1" }
bucket "shared" {
  account = "123456789012"
  policy  = jsonencode({
    Version   = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:root" }
      Action    = "s3:PutObject"
      Resource  = "arn:aws:s3:::shared/*"
    }]
  })
}
`

func s3Client(t *testing.T, p *sandbox.Process, user string, opts ...func(*s3.Options)) *s3.Client {
	return s3.NewFromConfig(sandboxtest.Config(t, p, user), opts...)
}

func put(ctx context.Context, c *s3.Client, bucket, key, text string) error {
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(text), Metadata: map[string]string{"delivery-id": "d1"}})
	return err
}

func get(ctx context.Context, c *s3.Client, bucket, key string) (string, error) {
	out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	return string(text), err
}

// wantCode fails the test unless err is an API error of that code and status.
func wantCode(t *testing.T, err error, code string, status int) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Fatalf("want error code %s, got %v", code, err)
	}
	var resp *smithyhttp.ResponseError
	if status != 0 && (!errors.As(err, &resp) || resp.HTTPStatusCode() != status) {
		t.Fatalf("want status %d, got %v", status, err)
	}
}

func TestObjects(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	c := s3Client(t, p, "")
	if err := put(ctx, c, "lake", "a/b c+d=é.txt", "hello, sandbox"); err != nil {
		t.Fatal(err)
	}
	if text, err := get(ctx, c, "lake", "a/b c+d=é.txt"); err != nil || text != "hello, sandbox" {
		t.Fatalf("got %q, %v", text, err)
	}
	out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("lake"), Key: aws.String("a/b c+d=é.txt"), Range: aws.String("bytes=7-13")})
	if err != nil {
		t.Fatal(err)
	}
	part, _ := io.ReadAll(out.Body)
	if string(part) != "sandbox" || out.Metadata["delivery-id"] != "d1" {
		t.Errorf("got %q, metadata %v", part, out.Metadata)
	}
	list, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("lake"), Prefix: aws.String("a/")})
	if err != nil || len(list.Contents) != 1 {
		t.Fatalf("listed %v, %v", list, err)
	}
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("lake"), Key: list.Contents[0].Key, Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	wantCode(t, err, "PreconditionFailed", 412)
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("lake"), Key: aws.String("copy"), CopySource: aws.String("lake/a/b%20c%2Bd%3D%C3%A9.txt")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(ctx, c, "lake", "missing"); err == nil {
		t.Fatal("a missing object was read")
	} else {
		wantCode(t, err, "NoSuchKey", 404)
	}
	wantCode(t, put(ctx, c, "no-such-bucket", "k", "x"), "NoSuchBucket", 404)
}

func TestMultipart(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	c := s3Client(t, p, "")
	begin := func(key string) *string {
		up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String("lake"), Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		if err != nil {
			t.Fatal(err)
		}
		return up.UploadId
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	id := begin("big")
	var parts []types.CompletedPart
	for n, body := range [][]byte{big, []byte("tail")} {
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String("lake"), Key: aws.String("big"), UploadId: id, PartNumber: aws.Int32(int32(n + 1)), Body: bytes.NewReader(body), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(n + 1)), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
	}
	_, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: aws.String("lake"), Key: aws.String("big"), UploadId: id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range sandboxtest.Journal(t, p) {
		if opens := e.Operation == "CreateMultipartUpload"; opens && e.UploadID != *id || !opens && e.UploadID != "" {
			t.Errorf("the journal says that %s opened %q, want %q of the first", e.Operation, e.UploadID, *id)
		}
	}
	text, err := get(ctx, c, "lake", "big")
	if err != nil || text != string(big)+"tail" {
		t.Fatalf("read %d bytes, %v", len(text), err)
	}
	id = begin("aborted")
	if _, err := c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String("lake"), Key: aws.String("aborted"), UploadId: id}); err != nil {
		t.Fatal(err)
	}
	open, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String("lake")})
	if err != nil || len(open.Uploads) != 0 {
		t.Fatalf("uploads left: %v, %v", open, err)
	}
}

func TestWhoMaySign(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	as := func(id, key, token string) aws.Config {
		cfg := sandboxtest.Config(t, p, "")
		cfg.Credentials = credentials.NewStaticCredentialsProvider(id, key, token)
		return cfg
	}
	good, _ := p.Config().DefaultUser()
	secretKey := good.SecretKey.Reveal()
	session := assume(t, p, "arn:aws:iam::111122223333:role/ReadOnly")
	brief := assume(t, p, "arn:aws:iam::111122223333:role/Brief")
	for _, tt := range []struct {
		name           string
		id, key, token string
		s3, sts        string
	}{
		{"wrong secret", good.AccessKeyID, secretKey + "x", "", "SignatureDoesNotMatch", "SignatureDoesNotMatch"},
		{"unknown key", "AKIAUNKNOWNUNKNOWN00", secretKey, "", "InvalidAccessKeyId", "InvalidClientTokenId"},
		{"token tampered with", *session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken + "x", "InvalidToken", "InvalidClientTokenId"},
		{"token missing", *session.AccessKeyId, *session.SecretAccessKey, "", "InvalidToken", "InvalidClientTokenId"},
		{"token with a user's key", good.AccessKeyID, secretKey, "token", "InvalidToken", "InvalidClientTokenId"},
		{"expired", *brief.AccessKeyId, *brief.SecretAccessKey, *brief.SessionToken, "ExpiredToken", "ExpiredToken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := as(tt.id, tt.key, tt.token)
			_, err := get(ctx, s3.NewFromConfig(cfg), "lake", "k")
			wantCode(t, err, tt.s3, 0)
			_, err = sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			wantCode(t, err, tt.sts, 403)
		})
	}
}

// assume takes a role as the runner and returns its credentials.
func assume(t *testing.T, p *sandbox.Process, role string, opts ...func(*sts.AssumeRoleInput)) *ststypes.Credentials {
	t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("test")}
	for _, o := range opts {
		o(in)
	}
	out, err := sts.NewFromConfig(sandboxtest.Config(t, p, "")).AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.Credentials
}

func sessionConfig(t *testing.T, p *sandbox.Process, c *ststypes.Credentials) aws.Config {
	cfg := sandboxtest.Config(t, p, "")
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	return cfg
}

func externalID(id string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.ExternalId = &id }
}

func TestCallerIdentity(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	out, err := sts.NewFromConfig(sandboxtest.Config(t, p, "")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *out.Arn != "arn:aws:iam::111122223333:user/runner" || *out.Account != "111122223333" {
		t.Fatalf("got %v, %v", out, err)
	}
	session := assume(t, p, "arn:aws:iam::123456789012:role/Inbox", externalID("acme-7f3a"))
	out, err = sts.NewFromConfig(sessionConfig(t, p, session)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *out.Arn != "arn:aws:sts::123456789012:assumed-role/Inbox/test" {
		t.Fatalf("got %v, %v", out, err)
	}
	if left := time.Until(*session.Expiration); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the session lasts %s, want an hour", left)
	}
}

func TestAssumeRoleRefusals(t *testing.T) {
	p := sandboxtest.Start(t, world)
	const inbox = "arn:aws:iam::123456789012:role/Inbox"
	for _, tt := range []struct {
		name, user string
		in         sts.AssumeRoleInput
		code, says string
	}{
		{"no external id", "", sts.AssumeRoleInput{RoleArn: aws.String(inbox)}, "AccessDenied",
			"User: arn:aws:iam::111122223333:user/runner is not authorized to perform: sts:AssumeRole on resource: " + inbox},
		{"wrong external id", "", sts.AssumeRoleInput{RoleArn: aws.String(inbox), ExternalId: aws.String("acme-other")}, "AccessDenied", "not authorized"},
		{"not trusted", "outsider", sts.AssumeRoleInput{RoleArn: aws.String(inbox), ExternalId: aws.String("acme-7f3a")}, "AccessDenied", "user/outsider is not authorized"},
		{"own account doesn't allow it", "nobody", sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/ReadOnly")}, "AccessDenied", "user/nobody"},
		{"no such role", "", sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/Outbox")}, "AccessDenied", "role/Outbox"},
		{"external id too short", "", sts.AssumeRoleInput{RoleArn: aws.String(inbox), ExternalId: aws.String("x")}, "ValidationError",
			"1 validation error detected: Value 'x' at 'externalId' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		{"external id pattern", "", sts.AssumeRoleInput{RoleArn: aws.String(inbox), ExternalId: aws.String("a b")}, "ValidationError", `Member must satisfy regular expression pattern: [\w+=,.@:\/-]*`},
		{"duration too short", "", sts.AssumeRoleInput{RoleArn: aws.String(inbox), DurationSeconds: aws.Int32(60)}, "ValidationError", "greater than or equal to 900"},
		{"duration over the role's", "", sts.AssumeRoleInput{RoleArn: aws.String(inbox), ExternalId: aws.String("acme-7f3a"), DurationSeconds: aws.Int32(7200)}, "ValidationError", "exceeds the MaxSessionDuration set for this role"},
		{"not a role", "", sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:user/x")}, "ValidationError", "is invalid"},
		{"bad session policy", "", sts.AssumeRoleInput{RoleArn: aws.String(inbox), Policy: aws.String(`{"Version":"2012-10-17"}`)}, "MalformedPolicyDocument", "Syntax"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := tt.in
			in.RoleSessionName = aws.String("test")
			_, err := sts.NewFromConfig(sandboxtest.Config(t, p, tt.user)).AssumeRole(t.Context(), &in)
			wantCode(t, err, tt.code, 0)
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v\nwant it to say %q", err, tt.says)
			}
		})
	}
}

func TestChainedRoles(t *testing.T) {
	p := sandboxtest.Start(t, world)
	first := assume(t, p, "arn:aws:iam::111122223333:role/ReadOnly", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(4 * 3600) })
	client := sts.NewFromConfig(sessionConfig(t, p, first))
	in := sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/Next"), RoleSessionName: aws.String("hop")}
	out, err := client.AssumeRole(t.Context(), &in)
	if err != nil || *out.AssumedRoleUser.Arn != "arn:aws:sts::111122223333:assumed-role/Next/hop" {
		t.Fatalf("got %v, %v", out, err)
	}
	in.DurationSeconds = aws.Int32(3601)
	_, err = client.AssumeRole(t.Context(), &in)
	wantCode(t, err, "ValidationError", 400)
	if !strings.Contains(err.Error(), "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining") {
		t.Error(err)
	}
}

func TestPolicies(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	inbox := s3.NewFromConfig(sessionConfig(t, p, assume(t, p, "arn:aws:iam::123456789012:role/Inbox", externalID("acme-7f3a"))))
	reader := s3.NewFromConfig(sessionConfig(t, p, assume(t, p, "arn:aws:iam::111122223333:role/ReadOnly")))
	limited := s3.NewFromConfig(sessionConfig(t, p, assume(t, p, "arn:aws:iam::123456789012:role/Inbox", externalID("acme-7f3a"), func(in *sts.AssumeRoleInput) {
		in.Policy = aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::acme-inbox/in/only/*"}}`)
	})))
	runner := s3Client(t, p, "")
	for _, tt := range []struct {
		name string
		do   func() error
		code string
	}{
		{"role puts where it may", func() error { return put(ctx, inbox, "acme-inbox", "in/a", "x") }, ""},
		{"role puts elsewhere", func() error { return put(ctx, inbox, "acme-inbox", "out/a", "x") }, "AccessDenied"},
		{"role reads", func() error { _, err := get(ctx, inbox, "acme-inbox", "in/a"); return err }, "AccessDenied"},
		{"role without PutObject", func() error { return put(ctx, reader, "lake", "a", "x") }, "AccessDenied"},
		{"session policy allows", func() error { return put(ctx, limited, "acme-inbox", "in/only/a", "x") }, ""},
		{"session policy narrows", func() error { return put(ctx, limited, "acme-inbox", "in/b", "x") }, "AccessDenied"},
		{"another account's bucket", func() error { return put(ctx, runner, "acme-inbox", "in/a", "x") }, "AccessDenied"},
		{"another account's bucket, which lets us in", func() error { return put(ctx, runner, "shared", "in/a", "x") }, ""},
		{"another account's bucket, which lets us put only", func() error { _, err := get(ctx, runner, "shared", "in/a"); return err }, "AccessDenied"},
		{"no policy at all", func() error { return put(ctx, s3Client(t, p, "nobody"), "lake", "a", "x") }, "AccessDenied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.do(); tt.code != "" {
				wantCode(t, err, tt.code, 403)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestBucketRegions(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	east := s3Client(t, p, "")
	west := s3Client(t, p, "", func(o *s3.Options) { o.Region = "eu-west-1" })
	err := put(ctx, east, "ireland", "k", "x")
	wantCode(t, err, "PermanentRedirect", 301)
	var resp *smithyhttp.ResponseError
	if errors.As(err, &resp); resp.Response.Header.Get("X-Amz-Bucket-Region") != "eu-west-1" {
		t.Errorf("the bucket's region isn't told: %v", resp.Response.Header)
	}
	if err := put(ctx, west, "ireland", "k", "x"); err != nil {
		t.Fatal(err)
	}
	head, err := west.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("ireland")})
	if err != nil || aws.ToString(head.BucketRegion) != "eu-west-1" {
		t.Fatalf("got %v, %v", head, err)
	}
	_, err = s3Client(t, p, "nobody").HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("lake")})
	if !errors.As(err, &resp) || resp.HTTPStatusCode() != 403 || resp.Response.Header.Get("X-Amz-Bucket-Region") != "us-east-1" {
		t.Errorf("a forbidden HeadBucket tells the region all the same: %v", err)
	}
	if _, err := west.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("made-later"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put(ctx, east, "made-later", "k", "x"), "PermanentRedirect", 301)
	if err := put(ctx, west, "made-later", "k", "x"); err != nil {
		t.Fatal(err)
	}
}

func TestExpectedBucketOwner(t *testing.T) {
	ctx := t.Context()
	p := sandboxtest.Start(t, world)
	c := s3Client(t, p, "")
	for owner, code := range map[string]string{"111122223333": "", "123456789012": "AccessDenied"} {
		_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("lake"), Key: aws.String("k"), Body: strings.NewReader("x"), ExpectedBucketOwner: &owner})
		if code != "" {
			wantCode(t, err, code, 403)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	list, err := c.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range list.Buckets {
		names = append(names, *b.Name)
	}
	if fmt.Sprint(names) != "[ireland lake]" {
		t.Errorf("the account's buckets are %v", names)
	}
}

func TestEnvironmentServesOtherClients(t *testing.T) {
	p := sandboxtest.Start(t, world)
	env := strings.Join(p.Env(), "\n")
	for _, want := range []string{"AWS_ENDPOINT_URL=" + p.URL, "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID=AKIA"} {
		if !strings.Contains(env, want) {
			t.Errorf("the environment lacks %s:\n%s", want, env)
		}
	}
	resp, err := http.Get(p.URL + "/lake/k")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("an unsigned request is answered with %s", resp.Status)
	}
}
