package typecheck

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"waybill/internal/dataset"
	"waybill/runner/engine"
)

// A desk passes questions on to a compute job, the same one only once: the
// answer depends on nothing but the texts and the columns. Instances of a
// pipeline with for_each mostly ask the same.
//
// What a statement reads is a relation without rows that has the columns of the
// source or transform of that address, whatever they came from. It is put up
// when it is needed, and stays until other columns are needed there.
type desk struct {
	job      engine.Job
	stands   map[string]dataset.Schema // the job's relations
	answered map[[sha256.Size]byte]answer
}

type answer struct {
	columns dataset.Schema
	err     error
}

func newDesk(job engine.Job) *desk {
	return &desk{job: job, stands: map[string]dataset.Schema{}, answered: map[[sha256.Size]byte]answer{}}
}

// once returns the answer to a question, and asks if there is none yet.
func (d *desk) once(ask func() (dataset.Schema, error), question ...any) (dataset.Schema, error) {
	h := sha256.New()
	for _, part := range question {
		fmt.Fprintf(h, "%q\n", part)
	}
	key := [sha256.Size]byte(h.Sum(nil))
	a, ok := d.answered[key]
	if !ok {
		a.columns, a.err = ask()
		d.answered[key] = a
	}
	return a.columns, a.err
}

// promise judges the columns that a source promises.
func (d *desk) promise(ctx context.Context, address string, columns dataset.Schema) (dataset.Schema, error) {
	return d.once(func() (dataset.Schema, error) { return columns, d.put(ctx, address, columns) }, "promise", address, columns)
}

// put makes an empty relation.
func (d *desk) put(ctx context.Context, address string, columns dataset.Schema) error {
	delete(d.stands, address)
	_, err := d.job.Attach(ctx, address, dataset.Dataset{Format: dataset.Parquet, Schema: columns})
	if err == nil {
		d.stands[address] = columns
	}
	return err
}

// judge returns the columns of a statement that reads inputs, whose columns are
// known.
func (d *desk) judge(ctx context.Context, address, query string, inputs []string, known map[string]dataset.Schema) (dataset.Schema, error) {
	question := []any{"judge", address, query}
	for _, in := range inputs {
		question = append(question, in, known[in])
	}
	return d.once(func() (dataset.Schema, error) {
		for _, in := range inputs {
			if slices.Equal(d.stands[in], known[in]) {
				continue
			}
			if err := d.put(ctx, in, known[in]); err != nil {
				return nil, err
			}
		}
		return d.job.Judge(ctx, address, query, inputs)
	}, question...)
}

// vet judges a statement by its text alone.
func (d *desk) vet(ctx context.Context, query string, inputs []string) error {
	_, err := d.once(func() (dataset.Schema, error) { return nil, d.job.Vet(ctx, query, inputs) }, "vet", query, inputs)
	return err
}
