package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/config"
	"waybill/runner/access"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
)

const project = `
variable "id" {
  type      = string
  default   = "acme-7f3c"
  sensitive = true
}

connection "aws" "lake" {
  region = "us-east-1"
  assume_role {
    role_arn                  = "arn:aws:iam::111122223333:role/Jump"
    allow_missing_external_id = true
    session_tags              = { tenant = "acme" }
  }
  assume_role {
    role_arn                  = "arn:aws:iam::111122223333:role/Analyst"
    allow_missing_external_id = true
  }
}

connection "aws" "web" {
  region = "eu-west-1"
  web_identity {
    role_arn   = "arn:aws:iam::111122223333:role/FromPod"
    token_file = "/var/run/token"
  }
  assume_role {
    role_arn    = "arn:aws:iam::444455556666:role/Inbox"
    external_id = var.id
  }
}

pipeline "daily" {
  wait_for "s3" "ready" {
    connection = connection.lake
    bucket     = "lake-data"
    key        = "orders/${run.date}/_SUCCESS"
  }
  source "athena" "orders" {
    connection      = connection.lake
    database        = "sales"
    output_location = "s3://lake-results/waybill"
    query           = "SELECT region FROM orders"
    data_locations  = ["s3://lake-data/orders/"]
  }
  sink "s3" "acme" {
    input         = source.orders
    connection    = connection.web
    bucket        = "acme-inbox"
    key           = "orders/${run.date}/${file.partition}part-${file.number}.csv"
    partition_by  = ["region"]
    max_file_rows = 1000
    success_key   = "orders/${run.date}/_SUCCESS"
    if_exists     = "fail"
    tags          = { a = "b" }
    encryption {
      sse        = "aws:kms"
      kms_key_id = "arn:aws:kms:eu-west-1:444455556666:key/k"
    }
    format "csv" {}
  }
}
`

func principals(t *testing.T) []*access.Principal {
	t.Helper()
	g, _, diags := compile.Compile(config.StoredTree("/project", map[string][]byte{"main.hcl": []byte(project)}), config.Vars{}, compiletest.Registries())
	if g == nil {
		t.Fatal(diags)
	}
	all, err := access.Principals(g)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func told(all []*access.Principal) []string {
	var out []string
	for _, p := range all {
		out = append(out, p.Name)
		for _, g := range p.Needs {
			out = append(out, fmt.Sprintf("  %s on %s", strings.Join(g.Actions, " "), strings.Join(g.Resources, " ")))
		}
		for _, t := range p.Trusts {
			out = append(out, "  trusts "+t.From)
		}
	}
	return out
}

func TestPrincipals(t *testing.T) {
	want := []string{
		"the identity of the SDK's default chain",
		"  sts:AssumeRole sts:TagSession on arn:aws:iam::111122223333:role/Jump",
		"arn:aws:iam::111122223333:role/Analyst",
		"  athena:GetQueryExecution athena:GetQueryResults athena:GetWorkGroup athena:StartQueryExecution athena:StopQueryExecution on arn:aws:athena:us-east-1:111122223333:workgroup/primary",
		"  glue:GetDatabase glue:GetPartitions glue:GetTable glue:GetTables on arn:aws:glue:us-east-1:111122223333:catalog arn:aws:glue:us-east-1:111122223333:database/sales arn:aws:glue:us-east-1:111122223333:table/sales/*",
		"  s3:ListBucket on arn:aws:s3:::lake-data",
		"  s3:GetObject on arn:aws:s3:::lake-data/orders/*",
		"  s3:GetBucketLocation s3:ListBucket s3:ListBucketMultipartUploads on arn:aws:s3:::lake-results",
		"  s3:AbortMultipartUpload s3:GetObject s3:ListMultipartUploadParts s3:PutObject on arn:aws:s3:::lake-results/waybill/*",
		"  s3:DeleteObject on arn:aws:s3:::lake-results/waybill/waybill-staging/*",
		"  trusts arn:aws:iam::111122223333:role/Jump",
		"arn:aws:iam::111122223333:role/FromPod",
		"  sts:AssumeRole on arn:aws:iam::444455556666:role/Inbox",
		"  trusts the identity provider of connection web",
		"arn:aws:iam::111122223333:role/Jump",
		"  sts:AssumeRole on arn:aws:iam::111122223333:role/Analyst",
		"  trusts the identity of the SDK's default chain",
		"arn:aws:iam::444455556666:role/Inbox",
		"  kms:Decrypt kms:GenerateDataKey on arn:aws:kms:eu-west-1:444455556666:key/k",
		"  s3:ListBucket on arn:aws:s3:::acme-inbox",
		"  s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject s3:PutObjectTagging on arn:aws:s3:::acme-inbox/orders/*/*part-*.csv arn:aws:s3:::acme-inbox/orders/*/_SUCCESS",
		"  trusts arn:aws:iam::111122223333:role/FromPod",
	}
	if diff := cmp.Diff(want, told(principals(t))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A sensitive external id is not shown, and tags of a session need a trust of
// their own.
func TestTrust(t *testing.T) {
	for _, p := range principals(t) {
		text := p.Trust("arn:aws:iam::999900001111:user/ci").JSON()
		if strings.Contains(text, "acme-7f3c") {
			t.Errorf("%s: the external id is shown: %s", p.Name, text)
		}
		for name, want := range map[string]string{"role/Inbox": access.UnknownExternalID, "role/Jump": `"sts:TagSession"`, "role/Analyst": `"arn:aws:iam::111122223333:role/Jump"`} {
			if strings.HasSuffix(p.Name, name) && !strings.Contains(text, want) {
				t.Errorf("%s: %s lacks %s", p.Name, text, want)
			}
		}
	}
}

// What is printed is all that is needed, and no more.
func TestPoliciesAreWhatIsNeeded(t *testing.T) {
	for _, p := range principals(t) {
		found, err := p.Compare([]byte(p.Policy().JSON()))
		if err != nil || len(found) > 0 {
			t.Errorf("%s: %v, %v", p.Name, found, err)
		}
		for i, s := range p.Policy().Statement {
			less := p.Policy()
			less.Statement = append(less.Statement[:i:i], less.Statement[i+1:]...)
			if found, err = p.Compare([]byte(less.JSON())); err != nil || len(found) == 0 {
				t.Errorf("%s without %v: nothing is missing, %v", p.Name, s.Action, err)
			}
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	p := principals(t)[0]
	for _, text := range []string{"", "[]", "{}", `{"Statement": [{"Effect": "Perhaps"}]}`, `{"Statement": {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}}`, `{"Statement": [{"Effect": "Allow", "Action": 1}]}`} {
		if _, err := p.Compare([]byte(text)); err == nil {
			t.Errorf("%s is compared", text)
		}
	}
}
