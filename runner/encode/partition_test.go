package encode_test

import (
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"waybill/runner/encode"
)

func TestPartitionDir(t *testing.T) {
	text := func(s string) *string { return &s }
	tests := []struct {
		columns []string
		values  []*string
		want    string
	}{
		{[]string{"region"}, []*string{text("EU")}, "region=EU/"},
		{[]string{"region", "day"}, []*string{text("EU"), text("2026-01-31")}, "region=EU/day=2026-01-31/"},
		{[]string{"region"}, []*string{nil}, "region=__HIVE_DEFAULT_PARTITION__/"},
		{[]string{"region"}, []*string{text("")}, "region=__HIVE_DEFAULT_PARTITION__/"},
		{[]string{"at"}, []*string{text("2026-01-31 09:00:00")}, "at=2026-01-31 09%3A00%3A00/"},
		{[]string{"a/b"}, []*string{text("../x")}, "a%2Fb=..%2Fx/"},
		{[]string{"p"}, []*string{text("100%=a?b#c'd\"e*f\\g{h[i]j^k")}, "p=100%25%3Da%3Fb%23c%27d%22e%2Af%5Cg%7Bh%5Bi%5Dj%5Ek/"},
		{[]string{"p"}, []*string{text("größe 日本}+&~.")}, "p=größe 日本}+&~./"},
		{[]string{"p"}, []*string{text("a\nb\x7f\x01")}, "p=a%0Ab%7F%01/"},
	}
	for _, tt := range tests {
		if got := encode.PartitionDir(tt.columns, tt.values); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// A reader that unescapes a partition's name finds the value, and no value
// makes a second directory.
func TestPartitionDirIsReversible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(1, 20, -1).Draw(t, "value")
		dir := encode.PartitionDir([]string{"c"}, []*string{&value})
		name, ok := strings.CutSuffix(dir, "/")
		if !ok || strings.Contains(name, "/") {
			t.Fatalf("%q becomes %q", value, dir)
		}
		got, err := url.PathUnescape(strings.TrimPrefix(name, "c="))
		if err != nil || got != value {
			t.Fatalf("%q becomes %q, which is read as %q, %v", value, dir, got, err)
		}
	})
}
