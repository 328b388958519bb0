package schema_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"waybill/internal/diag"
	. "waybill/internal/schema"
	"waybill/internal/secret"
)

// place is a thing that evaluates to itself.
type place struct{ name string }

var placeType = cty.Capsule("place", reflect.TypeFor[place]())

var here = &place{"here"}

func scope() *Scope {
	return &Scope{
		Eval: &hcl.EvalContext{
			Variables: map[string]cty.Value{
				"var": cty.ObjectVal(map[string]cty.Value{
					"name": cty.StringVal("ann"), "secret": cty.StringVal("s3cret").Mark(secret.Mark{}), "nothing": cty.NullVal(cty.String),
				}),
				"run":        cty.ObjectVal(map[string]cty.Value{"date": cty.UnknownVal(cty.String), "attempt": cty.UnknownVal(cty.Number)}),
				"connection": cty.ObjectVal(map[string]cty.Value{"here": cty.CapsuleVal(placeType, here)}),
			},
			Functions: map[string]function.Function{"upper": stdlib.UpperFunc, "jsonencode": stdlib.JSONEncodeFunc},
		},
		Relations: map[string]cty.Value{
			"source":    cty.ObjectVal(map[string]cty.Value{"orders": Relation("source.orders")}),
			"transform": cty.ObjectVal(map[string]cty.Value{"totals": Relation("transform.totals")}),
		},
		Inputs: []string{"source.orders", "transform.totals"},
		ReadFile: func(path string) ([]byte, error) {
			switch path {
			case "q.sql":
				return []byte("SELECT *\nFROM ${source.orders}"), nil
			case "bad.sql":
				return []byte("SELECT ${"), nil
			}
			return nil, &missing{}
		},
	}
}

type missing struct{}

func (*missing) Error() string { return "there is no such file" }

func native(t testing.TB, text string) hcl.Body {
	t.Helper()
	f, diags := hclsyntax.ParseConfig([]byte(text), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return f.Body
}

func inJSON(t testing.TB, text string) hcl.Body {
	t.Helper()
	f, diags := hcljson.Parse([]byte(text), "main.hcl.json")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return f.Body
}

// everything has a field for each type of the language.
type everything struct {
	Text   string             `wb:"text"`
	Secret secret.String      `wb:"secret"`
	ID     secret.Text        `wb:"id"`
	Flag   bool               `wb:"flag"`
	Count  int64              `wb:"count"`
	Ratio  float64            `wb:"ratio"`
	Wait   time.Duration      `wb:"wait"`
	Limit  int64              `wb:"limit"`
	Names  []string           `wb:"names"`
	Tags   map[string]string  `wb:"tags"`
	Widths map[string]float64 `wb:"widths"`
	Values []cty.Value        `wb:"values"`
	Input  RefValue           `wb:"input"`
	Query  string             `wb:"query"`
	File   string             `wb:"query_file"`
	Where  *place             `wb:"where"`
	Mode   string             `wb:"mode"`
	Maybe  *bool              `wb:"maybe"`
	Embedded
}

type Embedded struct {
	Deep string `wb:"deep"`
}

var block = &Block{Type: "thing", Attrs: []Attr{
	{Name: "text", Type: String}, {Name: "secret", Type: String, Sensitive: true, NoLiteral: true}, {Name: "id", Type: String, Sensitive: true},
	{Name: "flag", Type: Bool}, {Name: "count", Type: Int}, {Name: "ratio", Type: Number}, {Name: "wait", Type: Duration, Example: `"5m"`}, {Name: "limit", Type: Size},
	{Name: "names", Type: Strings}, {Name: "tags", Type: StringMap}, {Name: "widths", Type: NumberMap}, {Name: "values", Type: List}, {Name: "input", Type: Ref},
	{Name: "query", Type: Query}, {Name: "query_file", Type: QueryFile}, {Name: "where", Type: Capsule("connection", placeType)},
	{Name: "mode", Type: String, OneOf: []string{"full", "diff"}}, {Name: "maybe", Type: Bool}, {Name: "deep", Type: String},
}}

var compareThings = cmp.Options{
	cmp.AllowUnexported(secret.String{}, secret.Text{}, place{}), cmpopts.IgnoreFields(RefValue{}, "Range"),
	cmp.Comparer(func(a, b cty.Value) bool { return a.RawEquals(b) }),
}

func TestDecode(t *testing.T) {
	yes := true
	for _, tt := range []struct {
		text string
		want everything
	}{
		{`text = "a"`, everything{Text: "a"}},
		{`text = 5`, everything{Text: "5"}},
		{`text = upper(var.name)`, everything{Text: "ANN"}},
		{`text = var.nothing`, everything{}},
		{`text = null`, everything{}},
		{`text = run.date`, everything{}},
		{`text = "x-${run.date}"`, everything{}},
		{`secret = var.secret`, everything{Secret: secret.New("s3cret")}},
		{`secret = upper(var.name)`, everything{Secret: secret.New("ANN")}},
		{`id = var.secret`, everything{ID: secret.HiddenText("s3cret")}},
		{`id = "acme"`, everything{ID: secret.PlainText("acme")}},
		{`flag = true`, everything{Flag: true}},
		{`flag = "true"`, everything{Flag: true}},
		{`maybe = true`, everything{Maybe: &yes}},
		{`maybe = null`, everything{}},
		{`count = 7`, everything{Count: 7}},
		{`count = "-7"`, everything{Count: -7}},
		{`count = 9223372036854775807`, everything{Count: 9223372036854775807}},
		{`count = run.attempt`, everything{}},
		{`ratio = 0.5`, everything{Ratio: 0.5}},
		{`wait = "1d2h"`, everything{Wait: 26 * time.Hour}},
		{`limit = "2KiB"`, everything{Limit: 2048}},
		{`limit = 1048576`, everything{Limit: 1048576}},
		{`names = ["a", 1]`, everything{Names: []string{"a", "1"}}},
		{`names = []`, everything{Names: []string{}}},
		{`names = ["a", run.date]`, everything{}},
		{`tags = { a = "x", b = 1 }`, everything{Tags: map[string]string{"a": "x", "b": "1"}}},
		{`widths = { a = 1.5, b = "2" }`, everything{Widths: map[string]float64{"a": 1.5, "b": 2}}},
		{`values = ["a", 1, null]`, everything{Values: []cty.Value{cty.StringVal("a"), cty.NumberIntVal(1), cty.NullVal(cty.DynamicPseudoType)}}},
		{`input = source.orders`, everything{Input: RefValue{Address: "source.orders"}}},
		{`query = "SELECT 1 FROM ${source.orders}"`, everything{Query: `SELECT 1 FROM "source.orders"`}},
		{`query_file = "q.sql"`, everything{File: "SELECT *\nFROM \"source.orders\""}},
		{`where = connection.here`, everything{Where: here}},
		{`mode = "diff"`, everything{Mode: "diff"}},
		{`deep = "x"`, everything{Embedded: Embedded{"x"}}},
		{``, everything{}},
	} {
		var got everything
		_, diags := Decode(native(t, tt.text), block, scope(), &got)
		if diags.HasErrors() {
			t.Errorf("%s: %v", tt.text, diags)
			continue
		}
		if d := cmp.Diff(tt.want, got, compareThings); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, d)
		}
	}
}

func TestDecodeJSON(t *testing.T) {
	var got everything
	_, diags := Decode(inJSON(t, `{"text": "${upper(var.name)}!", "count": 7, "flag": true, "names": ["a", "${var.name}"], "tags": {"k": "${var.name}"},
		"input": "transform.totals", "query": "FROM ${source.orders}", "query_file": "q.sql", "where": "${connection.here}", "secret": "${upper(var.name)}", "wait": "5m"}`), block, scope(), &got)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := everything{Text: "ANN!", Count: 7, Flag: true, Names: []string{"a", "ann"}, Tags: map[string]string{"k": "ann"}, Input: RefValue{Address: "transform.totals"},
		Query: `FROM "source.orders"`, File: "SELECT *\nFROM \"source.orders\"", Where: here, Secret: secret.New("ANN"), Wait: 5 * time.Minute}
	if d := cmp.Diff(want, got, compareThings); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func wantDiag(t *testing.T, of string, diags hcl.Diagnostics, code diag.Code, text string) {
	t.Helper()
	for _, d := range diags {
		if diag.CodeOf(d) == code && strings.Contains(d.Summary+" "+d.Detail, text) {
			return
		}
	}
	t.Errorf("%s: diagnostics %v, want %s with %q", of, diags, code, text)
}

func TestDecodeMistakes(t *testing.T) {
	for _, tt := range []struct {
		text string
		code diag.Code
		want string
	}{
		{`txet = "a"`, "unknown-attribute", `Did you mean "text"?`},
		{`text {}`, "unknown-block", ""},
		{`text = ["a"]`, "wrong-type", "text: want a string, not tuple"},
		{`text = var.secret`, "sensitive-value", "text is made from a sensitive value"},
		{`text = "x-${var.secret}"`, "sensitive-value", "text"},
		{`names = ["a", var.secret]`, "sensitive-value", "names"},
		{`secret = "abc"`, "literal-secret", "secret stands in the file in plain text"},
		{`secret = "${"abc"}"`, "literal-secret", "plain text"},
		{`secret = 12345`, "literal-secret", "plain text"},
		{`flag = "yes"`, "wrong-type", "flag: want a bool"},
		{`count = 1.5`, "invalid-value", "want a whole number, not 1.5"},
		{`count = 1e30`, "invalid-value", "want a whole number"},
		{`count = "seven"`, "wrong-type", "count: want a whole number"},
		{`wait = "5 minutes"`, "invalid-value", `For example: wait = "5m"`},
		{`wait = "-5m"`, "invalid-value", "is not a duration"},
		{`limit = "2 gigs"`, "invalid-value", "is not a size"},
		{`names = "a"`, "wrong-type", "names: want a list of strings"},
		{`names = ["a", null]`, "invalid-value", "an element is null"},
		{`tags = { a = null }`, "invalid-value", `the value of "a" is null`},
		{`tags = ["a"]`, "wrong-type", "tags: want a map of strings"},
		{`values = "a"`, "invalid-value", "want a list such as [run.date], not string"},
		{`values = { a = 1 }`, "invalid-value", "want a list"},
		{`input = source.oders`, "unknown-reference", `Did you mean "source.orders"?`},
		{`input = "source.orders"`, "wrong-type", "input wants a reference"},
		{`input = "a ${source.orders}"`, "wrong-type", "input wants a reference"},
		{`input = upper(source.orders)`, "wrong-type", "input wants a reference"},
		{`input = source.orders.id`, "wrong-type", "input wants a reference"},
		{`input = source["orders"]`, "dynamic-reference", "source[…] is not allowed"},
		{`input = orders`, "wrong-type", "input wants a reference"},
		{`input = null`, "wrong-type", "input wants a reference"},
		{`query = "SELECT ${source.oders}"`, "unknown-reference", `no source is called "oders" Did you mean "orders"?`},
		{`query = "SELECT ${source["orders"]}"`, "dynamic-reference", "source[…]"},
		{`query = "SELECT ${var.secret}"`, "sensitive-value", "query"},
		{`text = "SELECT ${source.orders}"`, "unknown-reference", "source cannot be used here"},
		{`query_file = "none.sql"`, "file-not-readable", "There is no such file."},
		{`query_file = "bad.sql"`, "syntax", ""},
		{`query_file = "${run.date}.sql"`, "invalid-value", "depends on run-time values"},
		{`query_file = var.secret`, "sensitive-value", "query_file"},
		{`query_file = null`, "missing-attribute", "query_file is null"},
		{`where = "here"`, "wrong-type", "where: want a connection"},
		{`where = connection.there`, "unknown-reference", `no connection is called "there"`},
		{`mode = "ful"`, "invalid-value", `It is one of: full, diff. Did you mean "full"?`},
		{`text = run.dat`, "unknown-reference", `Did you mean "date"?`},
		{`text = vra.name`, "unknown-reference", `Did you mean "var"?`},
		{`text = file.number`, "unknown-reference", "exist only where files are named"},
		{`text = uper("a")`, "unknown-function", `Did you mean "upper"?`},
		{`text = upper()`, "function-failed", ""},
		{`text = [1][3]`, "invalid-index", ""},
		{`text = 1 + "a"`, "invalid-expression", ""},
	} {
		var got everything
		values, diags := Decode(native(t, tt.text), block, scope(), &got)
		wantDiag(t, tt.text, diags, tt.code, tt.want)
		if strings.Contains(diags.Error(), "s3cret") {
			t.Errorf("%s: a secret is shown: %v", tt.text, diags)
		}
		if name, _, _ := strings.Cut(tt.text, " "); values.Known(name) {
			t.Errorf("%s: the value counts as known", tt.text)
		}
		if d := cmp.Diff(everything{}, got, compareThings); d != "" {
			t.Errorf("%s set something (-want +got):\n%s", tt.text, d)
		}
	}
}

func TestDecodeGoesOn(t *testing.T) {
	var got everything
	_, diags := Decode(native(t, "count = 1.5\nflag = \"x\"\nnone = 1\ntext = \"a\""), block, scope(), &got)
	if len(diags) != 3 || got.Text != "a" {
		t.Errorf("%d diagnostics, text %q: %v", len(diags), got.Text, diags)
	}
}

func TestReferencesInJSON(t *testing.T) {
	for text, want := range map[string]string{
		`"transform.totals"`: "transform.totals", `"${transform.totals}"`: "transform.totals", `"source.orders"`: "source.orders",
		`"x${transform.totals}"`: "", `"${transform.totals}y"`: "", `"${upper(transform.totals)}"`: "", `"totals"`: "", `"${transform.total}"`: "",
		`5`: "", `["transform.totals"]`: "", `null`: "", `""`: "",
	} {
		var got everything
		values, diags := Decode(inJSON(t, `{"input": `+text+`}`), block, scope(), &got)
		if got.Input.Address != want || diags.HasErrors() == (want != "") {
			t.Errorf("%s = %q, %v", text, got.Input.Address, diags)
		}
		if want != "" && (len(values.Uses()) != 1 || values.Uses()[0].Address() != want) {
			t.Errorf("%s: uses %v", text, values.Uses())
		}
	}
}

func TestLiteralSecretsInJSON(t *testing.T) {
	for text, literal := range map[string]bool{`"abc"`: true, `"${var.secret}"`: false, `"${upper(var.secret)}"`: false, `"${"abc"}"`: true} {
		text = strings.ReplaceAll(text, `{"abc"}`, `{\"abc\"}`)
		var got everything
		_, diags := Decode(inJSON(t, `{"secret": `+text+`}`), block, scope(), &got)
		if diags.HasErrors() != literal {
			t.Errorf("%s: %v", text, diags)
		}
	}
}
