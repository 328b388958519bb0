package schedule

import (
	"slices"
	"testing"
	"time"
)

func instant(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func mustMake(t testing.TB, expr, zone string, gap DSTGap) Schedule {
	t.Helper()
	e, err := Parse(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	loc, err := Zone(zone)
	if err != nil {
		t.Fatal(err)
	}
	return Schedule{Expr: e, Location: loc, DSTGap: gap}
}

// slots renders the next slots in the schedule's own zone.
func slots(s Schedule, after string, n int) []string {
	var out []string
	at := instant(after)
	for len(out) < n {
		next, ok := s.Next(at)
		if !ok {
			return append(out, "never")
		}
		out = append(out, next.In(s.location()).Format("Mon 2006-01-02 15:04 -07:00"))
		at = next
	}
	return out
}

func TestNext(t *testing.T) {
	tests := []struct {
		expr, after string
		want        []string // in UTC
	}{
		{"0 10 * * ? *", "2026-01-01T10:00:00Z", []string{"Fri 2026-01-02 10:00", "Sat 2026-01-03 10:00"}},
		{"0 10 * * ? *", "2026-01-01T09:59:59.999Z", []string{"Thu 2026-01-01 10:00"}},
		{"0 18 ? * MON-FRI *", "2026-01-02T18:00:00Z", []string{"Mon 2026-01-05 18:00", "Tue 2026-01-06 18:00"}},
		{"0 18 ? * 2-6 *", "2026-01-02T18:00:00Z", []string{"Mon 2026-01-05 18:00"}},
		{"0 18 ? * 1 *", "2026-01-01T00:00:00Z", []string{"Sun 2026-01-04 18:00"}},
		{"0 18 * * 1", "2026-01-01T00:00:00Z", []string{"Mon 2026-01-05 18:00"}},
		{"0 18 * * 0", "2026-01-01T00:00:00Z", []string{"Sun 2026-01-04 18:00"}},
		{"0 18 * * 7", "2026-01-01T00:00:00Z", []string{"Sun 2026-01-04 18:00"}},
		{"0 18 * * SAT-SUN", "2026-01-01T00:00:00Z", []string{"Sat 2026-01-03 18:00", "Sun 2026-01-04 18:00", "Sat 2026-01-10 18:00"}},
		{"0 8 1 * ? *", "2026-01-01T08:00:00Z", []string{"Sun 2026-02-01 08:00", "Sun 2026-03-01 08:00"}},
		{"0/15 * * * ? *", "2026-01-01T08:50:00Z", []string{"Thu 2026-01-01 09:00", "Thu 2026-01-01 09:15"}},
		{"0/5 8-17 ? * MON-FRI *", "2026-01-02T17:50:00Z", []string{"Fri 2026-01-02 17:55", "Mon 2026-01-05 08:00"}},
		{"1/10 * ? * * *", "2026-01-01T00:45:00Z", []string{"Thu 2026-01-01 00:51", "Thu 2026-01-01 01:01"}},
		{"15 10 ? * 6L 2022-2023", "2022-11-30T00:00:00Z", []string{"Fri 2022-12-30 10:15", "Fri 2023-01-27 10:15"}},
		{"15 10 ? * 6L 2022-2023", "2023-12-29T10:15:00Z", []string{"never"}},
		{"30 6 L * ? *", "2027-12-31T06:30:00Z", []string{"Mon 2028-01-31 06:30", "Tue 2028-02-29 06:30", "Fri 2028-03-31 06:30"}},
		{"0 0 ? * L *", "2026-01-01T00:00:00Z", []string{"Sat 2026-01-03 00:00", "Sat 2026-01-10 00:00"}},
		{"0 0 ? * 3#2 *", "2026-01-01T00:00:00Z", []string{"Tue 2026-01-13 00:00", "Tue 2026-02-10 00:00"}},
		{"0 0 ? * SUN#5 *", "2026-01-01T00:00:00Z", []string{"Sun 2026-03-29 00:00", "Sun 2026-05-31 00:00"}},
		// 3 October 2026 is a Saturday, 1 August too; 31 May is a Sunday.
		{"0 0 3W 10 ? 2026", "2026-01-01T00:00:00Z", []string{"Fri 2026-10-02 00:00", "never"}},
		{"0 0 1W 8 ? 2026", "2026-01-01T00:00:00Z", []string{"Mon 2026-08-03 00:00", "never"}},
		{"0 0 31W 5 ? 2026", "2026-01-01T00:00:00Z", []string{"Fri 2026-05-29 00:00", "never"}},
		{"0 0 4W 10 ? 2026", "2026-01-01T00:00:00Z", []string{"Mon 2026-10-05 00:00", "never"}},
		{"0 0 31W * ? 2026", "2026-01-31T00:00:00Z", []string{"Tue 2026-03-31 00:00", "Fri 2026-05-29 00:00"}},
		{"0 0 29 2 ? *", "2096-02-29T00:00:00Z", []string{"Fri 2104-02-29 00:00"}}, // 2100 is no leap year
		{"0 0 29 2 ? 2000", "1999-01-01T00:00:00Z", []string{"Tue 2000-02-29 00:00", "never"}},
		{"0 0 1 1 ? 1970/50", "1971-01-01T00:00:00Z", []string{"Wed 2020-01-01 00:00", "Wed 2070-01-01 00:00"}},
		{"0 0 31 12 ? *", "2199-12-31T00:00:00Z", []string{"never"}},
		{"0 0 1 1 ? *", "1950-06-01T00:00:00Z", []string{"Thu 1970-01-01 00:00"}},
		// POSIX: either day field, if both are set.
		{"0 0 13 * 5", "2026-02-10T00:00:00Z", []string{"Fri 2026-02-13 00:00", "Fri 2026-02-20 00:00", "Fri 2026-02-27 00:00", "Fri 2026-03-06 00:00"}},
		{"0 0 13 * 1", "2026-02-10T00:00:00Z", []string{"Fri 2026-02-13 00:00", "Mon 2026-02-16 00:00"}},
		// Vixie: a field that begins with * restricts, but stays an "and".
		{"0 0 */10 * 1", "2026-01-01T00:00:00Z", []string{"Mon 2026-05-11 00:00"}},
		{"rate(15 minutes)", "2026-01-01T00:07:00Z", []string{"Thu 2026-01-01 00:15", "Thu 2026-01-01 00:30"}},
		{"rate(7 days)", "2026-01-01T00:00:00Z", []string{"Thu 2026-01-08 00:00"}}, // 1 January 1970 was a Thursday
		{"rate(7 days)", "1969-12-31T00:00:00Z", []string{"Thu 1970-01-01 00:00"}},
	}
	for _, tt := range tests {
		got := slots(mustMake(t, tt.expr, "UTC", Skip), tt.after, len(tt.want))
		for i := range got {
			got[i] = trimZone(got[i])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s after %s: %q, want %q", tt.expr, tt.after, got, tt.want)
		}
	}
}

func trimZone(text string) string {
	if len(text) > 20 {
		return text[:20]
	}
	return text
}

func TestNextInZones(t *testing.T) {
	tests := []struct {
		name, expr, zone string
		gap              DSTGap
		after            string
		want             []string
	}{
		{"spring skips", "30 2 * * ? *", "America/New_York", Skip, "2026-03-07T12:00:00Z",
			[]string{"Mon 2026-03-09 02:30 -04:00"}},
		{"spring shifts", "30 2 * * ? *", "America/New_York", Shift, "2026-03-07T12:00:00Z",
			[]string{"Sun 2026-03-08 03:30 -04:00", "Mon 2026-03-09 02:30 -04:00"}},
		{"shifted slots merge with regular ones", "0 2,3 * * ? *", "America/New_York", Shift, "2026-03-08T06:00:00Z",
			[]string{"Sun 2026-03-08 03:00 -04:00", "Mon 2026-03-09 02:00 -04:00"}},
		{"the day keeps its other slots", "0 1-4 * * ? *", "Europe/Berlin", Skip, "2026-03-28T23:30:00Z",
			[]string{"Sun 2026-03-29 01:00 +01:00", "Sun 2026-03-29 03:00 +02:00", "Sun 2026-03-29 04:00 +02:00"}},
		{"autumn fires once", "30 1 * * ? *", "America/New_York", Skip, "2026-11-01T00:00:00Z",
			[]string{"Sun 2026-11-01 01:30 -04:00", "Mon 2026-11-02 01:30 -05:00"}},
		{"stepped minutes of a fixed hour fire once", "*/30 1 * * ? *", "America/New_York", Skip, "2026-11-01T00:00:00Z",
			[]string{"Sun 2026-11-01 01:00 -04:00", "Sun 2026-11-01 01:30 -04:00", "Mon 2026-11-02 01:00 -05:00"}},
		{"asked between the passes", "30 1 * * ? *", "America/New_York", Skip, "2026-11-01T06:00:00Z",
			[]string{"Mon 2026-11-02 01:30 -05:00"}},
		{"every hour fires in both passes", "30 * * * ? *", "America/New_York", Skip, "2026-11-01T04:45:00Z",
			[]string{"Sun 2026-11-01 01:30 -04:00", "Sun 2026-11-01 01:30 -05:00", "Sun 2026-11-01 02:30 -05:00"}},
		{"a stepped hour too", "*/30 1/2 * * ? *", "America/New_York", Skip, "2026-11-01T04:45:00Z",
			[]string{"Sun 2026-11-01 01:00 -04:00", "Sun 2026-11-01 01:30 -04:00", "Sun 2026-11-01 01:00 -05:00", "Sun 2026-11-01 01:30 -05:00", "Sun 2026-11-01 03:00 -05:00"}},
		{"a listed hour beside a stepped one", "0 1,*/6 * * ? *", "America/New_York", Skip, "2026-11-01T03:00:00Z",
			[]string{"Sun 2026-11-01 00:00 -04:00", "Sun 2026-11-01 01:00 -04:00", "Sun 2026-11-01 06:00 -05:00"}},
		{"every minute over spring", "* * * * *", "Europe/Berlin", Skip, "2026-03-29T00:58:00Z",
			[]string{"Sun 2026-03-29 01:59 +01:00", "Sun 2026-03-29 03:00 +02:00"}},
		{"half an hour forward skips", "15 2 * * ? *", "Australia/Lord_Howe", Skip, "2026-10-03T00:00:00Z",
			[]string{"Mon 2026-10-05 02:15 +11:00"}},
		{"half an hour forward shifts by half an hour", "15 2 * * ? *", "Australia/Lord_Howe", Shift, "2026-10-03T00:00:00Z",
			[]string{"Sun 2026-10-04 02:45 +11:00"}},
		{"half an hour back", "45 1 * * ? *", "Australia/Lord_Howe", Skip, "2026-04-04T12:00:00Z",
			[]string{"Sun 2026-04-05 01:45 +11:00", "Mon 2026-04-06 01:45 +10:30"}},
		{"half an hour back, every 15 minutes", "*/15 * * * ? *", "Australia/Lord_Howe", Skip, "2026-04-04T14:15:00Z",
			[]string{"Sun 2026-04-05 01:30 +11:00", "Sun 2026-04-05 01:45 +11:00", "Sun 2026-04-05 01:30 +10:30", "Sun 2026-04-05 01:45 +10:30", "Sun 2026-04-05 02:00 +10:30"}},
		{"Samoa had no 30 December 2011", "0 9 * * ? *", "Pacific/Apia", Skip, "2011-12-29T12:00:00Z",
			[]string{"Thu 2011-12-29 09:00 -10:00", "Sat 2011-12-31 09:00 +14:00"}},
		{"and a shift lands on its neighbour", "0 9 30 * ? *", "Pacific/Apia", Shift, "2011-12-29T20:00:00Z",
			[]string{"Sat 2011-12-31 09:00 +14:00", "Mon 2012-01-30 09:00 +14:00"}},
		{"midnight is missing in Sao Paulo", "0 0 * * ? *", "America/Sao_Paulo", Skip, "2018-11-03T12:00:00Z",
			[]string{"Mon 2018-11-05 00:00 -02:00"}},
		{"midnight shifts to one", "0 0 * * ? *", "America/Sao_Paulo", Shift, "2018-11-03T12:00:00Z",
			[]string{"Sun 2018-11-04 01:00 -02:00", "Mon 2018-11-05 00:00 -02:00"}},
		{"midnight comes twice in Havana", "0 0 * * ? *", "America/Havana", Skip, "2026-10-31T12:00:00Z",
			[]string{"Sun 2026-11-01 00:00 -04:00", "Mon 2026-11-02 00:00 -05:00"}},
		{"a day of the week is civil", "0 0 ? * SUN *", "Asia/Kolkata", Skip, "2026-01-01T00:00:00Z",
			[]string{"Sun 2026-01-04 00:00 +05:30"}},
		{"only ever in a gap", "30 2 8 3 ? 2026", "America/New_York", Skip, "2026-01-01T00:00:00Z", []string{"never"}},
		{"sparse, over many changes", "30 1 29 2 ? *", "America/New_York", Skip, "2096-03-01T00:00:00Z",
			[]string{"Fri 2104-02-29 01:30 -05:00"}},
		{"the 366th day of a year beyond the zone's table", "0 9 31 12 ? *", "Europe/Berlin", Skip, "2040-12-31T00:00:00Z",
			[]string{"Mon 2040-12-31 09:00 +01:00", "Tue 2041-12-31 09:00 +01:00"}},
		{"over that day", "0 9 1 1 ? *", "Australia/Lord_Howe", Shift, "2040-12-31T00:00:00Z",
			[]string{"Tue 2041-01-01 09:00 +11:00"}},
		{"rates know no zone", "rate(1 day)", "America/New_York", Skip, "2026-03-07T12:00:00Z",
			[]string{"Sat 2026-03-07 19:00 -05:00", "Sun 2026-03-08 20:00 -04:00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := slots(mustMake(t, tt.expr, tt.zone, tt.gap), tt.after, len(tt.want))
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestZeroScheduleNeverFires(t *testing.T) {
	if at, ok := (Schedule{}).Next(time.Now()); ok {
		t.Errorf("fires at %v", at)
	}
	if _, ok := (Set{}).Next(time.Now()); ok {
		t.Error("the empty set fires")
	}
}

func TestPrev(t *testing.T) {
	tests := []struct{ expr, before, want string }{
		{"0 9 ? * * *", "2026-01-02T09:00:00Z", "2026-01-01T09:00:00Z"},
		{"0 9 ? * * *", "2026-01-02T09:00:00.5Z", "2026-01-02T09:00:00Z"},
		{"* * * * *", "2026-01-02T09:00:30Z", "2026-01-02T09:00:00Z"},
		{"0 0 29 2 ? *", "2104-02-29T00:00:00Z", "2096-02-29T00:00:00Z"},
		{"* * 1 1 ? *", "2026-06-01T00:00:00Z", "2026-01-01T23:59:00Z"},
		{"0 0 1 1 ? *", "1970-06-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"0 0 1 1 ? *", "1970-01-01T00:00:00Z", ""},
		{"0 0 1 1 ? 2030", "2026-01-01T00:00:00Z", ""},
		{"rate(7 days)", "2026-01-01T00:00:00Z", "2025-12-25T00:00:00Z"},
	}
	for _, tt := range tests {
		got, ok := mustMake(t, tt.expr, "UTC", Skip).Prev(instant(tt.before))
		if ok != (tt.want != "") || ok && !got.Equal(instant(tt.want)) {
			t.Errorf("%s before %s: %v %v, want %s", tt.expr, tt.before, got, ok, tt.want)
		}
	}
}

func TestBetween(t *testing.T) {
	s := mustMake(t, "0 * * * *", "UTC", Skip)
	after, until := instant("2026-01-01T00:00:00Z"), instant("2026-01-01T03:00:00Z")
	if got := s.Between(after, until, 10); len(got) != 3 || !got[0].Equal(instant("2026-01-01T01:00:00Z")) || !got[2].Equal(until) {
		t.Errorf("got %v", got)
	}
	if got := s.Between(after, until, 2); len(got) != 2 {
		t.Errorf("limit 2 gives %v", got)
	}
	if got := s.Between(until, after, 10); got != nil {
		t.Errorf("an empty stretch gives %v", got)
	}
}

func TestGaps(t *testing.T) {
	from := instant("2026-01-01T00:00:00Z")
	tests := []struct {
		expr, zone string
		gap        DSTGap
		months     int
		want       []string
	}{
		{"30 2 * * ? *", "America/New_York", Skip, 18, []string{
			"Sun 8 Mar 2026 02:30 does not exist, since the clock is put forward: it does not fire",
			"Sun 14 Mar 2027 02:30 does not exist, since the clock is put forward: it does not fire"}},
		{"30 2 ? * SUN 2026", "Europe/Berlin", Shift, 18, []string{
			"Sun 29 Mar 2026 02:30 does not exist, since the clock is put forward: it fires at 03:30"}},
		{"15 2 * * ? 2026", "Australia/Lord_Howe", Shift, 18, []string{
			"Sun 4 Oct 2026 02:15 does not exist, since the clock is put forward: it fires at 02:45"}},
		{"30 2 31 3 ? 2041/2", "Europe/Berlin", Skip, 16 * 12, []string{
			"Sun 31 Mar 2041 02:30 does not exist, since the clock is put forward: it does not fire"}},
		{"30 * * * ? *", "America/New_York", Skip, 18, nil},
		{"30 2 ? * MON *", "America/New_York", Skip, 18, nil},
		{"30 2 * * ? *", "UTC", Skip, 18, nil},
		{"rate(1 hour)", "America/New_York", Skip, 18, nil},
	}
	for _, tt := range tests {
		var got []string
		for _, g := range mustMake(t, tt.expr, tt.zone, tt.gap).Gaps(from, tt.months) {
			got = append(got, g.String())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s in %s: %q, want %q", tt.expr, tt.zone, got, tt.want)
		}
	}
}

func TestZone(t *testing.T) {
	for _, name := range []string{"", "Local", "Europe/Nowhere", "../etc/passwd"} {
		if _, err := Zone(name); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	for _, tt := range []struct{ name, expr, zone string }{
		{"daily", "0 9 ? * MON-FRI *", "America/New_York"},
		{"minutely", "* * * * *", "Europe/Berlin"},
		{"utc", "0 9 ? * * *", "UTC"},
		{"leap day over a century", "0 0 29 2 ? 2192", "America/New_York"},
		{"rare", "0 0 ? 2 SUN#5 *", "Europe/Berlin"},
		{"over", "0 0 1 1 ? 1970", "Europe/Berlin"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			s := mustMake(b, tt.expr, tt.zone, Skip)
			at := instant("2026-11-22T08:00:00Z")
			for b.Loop() {
				s.Next(at)
			}
		})
	}
}
