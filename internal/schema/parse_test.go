package schema_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	. "waybill/internal/schema"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 7 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0, "0d": 0, "1.5h": 90 * time.Minute,
		"250ms": 250 * time.Millisecond, "0": 0, "65535d": 65535 * 24 * time.Hour,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "d", "1.5d", "-1d", "+1d", "-5m", "+5m", "1d-5m", "1d+5m", "1d 5m", " 5m", "5m ", "1d1d", "1h1d", "5 min", "1w", "65536d", "65535d2500000h", "99999999h", "NaN", "1e3s", "∞"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q = %v", text, got)
		} else if !strings.Contains(err.Error(), "is not a duration") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever is written in days and a Go duration is read as their sum; nothing
// is ever negative.
func TestParseDurationProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.Int64Range(0, 20000).Draw(t, "days")
		rest := time.Duration(rapid.Int64Range(0, int64(100*24*time.Hour)).Draw(t, "rest"))
		got, err := ParseDuration(fmt.Sprintf("%dd%s", days, rest))
		if want := time.Duration(days)*24*time.Hour + rest; err != nil || got != want {
			t.Fatalf("%dd%s = %v, %v, want %v", days, rest, got, err, want)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{0,8}d?[+-]?[0-9.]{0,20}[a-zµ]{0,2}[0-9]{0,9}[smh]?`).Draw(t, "text")
		if got, err := ParseDuration(text); got < 0 || err != nil && got != 0 {
			t.Fatalf("%q = %v, %v", text, got, err)
		}
	})
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1048576": 1 << 20, "5B": 5, "512MiB": 512 << 20, "1GB": 1e9, "1kB": 1000, "1KB": 1000, "2 GiB": 2 << 30, "1TiB": 1 << 40, "3TB": 3e12, "4KiB": 4096, "7MB": 7e6,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q = %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "B", "-1", "+1", "1.5GB", "1 gig", "1gb", "1Mib", "1 B B", "9223372036854775808", "9223372036854775807KiB", "5000000TiB", "１GB", "0x10"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q = %d", text, got)
		} else if !strings.Contains(err.Error(), "is not a size") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseSizeProperties(t *testing.T) {
	units := map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]string{"", "B", "KiB", "MiB", "GiB", "TiB", "kB", "MB", "GB", "TB"}).Draw(t, "unit")
		n := rapid.Int64Range(0, 1<<62).Draw(t, "n")
		got, err := ParseSize(fmt.Sprintf("%d%s", n, unit))
		if fits := n <= (1<<62)/units[unit]; fits != (err == nil) || fits && got != n*units[unit] {
			t.Fatalf("%d%s = %d, %v", n, unit, got, err)
		}
	})
}
