package duckdb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
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
// later line can't contradict what an early sample promised. A column has
// another type than varchar only if no value loses anything by it: see
// exactTypes.
func (d *Database) detectCSV(ctx context.Context, name, args string) (dataset.Schema, error) {
	found, err := d.describe(ctx, "FROM read_csv("+args+", auto_detect = true, sample_size = -1, files_to_sniff = -1)")
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || len(found) == 1 && found[0].name == "column0" && !strings.Contains(args, "header = false") {
		return nil, problem.New("empty-schema", name+": the file is empty, and no columns are declared.", nil)
	}
	if err := d.checkHeader(ctx, name, args, len(found)); err != nil {
		return nil, err
	}
	if err := d.exactTypes(ctx, args, found); err != nil {
		return nil, err
	}
	return schemaOf(name, found)
}

// checkHeader refuses a header that names a column twice, or not at all: DuckDB
// would make up a name, and a file that gains such a column would shift others.
func (d *Database) checkHeader(ctx context.Context, name, args string, columns int) error {
	raw := strings.Replace(args, "header = true", "header = false", 1)
	if raw == args {
		return nil // there is no header
	}
	spec, into := make([]string, columns), make([]any, columns)
	cells := make([]sql.NullString, columns)
	for i := range spec {
		spec[i], into[i] = fmt.Sprintf("'c%d': 'VARCHAR'", i), &cells[i]
	}
	err := d.conn.QueryRowContext(ctx, "SELECT * FROM read_csv("+raw+", auto_detect = false, columns = {"+strings.Join(spec, ", ")+"}) LIMIT 1").Scan(into...)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, c := range cells {
		key := strings.ToLower(strings.TrimSpace(c.String))
		switch {
		case key == "":
			return problem.New("file-malformed", fmt.Sprintf("%s: the header gives column %d no name.", name, i+1), nil)
		case seen[key]:
			return problem.New("file-malformed", fmt.Sprintf("%s: the header names two columns %q (names are compared without regard to case).", name, c.String), nil)
		}
		seen[key] = true
	}
	return nil
}

// What a text must look like to be taken for a number: as a number prints, so
// that a postcode, an account number, a version or an article number stays the
// text it is.
const (
	plainDecimal = `-?(0|[1-9][0-9]*)(\.[0-9]+)?`
	floating     = `-?(0|[1-9][0-9]*)\.[0-9]+[eE][+-]?[0-9]+`
)

// exactTypes looks at every value of the columns for which DuckDB's sniffer
// found a type. The type stays if each value, read as that type and printed,
// is the same text again. Numbers with a fraction, or too large for bigint,
// become a decimal that holds all their digits; DOUBLE is for exponents only.
// Everything else is varchar: 007, 1.10 among 1.9.1, 12E4, 0x1F, "f", 13/02/2026.
func (d *Database) exactTypes(ctx context.Context, args string, columns []column) error {
	var all, tests []string
	var typed []int
	for i, c := range columns {
		all = append(all, Literal(c.name)+": 'VARCHAR'")
		if c.duck == "VARCHAR" {
			continue
		}
		typed = append(typed, i)
		v := Ident(c.name)
		tests = append(tests,
			fmt.Sprintf("coalesce(bool_and(TRY_CAST(%s AS %s)::VARCHAR IS NOT DISTINCT FROM %[1]s), true)", v, c.duck),
			fmt.Sprintf("coalesce(bool_and(regexp_full_match(%s, '%s')), false)", v, plainDecimal),
			fmt.Sprintf("coalesce(bool_and(regexp_full_match(%s, '%s|%s')), false)", v, plainDecimal, floating),
			fmt.Sprintf("coalesce(max(length(regexp_extract(%s, '^-?([0-9]+)', 1))), 0)", v),
			fmt.Sprintf("coalesce(max(length(regexp_extract(%s, '\\.([0-9]+)$', 1))), 0)", v))
	}
	if len(typed) == 0 {
		return nil
	}
	facts := make([]textFacts, len(typed))
	into := make([]any, 0, len(tests))
	for i := range facts {
		f := &facts[i]
		into = append(into, &f.same, &f.decimal, &f.number, &f.whole, &f.fraction)
	}
	query := "SELECT " + strings.Join(tests, ", ") + " FROM read_csv(" + args + ", auto_detect = false, columns = {" + strings.Join(all, ", ") + "})"
	if err := d.conn.QueryRowContext(ctx, query).Scan(into...); err != nil {
		return err
	}
	for i, at := range typed {
		columns[at].duck = facts[i].typeFor(columns[at].duck)
	}
	return nil
}

// textFacts is what is known of all the texts of a column, NULLs aside.
type textFacts struct {
	same            bool  // they print as they are when read as the sniffed type
	decimal         bool  // they are plain decimal numbers
	number          bool  // or have exponents
	whole, fraction int64 // the most digits before and behind the point
}

func (f textFacts) typeFor(sniffed string) string {
	const most = 38
	switch {
	case sniffed == "DOUBLE" && f.decimal && f.whole+f.fraction <= most:
		return fmt.Sprintf("DECIMAL(%d,%d)", max(18, f.whole+f.fraction), f.fraction)
	case sniffed == "DOUBLE" && f.number && !f.decimal:
		return sniffed
	case sniffed != "DOUBLE" && f.same:
		return sniffed
	}
	return "VARCHAR"
}
