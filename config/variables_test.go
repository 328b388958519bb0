package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/internal/secret"
)

// project loads one file and returns what var and local are worth.
func project(t *testing.T, text string, vars Vars) (scope *schema.Scope, diags hcl.Diagnostics) {
	t.Helper()
	if vars.LookupEnv == nil {
		vars.LookupEnv = func(string) (string, bool) { return "", false }
	}
	p, diags := Load(StoredTree("/", map[string][]byte{"main.hcl": []byte(text)}), vars)
	if diags.HasErrors() {
		return nil, diags
	}
	scope, d := p.Scope(vars)
	return scope, append(diags, d...)
}

func eval(t *testing.T, scope *schema.Scope, text string) cty.Value {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "test", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	v, diags := schema.Eval(expr, scope.Eval)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", text, diags)
	}
	return v
}

func wantDiag(t *testing.T, diags hcl.Diagnostics, code diag.Code, text string) {
	t.Helper()
	for _, d := range diags {
		if diag.CodeOf(d) == code && strings.Contains(d.Summary+" "+d.Detail, text) {
			return
		}
	}
	t.Errorf("diagnostics %v, want %s with %q", diags, code, text)
}

func environment(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestVariablePrecedence(t *testing.T) {
	const text = "variable \"env\" {\n  type    = string\n  default = \"default\"\n}"
	env := environment(map[string]string{"WAYBILL_VAR_env": "environment"})
	files := []VarFile{{"one.wbvars", []byte(`env = "one"`)}, {"two.wbvars", []byte(`env = "two"`)}}
	for want, vars := range map[string]Vars{
		"default":     {},
		"environment": {LookupEnv: env},
		"one":         {LookupEnv: env, Files: files[:1]},
		"two":         {LookupEnv: env, Files: files},
		"flag":        {LookupEnv: env, Files: files, Flags: map[string]string{"env": "flag"}},
		"":            {LookupEnv: environment(map[string]string{"WAYBILL_VAR_env": ""})}, // set, though empty
	} {
		scope, diags := project(t, text, vars)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got := eval(t, scope, "var.env").AsString(); got != want {
			t.Errorf("var.env = %q, want %q", got, want)
		}
	}
}

func TestVariableTypes(t *testing.T) {
	for _, tt := range []struct{ ty, text, want string }{
		{"string", `["x"]`, `"[\"x\"]"`}, // as it stands
		{"string", "05", `"05"`},
		{"number", "5.5", "5.5"},
		{"bool", "true", "true"},
		{"any", "[1]", `"[1]"`},
		{"list(string)", `["a", "b"]`, `tolist(["a", "b"])`},
		{"list(number)", `["1", 2]`, `tolist([1, 2])`},
		{"set(string)", `["a", "a"]`, `toset(["a"])`},
		{"map(string)", `{a = "x"}`, `tomap({a = "x"})`},
		{"object({name = string, n = optional(number, 7)})", `{name = "x"}`, `{name = "x", n = 7}`},
		{"tuple([string, number])", `["a", 1]`, `["a", 1]`},
	} {
		scope, diags := project(t, "variable \"v\" {\n  type = "+tt.ty+"\n}", Vars{Flags: map[string]string{"v": tt.text}})
		if diags.HasErrors() {
			t.Errorf("%s %s: %v", tt.ty, tt.text, diags)
			continue
		}
		if got, want := eval(t, scope, "var.v"), eval(t, scope, tt.want); !got.RawEquals(want) {
			t.Errorf("%s %s = %#v, want %#v", tt.ty, tt.text, got, want)
		}
	}
}

func TestVariableMistakes(t *testing.T) {
	flag := func(v string) Vars { return Vars{Flags: map[string]string{"v": v}} }
	file := func(text string) Vars { return Vars{Files: []VarFile{{"x.wbvars", []byte(text)}}} }
	for name, tt := range map[string]struct {
		text string
		vars Vars
		code diag.Code
		want string
	}{
		"no value":               {`variable "v" {}`, Vars{}, "missing-variable", "WAYBILL_VAR_v"},
		"not a number":           {"variable \"v\" {\n  type = number\n}", flag("five"), "wrong-type", `variable "v" wants number`},
		"no HCL":                 {"variable \"v\" {\n  type = list(string)\n}", flag("a, b"), "wrong-type", "--var v is no HCL expression"},
		"a reference":            {"variable \"v\" {\n  type = list(string)\n}", flag("[var.x]"), "wrong-type", "is no HCL expression"},
		"unknown flag":           {"variable \"value\" {\n  default = 1\n}", Vars{Flags: map[string]string{"valeu": "1"}}, "unknown-reference", `Did you mean "value"?`},
		"unknown in a file":      {"variable \"value\" {\n  default = 1\n}", file("valeu = 1"), "unknown-reference", `Did you mean "value"?`},
		"wrong type in a file":   {"variable \"v\" {\n  type = number\n}", file(`v = "five"`), "wrong-type", "wants number"},
		"a file that is no HCL":  {"variable \"v\" {\n  default = 1\n}", file(`v = `), "syntax", ""},
		"a file with a block":    {"variable \"v\" {\n  default = 1\n}", file("v {}"), "syntax", ""},
		"wrong default":          {"variable \"v\" {\n  type = number\n  default = \"x\"\n}", Vars{}, "wrong-type", "wants number"},
		"default that refers":    {"variable \"v\" {\n  default = local.x\n}", Vars{}, "invalid-expression", ""},
		"unknown type":           {"variable \"v\" {\n  type = text\n}", flag("x"), "wrong-type", "text"},
		"unknown attribute":      {"variable \"v\" {\n  defualt = 1\n}", flag("x"), "unknown-attribute", "default"},
		"unknown block":          {"variable \"v\" {\n  validations {}\n}", flag("x"), "unknown-block", "validation"},
		"sensitive is no bool":   {"variable \"v\" {\n  sensitive = \"maybe\"\n}", flag("x"), "wrong-type", "sensitive wants a plain bool"},
		"description refers":     {"variable \"v\" {\n  description = var.v\n}", flag("x"), "wrong-type", "description wants a plain string"},
		"no condition":           {"variable \"v\" {\n  validation {\n    error_message = \"x\"\n  }\n}", flag("x"), "missing-attribute", "condition"},
		"condition is a text":    {"variable \"v\" {\n  validation {\n    condition = \"yes\"\n    error_message = \"x\"\n  }\n}", flag("x"), "wrong-type", "neither true nor false"},
		"condition is null":      {"variable \"v\" {\n  validation {\n    condition = null\n    error_message = \"x\"\n  }\n}", flag("x"), "wrong-type", "neither true nor false"},
		"condition doesn't hold": {"variable \"v\" {\n  validation {\n    condition = var.v == \"a\"\n    error_message = \"want a, not ${var.v}\"\n  }\n}", flag("b"), "invalid-variable", "want a, not b"},
		"misspelt in condition":  {"variable \"v\" {\n  validation {\n    condition = var.w == \"a\"\n    error_message = \"x\"\n  }\n}", flag("b"), "unknown-reference", "w"},
		"two of a name":          {"variable \"v\" {}\nvariable \"v\" {}", flag("b"), "duplicate-name", `a second variable is called "v"`},
		"a name that is none":    {`variable "a b" {}`, Vars{}, "invalid-name", `"a b"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := project(t, tt.text, tt.vars)
			wantDiag(t, diags, tt.code, tt.want)
		})
	}
}

// What is sensitive is shown neither by the messages of its validation nor by
// those of its type.
func TestSensitiveVariables(t *testing.T) {
	const text = `
variable "password" {
  type      = string
  sensitive = true
  validation {
    condition     = var.password != "s3cret"
    error_message = "not ${var.password}"
  }
}
locals {
  a = "x-${local.b}"
  b = upper(var.password)
  c = { deep = [local.a] }
  d = length("plain")
}`
	_, diags := project(t, text, Vars{Flags: map[string]string{"password": "s3cret"}})
	wantDiag(t, diags, "invalid-variable", "does not hold")
	if strings.Contains(diags.Error(), "s3cret") {
		t.Errorf("shown: %v", diags)
	}
	scope, diags := project(t, text, Vars{Flags: map[string]string{"password": "other"}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, name := range []string{"local.a", "local.b", "local.c.deep[0]", "var.password"} {
		if v := eval(t, scope, name); !v.HasMark(secret.Mark{}) {
			t.Errorf("%s = %#v has no mark", name, v)
		}
	}
	if v := eval(t, scope, "local.d"); v.IsMarked() {
		t.Errorf("local.d = %#v is marked", v)
	}
	_, diags = project(t, "variable \"n\" {\n  type = number\n  sensitive = true\n}", Vars{Flags: map[string]string{"n": "s3cret"}})
	wantDiag(t, diags, "wrong-type", "number")
	if strings.Contains(diags.Error(), "s3cret") {
		t.Errorf("shown: %v", diags)
	}
}

func TestUnknownConditionHolds(t *testing.T) {
	const text = "variable \"v\" {\n  validation {\n    condition = env(\"UNSET\") == var.v\n    error_message = \"x\"\n  }\n}"
	if _, diags := project(t, text, Vars{Flags: map[string]string{"v": "a"}}); diags.HasErrors() {
		t.Error(diags)
	}
}

func TestLocals(t *testing.T) {
	scope, diags := project(t, `
locals {
  a = "${local.b}c"
  b = local["z"]
  l = [for x in ["1", "2"] : "${x}${local.b}"]
}
locals {
  z = "z"
}`, Vars{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for name, want := range map[string]string{"local.a": `"zc"`, "local.b": `"z"`, "local.l": `["1z", "2z"]`} {
		if got := eval(t, scope, name); !got.RawEquals(eval(t, scope, want)) {
			t.Errorf("%s = %#v", name, got)
		}
	}
}

func TestLocalMistakes(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		code diag.Code
		want string
		errs int
	}{
		"itself":                {"a = local.a", "cycle", "local.a → local.a", 1},
		"a circle of three":     {"a = local.b\n  b = local.c\n  c = local.a", "cycle", "local.a → local.b → local.c → local.a", 1},
		"into a circle":         {"a = local.c\n  c = local.d\n  d = local.c", "cycle", "local.c → local.d → local.c", 1},
		"by an index":           {"a = local[\"b\"]\n  b = local.a", "cycle", "local.a → local.b → local.a", 1},
		"two circles":           {"a = local.b\n  b = local.a\n  c = local.d\n  d = local.c", "cycle", "local.c → local.d → local.c", 2},
		"misspelt":              {"name = 1\n  b = local.nmae", "unknown-reference", `Did you mean "name"?`, 1},
		"all of them":           {"a = 1\n  b = keys(local)", "unknown-reference", "local cannot be used as a whole here", 1},
		"run":                   {"a = run.date", "unknown-reference", "run cannot be used here", 1},
		"a wrong function":      {"a = uppr(\"x\")", "unknown-function", "upper", 1},
		"a failing one":         {"a = file(\"no.txt\")", "function-failed", "", 1},
		"an error is told once": {"a = uppr(\"x\")\n  b = local.a\n  c = local.b", "unknown-function", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := project(t, "locals {\n  "+tt.text+"\n}", Vars{})
			wantDiag(t, diags, tt.code, tt.want)
			if len(diags) != tt.errs {
				t.Errorf("%d diagnostics: %v", len(diags), diags)
			}
		})
	}
	_, diags := project(t, "locals {\n  a = 1\n}\nlocals {\n  a = 2\n}", Vars{})
	wantDiag(t, diags, "duplicate-name", "a second local")
}

// Variables and locals can be written in JSON.
func TestJSONVariables(t *testing.T) {
	tree := StoredTree("/", map[string][]byte{"main.hcl.json": []byte(`{
		"variable": {"names": {"type": "list(string)", "default": ["a"]}, "key": {"type": "string", "sensitive": true, "default": "x"}},
		"locals": {"first": "${var.names[0]}!", "secret": "${var.key}"}
	}`)})
	p, diags := Load(tree, Vars{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	scope, diags := p.Scope(Vars{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if got := eval(t, scope, "local.first").AsString(); got != "a!" {
		t.Errorf("local.first = %q", got)
	}
	if !eval(t, scope, "local.secret").IsMarked() {
		t.Error("local.secret has no mark")
	}
}

// What variables are given costs as much as what the files say.
func TestHostileValues(t *testing.T) {
	loop := "[for a in [" + strings.Repeat("1,", 3000) + "] : [for b in [" + strings.Repeat("1,", 3000) + "] : 1]]"
	text := "variable \"v\" {\n  type = list(list(number))\n}\n"
	for name, vars := range map[string]Vars{
		"brackets in a file":     {Files: []VarFile{{"a.wbvars", []byte("v = " + strings.Repeat("[", 200_000))}}},
		"loops in a file":        {Files: []VarFile{{"a.wbvars", []byte("v = " + loop)}}},
		"brackets on the line":   {Flags: map[string]string{"v": strings.Repeat("[", 200_000)}},
		"loops on the line":      {Flags: map[string]string{"v": loop}},
		"loops in a environment": {LookupEnv: environment(map[string]string{"WAYBILL_VAR_v": loop})},
	} {
		_, diags := project(t, text, vars)
		if !slices.ContainsFunc(diags, func(d *hcl.Diagnostic) bool { return diag.CodeOf(d) == "too-large" }) {
			t.Errorf("%s: %v", name, diags)
		}
	}
}

// Where the value of a sensitive variable is wrong, its text is not shown,
// wherever it stands.
func TestSensitiveValuesAreNotShown(t *testing.T) {
	const (
		block = "variable \"sec\" {\n  type = TYPE\n  sensitive = true\n  validation {\n    condition = length(var.sec) > 100\n    error_message = \"too short\"\n  }\n}\n"
		given = "# a file\nsec = \"canary\" # canary\n"
	)
	for name, tt := range map[string]struct{ ty, file, def, code string }{
		"validation":          {"string", given, "", "invalid-variable"},
		"validation of lines": {"string", "sec = <<X\ncanary\ncanary\nX\nother = 1\n", "", "unknown-reference"},
		"type":                {"list(string)", given, "", "wrong-type"},
		"a misspelt name":     {"string", "sce = \"canary\"\n", `default = "x"`, "unknown-reference"},
		"without quotes":      {"string", "sec = canary\n", "", "invalid-expression"},
		"a call":              {"string", "sec = canary(1)\n", "", "invalid-expression"},
		"no HCL":              {"string", "sec = \"canary\n", "", "syntax"},
		"a default":           {"string", "", `default = "canary"`, "invalid-variable"},
		"a default of a type": {"number", "", `default = "canary"`, "wrong-type"},
	} {
		text := strings.Replace(block, "TYPE", tt.ty, 1)
		text = strings.Replace(text, "  sensitive", "  "+tt.def+"\n  sensitive", 1)
		vars := Vars{LookupEnv: environment(nil)}
		if tt.file != "" {
			vars.Files = []VarFile{{"a.wbvars", []byte(tt.file)}}
		}
		p, diags := Load(StoredTree("/", map[string][]byte{"main.hcl": []byte(text)}), vars)
		var b strings.Builder
		if err := diag.Print(&b, diag.Sort(diags), diag.Sources{Files: p.Files, Other: p.Tree.Files()}, diag.Style{}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "["+tt.code+"]") || strings.Contains(b.String(), "canary") {
			t.Errorf("%s: want %s and no canary:\n%s", name, tt.code, b.String())
		}
	}
}

// What is not sensitive is shown beside what is.
func TestSnippetsBesideSecrets(t *testing.T) {
	const text = "variable \"sec\" {\n  sensitive = true\n}\nvariable \"n\" {\n  type = number\n}\n"
	p, diags := Load(StoredTree("/", map[string][]byte{"main.hcl": []byte(text)}), Vars{Files: []VarFile{{"a.wbvars", []byte("sec = [\n  \"canary\",\n]\nn = \"many\"\n")}}})
	var b strings.Builder
	if err := diag.Print(&b, diags, diag.Sources{Files: p.Files}, diag.Style{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "   4: n = \"many\"\n            ^^^^^^\n") {
		t.Errorf("got:\n%s", b.String())
	}
}
