package schedule

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAccepts(t *testing.T) {
	for _, text := range []string{
		// The expressions of Amazon's own cron reference.
		"cron(0 10 * * ? *)", "cron(15 12 * * ? *)", "cron(0 18 ? * MON-FRI *)", "cron(0 8 1 * ? *)",
		"cron(0/15 * * * ? *)", "cron(0/10 * ? * MON-FRI *)", "cron(0/5 8-17 ? * MON-FRI *)",
		"cron(0/30 0-2,20-23 ? * MON-FRI *)",
		"cron(15 10 ? * 6L 2022-2023)", "cron(5,35 14 * * ? *)", "cron(15 10 ? * 6L 2019-2022)",
		"0 9 ? * * *", "30 6 L * ? *", "45 8 ? * MON-FRI *",
		// Names in any case, mixed with numbers; lists, ranges, steps.
		"0 9 ? jan,3-JUN mon-fri *", "1/10 * ? * * *", "0 0 1-31/2 * ? *", "0 9 ? * 3#2 *", "0 9 ? * tue#2 *",
		"0 9 ? * FRIL *", "0 9 ? * L *", "0 9 l * ? *", "0 9 31w * ? *", "0 0 29 2 ? *", "0 0 1 1 ? 2199", "0 0 1 1 ? 1970/2",
		// The standard form.
		"* * * * *", "*/5 9-17 * * 1-5", "0 0 1,15 * 5", "0 0 * * 7", "0 0 * * SUN", "0 0 * * MON-SUN", "0 0 * * 0-7", "0 0 * * 5-7", "5/15 * * * *",
		"  0   9\t* * *  ",
		"rate(1 minute)", "rate(5 minutes)", "rate(1 hour)", "rate(7 days)", "rate( 2  hours )", "rate(36500 days)",
	} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		expr   string
		under  string // what is underlined; empty: a place between characters
		offset int
		field  string
		msg    string // part of the message
		hint   string // part of the hint
	}{
		{"0 9 * * MON-FRI *", "*", 4, "day-of-month", "one of the two must be ?", "Write ? here, since day-of-week says MON-FRI"},
		{"0 9 1 * MON *", "MON", 8, "day-of-week", "one of the two must be ?", "two schedules"},
		{"0 9 * * * *", "*", 4, "day-of-month", "one of the two must be ?", "Write ? here"},
		{"0 9 ? * ? *", "?", 8, "day-of-week", "both day fields are ?", "*"},
		{"cron(0 9 * * MON *)", "*", 9, "day-of-month", "one of the two", ""},
		{"0 9 ? * 0 *", "0", 8, "day-of-week", "0 is no day of the week in the six-field form", "1 or SUN"},
		{"0 9 ? * 0-5 *", "0", 8, "day-of-week", "0 is no day", "1 = SUN"},
		{"0 9 ? * 8 *", "8", 8, "day-of-week", "8 is out of range", "1 to 7 or SUN to SAT"},
		{"0 9 ? * MON-FRI", "", 15, "year", "? belongs to the AWS form", "Add the year: 0 9 ? * MON-FRI *"},
		{"0 9 L * *", "", 9, "year", "L belongs to the AWS form", "0 9 L * * *"},
		{"0 9 3W * *", "", 10, "year", "W belongs to the AWS form", ""},
		{"0 9 * * 3#2", "", 11, "year", "# belongs to the AWS form", ""},
		{"0 9 * * FRIL", "", 12, "year", "L belongs to the AWS form", ""},
		{"cron(0 9 * * *)", "", 14, "year", "all six fields", "drop cron( )"},
		{"60 9 ? * * *", "60", 0, "minutes", "60 is out of range", "0 to 59"},
		{"0 24 ? * * *", "24", 2, "hours", "24 is out of range", "0 to 23"},
		{"0 9 0 * ? *", "0", 4, "day-of-month", "0 is out of range", "1 to 31"},
		{"0 9 ? 13 * *", "13", 6, "month", "13 is out of range", "1 to 12 or JAN to DEC"},
		{"0 9 ? * * 1969", "1969", 10, "year", "1969 is out of range", "1970 to 2199"},
		{"0 9 ? * * 2200", "2200", 10, "year", "out of range", ""},
		{"0 9 ? FOO * *", "FOO", 6, "month", `"FOO" is not a value`, "JAN to DEC"},
		{"0 9,,10 ? * * *", "", 4, "hours", "an empty item", "comma"},
		{"0 9- ? * * *", "", 4, "hours", "a value is missing", ""},
		{"0 17-9 ? * * *", "17-9", 2, "hours", "runs backwards", "17-23,0-9"},
		{"0 9 ? * FRI-MON *", "FRI-MON", 8, "day-of-week", "runs backwards", "FRI-SAT,SUN-MON"},
		{"*/0 9 ? * * *", "0", 2, "minutes", "not a step", "*/15"},
		{"*/90 * ? * * *", "90", 2, "minutes", "does not fit into an hour", "rate(90 minutes)"},
		{"0 */24 ? * * *", "24", 4, "hours", "does not fit into a day", "rate(24 hours)"},
		{"0 9 ? */12 * *", "12", 8, "month", "does not fit into a year", "begins anew"},
		{"? 9 ? * * *", "?", 0, "minutes", "? belongs in one of the two day fields", ""},
		{"0 9 ? * 3#2,6#3 *", "3#2,6#3", 8, "day-of-week", "# stands alone", ""},
		{"0 9 ? * 3#6 *", "6", 10, "day-of-week", "not a number from 1 to 5", ""},
		{"0 9 ? * 3# *", "", 10, "day-of-week", "not a number from 1 to 5", ""},
		{"0 9 ? * 2-6L *", "2-6L", 8, "day-of-week", "L stands alone", "6L or FRIL"},
		{"0 9 L-3 * ? *", "L-3", 4, "day-of-month", "stand alone", ""},
		{"0 9 LW * ? *", "LW", 4, "day-of-month", "cannot be combined", "6L"},
		{"0 9 1,15W * ? *", "1,15W", 4, "day-of-month", "stand alone", ""},
		{"0 9 32W * ? *", "32", 4, "day-of-month", "out of range", ""},
		{"0 9 W * ? *", "", 4, "day-of-month", "a value is missing", ""},
		{"0 9 L * ? L", "L", 10, "year", "not a value", ""},
		{"+5 9 * * *", "+5", 0, "minutes", "not a value", ""},
		{"0 9 31 2 ? *", "0 9 31 2 ? *", 0, "", "never fires", "L in day-of-month"},
		{"0 9 29 2 ? 2023", "0 9 29 2 ? 2023", 0, "", "never fires", ""},
		{"0 9 ? 2 MON#5 2023", "0 9 ? 2 MON#5 2023", 0, "", `no day "MON#5"`, ""},
		{"0 0 30,31 FEB *", "0 0 30,31 FEB *", 0, "", "never fires", ""},
		{"0 0 0 9 ? * MON", "0 0 0 9 ? * MON", 0, "", "seven fields", "seconds"},
		{"@daily", "@daily", 0, "", "not a form", "0 0 * * *"},
		{"hello", "hello", 0, "", "1 fields", "six"},
		{"", "", 0, "", "empty", "0 9 ? * MON-FRI *"},
		{"cron()", "", 5, "", "empty", ""},
		{"cron(0 9 ? * * *", "", 16, "", "no closing parenthesis", "cron(0 9 ? * * *)"},
		{"at(2026-01-01T00:00:00)", "at(2026-01-01T00:00:00)", 0, "", "fires once only", "--at"},
		{"rate(1 hours)", "hours", 7, "", "singular after 1", "rate(1 hour)"},
		{"rate(5 minute)", "minute", 7, "", "plural", "rate(5 minutes)"},
		{"rate(0 minutes)", "0", 5, "", "not a whole number", ""},
		{"rate(1.5 hours)", "1.5", 5, "", "not a whole number", ""},
		{"rate(30 seconds)", "seconds", 8, "", "not a unit", "rate(1 minute)"},
		{"rate(2 weeks)", "weeks", 7, "", "not a unit", ""},
		{"rate(5)", "5", 5, "", "a number and a unit", ""},
		{"rate(99999 days)", "99999 days", 5, "", "hundred years", "36500"},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			_, err := Parse(tt.expr)
			var e *ParseError
			if !errors.As(err, &e) {
				t.Fatalf("error is %v, want a *ParseError", err)
			}
			if got := tt.expr[e.Offset : e.Offset+e.Len]; got != tt.under || e.Offset != tt.offset {
				t.Errorf("underlines %q at %d, want %q at %d", got, e.Offset, tt.under, tt.offset)
			}
			if e.Field != tt.field {
				t.Errorf("field %q, want %q", e.Field, tt.field)
			}
			if !strings.Contains(e.Msg, tt.msg) {
				t.Errorf("message %q lacks %q", e.Msg, tt.msg)
			}
			if !strings.Contains(e.Hint, tt.hint) || e.Hint == "" {
				t.Errorf("hint %q lacks %q", e.Hint, tt.hint)
			}
			if !strings.Contains(err.Error(), e.Msg) {
				t.Errorf("error %q does not tell %q", err, e.Msg)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"0 9 ? * MON-FRI *", "*/5 * * * *", "rate(5 minutes)", "cron(15 10 ? * 6L 2022-2023)", "0 9 3W * ? *", "0 9 ? * 3#2 *",
		"cron(", "0 9 31 2 ? *", "60 * * * *", "rate(99999999999999999999 days)", "* * * * * * *", "@daily", "at(x)", "0 0 ? * L 1970/1", "\xff 9 * * *",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Offset < 0 || pe.Len < 0 || pe.Offset+pe.Len > len(text) || pe.Msg == "" {
				t.Fatalf("%q: bad error %#v", text, err)
			}
			return
		}
		s := Schedule{Expr: e}
		at := instant("1970-01-01T00:00:00Z").Add(-1)
		for range 3 {
			next, ok := s.Next(at)
			if !ok {
				return
			}
			if !next.After(at) {
				t.Fatalf("%q: %v does not follow %v", text, next, at)
			}
			at = next
		}
		if s.Describe() == "" {
			t.Fatalf("%q has no description", text)
		}
	})
}
