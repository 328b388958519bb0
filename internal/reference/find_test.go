package reference

import (
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	l := language(t)
	for address, want := range map[string]string{
		"sink.s3": "reference.Block", "sink.s3.bucket": "reference.Attribute", "run.date": "reference.Value", "function.join": "reference.Function",
		"sink": "reference.Group", "waybill": "reference.Block", "sink.s3.format.csv": "reference.Block",
	} {
		e, ok := l.Find(address)
		if got := typeOf(e.Item); !ok || got != want {
			t.Errorf("%s is a %s, want a %s", address, got, want)
		}
	}
	for _, address := range []string{"", ".", "sinks", "sink.", "sink.s3.bucket.x", "sink.s3.format.csv.bucket"} {
		if e, ok := l.Find(address); ok {
			t.Errorf("%q is found: %v", address, e)
		}
	}
}

func TestNear(t *testing.T) {
	l := language(t)
	for _, tt := range []struct{ address, part, below string }{
		{"snik", "", "sink"},
		{"snik.s3", "", "sink"},
		{"sink.s4.bucket", "sink", "sink.s3"},
		{"sink.s3.bukcet", "sink.s3", "sink.s3.bucket"},
		{"pipeline.schedule.cron.x", "pipeline.schedule.cron", ""},
		{"run.dat", "run", "run.date"},
	} {
		part, below := l.Near(tt.address)
		if part != tt.part || tt.below != "" && !slices.Contains(below, tt.below) || tt.below == "" && len(below) > 0 {
			t.Errorf("%s: near %q and %v, want %q and %q among them", tt.address, part, below, tt.part, tt.below)
		}
	}
}

func TestComplete(t *testing.T) {
	l := language(t)
	for _, tt := range []struct {
		typed string
		want  string // some of the proposals
		more  bool
	}{
		{"", "waybill pipeline source sink run function", true},
		{"sin", "sink", true},
		{"sink.", "sink.file sink.s3", true},
		{"sink.s3.b", "sink.s3.bucket", false},
		{"pipeline.schedule.c", "pipeline.schedule.cron pipeline.schedule.catch_up", false},
		{"nothing", "", false},
	} {
		entries, more := l.Complete(tt.typed)
		var got []string
		for _, e := range entries {
			got = append(got, e.Address)
			if !strings.HasPrefix(e.Address, tt.typed) {
				t.Errorf("%q is completed to %s", tt.typed, e.Address)
			}
		}
		for want := range strings.FieldsSeq(tt.want) {
			if !slices.Contains(got, want) {
				t.Errorf("%q is not completed to %s but to %v", tt.typed, want, got)
			}
		}
		if more != tt.more || tt.want == "" && len(got) > 0 {
			t.Errorf("%q: more below is %v, want %v, of %v", tt.typed, more, tt.more, got)
		}
	}
}

func TestSummary(t *testing.T) {
	for doc, want := range map[string]string{
		"One.": "One.", "One. Two.": "One.", "In 1.5 seconds. Then": "In 1.5 seconds.", "no stop": "no stop", "": "",
	} {
		if got := (Entry{Doc: doc}).Summary(); got != want {
			t.Errorf("the summary of %q is %q, want %q", doc, got, want)
		}
	}
}
