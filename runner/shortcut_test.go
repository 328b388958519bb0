package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/internal/component"
	"waybill/internal/dataset"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/runner"
	"waybill/runner/state"
	"waybill/sinks"
	"waybill/sources"
)

// parquetOf makes a Parquet file of CSV, as some sink with this format would.
func parquetOf(t *testing.T, csv, format string) string {
	t.Helper()
	p := newProject(t, map[string]string{"in.csv": csv, "main.hcl": `
pipeline "p" {
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "out.parquet"
    format "parquet" ` + format + `
  }
}`})
	mustSucceed(t, p.run(), nil)
	return p.read("out.parquet")
}

// straight is a pipeline whose sink reads a Parquet file with no step between.
func straight(t *testing.T, file, more string) *project {
	return newProject(t, map[string]string{"orders.parquet": file, "main.hcl": `
pipeline "p" {
  source "file" "orders" {
    path = "orders.parquet"
    format "parquet" {}
  }
  sink "file" "out" {
    input        = source.orders
    path         = "out/orders.parquet"
    manifest_key = "out/manifest.json"
    format "parquet" {
      compression = "zstd"
      ` + more + `
    }
  }
}`})
}

// noted collects what runs tell of a sink.
func (p *project) noted(sink string) func() string {
	var notes []string
	p.Events = func(e runner.Event) {
		if e.Step == sink {
			notes = append(notes, e.Notes...)
		}
	}
	return func() string { return strings.Join(notes, "; ") }
}

func receiptOf(t *testing.T, p *project, run string) sinks.Receipt {
	t.Helper()
	deliveries, err := p.store.Deliveries(t.Context(), run)
	if err != nil || len(deliveries) != 1 {
		t.Fatalf("deliveries = %v, %v", deliveries, err)
	}
	var r sinks.Receipt
	if err := json.Unmarshal(deliveries[0].Receipt, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// A file is delivered as it is, and is the same file on disk.
func TestFileIsTakenAsItIs(t *testing.T) {
	file := parquetOf(t, "id,total\n1,10.50\n2,\n", "{}")
	p := straight(t, file, "")
	notes := p.noted("sink.out")
	r := p.run()
	mustSucceed(t, r, nil)
	if p.read("out/orders.parquet") != file {
		t.Error("other bytes than the source's were delivered")
	}
	if got := notes(); got != "took the file of source.orders as it is" {
		t.Errorf("it was noted: %q", got)
	}
	source, err := os.Stat(filepath.Join(p.Spool, r.ID, "source.orders", "data.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	artifact, err := os.Stat(filepath.Join(p.Spool, r.ID, "sink.out", "part-0000001.parquet"))
	if err != nil || !os.SameFile(source, artifact) {
		t.Errorf("the rows stand on disk twice (%v)", err)
	}
}

// What a partner gets with it is the same as without: manifest, receipt and
// order of objects, but for the bytes.
func TestShortcutChangesNothingElse(t *testing.T) {
	file := parquetOf(t, "id,total\n1,10.50\n2,\n", "{}")
	bare := func(more string) (map[string]any, sinks.Receipt) {
		p := straight(t, file, more)
		r := p.run()
		mustSucceed(t, r, nil)
		var m map[string]any
		if err := json.Unmarshal([]byte(p.read("out/manifest.json")), &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "size")
		for _, f := range m["files"].([]any) {
			delete(f.(map[string]any), "size")
			delete(f.(map[string]any), "sha256")
		}
		receipt := receiptOf(t, p, r.ID)
		for i := range receipt.Objects {
			receipt.Objects[i].Size, receipt.Objects[i].SHA256 = 0, ""
			receipt.Objects[i].URL = strings.TrimPrefix(receipt.Objects[i].URL, p.dir)
		}
		return m, receipt
	}
	with, receipt := bare("")
	without, otherwise := bare("row_group_rows = 2048")
	if diff := cmp.Diff(without, with) + cmp.Diff(otherwise, receipt); diff != "" {
		t.Errorf("without (-) and with (+) the short cut:\n%s", diff)
	}
}

// The rows are written anew where the file is not what the sink would write,
// and the reason is told.
func TestShortcutIsNotTaken(t *testing.T) {
	int96, err := os.ReadFile("encode/testdata/int96.parquet")
	if err != nil {
		t.Fatal(err)
	}
	csv := "id,total\n1,10.50\n2,\n"
	for name, tt := range map[string]struct{ file, more, says string }{
		"codec":      {parquetOf(t, csv, `{ compression = "snappy" }`), "", "rows written anew: a file of source.orders will not do: it is compressed with snappy instead of zstd"},
		"row groups": {parquetOf(t, "id,total\n"+strings.Repeat("1,1\n", 5000), "{}"), "row_group_rows = 2048", "a row group has"},
		"INT96":      {string(int96), "", "column at is INT96 instead of INT64 timestamp(micros)"},
	} {
		t.Run(name, func(t *testing.T) {
			p := straight(t, tt.file, tt.more)
			notes := p.noted("sink.out")
			mustSucceed(t, p.run(), nil)
			if got := p.read("out/orders.parquet"); got == tt.file || !strings.Contains(notes(), tt.says) {
				t.Errorf("delivered as it is: %v; noted: %q, want %q", got == tt.file, notes(), tt.says)
			}
		})
	}
}

// Checks, conditions, promises and sensitive columns are heard before a file is
// taken, as before one is written.
func TestShortcutIsBehindTheBarrier(t *testing.T) {
	file := parquetOf(t, "id,email\n1,a@example.com\n", "{}")
	for name, tt := range map[string]struct{ old, more, code string }{
		"check":     {"  sink \"file\"", "  check \"row_count\" \"many\" {\n input = source.orders\n min = 2\n }\n  sink \"file\"", "check-failed"},
		"contract":  {"    format \"parquet\" {}\n", "    columns = { id = \"varchar\", email = \"varchar\" }\n    format \"parquet\" {}\n", "contract-broken"},
		"sensitive": {"  source", "  sensitive_columns = [\"email\"]\n  source", "sensitive-columns"},
		"condition": {"  sink \"file\"", "  condition \"sql\" \"never\" {\n query = \"SELECT count(*) > 5 FROM ${source.orders}\"\n }\n  sink \"file\"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := straight(t, file, "")
			p.write("main.hcl", strings.Replace(p.read("main.hcl"), tt.old, tt.more, 1))
			r := p.run()
			if tt.code == "" && r.Status != state.ConditionOff || tt.code != "" && (r.Problem == nil || r.Problem.Code != tt.code) {
				t.Fatalf("run %s: %v, want %s", r.Status, r.Problem, tt.code)
			}
			if found := p.tree("out"); len(found) > 0 {
				t.Errorf("delivered: %v", slices.Collect(maps.Keys(found)))
			}
			if found := glob(t, os.DirFS(p.Spool), r.ID+"/sink.out/*"); len(found) > 0 {
				t.Errorf("a file was taken: %v", found)
			}
		})
	}
}

// A transform that is frozen for several readers is a file like any other.
func TestFrozenTransformIsTaken(t *testing.T) {
	sink := func(name string) string {
		return "sink \"file\" \"" + name + "\" {\n input = transform.t\n path = \"" + name + ".parquet\"\n format \"parquet\" {}\n }\n"
	}
	p := newProject(t, map[string]string{"in.csv": "id\n1\n2\n", "main.hcl": `
pipeline "p" {
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  transform "sql" "t" {
    query = "SELECT id * 2 AS id FROM ${source.in}"
  }
  ` + sink("one") + sink("two") + `
}`})
	one, two := p.noted("sink.one"), ""
	r := p.run()
	mustSucceed(t, r, nil)
	if two = p.read("two.parquet"); p.read("one.parquet") != two || one() != "took the file of transform.t as it is" {
		t.Errorf("the two files differ, or it was noted: %q", one())
	}
}

// An unloader is a source whose Parquet files stand in a bucket, too, and a sink
// that can have them copied.
type unloader struct {
	mu       sync.Mutex
	files    []string
	requests []sources.Request
	released [][]string  // keys
	refuse   func() bool // to release; may be nil
	got      []sinks.Delivery
	deliver  func(n int) error
}

type unloadedConfig struct {
	Name string `wb:"label"`
}

func (unloadedConfig) ReadsAs() string  { return "us" }
func (unloadedConfig) CopiesAs() string { return "us" }
func (unloadedConfig) Place() string    { return "unloaded:" }

type unloadSource struct{ *unloader }

func (u unloadSource) Extract(_ context.Context, req sources.Request) (dataset.Dataset, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests = append(u.requests, req)
	ds := dataset.Dataset{Format: dataset.Parquet, Rows: -1}
	for i, text := range u.files {
		f := dataset.File{Name: fmt.Sprintf("part-%05d.parquet", i), Size: int64(len(text)), Rows: -1}
		if err := os.WriteFile(filepath.Join(req.Dir, f.Name), []byte(text), 0o600); err != nil {
			return ds, err
		}
		if req.Leave {
			f.Origin = &dataset.Origin{Bucket: "lake", Key: fmt.Sprintf("%s/%d", req.Attempt, i), ETag: "e", Identity: "us"}
		}
		ds.Files = append(ds.Files, f)
	}
	return ds, nil
}

func (u unloadSource) Release(_ context.Context, ds dataset.Dataset) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.refuse != nil && u.refuse() {
		return transient("no")
	}
	var keys []string
	for _, f := range ds.Files {
		keys = append(keys, f.Origin.Key)
	}
	u.released = append(u.released, keys)
	return nil
}

type unloadSink struct{ *unloader }

func (u unloadSink) Deliver(ctx context.Context, d sinks.Delivery) (sinks.Receipt, error) {
	u.mu.Lock()
	u.got = append(u.got, d)
	n := len(u.got)
	u.mu.Unlock()
	if u.deliver != nil {
		if err := u.deliver(n); err != nil {
			return sinks.Receipt{}, err
		}
	}
	d.Note("S3 copied it")
	return (*fakeSink)(&script{}).Deliver(ctx, d)
}

func unloadProject(t *testing.T, u *unloader, more string) *project {
	key := "out/0000001.parquet"
	if more != "" {
		key = "out/${file.number}.parquet"
	}
	p := newProject(t, map[string]string{"main.hcl": `
pipeline "p" {
  source "unload" "orders" {}
  sink "unload" "out" {
    input = source.orders
    key   = "` + key + `"
    format "parquet" {}
    ` + more + `
    retry {
      max_attempts    = 1
    }
  }
}`})
	attrs := []schema.Attr{{Name: "label", Type: schema.String, Doc: "A name."}}
	p.regs.Sources = append(p.regs.Sources, component.New("unload", &schema.Block{Attrs: attrs}, nil, func(unloadedConfig, sources.Env) (sources.Source, error) { return unloadSource{u}, nil }))
	attrs = append(slices.Clone(attrs), schema.Attr{Name: "key", Type: schema.String, Late: true, Required: true, Doc: "A key."})
	p.regs.Sinks = append(p.regs.Sinks, component.New("unload", &schema.Block{Attrs: attrs}, nil, func(unloadedConfig, sinks.Env) (sinks.Sink, error) { return unloadSink{u}, nil }).WithTarget("key"))
	return p
}

// Several files are taken only by a sink that may have several and would need
// them.
func TestSeveralFiles(t *testing.T) {
	one := parquetOf(t, "id\n1\n", "{}")
	two := parquetOf(t, "id\n2\n3\n", "{}")
	total := len(one) + len(two)
	for name, tt := range map[string]struct {
		more, says string
		files      int
	}{
		"one is wanted":         {"", "source.orders has 2 files, and the sink delivers one", 1},
		"they are pieces":       {fmt.Sprintf(`max_file_size = "%dB"`, total), "source.orders has 2 files, which max_file_size lets be one", 1},
		"several":               {fmt.Sprintf(`max_file_size = "%dB"`, total-1), "took the 2 files of source.orders as they are; S3 copied it", 2},
		"one is above the size": {fmt.Sprintf(`max_file_size = "%dB"`, min(len(one), len(two))-1), "a file of source.orders is larger than max_file_size", 0},
	} {
		t.Run(name, func(t *testing.T) {
			u := &unloader{files: []string{one, two}}
			p := unloadProject(t, u, tt.more)
			notes := p.noted("sink.out")
			r := p.run()
			mustSucceed(t, r, nil)
			got := u.got[0].Artifacts
			if !strings.Contains(notes(), tt.says) || tt.files > 0 && len(got) != tt.files {
				t.Fatalf("%d files; noted: %q, want %q", len(got), notes(), tt.says)
			}
			var rows int64
			for _, a := range got {
				rows += a.Rows
			}
			if taken := strings.HasPrefix(tt.says, "took"); rows != 3 || taken && (got[0].Key != "out/0000001.parquet" || got[1].Key != "out/0000002.parquet" || got[1].Origin == nil) || !taken && got[0].Origin != nil {
				t.Errorf("artifacts %+v", got)
			}
			if len(u.released) != 1 || len(u.released[0]) != 2 {
				t.Errorf("released %v, want both once", u.released)
			}
		})
	}
}

// A source without rows has no file to take.
func TestNoFileToTake(t *testing.T) {
	u := &unloader{}
	p := unloadProject(t, u, "")
	p.regs.Sources[len(p.regs.Sources)-1] = component.New("unload", &schema.Block{}, nil, func(struct{}, sources.Env) (sources.Source, error) { return emptySource{}, nil })
	notes := p.noted("sink.out")
	mustSucceed(t, p.run(), nil)
	if len(u.got) != 1 || u.got[0].Artifacts[0].Rows != 0 || !strings.Contains(notes(), "source.orders has no rows, and so no file") {
		t.Errorf("%+v; noted: %q", u.got, notes())
	}
}

type emptySource struct{}

func (emptySource) Extract(context.Context, sources.Request) (dataset.Dataset, error) {
	return dataset.Dataset{Format: dataset.Parquet, Schema: dataset.Schema{{Name: "id", Type: "bigint"}}}, nil
}

// What was left is removed at the end of the run, however it ends, and only
// then: not while another process may go on with it.
func TestLeftFilesAreReleased(t *testing.T) {
	file := parquetOf(t, "id\n1\n", "{}")
	t.Run("delivered", func(t *testing.T) {
		u := &unloader{files: []string{file}}
		r := unloadProject(t, u, "").run()
		mustSucceed(t, r, nil)
		a := u.got[0].Artifacts[0]
		if a.Origin == nil || a.Origin.Key != u.released[0][0] || len(u.released) != 1 {
			t.Errorf("origin %+v, released %v", a.Origin, u.released)
		}
		if req := u.requests[0]; req.Codec != "zstd" || !req.Leave {
			t.Errorf("asked for %+v", req)
		}
	})
	t.Run("failed, and retried without it", func(t *testing.T) {
		u := &unloader{files: []string{file}, deliver: func(n int) error {
			if n == 1 {
				return problem.New("bucket-access-denied", "no", nil)
			}
			return nil
		}}
		p := unloadProject(t, u, "")
		r := p.run()
		if r.Status != state.Failed || len(u.released) != 1 {
			t.Fatalf("run %s, released %v", r.Status, u.released)
		}
		if err := p.store.Reopen(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		again, err := p.execute(t.Context(), r.ID)
		mustSucceed(t, again, err)
		if len(u.released) != 1 || len(u.requests) != 1 {
			t.Errorf("released %v, %d extractions", u.released, len(u.requests))
		}
	})
	t.Run("cannot be removed", func(t *testing.T) {
		u := &unloader{files: []string{file}, refuse: func() bool { return true }}
		mustSucceed(t, unloadProject(t, u, "").run(), nil)
	})
	t.Run("the spool is lost", func(t *testing.T) {
		ctx, crash := context.WithCancel(t.Context())
		u := &unloader{files: []string{file}}
		u.deliver = func(n int) error {
			if n == 1 {
				crash()
				return ctx.Err()
			}
			return nil
		}
		p := unloadProject(t, u, "")
		r := p.create()
		if _, err := p.execute(ctx, r.ID); err == nil || len(u.released) > 0 {
			t.Fatalf("the crashed process came to an end, or released %v", u.released)
		}
		if err := os.RemoveAll(filepath.Join(p.Spool, r.ID)); err != nil {
			t.Fatal(err)
		}
		again, err := p.execute(t.Context(), r.ID)
		mustSucceed(t, again, err)
		if len(u.requests) != 2 || len(u.released) != 2 || u.released[0][0] == u.released[1][0] {
			t.Errorf("%d extractions, released %v; want both attempts'", len(u.requests), u.released)
		}
	})
}

// Wherever a process is killed, what was left is there as long as a delivery
// may want it, and is removed in the end.
func TestKilledAroundACopy(t *testing.T) {
	file := parquetOf(t, "id\n1\n", "{}")
	for n := 1; ; n++ {
		u := &unloader{files: []string{file}}
		p := unloadProject(t, u, "")
		u.refuse = func() bool { // a process that is dead
			m, ok := p.Store.(*mortal)
			return ok && m.left.Load() < 0
		}
		u.deliver = func(int) error {
			u.mu.Lock()
			defer u.mu.Unlock()
			if a := u.got[len(u.got)-1].Artifacts[0]; a.Origin == nil || slices.ContainsFunc(u.released, func(keys []string) bool { return keys[0] == a.Origin.Key }) {
				t.Errorf("write %d: what is to be copied from %+v is gone: %v", n, a.Origin, u.released)
			}
			return nil
		}
		reached := p.killedAt(n, func() {})
		last := u.got[len(u.got)-1].Artifacts[0]
		if !slices.ContainsFunc(u.released, func(keys []string) bool { return keys[0] == last.Origin.Key }) {
			t.Errorf("write %d: %s is left, released: %v", n, last.Origin.Key, u.released)
		}
		if !reached {
			if n < 8 {
				t.Errorf("a delivery makes only %d writes", n)
			}
			return
		}
	}
}
