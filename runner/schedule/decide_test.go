package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func trigger(t testing.TB, expr string, adjust ...func(*Trigger)) Trigger {
	t.Helper()
	tr := Trigger{Schedule: mustMake(t, expr, "UTC", Skip)}
	for _, a := range adjust {
		a(&tr)
	}
	return tr
}

func catchUp(c CatchUp) func(*Trigger)            { return func(t *Trigger) { t.CatchUp = c } }
func overlap(o Overlap) func(*Trigger)            { return func(t *Trigger) { t.Overlap = o } }
func window(d time.Duration) func(*Trigger)       { return func(t *Trigger) { t.Window = d } }
func jittered(d time.Duration) func(*Trigger)     { return func(t *Trigger) { t.Jitter = d } }
func mark(ts []Trigger, at string) Watermark      { return Watermark{setOf(ts).Fingerprint(), instant(at)} }
func clock(t time.Time) string                    { return t.UTC().Format("02T15:04") }
func at(text string) time.Time                    { return instant("2026-01-" + text + ":00Z") }
func past(text string, d time.Duration) time.Time { return at(text).Add(d) }

// render writes decisions in short: slot, interval start, verdict.
func render(out Output) []string {
	var lines []string
	for _, d := range out.Decisions {
		line := clock(d.Slot) + " from " + clock(d.IntervalStart) + ": "
		switch {
		case d.Skipped != "":
			line += string(d.Skipped)
		case d.CancelPrevious:
			line += "queued, cancels"
		default:
			line += "queued"
		}
		if d.Missed {
			line += " (missed)"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestDecide(t *testing.T) {
	tests := []struct {
		name     string
		triggers []Trigger
		mark     string // watermark
		in       Input  // the rest
		want     []string
		newMark  string
		wake     time.Time
	}{
		{name: "nothing is due", triggers: []Trigger{trigger(t, "0 9 * * *")}, mark: "2026-01-05T09:00:00Z",
			in: Input{Now: at("05T12:00")}, newMark: "05T09:00", wake: at("06T09:00")},
		{name: "due now", triggers: []Trigger{trigger(t, "0 9 * * *")}, mark: "2026-01-05T09:00:00Z",
			in:   Input{Now: at("06T09:00"), LastTick: past("06T09:00", -time.Second)},
			want: []string{"06T09:00 from 05T09:00: queued"}, newMark: "06T09:00", wake: at("07T09:00")},
		{name: "a daemon that starts within the grace has missed nothing", triggers: []Trigger{trigger(t, "0 9 * * *", catchUp(CatchUpNone))}, mark: "2026-01-05T09:00:00Z",
			in:   Input{Now: past("06T09:00", Grace)},
			want: []string{"06T09:00 from 05T09:00: queued"}, newMark: "06T09:00", wake: at("07T09:00")},
		{name: "a second later it has", triggers: []Trigger{trigger(t, "0 9 * * *", catchUp(CatchUpNone))}, mark: "2026-01-05T09:00:00Z",
			in:   Input{Now: past("06T09:00", Grace+time.Second)},
			want: []string{"06T09:00 from 05T09:00: missed (missed)"}, newMark: "06T09:00", wake: at("07T09:00")},
		{name: "a daemon that was there but could not store has missed nothing", triggers: []Trigger{trigger(t, "0 * * * *", catchUp(CatchUpNone))}, mark: "2026-01-05T09:00:00Z",
			in:   Input{Now: past("05T11:00", 10*time.Minute), LastTick: past("05T11:00", 9*time.Minute)},
			want: []string{"05T10:00 from 05T09:00: queued", "05T11:00 from 05T10:00: queued"}, newMark: "05T11:00", wake: at("05T12:00")},
		{name: "latest runs the newest that was missed", triggers: []Trigger{trigger(t, "0 * * * *")}, mark: "2026-01-05T09:00:00Z",
			in: Input{Now: past("05T12:00", 10*time.Minute), LastRan: at("05T09:00")},
			want: []string{"05T10:00 from 05T09:00: missed_superseded (missed)", "05T11:00 from 05T09:00: missed_superseded (missed)",
				"05T12:00 from 05T09:00: queued (missed)"}, newMark: "05T12:00", wake: at("05T13:00")},
		{name: "and the slot that is due on time besides", triggers: []Trigger{trigger(t, "0 * * * *")}, mark: "2026-01-05T09:00:00Z",
			in: Input{Now: at("05T11:00"), LastRan: at("05T09:00")},
			want: []string{"05T10:00 from 05T09:00: queued (missed)",
				"05T11:00 from 05T10:00: queued"}, newMark: "05T11:00", wake: at("05T12:00")},
		{name: "all runs all, each from the slot before", triggers: []Trigger{trigger(t, "0 * * * *", catchUp(CatchUpAll))}, mark: "2026-01-05T09:00:00Z",
			in:   Input{Now: past("05T11:00", 10*time.Minute), LastRan: at("05T07:00")},
			want: []string{"05T10:00 from 05T09:00: queued (missed)", "05T11:00 from 05T10:00: queued (missed)"}, newMark: "05T11:00", wake: at("05T12:00")},
		{name: "what is older than the window is not caught up", triggers: []Trigger{trigger(t, "0 9 * * *", catchUp(CatchUpAll), window(30*time.Hour))}, mark: "2026-01-04T09:00:00Z",
			in: Input{Now: at("07T10:00")},
			want: []string{"05T09:00 from 04T09:00: missed_too_old (missed)", "06T09:00 from 05T09:00: queued (missed)",
				"07T09:00 from 06T09:00: queued (missed)"}, newMark: "07T09:00", wake: at("08T09:00")},
		{name: "the default window is a day", triggers: []Trigger{trigger(t, "0 9 * * *")}, mark: "2026-01-04T09:00:00Z",
			in:   Input{Now: at("06T08:59")},
			want: []string{"05T09:00 from 04T09:00: queued (missed)"}, newMark: "05T09:00", wake: at("06T09:00")},
		{name: "too old even for latest", triggers: []Trigger{trigger(t, "0 9 * * *", window(time.Hour))}, mark: "2026-01-04T09:00:00Z",
			in:   Input{Now: at("05T10:01")},
			want: []string{"05T09:00 from 04T09:00: missed_too_old (missed)"}, newMark: "05T09:00", wake: at("06T09:00")},
		{name: "overlap skip", triggers: []Trigger{trigger(t, "0 9 * * *", overlap(OverlapSkip))}, mark: "2026-01-05T09:00:00Z",
			in:   Input{Now: at("06T09:00"), Active: true, LastRan: at("04T09:00")},
			want: []string{"06T09:00 from 04T09:00: overlap"}, newMark: "06T09:00", wake: at("07T09:00")},
		{name: "overlap skip counts what this decision queued", triggers: []Trigger{trigger(t, "* * * * *", overlap(OverlapSkip))}, mark: "2026-01-05T09:00:00Z",
			in:   Input{Now: at("05T09:02"), LastTick: past("05T09:01", -time.Second)},
			want: []string{"05T09:01 from 05T09:00: queued", "05T09:02 from 05T09:01: overlap"}, newMark: "05T09:02", wake: at("05T09:03")},
		{name: "overlap says nothing about missed slots", triggers: []Trigger{trigger(t, "0 9 * * *", overlap(OverlapSkip))}, mark: "2026-01-05T09:00:00Z",
			in:   Input{Now: at("06T10:00"), Active: true},
			want: []string{"06T09:00 from 05T09:00: queued (missed)"}, newMark: "06T09:00", wake: at("07T09:00")},
		{name: "cancel_previous", triggers: []Trigger{trigger(t, "0 9 * * *", overlap(OverlapCancel))}, mark: "2026-01-05T09:00:00Z",
			in:   Input{Now: at("06T09:00"), Active: true},
			want: []string{"06T09:00 from 05T09:00: queued, cancels"}, newMark: "06T09:00", wake: at("07T09:00")},
		{name: "cancel_previous with nothing to cancel", triggers: []Trigger{trigger(t, "0 9 * * *", overlap(OverlapCancel))}, mark: "2026-01-05T09:00:00Z",
			in:   Input{Now: at("06T09:00")},
			want: []string{"06T09:00 from 05T09:00: queued"}, newMark: "06T09:00", wake: at("07T09:00")},
		{name: "queue and allow don't mind", triggers: []Trigger{trigger(t, "0 9 * * *", overlap(OverlapAllow)), trigger(t, "0 10 * * *")}, mark: "2026-01-05T10:00:00Z",
			in:   Input{Now: at("06T10:00"), LastTick: at("06T10:00"), Active: true},
			want: []string{"06T09:00 from 05T10:00: queued", "06T10:00 from 06T09:00: queued"}, newMark: "06T10:00", wake: at("07T09:00")},
		{name: "coinciding schedules are one slot, and the first has the say", triggers: []Trigger{trigger(t, "0 9 * * *", catchUp(CatchUpNone)), trigger(t, "0 */9 * * *", catchUp(CatchUpAll))}, mark: "2026-01-05T00:00:00Z",
			in:   Input{Now: at("05T18:30")},
			want: []string{"05T09:00 from 05T00:00: missed (missed)", "05T18:00 from 05T09:00: queued (missed)"}, newMark: "05T18:00", wake: at("06T00:00")},
		{name: "a paused pipeline decides nothing", triggers: []Trigger{trigger(t, "0 9 * * *")}, mark: "2026-01-05T09:00:00Z",
			in: Input{Now: at("07T09:00"), Paused: true}, newMark: "05T09:00"},
		{name: "a schedule that is over", triggers: []Trigger{trigger(t, "0 9 5 1 ? 2026")}, mark: "2026-01-05T09:00:00Z",
			in: Input{Now: at("07T09:00")}, newMark: "05T09:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := tt.in
			in.Pipeline, in.Triggers, in.Watermark = "daily_orders", tt.triggers, mark(tt.triggers, tt.mark)
			out := Decide(in)
			if got := render(out); !slices.Equal(got, tt.want) {
				t.Errorf("decisions\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if clock(out.Watermark.At) != tt.newMark || out.Watermark.Schedule != in.Watermark.Schedule {
				t.Errorf("watermark %v, want %s", out.Watermark, tt.newMark)
			}
			if !out.Wake.Equal(tt.wake) {
				t.Errorf("wakes %v, want %v", out.Wake, tt.wake)
			}
			if out.Reset || out.Behind != 0 || out.Unrecorded != (Span{}) {
				t.Errorf("unexpected: %+v", out)
			}
		})
	}
}

func TestDecideResets(t *testing.T) {
	before, after := []Trigger{trigger(t, "0 9 * * *")}, []Trigger{trigger(t, "0 8 * * *")}
	now := past("06T08:00", 500*time.Millisecond)
	tests := []struct {
		name string
		in   Input
		at   time.Time
	}{
		{"first sight begins with the reload", Input{Reloaded: at("06T07:30")}, at("06T07:30")},
		{"a changed one doesn't fire for the past", Input{Watermark: mark(before, "2026-01-05T09:00:00Z"), Reloaded: now}, at("06T08:00")},
		{"nor twice, if the watermark is ahead", Input{Watermark: mark(before, "2026-01-06T09:00:00Z"), Reloaded: now}, at("06T09:00")},
		{"an unknown reload is now", Input{}, at("06T08:00")},
		{"even when paused", Input{Watermark: mark(before, "2026-01-05T09:00:00Z"), Reloaded: now, Paused: true}, at("06T08:00")},
	}
	for _, tt := range tests {
		tt.in.Triggers, tt.in.Now = after, now
		out := Decide(tt.in)
		want := Watermark{setOf(after).Fingerprint(), tt.at}
		if !out.Reset || out.Watermark != want || out.Decisions != nil || !out.Wake.Equal(now) {
			t.Errorf("%s: %+v, want a reset to %v", tt.name, out, want)
		}
		tt.in.Watermark = out.Watermark
		if again := Decide(tt.in); again.Reset {
			t.Errorf("%s: resets again", tt.name)
		}
	}
	rewritten := []Trigger{trigger(t, "cron(0 9 ? * SUN-SAT *)")}
	if out := Decide(Input{Triggers: rewritten, Watermark: mark(before, "2026-01-05T09:00:00Z"), Now: at("06T09:00"), Reloaded: at("06T09:00")}); out.Reset || len(out.Decisions) != 1 {
		t.Errorf("the same schedule in other words loses its slot: %+v", out)
	}
}

func TestDecideWithClockBehind(t *testing.T) {
	ts := []Trigger{trigger(t, "0 * * * *")}
	in := Input{Triggers: ts, Watermark: mark(ts, "2026-01-05T09:00:00Z"), Now: at("05T08:30")}
	out := Decide(in)
	if len(out.Decisions) != 0 || out.Behind != 30*time.Minute || !out.Wake.Equal(at("05T08:31")) || out.Watermark != in.Watermark {
		t.Errorf("got %+v", out)
	}
	in.Now = past("05T09:00", -ClockTolerance)
	if out := Decide(in); out.Behind != 0 || len(out.Decisions) != 0 || !out.Wake.Equal(at("05T10:00")) {
		t.Errorf("a clock that was corrected a little: %+v", out)
	}
}

func TestOffset(t *testing.T) {
	counts := map[time.Duration]int{}
	for i := range 10_000 {
		name := fmt.Sprintf("pipeline_%d", i)
		o := Offset(name, 10*time.Second)
		if o != Offset(name, 10*time.Second) {
			t.Fatal("not stable")
		}
		counts[o]++
	}
	if len(counts) != 10 {
		t.Fatalf("offsets %v, want 0s to 9s", counts)
	}
	for o, n := range counts {
		if o < 0 || o >= 10*time.Second || o%time.Second != 0 || n < 850 || n > 1150 {
			t.Errorf("%v comes %d times in 10000", o, n)
		}
	}
	if o := Offset("x", 0) + Offset("x", -time.Hour) + Offset("x", time.Second); o != 0 {
		t.Errorf("no jitter gives %v", o)
	}
	if o := Offset("daily_orders", time.Hour); o != 29*time.Minute+59*time.Second {
		t.Errorf("the offset of daily_orders has moved to %v: every upgrade would move every jittered pipeline", o)
	}
}

func TestJitterDelaysTheDueTimeOnly(t *testing.T) {
	ts := []Trigger{trigger(t, "0 9 * * *", jittered(time.Hour))}
	due := at("06T09:00").Add(Offset("daily_orders", time.Hour))
	in := Input{Pipeline: "daily_orders", Triggers: ts, Watermark: mark(ts, "2026-01-05T09:00:00Z"), Now: due.Add(-time.Second)}
	if out := Decide(in); len(out.Decisions) != 0 || !out.Wake.Equal(due) {
		t.Errorf("before it is due: %+v", out)
	}
	in.Now = due.Add(Grace)
	out := Decide(in)
	if len(out.Decisions) != 1 || !out.Decisions[0].Slot.Equal(at("06T09:00")) || !out.Decisions[0].Due.Equal(due) || out.Decisions[0].Missed {
		t.Errorf("when it is due: %+v", out)
	}
	in.Now = due.Add(Grace + time.Second)
	if out := Decide(in); !out.Decisions[0].Missed {
		t.Error("missed is not counted from the due time")
	}
}

func TestSlotsKeepTheirOrderUnderDifferentJitter(t *testing.T) {
	ts := []Trigger{trigger(t, "0 9 * * *", jittered(time.Hour)), trigger(t, "5 9 * * *")}
	due := at("06T09:00").Add(Offset("daily_orders", time.Hour))
	in := Input{Pipeline: "daily_orders", Triggers: ts, Watermark: mark(ts, "2026-01-05T09:05:00Z"), Now: at("06T09:06"), LastTick: at("06T09:06")}
	if out := Decide(in); len(out.Decisions) != 0 || !out.Wake.Equal(due) {
		t.Errorf("a slot overtakes: %+v", out)
	}
	in.Now = due
	out := Decide(in)
	if len(out.Decisions) != 2 || !out.Decisions[1].Due.Equal(due) || out.Decisions[1].Missed {
		t.Errorf("got %+v", out)
	}
}

func TestCatchUpIsLimited(t *testing.T) {
	for _, years := range []int{0, 30} {
		ts := []Trigger{trigger(t, "* * * * *", catchUp(CatchUpAll))}
		in := Input{Triggers: ts, Watermark: mark(ts, "2026-01-05T00:00:00Z"), Now: past("05T20:00", 30*time.Second)}
		in.Watermark.At = in.Watermark.At.AddDate(-years, 0, 0)
		out := Decide(in)
		count := map[Reason]int{}
		missed := 0
		for _, d := range out.Decisions {
			if d.Missed {
				count[d.Skipped]++
				missed++
			}
		}
		if count[""] != MaxCatchUp || count[SkippedTooMany] != MaxRecorded || missed != MaxCatchUp+MaxRecorded {
			t.Errorf("%d years: %v", years, count)
		}
		first := out.Decisions[0].Slot
		if want := (Span{in.Watermark.At.Add(time.Minute), first.Add(-time.Minute)}); out.Unrecorded.From.After(want.From) || out.Unrecorded.To.Before(want.To) || !out.Unrecorded.To.Before(first) {
			t.Errorf("%d years: unrecorded %v, want %v", years, out.Unrecorded, want)
		}
		if !out.Watermark.At.Equal(at("05T20:00")) {
			t.Errorf("%d years: watermark %v", years, out.Watermark.At)
		}
	}
}

// A dense schedule that is not caught up must not push a sparse one that is
// out of sight.
func TestSparseSlotsAreFoundAmongDenseOnes(t *testing.T) {
	ts := []Trigger{trigger(t, "1/2 * * * *", catchUp(CatchUpNone)), trigger(t, "0 9 * * *")}
	out := Decide(Input{Triggers: ts, Watermark: mark(ts, "2026-01-05T08:00:00Z"), Now: at("06T08:00")})
	i := slices.IndexFunc(out.Decisions, func(d Decision) bool { return d.Skipped == "" && d.Missed })
	if i < 0 || !out.Decisions[i].Slot.Equal(at("05T09:00")) {
		t.Errorf("the daily slot is lost among %d", len(out.Decisions))
	}
}

// However often a daemon looks, dies, and returns: no slot is decided twice,
// none is left out, and all come in order.
func TestEverySlotIsDecidedOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var ts []Trigger
		for i := range rapid.IntRange(1, 3).Draw(rt, "triggers") {
			label := fmt.Sprint(i)
			ts = append(ts, trigger(t, rapid.SampledFrom([]string{"*/7 * * * *", "0 */2 * * *", "30 9 * * *", "rate(45 minutes)"}).Draw(rt, "expr"+label),
				catchUp(rapid.SampledFrom([]CatchUp{CatchUpAll, CatchUpLatest, CatchUpNone}).Draw(rt, "catch up"+label)),
				overlap(rapid.SampledFrom([]Overlap{OverlapQueue, OverlapSkip, OverlapCancel, OverlapAllow}).Draw(rt, "overlap"+label)),
				jittered(rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour}).Draw(rt, "jitter"+label))))
		}
		begin := at("05T00:00")
		in := Input{Pipeline: "p", Triggers: ts, Watermark: mark(ts, "2026-01-05T00:00:00Z"), Now: begin, LastTick: begin}
		var decided []time.Time
		for range rapid.IntRange(1, 8).Draw(rt, "ticks") {
			in.Now = in.Now.Add(time.Duration(rapid.IntRange(1, 4*3600).Draw(rt, "seconds")) * time.Second)
			if rapid.Bool().Draw(rt, "restarted") {
				in.LastTick = time.Time{}
			}
			in.Paused = rapid.IntRange(0, 3).Draw(rt, "paused") == 0
			out := Decide(in)
			for _, d := range out.Decisions {
				decided = append(decided, d.Slot)
				if d.Due.After(in.Now) || d.Due.Before(d.Slot) || !d.IntervalStart.Before(d.Slot) {
					rt.Fatalf("%+v at %v", d, in.Now)
				}
			}
			if !in.Paused {
				if !out.Wake.After(in.Now) {
					rt.Fatalf("wakes at %v, which is not after %v", out.Wake, in.Now)
				}
				in.LastTick = in.Now
			}
			if out.Unrecorded != (Span{}) {
				rt.Skip("more than is written down")
			}
			in.Watermark = out.Watermark
		}
		want := setOf(ts).Between(begin, in.Watermark.At, 1e6)
		if diff := firstDifference(decided, want); diff != "" {
			rt.Fatal(diff)
		}
	})
}
