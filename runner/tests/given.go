package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/dataset"
	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/internal/sqltype"
	"waybill/runner/compile"
)

// given is the data that a test gives a source.
type given struct {
	data   []byte
	format dataset.Format
	csv    *dataset.CSVOptions
	schema dataset.Schema // of rows, and of files whose columns are declared
	rows   int64          // -1: not known
	rng    hcl.Range
}

// write makes a dataset of the data in a directory.
func (g *given) write(dir string) (dataset.Dataset, error) {
	ds := dataset.Dataset{Dir: dir, Format: g.format, CSV: g.csv, Schema: g.schema, Rows: g.rows}
	if g.rows == 0 {
		return ds, nil
	}
	name := "data." + string(g.format)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ds, err
	}
	if err := os.WriteFile(filepath.Join(dir, name), g.data, 0o600); err != nil {
		return ds, err
	}
	ds.Files = []dataset.File{{Name: name, Size: int64(len(g.data)), Rows: g.rows}}
	return ds, nil
}

// given reads a `given` block.
func (r *reader) given(b *hcl.Block) {
	address := b.Labels[0]
	s := r.givenStep(b)
	if s == nil {
		return
	}
	if prev := r.test.given[address]; prev != nil {
		r.report("duplicate-name", b.DefRange, fmt.Sprintf("%s is given data twice", address), fmt.Sprintf("The first is on line %d.", prev.rng.Start.Line))
		return
	}
	g := &given{rng: b.DefRange, rows: -1}
	r.test.given[address] = g
	var c givenConfig
	values, diags := schema.Decode(b.Body, givenBlock, r.scope, &c)
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() {
		return
	}
	pairs, before := values.Pairs("columns"), len(r.diags)
	if r.columnTypes(pairs); r.errorsSince(before) {
		return
	}
	for _, p := range pairs {
		g.schema = append(g.schema, dataset.Column{Name: p.Key, Type: p.Value})
	}
	switch {
	case values.Set("rows") == values.Set("file"):
		r.report("missing-attribute", b.DefRange, fmt.Sprintf("given %q needs either rows or a file", address), `Write rows = [{ id = 1 }], or file = "fixtures/orders.csv".`)
	case values.Set("file"):
		r.givenFile(g, c, values)
	default:
		r.givenRows(g, c, values, r.test.bound.Contract(address))
	}
}

// givenStep finds the source of a `given` block. Data for one that runs leave
// out is a warning.
func (r *reader) givenStep(b *hcl.Block) *compile.Step {
	address := b.Labels[0]
	if slices.Contains(r.test.Pipeline.Unused, address) && strings.HasPrefix(address, compile.Source+".") {
		r.diags = append(r.diags, diag.Warning("unused", b.DefRange, address+" is used by nothing", "Runs leave it out, so the test need not give it data."))
		return nil
	}
	return r.step(b, []string{compile.Source})
}

// fileFormats are the formats of given files by the ends of their names.
var fileFormats = map[string]dataset.Format{".csv": dataset.CSV, ".tsv": dataset.CSV, ".parquet": dataset.Parquet, ".ndjson": dataset.NDJSON, ".jsonl": dataset.NDJSON}

func (r *reader) givenFile(g *given, c givenConfig, v *schema.Values) {
	ext := strings.ToLower(path.Ext(c.File))
	format, ok := fileFormats[ext]
	if !ok {
		r.diags = append(r.diags, v.Error("file", "invalid-value", fmt.Sprintf("file: %q ends like no format that tests read", c.File), "There are: .csv, .tsv, .parquet, .ndjson, .jsonl."))
		return
	}
	g.format = format
	if format == dataset.CSV {
		g.csv = &dataset.CSVOptions{Header: true, Delimiter: c.Delimiter, Null: c.Null}
		if c.Delimiter == "" && ext == ".tsv" {
			g.csv.Delimiter = "\t"
		}
	}
	for _, attr := range []string{"delimiter", "null"} {
		if v.Set(attr) && format != dataset.CSV {
			r.diags = append(r.diags, v.Error(attr, "invalid-value", attr+" says nothing about a "+string(format)+" file", "Remove it."))
		}
	}
	if d := g.csv; d != nil && v.Set("delimiter") && (len(d.Delimiter) != 1 || strings.ContainsAny(d.Delimiter, "\"\r\n")) {
		r.diags = append(r.diags, v.Error("delimiter", "invalid-value", "delimiter is not one ASCII character", `Write for instance delimiter = ";".`))
	}
	g.data = r.readFile(v, "file", c.File)
}

// givenRows makes NDJSON of the rows. Columns are those declared, or else those
// of the contract and what the rows have beyond it.
func (r *reader) givenRows(g *given, c givenConfig, v *schema.Values, contract dataset.Schema) {
	if c.Rows == cty.NilVal {
		r.report("invalid-value", v.Range("rows"), "rows is not known", "Tests read no environment: use a variable instead of env().")
		return
	}
	for _, attr := range []string{"delimiter", "null"} {
		if v.Set(attr) {
			r.diags = append(r.diags, v.Error(attr, "invalid-value", attr+" says nothing about rows", "Remove it."))
		}
	}
	rows, ok := r.rowList(c.Rows, v)
	if !ok {
		return
	}
	r.secrets = append(r.secrets, secretTexts(c.Rows)...)
	for _, row := range rows {
		for name, cell := range row {
			row[name], _ = cell.UnmarkDeep()
		}
	}
	names := columnOrder(rows, v.Expr("rows"))
	if !r.givenColumns(g, names, rows, v, contract) {
		return
	}
	g.format, g.rows = dataset.NDJSON, int64(len(rows))
	var out bytes.Buffer
	for i, row := range rows {
		line, err := encodedRow(g.schema, row)
		if err != nil {
			r.report("invalid-value", rowRange(v, i), fmt.Sprintf("row %d: %s", i+1, err), "Correct the value, or the type in columns.")
			return
		}
		out.Write(append(line, '\n'))
	}
	g.data = out.Bytes()
}

// givenColumns finds the columns of rows, and their types.
func (r *reader) givenColumns(g *given, names []string, rows []map[string]cty.Value, v *schema.Values, contract dataset.Schema) bool {
	declared := len(g.schema) > 0
	if !declared {
		g.schema = append(g.schema, contract...)
	}
	for _, name := range names {
		if g.schema.Index(name) >= 0 {
			continue
		}
		if declared {
			var there []string
			for _, c := range g.schema {
				there = append(there, c.Name)
			}
			r.report("unknown-reference", v.Range("rows"), fmt.Sprintf("columns does not declare %q", name), strings.TrimSpace("The rows have it."+diag.Suggest(name, there)))
			return false
		}
		var cells []cty.Value
		for _, row := range rows {
			if cell, ok := row[name]; ok {
				cells = append(cells, cell)
			}
		}
		inferred, err := infer(cells)
		if err != nil {
			r.report("wrong-type", v.Range("rows"), fmt.Sprintf("no type fits the column %s: %s", name, err), "Values of a column have one type. Declare it in columns.")
			return false
		}
		g.schema = append(g.schema, dataset.Column{Name: name, Type: orText(inferred)})
	}
	if len(g.schema) == 0 {
		r.report("empty-schema", v.Range("rows"), "there are no columns", `Without rows, columns says which there are: columns = { id = "bigint" }.`)
		return false
	}
	return true
}

// encodedRow writes a row as a line of NDJSON. What it leaves out is NULL.
func encodedRow(columns dataset.Schema, row map[string]cty.Value) ([]byte, error) {
	out := map[string]any{}
	for name, cell := range row {
		c := columns[columns.Index(name)]
		t, err := sqltype.ParseAthena(c.Type)
		if err != nil {
			return nil, err
		}
		if out[c.Name], err = encoded(t, cell); err != nil {
			return nil, fmt.Errorf("%s %s: %w", c.Name, c.Type, err)
		}
	}
	return json.Marshal(out)
}
