package tests

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/internal/sqltype"
	"waybill/runner/compile"
)

// A reader reads the blocks within one test.
type reader struct {
	*loader
	test    *Test
	scope   *schema.Scope
	secrets []string
}

func (r *reader) block(b *hcl.Block) {
	if len(b.Labels) == 0 {
		return // reported
	}
	switch b.Type {
	case "given":
		r.given(b)
	case "expect":
		r.expect(b)
	case "expect_failure":
		r.failure(b)
	}
}

// step finds the step that a block is about; nil if there is none, or none of
// these families.
func (r *reader) step(b *hcl.Block, allowed []string) *compile.Step {
	address, rng := b.Labels[0], b.LabelRanges[0]
	p := r.test.Pipeline
	family, _, _ := strings.Cut(address, ".")
	if s := p.Step(address); s != nil && slices.Contains(allowed, family) {
		return s
	}
	var near []string
	for _, s := range p.Steps {
		if slices.Contains(allowed, s.Family) {
			near = append(near, s.Address)
		}
	}
	slices.Sort(near)
	there := "The pipeline has none."
	if len(near) > 0 {
		there = "There are: " + strings.Join(near, ", ") + "."
	}
	switch {
	case slices.Contains(p.Unused, address):
		r.report("unknown-reference", rng, fmt.Sprintf("%s is used by nothing", address), "Runs leave it out, so there is nothing to test. "+there)
	case p.Step(address) != nil:
		r.report("unknown-reference", rng, fmt.Sprintf("%s cannot look at a %s", b.Type, family), there)
	default:
		r.report("unknown-reference", rng, fmt.Sprintf("pipeline %q has no %s", p.Name, address), strings.TrimSpace(there+diag.Suggest(address, near)))
	}
	return nil
}

// expect reads an `expect` block.
func (r *reader) expect(b *hcl.Block) {
	s := r.step(b, families)
	if s == nil {
		return
	}
	e := &expectation{address: s.Address, family: s.Family, rng: b.DefRange}
	values, diags := schema.Decode(b.Body, expectBlocks[s.Family], r.scope, &e.expectConfig)
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() {
		return
	}
	e.values, e.columns = values, values.Pairs("columns")
	r.wanted(e)
	r.columnTypes(e.columns)
	if s.Family == compile.Sink {
		r.wantedFile(e)
	}
	if !slices.ContainsFunc([]string{"rows", "columns", "keys", "place", "file", "text", "holds"}, values.Set) {
		r.report("missing-attribute", b.DefRange, fmt.Sprintf("expect %q says nothing", s.Address), "Write for instance rows = […], or the number of rows.")
	}
	r.test.expects = append(r.test.expects, e)
}

// columnTypes reports types that are none.
func (r *reader) columnTypes(pairs []schema.Pair) {
	for _, pair := range pairs {
		if _, err := sqltype.ParseAthena(pair.Value); err != nil {
			r.report("invalid-value", pair.Range, err.Error(), "Write a type of Athena's, such as bigint, varchar, decimal(12,2), timestamp, date or array(varchar).")
		}
	}
}

// wantedFile takes what the bytes of a sink's file must be.
func (r *reader) wantedFile(e *expectation) {
	file, text := e.values.Set("file"), e.values.Set("text")
	if !file && !text {
		return
	}
	attr := "text"
	if file {
		attr = "file"
	}
	if out, err := r.test.bound.Output(e.address); err == nil && !out.Format.IsText() {
		r.diags = append(r.diags, e.values.Error(attr, "invalid-value", fmt.Sprintf("%s cannot be compared with a file of format %q", attr, out.Format.Kind), "It is no text. Compare rows instead."))
		return
	}
	switch {
	case file && text:
		r.diags = append(r.diags, e.values.Error("text", "conflicting-attributes", "file and text are both given", "Keep one of them."))
	case text:
		e.bytes = []byte(e.Text)
	default:
		e.bytes = r.readFile(e.values, "file", e.File)
	}
}

// readFile reads a file of the project that an attribute names.
func (r *reader) readFile(v *schema.Values, attr, name string) []byte {
	data, err := r.tree.ReadFile(name)
	if err != nil {
		r.diags = append(r.diags, v.Error(attr, "file-not-readable", fmt.Sprintf("cannot read %s", name), upper(err.Error())+". Paths are relative to the project's directory."))
		return nil
	}
	return data
}

// failure reads an `expect_failure` block.
func (r *reader) failure(b *hcl.Block) {
	s := r.step(b, failing)
	if s == nil {
		return
	}
	f := &expectedFailure{address: s.Address, rng: b.DefRange}
	_, diags := schema.Decode(b.Body, failureBlock, r.scope, &f.failureConfig)
	r.diags = append(r.diags, diags...)
	r.test.failures = append(r.test.failures, f)
}

// complete reports sources that are given no data.
func (r *reader) complete(rng hcl.Range) {
	for _, s := range r.test.Pipeline.Steps {
		if s.Family != compile.Source || r.test.given[s.Address] != nil {
			continue
		}
		r.report("missing-block", rng, fmt.Sprintf("the test gives %s no data", s.Address),
			fmt.Sprintf("A test calls no source. Write: given %q { rows = […] }, or file = \"…\". The source is declared at %s.", s.Address, s.Where))
		r.test.given[s.Address] = &given{} // once
	}
}

// wantedRows are the rows that an expectation names.
type wantedRows struct {
	columns []string
	rows    [][]cty.Value // by column
}

// wanted takes the rows of an expectation: a list of them, or their number.
func (r *reader) wanted(e *expectation) {
	if !e.values.Set("rows") {
		return
	}
	rng := e.values.Range("rows")
	v, _ := e.Rows.Unmark()
	if e.Rows == cty.NilVal || v.IsNull() {
		r.report("invalid-value", rng, "rows is not known", "Tests read no environment: use a variable instead of env().")
		return
	}
	if v.Type() == cty.Number {
		n, ok := int64Of(v)
		if !ok || n < 0 {
			r.report("invalid-value", rng, "rows is no number of rows", "Write a whole number, or a list of rows.")
		}
		e.count = &n
		return
	}
	rows, ok := r.rowList(e.Rows, e.values)
	if !ok {
		return
	}
	r.secrets = append(r.secrets, secretTexts(e.Rows)...)
	w := &wantedRows{columns: columnOrder(rows, e.values.Expr("rows"))}
	for i, row := range rows {
		line := make([]cty.Value, len(w.columns))
		for c, name := range w.columns {
			if line[c], ok = row[name]; !ok {
				r.report("missing-attribute", rowRange(e.values, i), fmt.Sprintf("row %d says nothing about %s, as others do", i+1, name), "All rows name the same columns. Write null for NULL.")
				return
			}
		}
		w.rows = append(w.rows, line)
	}
	e.rows = w
}

// rowList takes a list of maps apart.
func (r *reader) rowList(v cty.Value, values *schema.Values) ([]map[string]cty.Value, bool) {
	list, marks := v.Unmark()
	if list.IsNull() || !list.CanIterateElements() || list.Type().IsMapType() || list.Type().IsObjectType() {
		r.report("wrong-type", values.Range("rows"), "rows wants a list of rows", `For example: rows = [{ id = 1, name = "EU" }]`)
		return nil, false
	}
	var out []map[string]cty.Value
	for it := list.ElementIterator(); it.Next(); {
		_, e := it.Element()
		row, inner := e.Unmark()
		if row.IsNull() || !row.Type().IsObjectType() && !row.Type().IsMapType() {
			r.report("wrong-type", rowRange(values, len(out)), fmt.Sprintf("row %d is no map from columns to values", len(out)+1), `For example: { id = 1, name = "EU" }`)
			return nil, false
		}
		line := map[string]cty.Value{}
		for name, cell := range row.AsValueMap() {
			line[name] = cell.WithMarks(marks, inner)
		}
		out = append(out, line)
	}
	return out, true
}

// rowRange is where row i of the rows attribute stands.
func rowRange(v *schema.Values, i int) hcl.Range {
	expr := v.Expr("rows")
	if expr == nil {
		return v.Range("rows")
	}
	if rows, diags := hcl.ExprList(expr); !diags.HasErrors() && i < len(rows) {
		return rows[i].Range()
	}
	return v.Range("rows")
}

// columnOrder lists the columns that rows name: as the first row that is
// written out has them, and what only others name behind, by name.
func columnOrder(rows []map[string]cty.Value, expr hcl.Expression) []string {
	var out, rest []string
	seen := map[string]bool{}
	add := func(to *[]string, name string) {
		if !seen[name] {
			seen[name] = true
			*to = append(*to, name)
		}
	}
	if expr != nil {
		lines, _ := hcl.ExprList(expr)
		for _, line := range lines {
			pairs, _ := hcl.ExprMap(line)
			for _, p := range pairs {
				if k, d := p.Key.Value(nil); !d.HasErrors() && k.Type() == cty.String && k.IsKnown() && !k.IsNull() {
					add(&out, k.AsString())
				}
			}
		}
	}
	for _, row := range rows {
		for name := range row {
			add(&rest, name)
		}
	}
	slices.Sort(rest)
	all := append(out, rest...)
	return slices.DeleteFunc(all, func(name string) bool {
		return !slices.ContainsFunc(rows, func(row map[string]cty.Value) bool { _, ok := row[name]; return ok })
	})
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
