package s3_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/identity"
	"waybill/internal/identity/identitytest"
	"waybill/internal/problem"
	"waybill/internal/sandbox"
	"waybill/internal/schema"
	"waybill/sources"
	"waybill/sources/s3"
)

func TestMain(m *testing.M) { identitytest.Main(m) }

func waiter(t *testing.T, w *identitytest.World, role, bucket string) sources.Waiter {
	t.Helper()
	f, diags := hclsyntax.ParseConfig([]byte("connection = connection.acme\nbucket = \""+bucket+"\"\nkey = \"done/_SUCCESS\""), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	conn := cty.CapsuleVal(identity.CapsuleType, w.Connection(identitytest.Role(role)))
	scope := &schema.Scope{Eval: &hcl.EvalContext{Variables: map[string]cty.Value{"connection": cty.ObjectVal(map[string]cty.Value{"acme": conn})}}}
	bound, diags := s3.WaiterKind(identity.NewProvider()).Decode(f.Body, nil, scope, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	out, err := bound.Build(sources.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWaiter(t *testing.T) {
	w := identitytest.Start(t)
	see := waiter(t, w, "Reader", identitytest.Inbox)
	if got := see.What(); got != "s3://"+identitytest.Inbox+"/done/_SUCCESS" {
		t.Errorf("waits for %s", got)
	}
	ready := func(want bool) {
		t.Helper()
		if got, err := see.Ready(t.Context()); got != want || err != nil {
			t.Fatalf("ready: %v, %v", got, err)
		}
	}
	ready(false)
	_, err := w.Admin("us-east-1").PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String(identitytest.Inbox), Key: aws.String("done/_SUCCESS"), Body: strings.NewReader("")})
	if err != nil {
		t.Fatal(err)
	}
	ready(true)
	if forbidden := w.Requests("PutObject"); len(forbidden) > 0 {
		t.Errorf("it wrote: %v", forbidden)
	}
}

func TestWaiterFailures(t *testing.T) {
	w := identitytest.Start(t)
	for _, tt := range []struct {
		name, role, bucket string
		fault              []sandbox.Fault
		code               string
		class              problem.Class
	}{
		{"the role may not read", "Inbox", identitytest.Inbox, nil, "bucket-access-denied", problem.Permanent},
		{"there is no such bucket", "Reader", "nobodys-bucket", nil, "bucket-not-found", problem.Permanent},
		{"S3 is busy", "Reader", identitytest.Inbox, []sandbox.Fault{{Operation: "HeadObject", Status: 503, Code: "SlowDown"}}, "s3-slow-down", problem.Throttled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Faults(tt.fault...)
			defer w.Faults()
			ready, err := waiter(t, w, tt.role, tt.bucket).Ready(t.Context())
			p := problem.As(err)
			if ready || p == nil || p.Code != tt.code || p.Class != tt.class {
				t.Errorf("ready: %v, %v", ready, err)
			}
			if tt.code == "bucket-access-denied" && !strings.Contains(strings.Join(p.Remedy, " "), "s3:ListBucket") {
				t.Errorf("the remedy is %q", p.Remedy)
			}
		})
	}
}
