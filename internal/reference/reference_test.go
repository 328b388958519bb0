package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"waybill/internal/identity"
	"waybill/internal/schema"
	"waybill/internal/version"
	"waybill/runner/compile"
	"waybill/runner/transform"
	sinksall "waybill/sinks/all"
	sourcesall "waybill/sources/all"
)

func language(t *testing.T) *Language {
	t.Helper()
	ids := identity.NewProvider()
	l, err := Describe(compile.Registries{Waiters: sourcesall.Waiters(ids), Sources: sourcesall.Registry(ids), Transforms: transform.All(), Checks: transform.Checks(), Conditions: transform.Conditions(), Sinks: sinksall.Registry(ids)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestEveryFunctionIsDescribedOnce(t *testing.T) {
	fns, err := functions()
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for _, g := range functionGroups {
		for _, f := range g.functions {
			described = append(described, f.name)
			if f.meaning == "" {
				t.Errorf("%s has no meaning", f.name)
			}
		}
	}
	slices.Sort(described)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(fns)), described); diff != "" {
		t.Errorf("functions (-there +described):\n%s", diff)
	}
}

func TestEveryRunValueIsDescribed(t *testing.T) {
	want := slices.Sorted(maps.Keys(compile.RunValueTypes()))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(runMeanings))); diff != "" {
		t.Errorf("attributes of run (-there +described):\n%s", diff)
	}
}

func TestExamplesAreLaidOutAsInAFile(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"a {\n  b = 1\n  long = 2\n}", "a {\n  b    = 1\n  long = 2\n}"},
		{`format "csv" {}`, `format "csv" {}`},
		{`format "csv" { header = true  null = "x" }`, "format \"csv\" {\n  header = true\n  null   = \"x\"\n}"},
	} {
		got, err := Format(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("Format(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
	if got, err := Format("a = "); err == nil {
		t.Errorf("Format of a broken example = %q, want an error", got)
	}
}

const published = "../../docs/reference/language.schema.json"

// decoded is a value as a program reads it from JSON.
func decoded(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func compiledSchema(t *testing.T, fragment string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(published + fragment)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestJSONIsAsPublished(t *testing.T) {
	l := language(t)
	whole := compiledSchema(t, "")
	if err := whole.Validate(decoded(t, l)); err != nil {
		t.Error(err)
	}
	for _, broken := range []func(l *Language){
		func(l *Language) { l.Blocks[0].Doc = "" },
		func(l *Language) { l.Blocks[0].Since = "soon" },
		func(l *Language) { l.Blocks[0].Attributes = nil },
		func(l *Language) { l.Functions[0].Address = "no address" },
	} {
		l := language(t)
		broken(l)
		if err := whole.Validate(decoded(t, l)); err == nil {
			t.Error("a broken output is found right")
		}
	}
	parts := map[string]*jsonschema.Schema{}
	for goType, def := range definitions {
		parts[goType] = compiledSchema(t, "#/$defs/"+def)
	}
	for _, e := range l.Index() {
		if part := parts[typeOf(e.Item)]; part != nil {
			if err := part.Validate(decoded(t, e.Item)); err != nil {
				t.Errorf("%s: %v", e.Address, err)
			}
		}
	}
}

// definitions are what the published schema calls the entries' items.
var definitions = map[string]string{
	"reference.Block": "block", "reference.Attribute": "attribute", "reference.Value": "value", "reference.Function": "function",
}

func typeOf(item any) string { return fmt.Sprintf("%T", item) }

// Whatever the published schema describes is there to be met.
func TestEveryPublishedPropertyIsUsed(t *testing.T) {
	text, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	used := map[string]map[string]bool{}
	for _, e := range language(t).Index() {
		def := definitions[typeOf(e.Item)]
		if used[def] == nil {
			used[def] = map[string]bool{}
		}
		if object, ok := decoded(t, e.Item).(map[string]any); ok {
			for name := range object {
				used[def][name] = true
			}
		}
	}
	for def, d := range s.Defs {
		for name := range d.Properties {
			if !used[def][name] {
				t.Errorf("no %s has %s", def, name)
			}
		}
	}
}

func TestAddressesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range language(t).Index() {
		if seen[e.Address] {
			t.Errorf("%s stands for two things", e.Address)
		}
		seen[e.Address] = true
		if e.Doc == "" || e.Summary() == "" {
			t.Errorf("%s has no description", e.Address)
		}
	}
	for _, want := range []string{
		"waybill", "waybill.retry.max_attempts", "variable.validation.condition", "connection", "connection.aws.assume_role.role_arn",
		"pipeline.schedule.cron", "source.athena.columns", "check.row_count.min", "sink", "sink.s3", "sink.s3.bucket", "sink.s3.format",
		"sink.s3.format.csv", "sink.s3.format.csv.delimiter", "run", "run.date", "function", "function.date_add",
	} {
		if !seen[want] {
			t.Errorf("%s is missing", want)
		}
	}
}

// What something stands in is not younger than it, and nothing comes from a
// release that is still to be made.
func TestSince(t *testing.T) {
	since := map[string]string{}
	for _, e := range language(t).Index() {
		text := ""
		switch item := e.Item.(type) {
		case Block:
			text = item.Since
		case Attribute:
			text = item.Since
		case Value:
			text = item.Since
		case Function:
			text = item.Since
		default:
			continue
		}
		since[e.Address] = text
		if ok, err := version.Satisfies(">= " + text); err != nil || !ok {
			t.Errorf("%s is there since %q: %v", e.Address, text, err)
		}
		if around := since[parent(e.Address)]; around != "" && older(t, text, around) {
			t.Errorf("%s is there since %s, but what it stands in since %s", e.Address, text, around)
		}
	}
}

// older compares releases of three numbers.
func older(t *testing.T, a, b string) bool {
	t.Helper()
	pad := func(s string) string {
		var out []string
		for part := range strings.SplitSeq(s, ".") {
			out = append(out, strings.Repeat("0", max(0, 6-len(part)))+part)
		}
		return strings.Join(out, ".")
	}
	return pad(a) < pad(b)
}

func TestSinceIsInherited(t *testing.T) {
	csv := schema.Block{Type: "csv", Doc: "x", Example: "b {}", Since: "0.4.0", Attrs: []schema.Attr{{Name: "quote"}}}
	inner := &schema.Block{Type: "format", Example: "b {}", Since: "0.3.0", Attrs: []schema.Attr{{Name: "old"}, {Name: "new", Since: "0.5.0"}}, Variants: []schema.Block{csv}}
	outer := &schema.Block{Type: "sink", Example: "b {}", Since: "0.2.0", Attrs: []schema.Attr{{Name: "input"}}, Blocks: []schema.Nested{{Block: inner, Required: true}}}
	var d describer
	got := d.block(outer, place{kind: "s3", in: "pipeline", since: First})
	if d.err != nil {
		t.Fatal(d.err)
	}
	want := map[string]string{
		"sink.s3": "0.2.0", "sink.s3.input": "0.2.0", "sink.s3.format": "0.3.0", "sink.s3.format.old": "0.3.0", "sink.s3.format.new": "0.5.0",
		"sink.s3.format.csv": "0.4.0", "sink.s3.format.csv.quote": "0.4.0",
	}
	have := map[string]string{}
	for _, e := range blockEntries(got) {
		switch item := e.Item.(type) {
		case Block:
			have[e.Address] = item.Since
		case Attribute:
			have[e.Address] = item.Since
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestABrokenExampleIsAnError(t *testing.T) {
	var d describer
	d.block(&schema.Block{Type: "a", Example: "a = "}, place{since: First})
	if d.err == nil || !strings.Contains(d.err.Error(), "the example of a") {
		t.Errorf("got %v", d.err)
	}
}

// An attribute's example is an expression that calls only what there is.
func TestExamplesOfAttributes(t *testing.T) {
	l := language(t)
	var known []string
	for _, f := range l.Functions {
		known = append(known, f.Name)
	}
	for _, e := range l.Index() {
		a, ok := e.Item.(Attribute)
		if !ok || a.Example == "" || a.Type == "type constraint" {
			continue
		}
		expr, diags := hclsyntax.ParseExpression([]byte(a.Example), "example", hcl.InitialPos)
		if diags.HasErrors() {
			t.Errorf("%s: %v", a.Address, diags)
			continue
		}
		_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
			if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && !slices.Contains(known, call.Name) {
				t.Errorf("%s: there is no function %s", a.Address, call.Name)
			}
			return nil
		})
	}
}
