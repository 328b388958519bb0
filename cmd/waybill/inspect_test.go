package main

import (
	"strings"
	"testing"
)

func TestSplitURL(t *testing.T) {
	const point = "arn:aws:s3:eu-west-1:123456789012:accesspoint/inbox"
	tests := []struct {
		name, bucket, key string
		ok                bool
	}{
		{"s3://acme-inbox/a/b c.csv", "acme-inbox", "a/b c.csv", true},
		{"s3://acme-inbox/", "acme-inbox", "", true},
		{"s3://acme-inbox", "acme-inbox", "", true},
		{"s3://" + point + "/a/b.csv", point, "a/b.csv", true},
		{"s3://acme-inbox//a", "acme-inbox", "/a", true},
		{"out/a.csv", "", "", false},
	}
	for _, tt := range tests {
		bucket, key, ok := splitURL(tt.name)
		if bucket != tt.bucket || key != tt.key || ok != tt.ok {
			t.Errorf("%s is %q, %q, %v", tt.name, bucket, key, ok)
		}
	}
}

// Values come from strangers: what they hold must not move the cursor, nor
// break a table.
func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"größe": "größe", "a\nb\tc\r": "a␣b␣c␣", "\x1b[31mred\x07": "·[31mred·", "a\u202eb\u200b": "a·b·",
	} {
		if got := oneLine(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
	a := &app{}
	long := strings.Repeat("ä", 50)
	if got := []rune(a.cell(&long, "")); len(got) != cellWidth || got[cellWidth-1] != '…' {
		t.Errorf("a long value is shown as %q", string(got))
	}
}
