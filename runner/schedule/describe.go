package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Describe says in plain English when the schedule fires: "at 09:00 on
// weekdays, New York time".
func (s Schedule) Describe() string {
	switch s.Expr.kind {
	case never:
		return "never"
	case rate:
		return describeRate(s.Expr.rate)
	}
	k := s.Expr.cron
	times := describeTimes(k)
	dates := describeDates(k)
	if dates == "" && strings.HasPrefix(times, "at ") {
		dates = "every day"
	}
	text := strings.TrimSpace(times + " " + dates)
	if s.zoneName() == "UTC" {
		return text + ", UTC"
	}
	return text + ", " + s.zoneName() + " time"
}

func describeRate(seconds int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"day", day}, {"hour", hour}, {"minute", minute}} {
		if seconds%u.size != 0 {
			continue
		}
		if n := seconds / u.size; n != 1 {
			return fmt.Sprintf("every %d %ss", n, u.name)
		}
		return "every " + u.name
	}
	return fmt.Sprintf("every %d seconds", seconds)
}

// mostTimes is how many times of day are listed one by one.
const mostTimes = 6

func describeTimes(k cron) string {
	minutes, hours := k.minutes.values(0), k.hours.values(0)
	switch {
	case len(minutes)*len(hours) <= mostTimes:
		return "at " + and(clockTimes(minutes, hours))
	case len(hours) == 24:
		return describeMinutes(minutes)
	case len(minutes) == 1 && isStep(hours, 24):
		return fmt.Sprintf("every %d hours from %02d:%02d", hours[1]-hours[0], hours[0], minutes[0])
	case len(minutes) == 1 && isRun(hours):
		return fmt.Sprintf("every hour from %02d:%02d to %02d:%02d", hours[0], minutes[0], hours[len(hours)-1], minutes[0])
	case isRun(hours):
		return fmt.Sprintf("%s from %02d:%02d to %02d:%02d", describeMinutes(minutes), hours[0], minutes[0], hours[len(hours)-1], minutes[len(minutes)-1])
	default:
		return fmt.Sprintf("%s in the hours %s", describeMinutes(minutes), and(ranges(hours, strconv.Itoa)))
	}
}

func clockTimes(minutes, hours []int) []string {
	var out []string
	for _, h := range hours {
		for _, m := range minutes {
			out = append(out, fmt.Sprintf("%02d:%02d", h, m))
		}
	}
	return out
}

func describeMinutes(minutes []int) string {
	switch {
	case len(minutes) == 60:
		return "every minute"
	case len(minutes) == 1 && minutes[0] == 0:
		return "every hour"
	case len(minutes) == 1:
		return fmt.Sprintf("every hour at %d past", minutes[0])
	case isStep(minutes, 60) && minutes[0] == 0:
		return fmt.Sprintf("every %d minutes", minutes[1])
	default:
		return "every hour at " + and(ranges(minutes, strconv.Itoa)) + " past"
	}
}

// describeDates says on which days, or nothing if on every day.
func describeDates(k cron) string {
	days := describeDays(k.days)
	months := ""
	if m := k.months.values(1); len(m) < 12 {
		months = "in " + and(ranges(m, func(i int) string { return time.Month(i).String() }))
		if days == "" {
			days = "every day"
		}
	} else if k.days.kind != dayMask && k.days.kind != dayEither || k.days.monthday != allMonthdays {
		months = "of every month"
	}
	years := ""
	if y := k.years.values(minYear); len(y) <= maxYear-minYear {
		years = describeYears(y)
		if days == "" {
			days = "every day"
		}
	}
	return strings.Join(slices.DeleteFunc([]string{days, months, years}, func(s string) bool { return s == "" }), " ")
}

func describeYears(years []int) string {
	if last := years[len(years)-1]; last == maxYear && isRun(years) {
		return fmt.Sprintf("from %d on", years[0])
	}
	if step, ok := stepOf(years); ok && len(years) > mostTimes {
		return fmt.Sprintf("every %d years from %d to %d", step, years[0], years[len(years)-1])
	}
	return "in " + and(ranges(years, strconv.Itoa))
}

func describeDays(r dayRule) string {
	switch r.kind {
	case dayLast:
		return "on the last day"
	case dayNearest:
		return "on the weekday nearest to the " + ordinal(r.day)
	case dayNth:
		return fmt.Sprintf("on the %s %s", ordinal(r.nth), time.Weekday(r.day))
	case dayLastOf:
		return fmt.Sprintf("on the last %s", time.Weekday(r.day))
	}
	var parts []string
	if r.monthday != allMonthdays {
		parts = append(parts, "the "+and(ranges(members(uint64(r.monthday)), ordinal)))
	}
	if r.weekday != allWeekdays {
		parts = append(parts, describeWeekdays(r.weekday))
	}
	switch {
	case len(parts) == 0:
		return ""
	case len(parts) == 1:
		return "on " + parts[0]
	case r.kind == dayEither:
		return "on " + parts[1] + " and on " + parts[0]
	default:
		return "on " + parts[1] + " that fall on " + parts[0]
	}
}

func describeWeekdays(mask uint8) string {
	switch mask {
	case 0b0111110:
		return "weekdays"
	case 0b1000001:
		return "weekends"
	}
	// People's weeks begin on Monday.
	monday := uint64(mask>>1 | mask&1<<6)
	return and(ranges(members(monday), func(i int) string { return time.Weekday((i+1)%7).String() + "s" }))
}

func members(mask uint64) []int { return set{mask}.values(0) }

// and joins words as in "a, b and c".
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// ranges names the values of a sorted list, three and more in a row as "a to c".
func ranges(values []int, name func(int) string) []string {
	var out []string
	for i := 0; i < len(values); {
		j := i
		for j+1 < len(values) && values[j+1] == values[j]+1 {
			j++
		}
		if j-i >= 2 {
			out = append(out, name(values[i])+" to "+name(values[j]))
			i = j + 1
			continue
		}
		out = append(out, name(values[i]))
		i++
	}
	return out
}

// isRun reports whether there are several values without holes.
func isRun(values []int) bool {
	return len(values) > 1 && values[len(values)-1]-values[0] == len(values)-1
}

// isStep reports whether the values are equally far apart, also across the
// limit where the field begins anew.
func isStep(values []int, limit int) bool {
	step, ok := stepOf(values)
	return ok && limit%step == 0 && len(values) == limit/step
}

// stepOf returns how far apart two or more values are, if equally and not
// one after the other.
func stepOf(values []int) (int, bool) {
	if len(values) < 2 {
		return 0, false
	}
	step := values[1] - values[0]
	for i := 1; i < len(values); i++ {
		if values[i]-values[i-1] != step {
			return 0, false
		}
	}
	return step, step > 1
}

func ordinal(n int) string {
	suffix := "th"
	if n/10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
