package runner

import (
	"context"
	"fmt"
	"strings"

	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/runner/compile"
	"waybill/runner/engine"
	"waybill/runner/transform"
)

// violationSamples is how many violating rows are shown.
const violationSamples = 10

// checkResult is what a check's step records.
type checkResult struct {
	Violations int64            `json:"violations"`
	Warned     *problem.Problem `json:"warned,omitempty"`
}

// check asks a check's question. Violations fail the step, unless the check
// only warns.
func (e *execution) check(ctx context.Context, job engine.Job, s *compile.Step) error {
	if _, err := e.steps.start(ctx, s.Address, e.steps.next(s.Address)); err != nil {
		return err
	}
	answer, err := AskCheck(ctx, job, e.bound, s)
	switch {
	case err != nil:
		return err
	case answer.Violations == 0:
		return e.steps.succeed(ctx, s.Address, checkResult{}, Event{})
	case answer.Fatal:
		return answer.Problem
	}
	warned := e.locate(s.Address, answer.Problem)
	return e.steps.succeed(ctx, s.Address, checkResult{Violations: answer.Violations, Warned: warned}, Event{Reason: "warned", Problem: warned})
}

// violated tells what a check found, with some of the rows.
func violated(s *compile.Step, c transform.Check, n int64, schema dataset.Schema, rows [][]*string) *problem.Problem {
	p := problem.New("check-failed", fmt.Sprintf("%s: %s", s.Address, c.Says), nil)
	switch {
	case n == 1:
		p.Cause = "One row violates it; it is shown below."
	case n > int64(len(rows)):
		p.Cause = fmt.Sprintf("%d rows violate it; %d of them are shown below.", n, len(rows))
	default:
		p.Cause = fmt.Sprintf("%d rows violate it; they are shown below.", n)
	}
	p.Snippet = rowsText(schema, rows)
	return p
}

// rowsText renders rows as aligned columns.
func rowsText(schema dataset.Schema, rows [][]*string) string {
	cells := make([][]string, 0, len(rows)+1)
	header := make([]string, len(schema))
	for i, c := range schema {
		header[i] = c.Name
	}
	cells = append(cells, header)
	for _, r := range rows {
		line := make([]string, len(r))
		for i, v := range r {
			line[i] = "NULL"
			if v != nil {
				line[i] = shorten(*v)
			}
		}
		cells = append(cells, line)
	}
	widths := make([]int, len(schema))
	for _, line := range cells {
		for i, c := range line {
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	lines := make([]string, len(cells))
	for n, line := range cells {
		var b strings.Builder
		for i, c := range line {
			fmt.Fprintf(&b, "%-*s  ", widths[i], c)
		}
		lines[n] = strings.TrimRight(b.String(), " ")
	}
	return strings.Join(lines, "\n")
}

// shorten keeps a value on its line.
func shorten(s string) string {
	const most = 40
	s = strings.ReplaceAll(s, "\n", "⏎")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
