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
		Relations: map[string]cty.Value{"source": cty.ObjectVal(map[string]cty.Value{"orders": cty.StringVal(`"source.orders"`)})},
		Inputs:    []string{"source.orders", "transform.totals"},
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
	Text   string            `wb:"text"`
	Secret secret.String     `wb:"secret"`
	ID     secret.Text       `wb:"id"`
	Flag   bool              `wb:"flag"`
	Count  int64             `wb:"count"`
	Ratio  float64           `wb:"ratio"`
	Wait   time.Duration     `wb:"wait"`
	Limit  int64             `wb:"limit"`
	Names  []string          `wb:"names"`
	Tags   map[string]string `wb:"tags"`
	Values []cty.Value       `wb:"values"`
	Input  RefValue          `wb:"input"`
	Query  string            `wb:"query"`
	File   string            `wb:"query_file"`
	Where  *place            `wb:"where"`
	Mode   string            `wb:"mode"`
	Maybe  *bool             `wb:"maybe"`
	Embedded
}

type Embedded struct {
	Deep string `wb:"deep"`
}

var block = &Block{Type: "thing", Attrs: []Attr{
	{Name: "text", Type: String}, {Name: "secret", Type: String, Sensitive: true, NoLiteral: true}, {Name: "id", Type: String, Sensitive: true},
	{Name: "flag", Type: Bool}, {Name: "count", Type: Int}, {Name: "ratio", Type: Number}, {Name: "wait", Type: Duration, Example: `"5m"`}, {Name: "limit", Type: Size},
	{Name: "names", Type: Strings}, {Name: "tags", Type: StringMap}, {Name: "values", Type: List}, {Name: "input", Type: Ref},
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
		{`input = "${source.orders}"`, "wrong-type", "input wants a reference"},
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

// nest has blocks of each sort.
type nest struct {
	One  *leaf  `wb:"one"`
	Plan leaf   `wb:"plan"`
	Many []leaf `wb:"many"`
	Form *form  `wb:"format"`
}

type leaf struct {
	Label string `wb:",label"`
	Size  int64  `wb:"size"`
	Text  string `wb:"text"`
}

type form struct {
	Kind   string `wb:",label"`
	Header bool   `wb:"header"`
	Level  int64  `wb:"level"`
}

func leafBlock(name string, labels ...Label) *Block {
	return &Block{Type: name, Labels: labels, Example: name + " {}", Attrs: []Attr{{Name: "size", Type: Int, Default: "3"}, {Name: "text", Type: String, Required: name == "one"}}}
}

var nestBlock = &Block{Type: "nest", Blocks: []Nested{
	{Block: leafBlock("one")}, {Block: leafBlock("plan")}, {Block: leafBlock("many", Label{Name: "name"}), Repeat: true},
	{Required: true, Block: &Block{Type: "format", Labels: []Label{{Name: "kind"}}, Example: `format "csv" {}`, Variants: []Block{
		{Type: "csv", Attrs: []Attr{{Name: "header", Type: Bool, Default: "true"}}},
		{Type: "zip", Attrs: []Attr{{Name: "level", Type: Int, Default: "6"}}},
	}}},
}}

func TestNestedBlocks(t *testing.T) {
	var got nest
	values, diags := Decode(native(t, `
one {
  text = "a"
}
many "x" {}
many "y" {
  size = 9
}
format "csv" {}
`), nestBlock, scope(), &got)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := nest{One: &leaf{Size: 3, Text: "a"}, Many: []leaf{{Label: "x", Size: 3}, {Label: "y", Size: 9}}, Form: &form{Kind: "csv", Header: true}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for path, where := range map[string]string{"one": "main.hcl:2", "one.text": "main.hcl:3", "many[1]": "main.hcl:6", "many[1].size": "main.hcl:7", "format": "main.hcl:9"} {
		if !values.Set(path) || values.Where(path) != where {
			t.Errorf("%s is set %v at %s, want %s", path, values.Set(path), values.Where(path), where)
		}
	}
	for _, path := range []string{"one.size", "many[0].size", "format.header"} {
		if values.Set(path) || !values.Known(path) {
			t.Errorf("%s: a default is known and not set", path)
		}
	}
	if values.Set("plan") || values.Known("plan.size") {
		t.Error("a block that is absent is there")
	}
}

func TestNestedMistakes(t *testing.T) {
	for _, tt := range []struct {
		text string
		code diag.Code
		want string
	}{
		{``, "missing-block", `nest needs a "format" block Write: format "csv" {}`},
		{"format \"csv\" {}\nformat \"zip\" {}", "duplicate-block", "The first is on line 1"},
		{`format "cvs" {}`, "unknown-kind", `There are: csv, zip. Did you mean "csv"?`},
		{`format {}`, "wrong-labels", ""},
		{`format "csv" "x" {}`, "wrong-labels", ""},
		{"format \"csv\" {\n  level = 1\n}", "unknown-attribute", ""},
		{"format \"csv\" {}\none {}", "missing-attribute", "text"},
		{"format \"csv\" {}\none {\n  text = null\n}", "missing-attribute", "text is null"},
		{"format \"csv\" {}\nmany \"x\" {\n  szie = 1\n}", "unknown-attribute", `Did you mean "size"?`},
		{"format \"csv\" {}\nmany {}", "wrong-labels", ""},
		{"format \"csv\" {}\nmayn \"x\" {}", "unknown-block", `Did you mean "many"?`},
		{"format \"csv\" {}\none = 5", "unknown-attribute", ""},
	} {
		var got nest
		_, diags := Decode(native(t, tt.text), nestBlock, scope(), &got)
		wantDiag(t, tt.text, diags, tt.code, tt.want)
		if len(diags) != 1 {
			t.Errorf("%s: %d diagnostics: %v", tt.text, len(diags), diags)
		}
	}
}

func TestDefaults(t *testing.T) {
	var got leaf
	if diags := Defaults(leafBlock("plan"), &got); diags.HasErrors() || got.Size != 3 {
		t.Errorf("%+v, %v", got, diags)
	}
}

// An attribute goes to every target that has a field for it.
func TestSeveralTargets(t *testing.T) {
	var a struct {
		Text string `wb:"text"`
		Size int64  `wb:"size"`
	}
	var b struct {
		Text string `wb:"text"`
	}
	_, diags := Decode(native(t, `text = "x"`), leafBlock("plan"), scope(), &a, &b)
	if diags.HasErrors() || a.Text != "x" || a.Size != 3 || b.Text != "x" {
		t.Errorf("%+v %+v %v", a, b, diags)
	}
}

func TestMerge(t *testing.T) {
	a := &Block{Type: "a", Doc: "A.", Attrs: []Attr{{Name: "x", Type: String}}, Blocks: []Nested{{Block: leafBlock("one")}}}
	b := &Block{Type: "b", Example: "b {}", Attrs: []Attr{{Name: "y", Type: String}}}
	m := Merge(a, b)
	if m.Type != "a" || m.Doc != "A." || m.Example != "b {}" || len(m.Attrs) != 2 || len(m.Blocks) != 1 {
		t.Errorf("merged: %+v", m)
	}
	if len(a.Attrs) != 1 || len(b.Attrs) != 1 {
		t.Error("merging changed a part")
	}
	defer func() {
		if recover() == nil {
			t.Error("two attributes of a name were merged")
		}
	}()
	Merge(a, a)
}

// wanted is a block whose attributes are late.
var late = &Block{Type: "sink", Attrs: []Attr{{Name: "key", Type: String, Late: true, Required: true}, {Name: "other", Type: String, Late: true}}}

func TestLate(t *testing.T) {
	var none struct{}
	s := scope()
	values, diags := Decode(native(t, `key = "${var.name}/${file.partition}x-${file.number}.csv"`), late, s, &none)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	key := values.Late("key")
	if text, known, diags := key.Eval("0000001", "p=1/"); text != "ann/p=1/x-0000001.csv" || !known || diags.HasErrors() {
		t.Errorf("key = %q, %v, %v", text, known, diags)
	}
	if !key.Uses("file", "number") || key.Uses("file", "date") || !key.Uses("var", "name") {
		t.Error("what the key uses is wrong")
	}
	if !values.Late("other").IsZero() || key.IsZero() || key.Range().Start.Line != 1 {
		t.Error("which attributes are there is wrong")
	}
	values, _ = Decode(native(t, `key = "${run.date}.csv"`), late, s, &none)
	key = values.Late("key")
	if text, known, diags := key.Eval("", ""); text != "" || known || diags.HasErrors() {
		t.Errorf("before a run: %q, %v, %v", text, known, diags)
	}
	inRun := s.With(map[string]cty.Value{"run": cty.ObjectVal(map[string]cty.Value{"date": cty.StringVal("2026-01-31")})})
	if text, known, _ := key.In(inRun).Eval("", ""); text != "2026-01-31.csv" || !known {
		t.Errorf("in a run: %q, %v", text, known)
	}
	for text, code := range map[string]diag.Code{`key = file.nmuber`: "unknown-reference", `key = fiel.number`: "unknown-reference", ``: "missing-attribute"} {
		_, diags := Decode(native(t, text), late, s, &none)
		wantDiag(t, text, diags, code, "")
	}
	values, _ = Decode(native(t, `key = var.secret`), late, s, &none)
	_, _, diags = values.Late("key").Eval("", "")
	wantDiag(t, "a secret key", diags, "sensitive-value", "key")
	values, _ = Decode(native(t, `key = null`), late, s, &none)
	_, known, diags := values.Late("key").Eval("", "")
	wantDiag(t, "a null key", diags, "missing-attribute", "key is null")
	if known {
		t.Error("null is known")
	}
}

func TestUses(t *testing.T) {
	var got everything
	values, diags := Decode(native(t, "query = \"FROM ${source.orders} ${var.name}\"\ninput = transform.totals\nwhere = connection[\"here\"]\ntext = run.date"), block, scope(), &got)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var uses []string
	for _, u := range values.Uses() {
		uses = append(uses, u.Address())
	}
	// In the order in which the block describes its attributes.
	want := []string{"run.date", "transform.totals", "source.orders", "var.name", "connection.here"}
	if d := cmp.Diff(want, uses); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestValues(t *testing.T) {
	var got everything
	values, diags := Decode(native(t, "text = run.date\nname_of_nothing = 1\nnames = [\n  \"a\",\n]\nflag = null\nquery_file = \"q.sql\""), block, scope(), &got)
	if len(diags) != 1 {
		t.Fatal(diags)
	}
	for path, want := range map[string][2]bool{
		"text": {true, false}, "names": {true, true}, "flag": {true, true}, "count": {false, false}, "nothing": {false, false},
	} {
		if got := [2]bool{values.Set(path), values.Known(path)}; got != want {
			t.Errorf("%s: set and known %v, want %v", path, got, want)
		}
	}
	if r := values.Range("names"); r.Start.Line != 3 || r.End.Line != 5 {
		t.Errorf("names stand at %v", r)
	}
	if d := values.Error("count", "invalid-value", "s", "d"); d.Subject.Filename != "main.hcl" {
		t.Errorf("an error about what is absent stands at %v", d.Subject)
	}
	if r := values.TextRange("query_file", 0, 1); r.Filename != "q.sql" || r.Start.Line != 1 {
		t.Errorf("the text of query_file stands at %v, want q.sql", r)
	}
}

func TestPairs(t *testing.T) {
	b := &Block{Type: "source", Attrs: []Attr{{Name: "columns", Type: OrderedMap}}}
	for text, want := range map[string]string{
		`columns = { b = "x", a = var.name }`:               "b=x a=ann",
		`columns = { "b" = 1, (var.name) = "y" }`:           "b=1 ann=y",
		`columns = { for k in ["z", "y"] : k => upper(k) }`: "y=Y z=Z",
		`columns = { b = run.date }`:                        "",
		`columns = {}`:                                      "",
		`columns = null`:                                    "",
	} {
		var c struct {
			Columns map[string]string `wb:"columns"`
		}
		values, diags := Decode(native(t, text), b, scope(), &c)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var got []string
		for _, p := range values.Pairs("columns") {
			got = append(got, p.Key+"="+p.Value)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s = %q, want %q", text, got, want)
		}
		if known := !strings.Contains(text, "run."); values.AllKnown() != known {
			t.Errorf("%s: all known is %v", text, !known)
		}
	}
}
