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
// A relation that a question reads is one without rows that has its columns,
// whatever statement they came from. It is put up when it is needed, and stays
// until another pipeline needs other columns under the same address.
type desk struct {
	job      engine.Job
	stands   map[string]dataset.Schema // what the job has under each address
	answered map[[sha256.Size]byte]answer
}

type answer struct {
	columns dataset.Schema
	err     error
}

func newDesk(job engine.Job) *desk {
	return &desk{job: job, stands: map[string]dataset.Schema{}, answered: map[[sha256.Size]byte]answer{}}
}

// once returns the answer to a question, and asks if it has not been answered.
// Why a job has ended answers nothing, and comes again when the job is asked again.
func (d *desk) once(ask func() (dataset.Schema, error), question ...any) (dataset.Schema, error) {
	h := sha256.New()
	for _, part := range question {
		fmt.Fprintf(h, "%q", part)
	}
	key := [sha256.Size]byte(h.Sum(nil))
	a, ok := d.answered[key]
	if !ok {
		a.columns, a.err = ask()
		d.answered[key] = a
	}
	return a.columns, a.err
}

// attach judges the columns that a source promises, and returns them.
func (d *desk) attach(ctx context.Context, address string, columns dataset.Schema) (dataset.Schema, error) {
	return d.once(func() (dataset.Schema, error) { return d.put(ctx, address, columns) }, "attach", address, columns)
}

// put makes an empty relation.
func (d *desk) put(ctx context.Context, address string, columns dataset.Schema) (dataset.Schema, error) {
	delete(d.stands, address)
	got, err := d.job.Attach(ctx, address, dataset.Dataset{Format: dataset.Parquet, Schema: columns})
	if err == nil {
		d.stands[address] = got
	}
	return got, err
}

// define judges a statement that reads inputs, whose columns are known, and
// returns its own.
func (d *desk) define(ctx context.Context, address, query string, inputs []string, known map[string]dataset.Schema) (dataset.Schema, error) {
	question := []any{"define", address, query}
	for _, in := range inputs {
		question = append(question, in, known[in])
	}
	return d.once(func() (dataset.Schema, error) {
		for _, in := range inputs {
			if !slices.Equal(d.stands[in], known[in]) {
				if _, err := d.put(ctx, in, known[in]); err != nil {
					return nil, err
				}
			}
		}
		delete(d.stands, address)
		columns, err := d.job.Define(ctx, address, query, inputs)
		if err == nil {
			d.stands[address] = columns
		}
		return columns, err
	}, question...)
}

// vet judges a statement by its text alone.
func (d *desk) vet(ctx context.Context, query string, inputs []string) error {
	_, err := d.once(func() (dataset.Schema, error) { return nil, d.job.Vet(ctx, query, inputs) }, "vet", query, inputs)
	return err
}
