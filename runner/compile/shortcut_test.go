package compile_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"waybill/runner/compile"
)

// straight is a pipeline whose sink OPTIONS decide about the short cut.
const straight = `
connection "aws" "lake" {
  region = "us-east-1"
}
connection "aws" "same" {
  region = "us-east-1"
}
connection "aws" "acme" {
  region = "us-east-1"
  assume_role {
    role_arn    = "arn:aws:iam::123456789012:role/Inbox"
    external_id = "acme-1"
  }
}
pipeline "p" {
  source "athena" "orders" {
    connection      = connection.lake
    output_location = "s3://lake-results/waybill/"
    query           = "SELECT 1 AS id"
  }
  source "file" "regions" {
    path = "regions.parquet"
    format "parquet" {}
  }
  transform "sql" "once" {
    query = "SELECT id FROM ${source.orders}"
  }
  transform "sql" "twice" {
    query = "SELECT id FROM ${source.orders} JOIN ${source.regions} USING (id)"
  }
  sink "file" "rest" {
    input = transform.twice
    path  = "rest.csv"
    format "csv" {}
  }
  check "row_count" "some" {
    input = transform.twice
    min   = 1
  }
  sink "s3" "one" {
    input      = INPUT
    connection = connection.CONNECTION
    bucket     = "inbox"
    key        = "a/${run.date}/NAME"
    FORMAT
    OPTIONS
  }
}
`

func bindStraight(t *testing.T, with map[string]string) *compile.Bound {
	t.Helper()
	text := straight
	for name, otherwise := range map[string]string{"INPUT": "source.orders", "CONNECTION": "lake", "NAME": "a.parquet", "FORMAT": `format "parquet" {}`, "OPTIONS": ""} {
		value := with[name]
		if value == "" {
			value = otherwise
		}
		text = strings.ReplaceAll(text, name, value)
	}
	b, err := compiled(t, map[string]string{"main.hcl": text}, nil).Pipeline("p").Bind(compile.RunValues{ID: "r", Slot: time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC), Attempt: 1, Trigger: "manual"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestShortcut(t *testing.T) {
	taken := compile.Shortcut{From: "source.orders", Codec: "zstd", Copy: true}
	key, err := os.ReadFile("../encode/testdata/pgp/acme.asc")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		with map[string]string
		want compile.Shortcut
	}{
		{"source, own bucket", nil, taken},
		{"another block of the same identity", map[string]string{"CONNECTION": "same"}, taken},
		{"a partner's role", map[string]string{"CONNECTION": "acme"}, compile.Shortcut{From: "source.orders", Codec: "zstd", Sent: "another identity reads source.orders"}},
		{"another region", map[string]string{"OPTIONS": `region = "eu-west-1"`}, compile.Shortcut{From: "source.orders", Codec: "zstd", Sent: "another identity reads source.orders"}},
		{"the same region", map[string]string{"OPTIONS": `region = "us-east-1"`}, taken},
		{"accelerated", map[string]string{"OPTIONS": `accelerate = true`}, compile.Shortcut{From: "source.orders", Codec: "zstd"}},
		{"a source of local files", map[string]string{"INPUT": "source.regions"}, compile.Shortcut{From: "source.regions", Codec: "zstd"}},
		{"a transform that is frozen", map[string]string{"INPUT": "transform.twice"}, compile.Shortcut{From: "transform.twice", Codec: "zstd"}},
		{"a transform that is not", map[string]string{"INPUT": "transform.once"}, compile.Shortcut{Against: "transform.once has no files of its own"}},
		{"another codec", map[string]string{"FORMAT": `format "parquet" { compression = "snappy" }`}, compile.Shortcut{From: "source.orders", Codec: "snappy", Copy: true}},
		{"row groups", map[string]string{"FORMAT": `format "parquet" { row_group_rows = 122880 }`}, compile.Shortcut{From: "source.orders", Codec: "zstd", GroupRows: 122880, Copy: true}},
		{"a ceiling", map[string]string{"NAME": "${file.number}.parquet", "OPTIONS": `max_file_size = "1MiB"`}, compile.Shortcut{From: "source.orders", Codec: "zstd", MaxSize: 1 << 20, Copy: true}},
		{"what leaves the bytes alone", map[string]string{"OPTIONS": `
			success_key = "a/_SUCCESS"
			manifest_key = "a/m.json"
			if_exists = "fail"
			if_empty = "skip"
			allow_sensitive = true
			timeout = "1h"
			storage_class = "STANDARD_IA"
			retry {
			  max_attempts = 7
			}`}, taken},
		{"CSV", map[string]string{"NAME": "a.csv", "FORMAT": `format "csv" {}`}, compile.Shortcut{Against: "its format is csv"}},
		{"sorted", map[string]string{"OPTIONS": `order_by = ["id"]`}, compile.Shortcut{Against: "order_by sorts its rows"}},
		{"cut", map[string]string{"NAME": "${file.number}.parquet", "OPTIONS": `max_file_rows = 10`}, compile.Shortcut{Against: "max_file_rows cuts its rows"}},
		{"partitioned", map[string]string{"NAME": "${file.partition}a.parquet", "OPTIONS": `partition_by = ["id"]`}, compile.Shortcut{Against: "partition_by splits its rows"}},
		{"differences", map[string]string{"OPTIONS": "mode = \"diff\"\nkey_columns = [\"id\"]"}, compile.Shortcut{Against: "it delivers differences"}},
		{"encrypted", map[string]string{"NAME": "a.parquet.pgp", "OPTIONS": "pgp {\npublic_key = <<KEY\n" + string(key) + "\nKEY\n}"}, compile.Shortcut{Against: "pgp encrypts its files"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bindStraight(t, tt.with)
			if got := b.Shortcut("sink.one"); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// Staged files are left only for a sink that could have them copied, and have
// the codec that it wants.
func TestWish(t *testing.T) {
	tests := []struct {
		name string
		with map[string]string
		want compile.Wish
	}{
		{"own bucket", nil, compile.Wish{Codec: "zstd", Leave: true}},
		{"snappy", map[string]string{"FORMAT": `format "parquet" { compression = "snappy" }`}, compile.Wish{Codec: "snappy", Leave: true}},
		{"a partner's role", map[string]string{"CONNECTION": "acme"}, compile.Wish{Codec: "zstd"}},
		{"CSV", map[string]string{"NAME": "a.csv", "FORMAT": `format "csv" {}`}, compile.Wish{}},
		{"a transform", map[string]string{"INPUT": "transform.twice"}, compile.Wish{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := bindStraight(t, tt.with).Wish("source.orders"); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
