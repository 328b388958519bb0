package duckdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/engine"
)

// Define vets a query, type-checks it and makes it readable under name. See
// engine.Job.
func (d *Database) Define(ctx context.Context, name, query string, relations []string) (dataset.Schema, error) {
	if err := d.check(ctx, name, query, relations); err != nil {
		return nil, err
	}
	schema, err := d.define(ctx, name, query, nil, nil)
	if err != nil {
		return nil, d.explain(err, name, "")
	}
	return schema, nil
}

// Judge vets and type-checks a query. See engine.Job.
func (d *Database) Judge(ctx context.Context, name, query string, relations []string) (dataset.Schema, error) {
	if err := d.check(ctx, name, query, relations); err != nil {
		return nil, err
	}
	columns, err := d.describe(ctx, query)
	if err != nil {
		return nil, d.explain(err, name, "")
	}
	return schemaOf(name, columns)
}

// check vets a query and prepares it.
func (d *Database) check(ctx context.Context, name, query string, relations []string) error {
	if err := d.vet(ctx, query, relations); err != nil {
		return err
	}
	// Prepared on its own, so that positions are those of the query's text.
	names, err := d.columnNames(ctx, query)
	if err != nil {
		return d.explain(err, name, query)
	}
	return checkNames(name, names)
}

// checkNames refuses columns that could not be told apart. Athena and Parquet
// readers compare names without regard to case.
func checkNames(name string, columns []string) error {
	seen := map[string]bool{}
	for _, c := range columns {
		if seen[strings.ToLower(c)] {
			p := problem.New("transform-failed", fmt.Sprintf("%s: two columns are called %q.", name, c), nil)
			p.Remedy = []string{"Give one of them another name with AS."}
			return p
		}
		seen[strings.ToLower(c)] = true
	}
	return nil
}

// Count returns the number of rows of a relation.
func (d *Database) Count(ctx context.Context, name string) (n int64, err error) {
	if _, err := d.schema(name); err != nil {
		return 0, err
	}
	err = d.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+Ident(name)).Scan(&n)
	return n, d.explain(err, name, "")
}

// maxPreview bounds what Preview returns: rows on this way are held in memory.
const maxPreview = 1000

// Preview returns the first rows as texts, at most 1000. See engine.Job.
func (d *Database) Preview(ctx context.Context, name string, limit int) (dataset.Schema, [][]*string, error) {
	schema, err := d.schema(name)
	if err != nil {
		return nil, nil, err
	}
	texts := make([]string, len(schema))
	for i, c := range schema {
		texts[i] = "CAST(" + Ident(c.Name) + " AS VARCHAR)"
	}
	query := fmt.Sprintf("SELECT %s FROM %s LIMIT %d", strings.Join(texts, ", "), Ident(name), max(0, min(limit, maxPreview)))
	out, err := d.texts(ctx, query, len(schema))
	return schema, out, d.explain(err, name, "")
}

func (d *Database) texts(ctx context.Context, query string, columns int) (_ [][]*string, err error) {
	rows, err := d.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out := [][]*string{}
	for rows.Next() {
		row := make([]*string, columns)
		into := make([]any, columns)
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// HashAlgorithm names how Hash computes its digest. Any change to that needs
// another name, since digests are compared across versions.
const HashAlgorithm = "md5-multiset-1"

// Hash returns a digest of a relation that does not depend on the order of its
// rows: the sums, modulo 2^128 each, of both halves of every row's MD5, hashed
// with the number of rows and the columns' names and types. Equal rows count
// as often as they occur. DuckDB's own hash() is not used, because it changes
// between releases.
func (d *Database) Hash(ctx context.Context, name string) (engine.Hash, error) {
	schema, err := d.schema(name)
	if err != nil {
		return engine.Hash{}, err
	}
	var rows int64
	var low, high string
	query := "SELECT count(*), coalesce(sum(md5_number_lower(r)), 0)::VARCHAR, coalesce(sum(md5_number_upper(r)), 0)::VARCHAR FROM (SELECT " + rowText(schema) + " AS r FROM " + Ident(name) + ")"
	if err := d.conn.QueryRowContext(ctx, query).Scan(&rows, &low, &high); err != nil {
		return engine.Hash{}, d.explain(err, name, "")
	}
	return engine.Hash{Algorithm: HashAlgorithm, Sum: digest(schema, rows, low, high), Rows: rows}, nil
}

// rowText writes a row as a text that no other row has: N for NULL, otherwise
// the length in bytes, a colon and the value's text.
func rowText(schema dataset.Schema) string {
	parts := make([]string, len(schema))
	for i, c := range schema {
		text := valueText(Ident(c.Name), c.Type)
		parts[i] = "CASE WHEN " + Ident(c.Name) + " IS NULL THEN 'N' ELSE strlen(" + text + ")::VARCHAR || ':' || " + text + " END"
	}
	return "concat(" + strings.Join(parts, ", ") + ")"
}

// valueText writes one value. Nested values go through JSON, whose quoting
// tells ['a, b'] from ['a', 'b'], and binary ones through hexadecimal.
func valueText(expr, athenaType string) string {
	kind, _, _ := strings.Cut(athenaType, "(")
	switch kind {
	case "varbinary":
		return "hex(" + expr + ")"
	case "array", "map", "row":
		return "CAST(to_json(" + expr + ") AS VARCHAR)"
	}
	return "CAST(" + expr + " AS VARCHAR)"
}

// digest hashes a relation's columns, number of rows and sums of row digests.
func digest(schema dataset.Schema, rows int64, low, high string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%s\n%s\n", HashAlgorithm, rows, low, high)
	for _, c := range schema {
		fmt.Fprintf(h, "%d:%s%d:%s\n", len(c.Name), c.Name, len(c.Type), c.Type)
	}
	return hex.EncodeToString(h.Sum(nil))
}
