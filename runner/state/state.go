// Package state is waybill's memory: what has been scheduled, run and
// delivered. Nothing that decides a firing or a delivery lives elsewhere.
//
// Times are UTC, kept to the microsecond; slots are whole seconds. All methods
// are safe for concurrent use, by several processes too, and return only after
// what they changed is durable. A method that doesn't find what it was asked
// for returns ErrNotFound (a list is just empty); one that loses a race returns
// ErrConflict and has changed nothing. Both are wrapped: compare by errors.Is.
package state

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"waybill/internal/problem"
	"waybill/sinks"
)

// What a store answers besides real failures.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("changed by someone else")
)

// Status is the state of a run or a step.
type Status string

// The states; all but the first three are final. Retrying is for steps only.
const (
	Queued       Status = "queued"
	Running      Status = "running"
	Retrying     Status = "retrying"
	Succeeded    Status = "succeeded"
	Failed       Status = "failed"
	Cancelled    Status = "cancelled"
	Skipped      Status = "skipped"
	ConditionOff Status = "condition_unmet"
)

// Final reports whether nothing follows this state.
func (s Status) Final() bool { return s != Queued && s != Running && s != Retrying }

// A Run is one execution of a pipeline for one slot.
type Run struct {
	ID         string // ULID: sorts by creation
	Pipeline   string
	Slot       time.Time // nominal time, whole seconds
	Trigger    string    // "schedule", "manual"
	Generation string    // digest of the pinned generation; empty until claimed
	Status     Status
	Reason     string // why it is skipped or cancelled, e.g. "definition_removed"
	// IntervalStart is the slot before this one, for run.interval_start.
	IntervalStart time.Time
	Problem       *problem.Problem
	Owner         string    // who holds the lease
	LeaseUntil    time.Time // zero if not leased
	Claims        int       // how often it was claimed: 1 + restarts
	// CancelRequested asks the owner to stop; see RequestCancel.
	CancelRequested bool
	CreatedAt       time.Time
	StartedAt       time.Time
	FinishedAt      time.Time
}

// A Step is one node of a run.
type Step struct {
	Run        string
	Address    string // "source.orders"
	Status     Status
	Attempt    int             // 1 for the first, counted through the run's whole life
	Base       int             // attempts before the run was last reopened
	Token      []byte          // what a source saved to resume this attempt
	Result     json.RawMessage // dataset, artifacts or receipt of a step that succeeded
	Problem    *problem.Problem
	NextTry    time.Time // when Retrying
	StartedAt  time.Time
	FinishedAt time.Time
}

// A Delivery is a line of the ledger: what one sink owes for one slot.
type Delivery struct {
	ID        string // from (pipeline, sink, slot)
	Pipeline  string
	Sink      string
	Slot      time.Time
	Run       string          // the run that planned it last
	Plan      json.RawMessage // frozen artifacts with keys, no secrets
	Done      bool            // as planned
	Receipt   json.RawMessage // of the last time it was done
	PlannedAt time.Time
	DoneAt    time.Time
}

// A Filter chooses runs. Zero fields choose all.
type Filter struct {
	Pipeline      string
	Statuses      []Status
	Slot          time.Time
	FinishedSince time.Time // those that ended then or later
	Limit         int       // 0: 100
}

// A DeliveryFilter chooses deliveries. Zero fields choose all.
type DeliveryFilter struct {
	Pipeline string
	Slot     time.Time
}

// Runs writes and reads runs and their steps.
type Runs interface {
	// CreateRun inserts a queued run outside of any schedule. ErrConflict if
	// the id exists.
	CreateRun(ctx context.Context, r Run) error
	// Claim makes owner the holder of the run's lease until now+ttl, sets it
	// running, counts the claim and pins generation unless one is pinned.
	// ErrConflict if the run is final or its lease is alive at now, whoever has
	// it: a process too must not carry one run twice.
	Claim(ctx context.Context, id, owner, generation string, now time.Time, ttl time.Duration) (Run, error)
	// Begin inserts a run and claims it, in one step: no other process sees it
	// queued. ErrConflict if the id exists.
	Begin(ctx context.Context, r Run, owner, generation string, now time.Time, ttl time.Duration) (Run, error)
	// Resume reopens a failed or cancelled run, as Reopen does, and claims it
	// in one step; any other run it claims as Claim does.
	Resume(ctx context.Context, id, owner, generation string, now time.Time, ttl time.Duration) (Run, error)
	// Renew makes the owner's lease last until now+ttl, even one that has
	// expired, as long as nobody took it over; a ttl of 0 gives the run up, for
	// anybody to claim. ErrConflict if the lease was lost.
	Renew(ctx context.Context, id, owner string, now time.Time, ttl time.Duration) error
	// Finish moves a run to a final status and ends its lease. A running run
	// is finished by its owner only; a queued one by anybody with owner "".
	// ErrConflict if somebody else owns it or it is final.
	Finish(ctx context.Context, id, owner string, status Status, reason string, p *problem.Problem, now time.Time) error
	// Reopen queues a failed or cancelled run again, as if it had not started;
	// steps that succeeded stay, and so does the generation. ErrConflict if it
	// is in another status.
	Reopen(ctx context.Context, id string) error
	// RequestCancel marks a run that isn't final, so that whoever owns it, or
	// claims it next, stops it: an owner asks CancelRequested whenever it
	// renews. ErrConflict if the run is final. Reopen takes the mark away.
	RequestCancel(ctx context.Context, id string) error
	// CancelRequested reports whether the run is marked.
	CancelRequested(ctx context.Context, id string) (bool, error)
	// CancelQueued cancels every queued run of a pipeline and returns how many.
	CancelQueued(ctx context.Context, pipeline, reason string, now time.Time) (int, error)
	// PutStep inserts or replaces a step, if owner holds the run's lease;
	// ErrConflict otherwise. The lease is the fence: a process that lost it
	// can change nothing.
	PutStep(ctx context.Context, owner string, s Step) error
	Run(ctx context.Context, id string) (Run, error)
	// Runs lists runs, newest first.
	Runs(ctx context.Context, f Filter) ([]Run, error)
	// Claimable lists what a worker may claim at now, oldest slot first: queued
	// runs, and running ones whose lease has ended. Limit 0 lists all.
	Claimable(ctx context.Context, now time.Time, limit int) ([]Run, error)
	// Pending lists the runs of a pipeline that aren't final, oldest slot first.
	Pending(ctx context.Context, pipeline string) ([]Run, error)
	// LastSlot returns the newest slot of a pipeline whose run succeeded, runs
	// since pruned included; condition_unmet doesn't count. ErrNotFound if none
	// did.
	LastSlot(ctx context.Context, pipeline string) (time.Time, error)
	// Steps lists a run's steps, in order of their addresses.
	Steps(ctx context.Context, run string) ([]Step, error)
}

// Watermark is the memory of one pipeline's schedules.
type Watermark struct {
	Pipeline string
	Schedule string    // fingerprint of the pipeline's schedules
	At       time.Time // every slot up to and including this second is decided
}

// Slots makes firing exactly-once.
type Slots interface {
	Watermark(ctx context.Context, pipeline string) (Watermark, error)
	// SetWatermark stores w without firing (first sight, changed expression).
	SetWatermark(ctx context.Context, w Watermark) error
	// Fire inserts the runs (queued or already skipped) and moves the
	// watermark to w, in one transaction. A slot (pipeline, second) fires
	// once in the life of the store: runs whose slot a scheduled run already
	// has, even one since pruned, are left out; manual runs take no slot. It
	// returns the runs it inserted. ErrConflict if the stored watermark is not
	// prev (At and Schedule) any more, or none is stored.
	Fire(ctx context.Context, prev, w Watermark, runs []Run) ([]Run, error)
}

// Moves renames pipelines.
type Moves interface {
	// Move gives the history of one pipeline to another: its runs but those
	// that somebody carries, slots, watermark, baselines and ledger, whose
	// deliveries get the ids that id makes of the new name. What the other has
	// already stays. It reports whether there was anything. ErrConflict while a
	// run of the pipeline is being carried: it knows itself by the old name.
	Move(ctx context.Context, from, to string, id func(pipeline, sink string, slot time.Time) string) (bool, error)
}

// Ledger is what was promised and what was delivered.
type Ledger interface {
	// Plan makes d the delivery's plan, and d.Run the run it belongs to, and
	// returns what is stored. A delivery that d.Run itself has made stays as it
	// is. One of another run starts over, to be sent again: its settled intents
	// are forgotten, its open ones stay to be settled, and the last receipt
	// stays until the next. ErrConflict if owner does not hold the lease of
	// d.Run, or if the other run is still running: two runs of one slot never
	// deliver at once.
	Plan(ctx context.Context, owner string, d Delivery) (Delivery, error)
	Delivery(ctx context.Context, id string) (Delivery, error)
	// Deliveries lists what a run delivered or planned.
	Deliveries(ctx context.Context, run string) ([]Delivery, error)
	// History lists deliveries, the newest slot first, then by pipeline and sink.
	History(ctx context.Context, f DeliveryFilter) ([]Delivery, error)
	// Intend, Settle and Aborted: see sinks.Ledger. ErrConflict if owner does
	// not hold the lease of the delivery's run, or the delivery is done.
	//
	// Intend of a (delivery, key, upload id) that is recorded is no error: the
	// intent is unsettled again, with the size and checksum given now. Settle
	// settles the intents of the object's key, Aborted the one of the upload
	// (an empty upload id: a plain put that is known not to have happened);
	// ErrNotFound if there is none. Both may be repeated.
	Intend(ctx context.Context, owner, delivery string, in sinks.Intent) error
	Settle(ctx context.Context, owner, delivery string, obj sinks.Object) error
	Aborted(ctx context.Context, owner, delivery, key, uploadID string) error
	// Removed records that nothing stands under a key of the delivery any more;
	// only uploads that are open under it stay recorded. ErrConflict as above.
	Removed(ctx context.Context, owner, delivery, key string) error
	// Standing lists, in order of the keys, what was settled by any run of the
	// delivery and not removed since: what stands at the destination, as far
	// as nobody else changes it. It outlives what Plan forgets.
	Standing(ctx context.Context, delivery string) ([]sinks.Object, error)
	// Intents lists a delivery's intents, oldest first.
	Intents(ctx context.Context, delivery string) ([]sinks.Intent, error)
	// Deliver marks the delivery done with its receipt and the step of its
	// sink succeeded, in one transaction. step.Run must be the run the delivery
	// belongs to. Repeating it with the same receipt is no error.
	Deliver(ctx context.Context, owner, delivery string, receipt json.RawMessage, step Step, now time.Time) error
}

// Generations keeps the files of configurations, content-addressed.
type Generations interface {
	// SaveGeneration stores files (path → content) under digest; storing the
	// same digest again is cheap, and keeps it from being pruned as if it were
	// new.
	SaveGeneration(ctx context.Context, digest string, files map[string][]byte, now time.Time) error
	Generation(ctx context.Context, digest string) (map[string][]byte, error)
	// SetLastGood remembers the generation to start with when the files on
	// disk are broken; ErrNotFound if it isn't stored. LastGood returns its
	// digest.
	SetLastGood(ctx context.Context, digest string) error
	LastGood(ctx context.Context) (string, error)
}

// A Baseline is what a condition, or a sink that delivers differences, compares
// the next result with: a text that stands for a result, empty if there was
// none yet.
type Baseline struct {
	Evaluated string // of the last run that evaluated the condition
	Delivered string // of the last run that delivered all it had to
}

// Baselines remembers results for the conditions of pipelines. A write is
// refused with ErrConflict unless owner holds the lease of the run, whose
// pipeline it is for.
type Baselines interface {
	// Baseline is zero if nothing is remembered.
	Baseline(ctx context.Context, pipeline, condition string) (Baseline, error)
	SetEvaluated(ctx context.Context, owner, run, condition, digest string) error
	SetDelivered(ctx context.Context, owner, run, condition, digest string) error
}

// Store is the whole memory.
type Store interface {
	Baselines
	Runs
	Slots
	Moves
	Ledger
	Generations
	// LockDaemon takes the right to be the daemon of this store and holds it
	// until release is called or the process ends, however it ends. It doesn't
	// wait. ErrConflict if another process, or another caller in this one, has
	// it.
	LockDaemon(ctx context.Context) (release func() error, err error)
	// Prune removes final runs created before the time, with their steps, and
	// whatever no remaining run needs; the ledger, the slots that have fired and
	// the last good generation stay, and so do generations saved since the time:
	// a run may be about to pin one. It returns the ids of the removed runs,
	// whose spool can go too, and on failure those that were removed before it.
	Prune(ctx context.Context, before time.Time) ([]string, error)
	Close() error
}
