package duckdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"waybill/internal/dataset"
	"waybill/runner/encode"
	"waybill/runner/engine"
)

// Accept judges whether files that a relation is read from can be its artifacts
// as they are. See engine.Job.
//
// What this writer makes of the relation is not known by a table but seen: a
// file without rows is written, and the files are compared with it.
func (d *Database) Accept(ctx context.Context, a engine.Accept) (engine.Accepted, error) {
	schema, err := d.schema(a.Relation)
	if err != nil {
		return engine.Accepted{}, err
	}
	if err := a.Format.Check(); err != nil {
		return engine.Accepted{}, err
	}
	out, err := d.accept(ctx, a, schema)
	return out, d.explain(err, a.Relation, "")
}

func (d *Database) accept(ctx context.Context, a engine.Accept, schema dataset.Schema) (_ engine.Accepted, err error) {
	if a.Format.Kind != encode.Parquet {
		return engine.Accepted{Against: "it is no " + a.Format.Kind}, nil
	}
	reference := filepath.Join(d.dir, "reference.parquet")
	defer func() { err = errors.Join(err, remove(reference)) }()
	query, err := exportQuery(engine.Export{Relation: a.Relation, Format: a.Format}, schema)
	if err != nil {
		return engine.Accepted{}, err
	}
	if _, err := d.copy(ctx, a.Format.CopySQL(query+" LIMIT 0", reference), nil); err != nil {
		return engine.Accepted{}, err
	}
	out := engine.Accepted{Exports: engine.Exports{Schema: schema}}
	for i, path := range a.Paths {
		how, rows := a.Format.Deviation(path, reference, a.GroupRows)
		if how != "" {
			return engine.Accepted{Against: how}, nil
		}
		out.Files = append(out.Files, engine.ExportedFile{Name: filepath.Base(path), Number: i + 1, Rows: rows})
	}
	// Two implementations must agree on how many rows there are.
	n, err := d.Count(ctx, a.Relation)
	if err != nil {
		return engine.Accepted{}, err
	}
	if n != out.Rows() {
		return engine.Accepted{Against: fmt.Sprintf("it says that it has %d rows, and has %d", out.Rows(), n)}, nil
	}
	return d.seal(ctx, a, out)
}

// seal verifies accepted files and hashes them, as those that were written.
func (d *Database) seal(ctx context.Context, a engine.Accept, out engine.Accepted) (engine.Accepted, error) {
	for i, path := range a.Paths {
		f := &out.Files[i]
		sealed, err := encode.Seal(ctx, path)
		if err != nil {
			return engine.Accepted{}, err
		}
		if err := encode.VerifyParquet(path, encode.Meant{Schema: out.Schema, Rows: f.Rows, Codec: a.Format.Codec()}); err != nil {
			return engine.Accepted{Against: "the second reader does not take it"}, nil //nolint:nilerr // then it is written anew
		}
		f.Size, f.SHA256 = sealed.Size, sealed.SHA256
	}
	return out, nil
}
