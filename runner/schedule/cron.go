package schedule

import (
	"math/bits"
	"time"
)

// The years that an expression can name, and the end of every search.
const (
	minYear = 1970
	maxYear = 2199
)

// cron is a parsed cron expression in either form. It is comparable: two
// equal values fire alike.
type cron struct {
	minutes set
	hours   set
	// elastic are the hours that were written as a wildcard or a step. They
	// mean elapsed time: when the clock is put back they fire in both passes.
	elastic set
	months  set // 0 is January
	years   set // 0 is 1970
	days    dayRule
}

// dayRule chooses the days of a month.
type dayRule struct {
	kind     dayKind
	monthday uint32 // bit d is the d-th; for dayMask and dayEither
	weekday  uint8  // bit 0 is Sunday; for dayMask and dayEither
	day      int    // the n of nW, or the weekday (0 is Sunday) of x#n and xL
	nth      int    // the n of x#n
}

type dayKind uint8

const (
	dayMask    dayKind = iota // monthday and weekday both match
	dayEither                 // one of them matches
	dayLast                   // L in day-of-month
	dayNearest                // nW
	dayNth                    // x#n
	dayLastOf                 // xL in day-of-week
)

const (
	allMonthdays uint32 = 1<<32 - 2 // bits 1 to 31
	allWeekdays  uint8  = 1<<7 - 1
)

// normal gives rules that choose the same days the same value.
func (r dayRule) normal() dayRule {
	if r.kind == dayEither && (r.monthday == allMonthdays || r.weekday == allWeekdays) {
		return dayRule{monthday: allMonthdays, weekday: allWeekdays}
	}
	return r
}

// in returns the days that the rule chooses in a month: bit d is the d-th.
func (r dayRule) in(year int, month time.Month) uint32 {
	n := daysIn(year, month)
	exists := uint32(1)<<(n+1) - 2
	first := int(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Weekday())
	switch r.kind {
	case dayMask:
		return r.monthday & weekdaysIn(r.weekday, first) & exists
	case dayEither:
		return (r.monthday | weekdaysIn(r.weekday, first)) & exists
	case dayLast:
		return 1 << n
	case dayNearest:
		return nearestWeekday(r.day, n, first) & exists
	case dayNth:
		d := 1 + (r.day-first+7)%7 + 7*(r.nth-1)
		return uint32(1) << d & exists
	default:
		last := (first + n - 1) % 7
		return 1 << (n - (last-r.day+7)%7)
	}
}

// weekdaysIn returns the days 1 to 31 whose weekday is in the mask, in a month
// whose 1st falls on the weekday first.
func weekdaysIn(mask uint8, first int) uint32 {
	const everySeventh = 1<<1 | 1<<8 | 1<<15 | 1<<22 | 1<<29
	var days uint32
	for w := range 7 {
		if mask&(1<<w) != 0 {
			days |= everySeventh << ((w - first + 7) % 7)
		}
	}
	return days
}

// nearestWeekday is the Monday to Friday nearest to a day, in the same month:
// a Saturday 1st moves on to Monday, a Sunday at the month's end back to
// Friday. A month of n days without that day has none.
func nearestWeekday(day, n, first int) uint32 {
	if day > n {
		return 0
	}
	switch time.Weekday((first + day - 1) % 7) {
	case time.Saturday:
		if day == 1 {
			return 1 << 3
		}
		return 1 << (day - 1)
	case time.Sunday:
		if day == n {
			return 1 << (day - 2)
		}
		return 1 << (day + 1)
	}
	return 1 << day
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
)

// Civil times are counted in seconds as if their zone were UTC.

// next returns the first civil time ≥ c that matches. The search ends with the
// year 2199.
func (k *cron) next(c int64) (int64, bool) {
	c = ceilDiv(c, minute) * minute
	t := time.Unix(c, 0).UTC()
	y, m, d := t.Date()
	if y < minYear {
		y, m, d, c = minYear, time.January, 1, 0
	}
	from := int(((c % day) + day) % day / minute) // minutes into the first day
	for ; y <= maxYear; y, m, d, from = y+1, time.January, 1, 0 {
		if !k.years.has(y - minYear) {
			continue
		}
		for ; m <= time.December; m, d, from = m+1, 1, 0 {
			if !k.months.has(int(m) - 1) {
				continue
			}
			days := k.days.in(y, m)
			if days&(1<<d) != 0 {
				if at, ok := k.minuteOfDay(from); ok {
					return civil(y, m, d) + int64(at)*minute, true
				}
			}
			if later := days >> (d + 1) << (d + 1); later != 0 {
				at, _ := k.minuteOfDay(0)
				return civil(y, m, bits.TrailingZeros32(later)) + int64(at)*minute, true
			}
		}
	}
	return 0, false
}

// minuteOfDay returns the first matching minute ≥ from, counted from midnight.
func (k *cron) minuteOfDay(from int) (int, bool) {
	h := from / 60
	if k.hours.has(h) {
		if m := k.minutes.next(from % 60); m >= 0 {
			return h*60 + m, true
		}
	}
	if h = k.hours.next(h + 1); h < 0 {
		return 0, false
	}
	return h*60 + k.minutes.next(0), true
}

// elasticAt reports whether the civil time's hour fires in both passes.
func (k *cron) elasticAt(c int64) bool { return k.elastic.has(int((c%day + day) % day / hour)) }

func civil(y int, m time.Month, d int) int64 {
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()
}

func ceilDiv(a, b int64) int64 { return -floorDiv(-a, b) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
