package encode

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// columns makes a schema of these types, whose columns are called c0, c1, ….
func columns(types ...string) dataset.Schema {
	var out dataset.Schema
	for i, t := range types {
		out = append(out, dataset.Column{Name: "c" + strconvInt(int64(i)), Type: t})
	}
	return out
}

// ours is the text that DuckDB writes for the rewriter: see records.
const ours = "c0,c1\n1,\"a,b\"\n,\n-2.5,\"\"\n3,\"say \"\"no\"\"\nor #\"\n4,\"#x\"\n5,é\n"

func rewrite(t testing.TB, f Format, text string, schema dataset.Schema) (string, int64, error) {
	t.Helper()
	var out bytes.Buffer
	// One byte at a time: no value may depend on how the file is read.
	rows, err := rewriteCSV(&out, iotest.OneByteReader(strings.NewReader(text)), f, "transform.t", schema)
	return out.String(), rows, err
}

func TestRewriteDialects(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Format)
		want   string
	}{
		"crlf":                       {func(f *Format) { f.LineEnding = CRLF }, "c0,c1\r\n1,\"a,b\"\r\n,\r\n-2.5,\"\"\r\n3,\"say \"\"no\"\"\nor #\"\r\n4,\"#x\"\r\n5,é\r\n"},
		"all":                        {func(f *Format) { f.QuoteMode = QuoteAll }, "\"c0\",\"c1\"\n\"1\",\"a,b\"\n\"\",\"\"\n\"-2.5\",\"\"\n\"3\",\"say \"\"no\"\"\nor #\"\n\"4\",\"#x\"\n\"5\",\"é\"\n"},
		"all, null":                  {func(f *Format) { f.QuoteMode, f.Null, f.Header = QuoteAll, "N", false }, "\"c0\",\"c1\"\n\"1\",\"a,b\"\n\"N\",\"N\"\n\"-2.5\",\"\"\n\"3\",\"say \"\"no\"\"\nor #\"\n\"4\",\"#x\"\n\"5\",\"é\"\n"},
		"non_null":                   {func(f *Format) { f.QuoteMode, f.LineEnding = QuoteNonNull, CRLF }, "\"c0\",\"c1\"\r\n\"1\",\"a,b\"\r\n,\r\n\"-2.5\",\"\"\r\n\"3\",\"say \"\"no\"\"\nor #\"\r\n\"4\",\"#x\"\r\n\"5\",\"é\"\r\n"},
		"non_numeric":                {func(f *Format) { f.QuoteMode = QuoteNonNumeric }, "\"c0\",\"c1\"\n1,\"a,b\"\n,\n-2.5,\"\"\n3,\"say \"\"no\"\"\nor #\"\n4,\"#x\"\n5,\"é\"\n"},
		"a number that needs quotes": {func(f *Format) { f.QuoteMode, f.Delimiter = QuoteNonNumeric, "." }, "\"c0\".\"c1\"\n1.\"a,b\"\n.\n\"-2.5\".\"\"\n3.\"say \"\"no\"\"\nor #\"\n4.\"#x\"\n5.\"é\"\n"},
		"odd characters":             {func(f *Format) { f.Delimiter, f.Quote, f.Escape, f.LineEnding = "\t", "'", `\`, CRLF }, "c0\tc1\r\n1\ta,b\r\n\t\r\n-2.5\t''\r\n3\t'say \"no\"\nor #'\r\n4\t'#x'\r\n5\té\r\n"},
		"numbered":                   {func(f *Format) { f.RowNumber, f.QuoteMode = "n,o", QuoteNonNumeric }, "\"n,o\",\"c0\",\"c1\"\n1,1,\"a,b\"\n2,,\n3,-2.5,\"\"\n4,3,\"say \"\"no\"\"\nor #\"\n5,4,\"#x\"\n6,5,\"é\"\n"},
		"latin":                      {func(f *Format) { f.Encoding = "iso-8859-1" }, "c0,c1\n1,\"a,b\"\n,\n-2.5,\"\"\n3,\"say \"\"no\"\"\nor #\"\n4,\"#x\"\n5,\xe9\n"},
		"bom":                        {func(f *Format) { f.Encoding = "utf-8-bom" }, "\xef\xbb\xbf" + ours},
	} {
		t.Run(name, func(t *testing.T) {
			f := Default(CSV)
			tt.change(&f)
			if err := f.Check(); err != nil {
				t.Fatal(err)
			}
			got, rows, err := rewrite(t, f, ours, columns("double", "varchar"))
			want := int64(6)
			if !f.Header {
				want = 7
			}
			if got != tt.want || rows != want || err != nil {
				t.Errorf("got %d rows, %v\n%q, want\n%q", rows, err, got, tt.want)
			}
		})
	}
}

func TestRewriteEncodings(t *testing.T) {
	const text = "c0\nÄ€😀\n"
	units := utf16.Encode([]rune(text))
	little, big := "", ""
	for _, u := range units {
		little += string([]byte{byte(u), byte(u >> 8)})
		big += string([]byte{byte(u >> 8), byte(u)})
	}
	for name, want := range map[string]string{
		"utf-8-bom": "\xef\xbb\xbf" + text,
		"utf-16le":  little, "utf-16le-bom": "\xff\xfe" + little,
		"utf-16be": big, "utf-16be-bom": "\xfe\xff" + big,
	} {
		got, _, err := rewrite(t, Format{Kind: CSV, Header: true, Encoding: name}, text, columns("varchar"))
		if got != want || err != nil {
			t.Errorf("%s: got %q, want %q; %v", name, got, want, err)
		}
	}
	got, _, err := rewrite(t, Format{Kind: CSV, Header: true, Encoding: "windows-1252"}, "c0\nÄ€\n", columns("varchar"))
	if got != "c0\n\xc4\x80\n" || err != nil {
		t.Errorf("windows-1252: got %q, %v", got, err)
	}
}

func TestRewriteRefuses(t *testing.T) {
	none := Format{Kind: CSV, Header: true, QuoteMode: QuoteNone}
	nulls := none
	nulls.Null = "x"
	for name, tt := range map[string]struct {
		format Format
		text   string
		says   string
	}{
		"a character":          {Format{Kind: CSV, Header: true, Encoding: "windows-1252"}, "c0,c1\n1,β\n", `transform.t: a value of column "c1" has a character that windows-1252 lacks.`},
		"a euro in latin":      {Format{Kind: CSV, Header: true, Encoding: "iso-8859-1"}, "c0,c1\n1,€\n", `column "c1" has a character that iso-8859-1 lacks`},
		"a column's name":      {Format{Kind: CSV, Header: true, Encoding: "iso-8859-1"}, "c0,β\n", `the name of column "c1" has a character`},
		"a delimiter":          {none, "c0,c1\n1,\"a,b\"\n", `a value of column "c1" has the delimiter`},
		"a quote":              {none, "c0,c1\n1,\"a\"\"b\"\n", `a value of column "c1" has the delimiter`},
		"a line end":           {none, "c0,c1\n1,\"a\nb\"\n", `a value of column "c1" has the delimiter`},
		"a name with a quote":  {none, "c0,\"a\"\"b\"\n", `the name of column "c1" has the delimiter`},
		"the empty text":       {none, "c0,c1\n1,\"\"\n", `column "c1" is the empty text`},
		"the text for NULL":    {nulls, "c0,c1\n1,x\n", `column "c1" is the text that stands for NULL`},
		"a column that exists": {Format{Kind: CSV, RowNumber: "C1"}, "", `transform.t has a column "C1" already`},
	} {
		_, _, err := rewrite(t, tt.format, tt.text, columns("bigint", "varchar"))
		if p := problem.As(err); p == nil || !strings.Contains(p.Summary, tt.says) || p.Code != "value-unsupported" && p.Code != "column-unsuitable" {
			t.Errorf("%s: got %v, want %s", name, err, tt.says)
		}
	}
	// What needs no quotes goes through.
	got, _, err := rewrite(t, none, "c0,c1\n1,\"#a b\"\n,é\n", columns("bigint", "varchar"))
	if want := "c0,c1\n1,#a b\n,é\n"; got != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// A file that DuckDB cannot have written is never rewritten as if it had.
func TestRewriteOfBrokenText(t *testing.T) {
	for _, text := range []string{"c0,c1\n1", "c0,c1\n1,\"a", "c0,c1\n1,\"a\"", "c0,c1\n1,\"a\"b\n", "c0,c1\n1,2,3\n", "\""} {
		if got, _, err := rewrite(t, Format{Kind: CSV, Header: true, LineEnding: CRLF}, text, columns("bigint", "varchar")); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
	_, err := rewriteCSV(failing{}, strings.NewReader(ours), Format{Kind: CSV, LineEnding: CRLF}, "t", columns("bigint", "varchar"))
	if err == nil {
		t.Error("a write that fails is not seen")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// Whatever the values are, another reader reads them as they were.
func TestRewriteRoundTrip(t *testing.T) {
	texts := rapid.StringOfN(rapid.RuneFrom([]rune("ab ,;\t\"'\\\n#=é€0")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		f := Default(CSV)
		f.Delimiter = rapid.SampledFrom([]string{",", ";", "\t", "|"}).Draw(t, "delimiter")
		f.QuoteMode = rapid.SampledFrom([]string{QuoteAll, QuoteNonNull, QuoteNonNumeric, QuoteMinimal}).Draw(t, "mode")
		f.LineEnding = rapid.SampledFrom([]string{LF, CRLF}).Draw(t, "line ending")
		f.Null = rapid.SampledFrom([]string{"NULL", "\x01"}).Draw(t, "null")
		width := rapid.IntRange(2, 4).Draw(t, "columns")
		var rows [][]string
		var in strings.Builder
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			row := make([]string, width)
			for i := range row {
				row[i] = texts.Draw(t, "value")
				if i > 0 {
					in.WriteByte(',')
				}
				in.WriteString(`"` + strings.ReplaceAll(row[i], `"`, `""`) + `"`)
			}
			in.WriteByte('\n')
			rows = append(rows, row)
		}
		f.Header = false
		var out bytes.Buffer
		if n, err := rewriteCSV(&out, strings.NewReader(in.String()), f, "t", columns(slices.Repeat([]string{"varchar"}, width)...)); err != nil || n != int64(len(rows)) {
			t.Fatalf("%d rows, %v", n, err)
		}
		r := csv.NewReader(&out)
		r.Comma = rune(f.Delimiter[0])
		got, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// BenchmarkRewrite says how fast plain CSV becomes another dialect.
func BenchmarkRewrite(b *testing.B) {
	text := strings.Repeat("12345,some text of a usual length,2027-01-31 09:00:00,\"with, a comma\"\n", 10_000)
	schema := columns("bigint", "varchar", "timestamp", "varchar")
	for _, f := range []Format{{Kind: CSV, LineEnding: CRLF}, {Kind: CSV, Encoding: "utf-16le"}} {
		b.Run(f.LineEnding+f.Encoding, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := rewriteCSV(io.Discard, strings.NewReader(text), f, "t", schema); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
