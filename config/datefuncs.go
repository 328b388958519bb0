package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// dateAddFunc is date_add(value, n, unit): a date ("2026-01-31") or timestamp
// (RFC 3339) moved by n days, weeks, months or years, or for timestamps also
// seconds, minutes or hours. A month that is too short ends on its last day:
// one month after January 31 is February 28.
var dateAddFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.String}, {Name: "n", Type: cty.Number}, {Name: "unit", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		bad := cty.UnknownVal(cty.String)
		t, layout, err := parseMoment(args[0].AsString())
		if err != nil {
			return bad, function.NewArgError(0, err)
		}
		n, acc := args[1].AsBigFloat().Int64()
		if acc != 0 || n > 1e6 || n < -1e6 {
			return bad, function.NewArgErrorf(1, "want a whole number up to a million")
		}
		out, err := addUnits(t, int(n), args[2].AsString(), layout == time.DateOnly)
		if err != nil {
			return bad, function.NewArgError(2, err)
		}
		return cty.StringVal(out.Format(layout)), nil
	},
})

func addUnits(t time.Time, n int, unit string, dateOnly bool) (time.Time, error) {
	switch unit {
	case "day":
		return t.AddDate(0, 0, n), nil
	case "week":
		return t.AddDate(0, 0, 7*n), nil
	case "month":
		return addMonths(t, n), nil
	case "year":
		return addMonths(t, 12*n), nil
	}
	clock := map[string]time.Duration{"hour": time.Hour, "minute": time.Minute, "second": time.Second}
	if d, ok := clock[unit]; ok && !dateOnly {
		return t.Add(time.Duration(n) * d), nil
	} else if ok {
		return t, fmt.Errorf("a date has no %s: add days, weeks, months or years", unit)
	}
	return t, fmt.Errorf("%q is no unit: use day, week, month, year, hour, minute or second", unit)
}

// addMonths keeps the day of the month, or takes the last one there is.
func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

func parseMoment(s string) (time.Time, string, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, time.DateOnly, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, time.RFC3339, nil
	}
	return time.Time{}, "", fmt.Errorf("%q is neither a date (2026-01-31) nor a timestamp (2026-01-31T09:00:00Z)", s)
}

// inZoneFunc is in_zone(timestamp, zone): the same instant written with the
// zone's clock and offset.
var inZoneFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "timestamp", Type: cty.String}, {Name: "zone", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		t, err := time.Parse(time.RFC3339, args[0].AsString())
		if err != nil {
			return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "%q is not a timestamp such as 2026-01-31T09:00:00Z", args[0].AsString())
		}
		loc, err := loadZone(args[1].AsString())
		if err != nil {
			return cty.UnknownVal(cty.String), function.NewArgError(1, err)
		}
		return cty.StringVal(t.In(loc).Format(time.RFC3339)), nil
	},
})

// loadZone finds a time zone by its IANA name. "Local" is refused: it would
// mean something else on each machine.
func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errors.New(`want the IANA name of a time zone, such as "Europe/Berlin" or "UTC"`)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not the IANA name of a time zone, such as \"Europe/Berlin\" or \"UTC\"", name)
	}
	return loc, nil
}
