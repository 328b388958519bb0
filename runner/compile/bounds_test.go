package compile_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"waybill/config"
	"waybill/internal/diag"
	"waybill/runner/compile"
)

// doubled are n locals, each made of the one before it.
func doubled(n int, first, each string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "locals {\n  l0 = %s\n", first)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "  l%d = %s\n", i, strings.ReplaceAll(each, "PREV", fmt.Sprintf("local.l%d", i-1)))
	}
	return b.String() + "}\n"
}

func locals(expr string) string { return "locals {\n  x = " + expr + "\n}\n" }

func repeated(attr string) string {
	return "pipeline \"p\" {\n  " + attr + "\n  source \"file\" \"s\" {\n    path = \"s.csv\"\n    format \"csv\" {}\n  }\n" +
		"  sink \"file\" \"o\" {\n    input = source.s\n    path = \"out/${run.pipeline}.csv\"\n    format \"csv\" {}\n  }\n}\n"
}

const loop = "[for a in range(1000) : BODY]"

func nestedLoops(n int, body string) string {
	for range n {
		body = strings.ReplaceAll(loop, "BODY", body)
	}
	return body
}

// literalLoops call no function.
var literalLoops = strings.Repeat("[for a in [0,1,2,3,4,5,6,7,8,9] : ", 9) + "1" + strings.Repeat("]", 9)

// hostile are files that would take all memory or time, or end the process, if
// nothing bounded them.
var hostile = map[string]struct {
	file, text string
	code       diag.Code
}{
	"width":                 {"main.hcl", locals(`format("%999999999d", 1)`), "function-failed"},
	"precision":             {"main.hcl", locals(`format("%.999999999f", 1)`), "function-failed"},
	"width in a list":       {"main.hcl", locals(`formatlist("%999999999s", ["a"])`), "function-failed"},
	"the same again":        {"main.hcl", doubled(12, `"0123456789"`, `format("%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s", PREV)`), "too-large"},
	"range":                 {"main.hcl", locals(`range(0, 1e9)`), "function-failed"},
	"product":               {"main.hcl", locals(`setproduct(range(1000), range(1000), range(1000))`), "too-large"},
	"indent":                {"main.hcl", locals(`indent(1e9, "a\nb")`), "function-failed"},
	"replace":               {"main.hcl", doubled(12, `"xxxxxxxxxx"`, `replace(PREV, "x", "xxxxxxxxxx")`), "too-large"},
	"replace nothing":       {"main.hcl", doubled(12, `"xxxxxxxxxx"`, `replace(PREV, "", PREV)`), "too-large"},
	"replace by groups":     {"main.hcl", doubled(12, `"xxxxxxxxxx"`, `replace(PREV, "/(x+)/", "$1$1$1$1$1$1$1$1$1")`), "too-large"},
	"join":                  {"main.hcl", doubled(40, `"xxxxxxxxxx"`, `join(PREV, [PREV, PREV, PREV])`), "too-large"},
	"concat":                {"main.hcl", doubled(40, `["x"]`, `concat(PREV, PREV, PREV)`), "too-large"},
	"texts of texts":        {"main.hcl", doubled(60, `"0123456789"`, `"${PREV}${PREV}"`), "too-large"},
	"one text of many":      {"main.hcl", doubled(19, `"0123456789"`, `"${PREV}${PREV}"`) + locals(`"`+strings.Repeat("${local.l19}", 5000)+`"`), "too-large"},
	"lists of lists":        {"main.hcl", doubled(60, `["x"]`, `[PREV, PREV]`), "too-large"},
	"objects of objects":    {"main.hcl", doubled(60, `{ a = 1 }`, `{ a = PREV, b = PREV }`), "too-large"},
	"deep values":           {"main.hcl", doubled(3000, `["x"]`, `[PREV]`), "too-large"},
	"loops in loops":        {"main.hcl", locals(nestedLoops(3, "1")), "too-large"},
	"loops in a default":    {"main.hcl", "variable \"v\" {\n  default = [for a in [" + strings.Repeat("1,", 3000) + "] : [for b in [" + strings.Repeat("1,", 3000) + "] : 1]]\n}\n", "too-large"},
	"loops in a text":       {"main.hcl", locals(`"%{ for a in range(1000) }%{ for b in range(1000) }%{ for c in range(1000) }x%{ endfor }%{ endfor }%{ endfor }"`), "too-large"},
	"loops over much":       {"main.hcl", locals(strings.ReplaceAll(nestedLoops(2, "BODY"), "BODY", `"`+strings.Repeat("long ", 1000)+`${a}"`)), "too-large"},
	"loops of work":         {"main.hcl", locals(nestedLoops(2, `jsonencode(range(1000))`)), "too-large"},
	"loops in JSON":         {"main.hcl.json", `{"locals": {"x": "${` + nestedLoops(3, "1") + `}"}}`, "too-large"},
	"loops in an object":    {"main.hcl.json", `{"locals": {"x": {"y": "${` + literalLoops + `}"}}}`, "too-large"},
	"loops in a list":       {"main.hcl.json", `{"locals": {"x": [["${` + literalLoops + `}"]]}}`, "too-large"},
	"loops in a key":        {"main.hcl.json", `{"locals": {"x": {"${length(` + literalLoops + `)}": 1}}}`, "too-large"},
	"a default in JSON":     {"main.hcl.json", `{"variable": {"x": {"default": "${` + literalLoops + `}"}}}`, "too-large"},
	"dynamic in JSON":       {"main.hcl.json", `{"pipeline": {"p": {"dynamic": {"schedule": {"for_each": "${` + literalLoops + `}", "content": {"cron": "rate(1 hour)"}}}}}}`, "too-large"},
	"columns in JSON":       {"main.hcl.json", `{"pipeline": {"p": {"source": {"file": {"s": {"path": "s.csv", "format": {"csv": {}}, "columns": {"${length(` + literalLoops + `)}": "bigint"}}}}}}}`, "too-large"},
	"texts in JSON":         {"main.hcl.json", `{"locals": {"a": "${join(\"\", range(1000))}", "b": "` + strings.Repeat("${local.a}", 3000) + `", "c": ["` + strings.Repeat("${local.b}", 3000) + `"]}}`, "too-large"},
	"loops in a query":      {"main.hcl", repeated(`transform "sql" "t" {` + "\n    query = " + nestedLoops(3, "1") + "\n  }"), "too-large"},
	"numbers":               {"main.hcl", locals(`"${1e99999999} and more"`), "too-large"},
	"infinity":              {"main.hcl", locals(`"${1e999999999} and more"`), "too-large"},
	"a large file":          {"main.hcl", locals(`"` + strings.Repeat("x", 1<<20) + `"`), "too-large"},
	"numbers from numbers":  {"main.hcl", doubled(40, `1e100`, `PREV * PREV`) + "locals {\n  y = \"${local.l40}\"\n}\n", "too-large"},
	"digits":                {"main.hcl", locals(`parseint(join("", [for a in range(1000) : "9999999999"]), 10)`), "function-failed"},
	"pattern":               {"main.hcl", locals(`regex("(` + strings.Repeat("a?", 100) + `){1000}", "aaa")`), "too-large"},
	"pattern over much":     {"main.hcl", doubled(18, `"0123456789"`, `"${PREV}${PREV}"`) + locals(`[for a in range(1000) : regexall("(([0-9]{1,30}x|[0-8]{1,30}y|a?b?c?){1,20}z)?", local.l18)]`), "too-large"},
	"deep JSON in a text":   {"main.hcl", doubled(20, `"[[[[[[["`, `"${PREV}${PREV}"`) + locals(`jsondecode(local.l18)`), "too-large"},
	"aliases in YAML":       {"main.hcl", locals(`yamldecode("a0: &a0 [x]\n${join("", [for i in range(30) : "a${i + 1}: &a${i + 1} [${join(",", [for j in range(9) : "*a${i}"])}]\n"])}")`), "too-large"},
	"brackets in YAML":      {"main.hcl", doubled(20, `"[[[[[[["`, `"${PREV}${PREV}"`) + locals(`yamldecode(local.l18)`), "too-large"},
	"some brackets in YAML": {"main.hcl", locals(`yamldecode("${join("", [for i in range(900) : "[[[[[[[["])}${join("", [for i in range(900) : "]]]]]]]]"])}")`), "too-large"},
	"rows in YAML":          {"main.hcl", locals(`yamldecode("${join("", [for i in range(1000) : "- "])}x")`), "too-large"},
	"keys in YAML":          {"main.hcl", locals(`yamldecode("${join("\n", [for i in range(1000) : "${join("", [for j in range(i) : " "])}a:"])} x")`), "too-large"},
	"pairs of keys":         {"main.hcl", locals(`[for a in range(1000) : matchkeys(range(1000), range(1000), range(1000, 2000))]`), "too-large"},
	"brackets":              {"main.hcl", locals(strings.Repeat("[", 1_000_000)), "too-large"},
	"closed brackets":       {"main.hcl", locals(strings.Repeat("[", 3000) + strings.Repeat("]", 3000)), "too-large"},
	"parentheses":           {"main.hcl", locals(strings.Repeat("(", 1_000_000)), "too-large"},
	"braces":                {"main.hcl", strings.Repeat("a {\n", 300_000), "too-large"},
	"texts in brackets":     {"main.hcl", locals(strings.Repeat(`"${`, 300_000)), "too-large"},
	"hidden brackets":       {"main.hcl", locals(strings.Repeat(`["]",`, 300_000)), "too-large"},
	"signs":                 {"main.hcl", locals(strings.Repeat("-", 1_000_000) + "1"), "too-large"},
	"nots":                  {"main.hcl", locals(strings.Repeat("!", 1_000_000) + "true"), "too-large"},
	"choices":               {"main.hcl", locals(strings.Repeat("true ? 1 : ", 300_000) + "1"), "too-large"},
	"sums":                  {"main.hcl", locals(strings.Repeat("1 + ", 300_000) + "1"), "too-large"},
	"indexes":               {"main.hcl", locals("a" + strings.Repeat("[a]", 300_000)), "too-large"},
	"brackets in JSON":      {"main.hcl.json", strings.Repeat("[", 1_000_000), "too-large"},
	"braces in JSON":        {"main.hcl.json", strings.Repeat(`{"a":`, 300_000), "too-large"},
	"brackets in a text":    {"main.hcl.json", `{"locals": {"a": "${` + strings.Repeat("[", 1_000_000) + `"}}`, "too-large"},
	"for_each":              {"main.hcl", repeated(`for_each = { for p in setproduct(range(100), range(150)) : "${p[0]}-${p[1]}" => p }`), "too-large"},
	"for_each on steps":     {"main.hcl", strings.ReplaceAll(strings.ReplaceAll(repeated(`for_each = toset([for a in range(1000) : tostring(a)])`), `source "file" "s" {`, `source "file" "s" {`+"\n"+`for_each = toset([for a in range(1000) : tostring(a)])`), "source.s", `source.s["1"]`), "too-large"},
	"dynamic blocks":        {"main.hcl", repeated("dynamic \"schedule\" {\n    for_each = setproduct(range(200), range(200))\n    content {\n      cron = \"rate(1 hour)\"\n    }\n  }"), "too-large"},
	"dynamic blocks nested": {"main.hcl", repeated("dynamic \"sink\" {\n    for_each = range(1000)\n    labels = [\"file\", \"x${sink.value}\"]\n    content {\n      input = source.s\n      path = \"out/${sink.value}\"\n      dynamic \"format\" {\n        for_each = range(1000)\n        labels = [\"csv\"]\n        content {}\n      }\n    }\n  }"), "too-large"},
}

// Validating a stranger's files takes neither much memory nor long: each of
// these is refused by a code, before it takes more than a large project does.
func TestHostileFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as it may")
	}
	const most = 1 << 30 // bytes allocated in all, most of them for a moment
	regs := registries()
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		c := hostile[name]
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, diags := compile.Compile(config.StoredTree("/project", map[string][]byte{c.file: []byte(c.text)}), config.Vars{LookupEnv: noEnv}, regs)
			runtime.ReadMemStats(&after)
			if !hasCode(diags, c.code) {
				t.Errorf("no %s among %.500s", c.code, diags)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > most {
				t.Errorf("%d MB were allocated", allocated>>20)
			}
			if len(diags) > 100 {
				t.Errorf("%d diagnostics are too many to read", len(diags))
			}
		})
	}
}

func hasCode(diags hcl.Diagnostics, code diag.Code) bool {
	for _, d := range diags {
		if diag.CodeOf(d) == code {
			return true
		}
	}
	return false
}
