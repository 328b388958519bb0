package schema_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	. "waybill/internal/schema"
)

type inner struct {
	Size int64  `wb:"size"`
	Text string `wb:"text"`
}

// shadowing has a field of its own before the one that it embeds, and another
// after.
type shadowing struct {
	Size int64 `wb:"size"`
	inner
	Text2 string `wb:"text"`
}

// Blocks that are decoded with a common cache are what they are without one:
// the first field of a name is filled, in the struct's order, and defaults do
// not spread from one to the other.
func TestCommonCache(t *testing.T) {
	block := &Block{Type: "x", Attrs: []Attr{{Name: "size", Type: Int, Default: "3"}, {Name: "text", Type: String, Default: "none"}}}
	decode := func(scope *Scope, text string) (shadowing, inner) {
		t.Helper()
		f, diags := hclsyntax.ParseConfig([]byte(text), "x.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var a shadowing
		var b inner
		if _, diags := Decode(f.Body, block, scope, &a, &b); diags.HasErrors() {
			t.Fatal(diags)
		}
		return a, b
	}
	common := &Scope{Eval: &hcl.EvalContext{}, Cache: &Cache{}}
	for i, text := range []string{"", "size = 4", `text = "t"`, "", "size = 5\ntext = \"u\""} {
		a, b := decode(common, text)
		c, d := decode(&Scope{Eval: &hcl.EvalContext{}}, text)
		if diff := cmp.Diff(fmt.Sprint(c, d), fmt.Sprint(a, b)); diff != "" {
			t.Errorf("text %d: %s", i, diff)
		}
		if a.Size != b.Size || a.inner.Text != b.Text || a.inner.Size != 0 || a.Text2 != "" {
			t.Errorf("text %d filled %+v and %+v", i, a, b)
		}
	}
}

// A pair of blocks is merged once for a scope and those made from it.
func TestCommonMerge(t *testing.T) {
	a, b := &Block{Type: "a", Attrs: []Attr{{Name: "x", Type: Int}}}, &Block{Type: "b", Attrs: []Attr{{Name: "y", Type: Int}}}
	common := &Scope{Eval: &hcl.EvalContext{}, Cache: &Cache{}}
	if common.Merge(a, b) != common.With(nil).Merge(a, b) {
		t.Error("merged twice")
	}
	alone := &Scope{Eval: &hcl.EvalContext{}}
	if merged := alone.Merge(a, b); merged == alone.Merge(a, b) || len(merged.Attrs) != 2 {
		t.Errorf("without a cache: %+v", merged)
	}
}
