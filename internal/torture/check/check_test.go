package check

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	header = "id,region"
	first  = "1,EU"
	second = "2,US"
	whole  = header + "\n" + first + "\n" + second + "\n"
)

var slot = time.Date(2001, 1, 2, 0, 0, 0, 0, time.UTC)

// A scene is a delivery that went well, for tests to spoil.
type scene struct {
	t      *testing.T
	dir    string
	ledger *sql.DB
	want   Want
	others []time.Time
}

// newScene has one slot, delivered as one file with a manifest and a success
// file.
func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir(), want: Want{Sink: "sink.acme", Bucket: "inbox", Prefix: "orders/{date}", Header: header, Rows: []string{first, second},
		Manifest: "orders/{date}.manifest.json", Success: "orders/{date}._SUCCESS"}}
	var err error
	if s.ledger, err = sql.Open("sqlite", filepath.Join(s.dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.ledger.Close() })
	s.sql(`CREATE TABLE runs (id, pipeline, slot, triggered_by, status, lease_until)`)
	s.sql(`CREATE TABLE deliveries (id, pipeline, sink, slot, done, receipt, done_at)`)
	s.sql(`CREATE TABLE intents (seq INTEGER PRIMARY KEY, delivery, key, upload_id, settled, object)`)
	s.sql(`INSERT INTO runs VALUES ('r1', 'orders', ?, 'schedule', 'succeeded', NULL)`, slot.Unix())
	s.sql(`INSERT INTO deliveries VALUES ('d1', 'orders', 'sink.acme', ?, 1, ?, ?)`, slot.Unix(), receipt(t, "orders/2001-01-02.csv", whole), slot.Add(time.Hour).UnixMicro())
	s.sql(`INSERT INTO intents (delivery, key, upload_id, settled, object) VALUES ('d1', 'orders/2001-01-02.csv', '', 1, '{}')`)
	s.put("orders/2001-01-02.csv", whole)
	s.put("orders/2001-01-02.manifest.json", manifestOf("orders/2001-01-02.csv", whole))
	s.put("orders/2001-01-02._SUCCESS", "")
	s.journal("PutObject", slot.Add(time.Minute), whole)
	return s
}

// manifestOf is the manifest of files, which are pairs of key and text.
func manifestOf(files ...string) string {
	var list []string
	rows, size := 0, 0
	for i := 0; i < len(files); i += 2 {
		n := strings.Count(files[i+1], "\n") - 1
		rows, size = rows+n, size+len(files[i+1])
		list = append(list, fmt.Sprintf(`{"key":%q,"size":%d,"rows":%d,"sha256":%q}`, files[i], len(files[i+1]), n, digest([]byte(files[i+1]))))
	}
	return fmt.Sprintf(`{"rows":%d,"size":%d,"files":[%s]}`, rows, size, strings.Join(list, ","))
}

func receipt(t *testing.T, key, data string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"objects": []any{map[string]any{"url": "s3://inbox/" + key, "size": len(data), "sha256": digest([]byte(data))}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *scene) sql(statement string, args ...any) {
	s.t.Helper()
	if _, err := s.ledger.Exec(statement, args...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) put(key, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "s3", "inbox", filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) remove(key string) {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.dir, "s3", "inbox", filepath.FromSlash(key))); err != nil {
		s.t.Fatal(err)
	}
}

// journal adds a request for the object's key.
func (s *scene) journal(operation string, at time.Time, body string) {
	s.t.Helper()
	line, err := json.Marshal(map[string]any{"time": at, "operation": operation, "bucket": "inbox", "key": "orders/2001-01-02.csv", "status": map[bool]int{true: 204, false: 200}[operation == "DeleteObject"],
		"bytes_in": len(body), "header": map[string]string{"x-amz-meta-waybill-sha256": digest([]byte(body))}})
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "journal"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		s.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// upload leaves a multipart upload open.
func (s *scene) upload(id string, parts int) {
	s.t.Helper()
	key := filepath.Join(s.dir, "s3", "inbox", ".sgwtmp", "multipart", "digest")
	if err := os.MkdirAll(filepath.Join(key, id), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := unix.Setxattr(key, "user.objname", []byte("orders/2001-01-02.csv"), 0); err != nil {
		s.t.Fatal(err)
	}
	for n := range parts {
		if err := os.WriteFile(filepath.Join(key, id, fmt.Sprint(n+1)), nil, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *scene) judge() Verdict {
	s.t.Helper()
	v, err := Case{Ledger: filepath.Join(s.dir, "state.db"), Pipeline: "orders", Slots: []time.Time{slot}, Others: s.others, Wants: []Want{s.want},
		Buckets: Dir(filepath.Join(s.dir, "s3")), Journal: NewJournal(filepath.Join(s.dir, "journal"))}.Judge(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func TestJudge(t *testing.T) {
	const object, manifestKey = "orders/2001-01-02.csv", "orders/2001-01-02.manifest.json"
	tests := []struct {
		name  string
		spoil func(*scene)
		want  string // kind: part of what is said; empty: nothing is
	}{
		{"all is well", func(*scene) {}, ""},
		{"an object is gone", func(s *scene) { s.remove(object) }, "loss: not in the bucket"},
		{"a delivery is not done", func(s *scene) { s.sql(`UPDATE deliveries SET done = 0`) }, "loss: no finished delivery"},
		{"no run succeeded", func(s *scene) { s.sql(`UPDATE runs SET status = 'failed'`) }, "loss: no run of"},
		{"a run hangs", func(s *scene) {
			s.sql(`INSERT INTO runs VALUES ('r2', 'orders', ?, 'manual', 'running', 1)`, slot.Unix())
		}, "loss: still running"},
		{"rows are missing", func(s *scene) { s.redeliver(header + "\n" + first + "\n") }, "loss: 1 of 2 rows are missing"},
		{"a row came twice", func(s *scene) { s.redeliver(whole + second + "\n") }, "duplicate: 1 rows of 3 are too many"},
		{"rows have another order", func(s *scene) { s.redeliver(header + "\n" + second + "\n" + first + "\n") }, "duplicate: another order"},
		{"a file ends within a line", func(s *scene) { s.redeliver(strings.TrimSuffix(whole, "\n")) }, "partial: ends within a line"},
		{"other bytes than recorded", func(s *scene) { s.put(object, whole+"3,EU\n") }, "duplicate: in the ledger"},
		{"an object that nobody names", func(s *scene) { s.put("orders/2001-01-02-2.csv", header+"\n") }, "duplicate: no receipt names it"},
		{"a slot fired twice", func(s *scene) {
			s.sql(`INSERT INTO runs VALUES ('r2', 'orders', ?, 'schedule', 'succeeded', NULL)`, slot.Unix())
		}, "duplicate: fired 2 times"},
		{"a slot that was not due", func(s *scene) {
			s.sql(`INSERT INTO runs VALUES ('r2', 'orders', ?, 'schedule', 'succeeded', NULL)`, slot.Unix()+60)
		}, "duplicate: never was due"},
		{"other bytes after success", func(s *scene) { s.journal("PutObject", slot.Add(2*time.Hour), "x") }, "duplicate: removed or replaced by other bytes"},
		{"the same bytes after success", func(s *scene) { s.journal("PutObject", slot.Add(2*time.Hour), whole) }, "duplicate: written again"},
		{"an upload with parts is open", func(s *scene) { s.upload("u1", 2) }, "partial: left open with 2 parts"},
		{"an upload that the ledger knows is open", func(s *scene) {
			s.upload("u1", 0)
			s.sql(`INSERT INTO intents (delivery, key, upload_id, settled) VALUES ('d1', 'orders/2001-01-02.csv', 'u1', 1)`)
		}, "partial: left open with 0 parts"},
		{"an intent is open", func(s *scene) { s.sql(`UPDATE intents SET settled = 0`) }, "partial: intent"},
		{"nothing was announced", func(s *scene) { s.sql(`DELETE FROM intents`) }, "partial: nothing in the ledger"},
		{"the manifest names what is not there", func(s *scene) { s.put(manifestKey, manifestOf("x", whole)) }, "partial: which is not there"},
		{"the manifest names other bytes", func(s *scene) { s.put(manifestKey, manifestOf(object, whole+"3,EU\n")) }, "partial: other bytes"},
		{"the manifest names another number of rows", func(s *scene) {
			s.put(manifestKey, strings.ReplaceAll(manifestOf(object, whole), `"rows":2`, `"rows":3`))
		}, "partial: names 3 rows"},
		{"the manifest adds up wrong", func(s *scene) {
			s.put(manifestKey, strings.Replace(manifestOf(object, whole), `"rows":2`, `"rows":3`, 1))
		}, "partial: tells of 3 rows"},
		{"the manifest names a file twice", func(s *scene) { s.put(manifestKey, manifestOf(object, whole, object, whole)) }, "duplicate: twice"},
		{"the manifest names not all", func(s *scene) { s.put("orders/2001-01-02-2.csv", header+"\n") }, "partial: does not name"},
		{"the manifest is empty", func(s *scene) { s.put(manifestKey, `{}`) }, "partial: names 0 files"},
		{"the manifest is no JSON", func(s *scene) { s.put(manifestKey, `key,rows`) }, "partial: not as documented"},
		{"the manifest is missing", func(s *scene) { s.remove(manifestKey) }, "loss: manifest.json is missing"},
		{"a file has too many rows", func(s *scene) { s.want.FileRows = 1 }, "partial: has 2 rows, and files were to have 1"},
		{"removed after success", func(s *scene) { s.journal("DeleteObject", slot.Add(2*time.Hour), "") }, "duplicate: was removed"},
		{"a slot of before ran", func(s *scene) {
			s.others = []time.Time{slot.AddDate(-1, 0, 0)}
			s.sql(`INSERT INTO runs VALUES ('r0', 'orders', ?, 'manual', 'succeeded', NULL)`, s.others[0].Unix())
		}, ""},
		{"the success file is missing", func(s *scene) { s.remove("orders/2001-01-02._SUCCESS") }, "loss: _SUCCESS is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			tt.spoil(s)
			v := s.judge()
			said := text(v)
			if tt.want == "" {
				if !v.Clean() {
					t.Errorf("found %s", said)
				}
				return
			}
			kind, what, _ := strings.Cut(tt.want, ": ")
			for line := range strings.Lines(said) {
				if strings.HasPrefix(line, kind) && strings.Contains(line, what) {
					return
				}
			}
			t.Errorf("found %q, want %q", said, tt.want)
		})
	}
}

// redeliver puts other bytes into bucket, journal and ledger alike.
func (s *scene) redeliver(text string) {
	s.t.Helper()
	s.put("orders/2001-01-02.csv", text)
	s.sql(`UPDATE deliveries SET receipt = ?`, receipt(s.t, "orders/2001-01-02.csv", text))
}

func text(v Verdict) string {
	var b strings.Builder
	for kind, list := range map[string][]string{"loss": v.Losses, "duplicate": v.Duplicates, "partial": v.Partials} {
		for _, l := range list {
			fmt.Fprintln(&b, kind, l)
		}
	}
	return b.String()
}

func TestEmptyUploadIsAStray(t *testing.T) {
	s := newScene(t)
	s.upload("u1", 0)
	if v := s.judge(); !v.Clean() || v.Strays != 1 {
		t.Errorf("found %s and %d strays, want one stray only", text(v), v.Strays)
	}
}
