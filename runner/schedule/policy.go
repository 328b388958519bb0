package schedule

import (
	"cmp"
	"hash/fnv"
	"math/bits"
	"time"
)

// Overlap says what a slot does when a run of its pipeline is not over.
type Overlap string

// The four policies; the zero value is OverlapQueue.
const (
	OverlapQueue  Overlap = "queue"           // it waits: every slot runs, in order
	OverlapSkip   Overlap = "skip"            // it is recorded as skipped
	OverlapCancel Overlap = "cancel_previous" // the run before is cancelled, unless it delivers
	OverlapAllow  Overlap = "allow"           // it runs beside the other
)

// CatchUp says what becomes of missed slots.
type CatchUp string

// The three policies; the zero value is CatchUpLatest.
const (
	CatchUpLatest CatchUp = "latest" // the newest of them runs
	CatchUpNone   CatchUp = "none"   // none does
	CatchUpAll    CatchUp = "all"    // all do, the newest MaxCatchUp at most
)

// Limits and defaults of catching up.
const (
	// Grace is how long after its due time a slot is not yet missed.
	Grace = 60 * time.Second
	// MaxCatchUp is how many missed slots run under CatchUpAll.
	MaxCatchUp = 100
	// MaxRecorded is how many missed slots that don't run are written down one
	// by one. Older ones are told of in Output.Unrecorded.
	MaxRecorded = 100
	// DefaultWindow is the age beyond which a missed slot is not caught up.
	DefaultWindow = 24 * time.Hour
)

// A Trigger is one schedule block of a pipeline: when it fires, and what
// becomes of its slots. Of coinciding ones the first has the say.
type Trigger struct {
	Schedule
	Overlap Overlap
	CatchUp CatchUp
	Window  time.Duration // catch_up_window; 0 is DefaultWindow
	Jitter  time.Duration // the widest offset; see Offset
}

func (t Trigger) window() time.Duration { return cmp.Or(t.Window, DefaultWindow) }

// Offset is how long after its nominal time a slot is due: at least zero and
// less than jitter, in whole seconds, always the same for the same pipeline.
func Offset(pipeline string, jitter time.Duration) time.Duration {
	seconds := uint64(max(0, jitter) / time.Second)
	h := fnv.New64a()
	_, _ = h.Write([]byte(pipeline))
	// The high word of hash × seconds is evenly spread below seconds; a
	// finalizer gives names that differ in their last letter unlike high bits.
	high, _ := bits.Mul64(mix(h.Sum64()), seconds)
	return time.Duration(high) * time.Second
}

// mix is the finalizer of MurmurHash3.
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// A Watermark is what is remembered about a pipeline's schedules.
type Watermark struct {
	Schedule string    // Set.Fingerprint
	At       time.Time // every slot up to and including this second is decided
}

// Input is all that a decision depends on.
type Input struct {
	Pipeline  string
	Triggers  []Trigger // in the order of the files
	Watermark Watermark // as stored; zero if the pipeline was never seen
	Now       time.Time

	// Reloaded is when the present definition was taken up: a changed
	// expression doesn't fire for the time before. Zero means Now.
	Reloaded time.Time
	// LastTick is when a daemon last decided for this pipeline while it was not
	// paused, whether or not that could be stored. Zero if none has since the
	// process began.
	LastTick time.Time
	Paused   bool
	// Active reports whether a run of the pipeline is queued or running, a
	// manual one included.
	Active bool
	// LastRan is the slot of the newest scheduled run that was not skipped;
	// zero if there is none. It begins the interval under CatchUpLatest.
	LastRan time.Time
}

// Reason is why a slot is skipped. The texts are stable: they are stored and
// shown.
type Reason string

// The reasons.
const (
	SkippedOverlap    Reason = "overlap"           // overlap = "skip" and a run was active
	SkippedNoCatchUp  Reason = "missed"            // missed, and catch_up = "none"
	SkippedSuperseded Reason = "missed_superseded" // missed, and a newer missed slot runs instead
	SkippedTooOld     Reason = "missed_too_old"    // missed, and older than catch_up_window
	SkippedTooMany    Reason = "missed_too_many"   // missed, and MaxCatchUp newer ones run
)

// A Decision is what becomes of one slot.
type Decision struct {
	Slot          time.Time // nominal
	Due           time.Time // nominal plus offset
	IntervalStart time.Time // the slot before, or the last that ran; zero if there is none
	Missed        bool
	Skipped       Reason // empty: it is queued
	// CancelPrevious asks to cancel the pipeline's runs of earlier slots that
	// are queued or running, as far as they don't deliver.
	CancelPrevious bool
}

// Output is what to do.
type Output struct {
	// Reset says that the pipeline is new or its schedules have changed: store
	// Watermark, fire nothing, and decide again.
	Reset bool
	// Decisions are the slots to store, oldest first, in one transaction with
	// the Watermark. If there are none, there is nothing to store.
	Decisions []Decision
	Watermark Watermark
	// Unrecorded spans missed slots that are passed over without a Decision for
	// each, since there are too many of them.
	Unrecorded Span
	// Behind is how far the clock stands behind the watermark, if that is more
	// than ClockTolerance. Nothing fires until the clock has caught up.
	Behind time.Duration
	// Wake is when to decide again; zero if only a change can make it necessary.
	Wake time.Time
}

// Span is a stretch of time, both ends included. The zero Span is empty.
type Span struct{ From, To time.Time }

// extend returns the shortest span that covers both.
func (s Span) extend(from, to time.Time) Span {
	if s.From.IsZero() || from.Before(s.From) {
		s.From = from
	}
	if to.After(s.To) {
		s.To = to
	}
	return s
}

// ClockTolerance is how far a clock may be set back without a word.
const ClockTolerance = 2 * time.Second

// behindPoll is how often to look whether a clock that was behind is right.
const behindPoll = time.Minute
