package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/runner/engine"
)

// threeMillion is a project over all the flights: one partner gets every row,
// another what they add up to.
const threeMillion = `
connection "aws" "lake" {
  region = "us-east-1"
}

connection "aws" "acme" {
  region = "eu-west-1"
  assume_role {
    role_arn    = "arn:aws:iam::222222222222:role/Inbox"
    external_id = "acme-7f3c"
  }
}

connection "aws" "birdwatch" {
  region = "us-east-1"
  assume_role {
    role_arn    = "arn:aws:iam::333333333333:role/Drop"
    external_id = "birdwatch-2024"
  }
}

pipeline "flights" {
  source "athena" "flights" {
    connection      = connection.lake
    database        = "sales"
    output_location = "s3://lake-results/waybill/"
    query           = "SELECT date, delay, distance, origin, destination FROM flights"
  }

  source "file" "airports" {
    path = "data/airports.csv"
    format "csv" {}
  }

  transform "sql" "by_airport" {
    query = <<-SQL
      SELECT f.origin AS airport, a.city, count(*) AS flights, sum(f.delay) AS delay, sum(f.distance) AS distance
      FROM ${source.flights} f
      LEFT JOIN ${source.airports} a ON a.iata = f.origin
      GROUP BY ALL
    SQL
  }

  sink "s3" "acme" {
    input      = source.flights
    connection = connection.acme
    bucket     = "acme-inbox"
    key        = "flights/${run.date}.parquet"
    format "parquet" {}
  }

  sink "s3" "birdwatch" {
    input      = transform.by_airport
    connection = connection.birdwatch
    bucket     = "birdwatch-drop"
    key        = "airports/${run.date}.csv"
    order_by   = ["airport"]
    format "csv" {}
  }
}
`

// dataDir is where the large data sets are.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("WAYBILL_DATA")
	if dir == "" {
		t.Skip("WAYBILL_DATA is not set: it names the directory with flights-3m.parquet and airports.csv")
	}
	return dir
}

// Three million rows go through Athena, the engine and two assumed roles, and
// what arrives adds up to what was there.
func TestThreeMillionFlights(t *testing.T) {
	t.Parallel()
	data := dataDir(t)
	if testing.Short() {
		t.Skip("three million rows take half a minute")
	}
	dir := partners(t)
	writeFile(t, dir, "main.hcl", threeMillion)
	link(t, filepath.Join(data, "flights-3m.parquet"), filepath.Join(dir, "data", "flights.parquet"))
	link(t, filepath.Join(data, "airports.csv"), filepath.Join(dir, "data", "airports.csv"))
	writeFile(t, dir, "flights.sandbox.hcl", "table \"sales.flights\" {\n  files = [\"data/flights.parquet\"]\n}\n")
	p := startSandbox(t, dir)
	out := mustWaybill(t, p.Env(), "run", "flights", "-C", dir, "--at", "2001-01-01")
	t.Log(out)

	input := filepath.Join(data, "flights-3m.parquet")
	all := filepath.Join(p.DataDir, "s3/acme-inbox/flights/2001-01-01.parquet")
	const totals = `SELECT count(*) AS flights, sum(delay) AS delay, sum(distance) AS distance, min(date) AS first, max(date) AS last,
		count(delay) AS delayed, count(DISTINCT origin) AS origins, count(DISTINCT destination) AS destinations FROM "object"`
	want := queryFile(t, input, totals)
	if got := queryFile(t, all, totals); !slices.Equal(got, want) {
		t.Errorf("all flights: got %q, want %q", got, want)
	}
	if !strings.HasPrefix(want[0], "3000000|") {
		t.Errorf("the input has %s, want 3,000,000 rows", want[0])
	}

	const origins = `SELECT origin, count(*) AS flights, sum(delay) AS delay, sum(distance) AS distance FROM "object" GROUP BY origin ORDER BY origin`
	perAirport := queryFile(t, input, origins)
	if got := queryFile(t, all, origins); !slices.Equal(got, perAirport) {
		t.Errorf("all flights by airport: got %q, want %q", got, perAirport)
	}
	report := filepath.Join(p.DataDir, "s3/birdwatch-drop/airports/2001-01-01.csv")
	if got := queryFile(t, report, `SELECT airport, flights, delay, distance FROM "object" ORDER BY airport`); !slices.Equal(got, perAirport) {
		t.Errorf("the report: got %q, want %q", got, perAirport)
	}
	if got := queryFile(t, report, `SELECT city FROM "object" WHERE airport = 'ORD'`); !slices.Equal(got, []string{"Chicago"}) {
		t.Errorf("the city of ORD = %q, want Chicago", got)
	}
	for _, e := range calls(t, p, "AssumeRole") {
		if e.Params["ExternalId"] == "" {
			t.Errorf("%s was assumed without an external id", e.Params["RoleArn"])
		}
	}
	if open, err := openUploads(p.DataDir); err != nil || len(open) > 0 {
		t.Errorf("open uploads: %q, %v", open, err)
	}
}

// queryFile returns the rows of a query over a file, "a|b|c" each.
func queryFile(t *testing.T, path, query string) []string {
	t.Helper()
	ctx := t.Context()
	j, err := attachFile(ctx, path, t.TempDir())
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer func() { _ = j.Close() }()
	return previewAll(ctx, t, j, query)
}

func previewAll(ctx context.Context, t *testing.T, j engine.Job, query string) []string {
	t.Helper()
	if _, err := j.Define(ctx, "answer", query, []string{"object"}); err != nil {
		t.Fatal(err)
	}
	_, rows, err := j.Preview(ctx, "answer", 1000)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		texts := make([]string, len(r))
		for k, c := range cells(r) {
			texts[k], _ = c.(string)
		}
		out[i] = strings.Join(texts, "|")
	}
	return out
}
