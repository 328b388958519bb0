package schedule

import (
	"slices"
	"time"
)

// Decide says which slots are decided now, and how. It depends on nothing but
// its input: asked twice, it answers the same.
//
// Slots of a pipeline are decided in nominal order. One that is due later than
// its successor, because of its schedule's greater jitter, holds that back.
func Decide(in Input) Output {
	out := Output{Watermark: in.Watermark}
	all := setOf(in.Triggers)
	fingerprint := all.Fingerprint()
	switch {
	case in.Watermark.Schedule != fingerprint:
		out.Reset, out.Wake = true, in.Now
		out.Watermark = Watermark{Schedule: fingerprint, At: resetTo(in)}
		return out
	case in.Paused:
		return out
	}
	p := planner{Input: in, all: all}
	slots, unrecorded := p.due()
	out.Decisions, out.Unrecorded = limitRecords(p.decide(slots), unrecorded)
	if n := len(slots); n > 0 {
		out.Watermark.At = slots[n-1].at
	}
	out.Wake = p.wake(out.Watermark.At)
	if behind := in.Watermark.At.Sub(in.Now); behind > ClockTolerance {
		out.Behind = behind
		if poll := in.Now.Add(behindPoll); !out.Wake.IsZero() && poll.Before(out.Wake) {
			out.Wake = poll
		}
	}
	return out
}

// resetTo is where a new or changed schedule begins.
func resetTo(in Input) time.Time {
	from := in.Reloaded
	if from.IsZero() {
		from = in.Now
	}
	if from = from.UTC().Truncate(time.Second); from.Before(in.Watermark.At) {
		return in.Watermark.At
	}
	return from
}

func setOf(triggers []Trigger) Set {
	all := make(Set, len(triggers))
	for i, t := range triggers {
		all[i] = t.Schedule
	}
	return all
}

// planner holds one decision's input.
type planner struct {
	Input
	all Set
}

// slot is a slot that is due.
type slot struct {
	at      time.Time
	due     time.Time // not before the slot's before it
	trigger *Trigger
	missed  bool
}

func (p *planner) offset(t *Trigger) time.Duration { return Offset(p.Pipeline, t.Jitter) }

// due lists the undecided slots that are due, oldest first.
//
// What was missed for certain may be years of minutes, so of that stretch only
// the newest slots of each trigger are looked at.
func (p *planner) due() (slots []slot, unrecorded Span) {
	var longest time.Duration
	for i := range p.Triggers {
		longest = max(longest, p.offset(&p.Triggers[i]))
	}
	missedFrom, missedTo := p.Watermark.At, p.Now.Add(-Grace-longest)
	if p.LastTick.After(missedFrom) {
		missedFrom = p.LastTick
	}
	for i := range p.Triggers {
		t := &p.Triggers[i]
		if !missedFrom.Before(missedTo) {
			slots = p.appendSlots(slots, t, p.Watermark.At, p.Now)
			continue
		}
		slots = p.appendSlots(slots, t, p.Watermark.At, missedFrom)
		newest, more := newestIn(t.Schedule, missedFrom, missedTo)
		for _, at := range newest {
			slots = append(slots, p.slot(at))
		}
		if more {
			unrecorded = unrecorded.extend(missedFrom.Add(time.Second).Truncate(time.Second), newest[0].Add(-time.Second))
		}
		slots = p.appendSlots(slots, t, missedTo, p.Now)
	}
	return p.settle(slots), unrecorded
}

func (p *planner) appendSlots(slots []slot, t *Trigger, after, until time.Time) []slot {
	for at, ok := t.Next(after); ok && !at.After(until); at, ok = t.Next(at) {
		slots = append(slots, p.slot(at))
	}
	return slots
}

// slot returns the slot at a second, under the first trigger that fires then.
func (p *planner) slot(at time.Time) slot {
	for i := range p.Triggers {
		t := &p.Triggers[i]
		if next, ok := t.Next(at.Add(-time.Second)); ok && next.Equal(at) {
			return slot{at: at, due: at.Add(p.offset(t)), trigger: t}
		}
	}
	return slot{}
}

// newestIn returns the newest slots in (after, until], oldest first, as many
// as can matter, and whether there are older ones.
func newestIn(s Schedule, after, until time.Time) (newest []time.Time, more bool) {
	before := until.Add(time.Nanosecond)
	for {
		at, ok := s.Prev(before)
		if !ok || !at.After(after) {
			break
		}
		if len(newest) == MaxCatchUp+MaxRecorded {
			more = true
			break
		}
		newest, before = append(newest, at), at
	}
	slices.Reverse(newest)
	return newest, more
}

// settle merges coinciding slots, puts all in order, cuts off what is not due
// and tells what was missed.
func (p *planner) settle(slots []slot) []slot {
	slices.SortStableFunc(slots, func(a, b slot) int { return a.at.Compare(b.at) })
	slots = slices.CompactFunc(slots, func(a, b slot) bool { return a.at.Equal(b.at) })
	var latest time.Time
	for i := range slots {
		s := &slots[i]
		if s.due.Before(latest) {
			s.due = latest
		}
		latest = s.due
		if s.due.After(p.Now) {
			return slots[:i]
		}
		s.missed = s.due.After(p.LastTick) && p.Now.Sub(s.due) > Grace
	}
	return slots
}

// decide gives each slot its verdict and its interval.
func (p *planner) decide(slots []slot) []Decision {
	verdicts := p.catchUp(slots)
	active, lastRan := p.Active, p.LastRan
	var out []Decision
	for i, s := range slots {
		d := Decision{Slot: s.at, Due: s.due, Missed: s.missed, Skipped: verdicts[i]}
		d.IntervalStart = p.intervalStart(s, lastRan)
		if !s.missed {
			switch {
			case s.trigger.Overlap == OverlapSkip && active:
				d.Skipped = SkippedOverlap
			case s.trigger.Overlap == OverlapCancel:
				d.CancelPrevious = active
			}
		}
		if d.Skipped == "" {
			active, lastRan = true, s.at
		}
		out = append(out, d)
	}
	return out
}

// limitRecords drops all but the newest records of missed slots that don't
// run.
func limitRecords(all []Decision, unrecorded Span) ([]Decision, Span) {
	excess := -MaxRecorded
	for _, d := range all {
		if d.Missed && d.Skipped != "" {
			excess++
		}
	}
	kept := all[:0]
	for _, d := range all {
		if excess > 0 && d.Missed && d.Skipped != "" {
			unrecorded = unrecorded.extend(d.Slot, d.Slot)
			excess--
			continue
		}
		kept = append(kept, d)
	}
	return kept, unrecorded
}

// intervalStart is the previous slot; under CatchUpLatest the last that ran,
// so that what a skipped one would have covered is covered by its successor.
func (p *planner) intervalStart(s slot, lastRan time.Time) time.Time {
	if s.trigger.CatchUp != CatchUpAll && s.trigger.CatchUp != CatchUpNone && !lastRan.IsZero() && lastRan.Before(s.at) {
		return lastRan
	}
	start, _ := p.all.Prev(s.at)
	return start
}

// catchUp returns for each slot why it is skipped, if it was missed and is not
// caught up.
func (p *planner) catchUp(slots []slot) []Reason {
	reasons := make([]Reason, len(slots))
	latest, caught := false, 0
	for i := len(slots) - 1; i >= 0; i-- {
		s := slots[i]
		switch {
		case !s.missed:
		case s.trigger.CatchUp == CatchUpNone:
			reasons[i] = SkippedNoCatchUp
		case p.Now.Sub(s.at) > s.trigger.window():
			reasons[i] = SkippedTooOld
		case s.trigger.CatchUp == CatchUpAll:
			if caught == MaxCatchUp {
				reasons[i] = SkippedTooMany
				continue
			}
			caught++
		case latest:
			reasons[i] = SkippedSuperseded
		default:
			latest = true
		}
	}
	return reasons
}

// wake is when the first slot after the watermark is due.
func (p *planner) wake(mark time.Time) time.Time {
	next, ok := p.all.Next(mark)
	if !ok {
		return time.Time{}
	}
	return p.slot(next).due
}
