package encode

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"waybill/internal/problem"
	"waybill/internal/schema"
)

func TestCopySQL(t *testing.T) {
	for name, c := range map[string]struct {
		format Format
		want   string
	}{
		"parquet":   {Default(Parquet), `FORMAT parquet, COMPRESSION 'zstd', ROW_GROUP_SIZE 122880`},
		"plain":     {Format{Kind: Parquet, Compression: None, RowGroupRows: 2048}, `FORMAT parquet, COMPRESSION 'uncompressed', ROW_GROUP_SIZE 2048`},
		"csv":       {Default(CSV), `FORMAT csv, DELIMITER ',', QUOTE '"', ESCAPE '"', HEADER true, NULLSTR '', COMPRESSION 'none'`},
		"csv odd":   {Format{Kind: CSV, Delimiter: "\t", Quote: "'", Escape: "'", QuoteMode: QuoteNonNull, Null: "it's", Compression: Gzip, DateFormat: "%d"}, "FORMAT csv, DELIMITER '\t', QUOTE '''', ESCAPE '''', HEADER false, NULLSTR 'it''s', FORCE_QUOTE *, COMPRESSION 'none', DATEFORMAT '%d'"},
		"rewritten": {Format{Kind: CSV, Header: true, Delimiter: "\t", Quote: "'", Null: "x", QuoteMode: QuoteAll}, `FORMAT csv, DELIMITER ',', QUOTE '"', ESCAPE '"', HEADER true, NULLSTR '', COMPRESSION 'none'`},
		"json":      {Default(JSON), `FORMAT json, ARRAY true, COMPRESSION 'none'`},
		"ndjson":    {Format{Kind: NDJSON, Compression: Zstd, TimestampFormat: "%Y"}, `FORMAT json, ARRAY false, COMPRESSION 'none', TIMESTAMPFORMAT '%Y'`},
	} {
		t.Run(name, func(t *testing.T) {
			want := "COPY (SELECT 1 -- one\n) TO '/x/it''s' (" + c.want + ", USE_TMP_FILE false)"
			if got := c.format.CopySQL("SELECT 1 -- one", "/x/it's"); got != want {
				t.Errorf("got\n%s, want\n%s", got, want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		format     Format
		extensions string
		media      string
	}{
		{Default(Parquet), ".parquet", "application/vnd.apache.parquet"},
		{Default(CSV), ".csv .tsv .txt", "text/csv; charset=utf-8"},
		{Format{Kind: CSV, Delimiter: "\t"}, ".tsv .csv .txt", "text/tab-separated-values; charset=utf-8"},
		{Format{Kind: CSV, Compression: Gzip}, ".csv.gz .tsv.gz .txt.gz", "application/gzip"},
		{Format{Kind: NDJSON}, ".ndjson .jsonl .json", "application/x-ndjson"},
		{Format{Kind: NDJSON, Compression: Zstd}, ".ndjson.zst .jsonl.zst .json.zst", "application/zstd"},
		{Format{Kind: JSON}, ".json", "application/json"},
		{Format{Kind: JSON, Compression: Zip}, ".json.zip .zip", "application/zip"},
		{Format{Kind: JSON, Compression: Tgz}, ".json.tgz .json.tar.gz .tgz .tar.gz", "application/gzip"},
		{Format{Kind: Parquet, PGP: &PGP{}}, ".parquet.pgp .parquet.gpg", "application/pgp-encrypted"},
		{Format{Kind: JSON, Compression: Gzip, PGP: &PGP{Armor: true}}, ".json.gz.asc .json.gz.pgp .json.gz.gpg", "application/pgp-encrypted"},
		{Format{Kind: CSV, Encoding: "utf-16le-bom"}, ".csv .tsv .txt", "text/csv; charset=utf-16"},
		{Format{Kind: CSV, Encoding: "windows-1252", Delimiter: "\t"}, ".tsv .csv .txt", "text/tab-separated-values; charset=windows-1252"},
	} {
		if got := strings.Join(c.format.Extensions(), " "); got != c.extensions {
			t.Errorf("%+v: extensions %s, want %s", c.format, got, c.extensions)
		}
		if got := c.format.ContentType(); got != c.media {
			t.Errorf("%+v: content type %s, want %s", c.format, got, c.media)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, kind := range kinds() {
		if err := Default(kind).Check(); err != nil {
			t.Errorf("the default of %s: %v", kind, err)
		}
	}
	for says, f := range map[string]Format{
		`no format "orc"`:           {Kind: "orc"},
		`compression: "snappy"`:     {Kind: CSV, Compression: Snappy},
		`compression: "lz4"`:        {Kind: Parquet, Compression: "lz4"},
		`row_group_rows: "100"`:     {Kind: Parquet, RowGroupRows: 100},
		`row_group_rows: "-1"`:      {Kind: Parquet, RowGroupRows: -1},
		`delimiter: "||"`:           {Kind: CSV, Delimiter: "||"},
		`delimiter: "§"`:            {Kind: CSV, Delimiter: "§"},
		`quote: "` + "\n":           {Kind: CSV, Quote: "\n"},
		`quote or escape character`: {Kind: CSV, Delimiter: `"`},
		`quote_mode: "some"`:        {Kind: CSV, QuoteMode: "some"},
		`line_ending: "cr"`:         {Kind: CSV, LineEnding: "cr"},
		`encoding: "latin"`:         {Kind: CSV, Encoding: "latin"},
		`null: "∅"`:                 {Kind: CSV, Null: "∅", Encoding: "windows-1252"},
		`row_number: "№"`:           {Kind: CSV, RowNumber: "№", Encoding: "iso-8859-1"},
		`null: "a,b"`:               {Kind: CSV, Null: "a,b"},
	} {
		err := f.Check()
		if p := problem.As(err); p == nil || p.Code != "invalid-value" || !strings.Contains(p.Summary, says) {
			t.Errorf("%+v: got %v, want %s", f, err, says)
		}
	}
}

func TestFormatTravelsAsJSON(t *testing.T) {
	want := Format{Kind: CSV, Compression: Gzip, Delimiter: ";", Quote: "'", Escape: `\`, QuoteMode: QuoteAll, Header: true, Null: "x", DateFormat: "%d", TimestampFormat: "%Y", LineEnding: CRLF, Encoding: "utf-16le", RowNumber: "n", EscapeFormulas: true}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Format
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// config is a block that has a format, as sinks have.
type config struct {
	Format Format `wb:"format"`
}

func decode(t *testing.T, text string) (Format, hcl.Diagnostics) {
	t.Helper()
	file, diags := hclsyntax.ParseConfig([]byte(text), "t.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	parent := &schema.Block{Type: "sink", Blocks: []schema.Nested{{Block: Block(), Required: true}}}
	var c config
	_, diags = schema.Decode(file.Body, parent, &schema.Scope{Eval: &hcl.EvalContext{}}, &c)
	return c.Format, diags
}

func TestBlockDecodesToDefaults(t *testing.T) {
	for _, kind := range kinds() {
		got, diags := decode(t, `format "`+kind+`" {}`)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if diff := cmp.Diff(Default(kind), got); diff != "" {
			t.Errorf("%s: an empty block is not the default:\n%s", kind, diff)
		}
	}
	got, diags := decode(t, `format "csv" {
		delimiter  = "\t"
		header     = false
		null       = "\\N"
		quote_mode = "all"
	}`)
	want := Format{Kind: CSV, Compression: None, Delimiter: "\t", Quote: `"`, Escape: `"`, QuoteMode: QuoteAll, Null: `\N`, LineEnding: LF, Encoding: UTF8}
	if diff := cmp.Diff(want, got); diff != "" || diags.HasErrors() {
		t.Errorf("%s%v", diff, diags)
	}
	for _, text := range []string{`format "parquet" { header = true }`, `format "csv" { compression = "snappy" }`, `format "orc" {}`, `format "ndjson" { delimiter = ";" }`} {
		if _, diags := decode(t, text); !diags.HasErrors() {
			t.Errorf("%s was accepted", text)
		}
	}
}

// TestBlockIsDocumented keeps the reference complete.
func TestBlockIsDocumented(t *testing.T) {
	for _, v := range Block().Variants {
		if v.Doc == "" || v.Example == "" {
			t.Errorf("%s lacks doc or example", v.Type)
		}
		for _, a := range v.Attrs {
			if a.Doc == "" || a.Default == "" && a.Example == "" {
				t.Errorf("%s.%s lacks doc, or both default and example", v.Type, a.Name)
			}
			if a.Default != "" && len(a.OneOf) > 0 && !slices.Contains(a.OneOf, a.Default) {
				t.Errorf("%s.%s: the default is not one of its values", v.Type, a.Name)
			}
		}
	}
}

func TestEntryName(t *testing.T) {
	pgp := Format{Kind: CSV, Compression: Zip, PGP: &PGP{Armor: true}}
	csv, tgz := Format{Kind: CSV, Compression: Zip}, Format{Kind: JSON, Compression: Tgz}
	for _, tt := range []struct {
		format    Format
		key, want string
	}{
		{csv, "reports/2027/by_region.csv.zip", "by_region.csv"},
		{csv, "by_region.CSV.ZIP", "by_region.CSV"},
		{csv, "reports/by_region.zip", "by_region.csv"},
		{csv, "reports/by_region", "by_region.csv"},
		{csv, "by_region-0000001.txt", "by_region-0000001.txt"},
		{csv, "reports/.zip", "data.csv"},
		{csv, "..", "data.csv"},
		{csv, "", "data.csv"},
		{csv, `..\..\a.csv.zip`, `.._.._a.csv`},
		{pgp, "a/b.csv.zip.asc", "b.csv"},
		{pgp, "a/b.zip.GPG", "b.csv"},
		{tgz, "a/b.tar.gz", "b.json"},
		{tgz, "a/b.json.tgz", "b.json"},
	} {
		if got := tt.format.EntryName(tt.key); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.key, got, tt.want)
		}
	}
}
