package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The oracle knows none of the package's code: it reads the text of an
// expression field by field, tries every civil minute of a stretch of days
// against it, and asks the time package which instants show that minute.

type oracle struct {
	fields []string
	loc    *time.Location
	gap    DSTGap
}

// slots lists what fires in [from, until), both UTC midnights.
func (o oracle) slots(from, until time.Time) []time.Time {
	var out []time.Time
	for d := from.AddDate(0, 0, -2); d.Before(until.AddDate(0, 0, 2)); d = d.AddDate(0, 0, 1) {
		if !o.onDay(d) {
			continue
		}
		for m := range 24 * 60 {
			if c := d.Add(time.Duration(m) * time.Minute); inList(o.fields[1], c.Hour(), 23, nil) && inList(o.fields[0], c.Minute(), 59, nil) {
				out = append(out, o.fire(c)...)
			}
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	out = slices.CompactFunc(out, time.Time.Equal)
	return slices.DeleteFunc(out, func(t time.Time) bool { return t.Before(from) || !t.Before(until) })
}

// fire maps a civil time to the instants at which it fires.
func (o oracle) fire(c time.Time) []time.Time {
	shown := o.showing(c)
	switch {
	case len(shown) > 1 && !o.elastic(c.Hour()):
		return shown[:1]
	case len(shown) == 0 && o.gap == Shift:
		return []time.Time{o.shift(c)}
	}
	return shown
}

// showing lists the instants at which the zone's clock shows the civil time.
func (o oracle) showing(c time.Time) []time.Time {
	var out []time.Time
	for _, off := range o.offsets(c) {
		at := c.Add(-off)
		if wallOf(at.In(o.loc)).Equal(c) && !slices.ContainsFunc(out, at.Equal) {
			out = append(out, at)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

func (o oracle) offsets(c time.Time) []time.Duration {
	var out []time.Duration
	for _, h := range []time.Duration{-48, -30, -26, -14, 0, 14, 26, 30, 48} {
		_, seconds := c.Add(h * time.Hour).In(o.loc).Zone()
		if off := time.Duration(seconds) * time.Second; !slices.Contains(out, off) {
			out = append(out, off)
		}
	}
	return out
}

// shift reads a civil time that does not exist with the offset that ended: the
// smaller one.
func (o oracle) shift(c time.Time) time.Time { return c.Add(-slices.Min(o.offsets(c))) }

func wallOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func (o oracle) onDay(c time.Time) bool {
	f := o.fields
	if !inList(f[3], int(c.Month()), 12, monthNames) {
		return false
	}
	if len(f) == 6 {
		return inList(f[5], c.Year(), 2199, nil) && o.awsDay(c)
	}
	dom, dow := inList(f[2], c.Day(), 31, nil), inList(f[4], int(c.Weekday()), 6, weekdayNames)
	if f[2][0] != '*' && f[4][0] != '*' {
		return dom || dow
	}
	return dom && dow
}

func (o oracle) awsDay(c time.Time) bool {
	dom, dow := o.fields[2], o.fields[4]
	lastOfMonth := c.AddDate(0, 0, 1).Month() != c.Month()
	weekday := int(c.Weekday()) + 1
	switch {
	case dom == "L":
		return lastOfMonth
	case strings.HasSuffix(dom, "W"):
		n, _ := strconv.Atoi(strings.TrimSuffix(dom, "W"))
		return nearest(c, n)
	case dow == "?":
		return inList(dom, c.Day(), 31, nil)
	case dow == "L":
		return c.Weekday() == time.Saturday
	case strings.HasSuffix(dow, "L"):
		return inList(strings.TrimSuffix(dow, "L"), weekday, 7, weekdayNames) && c.AddDate(0, 0, 7).Month() != c.Month()
	case strings.Contains(dow, "#"):
		day, nth, _ := strings.Cut(dow, "#")
		return inList(day, weekday, 7, weekdayNames) && fmt.Sprint((c.Day()+6)/7) == nth
	default:
		return inList(dow, weekday, 7, weekdayNames)
	}
}

// nearest reports whether c is the workday nearest to the n-th of its month.
func nearest(c time.Time, n int) bool {
	workday := func(t time.Time) bool { return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday }
	target := time.Date(c.Year(), c.Month(), n, 0, 0, 0, 0, time.UTC)
	if target.Month() != c.Month() {
		return false
	}
	for _, delta := range []int{0, -1, 1, -2, 2} {
		if near := target.AddDate(0, 0, delta); near.Month() == c.Month() && workday(near) {
			return near.Day() == c.Day()
		}
	}
	return false
}

// inList tests a value against a field's text; names count up to the maximum.
func inList(text string, value, most int, names []string) bool {
	for item := range strings.SplitSeq(text, ",") {
		if inItem(item, value, most, names) {
			return true
		}
	}
	return false
}

func inItem(item string, value, most int, names []string) bool {
	base, stepText, stepped := strings.Cut(item, "/")
	step := 1
	if stepped {
		step, _ = strconv.Atoi(stepText)
	}
	least := 0
	if most == 12 || most == 31 || most == 7 && len(names) == 7 {
		least = 1
	}
	if most == 2199 {
		least = 1970
	}
	read := func(s string) int {
		if i := slices.Index(names, s); i >= 0 {
			return least + i
		}
		n, _ := strconv.Atoi(s)
		return n
	}
	lo, hi := least, most
	if base != "*" {
		first, last, isRange := strings.Cut(base, "-")
		lo = read(first)
		switch {
		case isRange:
			hi = read(last)
		case !stepped:
			hi = lo
		}
	}
	return value >= lo && value <= hi && (value-lo)%step == 0
}

// elastic reports whether the hour was given by a wildcard or a step.
func (o oracle) elastic(h int) bool {
	for item := range strings.SplitSeq(o.fields[1], ",") {
		if strings.ContainsAny(item, "*/") && inItem(item, h, 23, nil) {
			return true
		}
	}
	return false
}

// interesting are zones and days around which their clocks change.
var interesting = []struct{ zone, day string }{
	{"America/New_York", "2026-03-08"}, {"America/New_York", "2026-11-01"},
	{"Europe/Berlin", "2026-03-29"}, {"Europe/Berlin", "2026-10-25"},
	{"Australia/Lord_Howe", "2026-04-05"}, {"Australia/Lord_Howe", "2026-10-04"},
	{"Pacific/Apia", "2011-12-30"}, {"Pacific/Apia", "2012-04-01"}, {"Pacific/Kwajalein", "1993-08-21"},
	{"America/Sao_Paulo", "2018-11-04"}, {"America/Sao_Paulo", "2018-02-18"},
	{"America/Havana", "2026-03-08"}, {"America/Havana", "2026-11-01"},
	{"Africa/Casablanca", "2026-02-15"}, {"Africa/Casablanca", "2026-03-22"},
	{"Asia/Gaza", "2026-03-28"}, {"America/Nuuk", "2026-03-28"}, {"Africa/Cairo", "2026-04-24"}, {"Asia/Beirut", "2026-03-29"},
	{"Antarctica/Troll", "2026-03-29"}, {"Antarctica/Troll", "2026-10-25"},
	{"Asia/Pyongyang", "2018-05-05"}, {"America/Caracas", "2016-05-01"}, {"Africa/Monrovia", "1972-01-07"},
	{"Asia/Kathmandu", "1986-01-01"}, {"Europe/Dublin", "2026-10-25"}, {"UTC", "2026-02-28"}, {"Asia/Tokyo", "2028-02-29"},
}

// drawField draws the text of a field.
func drawField(t *rapid.T, label string, min, max int) string {
	item := rapid.Custom(func(t *rapid.T) string {
		lo := rapid.IntRange(min, max).Draw(t, "lo")
		switch rapid.IntRange(0, 4).Draw(t, "form") {
		case 0:
			return fmt.Sprintf("%d-%d", lo, rapid.IntRange(lo, max).Draw(t, "hi"))
		case 1:
			return fmt.Sprintf("%d/%d", lo, rapid.IntRange(1, max-min).Draw(t, "step"))
		case 2:
			return fmt.Sprintf("*/%d", rapid.IntRange(1, max-min).Draw(t, "step"))
		default:
			return strconv.Itoa(lo)
		}
	})
	if rapid.IntRange(0, 2).Draw(t, label+" any") == 0 {
		return "*"
	}
	return strings.Join(rapid.SliceOfN(item, 1, 3).Draw(t, label), ",")
}

func drawExpr(t *rapid.T) string {
	minutes, hours := drawField(t, "minutes", 0, 59), drawField(t, "hours", 0, 23)
	if rapid.Bool().Draw(t, "small hours") {
		hours = drawField(t, "hours", 0, 4)
	}
	dom, month := drawField(t, "dom", 1, 31), drawField(t, "month", 1, 12)
	if rapid.Bool().Draw(t, "any day") {
		dom, month = "*", "*"
	}
	if rapid.Bool().Draw(t, "standard") {
		return strings.Join([]string{minutes, hours, dom, month, drawField(t, "dow", 0, 6)}, " ")
	}
	dow := "?"
	switch rapid.IntRange(0, 6).Draw(t, "days") {
	case 0:
		dom = "L"
	case 1:
		dom = fmt.Sprintf("%dW", rapid.IntRange(1, 31).Draw(t, "w"))
	case 2:
		dom, dow = "?", fmt.Sprintf("%d#%d", rapid.IntRange(1, 7).Draw(t, "x"), rapid.IntRange(1, 5).Draw(t, "n"))
	case 3:
		dom, dow = "?", rapid.SampledFrom([]string{"L", "1L", "6L", "MONL"}).Draw(t, "last")
	case 4:
		dom, dow = "?", drawField(t, "dow", 1, 7)
	}
	return strings.Join([]string{minutes, hours, dom, month, dow, "*"}, " ")
}

func TestNextAgreesWithBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawExpr(t)
		e, err := Parse(text)
		if err != nil {
			if strings.Contains(err.Error(), "never fires") {
				t.Skip()
			}
			t.Fatalf("%s: %v", text, err)
		}
		where := rapid.SampledFrom(interesting).Draw(t, "where")
		loc, err := Zone(where.zone)
		if err != nil {
			t.Fatal(err)
		}
		gap := rapid.SampledFrom([]DSTGap{Skip, Shift}).Draw(t, "gap")
		from := instant(where.day+"T00:00:00Z").AddDate(0, 0, -rapid.IntRange(1, 4).Draw(t, "days before"))
		until := from.AddDate(0, 0, 6)
		s := Schedule{Expr: e, Location: loc, DSTGap: gap}

		want := oracle{strings.Fields(text), loc, gap}.slots(from, until)
		got := s.Between(from.Add(-time.Second), until.Add(-time.Second), 1e6)
		if !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Fatalf("%s in %s, %s, from %v: %s", text, where.zone, gap, from, firstDifference(got, want))
		}
		for i, at := range want {
			if before, ok := s.Prev(at); i > 0 && (!ok || !before.Equal(want[i-1])) {
				t.Fatalf("%s in %s: before %v comes %v, want %v", text, where.zone, at, before, want[i-1])
			}
			if i == 3 { // looking back is slow: a few will do
				break
			}
		}
	})
}

func firstDifference(got, want []time.Time) string {
	for i := range min(len(got), len(want)) {
		if !got[i].Equal(want[i]) {
			return fmt.Sprintf("slot %d is %v, want %v", i, got[i], want[i])
		}
	}
	if len(got) == len(want) {
		return ""
	}
	return fmt.Sprintf("%d slots, want %d", len(got), len(want))
}

// From any instant at all, the next slot is after it, and nothing lies between.
func TestNextIsMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, err := Parse(drawExpr(t))
		if err != nil {
			t.Skip()
		}
		loc, _ := Zone(rapid.SampledFrom(interesting).Draw(t, "where").zone)
		s := Schedule{Expr: e, Location: loc, DSTGap: rapid.SampledFrom([]DSTGap{Skip, Shift}).Draw(t, "gap")}
		a := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "a"), rapid.Int64Range(0, 999999999).Draw(t, "nanos"))
		na, ok := s.Next(a)
		if !ok {
			return
		}
		if !na.After(a) {
			t.Fatalf("%v does not follow %v", na, a)
		}
		b := a.Add(time.Duration(rapid.Int64Range(0, int64(na.Sub(a))-1).Draw(t, "between")))
		if nb, ok := s.Next(b); !ok || !nb.Equal(na) {
			t.Fatalf("after %v comes %v, but after %v in between comes %v", a, na, b, nb)
		}
	})
}
