package schedule

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSetMergesCoincidingSlots(t *testing.T) {
	s := Set{mustMake(t, "0 */2 * * *", "UTC", Skip), mustMake(t, "0 */3 * * *", "UTC", Skip)}
	var got []int
	for _, at := range s.Between(instant("2026-01-01T00:00:00Z"), instant("2026-01-01T12:00:00Z"), 100) {
		got = append(got, at.Hour())
	}
	want := []int{2, 3, 4, 6, 8, 9, 10, 12}
	if len(got) != len(want) {
		t.Fatalf("hours %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("hours %v, want %v", got, want)
		}
	}
	if at, ok := s.Prev(instant("2026-01-01T09:30:00Z")); !ok || at.Hour() != 9 {
		t.Errorf("before 09:30 comes %v", at)
	}
}

func TestFingerprint(t *testing.T) {
	one := func(expr, zone string, gap DSTGap) Set { return Set{mustMake(t, expr, zone, gap)} }
	const ny = "America/New_York"
	same := []struct {
		name string
		a, b Set
	}{
		{"names and numbers", one("0 9 ? * MON-FRI *", ny, Skip), one("0 9 ? * 2-6 *", ny, Skip)},
		{"the two forms", one("0 9 ? * MON-FRI *", ny, Skip), one("0 9 * * 1-5", ny, Skip)},
		{"wrapping and white space", one("cron(0 9 ? * * *)", ny, Skip), one(" 0  9 * * ? *", ny, Skip)},
		{"all days, in many ways", one("0 9 1-31 * ? *", ny, Skip), one("0 9 * * 0-7", ny, Skip)},
		{"either, where one is every day", one("0 9 1-31 * 1", ny, Skip), one("0 9 * * *", ny, Skip)},
		{"the default gap rule", one("0 9 * * *", ny, ""), one("0 9 * * *", ny, Skip)},
		{"a step without daylight saving", one("0 */12 * * *", "UTC", Skip), one("0 0,12 * * *", "Etc/UTC", Shift)},
		{"a rate in any zone", one("rate(60 minutes)", ny, Skip), one("rate(1 hour)", "UTC", Shift)},
		{"order and repetition", append(one("0 9 * * *", ny, Skip), one("0 8 * * *", ny, Skip)...),
			append(append(one("0 8 * * *", ny, Skip), one("0 9 * * *", ny, Skip)...), one("0 8 ? * * *", ny, Skip)...)},
	}
	for _, tt := range same {
		if tt.a.Fingerprint() != tt.b.Fingerprint() {
			t.Errorf("%s: the fingerprints differ", tt.name)
		}
	}
	base := one("0 9 ? * MON-FRI *", ny, Skip)
	other := map[string]Set{
		"minute": one("1 9 ? * MON-FRI *", ny, Skip), "hour": one("0 10 ? * MON-FRI *", ny, Skip), "days": one("0 9 ? * MON-SAT *", ny, Skip),
		"month": one("0 9 ? 1 MON-FRI *", ny, Skip), "year": one("0 9 ? * MON-FRI 2026", ny, Skip),
		"zone": one("0 9 ? * MON-FRI *", "Europe/Berlin", Skip), "gap": one("0 9 ? * MON-FRI *", ny, Shift),
		"last": one("0 9 ? * FRIL *", ny, Skip), "nth": one("0 9 ? * FRI#1 *", ny, Skip), "nearest": one("0 9 1W * ? *", ny, Skip),
		"elastic": one("0 9/23 ? * MON-FRI *", ny, Skip), "rate": one("rate(1 day)", ny, Skip), "none": nil,
		"another one too": append(one("0 8 * * *", ny, Skip), base...),
	}
	seen := map[string]string{base.Fingerprint(): "base"}
	for name, s := range other {
		fp := s.Fingerprint()
		if twin, dup := seen[fp]; dup {
			t.Errorf("%s and %s have the same fingerprint", name, twin)
		}
		seen[fp] = name
	}
}

// Stored fingerprints must outlive releases, or every upgrade would look like a
// change of all schedules.
func TestFingerprintIsStable(t *testing.T) {
	s := Set{mustMake(t, "0 9 ? * MON-FRI *", "America/New_York", Skip), mustMake(t, "rate(15 minutes)", "UTC", Skip)}
	if got, want := s.Fingerprint(), "1a55138233787edede1efb6f2faecfea"; got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
}

// Equal fingerprints fire alike.
func TestFingerprintMeansWhatFires(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) (Schedule, bool) {
			e, err := Parse(rapid.SampledFrom([]string{
				"0 0 * * *", "0 0 1-31 * ? *", "0 0 ? * 1-7 *", "0 0 * * 0-7", "0 0 1 * *", "0 0 1 * ? *", "0 0 */31 * *", "0 0 ? * 1 *", "0 0 * * 1", "0 0 * * MON", "0 0 */30 * 1-5", "rate(1 day)", "rate(24 hours)",
			}).Draw(t, label))
			return Schedule{Expr: e}, err == nil
		}
		a, okA := draw("a")
		b, okB := draw("b")
		if !okA || !okB {
			return
		}
		from, until := instant("2026-01-01T00:00:00Z"), instant("2028-01-01T00:00:00Z")
		alike := firstDifference(a.Between(from, until, 1e6), b.Between(from, until, 1e6)) == ""
		if same := (Set{a}).Fingerprint() == (Set{b}).Fingerprint(); same && !alike {
			t.Fatalf("%v and %v have one fingerprint but fire differently", a.Expr, b.Expr)
		}
	})
}

func TestUpcoming(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  Set
		want []string
	}{
		{"coinciding ones once", Set{mustMake(t, "0 9 * * *", "UTC", Skip), mustMake(t, "0 */3 * * *", "UTC", Skip)},
			[]string{"2026-11-22T09:00:00Z", "2026-11-22T12:00:00Z", "2026-11-22T15:00:00Z"}},
		{"zones together", Set{mustMake(t, "0 9 * * *", "America/New_York", Skip), mustMake(t, "0 9 * * *", "UTC", Skip)},
			[]string{"2026-11-22T09:00:00Z", "2026-11-22T14:00:00Z", "2026-11-23T09:00:00Z"}},
		{"fewer at the end", Set{mustMake(t, "0 9 23-24 11 ? 2026", "UTC", Skip)}, []string{"2026-11-23T09:00:00Z", "2026-11-24T09:00:00Z"}},
		{"far ahead", Set{mustMake(t, "0 0 29 2 ? 2096", "UTC", Skip)}, []string{"2096-02-29T00:00:00Z"}},
		{"over", Set{mustMake(t, "0 9 1 10 ? 2026", "UTC", Skip)}, nil},
		{"none", nil, nil},
	} {
		var got []string
		for _, at := range tt.set.Upcoming(instant("2026-11-22T08:59:59Z"), 3) {
			got = append(got, at.Format(time.RFC3339))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	// A slot of this very second has fired.
	if got := (Set{mustMake(t, "0 9 * * *", "UTC", Skip)}).Upcoming(instant("2026-11-22T09:00:00Z"), 1); got[0].Day() != 23 {
		t.Errorf("got %v", got)
	}
}
