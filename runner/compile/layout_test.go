package compile_test

import (
	"slices"
	"strings"
	"testing"

	"waybill/internal/problem"
	"waybill/runner/compile"
)

const laidOut = `
connection "aws" "acme" {
  region = "eu-west-1"
}

pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "s3" "out" {
    input         = source.orders
    connection    = connection.acme
    bucket        = "acme-inbox"
    key           = "${run.date}/${file.partition}part-${file.number}.csv"
    partition_by  = ["region"]
    max_file_rows = 1000
    max_file_size = "1MiB"
    manifest_key  = "${run.date}/manifest.json"
    if_exists     = "fail"
    format "csv" {}
  }
}
`

func TestNamesOfSeveralFiles(t *testing.T) {
	g := compiled(t, map[string]string{"main.hcl": laidOut}, nil)
	b, err := g.Pipeline("p").Bind(compile.RunValues{Slot: at("2026-01-31T09:00:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	for want, file := range map[string]struct {
		number    int
		partition string
	}{
		"2026-01-31/region=EU/part-0000001.csv": {1, "region=EU/"},
		"2026-01-31/region=EU/part-0010000.csv": {10000, "region=EU/"},
		"2026-01-31/part-0000012.csv":           {12, ""},
	} {
		if got, err := b.FileName("sink.out", file.number, file.partition); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	out, err := b.Output("sink.out")
	if err != nil || out.MaxFileRows != 1000 || out.MaxFileSize != 1<<20 || !slices.Equal(out.PartitionBy, []string{"region"}) {
		t.Errorf("output %+v, %v", out, err)
	}
	if out.ManifestKey != "2026-01-31/manifest.json" || out.SuccessKey != "" || out.IfExists != "fail" || out.Mode != "full" {
		t.Errorf("output %+v", out)
	}
	want := []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:DeleteObject"}
	if got := b.Actions("sink.out"); !slices.Equal(got, want) {
		t.Errorf("actions %v, want %v", got, want)
	}
}

// A marker's name that fails in a run is a problem of the run.
func TestMarkerThatFails(t *testing.T) {
	text := strings.Replace(laidOut, `"${run.date}/manifest.json"`, `{ "2027-01-31" = "a" }[run.date]`, 1)
	g := compiled(t, map[string]string{"main.hcl": text}, nil)
	b, err := g.Pipeline("p").Bind(compile.RunValues{Slot: at("2026-01-31T09:00:00Z")})
	if err == nil {
		_, err = b.Output("sink.out")
	}
	if p := problem.As(err); p == nil || p.Code != "invalid-index" || !strings.HasPrefix(p.Where, "main.hcl:") {
		t.Errorf("got %v, want invalid-index with its place", err)
	}
}

// Sinks of two pipelines that partition into one place meet.
func TestPartitionsOfTwoSinksMeet(t *testing.T) {
	other := strings.Replace(strings.Split(laidOut, "\n\n")[1], `pipeline "p"`, `pipeline "q"`, 1)
	codes, _ := found(laidOut+other, nil)
	if !slices.Equal(codes, []string{"key-collision"}) {
		t.Errorf("found %v, want key-collision once", codes)
	}
	apart := strings.ReplaceAll(other, "${run.date}", "q/${run.date}")
	if codes, _ := found(laidOut+apart, nil); len(codes) > 0 {
		t.Errorf("found %v for sinks that write to different places", codes)
	}
}
