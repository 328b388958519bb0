package schedule

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A Set is the schedules of one pipeline. Where several fire at the same
// second, that is one slot.
type Set []Schedule

// Next returns the first slot strictly after a time, as Schedule.Next does.
func (s Set) Next(after time.Time) (time.Time, bool) {
	var first time.Time
	found := false
	for _, one := range s {
		if t, ok := one.Next(after); ok && (!found || t.Before(first)) {
			first, found = t, true
		}
	}
	return first, found
}

// Prev returns the last slot strictly before a time.
func (s Set) Prev(before time.Time) (time.Time, bool) { return prev(s, before) }

// Between returns the slots in (after, until], oldest first, at most limit.
func (s Set) Between(after, until time.Time, limit int) []time.Time {
	return between(s, after, until, limit)
}

// Upcoming returns the next slots strictly after a time, in order: n of them,
// or fewer if the schedules end.
func (s Set) Upcoming(after time.Time, n int) []time.Time {
	return between(s, after, time.Unix(math.MaxInt64/2, 0), n)
}

// Fingerprint identifies what the set fires: two sets have the same one if and
// only if their expressions, zones and gap rules mean the same. How they are
// written, their order and repetitions don't count. The text is short, stable
// between releases, and says nothing to a reader.
func (s Set) Fingerprint() string {
	lines := make([]string, len(s))
	for i, one := range s {
		lines[i] = one.meaning()
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte("1\n" + strings.Join(slices.Compact(lines), "\n")))
	return hex.EncodeToString(sum[:16])
}

// meaning writes out what the schedule fires, the same for all ways to say it.
func (s Schedule) meaning() string {
	switch s.Expr.kind {
	case never:
		return "never"
	case rate:
		return fmt.Sprintf("rate %d", s.Expr.rate)
	}
	k := s.Expr.cron
	zone, gap := s.location().String(), s.DSTGap
	if gap == "" {
		gap = Skip
	}
	if g := segmentAt(s.location(), 0); g.start == math.MinInt64 && g.end == math.MaxInt64 {
		// A zone that never changes its offset has neither gaps nor repetitions.
		zone, gap, k.elastic = fmt.Sprintf("%+d", g.offset), Skip, set{}
	}
	return fmt.Sprintf("cron %x %x %x %x %x %v %s %s", k.minutes, k.hours, k.elastic, k.months, k.years, k.days, zone, gap)
}
