package main

import (
	"strings"
	"testing"

	"waybill/config"
	"waybill/runner/tests"
)

// tested is a project that the examples of test files speak of.
const tested = `
variable "env" {
  default = "dev"
}

pipeline "daily_orders" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "sql" "by_region" {
    query = "SELECT region, sum(total) AS total FROM ${source.orders} GROUP BY ALL"
  }
  check "row_count" "some" {
    input = transform.by_region
    min   = 1
  }
  condition "results" "new" {
    input = transform.by_region
    when  = "changed"
  }
  sink "file" "acme" {
    input = transform.by_region
    path  = "reports/${var.env}.parquet"
    format "parquet" {}
  }
}
`

func TestExamplesOfTestsLoad(t *testing.T) {
	for _, b := range tests.Reference() {
		for _, e := range examples(t, heading(b), b.Block) {
			dir := t.TempDir()
			text := e.text
			if !strings.HasPrefix(text, "test ") {
				text = "test \"example\" {\n  pipeline = pipeline.daily_orders\n" + text + "\n"
				if b.Type != "given" {
					text += "given \"source.orders\" {\n  rows = [{ region = \"EU\", total = 1 }]\n}\n"
				}
				text += "}\n"
			}
			writeFile(t, dir, "main.hcl", tested)
			writeFile(t, dir, "example.test.hcl", text)
			s, diags, err := tests.Load(dir, config.Vars{}, registries())
			if err != nil || len(diags) > 0 || len(s.Tests) != 1 {
				t.Errorf("%s: %v %v in\n%s", e.path, err, diags, text)
			}
		}
	}
}
