package compile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/config"
	"waybill/internal/problem"
	"waybill/runner/compile"
)

// compiled compiles a project from memory.
func compiled(t testing.TB, files map[string]string, env map[string]string) *compile.Generation {
	t.Helper()
	g, diags := compileFiles(files, env)
	if g == nil {
		t.Fatal(diags)
	}
	return g
}

func compileFiles(files map[string]string, env map[string]string) (*compile.Generation, error) {
	bytes := map[string][]byte{}
	for name, text := range files {
		bytes[name] = []byte(text)
	}
	vars := config.Vars{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	g, _, diags := compile.Compile(config.StoredTree("/project", bytes), vars, registries())
	if diags.HasErrors() {
		return nil, diags
	}
	return g, nil
}

// naming is a pipeline whose sink's path is an expression.
func naming(path string, more ...string) string {
	return fmt.Sprintf(`
pipeline "p" {
  %s
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.orders
    path  = "%s"
    format "csv" {}
  }
}
`, strings.Join(more, "\n  "), path)
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// Times of a run are in its pipeline's zone, across midnight and clock changes.
func TestRunValues(t *testing.T) {
	const berlin = "schedule {\n    cron = \"0 9 * * *\"\n    timezone = \"Europe/Berlin\"\n  }"
	for _, tt := range []struct {
		name, more, path string
		run              compile.RunValues
		want             string
	}{
		{"UTC where nothing is said", "", "${run.date}.csv", compile.RunValues{Slot: at("2026-01-31T23:30:00Z")}, "2026-01-31.csv"},
		{"over midnight", berlin, "${run.date}.csv", compile.RunValues{Slot: at("2026-01-31T23:30:00Z")}, "2026-02-01.csv"},
		{"written in another zone", berlin, "${run.date}.csv", compile.RunValues{Slot: at("2026-01-31T18:30:00-05:00")}, "2026-02-01.csv"},
		{"before clocks are set forward", berlin, "${run.scheduled_at}.csv", compile.RunValues{Slot: at("2026-03-29T00:59:00Z")}, "2026-03-29T01:59:00+01:00.csv"},
		{"and after", berlin, "${run.scheduled_at}.csv", compile.RunValues{Slot: at("2026-03-29T01:00:00Z")}, "2026-03-29T03:00:00+02:00.csv"},
		{"the hour that comes twice", berlin, "${run.scheduled_at}.csv", compile.RunValues{Slot: at("2026-10-25T01:30:00Z")}, "2026-10-25T02:30:00+01:00.csv"},
		{"interval", berlin, "${run.interval_start}_${run.interval_end}.csv", compile.RunValues{Slot: at("2026-03-29T07:00:00Z"), IntervalStart: at("2026-03-28T08:00:00Z")},
			"2026-03-28T09:00:00+01:00_2026-03-29T09:00:00+02:00.csv"},
		{"an interval without a start", "", "${run.interval_start}.csv", compile.RunValues{Slot: at("2026-01-31T09:00:00Z")}, "2026-01-31T09:00:00Z.csv"},
		{"the rest", "", "${run.pipeline}.csv", compile.RunValues{ID: "R1", Attempt: 2, Trigger: "manual"}, "p.csv"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := compiled(t, map[string]string{"main.hcl": naming(tt.path, tt.more)}, nil)
			b, err := g.Pipeline("p").Bind(tt.run)
			if err != nil {
				t.Fatal(err)
			}
			out, err := b.Output("sink.out")
			if err != nil || out.Name != tt.want || out.Input != "source.orders" || out.IfEmpty != "deliver" {
				t.Errorf("output %+v, %v, want %s", out, err, tt.want)
			}
		})
	}
}

// The project's zone holds for pipelines without a schedule of their own.
func TestProjectZone(t *testing.T) {
	g := compiled(t, map[string]string{"main.hcl": "waybill {\n  timezone = \"Asia/Tokyo\"\n}\n" + naming("${run.date}.csv")}, nil)
	b, err := g.Pipeline("p").Bind(compile.RunValues{Slot: at("2026-01-31T15:00:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	if out, _ := b.Output("sink.out"); out.Name != "2026-02-01.csv" {
		t.Errorf("name = %s", out.Name)
	}
}

// What is only known in a run is a problem then, with its place.
func TestBindFailures(t *testing.T) {
	for _, tt := range []struct{ name, text, code, where, want string }{
		{"unset env in a step", naming("x.csv", "description = env(\"TITLE\")"), "unset-variable", "main.hcl:3", "the environment variable title is not set"},
		{"unset env in a local", "locals {\n  inbox = env(\"INBOX\")\n}" + naming("${local.inbox}/x.csv"), "unset-variable", "main.hcl:2", "the environment variable inbox is not set"},
		{"a value that is not allowed", naming("x.csv", "timeout = run.trigger"), "invalid-value", "main.hcl:3", "timeout"},
		{"an index that is not there", naming("${{\"2027-01-31\" = \"a\"}[run.date]}.csv"), "invalid-index", "main.hcl:10", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := compiled(t, map[string]string{"main.hcl": tt.text}, nil)
			b, err := g.Pipeline("p").Bind(compile.RunValues{ID: "R", Slot: at("2026-01-31T09:00:00Z"), Attempt: 7, Trigger: "manual"})
			if err == nil {
				_, err = b.Output("sink.out")
			}
			p := problem.As(err)
			if p == nil || p.Code != tt.code || p.Where != tt.where || !strings.Contains(strings.ToLower(p.Summary), tt.want) {
				t.Errorf("%v %+v, want %s at %s", err, p, tt.code, tt.where)
			}
		})
	}
	g := compiled(t, map[string]string{"main.hcl": naming("${env(\"INBOX\")}/x.csv")}, map[string]string{"INBOX": "in"})
	b, err := g.Pipeline("p").Bind(compile.RunValues{Slot: at("2026-01-31T09:00:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := b.Output("sink.out"); err != nil || out.Name != "in/x.csv" {
		t.Errorf("%+v, %v", out, err)
	}
}

const queried = `
pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  transform "sql" "inline" {
    query = "SELECT id FROM ${source.orders}"
  }
  transform "sql" "heredoc" {
    query = <<-SQL
      SELECT id
      FROM ${transform.inline}
      WHERE id > 1
    SQL
  }
  transform "sql" "file" {
    query_file = "sql/t.sql"
  }
  sink "file" "out" {
    input = transform.file
    path  = "x.csv"
    format "csv" {}
  }
}
`

// A place in a statement is told as the place where the user wrote it.
func TestSQLRange(t *testing.T) {
	g := compiled(t, map[string]string{"main.hcl": queried, "sql/t.sql": "SELECT *\nFROM ${transform.heredoc}\n"}, nil)
	b, err := g.Pipeline("p").Bind(compile.RunValues{Slot: at("2026-01-31T09:00:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ step, part, where string }{
		{"transform.inline", "id", "main.hcl:8"}, {"transform.inline", `"source.orders"`, "main.hcl:8"},
		{"transform.heredoc", "SELECT", "main.hcl:12"}, {"transform.heredoc", `"transform.inline"`, "main.hcl:13"}, {"transform.heredoc", "WHERE", "main.hcl:14"},
		{"transform.file", "SELECT", "sql/t.sql:1"}, {"transform.file", `"transform.heredoc"`, "sql/t.sql:2"},
	} {
		sql, err := b.SQL(tt.step)
		if err != nil {
			t.Fatal(err)
		}
		r := b.SQLRange(tt.step, strings.Index(sql, tt.part), len(tt.part))
		if got := fmt.Sprintf("%s:%d", r.Filename, r.Start.Line); got != tt.where {
			t.Errorf("%s: %s stands at %s, want %s", tt.step, tt.part, got, tt.where)
		}
	}
	if r := b.SQLRange("source.orders", 0, 1); r.Start.Line != 3 {
		t.Errorf("of a step without SQL: %v", r)
	}
}

// Sinks collide where they can write the same name for the same slot, and only
// there.
func TestKeyCollisions(t *testing.T) {
	two := func(a, b string) string {
		return naming(a) + strings.Replace(naming(b), `"p"`, `"q"`, 1)
	}
	const zoned = "schedule {\n    cron = \"0 9 * * *\"\n    timezone = \"Asia/Tokyo\"\n  }"
	for name, tt := range map[string]struct {
		text    string
		collide bool
	}{
		"the same":                       {two("x.csv", "x.csv"), true},
		"the same by other words":        {two("${run.date}.csv", "${substr(run.scheduled_at, 0, 10)}.csv"), true},
		"other names":                    {two("x.csv", "y.csv"), false},
		"by the pipeline":                {two("${run.pipeline}.csv", "${run.pipeline}.csv"), false},
		"a day and an hour":              {two("${run.date}.csv", "${run.scheduled_at}.csv"), false},
		"the same over time, not at one": {two("${run.date}.csv", "${date_add(run.date, 1, \"day\")}.csv"), false},
		"a name that is not known":       {two("${env(\"X\")}.csv", "${env(\"X\")}.csv"), false},
		"only in some months":            {two("${substr(run.date, 5, 2) == \"02\" ? \"x\" : \"y\"}.csv", "x.csv"), true},
		"other days in other zones":      {naming("${run.date}.csv") + strings.Replace(naming("${run.date}.csv", zoned), `"p"`, `"q"`, 1), true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compileFiles(map[string]string{"main.hcl": tt.text}, nil)
			if collide := err != nil && strings.Contains(err.Error(), "write the same name"); collide != tt.collide || err != nil && !collide {
				t.Errorf("collide = %v: %v", collide, err)
			}
		})
	}
}

// The order of steps depends on the text of their references alone.
func TestOrderIsDeterministic(t *testing.T) {
	var steps []string
	steps = append(steps, "source \"file\" \"s\" {\n path = \"o.csv\"\n format \"csv\" {}\n }")
	for i := range 12 {
		steps = append(steps, fmt.Sprintf("transform \"sql\" \"t%02d\" {\n query = \"FROM ${source.s}\"\n }", i),
			fmt.Sprintf("sink \"file\" \"k%02d\" {\n input = transform.t%02d\n path = \"%d.csv\"\n format \"csv\" {}\n }", i, i, i))
	}
	order := func(steps []string) string {
		g := compiled(t, map[string]string{"main.hcl": "pipeline \"p\" {\n" + strings.Join(steps, "\n") + "\n}"}, nil)
		var out []string
		for _, s := range g.Pipeline("p").Steps {
			out = append(out, s.Address)
		}
		return strings.Join(out, " ")
	}
	want := order(steps)
	for range 20 {
		if got := order(steps); got != want {
			t.Fatalf("order = %s, then %s", want, got)
		}
	}
	slices.Reverse(steps)
	if got := order(steps); len(got) != len(want) || !strings.HasPrefix(got, "source.s ") {
		t.Errorf("the other way round: %s", got)
	}
}

func TestDigest(t *testing.T) {
	files := map[string]string{"main.hcl": queried, "sql/t.sql": "SELECT * FROM ${transform.heredoc}", "unused.sql": "x"}
	digest := func(files map[string]string, env map[string]string) string { return compiled(t, files, env).Digest }
	first := digest(files, nil)
	change := func(name, text string) map[string]string {
		out := map[string]string{}
		for n, x := range files {
			out[n] = x
		}
		out[name] = text
		return out
	}
	if digest(files, nil) != first || digest(files, map[string]string{"X": "1"}) != first {
		t.Error("the digest changes by itself")
	}
	for name, files := range map[string]map[string]string{
		"an edit": change("main.hcl", queried+"\n"), "SQL": change("sql/t.sql", "SELECT 1 FROM ${transform.heredoc}"), "a new file": change("more.hcl", ""),
	} {
		if digest(files, nil) == first {
			t.Errorf("%s does not change the digest", name)
		}
	}
}

// A generation that comes from the store is the one that went in.
func TestStoredGeneration(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{"main.hcl": queried, "sql/t.sql": "SELECT * FROM ${transform.heredoc}", "README.md": "x"}
	writeFiles(t, dir, files)
	g, diags := compileDir(t, dir)
	if g == nil {
		t.Fatal(diags)
	}
	if len(g.Files) != 2 {
		t.Errorf("files: %d", len(g.Files))
	}
	writeFiles(t, dir, map[string]string{"main.hcl": "", "sql/t.sql": ""})
	again, _, diags := compile.Compile(config.StoredTree(dir, g.Files), config.Vars{LookupEnv: noEnv}, registries())
	if again == nil || again.Digest != g.Digest {
		t.Fatalf("compiled again: %v", diags)
	}
	for _, g := range []*compile.Generation{g, again} {
		b, err := g.Pipeline("p").Bind(compile.RunValues{Slot: at("2026-01-31T09:00:00Z")})
		if err != nil {
			t.Fatal(err)
		}
		if sql, err := b.SQL("transform.file"); err != nil || sql != `SELECT * FROM "transform.heredoc"` {
			t.Errorf("%s, %v", sql, err)
		}
	}
}

// JSON says the same as HCL.
func TestJSON(t *testing.T) {
	g := compiled(t, map[string]string{"main.hcl.json": `{
	"locals": {"dir": "out"},
	"pipeline": {"p": {
		"schedule": {"cron": "0 9 * * *", "timezone": "Europe/Berlin"},
		"source": {"file": {"orders": {"path": "orders.csv", "format": {"csv": {"header": true}}}}},
		"transform": {"sql": {"t": {"query": "SELECT * FROM ${source.orders}"}}},
		"sink": {"file": {"out": {"input": "${transform.t}", "path": "${local.dir}/${run.date}.csv", "format": {"csv": {}}}}}
	}}}`}, nil)
	b, err := g.Pipeline("p").Bind(compile.RunValues{Slot: at("2026-01-31T23:30:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := b.Output("sink.out"); err != nil || out.Name != "out/2026-02-01.csv" || out.Input != "transform.t" {
		t.Errorf("%+v, %v", out, err)
	}
	if sql, err := b.SQL("transform.t"); err != nil || sql != `SELECT * FROM "source.orders"` {
		t.Errorf("%s, %v", sql, err)
	}
}
