package compile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/internal/diag/diagtest"
	"waybill/runner/compile"
)

// FuzzLoad gives the compiler any text, as HCL or as JSON. Whatever it is, the
// answer is a generation or coded diagnostics with snippets, and a stored
// generation compiles to the same.
func FuzzLoad(f *testing.F) {
	for _, root := range []string{fixtures, "../../examples"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".hcl") && !strings.HasSuffix(path, ".hcl.json") {
				return err
			}
			data, err := os.ReadFile(path)
			f.Add(data, strings.HasSuffix(path, ".json"))
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
	}
	for _, text := range []string{ // what bounds are for, small
		`locals { x = format("%999d", 1) }`, `locals { x = [for a in range(9) : [for b in range(9) : "${a}${b}"]] }`, "locals {\n  x = [[[[1]]]]\n}",
		`locals { x = setproduct([1, 2], [3, 4])[*][0] }`, `locals { x = replace("aaa", "/(a)/", "$1$1") }`, `locals { x = "%{ for a in [1] }${a}%{ endfor }" }`,
	} {
		f.Add([]byte(text), false)
	}
	f.Add([]byte(`{"locals": {"x": ["${[for a in range(9) : a]}", {"a${1}": "b"}]}}`), true)
	f.Add([]byte(`{"locals": {"x": {"${sensitive("a")}": 1, "${null}": 2, "b": 3, "${"b"}": 4}}}`), true)
	regs := registries()
	f.Fuzz(func(t *testing.T, src []byte, json bool) {
		name := "main.hcl"
		if json {
			name += ".json"
		}
		tree := config.StoredTree("/project", map[string][]byte{name: src, "sql/t.sql": []byte("SELECT * FROM ${source.orders}")})
		g, project, diags := compile.Compile(tree, config.Vars{LookupEnv: noEnv}, regs)
		if (g == nil) != diags.HasErrors() {
			t.Fatalf("generation %v with diagnostics %v", g != nil, diags)
		}
		diagtest.Sound(t, diags, diag.Sources{Files: project.Files})
		if g == nil {
			return
		}
		again, _, diags := compile.Compile(config.StoredTree("/project", g.Files), config.Vars{LookupEnv: noEnv}, regs)
		if again == nil || again.Digest != g.Digest {
			t.Fatalf("stored and compiled again it is another: %v", diags)
		}
		for _, p := range g.Pipelines {
			run := compile.RunValues{ID: "R", Slot: time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC), Attempt: 1, Trigger: "manual"}
			b, err := p.Bind(run)
			if err != nil {
				continue
			}
			for _, s := range p.Steps {
				_ = b.SQLRange(s.Address, 1, 1)
			}
		}
	})
}

// FuzzVariables reads any text as a file of variables' values.
func FuzzVariables(f *testing.F) {
	for _, text := range []string{
		"env = \"prod\"\n", "env = 1\nnumbers = [1, 2]\n", "other = true", "partners = { a = { key = \"x\", tags = [\"t\"] } }", "env = upper(\"x\")", "env = var.x",
		"numbers = [for a in [1, 2, 3] : a * 2]", "env = \"%{ for a in [1] }${a}%{ endfor }\"", "env {}", "secret = null", "partners = {}\nsecret = \"s\"",
	} {
		f.Add([]byte(text), false)
	}
	f.Add([]byte(`{"env": "prod", "numbers": [1, "${2}"], "partners": {"${"a"}": {"key": "x"}}}`), true)
	declared := []byte(`
variable "env" {
  type    = string
  default = "dev"
}
variable "numbers" {
  type    = list(number)
  default = []
}
variable "partners" {
  type    = map(object({ key = string, tags = optional(list(string), []) }))
  default = {}
}
variable "secret" {
  default   = ""
  sensitive = true
  validation {
    condition     = length(var.secret) < 9
    error_message = "${var.secret} is too long."
  }
}
`)
	regs := registries()
	f.Fuzz(func(t *testing.T, src []byte, json bool) {
		name := "x.wbvars"
		if json {
			name = "x.json"
		}
		vars := config.Vars{LookupEnv: noEnv, Files: []config.VarFile{{Name: name, Src: src}}}
		_, project, diags := compile.Compile(config.StoredTree("/project", map[string][]byte{"main.hcl": declared}), vars, regs)
		diagtest.Sound(t, diags, diag.Sources{Files: project.Files})
	})
}
