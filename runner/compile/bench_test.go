package compile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2/hclparse"

	"waybill/config"
	"waybill/runner/compile"
)

func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// thousand are the files of a large project: 1,000 pipelines, each with a
// partner's connection of its own and a statement in a file.
func thousand() map[string][]byte {
	files := map[string][]byte{"sql/totals.sql": []byte("SELECT region, sum(total) AS total\nFROM ${source.orders}\nGROUP BY 1\n"),
		"main.hcl": []byte("variable \"env\" {\n  default = \"prod\"\n}\nlocals {\n  inbox = \"inbox-${var.env}\"\n}\n")}
	for i := range 1000 {
		files[fmt.Sprintf("pipelines/p%04d.hcl", i)] = fmt.Appendf(nil, `
connection "aws" "c%[1]d" {
  region = "eu-west-1"
  assume_role {
    role_arn    = "arn:aws:iam::123456789012:role/Inbox%[1]d"
    external_id = "partner-%[1]d"
  }
}

pipeline "p%04[1]d" {
  schedule {
    cron     = "0 9 ? * MON-FRI *"
    timezone = "America/New_York"
  }
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "sql" "totals" {
    query_file = "sql/totals.sql"
  }
  sink "s3" "out" {
    input      = transform.totals
    connection = connection.c%[1]d
    bucket     = local.inbox
    key        = "reports/%[1]d/${run.date}/totals.parquet"
    format "parquet" {}
  }
}
`, i)
	}
	return files
}

// BenchmarkCompile1000 measures a reload of a large project. Its baseline is
// what HCL's parser alone takes for the same files.
func BenchmarkCompile1000(b *testing.B) {
	files := thousand()
	regs := registries()
	var whole, parsing time.Duration
	for b.Loop() {
		began := time.Now()
		parser := hclparse.NewParser()
		for name, src := range files {
			if config.IsConfig(name) {
				if _, diags := parser.ParseHCL(src, name); diags.HasErrors() {
					b.Fatal(diags)
				}
			}
		}
		parsing += time.Since(began)
		began = time.Now()
		g, _, diags := compile.Compile(config.StoredTree("/project", files), config.Vars{LookupEnv: noEnv}, regs)
		if g == nil || len(g.Pipelines) != 1000 {
			b.Fatal(diags)
		}
		whole += time.Since(began)
	}
	b.ReportMetric(float64(1000*b.N)/whole.Seconds(), "pipelines/s")
	b.ReportMetric(whole.Seconds()/parsing.Seconds(), "×parsing")
}

// A large project compiles without a word.
func TestThousandPipelines(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a second")
	}
	g, _, diags := compile.Compile(config.StoredTree("/project", thousand()), config.Vars{LookupEnv: noEnv}, registries())
	if g == nil || len(diags) > 0 {
		t.Fatal(diags)
	}
}
