package schema_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
	. "waybill/internal/schema"
)

// late is a block whose attributes are late.
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
