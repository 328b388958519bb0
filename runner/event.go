package runner

import (
	"time"

	"waybill/internal/problem"
	"waybill/runner/state"
	"waybill/sinks"
)

// The kinds of event.
const (
	RunStarted   = "run_started"
	RunFinished  = "run_finished"
	StepChanged  = "step"     // a step has a new status
	StepProgress = "progress" // a step is so far
)

// An Event is something that happened in a run. Its JSON form is what
// `waybill run --json` prints, one object a line.
type Event struct {
	Time     time.Time    `json:"time"`
	Kind     string       `json:"event"`
	Run      string       `json:"run"`
	Pipeline string       `json:"pipeline"`
	Slot     time.Time    `json:"slot"`
	Step     string       `json:"step,omitempty"` // address
	Status   state.Status `json:"status,omitempty"`
	Attempt  int          `json:"attempt,omitempty"`
	// Reused means that an earlier attempt had done the step already.
	Reused bool `json:"reused,omitempty"`

	Phase   string `json:"phase,omitempty"` // of a source: "queued", "running", "downloading"
	Done    int64  `json:"done,omitempty"`  // bytes; of an export percents
	Total   int64  `json:"total,omitempty"`
	Rows    *int64 `json:"rows,omitempty"` // nil: not known
	Bytes   int64  `json:"bytes,omitempty"`
	Columns int    `json:"columns,omitempty"`
	Scanned int64  `json:"scanned_bytes,omitempty"`
	Method  string `json:"method,omitempty"`
	Millis  int64  `json:"millis,omitempty"`

	Identity string         `json:"identity,omitempty"`
	Objects  []sinks.Object `json:"objects,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	// Notes say how a sink came by its files and how they got there: which short
	// cuts were taken, or why not.
	Notes   []string         `json:"notes,omitempty"`
	NextTry *time.Time       `json:"next_try,omitempty"`
	Problem *problem.Problem `json:"problem,omitempty"`
}

func (e *execution) emit(ev Event) {
	ev.Time, ev.Run, ev.Pipeline, ev.Slot = time.Now().UTC(), e.run.ID, e.run.Pipeline, e.run.Slot
	if ev.Kind != StepProgress {
		e.logEvent(ev)
	}
	if e.Events != nil {
		e.Events(ev)
	}
}

func (e *execution) logEvent(ev Event) {
	what := "run " + string(ev.Status)
	var args []any
	if ev.Step != "" {
		what = "step " + string(ev.Status)
		args = append(args, "step", ev.Step, "attempt", ev.Attempt)
	} else {
		args = append(args, "slot", ev.Slot)
	}
	if ev.Rows != nil {
		args = append(args, "rows", *ev.Rows)
	}
	if ev.Millis > 0 {
		args = append(args, "millis", ev.Millis)
	}
	for _, o := range ev.Objects {
		args = append(args, "object", o.URL)
	}
	for _, n := range ev.Notes {
		args = append(args, "note", n)
	}
	if ev.Reason != "" {
		args = append(args, "reason", ev.Reason)
	}
	if ev.NextTry != nil {
		args = append(args, "next_try", *ev.NextTry)
	}
	if ev.Problem == nil {
		e.log.Info(what, args...)
		return
	}
	args = append(args, "code", ev.Problem.Code, "problem", ev.Problem.Error())
	if ev.Problem.Where != "" {
		args = append(args, "where", ev.Problem.Where)
	}
	e.log.Warn(what, args...)
}

// known is a number of rows, or nil for -1.
func known(rows int64) *int64 {
	if rows < 0 {
		return nil
	}
	return &rows
}
