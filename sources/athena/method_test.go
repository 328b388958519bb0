package athena

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

func TestTypesOfMetadata(t *testing.T) {
	for _, tt := range []struct {
		in   types.ColumnInfo
		want string
	}{
		{types.ColumnInfo{Type: aws.String("decimal"), Precision: 38, Scale: 9}, "decimal(38,9)"},
		{types.ColumnInfo{Type: aws.String("char"), Precision: 3}, "char(3)"},
		{types.ColumnInfo{Type: aws.String("varchar"), Precision: 2147483647}, "varchar"},
		{types.ColumnInfo{Type: aws.String("float"), Precision: 17}, "real"},
		{types.ColumnInfo{Type: aws.String("timestamp"), Precision: 3}, "timestamp"},
		{types.ColumnInfo{Type: aws.String("timestamp with time zone")}, "timestamp with time zone"},
		{types.ColumnInfo{Type: aws.String("array")}, "array"},
	} {
		if got := typeOf(tt.in); got != tt.want {
			t.Errorf("%s: got %s, want %s", aws.ToString(tt.in.Type), got, tt.want)
		}
	}
}

func TestNormalType(t *testing.T) {
	for in, want := range map[string]string{
		"timestamp(3) with time zone":           "timestamp with time zone",
		"map(varchar(5), decimal(10, 2))":       "map(varchar, decimal(10,2))",
		`row("a" integer, "B c" time(3))`:       `row(a integer, "B c" time)`,
		`row("time" integer)`:                   `row("time" integer)`,
		"array(row(x timestamp(6), y char(2)))": "array(row(x timestamp, y char(2)))",
	} {
		if got := normalType(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestWhatMethodsCarry(t *testing.T) {
	for _, tt := range []struct {
		typ             string
		unload, results bool
	}{
		{"bigint", true, true}, {"decimal(38,10)", true, true}, {"varchar", true, true}, {"char(3)", true, true},
		{"varbinary", true, true}, {"date", true, true}, {"timestamp", true, true}, {"real", true, true}, {"boolean", true, true},
		{"time", false, true}, {"timestamp with time zone", false, true}, {"json", false, true}, {"uuid", false, true},
		{"array(varchar)", true, false}, {"map(varchar, bigint)", true, false}, {"row(a integer)", true, false},
		{"array(time)", false, false}, {"row(a timestamp with time zone)", false, false}, {`row("time" integer)`, true, false},
		{"interval day to second", false, false}, {"unknown", false, false}, {"ipaddress", false, false}, {"time with time zone", false, false},
	} {
		if got := inUnload(tt.typ); got != tt.unload {
			t.Errorf("%s by UNLOAD: got %t", tt.typ, got)
		}
		if got := inResults(tt.typ); got != tt.results {
			t.Errorf("%s by a result file: got %t", tt.typ, got)
		}
	}
}

func TestChoose(t *testing.T) {
	plain := dataset.Schema{{Name: "a", Type: "bigint"}}
	list := dataset.Schema{{Name: "a", Type: "array(bigint)"}}
	clock := dataset.Schema{{Name: "a", Type: "time"}}
	for _, tt := range []struct {
		name    string
		fetch   string
		query   string
		reuse   time.Duration
		managed bool
		schema  dataset.Schema
		want    string // a method or a code
	}{
		{name: "plain", schema: plain, want: methodUnload},
		{name: "ordered", query: "SELECT 1 ORDER BY 1", schema: plain, want: methodResults},
		{name: "ordered and nested", query: "SELECT 1 ORDER BY 1", schema: list, want: methodUnload},
		{name: "tiny", query: "SELECT 1 LIMIT 10000", schema: plain, want: methodResults},
		{name: "not tiny", query: "SELECT 1 LIMIT 10001", schema: plain, want: methodUnload},
		{name: "reused", reuse: time.Hour, schema: plain, want: methodResults},
		{name: "managed", managed: true, schema: plain, want: methodResults},
		{name: "managed and nested", managed: true, schema: list, want: "athena-type-unsupported"},
		{name: "a type that UNLOAD lacks", schema: clock, want: methodResults},
		{name: "types that each way lacks", schema: append(list[:1:1], dataset.Column{Name: "b", Type: "time"}), want: "athena-type-unsupported"},
		{name: "no name", schema: dataset.Schema{{Name: "_col0", Type: "bigint"}}, want: methodResults},
		{name: "same name", schema: dataset.Schema{{Name: "a", Type: "bigint"}, {Name: "A", Type: "bigint"}}, want: "athena-syntax"},
		{name: "unload although ordered", fetch: methodUnload, query: "SELECT 1 ORDER BY 1", schema: plain, want: methodUnload},
		{name: "unload without name", fetch: methodUnload, schema: dataset.Schema{{Name: "_col0", Type: "bigint"}}, want: "athena-syntax"},
		{name: "unload of time", fetch: methodUnload, schema: clock, want: "athena-type-unsupported"},
		{name: "unload with managed results", fetch: methodUnload, managed: true, schema: plain, want: "athena-output-missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{Fetch: tt.fetch, ReuseResults: tt.reuse, Query: tt.query, Workgroup: "primary"}
			if cfg.Fetch == "" {
				cfg.Fetch = methodAuto
			}
			if cfg.Query == "" {
				cfg.Query = "SELECT 1"
			}
			s, err := New(cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			x := &extraction{Source: s, tok: token{Place: &place{Managed: tt.managed}}}
			got, err := x.choose(tt.schema)
			if p := problem.As(err); p != nil {
				got = p.Code
			}
			if got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestUnsupportedTypeTellsTheCast(t *testing.T) {
	err := unsupported(methodUnload, dataset.Schema{{Name: "id", Type: "bigint"}, {Name: "at", Type: "time"}, {Name: "doc", Type: "json"}, {Name: "seen", Type: "timestamp with time zone"}}, inUnload)
	p := problem.As(err)
	if p == nil {
		t.Fatal("no problem")
	}
	want := "CAST(\"at\" AS varchar) AS \"at\",\njson_format(\"doc\") AS \"doc\",\nCAST(at_timezone(\"seen\", 'UTC') AS timestamp) AS \"seen\""
	if p.Snippet != want {
		t.Errorf("snippet: got\n%s\nwant\n%s", p.Snippet, want)
	}
	if !strings.Contains(p.Summary, "at (time), doc (json), seen (timestamp with time zone)") {
		t.Errorf("summary: %s", p.Summary)
	}
	if !strings.Contains(strings.Join(p.Remedy, " "), `fetch = "results"`) {
		t.Errorf("remedy does not name the other method: %q", p.Remedy)
	}
	nested := problem.As(unsupported(methodResults, dataset.Schema{{Name: "tags", Type: "array"}}, inResults))
	if nested == nil || nested.Snippet != `json_format(CAST("tags" AS json)) AS "tags"` || !strings.Contains(strings.Join(nested.Remedy, " "), `fetch = "unload"`) {
		t.Errorf("got %+v", nested)
	}
}
