package runner

import (
	"context"
	"errors"
	"slices"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/secret"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/state"
)

// What this file exports is a run's dealings with its compute job, step by
// step and without a store, for whoever carries a pipeline out without
// delivering anything.

// AttachSource makes a source's data readable in a job, under its address.
// Text has no types of its own and is read as the contract promises. Other
// columns than the contract's (nil: there is none) are "contract-broken".
func AttachSource(ctx context.Context, job engine.Job, s *compile.Step, contract dataset.Schema, ds dataset.Dataset) (dataset.Schema, error) {
	if contract != nil && len(ds.Schema) == 0 && ds.Format != dataset.Parquet {
		ds.Schema = contract
	}
	came, err := job.Attach(ctx, s.Address, ds)
	if err != nil || contract == nil {
		return came, err
	}
	return came, ContractKept(s, contract, came)
}

// A CheckAnswer is what a check found.
type CheckAnswer struct {
	Violations int64            // rows; 0: the check holds
	Fatal      bool             // whether violations fail the run
	Problem    *problem.Problem // "check-failed" with some of the rows; nil if the check holds
}

// AskCheck asks a check's question of the relations in a job. An error means
// that it could not be asked.
func AskCheck(ctx context.Context, job engine.Job, b *compile.Bound, s *compile.Step) (CheckAnswer, error) {
	c, fatal, err := b.Check(s.Address)
	if err != nil {
		return CheckAnswer{}, err
	}
	if _, err := job.Define(ctx, s.Address, c.SQL, s.Inputs); err != nil {
		return CheckAnswer{}, err
	}
	out := CheckAnswer{Fatal: fatal}
	if out.Violations, err = job.Count(ctx, s.Address); err != nil || out.Violations == 0 {
		return out, err
	}
	schema, rows, err := job.Preview(ctx, s.Address, violationSamples)
	if err != nil {
		return CheckAnswer{}, err
	}
	Hide(rows, schema, b.Sensitive(s.Address, schema))
	out.Problem = violated(s, c, out.Violations, schema, rows)
	return out, nil
}

// Hide puts a placeholder for the values of columns that are not to be shown.
func Hide(rows [][]*string, schema dataset.Schema, names []string) {
	placeholder := secret.Placeholder
	for i, c := range schema {
		if !slices.Contains(names, c.Name) {
			continue
		}
		for _, row := range rows {
			if row[i] != nil {
				row[i] = &placeholder
			}
		}
	}
}

// A ConditionAnswer is what a condition says. It is what a condition's step
// records.
type ConditionAnswer struct {
	Met    bool   `json:"met"`
	Says   string `json:"says"`
	Digest string `json:"digest,omitempty"` // of the rows, for changed and unchanged
}

// AskCondition asks a condition's question of the relations in a job. baseline
// is asked for what earlier runs left, if the condition compares with them.
func AskCondition(ctx context.Context, job engine.Job, b *compile.Bound, s *compile.Step, baseline func(context.Context) (state.Baseline, error)) (ConditionAnswer, error) {
	c, err := b.Condition(s.Address)
	if err != nil {
		return ConditionAnswer{}, err
	}
	if c.SQL != "" {
		return askQuery(ctx, job, s, c)
	}
	return askRows(ctx, job, c, baseline)
}

// Empty reports what no rows mean for a sink: nil if a file without rows is
// delivered, ErrNothing if none is, the problem "empty-result" if there must
// be some.
func Empty(s *compile.Step, out compile.Output) error {
	switch out.IfEmpty {
	case "deliver":
		return nil
	case "fail":
		return emptyResult(s, out.Input)
	}
	return ErrNothing
}

// ErrNothing means that a sink has nothing to deliver, which is no failure.
var ErrNothing = errors.New("there is nothing to deliver")

// Locate gives a failure of a step its place in the user's files: the line of
// its SQL where that is known, or else its block.
func Locate(b *compile.Bound, address string, err error) *problem.Problem {
	p := *problem.Of(err)
	if p.Where == "" {
		p.Where = placeOf(b, address, err)
	}
	return &p
}

// placeOf is where the user wrote what a failure of a step is about.
func placeOf(b *compile.Bound, address string, err error) string {
	var sql *engine.SQLError
	var at positioned
	step := b.Pipeline.Step(address)
	switch {
	case step == nil:
		return ""
	case errors.As(err, &sql):
		return rangeText(b.SQLRange(address, sql.At.Offset, 1))
	case errors.As(err, &at):
		line, column := at.Position()
		return rangeText(b.SQLRangeAt(address, line, column))
	}
	return step.Where
}

// positioned is an error that knows where in a query it is, both from 1.
type positioned interface {
	error
	Position() (line, column int)
}
