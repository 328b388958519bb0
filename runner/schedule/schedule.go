package schedule

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// DSTGap says what happens to a civil time that daylight saving skips.
type DSTGap string

// The two rules; the zero value is Skip.
const (
	Skip  DSTGap = "skip"  // it does not fire that day
	Shift DSTGap = "shift" // it fires as much later as the clock was put forward
)

// A Schedule is an expression in a time zone.
type Schedule struct {
	Expr     Expr
	Location *time.Location // nil is UTC; rate(…) ignores it
	DSTGap   DSTGap
}

// Zone loads a time zone by its IANA name. "UTC" is one; "" and "Local" are
// refused, since what they mean depends on the machine.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is not the name of a time zone: write one such as \"Europe/Berlin\" or \"UTC\"", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("no time zone is called %q: write a name of the IANA database such as \"Europe/Berlin\" or \"UTC\"", name)
	}
	return loc, nil
}

func (s Schedule) location() *time.Location {
	if s.Location == nil {
		return time.UTC
	}
	return s.Location
}

// Next returns the first slot strictly after a time, in UTC and in whole
// seconds. It reports false if the schedule never fires again.
func (s Schedule) Next(after time.Time) (time.Time, bool) {
	from := after.Unix() + 1
	var at int64
	var ok bool
	switch s.Expr.kind {
	case never:
		return time.Time{}, false
	case rate:
		at, ok = (floorDiv(from-1, s.Expr.rate)+1)*s.Expr.rate, true
	default:
		at, ok = s.nextCron(from)
	}
	// A caller that is given the same slot again would loop for ever. Better
	// that the schedule stands still than that it fires without end.
	if !ok || at < from {
		return time.Time{}, false
	}
	return time.Unix(at, 0).UTC(), true
}

// Prev returns the last slot strictly before a time, from 1970 on.
func (s Schedule) Prev(before time.Time) (time.Time, bool) { return prev(s, before) }

// Between returns the slots in (after, until], oldest first, at most limit.
func (s Schedule) Between(after, until time.Time, limit int) []time.Time {
	return between(s, after, until, limit)
}

// nexter is what Schedule and Set have in common.
type nexter interface {
	Next(after time.Time) (time.Time, bool)
}

func between(n nexter, after, until time.Time, limit int) []time.Time {
	var out []time.Time
	for len(out) < limit {
		t, ok := n.Next(after)
		if !ok || t.After(until) {
			break
		}
		out = append(out, t)
		after = t
	}
	return out
}

// prev looks back over windows that double until one holds a slot, and then
// halves that window: a few dozen calls of Next, however sparse or dense the
// slots are.
func prev(n nexter, before time.Time) (time.Time, bool) {
	end := before.Add(-time.Nanosecond).Truncate(time.Second) // the last second before it
	precedes := func(from int64) (time.Time, bool) {
		t, ok := n.Next(time.Unix(from, 0))
		return t, ok && !t.After(end)
	}
	hi := end.Unix()
	var found time.Time
	for width := int64(hour); ; width *= 2 {
		lo := hi - width
		if t, ok := precedes(lo); ok {
			found = t
			break
		}
		if lo < -day {
			return time.Time{}, false
		}
	}
	for lo := found.Unix(); lo < hi; {
		mid := lo + (hi-lo)/2
		t, ok := precedes(mid)
		if ok {
			found, lo = t, t.Unix()
			continue
		}
		hi = mid
	}
	return found, true
}

// A segment is a stretch of time in which a zone's offset does not change. The
// next one may have the same offset: not every edge is a change of the clock.
type segment struct {
	start, end int64 // instants; start is inside, end is not
	offset     int64 // seconds east of UTC
	before     int64 // offset of the segment before; equal to offset if there is none
}

func segmentAt(loc *time.Location, at int64) segment {
	t := time.Unix(at, 0).In(loc)
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	g := segment{start: math.MinInt64, end: math.MaxInt64, offset: int64(offset), before: int64(offset)}
	if !start.IsZero() {
		g.start = start.Unix()
		_, before := time.Unix(g.start-1, 0).In(loc).Zone()
		g.before = int64(before)
	}
	if !end.IsZero() {
		g.end = end.Unix()
	}
	if g.end <= at {
		// Beyond the zone's table of changes, ZoneBounds takes every year for 365
		// days long, and ends a segment before a last day of December that is the
		// 366th. No rule changes the clock on that day.
		g.end = (floorDiv(at, day) + 1) * day
	}
	return g
}

// No zone has ever moved its clock by more than a day (Samoa and the
// Philippines did by a whole one).
const longestShift = 25 * hour

// nextCron walks from one change of the zone's offset to the next. Within a
// segment civil time runs straight, so the first matching civil time is the
// first slot; what differs is what happens at its edges.
func (s Schedule) nextCron(from int64) (int64, bool) {
	loc := s.location()
	for {
		g := segmentAt(loc, from)
		if at, ok := s.nextIn(g, from); ok {
			return at, true
		}
		if g.end == math.MaxInt64 {
			return 0, false
		}
		// Sparse expressions jump: no civil time from a day before the edge on
		// matches before c, so nothing can fire until then.
		c, ok := s.Expr.cron.next(g.end + g.offset - longestShift)
		if !ok {
			return 0, false
		}
		from = max(g.end, c-g.offset-2*longestShift)
	}
}

// nextIn returns the first slot at or after from within the segment.
func (s Schedule) nextIn(g segment, from int64) (int64, bool) {
	at, ok := s.regular(g, from)
	if s.DSTGap == Shift && g.offset > g.before {
		if shifted, found := s.shifted(g, from); found && (!ok || shifted < at) {
			return shifted, true
		}
	}
	return at, ok
}

// regular finds civil times that exist in the segment. Those at its beginning
// that the clock showed already, before it was put back, count only for elastic
// hours.
func (s Schedule) regular(g segment, from int64) (int64, bool) {
	k := &s.Expr.cron
	for c := from + g.offset; ; c += minute {
		var ok bool
		if c, ok = k.next(c); !ok || c-g.offset >= g.end {
			return 0, false
		}
		repeated := g.start != math.MinInt64 && c < g.start+g.before
		if !repeated || k.elasticAt(c) {
			return c - g.offset, true
		}
	}
}

// shifted finds civil times that were left out when the segment began, as
// instants counted with the offset before it.
func (s Schedule) shifted(g segment, from int64) (int64, bool) {
	c, ok := s.Expr.cron.next(from + g.before)
	if !ok || c >= g.start+g.offset || c-g.before >= g.end {
		return 0, false
	}
	return c - g.before, true
}

// A Gap is a nominal firing at a civil time that does not exist.
type Gap struct {
	Civil   time.Time     // the civil time, written as if it were UTC
	At      time.Time     // the instant at which the clock is put forward
	By      time.Duration // how far it is put forward
	Shifted time.Time     // when it fires under Shift; zero under Skip
}

// String says what happens, for warnings.
func (g Gap) String() string {
	text := g.Civil.Format("Mon 2 Jan 2006 15:04") + " does not exist, since the clock is put forward: "
	if g.Shifted.IsZero() {
		return text + "it does not fire"
	}
	return text + "it fires at " + g.Civil.Add(g.By).Format("15:04")
}

// Gaps lists the firings within some months from a time that fall into a gap.
// Elastic hours are left out: `*` loses nothing but the hour that is not there.
func (s Schedule) Gaps(from time.Time, months int) []Gap {
	if s.Expr.kind != awsCron && s.Expr.kind != standardCron {
		return nil
	}
	var out []Gap
	until := from.AddDate(0, months, 0).Unix()
	g := segmentAt(s.location(), from.Unix())
	for g.end <= until {
		edge := g.end
		if g = segmentAt(s.location(), edge); g.start == edge && g.offset > g.before {
			out = append(out, s.gapsAt(g)...)
		}
	}
	return out
}

func (s Schedule) gapsAt(g segment) []Gap {
	var out []Gap
	k := &s.Expr.cron
	for c := g.start + g.before; ; c += minute {
		var ok bool
		if c, ok = k.next(c); !ok || c >= g.start+g.offset {
			return out
		}
		if k.elasticAt(c) {
			continue
		}
		gap := Gap{Civil: time.Unix(c, 0).UTC(), At: time.Unix(g.start, 0).UTC(), By: time.Duration(g.offset-g.before) * time.Second}
		if s.DSTGap == Shift {
			gap.Shifted = time.Unix(c-g.before, 0).UTC()
		}
		out = append(out, gap)
	}
}

// zoneName is the zone as people say it: "New York", "UTC".
func (s Schedule) zoneName() string {
	name := s.location().String()
	return strings.ReplaceAll(name[strings.LastIndexByte(name, '/')+1:], "_", " ")
}
