package duckdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
)

// attachCSV reads CSV with explicit columns, found first where none are
// declared.
func (d *Database) attachCSV(ctx context.Context, name string, paths []string, ds dataset.Dataset) (dataset.Schema, error) {
	options := dataset.CSVOptions{Header: true}
	if ds.CSV != nil {
		options = *ds.CSV
	}
	args := csvArgs(paths, options)
	schema, err := ds.Schema, error(nil)
	if len(schema) == 0 {
		if schema, err = d.detectCSV(ctx, name, args); err != nil {
			return nil, err
		}
	}
	order := schema
	// Athena's result files have the columns of their schema in its order. A
	// file of somebody else's has those of its header.
	if len(ds.Schema) > 0 && options.Header && !options.QuotedEmpty {
		if order, err = d.headerOrder(ctx, name, args, schema); err != nil {
			return nil, err
		}
	}
	convert := athenaTexts(schema, options)
	spec, err := columnSpec(name, order, convert)
	if err != nil {
		return nil, err
	}
	return d.define(ctx, name, "SELECT * FROM read_csv("+args+", auto_detect = false, columns = "+spec+")", schema, convert)
}

// headerOrder returns the declared columns in the order of the file's header,
// which must name exactly these.
func (d *Database) headerOrder(ctx context.Context, name, args string, declared dataset.Schema) (dataset.Schema, error) {
	found, err := d.describe(ctx, "FROM read_csv("+args+", auto_detect = true, all_varchar = true, sample_size = 1)")
	if err != nil {
		return declared, nil //nolint:nilerr // a file that is out of shape fails when it is read, which tells more
	}
	order, names := make(dataset.Schema, 0, len(found)), make([]string, len(found))
	for i, c := range found {
		names[i] = c.name
		if at := declared.Index(c.name); at >= 0 {
			order = append(order, declared[at])
		}
	}
	if len(order) == len(found) && len(order) == len(declared) {
		return order, nil
	}
	p := problem.New("contract-broken", fmt.Sprintf("%s has other columns than it promises", name), nil)
	p.Snippet = "promised: " + declared.String() + "\ncame:     " + strings.Join(names, ", ")
	return nil, p
}

// csvArgs says how the text is laid out. Nothing is left to detection: a guess
// would depend on the data of the day. A line without anything is a row: in a
// file of one column it is how NULL is written.
func csvArgs(paths []string, o dataset.CSVOptions) string {
	return strings.Join([]string{
		literals(paths),
		"delim = " + Literal(cmp.Or(o.Delimiter, ",")),
		"quote = " + Literal(cmp.Or(o.Quote, `"`)),
		"escape = " + Literal(cmp.Or(o.Escape, `"`)),
		fmt.Sprintf("header = %t", o.Header),
		"nullstr = " + Literal(o.Null),
		// Without this "" would be NULL, and Athena writes NULL as nothing.
		fmt.Sprintf("allow_quoted_nulls = %t", !o.QuotedEmpty),
		fmt.Sprintf("max_line_size = %d, buffer_size = %d", maxLine, lineBuffer),
		"hive_partitioning = false, strict_mode = true, null_padding = false, ignore_errors = false",
	}, ", ")
}

// athenaTexts maps the columns whose text needs more than a cast to the
// expression that reads it: Athena's result files print varbinary as
// hexadecimal pairs with spaces between.
func athenaTexts(schema dataset.Schema, o dataset.CSVOptions) map[string]string {
	out := map[string]string{}
	if !o.QuotedEmpty {
		return out
	}
	for _, c := range schema {
		if c.Type == "varbinary" {
			out[c.Name] = "unhex(replace(" + Ident(c.Name) + ", ' ', ''))"
		}
	}
	return out
}

// detectCSV finds names and types by reading all of every file, so that a
// later line can't contradict what an early sample promised. Numbers that have
// leading zeros somewhere (postcodes, account numbers) stay texts: DuckDB would
// take 00123 for 123.
func (d *Database) detectCSV(ctx context.Context, name, args string) (dataset.Schema, error) {
	found, err := d.describe(ctx, "FROM read_csv("+args+", auto_detect = true, sample_size = -1, files_to_sniff = -1)")
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || len(found) == 1 && found[0].name == "column0" && !strings.Contains(args, "header = false") {
		return nil, problem.New("empty-schema", name+": the file is empty, and no columns are declared.", nil)
	}
	zeros, err := d.leadingZeros(ctx, args, found)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if slices.Contains(zeros, found[i].name) {
			found[i].duck = "VARCHAR"
		}
	}
	return schemaOf(name, found)
}

// leadingZeros returns the numeric columns with a value such as 007.
func (d *Database) leadingZeros(ctx context.Context, args string, columns []column) ([]string, error) {
	var numeric, tests, all []string
	for _, c := range columns {
		all = append(all, Literal(c.name)+": 'VARCHAR'")
		if c.duck == "BIGINT" || c.duck == "DOUBLE" {
			numeric = append(numeric, c.name)
			tests = append(tests, "coalesce(bool_or(regexp_matches("+Ident(c.name)+`, '^\s*[+-]?0[0-9]')), false)`)
		}
	}
	if len(numeric) == 0 {
		return nil, nil
	}
	hit := make([]bool, len(numeric))
	into := make([]any, len(numeric))
	for i := range hit {
		into[i] = &hit[i]
	}
	query := "SELECT " + strings.Join(tests, ", ") + " FROM read_csv(" + args + ", auto_detect = false, columns = {" + strings.Join(all, ", ") + "})"
	if err := d.conn.QueryRowContext(ctx, query).Scan(into...); err != nil {
		return nil, err
	}
	var out []string
	for i, h := range hit {
		if h {
			out = append(out, numeric[i])
		}
	}
	return out, nil
}
