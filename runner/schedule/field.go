package schedule

import (
	"fmt"
	"strconv"
	"strings"
)

// A field is what one position of a cron expression may hold.
type field struct {
	name     string
	min, max int
	names    []string // names[i] means min+i
	unit     string   // what the field counts: "minutes"
	whole    string   // of what it counts them: "an hour"
}

var (
	minutesField  = field{name: "minutes", min: 0, max: 59, unit: "minutes", whole: "an hour"}
	hoursField    = field{name: "hours", min: 0, max: 23, unit: "hours", whole: "a day"}
	monthdayField = field{name: "day-of-month", min: 1, max: 31, unit: "days", whole: "a month"}
	monthField    = field{name: "month", min: 1, max: 12, names: monthNames, unit: "months", whole: "a year"}
	yearField     = field{name: "year", min: minYear, max: maxYear, unit: "years", whole: "the calendar"}
	// The AWS form counts from 1 = Sunday, the standard form from 0; its 7 is
	// the same Sunday again.
	awsWeekdayField      = field{name: "day-of-week", min: 1, max: 7, names: weekdayNames, unit: "days", whole: "a week"}
	standardWeekdayField = field{name: "day-of-week", min: 0, max: 7, names: weekdayNames, unit: "days", whole: "a week"}
)

var (
	weekdayNames = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
	monthNames   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
)

// parse fills the cron from its five or six fields.
func (k *cron) parse(parts []word) *ParseError {
	var err *ParseError
	if k.minutes, _, err = minutesField.list(parts[0]); err != nil {
		return err
	}
	if k.hours, k.elastic, err = hoursField.list(parts[1]); err != nil {
		return err
	}
	if k.months, _, err = monthField.list(parts[3]); err != nil {
		return err
	}
	if len(parts) == standardFields {
		k.years = span(0, maxYear-minYear, 1)
		k.days, err = standardDays(parts[2], parts[4])
		return err
	}
	if k.years, _, err = yearField.list(parts[5]); err != nil {
		return err
	}
	k.days, err = awsDays(parts[2], parts[4])
	return err
}

func standardDays(dom, dow word) (dayRule, *ParseError) {
	monthdays, _, err := monthdayField.list(dom)
	if err != nil {
		return dayRule{}, err
	}
	weekdays, _, err := standardWeekdayField.list(dow)
	if err != nil {
		return dayRule{}, err
	}
	r := dayRule{monthday: uint32(monthdays[0]) << 1, weekday: uint8(weekdays[0])&allWeekdays | uint8(weekdays[0]>>7)}
	// As in Vixie cron, what counts is how the field begins: */2 restricts too,
	// but it does not turn "and" into "or".
	if !strings.HasPrefix(dom.text, "*") && !strings.HasPrefix(dow.text, "*") {
		r.kind = dayEither
	}
	return r.normal(), nil
}

// awsDays reads the two day fields, of which exactly one is `?`.
func awsDays(dom, dow word) (dayRule, *ParseError) {
	switch {
	case dom.text == "?" && dow.text == "?":
		return dayRule{}, dow.errorf(awsWeekdayField.name, "Write * here for every day.", "both day fields are ?, but only one of the two may be")
	case dom.text == "?":
		return awsWeekdays(dow)
	case dow.text == "?":
		return awsMonthdays(dom)
	case dom.text == "*":
		return dayRule{}, dom.errorf(monthdayField.name, fmt.Sprintf("Write ? here, since day-of-week says %s.", dow.text), "both day fields are set: one of the two must be ?")
	}
	hint := fmt.Sprintf("Write ? here, since day-of-month says %s. For days that match either, write two schedules.", dom.text)
	return dayRule{}, dow.errorf(awsWeekdayField.name, hint, "both day fields are set: one of the two must be ?")
}

func awsMonthdays(w word) (dayRule, *ParseError) {
	f := monthdayField
	switch upper := strings.ToUpper(w.text); {
	case upper == "L":
		return dayRule{kind: dayLast}, nil
	case upper == "LW":
		return dayRule{}, w.errorf(f.name, "AWS has no last weekday of the month. L is the last day; 6L in day-of-week is the last Friday.", "L and W cannot be combined")
	case strings.ContainsAny(upper, "LW"):
		number, ok := strings.CutSuffix(upper, "W")
		if !ok || strings.ContainsAny(number, ",-/*LW") {
			return dayRule{}, w.errorf(f.name, "Write L for the last day, or 3W for the weekday nearest to the 3rd. For several, write several schedules.", "L and W stand alone, as L or nW")
		}
		n, err := f.number(word{w.text[:len(number)], w.at})
		return dayRule{kind: dayNearest, day: n}, err
	}
	days, _, err := f.list(w)
	return dayRule{monthday: uint32(days[0]) << 1, weekday: allWeekdays}, err
}

func awsWeekdays(w word) (dayRule, *ParseError) {
	f := awsWeekdayField
	upper := strings.ToUpper(w.text)
	switch {
	case upper == "L": // the week's last day
		return dayRule{monthday: allMonthdays, weekday: 1 << 6}, nil
	case strings.Contains(upper, "#"):
		return nthWeekday(w)
	case strings.HasSuffix(upper, "L"):
		x := word{w.text[:len(w.text)-1], w.at}
		if strings.ContainsAny(x.text, ",-/*") {
			return dayRule{}, w.errorf(f.name, "Write 6L or FRIL for the last Friday. For several, write several schedules.", "L stands alone or after one day")
		}
		n, err := f.number(x)
		return dayRule{kind: dayLastOf, day: n - 1}, err
	}
	days, _, err := f.list(w)
	return dayRule{monthday: allMonthdays, weekday: uint8(days[0])}, err
}

func nthWeekday(w word) (dayRule, *ParseError) {
	f := awsWeekdayField
	const hint = "Write 3#2 or TUE#2 for the second Tuesday. For several, write several schedules."
	if strings.ContainsAny(w.text, ",-/*") || strings.Count(w.text, "#") > 1 {
		return dayRule{}, w.errorf(f.name, hint, "# stands alone: one day and one number")
	}
	name, number, _ := strings.Cut(w.text, "#")
	d, err := f.number(word{name, w.at})
	if err != nil {
		return dayRule{}, err
	}
	nth := word{number, w.at + len(name) + 1}
	n, convErr := strconv.Atoi(number)
	if convErr != nil || n < 1 || n > 5 {
		return dayRule{}, nth.errorf(f.name, hint, "%q after # is not a number from 1 to 5", number)
	}
	return dayRule{kind: dayNth, day: d - 1, nth: n}, nil
}

// list reads a comma-separated list of values, ranges and steps. It returns
// the values less the field's minimum, and those of them that a wildcard or a
// step gave.
func (f field) list(w word) (all, elastic set, err *ParseError) {
	at := w.at
	for _, text := range strings.Split(w.text, ",") {
		item := word{text, at}
		at += len(text) + 1
		values, stepped, err := f.item(item)
		if err != nil {
			return set{}, set{}, err
		}
		all = all.union(values)
		if stepped {
			elastic = elastic.union(values)
		}
	}
	return all, elastic, nil
}

// item reads one of `*`, `a`, `a-b`, each with or without `/step`. Without a
// range, a step goes on to the field's maximum.
func (f field) item(w word) (values set, stepped bool, err *ParseError) {
	if w.text == "" {
		return set{}, false, w.errorf(f.name, "Remove the comma, or write what belongs beside it.", "an empty item in the list")
	}
	base, stepText, stepped := strings.Cut(w.text, "/")
	step := 1
	if stepped {
		if step, err = f.step(word{stepText, w.at + len(base) + 1}); err != nil {
			return set{}, false, err
		}
	}
	lo, hi, err := f.interval(word{base, w.at}, stepped)
	if err != nil {
		return set{}, false, err
	}
	return span(lo-f.min, hi-f.min, step), stepped || base == "*", nil
}

func (f field) step(w word) (int, *ParseError) {
	n, err := strconv.Atoi(w.text)
	if err != nil || n < 1 || w.text[0] == '+' {
		return 0, w.errorf(f.name, "Write, for example, */15.", "%q is not a step: want a whole number from 1 on", w.text)
	}
	if n > f.max-f.min {
		hint := fmt.Sprintf("The field counts the %s of %s and begins anew with each.", f.unit, f.whole)
		if _, ok := rateUnits[strings.TrimSuffix(f.unit, "s")]; ok {
			hint += fmt.Sprintf(" For a fixed interval write rate(%d %s).", n, f.unit)
		}
		return 0, w.errorf(f.name, hint, "a step of %d does not fit into %s", n, f.whole)
	}
	return n, nil
}

// interval reads `*`, `a` or `a-b`. openEnded says that a lone a goes on to
// the end.
func (f field) interval(w word, openEnded bool) (lo, hi int, err *ParseError) {
	if w.text == "*" {
		return f.min, f.top(), nil
	}
	first, last, isRange := strings.Cut(w.text, "-")
	if lo, err = f.number(word{first, w.at}); err != nil {
		return 0, 0, err
	}
	switch {
	case !isRange && openEnded:
		return lo, max(lo, f.top()), nil
	case !isRange:
		return lo, lo, nil
	}
	end := word{last, w.at + len(first) + 1}
	if hi, err = f.number(end); err != nil {
		return 0, 0, err
	}
	if hi == 0 && lo > 0 && f.max == 7 { // MON-SUN in the standard form
		hi = 7
	}
	if hi < lo {
		hint := fmt.Sprintf("Write two items: %s-%d,%d-%s.", first, f.top(), f.min, last)
		if f.names != nil {
			hint = fmt.Sprintf("Write two items: %s-%s,%s-%s.", first, f.names[len(f.names)-1], f.names[0], last)
		}
		return 0, 0, w.errorf(f.name, hint, "the range %s runs backwards", w.text)
	}
	return lo, hi, nil
}

// top is where * ends: the standard form's 7 is Sunday a second time.
func (f field) top() int {
	if f.names != nil {
		return f.min + len(f.names) - 1
	}
	return f.max
}

// number reads one value, a number or a name in any case.
func (f field) number(w word) (int, *ParseError) {
	for i, name := range f.names {
		if strings.EqualFold(w.text, name) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(w.text)
	isNumber := err == nil && w.text[0] != '+'
	if isNumber && n >= f.min && n <= f.max {
		return n, nil
	}
	return 0, f.badNumber(w, isNumber)
}

func (f field) badNumber(w word, isNumber bool) *ParseError {
	hint := fmt.Sprintf("Write %s.", f.allowed())
	switch {
	case f.name == "day-of-week" && f.min == 1 && w.text == "0":
		return w.errorf(f.name, "Write 1 or SUN for Sunday: this form counts 1 = SUN to 7 = SAT.", "0 is no day of the week in the six-field form")
	case isNumber:
		return w.errorf(f.name, hint, "%s is out of range", w.text)
	case w.text == "":
		return w.errorf(f.name, hint, "a value is missing")
	case strings.ContainsAny(w.text, "?"):
		return w.errorf(f.name, "Write * for every value.", "? belongs in one of the two day fields of the AWS form")
	}
	return w.errorf(f.name, hint, "%q is not a value of this field", w.text)
}

// allowed describes the field's values.
func (f field) allowed() string {
	text := fmt.Sprintf("%d to %d", f.min, f.max)
	if f.names != nil {
		text += fmt.Sprintf(" or %s to %s", f.names[0], f.names[len(f.names)-1])
	}
	return text
}
