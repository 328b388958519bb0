package compiletest

import (
	"fmt"
	"strings"
)

// Large are the files of a large project of n pipelines, ten in each file. Each
// has a partner's connection of its own, promised columns that differ from those
// of the one before, and a statement of its own.
func Large(n int) map[string][]byte {
	out := common()
	for i := range n {
		name := fmt.Sprintf("pipelines/p%04d.hcl", i/10)
		out[name] = append(out[name], largePipeline(fmt.Sprint(i), "", fmt.Sprint(i), fmt.Sprint(i%10))...)
	}
	return out
}

// Repeated is one pipeline that for_each repeats n times.
func Repeated(n int) map[string][]byte {
	out := common()
	out["main.hcl"] = append(out["main.hcl"], fmt.Sprintf("locals {\n  partners = { for p in setproduct(range(100), range(%d)) : \"p${p[0]}-${p[1]}\" => { id = p[0] * 1000 + p[1] } }\n}\n", n/100)...)
	out["pipelines/p.hcl"] = []byte(largePipeline("", "  for_each = local.partners\n", "${each.value.id}", "0"))
	return out
}

func common() map[string][]byte {
	return map[string][]byte{
		"main.hcl": []byte("variable \"env\" {\n  default = \"prod\"\n}\nlocals {\n  inbox = \"inbox-${var.env}\"\n}\n"),
	}
}

func largePipeline(name, repeat, id, column string) string {
	return strings.NewReplacer("NAME", name, "REPEAT", repeat, "ID", id, "COLUMN", column).Replace(`
connection "aws" "cNAME" {
  region = "eu-west-1"
  assume_role {
    role_arn    = "arn:aws:iam::123456789012:role/InboxNAME"
    external_id = "partner-NAME"
  }
}

pipeline "pNAME" {
REPEAT  schedule {
    cron     = "0 9 ? * MON-FRI *"
    timezone = "America/New_York"
  }
  source "file" "orders" {
    path    = "orders.csv"
    columns = { region = "varchar", total = "decimal(12,2)", cCOLUMN = "bigint" }
    format "csv" {}
  }
  transform "sql" "totals" {
    query = "SELECT region, sum(total) AS total_ID, max(cCOLUMN) AS most FROM ${source.orders} GROUP BY 1"
  }
  sink "s3" "out" {
    input      = transform.totals
    connection = connection.cNAME
    bucket     = local.inbox
    key        = "reports/ID/${run.date}/totals.parquet"
    format "parquet" {}
  }
}
`)
}
