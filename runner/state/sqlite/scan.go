package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"waybill/internal/problem"
	"waybill/runner/state"
	"waybill/sinks"
)

// The columns of each noun, in the order of its fields function. That function
// returns pointers, which serve both ways: as destinations of a scan and as
// arguments of an insert.
const (
	runColumns = `id, pipeline, slot, triggered_by, generation, status, reason, interval_start, problem,
		owner, lease_until, claims, cancel_requested, created_at, started_at, finished_at`
	stepColumns     = `run, address, status, attempt, base, token, result, problem, next_try, started_at, finished_at`
	deliveryColumns = `id, pipeline, sink, slot, run, plan, done, receipt, planned_at, done_at`
	intentColumns   = `key, upload_id, sha256, size, role, options, settled, object`
)

func runFields(r *state.Run) []any {
	return []any{&r.ID, &r.Pipeline, seconds{&r.Slot}, &r.Trigger, &r.Generation, &r.Status, &r.Reason,
		seconds{&r.IntervalStart}, document[problem.Problem]{&r.Problem},
		&r.Owner, micros{&r.LeaseUntil}, &r.Claims, &r.CancelRequested,
		micros{&r.CreatedAt}, micros{&r.StartedAt}, micros{&r.FinishedAt}}
}

func stepFields(p *state.Step) []any {
	return []any{&p.Run, &p.Address, &p.Status, &p.Attempt, &p.Base, &p.Token, raw{&p.Result},
		document[problem.Problem]{&p.Problem}, micros{&p.NextTry}, micros{&p.StartedAt}, micros{&p.FinishedAt}}
}

func deliveryFields(d *state.Delivery) []any {
	return []any{&d.ID, &d.Pipeline, &d.Sink, seconds{&d.Slot}, &d.Run, raw{&d.Plan}, &d.Done, raw{&d.Receipt},
		micros{&d.PlannedAt}, micros{&d.DoneAt}}
}

func intentFields(in *sinks.Intent) []any {
	return []any{&in.Key, &in.UploadID, &in.SHA256, &in.Size, &in.Role, &in.Options, &in.Settled, object{&in.Object}}
}

// marks returns n question marks for an insert.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// seconds stores a time as seconds since 1970, the zero time as NULL.
type seconds struct{ t *time.Time }

// Value implements driver.Valuer.
func (s seconds) Value() (driver.Value, error) {
	if s.t.IsZero() {
		return nil, nil
	}
	return s.t.Unix(), nil
}

// Scan implements sql.Scanner.
func (s seconds) Scan(src any) error {
	return scanTime(s.t, src, func(n int64) time.Time { return time.Unix(n, 0) })
}

// micros stores a time as microseconds since 1970, the zero time as NULL.
type micros struct{ t *time.Time }

// Value implements driver.Valuer.
func (m micros) Value() (driver.Value, error) {
	if m.t.IsZero() {
		return nil, nil
	}
	return m.t.UnixMicro(), nil
}

// Scan implements sql.Scanner.
func (m micros) Scan(src any) error { return scanTime(m.t, src, time.UnixMicro) }

func scanTime(t *time.Time, src any, from func(int64) time.Time) error {
	switch n := src.(type) {
	case nil:
		*t = time.Time{}
	case int64:
		*t = from(n).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", src)
	}
	return nil
}

// raw stores JSON as it is, in a text that a database shell can show.
type raw struct{ m *json.RawMessage }

// Value implements driver.Valuer.
func (r raw) Value() (driver.Value, error) {
	if len(*r.m) == 0 {
		return nil, nil
	}
	return string(*r.m), nil
}

// Scan implements sql.Scanner.
func (r raw) Scan(src any) error {
	text, _, err := scanText(src)
	*r.m = text
	return err
}

// document stores what a pointer points to as JSON, nil as NULL.
type document[T any] struct{ p **T }

// Value implements driver.Valuer.
func (d document[T]) Value() (driver.Value, error) {
	if *d.p == nil {
		return nil, nil
	}
	return encode(*d.p)
}

// Scan implements sql.Scanner.
func (d document[T]) Scan(src any) error {
	*d.p = nil
	text, found, err := scanText(src)
	if err != nil || !found {
		return err
	}
	*d.p = new(T)
	return json.Unmarshal(text, *d.p)
}

// object stores an object as JSON, the zero object as NULL.
type object struct{ o *sinks.Object }

// Value implements driver.Valuer.
func (o object) Value() (driver.Value, error) {
	if *o.o == (sinks.Object{}) {
		return nil, nil
	}
	return encode(o.o)
}

// Scan implements sql.Scanner.
func (o object) Scan(src any) error {
	*o.o = sinks.Object{}
	text, found, err := scanText(src)
	if err != nil || !found {
		return err
	}
	return json.Unmarshal(text, o.o)
}

func encode(v any) (driver.Value, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

func scanText(src any) (text []byte, found bool, err error) {
	switch v := src.(type) {
	case nil:
		return nil, false, nil
	case string:
		return []byte(v), true, nil
	}
	return nil, false, fmt.Errorf("a text is stored as %T", src)
}
