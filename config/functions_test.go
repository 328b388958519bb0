package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/budget"
	"waybill/internal/problem"
	"waybill/internal/schema"
	"waybill/internal/secret"
)

// write makes files below a directory.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func readTree(t testing.TB, dir string) *Tree {
	t.Helper()
	tree, err := ReadTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// bench evaluates expressions with all functions, in a project with files.
type bench struct {
	t   *testing.T
	ctx *hcl.EvalContext
}

func newBench(t *testing.T, runTime bool) *bench {
	t.Helper()
	outside := t.TempDir()
	write(t, outside, map[string]string{"secret.txt": "not yours"})
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a.txt": "hello\n", "sub/b.txt": "deep", "hi.tmpl": "Hi ${name}, ${upper(name)}!", "number.tmpl": "${n}", "list.tmpl": "${l}",
		"secret.tmpl": `${parseint(secret("env://PASSWORD"), 10)}`, "missing.tmpl": `${secret("env://NOBODY")}`,
		"self.tmpl": `${templatefile("self.tmpl", {})}`, "broken.tmpl": "${", "unknown.tmpl": "${nobody}",
	})
	if err := os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(dir, "leak.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.txt", filepath.Join(dir, "inside.txt")); err != nil {
		t.Fatal(err)
	}
	vars := Vars{RunTime: runTime, LookupEnv: func(name string) (string, bool) { return "value of " + name, name == "SET" || name == "EMPTY" },
		Secret: func(ref string) (string, error) {
			if ref != "env://PASSWORD" {
				return "", problem.New("secret-unreachable", ref+" is far away", nil)
			}
			return "s3cret", nil
		}}
	return &bench{t, &hcl.EvalContext{
		Functions: functions(readTree(t, dir), vars, budget.New(0)),
		Variables: map[string]cty.Value{
			"unknown": cty.UnknownVal(cty.String), "unknown_list": cty.UnknownVal(cty.List(cty.String)), "unknown_number": cty.UnknownVal(cty.Number),
			"anything": cty.DynamicVal, "hidden": cty.StringVal("s3cret").Mark(secret.Mark{}),
			"hidden_list": cty.ListVal([]cty.Value{cty.StringVal("s3cret").Mark(secret.Mark{}), cty.StringVal("b")}),
		},
	}}
}

func (b *bench) eval(text string) (cty.Value, hcl.Diagnostics) {
	b.t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "test", hcl.InitialPos)
	if diags.HasErrors() {
		b.t.Fatalf("%s: %v", text, diags)
	}
	return schema.Eval(expr, b.ctx)
}

// calls tests each function at least once: the value of the first expression
// must be that of the second.
var calls = []struct{ call, want string }{
	{`abs(-3)`, `3`}, {`ceil(1.2)`, `2`}, {`floor(1.8)`, `1`}, {`log(8, 2)`, `3`}, {`max(1, 3, 2)`, `3`}, {`min(3, 1)`, `1`},
	{`parseint("ff", 16)`, `255`}, {`pow(2, 10)`, `1024`}, {`signum(-9)`, `-1`},

	{`chomp("a\r\n")`, `"a"`}, {`format("%s-%03d", "x", 7)`, `"x-007"`}, {`formatlist("%s!", ["a", "b"])`, `tolist(["a!", "b!"])`},
	{`indent(2, "a\nb")`, `"a\n  b"`}, {`join(",", ["a", "b"])`, `"a,b"`}, {`lower("ÄB")`, `"äb"`}, {`upper("äb")`, `"ÄB"`},
	{`regex("[0-9]+", "ab12")`, `"12"`}, {`regexall("[a-z]", "a1b")`, `tolist(["a", "b"])`},
	{`replace("a.b.c", ".", "/")`, `"a/b/c"`}, {`replace("a1b22", "/[0-9]+/", "#")`, `"a#b#"`}, {`replace("a/b", "/", "-")`, `"a-b"`},
	{`replace("2026-01-31", "/(\\d+)-(\\d+)-(\\d+)/", "$3.$2.$1")`, `"31.01.2026"`},
	{`split("-", "a-b")`, `tolist(["a", "b"])`}, {`strlen("äö")`, `2`}, {`strrev("abc")`, `"cba"`}, {`substr("hello", 1, 3)`, `"ell"`},
	{`title("ab cd")`, `"Ab Cd"`}, {`trim("xxaxx", "x")`, `"a"`}, {`trimprefix("s3://b", "s3://")`, `"b"`},
	{`trimsuffix("a.csv", ".csv")`, `"a"`}, {`trimspace("  a ")`, `"a"`},
	{`startswith("abc", "ab")`, `true`}, {`endswith("abc", "ab")`, `false`}, {`strcontains("abc", "b")`, `true`},

	{`chunklist(["a", "b", "c"], 2)`, `tolist([tolist(["a", "b"]), tolist(["c"])])`}, {`coalesce(null, "", "x")`, `""`},
	{`coalescelist([], ["x"])`, `["x"]`}, {`compact(["a", "", null])`, `tolist(["a"])`}, {`concat(["a"], ["b"])`, `["a", "b"]`},
	{`contains(["a"], "a")`, `true`}, {`distinct(["a", "a"])`, `tolist(["a"])`}, {`element(["a", "b"], 3)`, `"b"`},
	{`flatten([["a"], ["b", ["c"]]])`, `["a", "b", "c"]`}, {`index(["a", "b"], "b")`, `1`}, {`keys({b = 1, a = 2})`, `["a", "b"]`},
	{`lookup({a = 1}, "b", 7)`, `7`}, {`merge({a = 1}, {b = 2})`, `{a = 1, b = 2}`}, {`range(3)`, `tolist([0, 1, 2])`},
	{`reverse(["a", "b"])`, `["b", "a"]`}, {`setintersection(["a", "b"], ["b"])`, `toset(["b"])`},
	{`setproduct(["a", "b"], ["c"])`, `tolist([["a", "c"], ["b", "c"]])`}, {`setsubtract(["a", "b"], ["b"])`, `toset(["a"])`}, {`setunion(["a"], ["b"])`, `toset(["a", "b"])`},
	{`slice(["a", "b", "c"], 1, 2)`, `["b"]`}, {`sort(["b", "a"])`, `tolist(["a", "b"])`}, {`values({b = 1, a = 2})`, `[2, 1]`},
	{`zipmap(["a"], [1])`, `{a = 1}`}, {`one([])`, `null`}, {`one(["a"])`, `"a"`}, {`one(toset(["a"]))`, `"a"`},
	{`alltrue([true, true])`, `true`}, {`alltrue([true, false])`, `false`}, {`alltrue([])`, `true`}, {`alltrue([null])`, `false`},
	{`anytrue([false, true])`, `true`}, {`anytrue([])`, `false`}, {`anytrue([null])`, `false`},

	{`length("äbc")`, `3`}, {`length([])`, `0`}, {`length(["a", 1])`, `2`}, {`length({a = 1})`, `1`}, {`length(toset(["a", "a"]))`, `1`},
	{`length(tolist(["a"]))`, `1`}, {`length(tomap({a = "b"}))`, `1`},

	{`csvdecode("a,b\n1,2\n")[0].b`, `"2"`}, {`jsondecode("{\"a\": [1]}").a[0]`, `1`}, {`jsonencode({a = [1, null]})`, `"{\"a\":[1,null]}"`},
	{`base64encode("hi")`, `"aGk="`}, {`base64decode("aGk=")`, `"hi"`}, {`urlencode("a b/ä")`, `"a+b%2F%C3%A4"`},
	{`basename("a/b.csv")`, `"b.csv"`}, {`dirname("a/b.csv")`, `"a"`},
	{`md5("a")`, `"0cc175b9c0f1b6a831c399e269772661"`}, {`sha1("a")`, `"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"`},
	{`sha256("a")`, `"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"`}, {`sha512("a")`, `"1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f5302860c652bf08d560252aa5e74210546f369fbbbce8c12cfc7957b2652fe9a75"`},

	{`base64sha256("a")`, `"ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs="`}, {`base64sha512("a")`, `"H0D8ktokFpR1CXnubPWC8tXX0o4YM13gWrxU0FYOD1MChgxlK/CNVgJSql50IQVG82n7u86MEs/HlXsmUv6adQ=="`},
	{`base64gzip("")`, `"H4sIAAAAAAAA/wEAAP//AAAAAAAAAAA="`},
	{`textencodebase64("Hä", "UTF-16LE")`, `"SADkAA=="`}, {`textdecodebase64("SADkAA==", "UTF-16LE")`, `"Hä"`}, {`urldecode("a+b%2F%C3%A4")`, `"a b/ä"`},
	{`uuidv5("dns", "www.terraform.io")`, `"a5008fae-b28c-5ba5-96cd-82b4c53552d6"`}, {`uuidv5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.terraform.io")`, `"a5008fae-b28c-5ba5-96cd-82b4c53552d6"`},
	{`yamlencode({a = [1, "x"]})`, `"\"a\":\n- 1\n- \"x\"\n"`}, {`yamldecode("a: [1, x]\nb: &i {c: true}\nd: *i\n")`, `{a = [1, "x"], b = {c = true}, d = {c = true}}`},
	{`cidrhost("10.1.0.0/16", 258)`, `"10.1.1.2"`}, {`cidrhost("10.1.0.0/16", -1)`, `"10.1.255.255"`}, {`cidrhost("fd00::/8", 1)`, `"fd00::1"`}, {`cidrnetmask("172.16.0.0/12")`, `"255.240.0.0"`},
	{`cidrsubnet("10.0.0.0/8", 8, 2)`, `"10.2.0.0/16"`}, {`cidrsubnets("10.1.0.0/16", 4, 4, 8)`, `tolist(["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24"])`},
	{`timecmp("2026-01-31T09:00:00Z", "2026-01-31T10:00:00+01:00")`, `0`}, {`timecmp("2026-01-31T09:00:00Z", "2026-01-31T09:00:01Z")`, `-1`},
	{`sum([1, 2.5, "3"])`, `6.5`}, {`sum(toset([1, 1, 2]))`, `3`}, {`matchkeys(["a", "b", "c"], [1, 2, 1], [1])`, `tolist(["a", "c"])`}, {`matchkeys(["a"], [1], [2])`, `slice(tolist(["a"]), 0, 0)`},
	{`transpose({x = ["a", "b"], y = ["b"]})`, `tomap({a = tolist(["x"]), b = tolist(["x", "y"])})`},
	{`filebase64("a.txt")`, `"aGVsbG8K"`}, {`filemd5("a.txt")`, `md5("hello\n")`}, {`filesha1("a.txt")`, `sha1("hello\n")`}, {`filesha256("a.txt")`, `sha256("hello\n")`}, {`filesha512("a.txt")`, `sha512("hello\n")`},
	{`filebase64sha256("a.txt")`, `base64sha256("hello\n")`}, {`filebase64sha512("a.txt")`, `base64sha512("hello\n")`},
	{`nonsensitive(hidden)`, `"s3cret"`}, {`nonsensitive("x")`, `"x"`}, {`issensitive(hidden)`, `true`}, {`issensitive("x")`, `false`}, {`issensitive(nonsensitive(hidden))`, `false`},

	{`formatdate("YYYY/MM", "2026-01-31T09:00:00Z")`, `"2026/01"`}, {`timeadd("2026-01-31T09:00:00Z", "1h")`, `"2026-01-31T10:00:00Z"`},
	{`date_add("2026-01-31", 1, "day")`, `"2026-02-01"`}, {`date_add("2026-01-31", -1, "week")`, `"2026-01-24"`},
	{`date_add("2026-01-31", 1, "month")`, `"2026-02-28"`}, {`date_add("2028-01-31", 1, "month")`, `"2028-02-29"`},
	{`date_add("2026-03-31", -1, "month")`, `"2026-02-28"`}, {`date_add("2026-12-31", 2, "month")`, `"2027-02-28"`},
	{`date_add("2026-01-15", -13, "month")`, `"2024-12-15"`}, {`date_add("2026-05-31", 18, "month")`, `"2027-11-30"`},
	{`date_add("2028-02-29", 1, "year")`, `"2029-02-28"`}, {`date_add("2028-02-29", 4, "year")`, `"2032-02-29"`},
	{`date_add("2026-01-31", 0, "month")`, `"2026-01-31"`},
	{`date_add("2026-01-31T23:30:00+01:00", 1, "hour")`, `"2026-02-01T00:30:00+01:00"`},
	{`date_add("2026-01-31T09:00:00Z", 90, "minute")`, `"2026-01-31T10:30:00Z"`}, {`date_add("2026-01-31T09:00:00Z", -1, "second")`, `"2026-01-31T08:59:59Z"`},
	{`date_add("2026-01-31T09:00:00Z", 1, "month")`, `"2026-02-28T09:00:00Z"`},
	{`in_zone("2026-01-31T23:30:00Z", "Europe/Berlin")`, `"2026-02-01T00:30:00+01:00"`},
	{`in_zone("2026-07-01T00:00:00Z", "America/New_York")`, `"2026-06-30T20:00:00-04:00"`},
	{`in_zone("2026-07-01T02:00:00+02:00", "UTC")`, `"2026-07-01T00:00:00Z"`},

	{`try(["a"][5], "none")`, `"none"`}, {`can(["a"][5])`, `false`}, {`tobool("true")`, `true`}, {`tonumber("5")`, `5`}, {`tostring(5)`, `"5"`},
	{`tolist(["a", 1])`, `tolist(["a", "1"])`}, {`toset(["a", "a"])`, `toset(["a"])`}, {`tomap({a = 1, b = "x"})`, `tomap({a = "1", b = "x"})`},

	{`env("SET")`, `"value of SET"`}, {`file("a.txt")`, `"hello\n"`}, {`file("./sub/../sub/b.txt")`, `"deep"`}, {`file("inside.txt")`, `"hello\n"`},
	{`fileexists("a.txt")`, `true`}, {`fileexists("no.txt")`, `false`}, {`fileexists("leak.txt")`, `false`}, {`fileexists("sub")`, `false`},
	{`templatefile("hi.tmpl", {name = "Ann"})`, `"Hi Ann, ANN!"`}, {`templatefile("hi.tmpl", tomap({name = "Ann"}))`, `"Hi Ann, ANN!"`},
	{`templatefile("number.tmpl", {n = 5})`, `"5"`},
}

func TestFunctions(t *testing.T) {
	b := newBench(t, false)
	tested := map[string]bool{"sensitive": true, "secret": true}
	for _, c := range calls {
		name, _, _ := strings.Cut(c.call, "(")
		tested[name] = true
		got, diags := b.eval(c.call)
		if diags.HasErrors() {
			t.Errorf("%s: %v", c.call, diags)
			continue
		}
		want, diags := b.eval(c.want)
		if diags.HasErrors() {
			t.Fatalf("%s: %v", c.want, diags)
		}
		if !got.RawEquals(want) && !(got.IsNull() && want.IsNull()) {
			t.Errorf("%s = %#v, want %#v", c.call, got, want)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.ctx.Functions)) {
		if !tested[name] && !budget.Hidden(name) {
			t.Errorf("no call of %s is tested", name)
		}
	}
}

func TestFunctionsRefuse(t *testing.T) {
	b := newBench(t, true)
	for call, want := range map[string]string{
		`file("no.txt")`:                                  "there is no such file",
		`file("/etc/passwd")`:                             "leads out of the project",
		`file("../x")`:                                    "leads out of the project",
		`file("sub/../../x")`:                             "leads out of the project",
		`file("leak.txt")`:                                "leads out of the project",
		`file("sub")`:                                     "not a regular file",
		`templatefile("leak.txt", {})`:                    "leads out of the project",
		`templatefile("no.tmpl", {})`:                     "there is no such file",
		`templatefile("hi.tmpl", ["x"])`:                  "want a map",
		`templatefile("unknown.tmpl", {})`:                "nobody",
		`templatefile("broken.tmpl", {})`:                 "broken.tmpl",
		`templatefile("self.tmpl", {})`:                   "templatefile",
		`templatefile("list.tmpl", {l = [1]})`:            "gives no text",
		`env("UNSET")`:                                    "UNSET is not set",
		`date_add("31.1.2026", 1, "day")`:                 "neither a date",
		`date_add("2026-02-30", 1, "day")`:                "neither a date",
		`date_add("2026-01-31", 1, "hour")`:               "a date has no hour",
		`date_add("2026-01-31", 1, "days")`:               "is no unit",
		`date_add("2026-01-31", 1.5, "day")`:              "whole number",
		`date_add("2026-01-31", 1e9, "day")`:              "up to a million",
		`in_zone("2026-01-31", "UTC")`:                    "is not a timestamp",
		`in_zone("2026-01-31T09:00:00Z", "Local")`:        "IANA name",
		`in_zone("2026-01-31T09:00:00Z", "")`:             "IANA name",
		`in_zone("2026-01-31T09:00:00Z", "Mars/Olympus")`: "Mars/Olympus",
		`length(5)`:                           "number has no length",
		`length(true)`:                        "has no length",
		`length(null)`:                        "null",
		`one(["a", "b"])`:                     "zero or one element",
		`one("a")`:                            "want a list",
		`base64decode("%")`:                   "not base64",
		`replace("a", "/(/", "")`:             "regexp",
		`indent(-1, "a\nb")`:                  "from 0 to 1000",
		`timestamp()`:                         "changes from call to call",
		`uuid()`:                              "uuidv5",
		`fileset(".", "*")`:                   "fileexists",
		`filesha256("leak.txt")`:              "leads out of the project",
		`filebase64("../x")`:                  "leads out of the project",
		`sum([])`:                             "no sum",
		`sum([1, null])`:                      "null",
		`timecmp("x", "y")`:                   "not a timestamp",
		`cidrhost("10.0.0.0", 1)`:             "is no network",
		`cidrhost("10.0.0.0/30", 9)`:          "prefix",
		`cidrnetmask("fd00::/8")`:             "no netmask",
		`cidrsubnet("10.0.0.0/8", 1.5, 0)`:    "whole number",
		`cidrsubnet("10.0.0.0/8", 99, 0)`:     "",
		`cidrsubnet("10.0.0.0/8", 1e9, 0)`:    "128",
		`cidrsubnets("10.0.0.0/30", 1, 1, 1)`: "no room",
		`cidrsubnets("10.0.0.0/30", 1, 9)`:    "bits left",
		`textencodebase64("ä", "US-ASCII")`:   "encoding",
		`textencodebase64("ä", "klingon")`:    "is no encoding",
		`textdecodebase64("%", "UTF-8")`:      "encoding",
		`urldecode("%zz")`:                    "not escaped",
		`uuidv5("x", "y")`:                    "a UUID",
		`matchkeys(["a"], [], [1])`:           "0 keys for 1 values",
		`transpose({ a = null })`:             "null",
		`yamldecode("a: [")`:                  "",
		`yamldecode("${join("", [for i in range(1000) : "- "])}")`: "nested too deeply",
		`index(["a"], "b")`:         "no such element",
		`index("a", "b")`:           "want a list",
		`abs("x")`:                  "number",
		`date_add("2026-01-31", 1)`: "unit",
		`endswith("a", "b", "c")`:   "endswith",
	} {
		_, diags := b.eval(call)
		text := diags.Error()
		if !diags.HasErrors() || !strings.Contains(text, want) {
			t.Errorf("%s: %v, want an error with %q", call, diags, want)
		}
		for _, d := range diags {
			if strings.Contains(d.Detail, "goroutine ") || strings.Contains(d.Detail, "panic") {
				t.Errorf("%s shows a stack: %s", call, d.Detail)
			}
		}
	}
}

func TestUnknownArguments(t *testing.T) {
	b := newBench(t, false)
	for _, call := range []string{
		`env("UNSET")`, `file(unknown)`, `fileexists(unknown)`, `templatefile(unknown, {})`, `templatefile("hi.tmpl", {name = unknown})`,
		`templatefile("hi.tmpl", anything)`, `templatefile("number.tmpl", {n = anything})`, `date_add(unknown, 1, "day")`, `date_add("2026-01-31", unknown_number, "day")`, `in_zone(unknown, "UTC")`,
		`length(unknown)`, `length(unknown_list)`, `length(anything)`, `one(unknown_list)`, `index([unknown, "b"], "b")`, `index(unknown_list, "b")`, `alltrue([unknown == "a"])`, `replace(unknown, "a", "b")`,
		`startswith(unknown, "a")`, `sha256(unknown)`, `sensitive(unknown)`, `upper(env("UNSET"))`, `join(",", [unknown])`, `jsonencode({a = unknown})`,
	} {
		v, diags := b.eval(call)
		if diags.HasErrors() {
			t.Errorf("%s: %v", call, diags)
			continue
		}
		if u, _ := v.Unmark(); u.IsWhollyKnown() {
			t.Errorf("%s is known: %#v", call, v)
		}
	}
	for call, want := range map[string]int64{`length([unknown, "b"])`: 2, `length({a = unknown})`: 1} {
		if v, diags := b.eval(call); diags.HasErrors() || !v.RawEquals(cty.NumberIntVal(want)) {
			t.Errorf("%s = %#v, %v, want %d", call, v, diags, want)
		}
	}
}

// What is made of a sensitive value is sensitive.
func TestMarksAreCarried(t *testing.T) {
	b := newBench(t, false)
	for _, call := range []string{
		`sensitive("x")`, `sensitive(hidden)`, `upper(hidden)`, `length(hidden)`, `sha256(hidden)`, `replace("a", "a", hidden)`, `"x-${hidden}"`,
		`date_add("2026-01-31", length(hidden), "day")`, `templatefile("hi.tmpl", {name = hidden})`, `startswith(hidden, "s")`, `join(",", hidden_list)`,
		`jsonencode({a = hidden})`, `base64encode(hidden)`, `try(hidden, "x")`, `format("%s", hidden)`, `one([hidden])`, `env(hidden)`,
		`coalesce(hidden, "x")`, `lookup({a = hidden}, "a", "x")`, `templatefile("number.tmpl", {n = sensitive(1)})`,
	} {
		v, diags := b.eval(call)
		if diags.HasErrors() {
			t.Errorf("%s: %v", call, diags)
			continue
		}
		if _, marks := v.UnmarkDeep(); len(marks) == 0 {
			t.Errorf("%s lost its mark: %#v", call, v)
		}
	}
}

// A function quotes its arguments when it fails, but not sensitive ones.
func TestFailuresHideSecrets(t *testing.T) {
	b := newBench(t, true)
	for _, call := range []string{
		`file(hidden)`, `parseint(hidden, 10)`, `env("x-${hidden}")`, `[for s in hidden_list : file(s)]`, `date_add(hidden, 1, "day")`,
		`file(sensitive("s3${"cret"}"))`, `in_zone("2026-01-31T09:00:00Z", hidden)`, `templatefile("unknown.tmpl", {x = hidden})`, `templatefile(hidden, {})`,
		`parseint(secret("env://PASSWORD"), 10)`, `templatefile("secret.tmpl", {})`, `file("a-${secret("env://PASSWORD")}")`, `[1][secret("env://PASSWORD")]`,
		`{a = 1}[secret("env://PASSWORD")]`, `tomap({a = 1})[hidden]`, `{a = 1}[hidden]`, `secret("env://PASSWORD") + 1`, `secret("env://PASSWORD") ? 1 : 2`,
		`secret(hidden)`, `secret("env://${hidden}")`, `secret(secret("env://PASSWORD"))`, `jsondecode(secret("env://PASSWORD"))`, `{ for k in [secret("env://PASSWORD")] : k => 1 }.x`,
		`secret("env://PASSWORD").x`, `tonumber(secret("env://PASSWORD"))`, `{ for k in ["a", "b"] : secret("env://PASSWORD") => k }`,
	} {
		_, diags := b.eval(call)
		if !diags.HasErrors() {
			t.Errorf("%s did not fail", call)
		} else if strings.Contains(diags.Error(), "s3cret") {
			t.Errorf("%s shows a secret: %v", call, diags)
		}
	}
}
