package schema_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/internal/diag"
	. "waybill/internal/schema"
)

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

// A kind that cannot be done yet is decoded, and told.
func TestPendingVariant(t *testing.T) {
	b := &Block{Type: "nest", Blocks: []Nested{{Block: &Block{Type: "format", Labels: []Label{{Name: "kind"}}, Variants: []Block{{Type: "csv"}, {Type: "pdf", Pending: true}}}}}}
	for kind, want := range map[string]int{"csv": 0, "pdf": 1} {
		var got nest
		values, diags := Decode(native(t, `format "`+kind+`" {}`), b, scope(), &got)
		if pending := values.Pending(); diags.HasErrors() || got.Form.Kind != kind || len(pending) != want || want > 0 && pending[0].Name != `format "pdf"` {
			t.Errorf("%s: %+v, %+v, %v", kind, got.Form, pending, diags)
		}
	}
}
