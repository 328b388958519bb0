package compile_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/runner/compile"
)

// compileText compiles one file.
func compileText(t *testing.T, src string, vars map[string]string) *compile.Generation {
	t.Helper()
	tree := config.StoredTree(t.TempDir(), map[string][]byte{"main.hcl": []byte(src)})
	g, _, diags := compile.Compile(tree, config.Vars{LookupEnv: noEnv, Flags: vars}, registries())
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return g
}

var slot = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func names(g *compile.Generation) []string {
	var out []string
	for _, p := range g.Pipelines {
		out = append(out, p.Name)
	}
	return out
}

func TestForEach(t *testing.T) {
	g, _ := compileDir(t, fixtures+"/valid")
	acme, bolt := g.Pipeline(`per_customer["acme"]`), g.Pipeline(`per_customer["bolt"]`)
	if acme == nil || bolt == nil {
		t.Fatalf("there are %q", names(g))
	}
	if acme.Base != "per_customer" || acme.Description != "Orders of acme" || len(acme.Triggers) != 1 || len(bolt.Triggers) != 0 {
		t.Errorf("acme is %+v, bolt has %d schedules", acme, len(bolt.Triggers))
	}
	inputs := map[string][]string{}
	for _, s := range acme.Steps {
		inputs[s.Address] = s.Inputs
	}
	for address, want := range map[string][]string{
		`transform.month["feb"]`: {"source.orders"},
		`transform.all`:          {`transform.month["feb"]`, `transform.month["jan"]`},
		`sink.month["feb"]`:      {`transform.month["feb"]`},
		`sink.one`:               {`transform.month["jan"]`},
		`sink.folder_a`:          {"transform.all"},
	} {
		if got := inputs[address]; !slices.Equal(got, want) {
			t.Errorf("%s reads %q, want %q", address, got, want)
		}
	}
	if bolt.Step("sink.folder_a") != nil || bolt.Step("transform.all") != nil {
		t.Error("bolt has steps for folders that it hasn't got")
	}
}

// What a run gets is what was compiled, with the instance's own values.
func TestForEachBound(t *testing.T) {
	src, err := os.ReadFile(fixtures + "/valid/each.hcl")
	if err != nil {
		t.Fatal(err)
	}
	g := compileText(t, string(src), nil)
	bound, err := g.Pipeline(`per_customer["acme"]`).Bind(compile.RunValues{ID: "01", Slot: slot, Attempt: 1, Trigger: "manual"})
	if err != nil {
		t.Fatal(err)
	}
	query, err := bound.SQL(`transform.month["feb"]`)
	if want := `SELECT * FROM "source.orders" WHERE region = 'feb' AND month = 2`; err != nil || query != want {
		t.Errorf("the query is %s, %v", query, err)
	}
	query, err = bound.SQL("transform.all")
	if want := `SELECT * FROM "transform.month[""feb""]" UNION ALL SELECT * FROM "transform.month[""jan""]"`; err != nil || query != want {
		t.Errorf("the query is %s, %v", query, err)
	}
	out, err := bound.Output(`sink.month["feb"]`)
	if want := `out/per_customer["acme"]/` + slot.Format("2006-01-02") + "/feb.csv"; err != nil || out.Name != want || out.Input != `transform.month["feb"]` {
		t.Errorf("the sink writes %+v, %v", out, err)
	}
}

// A query that is not known before the run depends on every instance that it
// could name.
func TestForEachUnknown(t *testing.T) {
	g := compileText(t, `
pipeline "p" {
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  transform "sql" "part" {
    for_each = toset(["a", "b"])
    query    = "SELECT * FROM ${source.in}"
  }
  transform "sql" "day" {
    query = "SELECT * FROM ${transform.part["a"]} WHERE d = '${run.date}'"
  }
  transform "sql" "either" {
    query = "SELECT * FROM ${transform.part[run.trigger == "manual" ? "a" : "b"]}"
  }
  sink "file" "day" {
    input = transform.day
    path  = "day.csv"
    format "csv" {}
  }
  sink "file" "either" {
    input = transform.either
    path  = "either.csv"
    format "csv" {}
  }
}`, nil)
	p := g.Pipelines[0]
	if got := p.Step("transform.day").Inputs; !slices.Equal(got, []string{`transform.part["a"]`}) {
		t.Errorf("day reads %q", got)
	}
	if got := p.Step("transform.either").Inputs; !slices.Equal(got, []string{`transform.part["a"]`, `transform.part["b"]`}) {
		t.Errorf("either reads %q", got)
	}
}

func TestForEachOfNothing(t *testing.T) {
	g := compileText(t, `
variable "all" {
  type    = set(string)
  default = []
}
pipeline "p" {
  for_each = var.all
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "${each.key}.csv"
    format "csv" {}
  }
}`, nil)
	if len(g.Pipelines) != 0 {
		t.Errorf("there are %q", names(g))
	}
}

func TestAfter(t *testing.T) {
	g, _ := compileDir(t, fixtures+"/valid")
	for name, want := range map[string][]string{
		"daily": nil, "report": {"daily", "weekly"}, `per["b"]`: {"report"}, "all": {`per["a"]`, `per["b"]`},
		"one": {`per["a"]`}, `same["b"]`: {`per["b"]`}, "from_json": {`per["a"]`, "report"},
	} {
		if p := g.Pipeline(name); p == nil || !slices.Equal(p.After, want) {
			t.Errorf("%s comes after %q, want %q", name, p.After, want)
		}
	}
	moves := map[string]string{}
	for _, m := range g.Moves {
		moves[m.From] = m.To
	}
	if moves["ancient"] != `same["a"]` || moves["old"] != `same["a"]` || len(moves) != 2 {
		t.Errorf("moves are %q", moves)
	}
}

// A pipeline with for_each moves with all its instances, also by way of other
// names, and beside single ones.
func TestMovesOfInstances(t *testing.T) {
	const many = `
pipeline "new" {
  for_each = toset(["a", "b"])
  source "file" "in" {
    path = "in.csv"
    format "csv" {}
  }
  sink "file" "out" {
    input = source.in
    path  = "${each.key}.csv"
    format "csv" {}
  }
}
`
	move := func(from, to string) string {
		return "moved {\n  from = pipeline." + from + "\n  to   = pipeline." + to + "\n}\n"
	}
	for name, tt := range map[string]struct {
		text string
		want map[string]string
		code diag.Code
	}{
		"all":                {move("old", "new"), map[string]string{`old["a"]`: `new["a"]`, `old["b"]`: `new["b"]`}, ""},
		"one":                {move("old", `new["b"]`), map[string]string{"old": `new["b"]`}, ""},
		"the same name":      {move("new", `new["b"]`), map[string]string{"new": `new["b"]`}, ""},
		"twice":              {move("older", "old") + move("old", "new"), map[string]string{`old["a"]`: `new["a"]`, `old["b"]`: `new["b"]`, `older["a"]`: `new["a"]`, `older["b"]`: `new["b"]`}, ""},
		"one, then all":      {move(`older["b"]`, `old["b"]`) + move("old", "new"), map[string]string{`old["a"]`: `new["a"]`, `old["b"]`: `new["b"]`, `older["b"]`: `new["b"]`}, ""},
		"all, but one twice": {move("old", "new") + move("x", `new["a"]`), nil, "invalid-move"},
		"one named, too":     {move("old", "new") + move(`old["a"]`, `new["a"]`), map[string]string{`old["a"]`: `new["a"]`, `old["b"]`: `new["b"]`}, ""},
		"one beside all":     {move("old", "new") + move(`old["a"]`, `new["b"]`), nil, "invalid-move"},
		"to none now":        {strings.NewReplacer(`toset(["a", "b"])`, `toset([])`, `"new"`, `"none"`, `"${each.key}.csv"`, `"none/${each.key}.csv"`).Replace(many) + move("old", "none"), map[string]string{}, ""},
		"in a circle":        {move("old", "older") + move("older", "old"), nil, "invalid-move"},
	} {
		tree := config.StoredTree(t.TempDir(), map[string][]byte{"main.hcl": []byte(many + tt.text)})
		g, _, diags := compile.Compile(tree, config.Vars{LookupEnv: noEnv}, registries())
		if tt.code != "" {
			if g != nil || len(diags) == 0 || diag.CodeOf(diags[0]) != tt.code {
				t.Errorf("%s: %v", name, diags)
			}
			continue
		}
		if g == nil {
			t.Errorf("%s: %v", name, diags)
			continue
		}
		got := map[string]string{}
		for _, m := range g.Moves {
			got[m.From] = m.To
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
