package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A bucketful is what the tests of moments write, with a journal beside it.
type bucketful struct {
	*scene
	watch *Watch
}

// The names of one slot with two partitions.
const (
	dir    = "orders/2001-01-02/"
	inEU   = dir + "region=EU/orders.csv"
	inUS   = dir + "region=US/orders.csv"
	listed = dir + "manifest.json"
	done   = dir + "_SUCCESS"
)

const (
	eu, us = "id\n1\n", "id\n2\n"
	oldEU  = "id\n1\n9\n"
)

func newBucketful(t *testing.T) *bucketful {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir(), want: Want{Bucket: "inbox", Prefix: "orders/{date}/", Header: "id", Rows: []string{"region=EU/1", "region=US/2"},
		Earlier: [][]string{{"region=EU/1", "region=EU/9"}}, Manifest: "orders/{date}/manifest.json", Success: "orders/{date}/_SUCCESS"}}
	if err := os.WriteFile(filepath.Join(s.dir, "journal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return &bucketful{scene: s, watch: &Watch{Buckets: Dir(filepath.Join(s.dir, "s3")), Slots: []time.Time{slot}}}
}

// A step puts a text under a key, or removes it.
type step struct {
	key, text string
	gone      bool
}

func (b *bucketful) do(s step) {
	b.t.Helper()
	if s.gone {
		b.remove(s.key)
		b.watch.Gone(b.t.Context(), "inbox", s.key)
		b.note("DeleteObject", s.key, "")
		return
	}
	b.put(s.key, s.text)
	b.watch.Saw(b.t.Context(), "inbox", s.key, digest([]byte(s.text)))
	b.note("PutObject", s.key, s.text)
}

// note writes a line into the journal.
func (b *bucketful) note(operation, key, body string) {
	b.t.Helper()
	line := fmt.Sprintf(`{"time":%q,"operation":%q,"bucket":"inbox","key":%q,"status":%d,"bytes_in":%d,"header":{"x-amz-meta-waybill-sha256":%q}}`,
		slot.Format(time.RFC3339), operation, key, map[string]int{"DeleteObject": 204, "PutObject": 200}[operation], len(body), digest([]byte(body)))
	f, err := os.OpenFile(filepath.Join(b.dir, "journal"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // the next line tells
	if _, err := fmt.Fprintln(f, line); err != nil {
		b.t.Fatal(err)
	}
}

// Every moment counts, not only the last: what is whole in the end may have
// misled those who looked before.
func TestMoments(t *testing.T) {
	earlier := []step{{key: inEU, text: oldEU}, {key: listed, text: manifestOf(inEU, oldEU)}, {key: done}}
	list := step{key: listed, text: manifestOf(inEU, eu, inUS, us)}
	tests := []struct {
		name  string
		steps []step
		want  string // empty: nothing is wrong
	}{
		{"a first delivery", []step{{key: inUS, text: us}, {key: inEU, text: eu}, list, {key: done}}, ""},
		{"a second delivery", append(earlier, step{key: done, gone: true}, step{key: inEU, text: eu}, step{key: inUS, text: us}, list, step{key: done}), ""},
		{"each file sent twice", []step{{key: inEU, text: eu}, {key: inEU, text: eu}, {key: inUS, text: us}, list, list, {key: done}, {key: done}}, ""},
		{"the same bytes below a success file", []step{{key: inEU, text: eu}, {key: inUS, text: us}, list, {key: done}, {key: inEU, text: eu}}, ""},
		{"not at its end yet", []step{{key: inUS, text: us}}, ""},
		{"the manifest first", []step{list, {key: inEU, text: eu}, {key: inUS, text: us}, {key: done}}, "names s3://inbox/" + inEU + ", which is not there"},
		{"the manifest in between", []step{{key: inEU, text: eu}, list, {key: inUS, text: us}, {key: done}}, inUS + ", which is not there"},
		{"the manifest over data of before", append(earlier, step{key: done, gone: true}, step{key: inUS, text: us}, list, step{key: inEU, text: eu}, step{key: done}), "names other bytes of s3://inbox/" + inEU},
		{"a file of the manifest is removed", []step{{key: inEU, text: eu}, {key: inUS, text: us}, list, {key: inUS, gone: true}, {key: inUS, text: us}, {key: done}}, "after the removal of s3://inbox/" + inUS},
		{"success before the data", []step{{key: inEU, text: eu}, {key: done}, {key: inUS, text: us}, list}, "rows are missing"},
		{"success before the manifest", []step{{key: inEU, text: eu}, {key: inUS, text: us}, {key: done}, list}, "manifest.json is missing"},
		{"success over half-replaced data", append(earlier, step{key: inEU, text: eu}, step{key: done, gone: true}, step{key: inUS, text: us}, list, step{key: done}), "after the write of s3://inbox/" + inEU},
		{"success over a file left of before", append(earlier, step{key: done, gone: true}, step{key: dir + "region=APAC/orders.csv", text: eu}, step{key: inEU, text: eu}, step{key: inUS, text: us}, list,
			step{key: done}, step{key: dir + "region=APAC/orders.csv", gone: true}), "does not name"},
		{"success over the manifest of before", append(earlier, step{key: done, gone: true}, step{key: inEU, text: eu}, step{key: inUS, text: us}, step{key: done}, list), "names other bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBucketful(t)
			b.watch.Wants = []Want{b.want}
			for _, s := range tt.steps {
				b.do(s)
			}
			for _, j := range []*Journal{nil, NewJournal(filepath.Join(b.dir, "journal"))} {
				v, err := b.watch.Verdict(t.Context(), j)
				if err != nil {
					t.Fatal(err)
				}
				if got := text(v); tt.want == "" && !v.Clean() || !strings.Contains(got, tt.want) {
					t.Errorf("journal %v: saw %q, want %q", j != nil, got, tt.want)
				}
			}
		})
	}
}

// Without a success file a manifest is outdated as soon as other bytes come,
// and holds until then.
func TestMomentsOfAManifestAlone(t *testing.T) {
	b := newBucketful(t)
	b.want.Success = ""
	b.watch.Wants = []Want{b.want}
	for _, s := range []step{{key: inEU, text: oldEU}, {key: listed, text: manifestOf(inEU, oldEU)}, {key: inEU, text: eu}, {key: inUS, text: us}, {key: listed, text: manifestOf(inEU, eu, inUS, us)}} {
		b.do(s)
	}
	if v, err := b.watch.Verdict(t.Context(), nil); err != nil || !v.Clean() {
		t.Errorf("saw %s, %v", text(v), err)
	}
	b.do(step{key: listed, text: manifestOf(inEU, oldEU)})
	if v, err := b.watch.Verdict(t.Context(), nil); err != nil || v.Clean() {
		t.Errorf("saw %s, %v, want the manifest of other bytes", text(v), err)
	}
}

// An object whose bytes are not those that the request announced is no object.
func TestOtherBytesThanAnnounced(t *testing.T) {
	b := newBucketful(t)
	b.watch.Wants = []Want{b.want}
	b.put(inEU, "x")
	b.watch.Saw(t.Context(), "inbox", inEU, digest([]byte(eu)))
	if v, err := b.watch.Verdict(t.Context(), nil); err != nil || !strings.Contains(text(v), "than were announced") {
		t.Errorf("saw %q, %v", text(v), err)
	}
}

// What a multipart upload has announced is known by its id.
func TestJournalOfUploads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	lines := []string{
		`{"operation":"CreateMultipartUpload","bucket":"b","key":"k","status":200,"upload_id":"u1","header":{"x-amz-meta-waybill-sha256":"one"}}`,
		`{"operation":"CreateMultipartUpload","bucket":"b","key":"k","status":200,"upload_id":"u2","header":{"x-amz-meta-waybill-sha256":"two"}}`,
		`{"operation":"CompleteMultipartUpload","bucket":"b","key":"k","status":200,"path":"/b/k?uploadId=u2"}`,
		`{"operation":"CompleteMultipartUpload","bucket":"b","key":"k","status":200,"code":"InternalError","path":"/b/k?uploadId=u1"}`,
		`{"operation":"CompleteMultipartUpload","bucket":"b","key":"k","status":404,"path":"/b/k?uploadId=u1"}`,
		`{"operation":"PutObject","bucket":"b","key":"k","status":0}`,
		`{"operation":"PutObject","bucket":"b","key":"k","status":200,"via":"athena"}`,
		`{"operation":"DeleteObject","bucket":"b","key":"k","status":204}`,
		`{"operation":"PutObject","bucket":"b","key":"other","status":200}`,
		`{"operation":"PutObject","bucket":"b","key":"k","stat`,
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	events, err := NewJournal(path).Events("b", "k")
	if err != nil || len(events) != 2 || events[0].SHA256 != "two" || events[0].Size != -1 || !events[1].Gone {
		t.Errorf("events = %+v, %v", events, err)
	}
}
