package tests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/sqltype"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

// read returns all rows of a relation, in its order: of the columns that are
// named, or of all.
func (r *rehearsal) read(ctx context.Context, relation string, columns dataset.Schema) ([][]value, error) {
	types := make([]sqltype.Tree, len(columns))
	selects := make([]string, len(columns))
	for i, c := range columns {
		t, err := sqltype.ParseAthena(c.Type)
		if err != nil {
			return nil, err
		}
		types[i] = t
		selects[i] = fmt.Sprintf("%s AS c%d", textSQL(ident(c.Name), t), i)
	}
	const name = "rows:"
	if _, err := r.job.Define(ctx, name, "SELECT "+strings.Join(selects, ", ")+" FROM "+ident(relation), []string{relation}); err != nil {
		return nil, err
	}
	dir := r.at("read")
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	file := r.at("read", "rows.ndjson")
	if _, err := r.job.Export(ctx, engine.Export{Relation: name, Path: file, Format: encode.Default(encode.NDJSON)}); err != nil {
		return nil, err
	}
	return r.decode(file, types)
}

func (r *rehearsal) decode(file string, types []sqltype.Tree) (_ [][]value, err error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var out [][]value
	for dec := json.NewDecoder(in); ; {
		var line map[string]*string
		if err := dec.Decode(&line); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the rows of a relation: %w", err)
		}
		row := make([]value, len(types))
		for i, t := range types {
			row[i] = r.test.hide.value(came(t, line[fmt.Sprintf("c%d", i)]))
		}
		out = append(out, row)
	}
}

func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return problem.New("file-write-failed", "the test's files cannot be written", err)
	}
	return nil
}
