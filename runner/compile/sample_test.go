package compile_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"waybill/config"
	"waybill/runner/compile"
	"waybill/runner/compile/compiletest"
)

// told is what a bound pipeline says of its steps' SQL and columns.
func told(t *testing.T, b *compile.Bound) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, s := range b.Pipeline.Steps {
		ready := b.Ready(s.Address)
		text := fmt.Sprint(ready, " ", b.Contract(s.Address))
		switch s.Family {
		case compile.Transform:
			sql, err := b.SQL(s.Address)
			text += fmt.Sprint(sql, err, b.SQLRange(s.Address, 1, 2))
		case compile.Check:
			check, fatal, err := b.Check(s.Address)
			text += fmt.Sprint(check.SQL, fatal, err)
		case compile.Sink:
			input, columns, order := b.Takes(s.Address)
			text += fmt.Sprint(input, columns, order)
		}
		out[s.Address] = text
	}
	return out
}

// A sampler, pass after pass, tells of a pipeline what the pipeline tells alone.
func TestSampler(t *testing.T) {
	tree, err := config.ReadTree(filepath.Join(fixtures, "valid"))
	if err != nil {
		t.Fatal(err)
	}
	g, _, diags := compile.Compile(tree, config.Vars{LookupEnv: noEnv}, registries())
	if g == nil {
		t.Fatal(diags)
	}
	sampler, diags := g.Sampler()
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for range 2 {
		for _, p := range g.Pipelines {
			alone, diags := p.Sample()
			shared, more := sampler.Sample(p)
			if diags.HasErrors() || more.HasErrors() {
				t.Fatal(p.Name, diags, more)
			}
			if diff := cmp.Diff(told(t, alone), told(t, shared)); diff != "" {
				t.Errorf("%s: alone (-) and shared (+):\n%s", p.Name, diff)
			}
		}
	}
}

const partners = `
connection "aws" "a" {
  region  = "eu-west-1"
  profile = env("A")
}
connection "aws" "b" {
  region  = "eu-west-1"
  profile = env("B")
}
pipeline "p" {
  source "file" "orders" {
    path = "orders.csv"
    format "csv" {}
  }
  sink "s3" "out" {
    input      = source.orders
    connection = CHOICE
    bucket     = "inbox"
    key        = "x.csv"
    format "csv" {}
    MORE
  }
}
`

// A run evaluates the connections that its steps name, and no others; all of
// them only where a name is computed, or appears with the run.
func TestRunsReadTheirConnections(t *testing.T) {
	const late = `dynamic "assume_role" {
      for_each = run.attempt > 1 ? ["x"] : []
      content {
        role_arn    = connection.b == null ? "" : "arn:aws:iam::123456789012:role/R"
        external_id = "acme"
      }
    }`
	for _, tt := range []struct {
		name, choice, more string
		attempt            int
		env                []string
		want               string // of the failure
	}{
		{"named", "connection.a", "", 1, []string{"A"}, ""},
		{"not there", "connection.a", "", 1, []string{"B"}, "variable A is not set"},
		{"computed", `connection[substr("ab", 0, 1)]`, "", 1, []string{"A", "B"}, ""},
		{"computed, and one is not there", `connection[substr("ab", 0, 1)]`, "", 1, []string{"A"}, "variable B is not set"},
		{"appears with the run", "connection.a", late, 2, []string{"A", "B"}, ""},
		{"appears with the run, and is not there", "connection.a", late, 2, []string{"A"}, "variable B is not set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{}
			for _, name := range tt.env {
				env[name] = "profile"
			}
			text := strings.NewReplacer("CHOICE", tt.choice, "MORE", tt.more).Replace(partners)
			g := compiled(t, map[string]string{"main.hcl": text}, env)
			b, err := g.Pipeline("p").Bind(compile.RunValues{ID: "R", Slot: time.Now(), Attempt: tt.attempt, Trigger: "manual"})
			if tt.want == "" && err != nil {
				t.Fatal(err)
			}
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want: %s", err, tt.want)
				}
				return
			}
			if _, err := b.Sink("sink.out"); err != nil {
				t.Error(err)
			}
		})
	}
}

// Runs of a generation are bound side by side.
func TestBindsSideBySide(t *testing.T) {
	g := compiled(t, map[string]string{
		"main.hcl":   strings.NewReplacer("CHOICE", "connection.a", "MORE", "").Replace(partners),
		"a.hcl.json": `{"pipeline": {"j": {"source": {"file": {"s": {"path": "s.csv", "format": {"csv": {}}}}}, "sink": {"file": {"o": {"input": "${source.s}", "path": "out/${run.date}.csv", "format": {"csv": {}}}}}}}}`,
		"values.hcl": "locals {\n  x = { for a in range(9) : a => a }\n}\n",
	}, map[string]string{"A": "a"})
	var group errgroup.Group
	for i := range 16 {
		p := g.Pipelines[i%len(g.Pipelines)]
		group.Go(func() error {
			b, err := p.Bind(compile.RunValues{ID: fmt.Sprint("R", i), Slot: at("2026-02-01T09:00:00Z").AddDate(0, 0, i), Attempt: 1, Trigger: "manual"})
			if err != nil {
				return err
			}
			for _, s := range p.Steps {
				if s.Family != compile.Sink {
					continue
				}
				if out, err := b.Output(s.Address); err != nil || p.Name == "j" && out.Name != fmt.Sprintf("out/2026-02-%02d.csv", i+1) {
					return fmt.Errorf("%s: %q, %w", p.Name, out.Name, err)
				}
			}
			_, diags := p.Sample()
			return errors.Join(diags.Errs()...)
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// What a pipeline costs does not depend on how many others there are.
func TestCostsAreLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a large project")
	}
	made := func(n int) float64 {
		files := map[string][]byte{}
		maps.Copy(files, compiletest.Large(n))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		g, _, diags := compile.Compile(config.StoredTree("/project", files), config.Vars{LookupEnv: noEnv}, registries())
		if g == nil {
			t.Fatal(diags)
		}
		sampler, diags := g.Sampler()
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for i, p := range g.Pipelines {
			if _, diags := sampler.Sample(p); diags.HasErrors() {
				t.Fatal(diags)
			}
			if i%10 > 0 { // what is made anew for each is dearer
				continue
			}
			if _, err := p.Bind(compile.RunValues{ID: "R", Slot: at("2026-01-31T09:00:00Z"), Attempt: 1, Trigger: "manual"}); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
	}
	made(100) // what is made only once
	small, large := made(100), made(1_000)
	t.Logf("%.0f and %.0f bytes for each pipeline", small, large)
	if large > 1.02*small {
		t.Errorf("each of 100 pipelines takes %.0f bytes, and each of 1,000 %.0f", small, large)
	}
}
