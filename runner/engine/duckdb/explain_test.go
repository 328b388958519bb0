package duckdb

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	driver "github.com/duckdb/duckdb-go/v2"
	"pgregory.net/rapid"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// TestValuesNeverSurvive feeds the wordings values that try to look like
// DuckDB's own words.
func TestValuesNeverSurvive(t *testing.T) {
	const canary = "s3cr3t"
	d := &Database{schemas: map[string]dataset.Schema{"t": {{Name: "email", Type: "varchar"}, {Name: "a", Type: "integer"}}}}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{"", "'", "\"", "' to INT32", "' to INT32 when casting from source column id\n", "\nColumn x is being converted as type DATE\n", "\n", "x' to INT32 when casting from source column "}).Draw(t, "before") + canary +
			rapid.SampledFrom([]string{"", "'", "\n", "' to INT64", "\" to type"}).Draw(t, "after")
		message := rapid.SampledFrom([]string{
			"Could not convert string '%s' to INT32 when casting from source column email",
			"Could not convert string '%s' to INT32",
			"invalid date field format: \"%s\", expected format is (YYYY-MM-DD)",
			"Malformed JSON at byte 5 of input: unexpected character.  Input: \"%s\"",
			"Casting value \"%s\" to type DECIMAL(3,1) failed: value is out of range!",
			"Type VARCHAR with value %s can't be cast to the destination type INT8",
			"CSV Error on Line: 3\nOriginal Line: %s\nExpected Number of Columns: 2 Found: 1\nPossible fixes:\n",
			"CSV Error on Line: 3\nOriginal Line: %[1]s\nError when converting column \"a\". Could not convert string \"%[1]s\" to 'INTEGER'\n\nColumn a is being converted as type INTEGER\nThis type",
			"%s",
		}).Draw(t, "message")
		kind := rapid.SampledFrom([]string{"Conversion", "Invalid Input", "Out of Range", "Constraint", "Serialization", "Invalid"}).Draw(t, "kind")
		raw := &driver.Error{Msg: kind + " Error: " + strings.ReplaceAll(strings.ReplaceAll(message, "%[1]s", value), "%s", value)}
		err := d.explain(raw, "transform.t", "")
		p := problem.As(err)
		if p == nil {
			t.Fatalf("%v is no problem", err)
		}
		data, jsonErr := p.MarshalJSON()
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if strings.Contains(string(data), canary) {
			t.Fatalf("the problem holds the value: %s", data)
		}
	})
}

func TestExplainCodes(t *testing.T) {
	d := &Database{}
	for message, code := range map[string]string{
		`{"exception_type":"Out of Memory","exception_message":"failed to allocate data of size 16.0 MiB (178.2 MiB/190.7 MiB used)\n\nPossible"}`:            "out-of-memory",
		`{"exception_type":"Out of Memory","exception_message":"failed to offload data block\nThis limit was set by the 'max_temp_directory_size' setting."}`: "spill-full",
		`{"exception_type":"IO","exception_message":"Could not write all bytes to file \"/x\": wanted=1 wrote=0: No space left on device"}`:                   "disk-full",
		`{"exception_type":"INTERNAL","exception_message":"Attempted to dereference"}`:                                                                        "engine-crashed",
		`{"exception_type":"Binder","exception_message":"Referenced column","error_subtype":"COLUMN_NOT_FOUND","name":"x","candidates":"y","position":"7"}`:   "column-not-found",
		`Out of Memory Error: could not allocate block`: "out-of-memory",
	} {
		err := d.explain(fmt.Errorf("wrapped: %w", &driver.Error{Msg: message}), "t", "SELECT x")
		if p := problem.As(err); p == nil || p.Code != code {
			t.Errorf("%s: got %v, want %s", message, err, code)
		}
	}
	if err := d.explain(errors.New("other"), "t", ""); problem.As(err).Code != "internal" {
		t.Errorf("got %v", err)
	}
}
